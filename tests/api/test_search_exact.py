"""What a search can be asked for beyond the reference: the lists of the log page, and what is left out."""

from typing import Any

import pytest

from controlcenter.operations import Operation as Op
from tests.factories import AppFactory, make_people

from .logs import APP, MODEL, Log

pytestmark = pytest.mark.django_db


@pytest.fixture
def log() -> Log:
    return Log(make_people())


def test_just_an_operation_not_what_else_is_reported_so(log: Log) -> None:
    updated = log.write(None, Op.MODEL_VERSION_UPDATE, MODEL)
    published = log.write(None, Op.MODEL_VERSION_PUBLISH, MODEL)
    assert log.found({"operations": ["MODEL_VERSION_UPDATE"]}) == [published, updated]
    assert log.found({"own_operations": ["MODEL_VERSION_UPDATE"]}) == [updated]
    assert log.found({"own_operations": ["models"]}) == [published, updated]


def test_apps_by_their_ids(log: Log) -> None:
    app = AppFactory(account=log.acme, slug="vision")
    inside = log.write(None, Op.MODEL_UPDATE, MODEL, app=(app.pk, "vision"))
    outside = log.write(None, Op.MODEL_UPDATE, MODEL)
    assert log.found({"apps": ["vision"]}) == [inside]
    assert log.found({"exclude": {"apps": ["vision"]}}) == [outside]


def test_a_resource_in_another_one(log: Log) -> None:
    both = log.write(None, Op.MODEL_UPDATE, MODEL, APP)
    one = log.write(None, Op.MODEL_UPDATE, MODEL)
    assert log.found({"target_paths": ["model:detector"]}) == [one, both]
    assert log.found({"target_paths": ["model:detector/app:vision"]}) == [both]
    assert log.found({"target_types": ["app"]}) == [both]


def test_each_list_leaves_out_what_it_names(log: Log) -> None:
    failed = log.write(None, Op.MODEL_DELETE, MODEL, code="in_use", ip="192.0.2.1")
    other = log.write(None, Op.MODEL_CREATE, APP, person=log.max)
    for exclude in (
        {"statuses": ["failure"]},
        {"own_operations": ["MODEL_DELETE"]},
        {"user_ids": ["olga"]},
        {"source_ips": ["192.0.2.0/24"]},
        {"target_paths": ["model:detector"]},
        {"target_types": ["model"]},
        {"text": ["detector"]},
    ):
        assert log.found({"exclude": exclude}) == [other], exclude
    assert log.found({"exclude": {"user_ids": ["max"], "actor_types": ["token"]}}) == [failed]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"apps": ["nowhere"]}, "query.apps: There is no app “nowhere”"),
        ({"actor_types": ["robot"]}, "query.actor_types: There is no actor type “robot”."),
        (
            {"own_operations": ["MODEL_DELET"]},
            "query.own_operations: There is no operation “MODEL_DELET”. Did you mean",
        ),
        ({"exclude": {"user_ids": ["olgq"]}}, "query.exclude.user_ids: There is no actor “olgq”"),
        ({"target_paths": ["detector"]}, "query.target_paths: target “detector” names no resource."),
        ({"text": ["  "]}, "query.text holds a value of nothing but blanks"),
        ({"exclude": {"apps_": ["vision"]}}, "unknown here"),
    ],
)
def test_what_it_does_not_know_it_refuses(query: dict[str, Any], sentence: str, log: Log) -> None:
    log.write()
    status, reason, details = log.searcher.refused({"query": query})
    assert (status, reason) == (422, "invalid")
    assert sentence in details


def test_a_cursor_belongs_to_what_was_left_out(log: Log) -> None:
    for _ in range(3):
        log.write()
    found = log.searcher.search({"exclude": {"text": ["nothing"]}}, pagination={"per_page": 1})
    status, _, details = log.searcher.refused({"pagination": {"cursor": found["next_cursor"]}})
    assert (status, "another query" in details) == (422, True)
