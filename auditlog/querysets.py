"""What one can ask of the log. Always newest first, always by keyset: no OFFSET and no uncapped count anywhere."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from ipaddress import IPv4Network, IPv6Network
from operator import or_
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connections, models
from django.db.models.expressions import RawSQL

from accounts.models import Member, User
from accounts.roles import Permission, Reach
from controlcenter.operations import Operation

from .ids import ceiling_id, floor_id
from .positions import Position

if TYPE_CHECKING:
    from .models import Entry

COUNT_LIMIT = 10_000
MOST_MERGED = 20_000
"""How many entries are put together, at most, to find the first of several apps, people or operations."""

MERGED = {"app_id": "bigint", "actor_id": "bigint", "operation": "smallint", "source_ip": "inet"}
"""Columns whose entries the database keeps in order for each value, and their types."""


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

    _any: dict[str, tuple[Any, ...]] = {}

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

    def by_actor_named(self, *slugs: str) -> Self:
        """Entries of what people did, by their ids; also of who is deleted, as long as they are not erased."""
        from .models import Subject

        ids = set(User.objects.filter(slug__in=slugs).values_list("pk", "slug"))
        gone = set(slugs) - {slug for _, slug in ids}
        if gone:
            ids |= set(Subject.objects.filter(slug__in=gone, user_id__isnull=False).values_list("user_id", "slug"))
        return self._with_any("actor_id", sorted(user_id for user_id, _ in ids))

    def since(self, time: datetime) -> Self:
        """Entries at or after a time."""
        return self.filter(id__gte=floor_id(time))

    def before(self, time: datetime) -> Self:
        """Entries earlier than a time."""
        return self.filter(id__lt=floor_id(time))

    def until(self, time: datetime) -> Self:
        """Entries at or before a time."""
        return self.filter(id__lte=ceiling_id(time))

    def with_operation(self, *operations: Operation) -> Self:
        """Entries of some operations."""
        return self._with_any("operation", operations)

    def with_target(self, kind: str, public_id: str) -> Self:
        """Entries that touched a resource."""
        return self.with_any_target((kind, public_id))

    def with_any_target(self, *targets: tuple[str, str]) -> Self:
        """Entries that touched any of some resources, each given by its kind and id."""
        touched = [models.Q(targets__contains=[{"id": public_id, "type": kind}]) for kind, public_id in targets]
        return self.filter(reduce(or_, touched))

    def from_networks(self, *networks: IPv4Network | IPv6Network) -> Self:
        """Entries from addresses in any of some networks; an address by itself is a network of one."""
        addresses = [str(network[0]) for network in networks if network.num_addresses == 1]
        larger = [
            RawSQL("auditlog_entry.source_ip <<= %s::inet", (str(network),), models.BooleanField())
            for network in networks
            if network.num_addresses > 1
        ]
        if not larger:
            return self._with_any("source_ip", addresses)
        return self.filter(reduce(or_, map(models.Q, larger), models.Q(source_ip__in=addresses)))

    def from_address(self, beginning: str) -> Self:
        """Entries from addresses that begin with a text; all of them for ""."""
        return self.filter(source_ip__startswith=beginning) if beginning else self

    def succeeded(self) -> Self:
        """Entries of operations that came about."""
        return self.filter(success=True)

    def failed(self) -> Self:
        """Entries of operations that did not come about."""
        return self.filter(success=False)

    def for_apps(self, app_ids: Collection[int]) -> Self:
        """Entries of any of these apps."""
        return self._with_any("app_id", app_ids)

    def _with_any(self, column: str, values: Iterable[Any]) -> Self:
        """Entries with any of the values. Pages merge the first of each value instead of sorting all that match."""
        distinct = tuple(dict.fromkeys(values))
        entries = self.filter(**{f"{column}__in": distinct})
        entries._any = {**self._any, column: distinct}
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
        ascending = newer_than is not None
        try:
            rows = self._merged(size + 1, newer_than or older_than, ascending=ascending)
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

    def part(self, size: int, *, beyond: UUID | None = None, skip: int = 0, ascending: bool = False) -> Self:
        """Return up to ``size`` entries in order, from the first, or from the first beyond a cursor.

        Costs the same at any depth, but for ``skip``: what is skipped is read.
        """
        try:
            rows = self._merged(skip + size, beyond, ascending=ascending)
        except EmptyResultSet:
            return self.none()
        return rows[skip:]

    def committed_after(self, xid: int, entry_id: UUID, size: int) -> Self:
        """Return up to ``size`` entries after a position, in the order of their transactions, each with its ``xid``.

        Only those that no unfinished transaction can precede any more: nothing will ever come before them.
        """
        after = RawSQL(
            "(auditlog_entry.xid, auditlog_entry.id) > (%s::xid8, %s)"
            " AND auditlog_entry.xid < pg_snapshot_xmin(pg_current_snapshot())",
            (str(xid), entry_id),
            models.BooleanField(),
        )
        rows = self.filter(after).order_by(RawSQL("auditlog_entry.xid", ()), "id")
        return rows.annotate(xid=RawSQL("auditlog_entry.xid::text", (), models.TextField()))[:size]

    def horizon(self) -> Position:
        """Return the position up to which everything is settled now."""
        with connections[self.db].cursor() as cursor:
            cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
            return Position(int(cursor.fetchone()[0]))

    def _beyond(self, cursor: UUID | None, *, ascending: bool) -> Self:
        if ascending:
            return (self.filter(id__gt=cursor) if cursor else self).order_by("id")
        return (self.filter(id__lt=cursor) if cursor else self).order_by("-id")

    def _merged(self, size: int, cursor: UUID | None, *, ascending: bool) -> Self:
        """The first ``size`` rows beyond the cursor; for several apps or the like, merged from the first of each."""
        rows = self._beyond(cursor, ascending=ascending)
        several = [column for column, values in self._any.items() if 1 < len(values) <= MOST_MERGED / size]
        if not several:
            return rows[:size]
        column = min(several, key=lambda column: len(self._any[column]))
        of_one = rows.filter(**{column: RawSQL("picked.value", ())}).values("id")[:size]
        sql, params = of_one.query.sql_with_params()
        merged = RawSQL(  # noqa: S611
            f"SELECT merged.id FROM unnest(%s::{MERGED[column]}[]) AS picked(value) "  # noqa: S608
            f"CROSS JOIN LATERAL ({sql}) AS merged ORDER BY merged.id {'ASC' if ascending else 'DESC'} LIMIT {size:d}",
            (list(self._any[column]), *params),
        )
        return self._beyond(cursor, ascending=ascending).filter(id__in=merged)[:size]

    def _count_column(self) -> RawSQL:
        sql, params = self.order_by().values("id")[: COUNT_LIMIT + 1].query.sql_with_params()
        return RawSQL(f"SELECT count(*) FROM ({sql}) AS counted", params, output_field=models.IntegerField())  # noqa: S608, S611

    def _clone(self) -> Self:
        clone: Self = super()._clone()  # type: ignore[misc]
        clone._any = self._any
        return clone

    def update(self, **values: Any) -> int:
        """Refuse, before the database does."""
        raise TypeError("entries are never changed")

    def delete(self) -> tuple[int, dict[str, int]]:
        """Refuse, before the database does."""
        raise TypeError("entries are never deleted; retention drops whole partitions")
