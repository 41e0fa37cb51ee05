"""How often something was tried."""

from django.db import models


class Throttle(models.Model):
    """Tries that failed, or have not succeeded yet, by somebody, from somewhere. See ``accounts.throttles``."""

    key = models.CharField(max_length=64, primary_key=True, help_text="A digest: nobody's address is kept here.")
    tries = models.IntegerField(help_text="Beyond those that are free.")
    free_at = models.DateTimeField(help_text="When the next try is let through.")
    at = models.DateTimeField(db_index=True, help_text="When the last one was.")
    told_at = models.DateTimeField(null=True, help_text="Up to which wait the log was told.")

    def __str__(self) -> str:
        return f"{self.key[:8]}: {self.tries}"
