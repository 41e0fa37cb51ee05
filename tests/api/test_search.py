"""The search of the API: every filter, both directions, pages and cursors, and who may."""

from datetime import timedelta
from itertools import chain
from threading import Event as Flag
from threading import Thread

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.models import Account, Plan, Token
from accounts.roles import Role
from auditlog.messages import KINDS
from auditlog.models import Entry
from auditlog.recorder import record_events
from controlcenter.operations import Operation as Op
from controlcenter.wire import DEEPEST
from tests.factories import MemberFactory, make_people
from tests.history import entries_of, multiply

from .logs import Log, Searcher, ago, event, ids, text, write

# Filters


def test_without_filters_it_finds_everything_newest_first(log: Log) -> None:
    written = [log.write(ago(minutes=minute)) for minute in (3, 1, 2)]
    assert log.found() == [written[1], written[2], written[0]]
    assert ids(log.searcher.post("").json()["entries"]) == log.searcher.ids(pagination={})


def test_oldest_first(log: Log) -> None:
    written = [log.write(ago(minutes=minute)) for minute in (3, 1, 2)]
    assert log.found(sort_ascending=True) == [written[0], written[2], written[1]]


def test_both_ends_of_a_time_range_are_in_it(log: Log) -> None:
    first, last = ago(days=2), ago(days=1)
    step = timedelta(microseconds=1)
    written = [log.write(time) for time in (first - step, first, last, last + step)]
    assert log.found({"timestamp_from": text(first), "timestamp_to": text(last)}) == [written[2], written[1]]
    assert log.found({"timestamp_from": text(last), "timestamp_to": text(last)}) == [written[2]]


def test_times_are_taken_in_any_zone_and_as_far_as_they_go(log: Log) -> None:
    entry = log.write(ago(hours=1))
    there = ago(hours=1).astimezone().isoformat()
    assert log.found({"timestamp_from": there, "timestamp_to": there}) == [entry]
    assert log.found({"timestamp_from": "0001-01-01T00:00:00Z"}) == [entry]
    assert log.found({"timestamp_to": "9999-12-31T23:59:59.999999999Z"}) == [entry]
    assert log.found({"timestamp_to": "0001-01-01T00:00:00Z"}) == []


def test_by_people(log: Log) -> None:
    theirs, ours = log.write(ago(minutes=2), person=log.max), log.write(ago(minutes=1))
    assert log.found({"user_ids": ["max"]}) == [theirs]
    assert log.found({"user_ids": ["max", "olga", "nobody"]}) == [ours, theirs]
    assert log.found({"user_ids": ["nobody"]}) == []


def test_by_operations(log: Log) -> None:
    log.write(ago(minutes=3), Op.MODEL_VERSION_CREATE)
    update = log.write(ago(minutes=2), Op.MODEL_VERSION_UPDATE)
    publish = log.write(ago(minutes=1), Op.MODEL_VERSION_PUBLISH)
    for operation in (304, "MODEL_VERSION_UPDATE"):
        assert log.found({"operations": [operation]}) == [publish, update]
    for operation in (351, "MODEL_VERSION_PUBLISH"):
        assert log.found({"operations": [operation]}) == [publish]
    assert log.found({"operations": [351, "MODEL_VERSION_UPDATE"]}) == [publish, update]


@pytest.mark.parametrize("kind", KINDS)
def test_by_targets(kind: str, log: Log) -> None:
    one, other = (
        log.write(ago(minutes=2), Op.MODEL_CREATE, (kind, "a")),
        log.write(ago(minutes=1), Op.MODEL_CREATE, (kind, "b")),
    )
    log.write(ago(minutes=1), Op.MODEL_CREATE, ("app" if kind != "app" else "model", "a"))
    assert log.found({"targets": [{kind: {"id": "a"}}]}) == [one]
    assert log.found({"targets": [{kind: {"id": "a"}}, {kind: {"id": "b"}}]}) == [other, one]


def test_by_success(log: Log) -> None:
    good, bad = log.write(ago(minutes=2)), log.write(ago(minutes=1), code="in_use")
    assert log.found({"success": True}) == [good]
    assert log.found({"success": False}) == [bad]
    assert log.found({"success": None}) == [bad, good]


ADDRESSES = {
    "a": "203.0.113.7",
    "b": "203.0.113.8",
    "c": "198.51.100.1",
    "d": "2001:db8::1",
    "e": "2001:db8:1::1",
    "f": None,
}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (["203.0.113.7"], "a"),
        (["203.0.113.7", "198.51.100.1"], "ac"),
        (["203.0.113.0/24"], "ab"),
        (["203.0.113.0/24", "2001:db8::1"], "abd"),
        (["203.0.113.0/24", "198.51.100.0/24"], "abc"),
        (["2001:db8::/32"], "de"),
        (["2001:DB8:0:0::1"], "d"),
        (["::ffff:203.0.113.7"], "a"),
        (["::ffff:203.0.113.0/120"], "ab"),
        (["0.0.0.0/0"], "abc"),
        (["192.0.2.1"], ""),
    ],
)
def test_by_addresses(wanted: list[str], expected: str, log: Log) -> None:
    written = {log.write(ago(minutes=1), ip=ip): name for name, ip in ADDRESSES.items()}
    assert "".join(sorted(written[entry] for entry in log.found({"source_ips": wanted}))) == expected


def test_empty_lists_filter_nothing(log: Log) -> None:
    entry = log.write(ago(minutes=1))
    assert log.found({"user_ids": [], "operations": [], "targets": None, "source_ips": []}) == [entry]


# Pages


@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("per_page", [1, 4, 9, 10])
def test_a_walk_by_cursor_shows_each_entry_once(per_page: int, ascending: bool, log: Log) -> None:
    for minute in range(9):
        log.write(ago(minutes=minute))
    query = {"operations": [300]}

    pages = list(log.searcher.walk(query, per_page, sort_ascending=ascending))

    assert list(chain(*pages)) == log.found(query, sort_ascending=ascending)
    assert [len(page) for page in pages[:-1]] == [per_page] * (len(pages) - 1)
    assert pages[-1]


def test_a_cursor_is_for_its_own_search(log: Log) -> None:
    for minute in range(3):
        log.write(ago(minutes=minute))
    query = {"operations": [300, 301], "user_ids": ["olga", "max"]}
    cursor = log.searcher.search(query, pagination={"per_page": 1})["next_cursor"]
    page = {"per_page": 2, "cursor": cursor}

    same = {"user_ids": ["max", "olga"], "operations": ["MODEL_UPDATE", 300, 300]}
    assert len(log.searcher.search(same, pagination=page)["entries"]) == 2
    for other in ({}, {"operations": [300]}, {**query, "success": True}):
        assert "another query" in log.searcher.refused({"query": other, "pagination": page})[2]
    assert "another query" in log.searcher.refused({"query": query, "pagination": page, "sort_ascending": True})[2]


def test_offsets_end_where_they_get_dear(log: Log) -> None:
    assert log.searcher.search(pagination={"page": DEEPEST // 1000, "per_page": 1000})["entries"] == []
    status, code, sentence = log.searcher.refused({"pagination": {"page": DEEPEST // 1000 + 1, "per_page": 1000}})
    assert (status, code) == (400, "out_of_range")
    assert "pagination.cursor" in sentence


def test_a_page_costs_the_same_queries_at_any_size(log: Log) -> None:
    multiply(Entry.objects.get(id=log.write(ago(minutes=1))), 1100)
    counts = []
    for per_page in (1, 10, 1000):
        with CaptureQueriesContext(connection) as captured:
            assert len(log.searcher.search(pagination={"per_page": per_page})["entries"]) == per_page
        counts.append(len(captured))
    # The token, its use, the membership, people in the changes; around the entries, which the driver reads, three more:
    # a transaction begins, is told whose log it reads, and ends.
    assert counts[1:] == [7, 7]


# Who may


def test_own_entries_only_for_roles_that_read_their_own(log: Log) -> None:
    own, _ = log.write(ago(minutes=2), person=log.max), log.write(ago(minutes=1))
    searcher = Searcher(log.max, log.acme, "audit_log:read")
    assert ids(searcher.search({"operations": [300]})["entries"]) == [own]
    assert searcher.ids({"user_ids": ["olga"]}) == []


def test_an_auditor_reads_everything(log: Log) -> None:
    written = log.write(ago(minutes=1))
    auditor = MemberFactory(account=log.acme, role=Role.AUDITOR)
    assert written in Searcher(auditor.user, log.acme, "audit_log:read").ids()


def test_a_role_without_the_log_is_denied(log: Log) -> None:
    finance = MemberFactory(account=log.acme, role=Role.FINANCIAL_MANAGER)
    status, code, _ = Searcher(finance.user, log.acme, "audit_log:read").refused({})
    assert (status, code) == (403, "role_denied")
    [entry] = entries_of(log.acme, Op.LOG_VIEW)
    assert (entry.success, entry.actor_id) == (False, finance.user_id)


def test_a_token_needs_the_scope(log: Log) -> None:
    status, code, _ = Searcher(log.olga, log.acme, "apps:read").refused({})
    assert (status, code) == (403, "scope_missing")


def test_a_plan_without_the_log_is_named(log: Log) -> None:
    Account.objects.filter(pk=log.acme.pk).update(plan=Plan.objects.get(slug="community"))
    status, code, sentence = log.searcher.refused({})
    assert (status, code) == (403, "plan_required")
    assert "Community" in sentence


def test_other_accounts_do_not_exist(log: Log) -> None:
    theirs = log.people.stranger.home
    assert theirs
    log.write(ago(minutes=1), account=theirs)
    assert log.found() == []
    log.searcher.path = f"/v2/users/{theirs.slug}/audit_log"
    assert log.searcher.refused({})[:2] == (404, "not_found")


def test_what_the_plan_no_longer_keeps_is_not_found(log: Log) -> None:
    kept = log.acme.plan.retention_days
    old, new = log.write(ago(days=kept + 1)), log.write(ago(days=kept - 1))
    assert log.found() == [new]
    assert log.found({"timestamp_from": text(ago(days=kept + 2))}) == [new]
    assert old not in log.found()


# The log of looking at the log


def test_a_search_with_filters_is_recorded_once(log: Log) -> None:
    for query in ({"operations": [300, "MODEL_UPDATE"]}, {"operations": [301, 300]}, {}):
        log.searcher.search(query)
    [entry] = entries_of(log.acme, Op.LOG_VIEW)
    assert entry.event["sentence"] == "View the log filtered by 'operation=MODEL_CREATE&operation=MODEL_UPDATE'"
    assert entry.event["actor"]["token_name"] == Token.objects.get(user=log.olga).name


def test_a_long_filter_is_recorded_shortly(log: Log) -> None:
    for last in ("a", "b"):
        log.searcher.search({"user_ids": [f"{'x' * 60}-{number}" for number in range(100)] + [f"z{last}"]})
    entries = entries_of(log.acme, Op.LOG_VIEW)
    assert len(entries) == 2
    assert all(len(entry.event["targets"][0]["id"]) < 1100 for entry in entries)


# While others write


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("ascending", [False, True])
def test_a_walk_while_others_write_shows_each_entry_once(ascending: bool, settings: Settings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 10_000
    people = make_people()
    multiply(Entry.objects.get(id=write(event(people.acme, people.owner, ago(hours=1)))[0]), 2000)
    searcher = Searcher(people.owner, people.acme, "audit_log:read")
    at_start = {str(entry_id) for entry_id in Entry.objects.for_account(people.acme.pk).values_list("id", flat=True)}
    done, new = Flag(), 0

    def keep_writing() -> None:
        nonlocal new
        while not done.wait(0.01):  # at least 100 a second
            with transaction.atomic():
                record_events([event(people.acme, people.member) for _ in range(2)])
            new += 2
        connection.close()

    writer = Thread(target=keep_writing)
    writer.start()
    try:
        walked: list[str] = []
        for page in searcher.walk(per_page=20, sort_ascending=ascending):
            walked += page
            if len(page) < 20 or at_start <= set(walked):
                break
    finally:
        done.set()
        writer.join()

    assert new > 20
    assert len(walked) == len(set(walked))
    assert at_start <= set(walked)
