"""What the search tells of an entry: the reference's fields, and ours."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from auditlog.messages import KINDS, Found
from auditlog.models import Subject
from controlcenter.context import ANONYMOUS, SYSTEM, Where, acting_as
from controlcenter.operations import Operation as Op
from tests.factories import AppFactory, TokenFactory, UserFactory

from .logs import Log, ago


def test_an_entry_is_as_the_schema_has_it(log: Log) -> None:
    token = TokenFactory(account=log.acme, user=log.max, name="nightly build")
    with acting_as(token.as_actor(), Where("203.0.113.7", "192.0.2.1", "203.0.113.7", "curl/8", "r1", "POST", "/v2/")):
        app = AppFactory(account=log.acme, slug="vision", name="Vision")
        app.name = "Vision 2"
        app.save()
        UserFactory(home=log.acme, slug="new", first_name="")
    for number, operation in enumerate(Op):
        kind = KINDS[number % len(KINDS)]
        log.write(ago(minutes=1), operation, (kind, "a"), code="" if number % 2 else "in_use", app=(1, "a"))
    found = log.searcher.search(pagination={"per_page": 1000})

    assert len(Found.model_validate(found).entries) == len(found["entries"]) > len(Op)


def test_an_entry_tells_more_than_the_reference(log: Log) -> None:
    token = TokenFactory(account=log.acme, user=log.max, slug="t1", name="nightly build")
    app = AppFactory(account=log.acme, slug="vision", name="Vision")
    where = Where("203.0.113.7", "192.0.2.1", "203.0.113.7", "curl/8", "r1", "PATCH", "/v2/users/acme/apps")
    with acting_as(token.as_actor(), where, reason="As asked"):
        app.name = "Seeing"
        app.save()

    [entry] = log.searcher.search({"operations": ["APPLICATION_UPDATE"]})["entries"]

    assert entry["actor"] == {
        "type": "token",
        "email": "max@acme.example",
        "token_id": "t1",
        "token_name": "nightly build",
    }
    assert entry["app"] == {"id": "vision", "name": "Seeing"}
    assert entry["targets_ext"] == [{"type": "app", "id": "vision", "name": "Seeing"}]
    assert entry["changes"] == [{"field": "name", "before": "Vision", "after": "Seeing"}]
    assert (entry["reason"], entry["operation_name"]) == ("As asked", "APPLICATION_UPDATE")
    assert entry["request"]["peer_ip"] == "192.0.2.1"
    assert "operation_ext" not in entry
    assert "failure" not in entry


def test_an_extension_has_its_own_code_and_name(log: Log) -> None:
    log.write(ago(hours=1), Op.WORKFLOW_VERSION_PUBLISH, code="role_denied")
    [entry] = log.searcher.search({"operations": [404]})["entries"]
    assert (entry["operation"], entry["operation_ext"], entry["operation_name"]) == (
        404,
        451,
        "WORKFLOW_VERSION_PUBLISH",
    )
    assert entry["failure"] == {"code": "role_denied", "sentence": "It ended with role_denied."}


def test_targets_of_other_kinds_stand_beside_the_references(log: Log) -> None:
    log.write(ago(hours=1), Op.USER_TOKEN_CREATE, ("token", "t1"), ("user", "max"))
    [entry] = log.searcher.search({"targets": [{"user": {"id": "max"}}], "operations": [854]})["entries"]
    assert entry["targets"] == [{"user": {"id": "max"}}]
    assert [target["type"] for target in entry["targets_ext"]] == ["token", "user"]


def test_names_are_those_of_then(log: Log) -> None:
    log.write(ago(hours=1), person=log.max)
    log.max.first_name = "Maximilian"
    log.max.save()
    [entry] = log.searcher.search({"user_ids": ["max"], "operations": [300]})["entries"]
    assert entry["user"] == {"id": "max", "first_name": "Max", "last_name": "Member"}


def test_names_in_changes_are_looked_up_at_once(log: Log) -> None:
    for person in (log.max, log.olga):
        person.last_name = "Newly-Wed"
        person.save()
    with CaptureQueriesContext(connection) as captured:
        entries = log.searcher.search({"operations": ["USER_UPDATE"]})["entries"]
    updates = [entry for entry in entries if entry["operation_name"] == "USER_UPDATE"]
    assert [entry["changes"][0]["after"] for entry in updates] == ["Newly-Wed", "Newly-Wed"]
    assert sum('"digest" IN' in query["sql"] for query in captured) == 1


def test_who_was_erased_is_not_named(log: Log) -> None:
    log.max.last_name = "Newly-Wed"
    log.max.save()
    log.write(ago(hours=1), person=log.max)
    Subject.objects.filter(user_id=log.max.pk).update(slug="", email="", first_name="", last_name="")
    found = log.searcher.search({"operations": [300, 800]})["entries"]
    assert {entry["user"]["first_name"] for entry in found if entry["operation"] == 300} == {""}
    [update] = [entry for entry in found if entry["operation_name"] == "USER_UPDATE"]
    assert update["changes"][0]["after"] == "Erased person"


@pytest.mark.parametrize("actor", [SYSTEM, ANONYMOUS])
def test_what_nobody_did_has_nobodys_name(actor: Any, log: Log) -> None:
    with acting_as(actor):
        AppFactory(account=log.acme)
    [entry] = log.searcher.search({"operations": [600]})["entries"]
    assert (entry["user"]["id"], entry["actor"]["type"], entry["source_ip"]) == ("", actor.type, "")
