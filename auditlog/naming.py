"""What has become of what entries name: an entry keeps the name of its time, and beside it stands today's."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, tzinfo
from functools import cache
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import (
    BigIntegerField,
    Case,
    Exists,
    F,
    ForeignKey,
    Lookup,
    OuterRef,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast, Concat, Trim
from django.utils import timezone

from accounts.models import Member, User
from accounts.roles import Permission, Reach
from controlcenter.masking import masked
from controlcenter.operations import Operation
from controlcenter.resources.models import App, Collaborator

from .ids import time_of
from .models import Entry, Subject
from .presentation import ERASED
from .querysets import EntryQuerySet
from .tracked import TRACKED, Tracked


def _container_of(row: Tracked) -> str:
    """Return the relation to what things of a kind are directly in; "" for what is in nothing."""
    relation = row.targets[1] if len(row.targets) > 1 else ""
    fields = {field.name: field for field in row.model._meta.fields}
    return relation if isinstance(fields.get(relation), ForeignKey) else ""


KEPT = {
    row.kind: row
    for row in TRACKED
    if row.targets[0] == "" and row.kind not in {"plan", "organization", "user", "invitation", "view"}
}
"""Kinds of things that lie in an account and bear a name or an id of their own, and how they are tracked."""

CONTAINERS = {kind: _container_of(row) for kind, row in KEPT.items()}

ENDS: dict[str, tuple[Operation, ...]] = {
    **{kind: (row.deleted,) for kind, row in KEPT.items()},
    "app": (Operation.APPLICATION_DELETE, Operation.APPLICATION_TRANSFER),
    "user": (Operation.ORGANIZATION_MEMBER_REMOVE, Operation.USER_DELETE),
}
"""The operations after which a thing is no longer there."""

VERBS = {
    Operation.APPLICATION_TRANSFER: "moved to another account",
    Operation.USER_TOKEN_REVOKE: "revoked",
    Operation.ORGANIZATION_MEMBER_REMOVE: "removed from the organization",
}
ELSEWHERE = "elsewhere"
"""In place of a kind: an app that another account has now."""
ACCOUNT, READER, IDS, WITHIN, AROUND = ("given:account", "given:reader", "given:ids", "given:within", "given:around")


class Thing(NamedTuple):
    """What a target of an entry is, beside its name: enough to find it among all there is."""

    kind: str
    id: str
    within: str = ""
    """The id of what it is directly in."""
    around: int = 0
    """The key of the app that it is, or is in."""


class Live:
    """How the things and people that some entries name are called now: one query for all of them."""

    def __init__(self, member: Member, things: Iterable[Thing]) -> None:
        self.member, self.things = member, {thing for thing in things if thing.kind in ENDS}
        self.called: dict[Thing, str] = {}
        self.ends: dict[Thing, str] = {}
        queries, params = [], []
        for sql, given in self._queries():
            queries.append(f"({sql})")
            params += given
        if queries:
            with connection.cursor() as cursor:
                cursor.execute(" UNION ALL ".join(queries), params)
                self.called = {Thing(*row[:4]): row[4] for row in cursor}

    def became(self, thing: Thing, name: str) -> str:
        """Say in words what became of a thing that was called by a name; "" when it is called that still."""
        if thing not in self.things:
            return ""
        if thing in self.ends:
            return self.ends[thing]
        if thing.around and self._app_is_elsewhere(thing):
            return VERBS[Operation.APPLICATION_TRANSFER]
        if thing not in self.called:
            return {"user": "", "token": "revoked"}.get(thing.kind, "deleted")
        called = masked(self.called[thing])  # as the entry has it
        if thing.kind == "user" and name == thing.id:  # The database, which tells of changes past us, knows no names.
            return ""
        return f"renamed to {called}" if called != name else ""

    def is_gone(self, thing: Thing) -> bool:
        """Whether a thing is not there any more, or not in this account."""
        return thing in self.things and (thing not in self.called or self._app_is_elsewhere(thing))

    def learn_ends(self, entries: EntryQuerySet, entry: Entry, zone: tzinfo | None) -> None:
        """Learn from entries how what an entry names ended: one query, or none when all of it is there as it was."""
        if ended_by(entry):
            return
        named = [(thing_of(entry, n), target.get("name", "")) for n, target in enumerate(entry.event["targets"])]
        changed = [
            thing
            for thing, name in named
            if thing and (self.is_gone(thing) or (thing.kind != "user" and self.became(thing, name)))
        ]
        self.ends |= ends_of(entries, entry.time, changed, zone)

    def _app_is_elsewhere(self, thing: Thing) -> bool:
        return Thing(ELSEWHERE, "", "", thing.around) in self.called

    def _queries(self) -> Iterator[tuple[str, list[Any]]]:
        """Yield a query for each kind, all with the same columns, and what it is asked for. None leaves the account."""
        of_kind: dict[str, list[Thing]] = {}
        for thing in self.things:
            of_kind.setdefault(thing.kind, []).append(thing)
        if around := [thing for thing in self.things if thing.around]:
            of_kind[ELSEWHERE] = around
        own = self.member.reach(Permission.READ_LOG) is not Reach.ALL
        for kind, things in of_kind.items():
            sql, params = _query_for(kind, own and kind == "token")
            given = {
                ACCOUNT: self.member.account_id,
                READER: self.member.user_id,
                IDS: list({thing.id for thing in things}),
                WITHIN: list({thing.within for thing in things}),
                AROUND: list({thing.around for thing in things}),
            }
            yield sql, [given.get(param, param) for param in params]


class AnyOf(Lookup):  # type: ignore[type-arg]
    """A column has one of the values that are given."""

    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """Return the condition; values come as one array, so that any number of them makes the same query."""
        column, params = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s)", [*params, self.rhs]


@cache
def _query_for(kind: str, own: bool) -> tuple[str, tuple[Any, ...]]:
    """Return the query for things of a kind, with names of what is given in place of that.

    Django takes three milliseconds to write the queries of a page; written once, they take less than one.
    """
    if kind == "user":
        rows = _people()
    elif kind == ELSEWHERE:
        elsewhere = App.objects.filter(AnyOf(F("pk"), AROUND)).exclude(account_id=Value(ACCOUNT))
        rows = _columns(elsewhere, ELSEWHERE, around=F("pk"))
    else:
        rows = _of_kind(KEPT[kind], own)
    sql, params = rows.query.sql_with_params()
    return sql, tuple(params)


def _of_kind(row: Tracked, own: bool) -> QuerySet[Any, Any]:
    conditions = [Q((row.account.replace(".", "__"), Value(ACCOUNT))), AnyOf(F(row.public_id), IDS)]
    columns = {"id": F(row.public_id), "called": F(row.name)}
    if within := CONTAINERS[row.kind]:
        conditions.append(AnyOf(F(f"{within}__slug"), WITHIN))
        columns["within"] = F(f"{within}__slug")
    if row.app is not None:
        around = f"{row.app.replace('.', '__')}_id" if row.app else "pk"
        conditions.append(AnyOf(F(around), AROUND))
        columns["around"] = F(around)
    if row.kind == "token":
        conditions.append(Q(revoked_at=None))
    if own:
        conditions.append(Q(user_id=Value(READER)))
    return _columns(row.model._base_manager.filter(*conditions), row.kind, **columns)


def _people() -> QuerySet[Any, Any]:
    """Those who are in the account, or work on its apps: nobody else's name is told."""
    here = Exists(Member.objects.filter(account_id=Value(ACCOUNT), user=OuterRef("pk")))
    beside = Exists(Collaborator.objects.filter(app__account_id=Value(ACCOUNT), user=OuterRef("pk")))
    people = User.objects.filter(Q(here) | Q(beside), AnyOf(F("slug"), IDS))
    full_name = Trim(Concat("first_name", Value(" "), "last_name"))
    called = Case(When(first_name="", last_name="", then=F("slug")), default=full_name)
    return _columns(people, "user", id=F("slug"), called=called)


def _columns(rows: QuerySet[Any, Any], kind: str, **columns: Any) -> QuerySet[Any, Any]:
    """Return rows as ``Thing`` has them, with the name; what is not given is empty."""
    texts = {name: Cast(columns.get(name, Value("")), TextField()) for name in ("id", "within", "called")}
    around = Cast(columns.get("around", Value(0)), BigIntegerField())
    named = (Cast(Value(kind), TextField()), texts["id"], texts["within"], around, texts["called"])
    return rows.order_by().values_list(*named)


def thing_of(entry: Entry, position: int = 0) -> Thing | None:
    """Return what a target of an entry is; None where there is none, and for kinds that nothing becomes of."""
    targets = entry.event["targets"]
    if position >= len(targets):
        return None
    kind, public_id = targets[position]["type"], targets[position].get("id", "")
    if kind == "user":
        return Thing("user", public_id)
    row = KEPT.get(kind)
    if row is None:
        return None
    inner = targets[position + 1 : position + 2] if CONTAINERS[kind] else []
    around = entry.app_id or 0 if row.app is not None else 0
    return Thing(kind, public_id, inner[0].get("id", "") if inner else "", around)


def actor_of(entry: Entry) -> Thing | None:
    """Return the person who acted; None for nobody, and for somebody who is erased."""
    return Thing("user", entry.subject.slug) if entry.subject and entry.subject.slug else None


def things_in(rows: Iterable[Entry], whole: Iterable[Entry]) -> Iterator[Thing]:
    """Yield what rows are about and who acted; of some entries all that they name."""
    for entry in rows:
        yield from filter(None, (thing_of(entry), actor_of(entry)))
    for entry in whole:
        for position in range(len(entry.event["targets"])):
            if thing := thing_of(entry, position):
                yield thing
        if app := entry.event["app"]:
            yield Thing("app", app["id"], "", entry.app_id or 0)
        yield from filter(None, [actor_of(entry)])


def ended_by(entry: Entry) -> bool:
    """Whether an entry is itself the end of what it is about, of which there is nothing to add."""
    targets = entry.event["targets"]
    return entry.success and bool(targets) and entry.operation in ENDS.get(targets[0]["type"], ())


def ends_of(entries: EntryQuerySet, since: datetime, things: Sequence[Thing], zone: tzinfo | None) -> dict[Thing, str]:
    """Say when things ended after a time and who ended them, as far as these entries tell: one query.

    Unordered and unlimited, so that the database looks for the things and does not read the account in order of time;
    a thing ends once for each time that its id is given.
    """
    if not things:
        return {}
    told = entries.since(since).succeeded().order_by()
    branches = [
        told.with_target(thing.kind, thing.id)
        .filter(operation__in=ENDS[thing.kind], targets__0={"id": thing.id, "type": thing.kind})
        .filter(**({"app_id": thing.around} if thing.around else {}))
        .values_list(Value(position), "id", "operation", *(f"subject__{part}" for part in Subject.NAMING))
        for position, thing in enumerate(things)
    ]
    found = branches[0].union(*branches[1:], all=True) if branches[1:] else branches[0]
    ends: dict[Thing, str] = {}
    for position, entry_id, operation, *naming in sorted(found, key=lambda row: row[1], reverse=True):
        ends[things[position]] = _told(Operation(operation), time_of(entry_id).astimezone(zone), _by(naming))
    return ends


def _by(naming: list[Any]) -> str:
    """Return a person's name, as it was then; "" for nobody."""
    if all(part is None for part in naming):
        return ""
    return Subject(**dict(zip(Subject.NAMING, naming, strict=True))).full_name or ERASED


def _told(operation: Operation, time: datetime, by: str) -> str:
    """Return what happened, when and by whom: "deleted Nov 3 by Ana Admin"."""
    this_year = time.year == timezone.now().astimezone(time.tzinfo).year
    day = f"{time:%b} {time.day}" if this_year else f"{time:%b} {time.day}, {time.year}"
    return f"{VERBS.get(operation, 'deleted')} {day}{f' by {by}' if by else ''}"
