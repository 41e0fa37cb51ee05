"""Support access: support staff say why, and for which ticket, before they see or change anything of a customer's.

It holds for one person and one account, for an hour, and what is done meanwhile carries reason and ticket.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Account, User
from controlcenter.context import because, current
from controlcenter.operations import Operation

from .canonical import timestamp

LONGEST_REASON, LONGEST_TICKET = 200, 40


class SupportAccessQuerySet(models.QuerySet["SupportAccess"]):
    """Accesses by whose account, who has them, and whether they still hold."""

    def for_account(self, account_id: Any) -> Self:
        """Those to one account."""
        return self.filter(account_id=account_id)

    def of(self, staff: User) -> Self:
        """Those of one person."""
        return self.filter(staff_id=staff.pk)

    def open_at(self, time: Any) -> Self:
        """Those that hold at a time."""
        return self.filter(ended_at=None, expires_at__gt=time)

    def newest_first(self) -> Self:
        """The latest before the others."""
        return self.order_by("-pk")


SupportAccessManager = models.Manager.from_queryset(SupportAccessQuerySet)


class SupportAccess(models.Model):
    """The permission that somebody of the support staff gave themselves, and why. Opening and ending it are entries."""

    VALID_FOR: ClassVar[timedelta] = timedelta(minutes=60)

    account_id = models.BigIntegerField(help_text="Also of an organization that was deleted since.")
    staff_id = models.BigIntegerField(help_text="Also of somebody who was deleted since.")
    staff_name = models.CharField(max_length=200, help_text="What they were called then, for the customer.")
    reason = models.CharField(max_length=LONGEST_REASON)
    ticket = models.CharField(max_length=LONGEST_TICKET)
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects: ClassVar[SupportAccessManager["SupportAccess"]] = SupportAccessManager()

    class Meta:
        indexes = (models.Index(fields=("account_id", "expires_at"), name="support_access_of_account"),)

    def __str__(self) -> str:
        return self.as_reason

    @property
    def as_reason(self) -> str:
        """What stands in the entries of what is done with it."""
        return f"{self.ticket}: {self.reason}"

    @property
    def is_open(self) -> bool:
        """Whether it still holds."""
        return self.ended_at is None and self.expires_at > timezone.now()

    @classmethod
    def open(cls, staff: User, account_id: int, reason: str, ticket: str) -> "SupportAccess":
        """Open an access in place of any that the person has to this account; the customer's log says so."""
        now = current().at or timezone.now()
        with transaction.atomic():
            for earlier in cls.objects.for_account(account_id).of(staff).open_at(now).select_for_update():
                earlier.end()
            access = cls.objects.create(
                account_id=account_id,
                staff_id=staff.pk,
                staff_name=staff.full_name,
                reason=reason,
                ticket=ticket,
                opened_at=now,
                expires_at=now + cls.VALID_FOR,
            )
            access._record(now, expires_at=access.expires_at)
        return access

    def end(self) -> None:
        """End the access before its time; ending one that is over is nothing."""
        now = current().at or timezone.now()
        with transaction.atomic():
            if SupportAccess.objects.filter(pk=self.pk).open_at(now).update(ended_at=now):
                self._record(now, kind="ended", ended_at=now)

    def _record(self, time: datetime, kind: str = "", **changed: datetime) -> None:
        from .events import Event, Target
        from .recorder import record_events
        from .sentences import sentence_for

        operation = Operation.SUPPORT_ACCESS
        told = {name: [None, timestamp(value)] for name, value in changed.items()}
        if not kind:
            told |= {"reason": [None, self.reason], "ticket": [None, self.ticket]}
        with because(self.as_reason, only_for=self.account_id):
            event = Event(
                operation,
                self.account_id,
                time,
                current(),
                targets=[Target("ticket", self.ticket, self.ticket)],
                changes=told,
                sentence=sentence_for(operation, self.ticket, kind=kind),
            )
            record_events([event])


class ReasonNeeded(PermissionDenied):
    """Something of a customer's was asked for without a reason."""

    code = "no_support_access"
    sentence = "Support staff have to give a reason and a ticket first."

    def __init__(self, account_id: int, *others: int) -> None:
        super().__init__(self.sentence)
        self.account_id, self.others = account_id, others


class SeveralCustomers(PermissionDenied):
    """Things of several customers can't be changed at once: a reason is given for one of them."""

    code = "several_accounts"
    sentence = "These belong to several accounts: change what belongs to one account at a time."

    def __init__(self) -> None:
        super().__init__(self.sentence)


@contextmanager
def accessing(request: HttpRequest, *account_ids: int) -> Iterator[None]:
    """Inside, what support staff do to an account is done with their access to it. The platform needs none.

    Raises:
        ReasonNeeded: without an open access.
        SeveralCustomers: for more than one account.
    """
    customers = {account_id for account_id in account_ids if account_id != Account.PLATFORM_ID}
    if len(customers) > 1:
        raise SeveralCustomers
    with ExitStack() as stack:
        for account_id in customers:
            access = _open_access(request, account_id)
            stack.enter_context(because(access.as_reason, only_for=account_id))
        yield


def require_access(request: HttpRequest, account_ids: Iterable[int]) -> None:
    """Let support staff go on who have an open access to each of these accounts: for what opens all of them.

    Raises:
        ReasonNeeded: without one; it knows all that are missing, and its sentence names none: one customer reads it.
    """
    held = SupportAccess.objects.of(request.user).open_at(timezone.now())  # type: ignore[arg-type]
    customers = {*account_ids} - {Account.PLATFORM_ID}
    if customers and (missing := sorted(customers - {*held.values_list("account_id", flat=True)})):
        raise ReasonNeeded(*missing)


def _open_access(request: HttpRequest, account_id: int) -> SupportAccess:
    accesses = SupportAccess.objects.of(request.user).for_account(account_id).open_at(timezone.now())  # type: ignore[arg-type]
    access = accesses.order_by("-pk").first()
    if access is None:
        raise ReasonNeeded(account_id)
    request.support_access = access  # type: ignore[attr-defined]  # for the bar above the page
    return access


def notice_for(account_id: Any) -> "models.QuerySet[SupportAccess, dict[str, Any]]":
    """Return, as one JSON value, what a page of the account says while support staff have access to it."""
    return (
        SupportAccess.objects.for_account(account_id)
        .open_at(models.functions.Now())
        .order_by("-pk")
        .values_list(
            models.functions.JSONObject(
                reason="reason",
                ticket="ticket",
                until="expires_at",
                name="staff_name",
            )
        )[:1]
    )
