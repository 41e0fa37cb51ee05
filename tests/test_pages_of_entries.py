"""Pages of the log: every entry once, in order, in one query, at the same cost at any depth."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from random import Random
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Member
from accounts.roles import Role
from auditlog import querysets
from auditlog.canonical import leaf_of
from auditlog.ids import new_id
from auditlog.models import Entry
from auditlog.querysets import COUNT_LIMIT, EntryQuerySet, Page
from controlcenter.context import acting_as
from controlcenter.operations import Operation

from .factories import AppFactory, MemberFactory, People, make_people

pytestmark = pytest.mark.django_db

ACME, GLOBEX = 1001, 1002
START = datetime(2026, 8, 1, tzinfo=UTC)
IP, LEAF = ip_address("192.0.2.1"), leaf_of(b"{}")
OPERATIONS = [Operation.MODEL_CREATE, Operation.MODEL_UPDATE, Operation.MODEL_DELETE]


def write(rows: int, account: int = ACME, apps: int = 5, seed: int = 7) -> None:
    """Copy random entries of three months straight into the table: reading them is what is tested here."""
    random = Random(seed)  # noqa: S311
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY auditlog_entry (account_id, id, app_id, actor_id, actor_kind, operation, success, source_ip,"
            " request_id, targets, body, leaf) FROM STDIN"
        ) as copy,
    ):
        for row in range(rows):
            at = START + timedelta(microseconds=random.randrange(90 * 86_400 * 10**6))
            app = int(random.paretovariate(1)) % apps + 1
            kind = random.choice(OPERATIONS)
            target = json.dumps([{"id": f"model-{row % 10}", "type": "model"}])
            copy.write_row(
                (account, new_id(at, row), app, row % 3, 1, int(kind), row % 7 != 0, IP, "", target, b"{}", LEAF)
            )


def older(entries: EntryQuerySet, size: int) -> Iterator[Page]:
    page = entries.page(size)
    while True:
        yield page
        if not page.has_older:
            return
        page = entries.page(size, older_than=page.entries[-1].id)


def newer(entries: EntryQuerySet, size: int, start: UUID) -> Iterator[Page]:
    page = entries.page(size, newer_than=start)
    while True:
        yield page
        if not page.has_newer:
            return
        page = entries.page(size, newer_than=page.entries[0].id)


def ids(entries: Any) -> list[UUID]:
    return [entry.id for entry in entries]


SCOPES: dict[str, Callable[[EntryQuerySet], EntryQuerySet]] = {
    "all": lambda entries: entries,
    "one app": lambda entries: entries.for_apps([2]),
    "two apps": lambda entries: entries.for_apps([1, 2]),
    "all apps and one that is not there": lambda entries: entries.for_apps([1, 2, 3, 4, 5, 99]),
    "rare apps": lambda entries: entries.for_apps([4, 5]),
    "an app named twice": lambda entries: entries.for_apps([2, 2, 3, 3]),
    "own": lambda entries: entries.by_actor(1),
    "own in two apps": lambda entries: entries.by_actor(1).for_apps([1, 3]),
    "apps first, then dates": lambda entries: entries.for_apps([1, 3]).since(START + timedelta(days=20)),
    "two apps in August": lambda entries: entries.before(START + timedelta(days=31)).for_apps([1, 2]),
    "failures": lambda entries: entries.failed(),
    "failures of three apps": lambda entries: entries.failed().for_apps([1, 2, 3]),
    "two operations": lambda entries: entries.with_operation(*OPERATIONS[:2]),
    "a target": lambda entries: entries.with_target("model", "model-3"),
    "a target in two apps": lambda entries: entries.for_apps([1, 2]).with_target("model", "model-3"),
}
every_scope = pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES)


@pytest.fixture
def entries() -> EntryQuerySet:
    write(400)
    write(100, account=GLOBEX, seed=8)
    return Entry.objects.for_account(ACME)


@every_scope
@pytest.mark.parametrize("size", [1, 7, 50])
def test_walking_older_shows_each_entry_once_in_order(
    entries: EntryQuerySet, scope: Callable[[EntryQuerySet], EntryQuerySet], size: int
) -> None:
    wanted = scope(entries)
    expected = ids(wanted.order_by("-id"))
    if size == 1:
        wanted, expected = (
            wanted.since(START + timedelta(days=80)),
            ids(wanted.since(START + timedelta(days=80)).order_by("-id")),
        )

    pages = list(older(wanted, size))

    assert [entry_id for page in pages for entry_id in ids(page.entries)] == expected
    assert all(len(page.entries) == size for page in pages[:-1])
    assert [page.has_newer for page in pages] == [False] + [True] * (len(pages) - 1)
    assert {page.count for page in pages if page.entries} <= {len(expected)}


@every_scope
def test_walking_newer_shows_each_entry_once_in_order(
    entries: EntryQuerySet, scope: Callable[[EntryQuerySet], EntryQuerySet]
) -> None:
    wanted = scope(entries)
    expected = ids(wanted.order_by("-id"))

    pages = list(newer(wanted, 7, expected[-1]))

    assert [entry_id for page in reversed(pages) for entry_id in ids(page.entries)] == expected[:-1]
    assert all(page.has_older for page in pages)


@every_scope
@pytest.mark.parametrize("size", [7, 50])
def test_walking_from_the_oldest_shows_each_entry_once_in_order_there_and_back(
    entries: EntryQuerySet, scope: Callable[[EntryQuerySet], EntryQuerySet], size: int
) -> None:
    wanted = scope(entries)
    expected = ids(wanted.order_by("id"))

    there = [wanted.page(size, oldest_first=True)]
    while there[-1].has_newer:
        there.append(wanted.page(size, newer_than=there[-1].entries[-1].id, oldest_first=True))
    back = [there[-1]]
    while back[-1].has_older and (page := wanted.page(size, older_than=back[-1].entries[0].id, oldest_first=True)):
        back.append(page)

    assert [entry_id for page in there for entry_id in ids(page.entries)] == expected
    assert [page.has_older for page in there] == [False] + [True] * (len(there) - 1)
    assert [entry_id for page in reversed(back) for entry_id in ids(page.entries)] == expected
    assert {page.count for page in there} == {len(expected)}


def test_there_and_back_is_the_same_page(entries: EntryQuerySet) -> None:
    first = entries.page(20)
    second = entries.page(20, older_than=first.entries[-1].id)
    assert ids(entries.page(20, newer_than=second.entries[0].id).entries) == ids(first.entries)


def test_beyond_the_ends_there_is_nothing(entries: EntryQuerySet) -> None:
    newest, oldest = entries.order_by("-id")[0], entries.order_by("id")[0]
    after, before = entries.page(5, newer_than=newest.id), entries.page(5, older_than=oldest.id)
    assert (after.entries, after.has_newer, after.has_older) == ([], False, True)
    assert (before.entries, before.has_newer, before.has_older) == ([], True, False)


def test_the_last_page_that_is_just_full_has_no_older(entries: EntryQuerySet) -> None:
    assert not entries.page(400).has_older
    assert entries.page(399).has_older


NOTHING: dict[str, Callable[[EntryQuerySet], EntryQuerySet]] = {
    "an account without entries": lambda entries: Entry.objects.for_account(-1),
    "none": lambda entries: entries.none(),
    "no app": lambda entries: entries.for_apps([]),
    "no operation": lambda entries: entries.with_operation(),
    "an unknown app": lambda entries: entries.for_apps([99]),
    "unknown apps": lambda entries: entries.for_apps([98, 99]),
    "before everything": lambda entries: entries.before(START),
}


@pytest.mark.parametrize("scope", NOTHING.values(), ids=NOTHING)
def test_nothing_is_an_empty_page(entries: EntryQuerySet, scope: Callable[[EntryQuerySet], EntryQuerySet]) -> None:
    page = scope(entries).page(50)
    assert (page.entries, page.has_newer, page.has_older, page.count) == ([], False, False, 0)


@every_scope
def test_a_page_is_one_query(entries: EntryQuerySet, scope: Callable[[EntryQuerySet], EntryQuerySet]) -> None:
    with CaptureQueriesContext(connection) as captured:
        page = scope(entries).page(50)
        assert all(entry.subject is None for entry in page.entries)
    assert len(captured) == 1


def test_other_accounts_do_not_show(entries: EntryQuerySet) -> None:
    assert {entry.account_id for page in older(entries, 50) for entry in page.entries} == {ACME}
    assert entries.page(1).count == 400


# Counting


def test_the_count_stops_at_the_limit(entries: EntryQuerySet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(querysets, "COUNT_LIMIT", 100)
    assert entries.count_capped() == 101
    assert entries.page(10).count == 101
    assert entries.for_apps([1, 2]).page(10).count == 101
    assert COUNT_LIMIT == 10_000


# Who sees what


@pytest.fixture
def people() -> People:
    people = make_people()
    for person in (people.owner, people.member, people.stranger):
        with acting_as(person.as_actor()):
            AppFactory(account=people.acme)
            AppFactory(account=person.home)
    return people


def actors_seen_by(member: Member) -> set[int | None]:
    page = Entry.objects.visible_to(member).page(1000)
    assert {entry.account_id for entry in page.entries} <= {member.account_id}
    return {entry.actor_id for entry in page.entries}


def test_an_owner_sees_what_everyone_did(people: People) -> None:
    owner = Member.objects.get(account=people.acme, user=people.owner)
    assert actors_seen_by(owner) >= {people.owner.pk, people.member.pk, people.stranger.pk}


def test_a_member_sees_their_own_entries(people: People) -> None:
    assert actors_seen_by(Member.objects.get(account=people.acme, user=people.member)) == {people.member.pk}


def test_a_stranger_sees_only_their_own_organization(people: People) -> None:
    stranger = Member.objects.get(user=people.stranger)
    assert stranger.account != people.acme
    assert people.owner.pk not in actors_seen_by(stranger)


def test_a_financial_manager_sees_nothing(people: People) -> None:
    finance = MemberFactory(account=people.acme, role=Role.FINANCIAL_MANAGER)
    assert actors_seen_by(finance) == set()


# Cost: as the planner sees it, with statistics of a table that is large enough to matter.


def nodes_of(entries: EntryQuerySet, **cursor: Any) -> Iterator[dict[str, Any]]:
    """Yield the steps that finding a page takes; its count, which stops at a limit of its own, is left out."""
    with CaptureQueriesContext(connection) as captured:
        entries.page(50, **cursor)
    with connection.cursor() as raw:
        raw.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {captured[0]['sql']}")
        plan = raw.fetchone()[0]
    yield from _walk((plan if isinstance(plan, list) else json.loads(plan))[0]["Plan"])


def _walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if node.get("Parent Relationship") != "InitPlan":
        yield node
        for part in node.get("Plans", ()):
            yield from _walk(part)


def rows_read(nodes: list[dict[str, Any]]) -> Any:
    """Return how many entries were touched, those that a filter threw away included."""
    return sum(
        float(node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in nodes
        if "Scan" in node["Node Type"] and node.get("Relation Name", "").startswith("auditlog_entry")
    )


@pytest.fixture(scope="module")
def many(django_db_setup: None, django_db_blocker: Any) -> Iterator[EntryQuerySet]:
    """Thirty thousand entries in an account of many; they stay for this module only."""
    with django_db_blocker.unblock():
        write(30_000, account=GLOBEX + 1, apps=40)
        write(10_000, account=GLOBEX + 2, apps=40, seed=9)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE auditlog_entry")
    yield Entry.objects.for_account(GLOBEX + 1)
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("TRUNCATE auditlog_entry")
        cursor.execute("SET session_replication_role = origin")


SHAPES: dict[str, tuple[int, Callable[[EntryQuerySet], EntryQuerySet]]] = {
    "all": (1, lambda entries: entries),
    "a frequent app": (1, lambda entries: entries.for_apps([2])),
    "a rare app": (1, lambda entries: entries.for_apps([33])),
    "rare apps": (3, lambda entries: entries.for_apps([31, 33, 37])),
    "frequent and rare apps": (3, lambda entries: entries.for_apps([2, 3, 33])),
    "own": (1, lambda entries: entries.by_actor(2)),
}


@pytest.mark.parametrize(("apps", "scope"), SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("depth", [0, 10_000])
def test_a_page_touches_hardly_more_entries_than_it_shows(
    many: EntryQuerySet, scope: Callable[[EntryQuerySet], EntryQuerySet], apps: int, depth: int
) -> None:
    cursor = {"older_than": many.newest_first()[depth].id} if depth else {}
    nodes = list(nodes_of(scope(many), **cursor))
    shown = 51
    assert rows_read(nodes) <= 3 * apps * shown  # of 30,000
    assert max((node["Actual Rows"] for node in nodes if node["Node Type"] == "Sort"), default=0) <= apps * shown
