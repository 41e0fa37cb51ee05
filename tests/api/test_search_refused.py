"""What is asked wrongly is named, and answers nothing."""

from typing import Any

import pytest

from auditlog.searches import MOST_VALUES
from controlcenter.operations import Operation as Op
from tests.history import entries_of

from .logs import Log

WRONG: dict[str, tuple[Any, str]] = {
    "no object": ([], "The body"),
    "a text": ('"x"', "The body"),
    "no JSON": ("{", "not JSON"),
    "an unknown part": ({"quary": {}}, "'quary' is unknown here; known are user_app_id, query"),
    "an unknown filter": ({"query": {"user_idz": ["max"]}}, "'user_idz' is unknown here; known are timestamp_from"),
    "an unknown option": (
        {"pagination": {"perpage": 5}},
        "'perpage' is unknown here; known are page, per_page, cursor",
    ),
    "an unknown kind": (
        {"query": {"targets": [{"modle": {"id": "x"}}]}},
        "query.targets[0]: 'modle' is unknown here; known are user",
    ),
    "a target of no kind": ({"query": {"targets": [{}]}}, "query.targets[0]: 0 kinds"),
    "a target of two kinds": ({"query": {"targets": [{"app": {"id": "x"}, "model": {"id": "x"}}]}}, "2 kinds"),
    "a target without id": ({"query": {"targets": [{"app": {}}]}}, "query.targets[0].app.id"),
    "a target with more": ({"query": {"targets": [{"model": {"id": "x", "app_id": "y"}}]}}, "'app_id' is unknown here"),
    "an unknown number": ({"query": {"operations": [999]}}, "query.operations[0] is 999: no operation"),
    "an unknown name": (
        {"query": {"operations": ["MODEL_CREAT"]}},
        "query.operations[0] is 'MODEL_CREAT': no operation",
    ),
    "no operation": ({"query": {"operations": ["EVENT_TYPE_NOT_SET"]}}, "query.operations[0]"),
    "zero": ({"query": {"operations": [0]}}, "query.operations[0] is 0"),
    "true": ({"query": {"operations": [True]}}, "query.operations[0] is True"),
    "a huge number": ({"query": {"operations": [10**30]}}, "query.operations[0]"),
    "a bad address": ({"query": {"source_ips": ["300.1.1.1"]}}, "query.source_ips[0] is '300.1.1.1': no address"),
    "an address inside of a network": ({"query": {"source_ips": ["10.0.0.1/8"]}}, "write 10.0.0.1 or 10.0.0.0/8"),
    "a word for a time": ({"query": {"timestamp_from": "yesterday"}}, "query.timestamp_from is 'yesterday': no time"),
    "a day": ({"query": {"timestamp_to": "2026-11-02"}}, "query.timestamp_to is '2026-11-02': no time"),
    "a time without zone": ({"query": {"timestamp_to": "2026-11-02T00:00:00"}}, "no time"),
    "a number for a time": ({"query": {"timestamp_from": 1793000000}}, "no time"),
    "the 30th of February": ({"query": {"timestamp_from": "2026-02-30T00:00:00Z"}}, "no time"),
    "a time beyond time": ({"query": {"timestamp_from": "9999-12-31T23:59:59-01:00"}}, "no time"),
    "a reversed range": (
        {"query": {"timestamp_from": "2026-11-02T00:00:00Z", "timestamp_to": "2026-11-01T00:00:00Z"}},
        "timestamp_from 2026-11-02T00:00:00.000000Z is after timestamp_to 2026-11-01T00:00:00.000000Z; swap them",
    ),
    "a text for success": ({"query": {"success": "no"}}, "query.success is 'no'"),
    "a number for a user": ({"query": {"user_ids": [1]}}, "query.user_ids[0] is 1"),
    "one user without list": ({"query": {"user_ids": "max"}}, "query.user_ids is 'max'"),
    "too many values": ({"query": {"user_ids": ["max"] * (MOST_VALUES + 1)}}, "query.user_ids"),
    "page 0": ({"pagination": {"page": 0}}, "pagination.page is 0"),
    "nothing a page": ({"pagination": {"per_page": 0}}, "pagination.per_page is 0"),
    "too much a page": (
        {"pagination": {"per_page": 1001}},
        "pagination.per_page is 1001: input should be less than or equal to 1000",
    ),
    "page and cursor": ({"pagination": {"page": 2, "cursor": "x"}}, "page 2 and a cursor"),
    "no cursor": ({"pagination": {"cursor": "x"}}, "pagination.cursor is 'x'"),
    "a text for a direction": ({"sort_ascending": "yes"}, "sort_ascending is 'yes'"),
}


@pytest.mark.parametrize(("body", "complaint"), WRONG.values(), ids=WRONG)
def test_what_is_asked_wrongly_is_named_and_answers_nothing(body: Any, complaint: str, log: Log) -> None:
    answer = log.searcher.post(body)
    assert answer.status_code in (400, 422)
    assert complaint in answer.json()["status"]["details"]
    assert "entries" not in answer.json()


def test_a_refused_search_is_in_the_log(log: Log) -> None:
    log.searcher.refused({"query": {"user_idz": []}})
    [entry] = entries_of(log.acme, Op.LOG_VIEW)
    assert (entry.success, entry.event["failure"]["code"]) == (False, "invalid")
