"""Whoever asks, and however: the API, the page's filters and a plain loop over the same entries find the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from itertools import chain, count
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from accounts.models import Member
from controlcenter.operations import Operation as Op
from tests.factories import AppFactory, MemberFactory, make_people

from .logs import Searcher, event, ids, write

DAYS = 8
END = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=2)
START = END - timedelta(days=DAYS)
PEOPLE, APPS, MODELS = ("olga", "max", "ada", "eve"), ("vision", "speech", "text"), ("detector", "reader", "ranker")
ADDRESSES = ("203.0.113.7", "203.0.113.8", "198.51.100.1", "2001:db8::1", "2001:db8:1::1", None)
NETWORKS = ("203.0.113.0/24", "203.0.113.8/31", "198.51.0.0/16", "2001:db8::/32", "0.0.0.0/0", "192.0.2.0/24")
OPERATIONS = (
    Op.MODEL_CREATE,
    Op.MODEL_VERSION_UPDATE,
    Op.MODEL_VERSION_PUBLISH,
    Op.APPLICATION_CREATE,
    Op.APPLICATION_DUPLICATE,
    Op.ORGANIZATION_CREATE,
    Op.ORGANIZATION_MEMBER_ADD,
    Op.USER_SIGN_IN,
)


@dataclass
class Plain:
    """An entry as plain values."""

    id: str
    time: datetime
    person: str
    operation: Op
    targets: set[tuple[str, str]]
    app: str
    success: bool
    ip: str | None


@dataclass(repr=False)
class World:
    """A log whose entries are known, and who asks for them."""

    entries: list[Plain]
    searcher: Searcher
    member: Member

    def __post_init__(self) -> None:
        self.known = {entry.id for entry in self.entries}

    def those(self, found: Any) -> list[str]:
        return [entry_id for entry_id in found if entry_id in self.known]


@pytest.fixture
def world(db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> World:
    settings.API_REQUESTS_PER_MINUTE = 10**6
    monkeypatch.setattr("auditlog.api.record_view", lambda *_: None)  # It would add what is looked for.
    people, random = make_people(), Random(4)  # noqa: S311
    users = {"olga": people.owner, "max": people.member}
    users |= {slug: MemberFactory(account=people.acme, user__slug=slug).user for slug in PEOPLE[2:]}
    apps = {slug: AppFactory(account=people.acme, slug=slug) for slug in APPS}
    entries = [_plain(random, number) for number in range(300)]
    for entry in entries:
        around = (apps[entry.app].pk, entry.app) if entry.app else None
        options: dict[str, Any] = {"ip": entry.ip, "code": "" if entry.success else "in_use", "app": around}
        person = users[entry.person]
        [entry.id] = write(event(people.acme, person, entry.time, entry.operation, *entry.targets, **options))
    member = Member.objects.select_related("account__plan").get(account=people.acme, user=people.owner)
    return World(entries, Searcher(people.owner, people.acme, "audit_log:read"), member)


def _plain(random: Random, number: int) -> Plain:
    app = random.choice((*APPS, ""))
    targets = {("model", random.choice(MODELS))} if random.random() < 0.7 else {("team", random.choice(MODELS))}
    return Plain(
        "",
        # Whole hours are met by the bounds that are asked for; some share their microsecond.
        START + timedelta(hours=random.randrange(DAYS * 24), microseconds=random.choice((0, 0, 1, number))),
        random.choice(PEOPLE),
        random.choice(OPERATIONS),
        targets | ({("app", app)} if app else set()),
        app,
        random.random() < 0.6,
        random.choice(ADDRESSES),
    )


# The API and a plain loop


def some(*values: Any, most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), max_size=most)


times = st.none() | st.builds(
    lambda hours, microseconds: START + timedelta(hours=hours, microseconds=microseconds),
    st.integers(-2, DAYS * 24 + 2),
    st.sampled_from((-1, 0, 1)),
)
bounds = st.tuples(times, times).map(
    lambda pair: (min(pair), max(pair)) if pair[0] and pair[1] else pair  # type: ignore[type-var]
)
targets = st.tuples(st.just("app"), st.sampled_from(APPS)) | st.tuples(
    st.sampled_from(("model", "team")), st.sampled_from((*MODELS, "nothing"))
)
queries = st.fixed_dictionaries(
    {
        "bounds": bounds,
        "people": some(*PEOPLE, "nobody"),
        "operations": some(*OPERATIONS, Op.MODEL_DELETE),
        "base_codes": some(300, 304, 600, 100, 800, most=1),
        "targets": st.lists(targets, max_size=3),
        "success": st.sampled_from((None, True, False)),
        "addresses": some(*(ip for ip in ADDRESSES if ip), *NETWORKS),
    }
)


def as_body(asked: dict[str, Any]) -> dict[str, Any]:
    """Return the query of the API: by name where the operation itself is meant, by number where what it is base of."""
    start, end = asked["bounds"]
    own = [
        operation.name if operation.reported_as != operation else int(operation) for operation in asked["operations"]
    ]
    return {
        "timestamp_from": start and start.isoformat(),
        "timestamp_to": end and end.isoformat(),
        "user_ids": asked["people"],
        "operations": own + asked["base_codes"],
        "targets": [{kind: {"id": public_id}} for kind, public_id in asked["targets"]],
        "success": asked["success"],
        "source_ips": asked["addresses"],
    }


def fits(entry: Plain, asked: dict[str, Any]) -> bool:
    """Say, in plain Python, whether an entry is what was asked for."""
    start, end = asked["bounds"]
    base = {*asked["base_codes"], *(int(own) for own in asked["operations"] if own.reported_as == own)}
    wanted = [
        not start or entry.time >= start,
        not end or entry.time <= end,
        not asked["people"] or entry.person in asked["people"],
        not (base or asked["operations"])
        or entry.operation in asked["operations"]
        or entry.operation.reported_as in base,
        not asked["targets"] or entry.targets & {*asked["targets"]},
        asked["success"] is None or entry.success is asked["success"],
        not asked["addresses"]
        or (entry.ip and any(ip_address(entry.ip) in ip_network(network) for network in asked["addresses"])),
    ]
    return all(wanted)


def by_offset(searcher: Searcher, query: dict[str, Any], per_page: int, **options: Any) -> Iterator[list[str]]:
    for page in count(1):
        found = searcher.search(query, pagination={"page": page, "per_page": per_page}, **options)["entries"]
        yield ids(found)
        if len(found) < per_page:
            return


thorough = settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@thorough
@given(asked=queries, ascending=st.booleans(), per_page=st.sampled_from((7, 60, 1000)))
def test_the_api_finds_what_a_plain_loop_finds(
    world: World, asked: dict[str, Any], ascending: bool, per_page: int
) -> None:
    expected = sorted((entry.id for entry in world.entries if fits(entry, asked)), reverse=not ascending)

    query = as_body(asked)
    by_cursor = list(world.searcher.walk(query, per_page, sort_ascending=ascending))
    by_page = list(by_offset(world.searcher, query, per_page, sort_ascending=ascending))

    assert world.those(chain(*by_cursor)) == expected
    assert list(chain(*by_page)) == list(chain(*by_cursor))
