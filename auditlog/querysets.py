"""What one can ask of the log. Always newest first, always by keyset: no OFFSET and no uncapped count anywhere."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from ipaddress import IPv4Network, IPv6Network
from operator import or_
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connections, models
from django.db.models.expressions import RawSQL

from accounts.models import Member
from accounts.roles import Permission, Reach
from controlcenter import replica
from controlcenter.context import ActorType
from controlcenter.operations import Operation

from .ids import ceiling_id, floor_id
from .texts import HIGHEST, LOWEST, Mentions, Stretch, Unread

if TYPE_CHECKING:
    from .models import Entry

COUNT_LIMIT = 10_000
MOST_MERGED = 20_000
"""How many entries are put together, at most, to find the first of several apps, people or operations."""

MERGED = {"app_id": "bigint", "actor_id": "bigint", "operation": "smallint", "source_ip": "inet"}
"""Columns whose entries the database keeps in order for each value, and their types."""

NEVER = models.Q(pk__in=())

NOTHING_SEEN = "1:1:"
SNAPSHOT = RawSQL("pg_current_snapshot()::text", (), models.TextField())
CAME_SINCE = (
    "auditlog_entry.xid >= pg_snapshot_xmin(%s::pg_snapshot)"  # by index
    " AND NOT pg_visible_in_snapshot(auditlog_entry.xid, %s::pg_snapshot)"
)


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, in the order they are shown in, and what lies beyond them."""

    entries: Sequence["Entry"]
    has_newer: bool
    has_older: bool
    count: int
    """How many match in all; ``COUNT_LIMIT + 1`` stands for more than the limit. 0 where nobody counted."""
    snapshot: str = NOTHING_SEEN
    """Which transactions were seen, so that what came since can be told."""


class EntryQuerySet(models.QuerySet["Entry"]):
    """Scopes and reads of the log."""

    _any: dict[str, tuple[Any, ...]] = {}
    _stretch: Stretch | None = None

    def for_account(self, account_id: int) -> Self:
        """Entries of one account."""
        entries = self.filter(account_id=account_id)
        entries._stretch = Stretch(account_id)
        return entries

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

    def by_actors(self, user_ids: Iterable[int], *, excluded: bool = False) -> Self:
        """Entries of what some people did, with tokens too; or all others."""
        return self._with_any("actor_id", user_ids, excluded)

    def with_ids(self, ids: list[str]) -> Self:
        """Entries with any of some ids, as the database prints them: one value; a thousand take us 6 ms to write."""
        array = f"{{{','.join(ids)}}}"
        return self.filter(RawSQL("auditlog_entry.id = ANY(%s::uuid[])", (array,), models.BooleanField()))

    def as_actor_types(self, *kinds: ActorType, excluded: bool = False) -> Self:
        """Entries of what some kinds of actors did."""
        from .models import ACTOR_KINDS

        return self._narrowed(models.Q(actor_kind__in=[ACTOR_KINDS[kind] for kind in kinds]), excluded)

    def using_tokens(self, *slugs: str, excluded: bool = False) -> Self:
        """Entries of what was done through some tokens, by their ids."""
        return self._narrowed(models.Q(token__in=slugs), excluded)

    def of_requests(self, *request_ids: str, excluded: bool = False) -> Self:
        """Entries of what some requests did."""
        return self._narrowed(models.Q(request_id__in=[each for each in request_ids if each]), excluded)

    def since(self, time: datetime) -> Self:
        """Entries at or after a time."""
        return self._between(since=floor_id(time))

    def before(self, time: datetime) -> Self:
        """Entries earlier than a time."""
        return self._between(before=floor_id(time))

    def until(self, time: datetime) -> Self:
        """Entries at or before a time."""
        return self._between(before=UUID(int=ceiling_id(time).int + 1))

    def _between(self, *, since: UUID | None = None, before: UUID | None = None) -> Self:
        bounds = {"id__gte": since, "id__lt": before}
        entries = self.filter(**{bound: value for bound, value in bounds.items() if value})
        entries._stretch = self._stretch and self._stretch.within(since=since, before=before)
        return entries

    def patiently(self, patience: timedelta) -> Self:
        """The same, where texts that are asked for from now on are looked for no longer than that; see ``Unread``."""
        entries = self.all()
        entries._stretch = self._stretch and replace(self._stretch, patience=patience)
        return entries

    def marking_unread(self, *texts: str) -> Self:
        """The same, each with ``unread``: whether patience was over before these texts were looked for in it."""
        return self.annotate(unread=Unread(texts, self._stretch))

    def with_operation(self, *operations: Operation, excluded: bool = False) -> Self:
        """Entries of some operations."""
        return self._with_any("operation", operations, excluded)

    def with_target(self, kind: str, public_id: str) -> Self:
        """Entries that touched a resource."""
        return self.with_any_target((kind, public_id))

    def with_any_target(self, *targets: tuple[str, str], excluded: bool = False) -> Self:
        """Entries that touched any of some resources, each given by its kind and id."""
        return self.with_any_targets(*([target] for target in targets), excluded=excluded)

    def with_any_targets(self, *each: Sequence[tuple[str, str]], excluded: bool = False) -> Self:
        """Entries that touched all resources of any of some groups: a thing, and what it is in."""
        touched = [
            models.Q(targets__contains=[{"id": public_id, "type": kind} for kind, public_id in targets])
            for targets in each
        ]
        return self._narrowed(reduce(or_, touched, NEVER), excluded)

    def about(self, resource: Sequence[tuple[str, str]]) -> Self:
        """Entries about a resource, given with what it is in: it is what they name first, and beside it only roles."""
        count = models.Func(models.F("targets"), function="jsonb_array_length", output_field=models.IntegerField())
        with_role = models.Q(target_count=len(resource) + 1, targets__contains=[{"type": "role"}])
        [(kind, public_id), *_] = resource
        entries = self.with_any_targets(resource).filter(targets__0={"id": public_id, "type": kind})
        return entries.alias(target_count=count).filter(models.Q(target_count=len(resource)) | with_role)

    def with_target_types(self, *kinds: str, excluded: bool = False) -> Self:
        """Entries that touched any resource of some kinds."""
        touched = [models.Q(targets__contains=[{"type": kind}]) for kind in kinds]
        return self._narrowed(reduce(or_, touched, NEVER), excluded)

    def from_networks(self, *networks: IPv4Network | IPv6Network, excluded: bool = False) -> Self:
        """Entries from addresses in any of some networks; an address by itself is a network of one."""
        addresses = [str(network[0]) for network in networks if network.num_addresses == 1]
        larger = [
            RawSQL("auditlog_entry.source_ip <<= %s::inet", (str(network),), models.BooleanField())
            for network in networks
            if network.num_addresses > 1
        ]
        if not larger:
            return self._with_any("source_ip", addresses, excluded)
        return self._narrowed(reduce(or_, map(models.Q, larger), models.Q(source_ip__in=addresses)), excluded)

    def mentioning(self, *texts: str, excluded: bool = False) -> Self:
        """Entries in whose sentences, names, ids and changed values each of some texts stands; or none of them.

        Narrow by account and time first: texts that are rare there are found by ``auditlog.texts``, in one query more.
        For others the whole body is looked through, which is quick, and taken apart only where the text is in it. Looks
        at the log are passed over: each search would find the entries of itself.
        """
        if not excluded:
            return self.filter(Mentions(texts, self._stretch)) if texts else self
        entries = self
        for text in texts:
            entries = entries._narrowed(models.Q(Mentions((text,))), excluded)
        return entries

    def from_address(self, beginning: str) -> Self:
        """Entries from addresses that begin with a text; all of them for ""."""
        return self.filter(source_ip__startswith=beginning) if beginning else self

    def succeeded(self) -> Self:
        """Entries of operations that came about."""
        return self.filter(success=True)

    def failed(self) -> Self:
        """Entries of operations that did not come about."""
        return self.filter(success=False)

    def for_apps(self, app_ids: Collection[int], *, excluded: bool = False) -> Self:
        """Entries of any of these apps; or of all others, and of none."""
        return self._with_any("app_id", app_ids, excluded)

    def _with_any(self, column: str, values: Iterable[Any], excluded: bool = False) -> Self:
        """Entries with any of the values. Pages merge the first of each value instead of sorting all that match."""
        distinct = tuple(dict.fromkeys(values))
        entries = self._narrowed(models.Q(**{f"{column}__in": distinct}), excluded)
        if not excluded:
            entries._any = {**self._any, column: distinct}
        return entries

    def _narrowed(self, condition: models.Q, excluded: bool) -> Self:
        """Entries that meet a condition; or all that don't, those included of which it can't be said."""
        if not excluded:
            return self.filter(condition)
        met = models.When(condition, then=models.Value(False))
        return self.filter(models.Case(met, default=models.Value(True), output_field=models.BooleanField()))

    def newest_first(self) -> Self:
        """In the log's only order."""
        return self.order_by("-id")

    def count_capped(self) -> int:
        """Return how many there are, or ``COUNT_LIMIT + 1`` for more than the limit."""
        return self.order_by()[: COUNT_LIMIT + 1].count()

    def page(
        self,
        size: int,
        *,
        older_than: UUID | None = None,
        newer_than: UUID | None = None,
        oldest_first: bool = False,
        counted: bool = True,
    ) -> Page:
        """Return one page in one query: the first, or those next to a cursor on the side asked for.

        Costs the same at any depth: an index range scan of ``size`` + 1 rows and, if it is to be ``counted``, of as
        many as the limit, which takes longer than the page.
        """
        cursor = newer_than or older_than
        ascending = newer_than is not None if cursor else oldest_first
        try:
            rows = self._merged(size + 1, cursor, ascending=ascending)
            beside = {"snapshot": SNAPSHOT, **({"match_count": self._count_column()} if counted else {})}
            found = list(rows.annotate(**beside).select_related("subject"))
        except EmptyResultSet:  # Nothing can match, Django says, without asking.
            found = []
        more, found = len(found) > size, found[:size]
        if ascending is not oldest_first:
            found.reverse()
        return Page(
            entries=found,
            has_newer=more if ascending else cursor is not None,
            has_older=cursor is not None if ascending else more,
            count=getattr(found[0], "match_count", 0) if found else 0,
            snapshot=self._seen_at(found[0].snapshot if found else NOTHING_SEEN),  # type: ignore[attr-defined]
        )

    def _seen_at(self, snapshot: str) -> str:
        """What was seen, when texts were looked for before: what came between is new."""
        return (self._stretch and self._stretch.found_at) or snapshot

    def count_since(self, snapshot: str, limit: int) -> tuple[int, str]:
        """Return how many have come since a snapshot was taken, up to a limit, and the snapshot of now: one query.

        Told by which transactions could be seen, not by id: a transaction that took long brings ids of long ago.

        Raises:
            DataError: for a text that is no snapshot.
            NotHere: on a replica, which does not know what is under way.
        """
        replica.require_primary("compare snapshots")
        if self._stretch:
            self._stretch.read_plainly()  # The little that came is quickly read.
        since = RawSQL(CAME_SINCE, (snapshot, snapshot), models.BooleanField())  # noqa: S611
        came = self.filter(since).order_by()[:limit]
        try:
            sql, params = came.values("id").query.sql_with_params()
        except EmptyResultSet:
            return 0, snapshot
        with connections[self.db].cursor() as cursor:
            cursor.execute(f"SELECT count(*), pg_current_snapshot()::text FROM ({sql}) AS came", params)  # noqa: S608
            count, now = cursor.fetchone()
        return count, now

    def part(self, size: int, *, beyond: UUID | None = None, skip: int = 0, ascending: bool = False) -> Self:
        """Return up to ``size`` entries in order, from the first, or from the first beyond a cursor.

        Costs the same at any depth, but for ``skip``: what is skipped is read.
        """
        try:
            rows = self._merged(skip + size, beyond, ascending=ascending)
        except EmptyResultSet:
            return self.none()
        return rows[skip:]

    def _beyond(self, cursor: UUID | None, *, ascending: bool) -> Self:
        if ascending:
            return (self.filter(id__gt=cursor) if cursor else self).order_by("id")
        return (self.filter(id__lt=cursor) if cursor else self).order_by("-id")

    def _merged(self, size: int, cursor: UUID | None, *, ascending: bool) -> Self:
        """The first ``size`` rows beyond the cursor; for several apps or the like, up to the last when each is merged.

        Asked for by the ids that are merged, 24,000 rows were read for 2,501. Nothing is said of a limit, and both ends
        are given, so that the planner expects few rows and does not look for them among all others in their order.
        """
        rows = self._beyond(cursor, ascending=ascending)
        several = [column for column, values in self._any.items() if 1 < len(values) <= MOST_MERGED / size]
        if self._stretch and self._stretch.patience is not None:
            return rows[:size]  # Merged, they are looked through twice, the second time when patience is over.
        if not several or any(len(values) == 1 for values in self._any.values()):
            return rows[:size]  # In the order of the one value, where there is one: that is read once, not for each.
        column = min(several, key=lambda column: len(self._any[column]))
        of_one = rows.filter(**{column: RawSQL("picked.value", ())}).values("id")[:size]
        sql, params = of_one.query.sql_with_params()
        order, back = ("ASC", "DESC") if ascending else ("DESC", "ASC")
        last = RawSQL(  # noqa: S611
            f"SELECT id FROM (SELECT merged.id FROM unnest(%s::{MERGED[column]}[]) AS picked(value) "  # noqa: S608
            f"CROSS JOIN LATERAL ({sql}) AS merged ORDER BY merged.id {order} LIMIT {size:d}) AS merged "
            f"ORDER BY id {back} LIMIT 1",
            (list(self._any[column]), *params),
        )
        return rows.filter(id__range=(LOWEST, last) if ascending else (last, HIGHEST))

    def _count_column(self) -> RawSQL:
        sql, params = self.order_by().values("id")[: COUNT_LIMIT + 1].query.sql_with_params()
        return RawSQL(f"SELECT count(*) FROM ({sql}) AS counted", params, output_field=models.IntegerField())  # noqa: S608, S611

    def _clone(self) -> Self:
        clone: Self = super()._clone()  # type: ignore[misc]
        clone._any = self._any
        clone._stretch = self._stretch
        return clone

    def update(self, **values: Any) -> int:
        """Refuse, before the database does."""
        raise TypeError("entries are never changed")

    def delete(self) -> tuple[int, dict[str, int]]:
        """Refuse, before the database does."""
        raise TypeError("entries are never deleted; retention drops whole partitions")
