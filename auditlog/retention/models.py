"""What retention leaves behind of what it removed. Insert-only, as the log is."""

from django.db import models


class Certificate(models.Model):
    """Says which entries of an account were removed. The signed ``document`` counts; the columns beside it find it."""

    pk = models.CompositePrimaryKey("account_id", "first_seq")
    account_id = models.BigIntegerField()
    first_seq = models.BigIntegerField()
    last_seq = models.BigIntegerField()
    entries = models.BigIntegerField()
    begins = models.UUIDField()
    """No removed entry has a smaller id."""
    ends = models.UUIDField()
    """All removed entries have smaller ids."""
    time = models.DateTimeField()
    document = models.BinaryField()
    signature = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.entries} entries of account {self.account_id}, removed {self.time}"
