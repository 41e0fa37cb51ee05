"""What one can ask of the log. Always newest first, always by keyset: no OFFSET and no uncapped count anywhere."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import models
from django.db.models.expressions import RawSQL

from accounts.models import Member
from accounts.roles import Permission, Reach
from controlcenter.operations import Operation

from .ids import floor_id

if TYPE_CHECKING:
    from .models import Entry

COUNT_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, newest first, and what lies beyond them."""

    entries: Sequence["Entry"]
    has_newer: bool
    has_older: bool
    count: int
    """How many match in all; ``COUNT_LIMIT + 1`` stands for more than the limit."""


class EntryQuerySet(models.QuerySet["Entry"]):
    """Scopes and reads of the log."""

    _apps: tuple[int, ...] = ()

    def for_account(self, account_id: int) -> Self:
        """Entries of one account."""
        return self.filter(account_id=account_id)

    def visible_to(self, member: Member) -> Self:
        """The entries of the member's account that the member's role lets them read."""
        entries = self.for_account(member.account_id)
        match member.reach(Permission.READ_LOG):
            case Reach.ALL:
                return entries
            case Reach.OWN:
                return entries.by_actor(member.user_id)
            case _:
                return entries.none()

    def by_actor(self, user_id: int) -> Self:
        """Entries of what one person did, with tokens too."""
        return self.filter(actor_id=user_id)

    def since(self, time: datetime) -> Self:
        """Entries at or after a time."""
        return self.filter(id__gte=floor_id(time))

    def before(self, time: datetime) -> Self:
        """Entries earlier than a time."""
        return self.filter(id__lt=floor_id(time))

    def with_operation(self, *operations: Operation) -> Self:
        """Entries of some operations."""
        return self.filter(operation__in=operations)

    def with_target(self, kind: str, public_id: str) -> Self:
        """Entries that touched a resource."""
        return self.filter(targets__contains=[{"id": public_id, "type": kind}])

    def succeeded(self) -> Self:
        """Entries of operations that came about."""
        return self.filter(success=True)

    def failed(self) -> Self:
        """Entries of operations that did not come about."""
        return self.filter(success=False)

    def for_apps(self, app_ids: Collection[int]) -> Self:
        """Entries of any of these apps. ``page`` merges the newest of each instead of sorting all of them."""
        entries = self.filter(app_id__in=list(app_ids))
        entries._apps = tuple(dict.fromkeys(app_ids))
        return entries

    def newest_first(self) -> Self:
        """In the log's only order."""
        return self.order_by("-id")

    def count_capped(self) -> int:
        """Return how many there are, or ``COUNT_LIMIT + 1`` for more than the limit."""
        return self.order_by()[: COUNT_LIMIT + 1].count()

    def page(self, size: int, *, older_than: UUID | None = None, newer_than: UUID | None = None) -> Page:
        """Return one page in one query: the newest, or those next to a cursor on the side asked for.

        Costs the same at any depth: an index range scan of ``size`` + 1 rows, and a count that stops at the limit.
        """
        try:
            rows = self._merged(size + 1, older_than, newer_than)
            found = list(rows.annotate(match_count=self._count_column()).select_related("subject"))
        except EmptyResultSet:  # Nothing can match, Django says, without asking.
            found = []
        more, found = len(found) > size, found[:size]
        if newer_than:
            found.reverse()
        return Page(
            entries=found,
            has_newer=more if newer_than else older_than is not None,
            has_older=newer_than is not None or more,
            count=found[0].match_count if found else 0,  # type: ignore[attr-defined]
        )

    def _beyond(self, older_than: UUID | None, newer_than: UUID | None) -> Self:
        if newer_than:
            return self.filter(id__gt=newer_than).order_by("id")
        return (self.filter(id__lt=older_than) if older_than else self).order_by("-id")

    def _merged(self, size: int, older_than: UUID | None, newer_than: UUID | None) -> Self:
        """The first ``size`` rows beyond the cursor; for several apps, merged from the first of each."""
        rows = self._beyond(older_than, newer_than)
        if len(self._apps) < 2:
            return rows[:size]
        of_one = rows.filter(app_id=RawSQL("picked.app_id", ())).values("id")[:size]
        sql, params = of_one.query.sql_with_params()
        order = "ASC" if newer_than else "DESC"
        merged = RawSQL(  # noqa: S611
            f"SELECT merged.id FROM unnest(%s::bigint[]) AS picked(app_id) CROSS JOIN LATERAL ({sql}) AS merged"  # noqa: S608
            f" ORDER BY merged.id {order} LIMIT {size:d}",
            (list(self._apps), *params),
        )
        return self._beyond(older_than, newer_than).filter(id__in=merged)[:size]

    def _count_column(self) -> RawSQL:
        sql, params = self.order_by().values("id")[: COUNT_LIMIT + 1].query.sql_with_params()
        return RawSQL(f"SELECT count(*) FROM ({sql}) AS counted", params, output_field=models.IntegerField())  # noqa: S608, S611

    def _clone(self) -> Self:
        clone: Self = super()._clone()  # type: ignore[misc]
        clone._apps = self._apps
        return clone

    def update(self, **values: Any) -> int:
        """Refuse, before the database does."""
        raise TypeError("entries are never changed")

    def delete(self) -> tuple[int, dict[str, int]]:
        """Refuse, before the database does."""
        raise TypeError("entries are never deleted; retention drops whole partitions")
