"""What people are told of retention: how long entries are kept, what was removed, and what comes next."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Sum

from accounts.models import Account
from auditlog.ids import time_of
from auditlog.models import Entry

from .models import Certificate
from .months import Month, longest_days

CERTIFICATES_SHOWN = 12


def retention_of(account: Account, now: datetime) -> dict[str, Any]:
    """Return what the page Integrity shows of an account's retention."""
    certificates = Certificate.objects.filter(account_id=account.pk)
    newest = list(certificates.order_by("-first_seq")[:CERTIFICATES_SHOWN])
    last = max((each.time for each in newest), default=None)
    due = _next_purge(account)
    return {
        "kept_since": account.kept_since(now),
        "last": last,
        "removed_last": sum(each.entries for each in newest if last and each.time.date() == last.date()),
        "removed": certificates.aggregate(entries=Sum("entries", default=0))["entries"],
        "next": due,
        "is_due": due is not None and due <= now,
        "certificates": [{"of": each, "month": time_of(each.begins).date()} for each in newest],
    }


def _next_purge(account: Account) -> datetime | None:
    """Return when the oldest month is removed at the latest; None when there is nothing to remove."""
    oldest = Entry.objects.for_account(account.pk).order_by("id").values_list("id", flat=True).first()
    if oldest is None:
        return None
    return Month(time_of(oldest).date().replace(day=1)).ends + timedelta(days=longest_days())
