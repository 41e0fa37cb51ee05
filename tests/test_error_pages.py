"""Error pages: each says what happened and shows the request id, and none needs what may be broken."""

import subprocess
import sys
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from controlcenter.operations import Operation
from controlcenter.replica import NotHere
from controlcenter.resources.models import App

from .factories import AppFactory, People, make_people
from .history import entries_of, log_that_refuses, text_of

pytestmark = pytest.mark.django_db

ID = {"X-Request-ID": "request-7"}
APPS = "/@acme/apps/"


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def page(people: People) -> Client:
    client = Client(raise_request_exception=False, headers=ID)
    client.force_login(people.owner)
    return client


@pytest.fixture
def signed_out() -> Client:
    return Client(raise_request_exception=False, headers=ID, enforce_csrf_checks=True)


def assert_error(response: Any, status: int, heading: str) -> None:
    text = text_of(response)
    assert response.status_code == status
    assert heading in text
    assert "Request ID request-7" in text
    assert response["X-Request-ID"] == "request-7"
    assert "default-src 'none'" in response["Content-Security-Policy"]


def test_what_there_is_not(page: Client, signed_out: Client) -> None:
    for client in (page, signed_out):
        assert_error(client.get("/nowhere/"), 404, "There is nothing here")


def test_what_one_may_not(page: Client, people: People) -> None:
    page.force_login(people.member)
    response = page.get("/@acme/plan/")
    assert_error(response, 403, "You may not do this")
    assert "The attempt was recorded as <code>role_denied</code>." in response.content.decode()


def test_a_form_out_of_date(signed_out: Client) -> None:
    response = signed_out.post("/sign-in/", {"username": "olga@acme.example", "password": "guess"})
    assert_error(response, 403, "This form is out of date")


def test_a_request_that_makes_no_sense(page: Client) -> None:
    assert_error(page.get(f"{APPS}?{'a=1&' * 2000}"), 400, "This request makes no sense")


def test_a_broken_page(page: Client, people: People, signed_out: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE resources_collaborator RENAME TO gone")
        assert_error(page.get(APPS), 500, "Something broke on our side")


@pytest.mark.parametrize("table", ["accounts_member", "django_session"])
def test_a_database_that_answers_nothing(table: str, page: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO gone")
        assert_error(page.get(APPS), 500, "Something broke on our side")


# The log takes no entry


def test_what_can_not_be_recorded_does_not_happen(page: Client, people: People) -> None:
    with log_that_refuses():
        response = page.post("/@acme/new-app/", {"name": "Vision", "slug": "vision", "visibility": "private"})
    assert_error(response, 503, "Nothing was changed")
    assert not App.objects.exists()
    assert entries_of(people.acme, Operation.APPLICATION_CREATE) == []


@pytest.mark.parametrize("page_name", ["settings", "duplicate", "delete"])
def test_no_page_changes_an_app_unrecorded(page_name: str, page: Client, people: People) -> None:
    AppFactory(account=people.acme, slug="vision", name="Vision")
    url = f"{APPS}vision/{page_name}/"
    form = page.get(url).context["form"]
    data = {name: form[name].value() or "" for name in form.fields} | {"name": "Other", "confirm": "vision"}
    with log_that_refuses():
        assert_error(page.post(url, data), 503, "Nothing was changed")
    assert list(App.objects.values_list("slug", "name")) == [("vision", "Vision")]


def test_reading_keeps_working(page: Client, people: People) -> None:
    AppFactory(account=people.acme, slug="vision", name="Vision")
    with log_that_refuses():
        for url in (APPS, "/@acme/teams-and-logs/", "/@acme/teams-and-logs/?app=vision", "/@acme/plan/"):
            assert page.get(url).status_code == 200
            assert "Vision" in text_of(page.get("/@acme/teams-and-logs/?app=vision"))


def test_a_refusal_stays_one_when_it_can_not_be_recorded(
    page: Client, people: People, caplog: pytest.LogCaptureFixture
) -> None:
    page.force_login(people.member)
    with log_that_refuses():
        assert page.get("/@acme/plan/").status_code == 403
    assert "failure entry NOT recorded: ORGANIZATION_PLAN_CHANGE" in caplog.text


def test_a_look_that_takes_too_long(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def dawdle(*_: object, **__: object) -> dict[str, Any]:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '50ms'")
            cursor.execute("SELECT pg_sleep(5)")
        return {}

    monkeypatch.setattr("auditlog.listing.histogram_of", dawdle)
    response = page.get("/@acme/teams-and-logs/?text=rare")
    assert_error(response, 503, "This takes too long")
    assert 'href="/@acme/teams-and-logs/"' in response.content.decode()


def test_a_database_that_is_the_wrong_one(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> dict[str, Any]:
        raise NotHere("This database is a replica: count on the primary.")

    monkeypatch.setattr("auditlog.listing.histogram_of", refuse)
    response = page.get("/@acme/teams-and-logs/")
    assert_error(response, 503, "This can't be done here")
    assert "This database is a replica: count on the primary." in text_of(response)


def test_an_address_that_only_takes_forms_says_so(page: Client) -> None:
    response = page.get("/sign-out/")
    assert_error(response, 405, "This address shows no page")
    assert response["Allow"] == "POST"


def test_pages_are_stopped_and_commands_are_not() -> None:
    asked = """
import django
django.setup()
from django.db import connection
def limit():
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        return cursor.fetchone()[0]
print(limit())
import controlcenter.wsgi
print(limit())
"""
    answer = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["0", "20s"]
