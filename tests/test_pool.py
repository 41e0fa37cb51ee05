"""The servers' pool: threads share few connections, wait in a queue that ends, and notice when the database is back."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from runpy import run_path
from typing import Any, NamedTuple

import psycopg
import pytest
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connection, connections, transaction
from django.test import RequestFactory
from pytest_django import Settings

from accounts.models import Token
from accounts.tokens import TokenScope
from auditlog.models import Entry
from controlcenter import pooling, settings
from controlcenter.resources.models import App

from .factories import People, make_people
from .history import session_of

pytestmark = pytest.mark.django_db(transaction=True)

CONNECTIONS = 2
APPS = "/@acme/apps/"
API = "/v2/users/acme/apps"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Site:
    """The application as a server of ours calls it: a connection goes back to the pool when an answer has left."""

    def __init__(self, people: People) -> None:
        self.application = get_wsgi_application()
        cookies = session_of(people.owner, "http://testserver")
        self.cookies = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in cookies)
        _, self.secret = Token.issue(people.owner, people.acme, "pool", list(TokenScope))

    def ask(self, path: str, form: dict[str, str] | None = None) -> Answer:
        token = "csrf" * 8
        headers = {"HTTP_COOKIE": f"{self.cookies}; csrftoken={token}", "HTTP_AUTHORIZATION": f"Key {self.secret}"}
        make = RequestFactory(**headers)  # type: ignore[arg-type]
        request = make.get(path) if form is None else make.post(path, {**form, "csrfmiddlewaretoken": token})
        begun: list[Any] = []
        response = self.application(request.environ, lambda *start: begun.extend(start))  # type: ignore[arg-type]
        body = b"".join(response)
        response.close()
        return Answer(int(begun[0].split()[0]), dict(begun[1]), body)


@pytest.fixture
def site(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    site = Site(make_people())
    database = connections.settings["default"]
    before = {**database, "OPTIONS": {**database["OPTIONS"]}}
    settings.DATABASE_CONNECTIONS, settings.DEBUG_PROPAGATE_EXCEPTIONS = CONNECTIONS, False
    settings.ALLOWED_HOSTS = ["testserver"]
    monkeypatch.setattr(pooling, "RECONNECT", 0.3)
    pooling.serve_pages()
    site.ask(APPS)  # Templates are read once.
    yield site
    connections.close_all()
    connection.close_pool()  # type: ignore[attr-defined]
    database.update(before)


def wait_for(seconds: float) -> Any:
    """Have pages wait no longer for a connection; return the pool that does so."""
    connections.close_all()
    connection.close_pool()  # type: ignore[attr-defined]
    connections.settings["default"]["OPTIONS"]["pool"]["timeout"] = seconds
    pool = connection.pool  # type: ignore[attr-defined]
    pool.open()
    return pool


def look(sql: str) -> list[tuple[Any, ...]]:
    """Ask past the pool."""
    given = connections.settings["default"]
    with psycopg.connect(host=given["HOST"], port=given["PORT"], user=given["USER"], dbname=given["NAME"]) as other:
        return other.execute(sql).fetchall()


OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def test_threads_share_connections(site: Site) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(site.ask, [APPS] * 16))
    assert [answer.status for answer in answers] == [200] * 16
    [(used,)] = look(f"SELECT count(*) {OTHERS}")
    assert 0 < used <= CONNECTIONS


def test_statements_of_pages_are_stopped_in_time(site: Site) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("20s",)


def test_commands_of_the_servers_role_have_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    def limit() -> str:
        connection.close()
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user || ' ' || current_setting('statement_timeout')")
            return str(cursor.fetchone()[0])

    call_command("harden_database", stdout=StringIO())
    # As a process reads them that does not become a server: this one may have done so in another test.
    options = run_path(settings.__file__)["DATABASES"]["default"]["OPTIONS"]
    try:
        with monkeypatch.context() as signed_in:
            signed_in.setitem(connection.settings_dict, "USER", "controlcenter_app")
            signed_in.setitem(connection.settings_dict, "OPTIONS", options)
            assert limit() == "controlcenter_app 0"
            del options["options"]  # as PgBouncer does
            assert limit() == "controlcenter_app 20s"
    finally:
        connection.close()


def test_a_host_that_vanishes_is_given_up(site: Site) -> None:
    connection.ensure_connection()
    asked = connection.connection.info.get_parameters()
    assert {name: int(asked[name]) for name in pooling.NOT_FOR_EVER} == pooling.NOT_FOR_EVER


def test_who_waits_too_long_is_told_so(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    pool = wait_for(0.5)
    held = [pool.getconn(timeout=20) for _ in range(CONNECTIONS)]
    page, call = site.ask(APPS), site.ask(API)
    assert (page.status, call.status) == (503, 503)
    assert b"The database does not answer" in page.body
    assert caplog.text.count("PoolTimeout: couldn't get a connection after 0.50 sec") >= 2, "the cause is in the log"
    assert json.loads(call.body)["status"]["reason"] == "unavailable"
    assert "Retry-After" in page.headers
    assert "Retry-After" in call.headers
    for one in held:
        pool.putconn(one)
    assert site.ask(APPS).status == 200


def test_a_queue_ends(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections.settings["default"]["OPTIONS"]["pool"], "max_waiting", 1)
    pool = wait_for(0.5)
    held = [pool.getconn(timeout=20) for _ in range(CONNECTIONS)]
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(site.ask, ["/health/"] * 6))
    assert pool.get_stats()["requests_queued"] < 6, "the others were sent away at once"
    assert [answer.status for answer in answers] == [503] * 6
    for one in held:
        pool.putconn(one)


def test_a_restarted_database_is_noticed_before_a_request_fails(site: Site) -> None:
    pool = wait_for(pooling.WAIT)
    pool.resize(0, 6)  # Each that is broken could make the page wait, twice as long each time.
    for one in [pool.getconn(timeout=20) for _ in range(6)]:
        pool.putconn(one)
    look(f"SELECT pg_terminate_backend(pid) {OTHERS}")
    assert site.ask(APPS).status == 200


def test_while_the_database_is_away_nothing_is_changed_and_everybody_is_told(site: Site) -> None:
    entries = Entry.objects.count()
    database = connections.settings["default"]
    host, database["HOST"] = database["HOST"], "/nowhere"
    wait_for(0.5)
    form = {"name": "Vision", "slug": "vision", "visibility": "private"}
    answers = [site.ask(APPS), site.ask("/@acme/new-app/", form), site.ask(API)]
    database["HOST"] = host
    wait_for(20)
    assert [answer.status for answer in answers] == [503, 503, 503]
    assert b"look first whether it was carried out" in answers[1].body
    assert json.loads(answers[2].body)["status"]["reason"] == "unavailable"
    assert not App.objects.exists()
    assert Entry.objects.count() == entries
    assert site.ask("/@acme/new-app/", form).status == 302


def test_a_connection_is_lent_while_nothing_is_asked(site: Site) -> None:
    connection.ensure_connection()
    pooling.lend()
    assert connection.connection is None
    assert connection.pool.get_stats()["pool_available"] == 1  # type: ignore[attr-defined]


def test_those_of_all_databases_are_lent(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections.settings, "log_replica", {**connections.settings["default"]})
    replica = connections["log_replica"]
    try:
        replica.connect()
        with transaction.atomic():
            pooling.lend()
            assert replica.connection is None
            assert connection.connection is not None, "what is amid a transaction stays"
    finally:
        replica.close()
        replica.close_pool()  # type: ignore[attr-defined]
        del connections["log_replica"]


def test_a_mistake_of_ours_is_not_the_databases(db: None) -> None:
    connection.ensure_connection()
    mistake = psycopg.InterfaceError("the cursor is closed")
    assert not pooling.does_not_answer(mistake)
    connection.connection.close()
    assert pooling.does_not_answer(mistake)
    connection.close()


def test_a_session_of_ones_own_is_known(db: None) -> None:
    assert pooling.has_own_session()


@pytest.mark.parametrize("statement", ["SELECT pg_sleep(5)", "SELECT 1/0", "INSERT INTO nowhere VALUES (1)"])
def test_a_database_that_refuses_answers(statement: str) -> None:
    with pytest.raises(Exception) as refused, connection.cursor() as cursor:  # noqa: PT011  (of several kinds)
        cursor.execute(f"SET statement_timeout = 50; {statement}")
    connection.close()
    assert not pooling.does_not_answer(refused.value)
