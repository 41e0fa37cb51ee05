"""Live: what came since a page was drawn, each entry once, whenever its transaction ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account, Member, Plan
from accounts.roles import Role
from auditlog.live import is_snapshot
from auditlog.models import Entry
from controlcenter.context import SYSTEM, acting_as
from controlcenter.operations import Operation

from .factories import AppFactory, People, make_people
from .history import LONG_AGO, home_of, multiply, sign_in_long_ago, write

pytestmark = pytest.mark.django_db

URL = "/@acme/teams-and-logs/"
NEWER = f"{URL}newer/"


@pytest.fixture
def people() -> People:
    with acting_as(SYSTEM, at=LONG_AGO):
        people = make_people()
        AppFactory(account=people.acme, slug="vision", name="Vision")
    write(people.acme, people.owner, [("Early", timezone.now() - timedelta(hours=1))])
    return people


def say(account: Account, people: People, count: int = 1, at: datetime | None = None) -> None:
    write(account, people.owner, [("New", at or timezone.now()) for _ in range(count)])


class Watcher:
    """Asks as a page does."""

    def __init__(self, client: Client, query: str = "") -> None:
        self.client = client
        self.url: str = client.get(f"{URL}{query}").context["newer_url"]

    def look(self) -> int:
        answer = self.client.get(self.url)
        assert answer.status_code == 200, answer.content
        found = answer.json()
        self.url = self.url.partition("since=")[0] + f"since={found['snapshot']}"
        return int(found["count"])


@contextmanager
def held_open(people: People, count: int, at: datetime) -> Iterator[None]:
    """Inside, a transaction that has written some entries is not committed yet."""
    begun, may_end = Barrier(2, timeout=60), Barrier(2, timeout=60)

    def hold() -> None:
        try:
            with transaction.atomic():
                say(people.acme, people, count, at)
                begun.wait()
                may_end.wait()
        finally:
            connection.close()

    thread = Thread(target=hold)
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        may_end.wait()
        thread.join()


# What is told. What is committed is what counts, so these commit.


@pytest.mark.django_db(transaction=True)
def test_each_new_entry_is_counted_once(page: Client, people: People) -> None:
    watcher = Watcher(page)
    assert watcher.look() == 0
    say(people.acme, people, 3)
    assert [watcher.look(), watcher.look()] == [3, 0]
    say(people.acme, people)
    assert watcher.look() == 1


@pytest.mark.django_db(transaction=True)
def test_what_came_before_the_first_look_is_counted(page: Client, people: People) -> None:
    watcher = Watcher(page)
    say(people.acme, people, 2)
    assert watcher.look() == 2


@pytest.mark.django_db(transaction=True)
def test_only_what_the_filter_lets_through_is_counted(page: Client, people: People) -> None:
    watchers = [Watcher(page, query) for query in ("?status=failure", "?operation=MODEL_CREATE", "?app=vision")]
    for watcher in watchers:
        watcher.look()  # The views of this filter and the others.
    say(people.acme, people)
    assert [watcher.look() for watcher in watchers] == [0, 1, 0]


@pytest.mark.django_db(transaction=True)
def test_an_entry_that_commits_late_is_counted_though_its_id_is_old(page: Client, people: People) -> None:
    narrowed = "?operation=MODEL_CREATE&range=7d"
    Watcher(page, narrowed)  # Looking through a filter is an entry, the first time.
    with held_open(people, 2, at=timezone.now() - timedelta(minutes=30)):
        watcher = Watcher(page, narrowed)
        assert watcher.look() == 0
        say(people.acme, people)
        assert watcher.look() == 1, "what is committed is told, whoever else has not finished"
    assert [watcher.look(), watcher.look()] == [2, 0]


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_never_told(page: Client, people: People) -> None:
    watcher = Watcher(page)
    with transaction.atomic():
        say(people.acme, people)
        transaction.set_rollback(True)
    assert watcher.look() == 0


@pytest.mark.django_db(transaction=True)
def test_an_empty_page_is_told_of_its_first_entry(page: Client, people: People) -> None:
    watcher = Watcher(page, "?operation=WORKFLOW_DELETE")
    assert watcher.look() == 0
    say(people.acme, people)
    assert watcher.look() == 0
    with acting_as(people.owner.as_actor()):
        AppFactory(account=people.acme, slug="fresh")
    fresh = Watcher(page, "?app=fresh&operation=WORKFLOW_DELETE")
    assert fresh.look() == 0


@pytest.mark.django_db(transaction=True)
def test_many_are_counted_up_to_a_hundred(page: Client, people: People) -> None:
    watcher = Watcher(page)
    say(people.acme, people, 250)
    assert [watcher.look(), watcher.look()] == [100, 0]


@pytest.mark.django_db(transaction=True)
def test_others_and_elsewhere_do_not_count(people: People, client: Client) -> None:
    Member.objects.filter(user=people.member).update(role=Role.ORGANIZATION_USER)
    sign_in_long_ago(client, people.member)
    watcher = Watcher(client)
    say(people.acme, people, 3)
    write(home_of(people.stranger), people.stranger, [("Elsewhere", timezone.now())])
    assert watcher.look() == 0
    write(people.acme, people.member, [("Own", timezone.now())])
    assert watcher.look() == 1


# When there is nothing to watch


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", ""),
        ("?range=7d", ""),
        ("?sort=asc", "Live needs the newest entries first. Change the order under Display."),
        ("?range=last-month", "Live needs dates that include today."),
        ("?from=2020-01-01&to=2020-01-02", "Live needs dates that include today."),
        ("?range=never", "Live needs filters that can be used."),
    ],
)
def test_a_page_says_whether_it_can_be_watched(query: str, reason: str, page: Client) -> None:
    response = page.get(URL + query)
    assert response.context.get("not_live", "") == reason
    assert bool(response.context.get("newer_url")) is not bool(reason)
    assert f'title="{reason or "Watch for new entries"}"' in response.content.decode()


def test_only_the_newest_page_can_be_watched(page: Client, people: People) -> None:
    multiply(Entry.objects.filter(operation=Operation.MODEL_CREATE)[0], 60)
    older = page.get(URL).context["page"]["older_url"]
    assert page.get(older).context["not_live"] == "Live needs the newest page. Go back to it."


# Who may ask, and what it costs


def test_who_is_signed_out_is_led_to_sign_in(client: Client, people: People) -> None:
    assert client.get(NEWER).status_code == 302


def test_a_plan_without_the_log_says_so(page: Client, people: People) -> None:
    Account.objects.filter(pk=people.acme.pk).update(plan=Plan.objects.get(slug="community"))
    answer = page.get(NEWER)
    assert (answer.status_code, answer.json()) == (
        403,
        {"closed": "The Community plan does not include reading the log."},
    )


@pytest.mark.parametrize("query", ["since=yesterday", "since=9:7:", "since=1:5:9", "app=nowhere", "colour=red"])
def test_a_wrong_question_is_refused(query: str, page: Client) -> None:
    answer = page.get(f"{NEWER}?{query}")
    assert answer.status_code == 400
    assert answer.json()["closed"]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("1:1:", True),
        ("10:20:10,12,19", True),
        ("10:20:", True),
        ("", False),
        ("0:5:", False),
        ("20:10:", False),
        ("10:20:9", False),
        ("10:20:20", False),
        ("10:20:12,11", False),
        ("10:20:11,11", False),
        ("10:20:11,", False),
        ("1:99999999999999999999:", False),
        ("1:1:\n", False),
        ("١:١:", False),
    ],
)
def test_only_what_the_database_reads_is_a_snapshot(text: str, is_one: bool) -> None:
    assert is_snapshot(text) is is_one
    if is_one:
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s::pg_snapshot", [text])


def test_asking_leaves_no_entry_and_no_copy(page: Client, people: People) -> None:
    before = Entry.objects.count()
    answer = page.get(f"{NEWER}?operation=MODEL_CREATE")
    assert answer["Cache-Control"] == "no-store"
    assert Entry.objects.count() == before


def queries_of(client: Client, url: str) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return [query["sql"] for query in captured]


def test_it_costs_three_queries_and_one_more_for_apps(page: Client, people: People) -> None:
    costs = []
    for _ in range(2):
        costs.append([len(queries_of(page, NEWER + query)) for query in ("?since=9:9:", "?since=9:9:&app=vision")])
        multiply(Entry.objects.filter(operation=Operation.MODEL_CREATE)[0], 2000)
    assert costs == [[3, 4], [3, 4]]


@pytest.mark.django_db(transaction=True)
def test_it_reads_only_what_came_since(page: Client, people: People) -> None:
    multiply(Entry.objects.filter(operation=Operation.MODEL_CREATE)[0], 5000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE auditlog_entry")
    watcher = Watcher(page)
    say(people.acme, people, 2)
    [query] = [sql for sql in queries_of(page, watcher.url) if "auditlog_entry" in sql]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}")
        plan = cursor.fetchone()[0][0]["Plan"]
    assert rows_read(plan) <= 10, plan


def rows_read(plan: dict[str, Any]) -> int:
    """Return how many rows the scans of a plan took up, the dropped ones too."""
    below = sum(rows_read(part) for part in plan.get("Plans", []))
    if "Scan" not in plan["Node Type"] or "Subquery" in plan["Node Type"]:
        return below
    return below + int((plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"])
