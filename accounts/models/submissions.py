"""Forms that were carried out."""

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.db import models
from django.http import HttpRequest
from django.utils import timezone

from .users import User


class Submission(models.Model):
    """A form that was carried out, so that one sent twice, by a double click or from an old page, is done once."""

    KEPT_FOR: ClassVar[timedelta] = timedelta(days=1)

    id = models.UUIDField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    url = models.CharField(max_length=500, help_text="Where it led.")
    at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Repeated(Exception):  # noqa: N818
        """The form was carried out before; it led to ``url``."""

        def __init__(self, url: str) -> None:
            super().__init__(url)
            self.url = url

    def __str__(self) -> str:
        return str(self.id)

    @classmethod
    def claim(cls, request: HttpRequest) -> "Submission":
        """Take the form as ours to carry out in this transaction; one sent at the same time waits for its end.

        Raises:
            Repeated: when it was carried out before.
        """
        ours = _form_of(request)
        if ours is None:
            return cls()
        old = cls.objects.filter(at__lt=timezone.now() - cls.KEPT_FOR).select_for_update(skip_locked=True)
        cls.objects.filter(pk__in=old.values("pk")).delete()
        submission, created = cls.objects.get_or_create(**ours)
        if not created:
            raise cls.Repeated(submission.url)
        return submission

    @classmethod
    def of(cls, request: HttpRequest) -> str:
        """Return where the form led when it was carried out before; "" for a new one."""
        ours = _form_of(request)
        return str(cls.objects.filter(**ours).values_list("url", flat=True).first() or "") if ours else ""

    def led_to(self, url: str) -> None:
        """Keep the address for whoever sends the form again."""
        if self.pk:
            self.url = url[:500]
            self.save(update_fields=["url"])


def _form_of(request: HttpRequest) -> dict[str, Any] | None:
    """Return which form was sent by whom; None when either is not known."""
    try:
        form_id = UUID(request.POST.get("submission", ""))
    except ValueError:
        return None
    return {"id": form_id, "user_id": request.user.pk} if request.user.pk else None
