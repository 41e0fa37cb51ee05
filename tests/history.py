"""Entries at times of our choice, and what a page shows of them."""

import html
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, User
from accounts.roles import Role
from auditlog.events import Event, Target
from auditlog.ids import new_id
from auditlog.models import Entry
from auditlog.recorder import COLUMNS, record_events
from controlcenter.context import ANONYMOUS, Context, Where, acting_as
from controlcenter.operations import Operation
from controlcenter.resources.models import App

from .factories import MemberFactory

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
SENTENCE = re.compile(r'<span class="r">(.*?)</span>', re.DOTALL)


def write(account: Account, actor: User, entries: Iterable[tuple[str, datetime]], app: App | None = None) -> None:
    """Record model creations that read as the sentences and took place at the times, each by a request of its own."""
    around = (app.pk, Target("app", app.slug, app.name)) if app else None
    where = Where("203.0.113.7", "203.0.113.7", user_agent="curl/8")
    events = [
        Event(
            Operation.MODEL_CREATE,
            account.pk,
            time,
            Context(actor.as_actor(), replace(where, request_id=f"made-{time.timestamp()}-{number}")),
            around,
            [Target("model", f"model-{number}", f"Model {number}")],
            sentence=sentence,
        )
        for number, (sentence, time) in enumerate(entries)
    ]
    with transaction.atomic():
        record_events(events)


def multiply(entry: Entry, count: int) -> None:
    """Write an entry again, this many times, each a second earlier. Quick, for tests that only count rows."""
    ids = [new_id(entry.time - timedelta(seconds=second)) for second in range(1, count + 1)]
    columns = [name for name in COLUMNS if name != "id"]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO auditlog_entry (id, {', '.join(columns)}) SELECT copied.id, {', '.join(columns)} "  # noqa: S608
            "FROM auditlog_entry AS entry, unnest(%s::uuid[]) AS copied(id) WHERE entry.id = %s",
            [ids, entry.id],
        )


@contextmanager
def log_that_refuses() -> Iterator[None]:
    """Inside, the database takes no entry."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TRIGGER refuse_insert BEFORE INSERT ON auditlog_entry "
            "FOR EACH ROW EXECUTE FUNCTION auditlog_refuse_change()"
        )
        yield
        cursor.execute("DROP TRIGGER refuse_insert ON auditlog_entry")


def sign_in_long_ago(client: Client, user: User) -> None:
    """Sign in without an entry of it among those of today."""
    with acting_as(ANONYMOUS, at=LONG_AGO):
        client.force_login(user)


def session_of(user: User, url: str) -> list[Any]:
    """Return the cookies of somebody who signed in long ago, as a browser takes them."""
    client = Client()
    sign_in_long_ago(client, user)
    return [{"name": name, "value": cookie.value, "url": url} for name, cookie in client.cookies.items()]


def shown(response: Any) -> list[str]:
    """Return the sentences of the rows on a page, from top to bottom."""
    return [html.unescape(sentence) for sentence in SENTENCE.findall(response.content.decode())]


def text_of(response: Any) -> str:
    """Return a page as text: without tags, spaces put together."""
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split()))


def member_with(role: Role, account: Account) -> User:
    """Return a new member of the account with this role."""
    member = MemberFactory(account=account, role=role)
    user: User = member.user
    return user


def home_of(user: User) -> Account:
    """Return the account whose log shows the person's sign-ins."""
    assert user.home
    return user.home


def entries_of(account: Account, *operations: Operation) -> list[Entry]:
    """Return an account's entries of these operations, oldest first."""
    return list(Entry.objects.for_account(account.pk).with_operation(*operations).order_by("id"))


def the_entry(account: Account, operation: Operation) -> Entry:
    """Return the one entry of this operation; there must be no more and no fewer."""
    [entry] = entries_of(account, operation)
    return entry


def form_of(response: Any, **changed: Any) -> dict[str, Any]:
    """Return what the form on a page is sent with, as a browser would, with some fields filled in otherwise."""
    shown = {field.html_name: field.value() for field in response.context["form"]}
    return {**{name: "" if value is None else value for name, value in shown.items()}, **changed}


def failures_of(account: Account, operation: Operation) -> list[tuple[str, str]]:
    """Return code and sentence of each failure of this operation, oldest first."""
    failures = [entry.event["failure"] for entry in entries_of(account, operation) if not entry.success]
    return [(failure["code"], failure["sentence"]) for failure in failures]


def targets_of(entry: Entry) -> list[tuple[str, str]]:
    """Return type and id of each target of an entry."""
    return [(target["type"], target["id"]) for target in entry.event["targets"]]


def slugs_met(client: Client, url: str, found: str = "found", query: str = "?") -> list[str]:
    """Return the ids on all pages of a list, from its first page to its last by its own links."""
    met: list[str] = []
    while query:
        page = client.get(url + query).context[found]
        met += [row.slug for row in page.rows]
        query = page.next_url
    return met


def queries_for(client: Client, url: str) -> int:
    """Return how many queries a page costs."""
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)
