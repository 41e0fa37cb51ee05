"""Following the log: once, without a gap, in the order in which it was sealed, whoever writes meanwhile."""

import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Barrier, BoundedSemaphore, Thread
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from accounts.models import Account, Member, Plan, Token
from accounts.roles import Role
from auditlog import tailing
from auditlog.models import Block, Entry, Seal
from auditlog.positions import Position
from auditlog.recorder import record_events
from auditlog.sealing.sealer import seal
from controlcenter.operations import Operation as Op
from tests.factories import MemberFactory, People
from tests.history import entries_of
from tests.sealing import KEY, seal_or_let_others, sealing

from .logs import Searcher, event, ids, write

SCOPE = "audit_log:read"


class Follower:
    """Somebody who follows acme's log from now on; the sealer comes by just before each call."""

    def __init__(self, searcher: Searcher) -> None:
        self.searcher = searcher
        self.position = self.call(after="now")["position"]

    def call(self, **query: Any) -> dict[str, Any]:
        seal_or_let_others()
        answer = self.searcher.follow(**query)
        assert answer.status_code == 200, answer.content
        found: dict[str, Any] = answer.json()
        return found

    def go_on(self, **query: Any) -> list[str]:
        """Ask once for what came since, and return its ids."""
        found = self.call(after=self.position, **query)
        self.position = found["position"]
        return ids(found["entries"])

    def until_nothing_comes(self, **query: Any) -> list[str]:
        return [entry_id for page in iter(lambda: self.go_on(**query), []) for entry_id in page]


@pytest.fixture(autouse=True)
def key(settings: Settings) -> None:
    settings.SEALING_KEYS = [KEY]


@pytest.fixture
def follower(people: People, settings: Settings) -> Follower:
    settings.API_REQUESTS_PER_MINUTE = 100_000
    return Follower(Searcher(people.owner, people.acme, SCOPE))


@contextmanager
def running(*works: Callable[[], None]) -> Iterator[None]:
    """Run some works beside each other, each with a connection of its own."""

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            connection.close()

    threads = [Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()


def test_what_came_since_comes_once_in_order(follower: Follower, people: People) -> None:
    written = [write(event(people.acme, people.owner))[0] for _ in range(5)]
    assert follower.go_on(per_page=2) == written[:2]
    assert follower.go_on(per_page=2) == written[2:4]
    assert follower.go_on(per_page=2) == written[4:]


def test_when_nothing_came_the_position_stays(follower: Follower) -> None:
    position = follower.position
    assert follower.go_on() == []
    assert follower.position == position
    assert follower.call(after="now")["entries"] == []


def test_entries_of_one_transaction_stay_in_order_over_pages(follower: Follower, people: People) -> None:
    written = write(*(event(people.acme, people.owner) for _ in range(7)))
    assert follower.until_nothing_comes(per_page=3) == written


def test_an_entry_with_an_earlier_time_still_comes(follower: Follower, people: People) -> None:
    now = datetime.now(UTC)
    [new] = write(event(people.acme, people.owner, now))
    assert follower.go_on() == [new]
    [old] = write(event(people.acme, people.owner, now - timedelta(days=3)))
    assert follower.go_on() == [old]


def test_from_the_beginning_it_is_everything_kept(follower: Follower, people: People) -> None:
    days = people.acme.plan.retention_days
    [gone] = write(event(people.acme, people.owner, datetime.now(UTC) - timedelta(days=days + 1)))
    [kept] = write(event(people.acme, people.owner, datetime.now(UTC) - timedelta(days=days - 1)))
    everything = ids(follower.call(per_page=1000)["entries"])
    assert kept in everything
    assert gone not in everything
    assert set(everything) == set(follower.searcher.ids())


def test_an_open_transaction_delays_and_loses_nothing(follower: Follower, people: People) -> None:
    begun, may_end = Barrier(2), Barrier(2)

    def hold_one_open() -> None:
        with transaction.atomic():
            record_events([event(people.acme, people.owner)])
            begun.wait()
            may_end.wait()

    with running(hold_one_open):
        begun.wait()
        later = write(event(people.acme, people.member), event(people.acme, people.member))
        while_it_was_open = follower.go_on()
        may_end.wait()
    assert while_it_was_open == []
    [held, *rest] = follower.go_on()
    assert rest == later
    assert held in follower.searcher.ids()


@pytest.mark.parametrize("per_page", [3, 100])
def test_concurrent_writers_lose_nothing(follower: Follower, people: People, per_page: int) -> None:
    writers, each = 6, 25
    start = Entry.objects.for_account(people.acme.pk).count()
    seen: list[str] = []

    def keep_writing(seed: int) -> Callable[[], None]:
        random = Random(seed)  # noqa: S311

        def work() -> None:
            for number in range(each):
                with transaction.atomic():
                    events = [event(people.acme, people.member) for _ in range(random.randint(1, 3))]
                    record_events(events)
                    time.sleep(random.choice((0, 0.001, 0.05)))
                    if number % 5 == 4:
                        transaction.set_rollback(True)

        return work

    def follow() -> None:
        idle = 0
        while idle < 8:
            page = follower.go_on(per_page=per_page)
            seen.extend(page)
            idle = 0 if page else idle + 1
            time.sleep(0 if page else 0.05)

    with sealing(), running(follow, *map(keep_writing, range(writers))):
        pass
    seen += follower.until_nothing_comes(per_page=per_page)

    rows = [str(row) for row in Entry.objects.for_account(people.acme.pk).values_list("id", flat=True)]
    places = Seal.objects.filter(account_id=people.acme.pk).order_by("seq").values_list("seq", "entry_id")
    assert len(seen) == len(set(seen))
    assert set(seen) <= set(rows)
    assert len(rows) == len(places)
    assert [seq for seq, _ in places] == list(range(1, len(rows) + 1))
    assert seen == [str(entry_id) for _, entry_id in places[start:]]


# Waiting


def test_waiting_ends_soon_after_a_commit(follower: Follower, people: People) -> None:
    committed: list[float] = []

    def write_soon() -> None:
        time.sleep(1)
        write(event(people.acme, people.owner))
        committed.append(time.monotonic())

    with sealing(), running(write_soon):
        found = follower.go_on(wait=20)
        came = time.monotonic()
    assert len(found) == 1
    assert came - committed[0] < 10  # seconds, on a machine that is busy; of 20


def test_waiting_in_vain_answers_with_nothing(follower: Follower) -> None:
    position, begun = follower.position, time.monotonic()
    assert follower.go_on(wait=1) == []
    assert time.monotonic() - begun >= 1
    assert follower.position == position


def test_it_does_not_wait_for_what_is_there(follower: Follower, people: People) -> None:
    write(event(people.acme, people.owner))
    begun = time.monotonic()
    assert len(follower.go_on(wait=20)) == 1
    assert time.monotonic() - begun < 15


def test_what_commits_just_after_a_look_is_found_by_the_next(follower: Follower, people: People) -> None:
    entries = Entry.objects.for_account(people.acme.pk)
    written: list[str] = []

    def look(position: Position) -> tailing.Part:
        found = tailing.read_on(entries, position, 10, "id")
        if not written:
            written.extend(write(event(people.acme, people.owner)))
            seal()
        return found

    start = tailing.end_of(people.acme.pk)
    assert tailing.something_comes(look, start, 3) == start


def test_it_waits_in_no_transaction(follower: Follower, monkeypatch: pytest.MonkeyPatch) -> None:
    states: list[tuple[Any, ...]] = []

    def look_around(seconds: float) -> None:
        states.append((connection.in_atomic_block, connection.connection.info.transaction_status.name))
        time.sleep(seconds)

    monkeypatch.setattr(tailing, "time", type("Clock", (), {"sleep": look_around, "monotonic": time.monotonic}))
    follower.go_on(wait=0.5)
    assert set(states) == {(False, "IDLE")}


def test_only_some_may_wait_at_a_time(follower: Follower, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tailing, "_places", BoundedSemaphore(1))
    with tailing._places:
        begun = time.monotonic()
        assert follower.go_on(wait=20) == []
        assert time.monotonic() - begun < 15
    assert follower.go_on(wait=0.1) == []


def end(what: str, people: People) -> None:
    match what:
        case "token_revoked":
            Token.objects.get(user=people.owner).revoke()
        case "plan_required":
            account = people.acme
            account.plan = Plan.objects.get(slug="community")
            account.save()
        case "role_denied":
            member = Member.objects.get(user=people.owner, account=people.acme)
            member.role = Role.FINANCIAL_MANAGER
            member.save()
        case "not_found":
            Member.objects.get(user=people.owner, account=people.acme).delete()


@pytest.mark.parametrize("what", ["token_revoked", "plan_required", "role_denied", "not_found"])
def test_who_may_no_longer_read_gets_nothing_after_waiting(what: str, follower: Follower, people: People) -> None:
    def end_soon() -> None:
        time.sleep(0.5)
        end(what, people)  # It leaves an entry, which wakes who waits.

    with sealing(), running(end_soon):
        answer = follower.searcher.follow(after=follower.position, wait=20)
    assert answer.json()["status"]["reason"] == what
    assert "entries" not in answer.json()


# Who may, and what is asked wrongly


def test_own_entries_only_for_roles_that_read_their_own(follower: Follower, people: People) -> None:
    own = Follower(Searcher(people.member, people.acme, SCOPE))
    write(event(people.acme, people.owner))
    [theirs] = write(event(people.acme, people.member))
    assert own.go_on() == [theirs]


def test_while_others_write_who_reads_their_own_waits(people: People, follower: Follower) -> None:
    own = Follower(Searcher(people.member, people.acme, SCOPE))

    def write_soon() -> None:
        for person in (people.owner, people.owner, people.owner, people.member):
            time.sleep(0.4)
            write(event(people.acme, person))

    with sealing(), running(write_soon):
        assert len(own.go_on(wait=20)) == 1


def test_other_accounts_do_not_exist(follower: Follower, people: People) -> None:
    theirs = people.stranger.home
    assert theirs
    write(event(theirs, people.stranger))
    assert follower.go_on() == []
    follower.searcher.path = f"/v2/users/{theirs.slug}/audit_log"
    assert follower.searcher.follow().status_code == 404


@pytest.mark.parametrize(
    ("role", "scope", "plan", "reason"),
    [
        (Role.FINANCIAL_MANAGER, SCOPE, "enterprise", "role_denied"),
        (Role.AUDITOR, "apps:read", "enterprise", "scope_missing"),
        (Role.AUDITOR, SCOPE, "essential", "plan_required"),
    ],
)
def test_who_may_not_is_refused_and_recorded(role: Role, scope: str, plan: str, reason: str, people: People) -> None:
    Account.objects.filter(pk=people.acme.pk).update(plan=Plan.objects.get(slug=plan))
    person = MemberFactory(account=people.acme, role=role).user
    answer = Searcher(person, people.acme, scope).follow()
    assert (answer.status_code, answer.json()["status"]["reason"]) == (403, reason)
    [entry] = entries_of(people.acme, Op.LOG_VIEW)
    assert entry.event["failure"]["code"] == reason


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ({"after": "yesterday"}, "after is 'yesterday', which is no position: send the position of the last answer"),
        ({"after": "AAAA"}, "after is 'AAAA'"),
        ({"after": "é" * 32}, "after is"),
        ({"per_page": 0}, "per_page is '0'"),
        ({"per_page": 1001}, "per_page is '1001'"),
        ({"wait": 31}, "wait is '31'"),
        ({"wait": -1}, "wait is '-1'"),
        ({"wait": "nan"}, "wait is 'nan'"),
        ({"untill": "now"}, "'untill' is unknown: known are after, per_page, wait"),
    ],
)
def test_what_is_asked_wrongly_is_named(query: dict[str, Any], complaint: str, follower: Follower) -> None:
    answer = follower.searcher.follow(**query)
    assert answer.status_code == 422
    assert complaint in answer.json()["status"]["details"]


def test_a_position_beyond_the_end_tells_of_a_log_that_was_restored(follower: Follower, people: People) -> None:
    beyond = str(Position(people.acme.pk, 10**6))
    answer = follower.searcher.follow(after=beyond)
    assert answer.status_code == 422
    assert "restored to an earlier state" in answer.json()["status"]["details"]


def test_a_position_in_another_account_is_none(follower: Follower, people: People) -> None:
    answer = follower.searcher.follow(after=str(Position(people.acme.pk + 1, 1)))
    assert answer.status_code == 422
    assert "which is no position" in answer.json()["status"]["details"]


def earlier_position(xid: int) -> str:
    """Return a position as it was before entries had places: a transaction, and an entry in it."""
    return urlsafe_b64encode(xid.to_bytes(8, "big") + bytes(16)).decode()


def test_an_earlier_kind_of_position_goes_on_where_it_was(follower: Follower, people: People) -> None:
    old = write(event(people.acme, people.owner))
    follower.go_on()
    horizon = Block.objects.filter(account_id=people.acme.pk).order_by("-number")[0].horizon
    new = write(event(people.acme, people.owner))
    follower.position = earlier_position(horizon)
    assert follower.go_on() == new
    follower.position = earlier_position(horizon - 1)
    assert follower.go_on()[-2:] == old + new
    follower.position = earlier_position(2**64 - 1)
    assert follower.go_on() == []


def test_without_a_sealer_nothing_comes_and_nothing_is_lost(follower: Follower, people: People) -> None:
    written = write(event(people.acme, people.owner))
    unsealed = follower.searcher.follow(after=follower.position).json()
    assert (unsealed["entries"], unsealed["position"]) == ([], follower.position)
    assert follower.go_on() == written
