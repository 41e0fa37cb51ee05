"""Sessions: a new key for each, an end by age, all of them ended at once, and what a browser is told with each page."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib import admin
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from accounts.sessions import in_words
from controlcenter.operations import Operation as Op

from . import PASSWORD
from .factories import FACTORIES, AppFactory, People, UserFactory, make_people
from .history import entries_of, text_of, the_entry

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SIGN_IN, APPS = "/sign-in/", "/@acme/apps/"
FORM = {"username": "olga@acme.example", "password": PASSWORD}


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def people() -> People:
    return make_people()


def is_in(client: Client) -> bool:
    return client.get(APPS).status_code == 200


# Keys


def test_each_sign_in_has_a_new_key(people: People, client: Client) -> None:
    keys = set()
    for _ in range(3):
        client.post(SIGN_IN, FORM)
        keys.add(client.session.session_key)
    assert len(keys) == 3
    assert Session.objects.count() == 1


def test_a_key_that_somebody_planted_is_not_used(people: People, client: Client) -> None:
    client.cookies["sessionid"] = "a" * 32
    client.post(SIGN_IN, FORM)
    assert client.session.session_key != "a" * 32


# Age


def test_a_session_ends_when_it_is_idle(clock: Any, page: Client, settings: Settings) -> None:
    settings.SESSION_COOKIE_AGE = 3600
    assert is_in(page)
    clock.shift(3599 + 12 * 3600)
    assert not is_in(page)


def test_use_keeps_it_up_but_not_for_ever(clock: Any, people: People, client: Client, settings: Settings) -> None:
    settings.SESSION_COOKIE_AGE, settings.SESSION_LONGEST = 3600, 4 * 3600
    client.post(SIGN_IN, FORM)
    used = 0
    while is_in(client):
        clock.shift(1800)
        used += 1
    assert used == 8  # half hours


def test_a_page_that_asks_by_itself_keeps_nobody_signed_in(clock: Any, page: Client) -> None:
    before = page.session["seen"]
    clock.shift(2 * 3600)
    page.get(reverse("log-newer", args=["acme"]))
    assert page.session["seen"] == before
    page.get(APPS)
    assert page.session["seen"] == before + 2 * 3600


def test_it_is_not_written_at_each_request(clock: Any, page: Client) -> None:
    clock.shift(60)
    with CaptureQueriesContext(connection) as captured:
        assert is_in(page)
    assert not [query for query in captured if query["sql"].startswith("UPDATE")]


def test_signing_in_again_begins_anew(clock: Any, people: People, client: Client) -> None:
    client.post(SIGN_IN, FORM)
    clock.shift(3600)
    client.post(SIGN_IN, FORM)
    assert client.session["began"] == int((NOW + timedelta(hours=1)).timestamp())


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "1 second"), (90, "90 seconds"), (900, "15 minutes"), (12 * 3600, "12 hours"), (7 * 86400, "7 days")],
)
def test_ages_are_told_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


# Ending all of them


def test_signing_out_everywhere_ends_all_and_is_one_entry(people: People, client: Client) -> None:
    elsewhere = Client()
    for browser in (client, elsewhere):
        browser.post(SIGN_IN, FORM)
    assert "12 hours after its last use, and 7 days after it began" in text_of(client.get("/you/"))
    assert client.post("/you/sign-out-everywhere/")["Location"] == SIGN_IN
    told = client.get(SIGN_IN)
    assert "You are signed out everywhere." in text_of(told)
    assert "See the entry" not in text_of(told)
    assert "You are signed out everywhere." not in text_of(client.get(SIGN_IN))
    assert not is_in(client)
    assert not is_in(elsewhere)
    entry = the_entry(people.acme, Op.USER_SIGN_OUT)
    assert (entry.success, entry.actor_id) == (True, people.owner.pk)
    assert entry.event["sentence"] == "Sign out everywhere as 'olga'"


def test_another_password_ends_all_others(people: People, page: Client) -> None:
    elsewhere = Client()
    elsewhere.force_login(people.owner)
    key = page.session.session_key
    new = "a staple no horse has heard of"
    page.post("/you/password/", {"old_password": PASSWORD, "new_password1": new, "new_password2": new})
    assert (is_in(page), is_in(elsewhere)) == (True, False)
    assert page.session.session_key != key
    assert entries_of(people.acme, Op.USER_SIGN_OUT) == []


# What a browser is told


DEPLOYED = {"SECRET_KEY": "fifty-characters-or-more-" * 3, "DATABASE_URL": "postgresql:///controlcenter"}
NAMES = "SESSION_COOKIE_NAME CSRF_COOKIE_NAME KNOWN_BROWSER_COOKIE SESSION_COOKIE_SECURE CSRF_COOKIE_SECURE"
STAFF = "REQUIRE_SECOND_FACTOR_FOR_STAFF"


def settings_with(**environment: str) -> dict[str, Any]:
    """Return the settings as a server has them that is started with this environment."""
    program = "import json, controlcenter.settings as s; print(json.dumps(vars(s), default=str))"
    said = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": os.environ["PATH"], **DEPLOYED, **environment},
        capture_output=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def test_by_https_cookies_are_bound_to_this_host(people: People, client: Client, settings: Settings) -> None:
    deployed = settings_with()
    assert deployed[STAFF]
    assert deployed["SECURE_HSTS_SECONDS"] == 365 * 24 * 60 * 60
    for name in NAMES.split():
        setattr(settings, name, deployed[name])
    client.get(SIGN_IN, secure=True)
    client.post(SIGN_IN, FORM, secure=True)
    assert {*client.cookies} == {"__Host-sessionid", "__Host-csrftoken", "__Host-known"}
    for cookie in client.cookies.values():
        assert (cookie["secure"], cookie["httponly"], cookie["path"], cookie["domain"]) == (True, True, "/", "")
        assert cookie["samesite"] == "Lax"


def test_without_https_they_have_their_plain_names() -> None:
    insecure = settings_with(INSECURE_HTTP="1")
    assert [insecure[name] for name in NAMES.split()] == ["sessionid", "csrftoken", "known", False, False]
    assert not insecure[STAFF]


def test_ages_are_settings() -> None:
    found = settings_with(SESSION_IDLE_MINUTES="15", SESSION_HOURS="8", REQUIRE_SECOND_FACTOR_FOR_STAFF="0")
    assert (found["SESSION_COOKIE_AGE"], found["SESSION_LONGEST"], found[STAFF]) == (900, 8 * 3600, False)


PAGES = (SIGN_IN, APPS, "/you/", "/@acme/teams-and-logs/", "/@acme/teams-and-logs/export/?format=csv", "/nowhere/")
ADMIN = ("/admin/", "/admin/jsi18n/", "/admin/accounts/user/", "/admin/auditlog/entry/", "/admin/auditlog/health/")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


@pytest.mark.parametrize("url", [*PAGES, *ADMIN])
def test_a_page_is_kept_by_no_browser_and_allows_nothing_else(url: str, people: People, page: Client) -> None:
    people.owner.is_staff = True
    people.owner.save()
    response = page.get(url)
    assert "no-store" in response["Cache-Control"]
    assert {name: response[name] for name in HEADERS} == HEADERS
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "script-src 'self';" in f"{policy};"


def test_the_page_that_signs_in_is_kept_by_none_either(people: People, client: Client) -> None:
    assert client.post(SIGN_IN, FORM)["Cache-Control"] == "no-store"


def test_all_pages_of_the_admin_are_looked_at_in_a_browser() -> None:
    """That they keep to the policy, ``tests/browser/test_admin_policy.py`` looks at; here, that it misses none."""
    assert {model for model in admin.site._registry if model.__name__ != "Entry"} == {*FACTORIES}


def test_the_staff_of_others_see_no_session(people: People, client: Client) -> None:
    AppFactory(account=people.acme)
    client.force_login(UserFactory(is_staff=True, home=None))
    assert client.get("/admin/sessions/session/").status_code == 404
