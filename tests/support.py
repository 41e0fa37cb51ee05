"""Support staff with access to everybody, for tests of what they do with it."""

from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from accounts.models import Account, User
from auditlog.models import Entry
from auditlog.support import SupportAccess

REASON, TICKET = "Looking into what they reported", "4711"


def give_access(staff: User, *account_ids: int) -> None:
    """Give somebody access to accounts, without entries."""
    now = timezone.now()
    SupportAccess.objects.bulk_create(
        SupportAccess(
            account_id=account_id,
            staff_id=staff.pk,
            staff_name=staff.full_name,
            reason=REASON,
            ticket=TICKET,
            opened_at=now,
            expires_at=now + timedelta(hours=1),
        )
        for account_id in account_ids
    )


class StaffClient(Client):
    """A browser of support staff who have access, at each request, to every account that there is or was."""

    def __init__(self, staff: User, **options: Any) -> None:
        super().__init__(**options)
        self.staff = staff
        self.force_login(staff)

    def request(self, **request: Any) -> Any:
        """Ask for a page."""
        has = set(SupportAccess.objects.of(self.staff).values_list("account_id", flat=True))
        there = {*Account.objects.values_list("pk", flat=True), *Entry.objects.values_list("account_id", flat=True)}
        give_access(self.staff, *there - has)
        return super().request(**request)
