"""Tokens: how they are issued, when they were used, and how often they may ask."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import Token
from accounts.tokens import TokenScope, count_request, token_in
from auditlog.models import Entry
from controlcenter.operations import Operation as Op
from tests.factories import People, TokenFactory, make_people

from .calling import Http, entries, failure_codes, token_for

NOON = datetime(2026, 11, 2, 12, 0, 10, tzinfo=UTC)


@pytest.fixture
def made(db: None) -> People:
    return make_people()


def create_token(*arguments: str) -> None:
    call_command("create_token", *arguments)


def test_the_command_prints_the_secret_alone(made: People, capsys: pytest.CaptureFixture[str]) -> None:
    create_token("Olga@acme.example", "--account", "acme", "--scope", "apps:read", "--scope", "models:read")
    printed = capsys.readouterr().out
    token = token_in(f"Key {printed.strip()}")
    assert token is not None
    assert printed == f"{printed.strip()}\n"
    assert (token.user, token.account, token.scopes) == (made.owner, made.acme, ["apps:read", "models:read"])
    [entry] = entries(Op.USER_TOKEN_CREATE)
    assert entry.account_id == made.acme.pk
    assert printed.strip().encode() not in bytes(entry.body)
    assert token.digest.encode() not in bytes(entry.body)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nobody@acme.example", "--account", "acme", "--scope", "apps:read"), "Nobody has the e-mail"),
        (("olga@acme.example", "--account", "nowhere", "--scope", "apps:read"), "'nowhere': there is no such account"),
        (("sam@globex.example", "--account", "acme", "--scope", "apps:read"), "not a member of acme"),
        (("olga@acme.example", "--account", "acme", "--scope", "apps:fly"), "'apps:fly' is unknown: .*audit_log:read"),
    ],
)
def test_the_command_says_what_is_wrong(made: People, arguments: tuple[str, ...], told: str) -> None:
    with pytest.raises(CommandError, match=told):
        create_token(*arguments)
    assert not Token.objects.exists()


def test_every_scope_has_a_label() -> None:
    assert all(scope.label and scope.label != scope.value for scope in TokenScope)


@pytest.mark.parametrize("header", ["", "Key", "Key ", "Basic abc", "abc"])
def test_anything_else_is_no_token(made: People, header: str) -> None:
    assert token_in(header) is None


def test_it_notes_when_it_was_used_once_a_minute_and_unrecorded(made: People) -> None:
    token: Token = TokenFactory(user=made.owner, account=made.acme)
    before = Entry.objects.count()
    with time_machine.travel(NOON, tick=False) as now:
        for seconds in (0, 40, 15):
            now.shift(seconds)
            count_request(token)
            token.refresh_from_db()
            assert token.last_used_at == (NOON if seconds != 15 else NOON + timedelta(seconds=55))
    assert Entry.objects.count() == before


def test_a_minute_has_its_number_of_requests(made: People, settings: Settings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    token = TokenFactory(user=made.owner, account=made.acme)
    with time_machine.travel(NOON, tick=False) as now:
        assert [count_request(token).exceeded for _ in range(3)] == [False, False, True]
        assert count_request(token).headers == {
            "RateLimit-Limit": "2",
            "RateLimit-Remaining": "0",
            "RateLimit-Reset": "50",
        }
        now.shift(-60)  # Another server's clock is behind.
        assert count_request(token).exceeded
        now.shift(120)
        assert not count_request(token).exceeded


@pytest.fixture
def frozen() -> Any:
    with time_machine.travel(NOON, tick=False) as now:
        yield now


def test_the_answer_says_what_is_left(http: Http, frozen: Any) -> None:
    for left in ("599", "598"):
        assert http("GET", "/users/acme/apps").headers["RateLimit-Remaining"] == left
    assert http("GET", "/users/nowhere/apps").headers["RateLimit-Remaining"] == "597"


def test_it_holds_when_many_ask_at_once(
    live_server: LiveServer, people: People, secret: str, settings: Settings, frozen: Any
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 5

    def ask(number: int) -> int:
        body = {"apps": [{"id": f"app-{number}"}]}
        response = Http(live_server.url, secret)("POST", "/users/acme/apps", body)
        if response.status_code == 429:
            assert response.headers["Retry-After"] == "50"
            assert response.json()["status"]["reason"] == "throttled"
        return response.status_code

    with ThreadPoolExecutor(8) as pool:
        assert Counter(pool.map(ask, range(20))) == {200: 5, 429: 15}
    assert failure_codes() == ["throttled"]  # once a minute, not once a request


def test_each_token_has_its_own_minute(
    live_server: LiveServer, people: People, http: Http, settings: Settings, frozen: Any
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 1
    assert http("GET", "/users/acme/apps").ok
    assert http("GET", "/users/acme/apps").status_code == 429
    assert Http(live_server.url, token_for(people.member, people.acme))("GET", "/users/acme/apps").ok
