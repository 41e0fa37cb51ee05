"""Two customers send whatever the schema allows, and what it does not: no answer fails, none tells of the other one."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from itertools import product
from threading import BoundedSemaphore
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pytest_django import Settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import Token
from auditlog.tracked import tracked_models
from controlcenter.api_docs import openapi, operations
from controlcenter.problems import REASONS
from controlcenter.wire import SUCCESS
from controlcenter.wsgi import application

from .tenants import Tenant, make_tenant

EXAMPLES = {GenerationMode.POSITIVE: 4, GenerationMode.NEGATIVE: 2}
"""How often each operation is called. The same examples are drawn each time, so what passes once passes again."""

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
WITHOUT_TOKENS_OF_ITS_OWN = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_full_speed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Limit nobody, wait for nothing, and keep the connection, whose transaction is never committed."""
    settings.API_REQUESTS_PER_MINUTE = 10**9
    monkeypatch.setattr("auditlog.tailing._places", BoundedSemaphore(0))
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@contextmanager
def taken_back() -> Iterator[None]:
    """Undo what is done inside, so that each call finds the same customers."""
    atomic = transaction.atomic()
    atomic._from_testcase = True  # type: ignore[attr-defined]
    with atomic:
        yield
        transaction.set_rollback(True)


def check_answer(caller: Tenant, other: Tenant, status: int, content: bytes) -> None:
    """Check that an answer is the envelope, and silent about the other customer."""
    told = json.loads(content)["status"]
    assert status < 500, told
    assert (status == 200) == (told["code"] == SUCCESS), told
    assert status == 200 or REASONS[told["reason"]].status == status, told
    assert told["req_id"]
    assert other.canary.lower() not in content.decode().lower(), f"{caller} reads of {other}"


def aim(body: Any, id_of: Callable[[str], str | None], kind: str) -> None:
    """Put other ids into a body, where ``id_of`` has one for the name of the field.

    Args:
        kind: what a field that is just called "id" stands for: "app_id".
    """
    parts = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, part in list(parts):
        name = kind if key in ("id", "ids") or isinstance(body, list) else str(key)
        if isinstance(part, str) and name.endswith("_id"):
            body[key] = id_of(name) or part
        else:
            aim(part, id_of, name.removesuffix("s") if str(key).endswith("ids") else kind)


def kind_in(path: str) -> str:
    """Return what the ids in the body of a call are ids of: the last noun of its path."""
    noun = [step for step in path.split("/") if not step.startswith("{")][-1]
    return {"members": "user_id", "organizations": "account_id"}.get(noun, f"{noun.removesuffix('s')}_id")


# Whatever the schema allows, and what it does not


def closed(schema: Any) -> Any:
    """Return a schema with nothing in it beyond what is described, so that little is drawn that is never looked at."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    more = {"additionalProperties": False} if isinstance(schema.get("properties"), dict) else {}
    return {key: closed(part) for key, part in schema.items()} | more


def aimed(case: Case[Any], data: st.DataObject, caller: Tenant, other: Tenant) -> Case[Any]:
    """Return a case whose ids mostly exist: the caller's, the other customer's, or what was made up."""
    kind = kind_in(case.operation.path)
    stray = data.draw(st.sampled_from([None] * 4 + list(case.path_parameters)))
    for name in case.path_parameters:
        if name != stray:
            case.path_parameters[name] = caller.id_of(name)
        elif data.draw(st.booleans()):
            case.path_parameters[name] = other.id_of(name)
    example = BODIES.get(case.operation.label)
    if example and isinstance(case.body, dict) and data.draw(st.booleans()):
        case.body = deepcopy(example) | {key: part for key, part in case.body.items() if key not in example}
    whose = st.sampled_from([caller, caller, other, None])
    aim(case.body, lambda name: tenant.id_of(name) if (tenant := data.draw(whose)) else None, kind)
    return case


BODIES = {f"{one['method']} {one['path']}": json.loads(one["example"] or "null") for one in operations()}


def fuzz(operation: Any, mode: GenerationMode, tenants: list[Tenant]) -> None:
    """Call an operation with some drawn cases."""

    @settings(
        max_examples=EXAMPLES[mode],
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def send(case: Case[Any], data: st.DataObject) -> None:
        caller, other = data.draw(st.permutations(tenants))
        aimed(case, data, caller, other)
        with taken_back():
            response = case.call(headers=caller.headers)
            check_answer(caller, other, response.status_code, response.content)
            case.validate_response(response, checks=CHECKS)

    send()


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_no_answer_fails_and_none_tells_of_the_other(mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_dict(closed(openapi()), config=WITHOUT_TOKENS_OF_ITS_OWN)
    schema.app = application
    tenants, failures = [make_tenant("alpha"), make_tenant("beta")], []
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]
        if mode is GenerationMode.NEGATIVE and not (operation.query or operation.body):
            continue  # Any text is an id.
        try:
            fuzz(operation, mode, tenants)
        except Exception as error:
            error.add_note(f"It was {operation.label}.")
            failures.append(error)
    if failures:
        raise ExceptionGroup("Some operations failed.", failures)


# The ids of the other customer


def rows() -> dict[tuple[str, Any], dict[str, Any]]:
    """Return all rows whose changes are recorded, but for tokens, which note when they are used."""
    return {
        (model.__name__, row["pk"]): row
        for model in tracked_models()
        if model is not Token
        for row in model._base_manager.values("pk", *(field.attname for field in model._meta.concrete_fields))
    }


def test_the_ids_of_the_other_lead_nowhere() -> None:
    alpha = make_tenant("alpha")
    before = rows()
    beta = make_tenant("beta")
    theirs = {key: row for key, row in rows().items() if key not in before}
    client = Client(headers=alpha.headers)
    for one in operations():
        names = [parameter["name"] for parameter in one["parameters"] if parameter["in"] == "path"]
        for tenants in product((alpha, beta), repeat=len(names)):
            is_own = beta not in tenants
            path, body = one["path"], json.loads(one["example"] or "null")
            for name, tenant in zip(names, tenants, strict=True):
                path = path.replace(f"{{{name}}}", tenant.id_of(name))
            aim(body, (beta if is_own else alpha).id_of, kind_in(one["path"]))
            with taken_back():
                data = json.dumps(body) if body else ""
                response = client.generic(one["method"], path, data, "application/json")
                where = f"{one['method']} {path} {body} → {response.content.decode()[:300]}"
                assert is_own or response.status_code == 404, where
                assert not (is_own and one["method"] == "GET") or response.status_code == 200, where
                check_answer(alpha, beta, response.status_code, response.content)
                assert not is_own or theirs.items() <= rows().items(), where
