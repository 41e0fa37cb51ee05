"""Counts by time are those of a plain loop over the entries, however much is rolled up, in any zone."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from random import Random
from threading import Barrier, Event, Thread
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from django.core.management import call_command
from django.db import DataError, OperationalError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import Account
from auditlog import counting, hours
from auditlog.background import repeat
from auditlog.buckets import buckets_of
from auditlog.counting import Count, Counting, Counts, Values
from auditlog.events import Event as LogEvent
from auditlog.events import Target
from auditlog.hours import Dimension, roll_up
from auditlog.ids import new_id
from auditlog.models import Entry
from auditlog.periods import Period
from auditlog.recorder import COLUMNS, record_events
from controlcenter.context import SYSTEM, Actor, Context, acting_as
from controlcenter.operations import Operation
from controlcenter.replica import NotHere

from .factories import AccountFactory, AppFactory, UserFactory
from .history import LONG_AGO

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/New_York")
OPERATIONS = (Operation.MODEL_CREATE, Operation.MODEL_DELETE, Operation.WORKFLOW_UPDATE, Operation.APPLICATION_UPDATE)
CLOCK_CHANGES = (datetime(2026, 10, 25, 1, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC))
EVERYTHING = Values()


class World:
    """An account with a few apps and people, and entries at random times, many of them where it is difficult."""

    def __init__(self, seed: int = 1) -> None:
        self.rng = Random(seed)  # noqa: S311  (the same entries every time)
        with acting_as(SYSTEM, at=LONG_AGO):
            self.account: Account = AccountFactory()
            self.apps = [AppFactory(account=self.account) for _ in range(3)]
            self.users = [UserFactory() for _ in range(3)]
        self.actors: list[Actor] = [*(user.as_actor() for user in self.users), SYSTEM]

    def event(self) -> LogEvent:
        rng = self.rng
        time = NOW - timedelta(days=rng.choice((0.05, 2, 40, 300))) * rng.random()
        if rng.random() < 0.3:
            time = rng.choice((*CLOCK_CHANGES, NOW - timedelta(minutes=30))) + timedelta(
                minutes=rng.randrange(-180, 180)
            )
        if rng.random() < 0.3:
            time = time.replace(minute=rng.choice((0, 15, 30, 45)), second=0, microsecond=rng.choice((0, 999_999)))
        app = rng.choice((None, *self.apps))
        failure = rng.random() < 0.2
        return LogEvent(
            rng.choice(OPERATIONS),
            self.account.pk,
            time,
            Context(rng.choice(self.actors)),
            (app.pk, Target("app", app.slug, app.name)) if app else None,
            [],
            sentence="Something",
            code="denied" if failure else "",
            failure="No." if failure else "",
        )

    def write(self, count: int) -> None:
        with transaction.atomic():
            record_events([self.event() for _ in range(count)])

    def period(self) -> Period:
        zone = ZoneInfo(self.rng.choice(ZONES))
        begins = NOW - timedelta(days=self.rng.choice((0.02, 0.3, 2, 30, 250, 600))) * self.rng.random()
        ends = begins + timedelta(days=self.rng.choice((0.01, 0.2, 1, 7, 90, 400))) * self.rng.random()
        if self.rng.random() < 0.6:
            return Period("custom", begins.astimezone(zone).date(), ends.astimezone(zone).date(), zone)
        return Period.between(begins, ends + timedelta(minutes=1), zone)

    def values(self) -> Values:
        dimension = self.rng.choice([*Dimension])
        of = {
            Dimension.ALL: [0],
            Dimension.APP: [app.pk for app in self.apps],
            Dimension.ACTOR: [user.pk for user in self.users],
            Dimension.OPERATION: [int(operation) for operation in OPERATIONS],
        }[dimension]
        return Values(dimension, self.rng.sample(of, self.rng.randint(1, len(of))))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def other_session() -> Iterator[Any]:
    """A second connection to the same database, with a transaction that is never finished by itself."""
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as session:
        session.prepare_threshold = None
        yield session
        session.rollback()


def roll_up_all() -> None:
    while roll_up():
        pass


def column(values: Values) -> str:
    return hours.COLUMNS.get(values.dimension, "")


def plain(world: World, edges: Any, values: Values) -> list[Count]:
    """Count in a plain loop over all entries."""
    found: Counter[tuple[int, bool]] = Counter()
    for entry in Entry.objects.for_account(world.account.pk):
        if values.dimension is Dimension.ALL or getattr(entry, column(values)) in values.values:
            bucket = next((n for n in range(len(edges) - 1) if edges[n] <= entry.time < edges[n + 1]), None)
            if bucket is not None:
                found[bucket, entry.success] += 1
    return [Count(found[n, True], found[n, False]) for n in range(len(edges) - 1)]


def total(counts: list[Count]) -> int:
    return sum(map(sum, counts))


def counted(world: World, edges: Any, values: Values = EVERYTHING, readable: Values = EVERYTHING) -> Counts:
    counts = Counting(world.account.pk, readable, edges).exactly(values)
    assert counts
    return counts


def whole_year(world: World) -> Any:
    return buckets_of(Period("custom", (NOW - timedelta(days=365)).date(), NOW.date(), ZoneInfo("UTC")), LONG_AGO).edges


# Exact


@pytest.mark.parametrize("seed", range(8))
def test_counts_are_those_of_a_plain_loop(seed: int, other_session: Any) -> None:
    world = World(seed)
    world.write(120)
    roll_up_all()
    world.write(40)
    write_elsewhere(other_session, world)  # Open while we roll up …
    world.write(40)
    roll_up_all()
    other_session.commit()  # … and committed afterwards, as an older transaction than some that are counted.
    for _ in range(20):
        period, values = world.period(), world.values()
        kept_since = NOW - timedelta(days=world.rng.choice((10.123, 200.456, 900)))
        if period.ends <= kept_since:
            continue
        edges = buckets_of(period, kept_since).edges
        counts = counted(world, edges, values)
        assert counts.matching == plain(world, edges, values), (period, values)
        assert counts.all == plain(world, edges, EVERYTHING), period
        directly = Counting(world.account.pk, EVERYTHING, edges).as_far_as_possible(entries_with(world, values, edges))
        assert directly == counts, period


def test_most_of_it_comes_from_the_hourly_counts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.write(300)
    roll_up_all()
    monkeypatch.setattr(counting, "MOST_LIVE", 0)
    edges = whole_year(world)
    assert total(counted(world, edges).matching) == total(plain(world, edges, EVERYTHING)) > 200


def test_what_one_may_not_read_is_in_neither_count(world: World) -> None:
    world.write(60)
    roll_up_all()
    world.write(30)
    own = Values(Dimension.ACTOR, [world.users[0].pk])
    edges = whole_year(world)
    counts = Counting(world.account.pk, own, edges).exactly()
    assert counts
    assert counts.matching == plain(world, edges, own)


def test_accounts_are_kept_apart(world: World) -> None:
    world.write(20)
    other = World(2)
    other.write(30)
    roll_up_all()
    edges = whole_year(world)
    assert total(counted(world, edges).matching) == total(plain(world, edges, EVERYTHING)) < 20 + 1


@pytest.mark.parametrize("zone", ZONES)
def test_a_day_of_any_zone_needs_no_entry_to_be_read(zone: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.write(60)
    roll_up_all()
    monkeypatch.setattr(counting, "MOST_LIVE", 0)
    edges = buckets_of(Period("custom", (NOW - timedelta(days=60)).date(), NOW.date(), ZoneInfo(zone)), LONG_AGO).edges
    assert counted(world, edges).matching == plain(world, edges, EVERYTHING)


# In one statement, and not for ever


def test_it_is_one_statement(world: World) -> None:
    world.write(5)
    edges = whole_year(world)
    look = Counting(world.account.pk, EVERYTHING, edges)
    for count in (look.exactly, lambda: look.as_far_as_possible(Entry.objects.for_account(world.account.pk))):
        with CaptureQueriesContext(connection) as captured:
            count()
        assert len(captured) == 1


def test_it_stops_when_the_hourly_counts_are_far_behind(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.write(30)
    monkeypatch.setattr(counting, "MOST_LIVE", 9)
    look = Counting(world.account.pk, EVERYTHING, whole_year(world))
    assert look.exactly() is None
    beside = look.as_far_as_possible(entries_with(world, EVERYTHING, look.edges))
    assert beside.all is None
    assert beside.matching == plain(world, look.edges, EVERYTHING)
    roll_up_all()
    assert look.exactly() is not None


def test_counting_ends_when_patience_does(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.write(60)
    monkeypatch.setattr(counting, "PATIENCE", timedelta())
    edges = whole_year(world)
    counts = Counting(world.account.pk, EVERYTHING, edges).as_far_as_possible(entries_with(world, EVERYTHING, edges))
    assert counts.since == edges[-1]
    assert total(counts.matching) == 0
    monkeypatch.setattr(counting, "PATIENCE", timedelta(milliseconds=3))
    counts = Counting(world.account.pk, EVERYTHING, edges).as_far_as_possible(entries_with(world, EVERYTHING, edges))
    since = counts.since or edges[0]
    newest = [count for count, begins in zip(counts.matching, edges, strict=False) if begins >= since]
    assert newest == plain(world, edges, EVERYTHING)[len(counts.matching) - len(newest) :]


# Rolling up


def test_it_adds_nothing_twice_and_leaves_nothing_out(world: World) -> None:
    edges = whole_year(world)
    for _ in range(5):
        world.write(10)
        roll_up()
        roll_up()
        assert counted(world, edges).matching == plain(world, edges, EVERYTHING)


def test_it_waits_for_transactions_that_are_open(world: World, other_session: Any) -> None:
    world.write(10)
    roll_up_all()
    before = rolled(world)
    write_elsewhere(other_session, world)
    world.write(10)
    roll_up_all()
    assert rolled(world) == before
    other_session.commit()
    roll_up_all()
    assert rolled(world) == before + 11


def test_a_large_backlog_is_taken_in_steps(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    roll_up_all()
    monkeypatch.setattr(hours, "SETTLED", hours.SETTLED.replace(f"LIMIT {hours.STEP}", "LIMIT 10"))
    monkeypatch.setattr(hours, "STEP", 10)
    before, steps = rolled(world), 0
    for _ in range(10):
        world.write(5)
    while roll_up():
        steps += 1
    assert 2 <= steps <= 10
    assert rolled(world) == before + 50


def test_an_interrupted_step_has_done_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.write(10)
    roll_up_all()
    before = rolled(world)
    world.write(10)
    with monkeypatch.context() as broken:
        broken.setattr(hours, "MOVE", "SELECT %s::int / 0")
        with pytest.raises(DataError):
            roll_up()
    assert rolled(world) == before
    roll_up_all()
    assert rolled(world) == before + 10


def test_of_several_at_once_one_works(world: World) -> None:
    world.write(40)
    before, together = rolled(world), Barrier(4)

    def work() -> None:
        together.wait()
        roll_up_all()
        connections.close_all()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    roll_up_all()
    assert rolled(world) == before + len(Entry.objects.for_account(world.account.pk))


def test_nobody_waits_for_who_rolls_up(world: World, other_session: Any) -> None:
    other_session.execute("SELECT pg_advisory_xact_lock(%s)", [hours.LOCK])
    world.write(10)
    before = rolled(world)
    assert roll_up() is False
    assert rolled(world) == before
    edges = whole_year(world)
    assert counted(world, edges).matching == plain(world, edges, EVERYTHING)


def test_a_log_from_another_cluster_is_counted_anew(world: World) -> None:
    world.write(20)
    roll_up_all()
    with connection.cursor() as cursor:  # As if restored from where transactions had got further.
        cursor.execute("UPDATE auditlog_hours_rolled SET cluster = cluster - 1, xid = '9000000000000'")
    world.write(20)
    edges = whole_year(world)
    assert counted(world, edges).matching == plain(world, edges, EVERYTHING)
    roll_up_all()
    assert rolled(world) == len(Entry.objects.for_account(world.account.pk))
    world.write(5)
    assert counted(world, edges).matching == plain(world, edges, EVERYTHING)


def test_entries_numbered_by_another_cluster_are_counted_once(world: World) -> None:
    world.write(10)
    write_elsewhere(None, world, xid=9_000_000_000_000)
    roll_up_all()
    world.write(10)
    roll_up_all()
    edges = whole_year(world)
    assert counted(world, edges).matching == plain(world, edges, EVERYTHING)


def test_the_command_counts_what_is_settled(world: World) -> None:
    world.write(20)
    before = rolled(world)
    call_command("roll_up_log", once=True, stdout=StringIO())
    assert rolled(world) > before


@pytest.mark.parametrize("error", [OperationalError("gone\nfor now"), NotHere("gone\nto the primary")])
def test_the_command_goes_on_after_an_error_and_ends_when_asked(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    end, worked = Event(), []

    def work() -> bool:
        worked.append(1)
        if len(worked) == 1:
            raise error
        if len(worked) == 4:
            end.set()
        return len(worked) < 3

    repeat(work, 0, end)
    assert len(worked) == 4
    assert "Trying again soon: gone" in caplog.text


def rolled(world: World) -> int:
    """Return how many entries of the account are in the hourly counts."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT coalesce(sum({' + '.join(hours.COUNTS)}), 0) FROM auditlog_hour "  # noqa: S608
            "WHERE account_id = %s AND dimension = 0",
            [world.account.pk],
        )
        return int(cursor.fetchone()[0])


def entries_with(world: World, values: Values, edges: Any) -> Any:
    entries = Entry.objects.for_account(world.account.pk).since(edges[0]).before(edges[-1])
    return entries.filter(**{f"{column(values)}__in": values.values}) if column(values) else entries


def write_elsewhere(session: Any, world: World, xid: int | None = None) -> None:
    """Write an entry again, an hour earlier, in another session's open transaction; or here, numbered as told."""
    entry = Entry.objects.for_account(world.account.pk).newest_first()[0]
    columns = ", ".join(name for name in COLUMNS if name != "id")
    number = "pg_current_xact_id()" if xid is None else f"'{xid}'::xid8"
    with connection.cursor() as cursor:
        (session or cursor).execute(
            f"INSERT INTO auditlog_entry (id, xid, {columns}) SELECT %s, {number}, {columns} "  # noqa: S608
            "FROM auditlog_entry WHERE id = %s",
            [new_id(entry.time - timedelta(hours=1)), entry.id],
        )
