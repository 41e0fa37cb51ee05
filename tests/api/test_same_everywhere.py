"""One filter, four answers: the screen, CSV, NDJSON and the API find the same entries in the same order.

The filters are made up; the search of the API is the one that the page of copies writes out.
"""

import csv
import html
import io
import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Token
from auditlog.export_formats import BYTE_ORDER_MARK
from auditlog.fields import FIELDS
from controlcenter.context import ActorType
from controlcenter.operations import Operation as Op
from tests.history import sign_in_long_ago

from .logs import event, ids, write
from .test_same_answers import (
    ADDRESSES,
    APPS,
    DAYS,
    MODELS,
    NETWORKS,
    OPERATIONS,
    PEOPLE,
    START,
    World,
    world,
)

__all__ = ["world"]  # a fixture

pytestmark = pytest.mark.django_db

LOGS = "/@acme/teams-and-logs/"
ROW = re.compile(r'data-entry="([0-9a-f-]{36})"')
TOKEN = "5f1c0a9d3b7e4c62"

VALUES: dict[str, tuple[str, ...]] = {
    "app": APPS,
    "actor": PEOPLE,
    "actor_type": tuple(ActorType),
    "operation": (*(operation.name for operation in OPERATIONS), Op.MODEL_DELETE.name, "models", "teams", "users"),
    "type": ("model", "team", "app", "workflow"),
    "target": ("model:detector", "team:reader", "app:vision", "model:ranker/app:speech", "token:nothing"),
    "status": ("success", "failure"),
    "ip": (*(ip for ip in ADDRESSES if ip), *NETWORKS),
    "token": (TOKEN, "0" * 16),
    "request": ("made", "another"),
    "text": ("detector", "Ended with", "in_use", "100% nowhere", "é'\"\\"),
}
some = st.dictionaries(
    st.sampled_from([f"{minus}{name}" for name in FIELDS for minus in ("", "-")]), st.just(None), max_size=4
).flatmap(
    lambda chosen: st.fixed_dictionaries(
        {name: st.lists(st.sampled_from(VALUES[name.lstrip("-")]), min_size=1, max_size=3) for name in chosen}
    )
)
dates = st.tuples(st.integers(-1, DAYS + 1), st.integers(-1, DAYS + 1)).map(sorted)


@pytest.fixture
def everywhere(world: World, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Somebody signed in, who looks without leaving entries; and entries that tokens made."""
    monkeypatch.setattr("auditlog.views.record_view", lambda *_: None)
    account, user = world.member.account, world.member.user
    token = Token(pk=1, account=account, user=user, slug=TOKEN, name="nightly")
    for hour in range(0, 60, 2):
        told = event(account, token, START + timedelta(hours=hour), Op.MODEL_UPDATE, ("model", MODELS[hour % 3]))
        world.known |= set(write(told))
    client = Client()
    sign_in_long_ago(client, user)
    return client


@settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(asked=some, days=dates, ascending=st.booleans())
def test_the_screen_the_files_and_the_api_find_the_same(
    world: World,
    everywhere: Client,
    asked: dict[str, list[str]],
    days: list[int],
    ascending: bool,
) -> None:
    first, last = ((START + timedelta(days=day)).date() for day in days)
    pairs = [(name, value) for name, values in asked.items() for value in values]
    order = [("sort", "asc")] if ascending else []
    query = urlencode([*pairs, ("from", first), ("to", last), *order])

    shown = world.those(on_screen(everywhere, query))

    assert world.those(in_csv(everywhere, query)) == shown
    assert world.those(in_ndjson(everywhere, query)) == shown
    assert world.those(by_api(world, everywhere, query)) == shown
    assert len(shown) == len(set(shown))


def on_screen(client: Client, query: str) -> list[str]:
    found: list[str] = []
    address = f"{LOGS}?{query}&fold=off"
    onward = "newer_url" if "sort=asc" in query else "older_url"
    while address:
        response = client.get(address.replace(LOGS, f"{LOGS}results/", 1))  # what a page draws, without a redirect
        assert not response.context["form_errors"], response.context["form_errors"]
        found += ROW.findall(html.unescape(response.content.decode()))
        address = response.context["page"][onward]
    return found


def exported(client: Client, query: str, kind: str) -> str:
    response: Any = client.post(f"{LOGS}export/?{query}", {"format": kind, "submission": str(uuid4())})
    assert response.status_code == 200, response.content
    return b"".join(response.streaming_content).decode()


def in_csv(client: Client, query: str) -> list[str]:
    file = exported(client, query, "csv").removeprefix(BYTE_ORDER_MARK)
    return [row["entry_id"] for row in csv.DictReader(io.StringIO(file, newline=""))]


def in_ndjson(client: Client, query: str) -> list[str]:
    return [json.loads(line)["id"] for line in exported(client, query, "ndjson").splitlines()]


def by_api(world: World, client: Client, query: str) -> list[str]:
    body = client.get(f"{LOGS}copy/?{query}").context["copies"].json
    answer = world.searcher.post(body)
    assert answer.status_code == 200, answer.content
    return ids(answer.json()["entries"])
