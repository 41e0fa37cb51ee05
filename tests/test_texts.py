"""Texts are found by their grams as by reading everything, however much is gathered, and with little reading."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import Account
from auditlog import gathering
from auditlog.events import Event, Target
from auditlog.gathering import Texts
from auditlog.hours import roll_up
from auditlog.ids import new_id
from auditlog.models import Entry
from auditlog.querysets import EntryQuerySet
from auditlog.recorder import COLUMNS, record_events
from auditlog.texts import PIECES, Mentions
from controlcenter.context import SYSTEM, Context, acting_as
from controlcenter.operations import Operation

from .factories import AccountFactory
from .history import LONG_AGO

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PIECE = 4
CHUNK = PIECE * PIECES
LATE = 30
NASTY = (
    *(
        "straße STRASSE ẞ",
        "İstanbul ılık I",
        "Cafe\u0301 café",
        "ΟΔΟΣ ὀδός Σ",
        "\u212aelvin \u212bngström ſ",
        "🦉 owl 👩‍👩‍👧",
    ),
    *('say "hello"', "back\\slash \\n \\u00e9", "tab\there", "two\nlines of it", "100 % _ under", "\x7f\x01 control"),
    *('","id":"x","operation":', ',"app":{"id"', '"}],"time":"2026', "null", "日本語のテキスト", "ǅ ǆ Ǆ", "a" * 40),
)


class World:
    """An account with entries in which anything may stand, and one text that stands in a single entry."""

    def __init__(self) -> None:
        self.rng = Random(7)  # noqa: S311  (the same entries every time)
        with acting_as(SYSTEM, at=LONG_AGO):
            self.account: Account = AccountFactory()
        self.said = [self.text() for _ in range(120)]
        self.write(*self.said)
        self.multiply(2 * CHUNK + LATE)

    def text(self) -> str:
        words = [*self.rng.choices(NASTY, k=2), f"{self.rng.getrandbits(64):x}", f"number-{self.rng.randrange(99)}"]
        self.rng.shuffle(words)
        return self.rng.choice((" ", "", "-")).join(words)

    def write(self, *said: str) -> None:
        events = [self._event(text, NOW - timedelta(seconds=number)) for number, text in enumerate(said)]
        with transaction.atomic():
            record_events(events)

    def _event(self, text: str, at: datetime) -> Event:
        rest, name, target = self.rng.sample(range(4), 3), self.text(), self.text()
        places = [text if place == rest[0] else self.text() for place in range(4)]
        changes: dict[str, Any] = {
            "note": [None, places[0]],
            "figures": [[self.rng.randrange(10**9)], {"of": places[1]}],
        }
        thing = Target("model", target, name)
        return Event(
            Operation.MODEL_CREATE, self.account.pk, at, Context(SYSTEM), (5, thing), [thing], changes, places[2]
        )

    def multiply(self, count: int) -> None:
        """Write entries again, so that there are that many."""
        columns = ", ".join(name for name in COLUMNS if name != "id")
        picked = "(SELECT array_agg(id) FROM auditlog_entry WHERE account_id = %s)"
        ids = [new_id(NOW - timedelta(minutes=count - number)) for number in range(count - len(self.said))]
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO auditlog_entry (id, {columns}) SELECT new.id, {columns} FROM "  # noqa: S608
                f"(SELECT id, {picked} AS old, (random() * 119)::int + 1 AS n FROM unnest(%s::uuid[]) AS id) AS new "
                "JOIN auditlog_entry AS entry ON entry.id = old[n]",
                [self.account.pk, ids],
            )
            cursor.execute("ANALYZE auditlog_entry")

    def asked(self) -> Iterator[str]:
        """Parts of what was said, in letters of any size, and what nobody said."""
        for text in self.rng.sample(self.said, 14):
            start = self.rng.randrange(len(text) - 4)
            part = text[start : start + self.rng.randint(4, 24)]
            yield self.rng.choice((str.upper, str.lower, str.title, str))(part)
        yield from ("nobody said this", "a" * 20, str(self.entries.latest("id").id), "12", 'hello"', "\\slash", "OF IT")

    @property
    def entries(self) -> EntryQuerySet:
        return Entry.objects.for_account(self.account.pk)

    def read(self, *said: str) -> list[Any]:
        """The entries with texts, by reading all there are."""
        return ids_of(self.entries.filter(Mentions(said)))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(gathering, "PIECE", PIECE)
    monkeypatch.setattr(gathering, "CHUNK", CHUNK)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM auditlog_text_chunk")  # It is no model's, so nobody empties it after a test.
    return World()


def test_it_finds_what_reading_everything_finds_however_much_is_gathered(world: World) -> None:
    asked = list(world.asked())
    expected = {text: world.read(text) for text in asked}
    assert sum(map(bool, expected.values())) > 12
    for gathered in (0, 1, 2):
        gather(gathered)
        assert chunks() == gathered
        for text in asked:
            assert ids_of(world.entries.mentioning(text)) == expected[text], (gathered, text)
    gather(9)
    assert chunks() == 2, "the rest is no chunk yet"
    world.write("Came later, nobody said this before")
    assert len(world.entries.mentioning("NOBODY said THIS")) == 1

    # With others, and in a part of the time.
    text = asked[0]
    both = world.entries.since(NOW - timedelta(days=5)).before(NOW).mentioning(text, "number-").succeeded()
    assert ids_of(both) == ids_of(
        world.entries.since(NOW - timedelta(days=5)).before(NOW).filter(Mentions((text, "number-")))
    )
    without = world.entries.mentioning(text, excluded=True)
    assert without.count() == world.entries.count() - len(expected[text])

    # A text that is rare costs one query more, and little reading.
    with CaptureQueriesContext(connection) as one:
        page = world.entries.mentioning("Came later, nobody").page(50)
    assert len(page.entries) == 1
    assert len(one) == 2
    assert sum(map(rows_read, one.captured_queries)) < 2 * (LATE + 20) + 30 * PIECE < CHUNK
    with CaptureQueriesContext(connection) as none:
        assert world.entries.mentioning("unheard of").page(50).count == 0
    assert len(none) == 1, "nothing is asked for that is known to be nowhere"
    with CaptureQueriesContext(connection) as several:
        found = world.entries.mentioning("Came later, nobody")
        assert (found.count_capped(), found.page(50).count, found.succeeded().count()) == (1, 1, 1)
    assert len(several) == 4, "looked for once"


def test_it_gathers_each_entry_once_whatever_happens(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = world.read(world.said[0])
    with monkeypatch.context() as broken:
        broken.setattr(gathering, "filters_of", lambda pieces: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            gather(9)
    assert chunks() == 0

    one, other = Texts(), Texts()
    roll_up()
    while one.gather() | other.gather():
        pass
    assert chunks() == 2

    with connection.cursor() as cursor:  # restored into another cluster
        cursor.execute("UPDATE auditlog_text_chunk SET cluster = 1, bits = ''::bytea")
    assert ids_of(world.entries.mentioning(world.said[0])) == expected
    gather(9)
    assert chunks() == 2
    assert ids_of(world.entries.mentioning(world.said[0])) == expected

    with connection.cursor() as cursor:  # of a month that was dropped
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("DELETE FROM auditlog_entry WHERE account_id = %s", [world.account.pk])
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("UPDATE auditlog_text_chunk SET first_id = %s, last_id = %s", [new_id(LONG_AGO)] * 2)
    gather(9)
    assert chunks() == 0


def test_what_comes_between_finding_and_showing_is_told_by_live(world: World) -> None:
    found = world.entries.mentioning("Meanwhile")
    world.write("Meanwhile, first")
    assert found.count() == 1
    world.write("Meanwhile, second")
    page = found.page(50)
    assert len(page.entries) == 1
    assert world.entries.mentioning("Meanwhile").count_since(page.snapshot, 100)[0] == 1


def test_a_body_is_looked_through_but_for_what_no_text_is_looked_for_in(world: World) -> None:
    entry = world.entries.latest("id")
    body = bytes(entry.body).decode()
    looked_through = gathering._looked_through(entry.id, body)
    for name, value in json.loads(body).items():
        known = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True) in looked_through
        assert known is (name not in ("account", "actor", "id", "time", "v", "where")) or len(str(value)) < 3, name


def gather(most: int) -> None:
    """Gather until there are so many chunks, or nothing is left to do."""
    while roll_up():
        pass
    gatherer = Texts()
    while chunks() < most and gatherer.gather():
        pass


def chunks() -> int:
    """Return how many chunks are gathered."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM auditlog_text_chunk")
        return int(cursor.fetchone()[0])


def ids_of(entries: EntryQuerySet) -> list[Any]:
    return sorted(entries.values_list("id", flat=True))


def rows_read(query: dict[str, str]) -> int:
    """Return how many entries a statement looks at."""
    sql = query["sql"].partition("; ")[2] or query["sql"]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # as in a log that is large
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}".replace("%", "%%"), [])
        [[[plan]]] = cursor.fetchall()
    return sum(_rows_of(plan["Plan"]))


def _rows_of(node: dict[str, Any]) -> Iterator[int]:
    if str(node.get("Relation Name", "")).startswith("auditlog_entry"):
        yield int((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
    for part in node.get("Plans", ()):
        yield from _rows_of(part)
