"""The log: one row per entry, never edited, and one row per naming of a person."""

import hashlib
import json
import secrets
from datetime import datetime
from functools import cached_property
from typing import Any, NoReturn

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models import User
from controlcenter.context import ActorType
from controlcenter.operations import Operation

from . import ids
from .canonical import canonical
from .querysets import EntryQuerySet
from .retention.models import Certificate as Certificate  # Django looks for models here.
from .saved_views import SavedView as SavedView
from .sealing.models import Anchor as Anchor
from .sealing.models import Block as Block
from .sealing.models import Delivery as Delivery
from .sealing.models import Seal as Seal
from .sealing.models import SealerState as SealerState
from .sealing.models import SealingKey as SealingKey
from .sealing.models import Stall as Stall
from .sealing.models import Verification as Verification
from .support import SupportAccess as SupportAccess

ACTOR_KINDS = {kind: number for number, kind in enumerate(ActorType, start=1)}
"""How the column ``actor_kind`` numbers the kinds of actors; those past the second are rare, and indexed."""


def default_columns() -> list[str]:
    """Return the columns beside the time that are shown to who chose nothing else."""
    return ["who", "what", "where", "status"]


def new_salt() -> bytes:
    """Return 16 random bytes, so that a digest does not betray a name."""
    return secrets.token_bytes(16)


class Subject(models.Model):
    """A person as they were named at some time; entries point here, their bodies hold only ``digest``.

    Erasing a person blanks this row: the name is gone from every entry and no body, hence no proof, has changed.
    """

    user_id = models.BigIntegerField(null=True)
    slug = models.CharField(max_length=64, blank=True)
    first_name = models.CharField(max_length=80, blank=True)
    last_name = models.CharField(max_length=80, blank=True)
    email = models.CharField(max_length=254, blank=True)
    salt = models.BinaryField(default=new_salt)
    digest = models.CharField(max_length=64, unique=True)

    NAMING = ("user_id", "slug", "first_name", "last_name", "email")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("user_id", "slug", "first_name", "last_name", "email"),
                condition=~models.Q(slug="", email=""),  # Any number of them may be blank.
                nulls_distinct=False,
                name="subject_once_per_naming",
            ),
        )

    def __str__(self) -> str:
        return self.full_name

    @property
    def full_name(self) -> str:
        """First and last name, or what else there is to call the person by."""
        return f"{self.first_name} {self.last_name}".strip() or self.slug or self.email

    def compute_digest(self) -> str:
        """Return SHA-256 of the salt and the canonical naming, in hex."""
        naming = canonical({part: getattr(self, part) for part in self.NAMING})
        return hashlib.sha256(bytes(self.salt) + naming).hexdigest()


class Entry(models.Model):
    """One row of the audit log: the exact event in ``body`` and, beside it, the columns that are searched.

    The database calls ``(account_id, id)`` the primary key. There, too, is ``xid``, the transaction's id by default.
    """

    id = models.UUIDField(primary_key=True)
    account_id = models.BigIntegerField()
    app_id = models.BigIntegerField(null=True)
    actor_id = models.BigIntegerField(null=True)
    actor_kind = models.SmallIntegerField()
    token = models.CharField(max_length=64, null=True)  # noqa: DJ001  (a column of the log: most entries have none)
    operation = models.SmallIntegerField()
    success = models.BooleanField()
    source_ip = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    targets = models.JSONField(default=list)
    subject = models.ForeignKey(Subject, models.DO_NOTHING, null=True, db_constraint=False, db_index=False)
    body = models.BinaryField()
    leaf = models.BinaryField()

    objects = models.Manager.from_queryset(EntryQuerySet)()

    class Meta:
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return f"{Operation(self.operation).label} at {self.time:%Y-%m-%d %H:%M:%S} UTC"

    def save(self, *args: Any, **options: Any) -> NoReturn:
        """Refuse: only the recorder writes entries, and nobody changes them."""
        raise TypeError("entries are written by auditlog.recorder and never changed")

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        """Refuse: entries end by retention only."""
        raise TypeError("entries are never deleted; retention drops whole partitions")

    @cached_property
    def event(self) -> dict[str, Any]:
        """The whole event, as it was recorded."""
        event: dict[str, Any] = json.loads(bytes(self.body))
        return event

    @property
    def time(self) -> datetime:
        """When the operation took place, in UTC with microseconds."""
        return ids.time_of(self.id)

    @property
    def actor_type(self) -> ActorType:
        """What kind of actor did it."""
        return ActorType(self.event["actor"]["type"])


class DisplayPreference(models.Model):
    """How somebody wants the log shown, wherever they sign in; what an address says goes first."""

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="display")
    density = models.CharField(max_length=16, default="comfortable")
    time = models.CharField(max_length=16, default="absolute")
    sort = models.CharField(max_length=4, default="desc")
    columns = ArrayField(models.CharField(max_length=16), default=default_columns)
    zone = models.CharField(max_length=64, blank=True, help_text="Where it is not the person's own.")

    def __str__(self) -> str:
        return f"Display of {self.user_id}"
