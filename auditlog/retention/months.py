"""The months of the log, and which of them no plan keeps any more."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from django.db import connection
from django.db.models import Max, Min

from accounts.models import Account, Plan
from accounts.models.accounts import LONGEST_RETENTION
from auditlog.distribution import is_distributed
from auditlog.ids import floor_id
from auditlog.partitions import month_after, name_of

MONTHS = """
SELECT inhrelid::regclass::text FROM pg_inherits
WHERE inhparent = 'auditlog_entry'::regclass AND inhrelid::regclass::text ~ '^auditlog_entry_\\d{4}_\\d\\d$' ORDER BY 1
"""
# One probe of the index for each account, however many entries it has.
ACCOUNTS = """
WITH RECURSIVE found (id) AS (
    SELECT min(account_id) FROM auditlog_entry WHERE id >= %(first)s AND id < %(end)s
    UNION ALL
    SELECT (
        SELECT min(account_id) FROM auditlog_entry
        WHERE id >= %(first)s AND id < %(end)s AND account_id > found.id
    ) FROM found WHERE found.id IS NOT NULL
)
SELECT id FROM found WHERE id IS NOT NULL
"""
ACCOUNTS_APART = "SELECT DISTINCT account_id FROM auditlog_entry WHERE id >= %(first)s AND id < %(end)s"


@dataclass(frozen=True, slots=True)
class Month:
    """A month whose entries lie in a partition of their own."""

    begins: date

    @property
    def ends(self) -> datetime:
        """The moment at which the next one begins."""
        return datetime.combine(month_after(self.begins), datetime.min.time(), UTC)

    @property
    def first_id(self) -> UUID:
        """No entry of the month has a smaller id."""
        return floor_id(datetime.combine(self.begins, datetime.min.time(), UTC))

    @property
    def end_id(self) -> UUID:
        """All entries of the month have smaller ids."""
        return floor_id(self.ends)

    @property
    def table(self) -> str:
        """The name of its partition."""
        return name_of(self.begins)

    def account_ids(self) -> list[int]:
        """Return the accounts with entries in it, those that are deleted, too."""
        with connection.cursor() as cursor:
            accounts = ACCOUNTS_APART if is_distributed() else ACCOUNTS
            cursor.execute(accounts, {"first": self.first_id, "end": self.end_id})
            return [account_id for (account_id,) in cursor.fetchall()]

    def __str__(self) -> str:
        return f"{self.begins:%Y-%m}"


def months() -> list[Month]:
    """Return all months of the log, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(MONTHS)
        years_and_months = (name.rsplit("_", 2)[1:] for (name,) in cursor.fetchall())
        return [Month(date(int(year), int(month), 1)) for year, month in years_and_months]


def days_of(account_ids: Sequence[int]) -> dict[int, int]:
    """Return for how many days each account's plan keeps entries; one that is deleted has the longest of all plans."""
    plans = dict(Account.objects.filter(pk__in=account_ids).values_list("pk", "plan__retention_days"))
    longest = longest_days() if len(plans) < len(account_ids) else 0
    return {account_id: min(plans.get(account_id, longest), LONGEST_RETENTION) for account_id in account_ids}


def longest_days() -> int:
    """Return for how many days the longest of all plans keeps entries."""
    days: int = Plan.objects.aggregate(days=Max("retention_days", default=0))["days"]
    return min(days, LONGEST_RETENTION)


def shortest_days() -> int:
    """Return for how many days the shortest of all plans keeps entries."""
    days: int = Plan.objects.aggregate(days=Min("retention_days", default=0))["days"]
    return days
