"""Logs to search: entries of our choice, and a caller who asks for them."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.test import Client

from accounts.models import Account, Token, User
from auditlog.events import Event, Target
from auditlog.models import Entry
from auditlog.recorder import record_events
from controlcenter.context import Context, Where
from controlcenter.operations import Operation
from tests.factories import People

from .calling import token_for

NOW = datetime.now(UTC).replace(microsecond=500_000)
MODEL, APP = ("model", "detector"), ("app", "vision")


def ago(**time: int) -> datetime:
    return NOW - timedelta(**time)


def text(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def event(
    account: Account,
    person: User | Token,
    time: datetime | None = None,
    operation: Operation = Operation.MODEL_CREATE,
    *targets: tuple[str, str],
    ip: str | None = "203.0.113.7",
    code: str = "",
    app: tuple[int, str] | None = None,
) -> Event:
    """Return an event; each target is a kind and an id."""
    return Event(
        operation,
        account.pk,
        time or datetime.now(UTC),
        Context(person.as_actor(), Where(ip, ip, request_id="made")),
        (app[0], Target("app", app[1], app[1].title())) if app else None,
        [Target(kind, public_id, public_id.title()) for kind, public_id in targets],
        sentence=f"{operation.label}: {' '.join(public_id for _, public_id in targets)}",
        code=code,
        failure=f"It ended with {code}." if code else "",
    )


def write(*events: Event) -> list[str]:
    """Record events, and return the ids of their entries."""
    before = set(Entry.objects.values_list("id", flat=True))
    with transaction.atomic():
        record_events(events)
    return [
        str(entry_id)
        for entry_id in Entry.objects.order_by("id").values_list("id", flat=True)
        if entry_id not in before
    ]


class Searcher:
    """Somebody with a token of their own, who reads the log of an account without a server in between."""

    def __init__(self, person: User, account: Account, *scopes: str) -> None:
        self.path = f"/v2/users/{account.slug}/audit_log"
        self.client = Client(headers={"Authorization": f"Key {token_for(person, account, *scopes)}"})

    def post(self, body: Any = None) -> Any:
        """Search, and return the answer."""
        data = body if isinstance(body, str) else json.dumps({} if body is None else body)
        return self.client.post(f"{self.path}/searches", data, content_type="application/json")

    def search(self, query: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        """Search, and return what a success answers."""
        answer = self.post({"query": query or {}, **options})
        assert answer.status_code == 200, answer.content
        found: dict[str, Any] = answer.json()
        return found

    def ids(self, query: dict[str, Any] | None = None, **options: Any) -> list[str]:
        """Search, and return the ids of what is found: at most a thousand."""
        return ids(self.search(query, **{"pagination": {"per_page": 1000}, **options})["entries"])

    def walk(self, query: dict[str, Any] | None = None, per_page: int = 100, **options: Any) -> Iterator[list[str]]:
        """Yield the ids of each page, by cursor."""
        cursor: str | None = None
        for _ in range(1000):  # It has to end.
            found = self.search(query, pagination={"per_page": per_page, "cursor": cursor}, **options)
            yield ids(found["entries"])
            cursor = found.get("next_cursor")
            if cursor is None:
                return
        raise AssertionError("The walk does not come to an end.")

    def refused(self, body: Any) -> tuple[int, str, str]:
        """Search, and return status, code and sentence of the refusal."""
        answer = self.post(body)
        status = answer.json()["status"]
        assert status["code"] != 10000
        return answer.status_code, status["reason"], status["details"]

    def follow(self, **query: Any) -> Any:
        """Follow the log, and return the answer."""
        return self.client.get(f"{self.path}/entries", query)


def ids(entries: Sequence[dict[str, Any]]) -> list[str]:
    """Return the ids of entries."""
    return [entry["id"] for entry in entries]


class Log:
    """Acme's log as its owner Olga searches it; only what a test writes is looked at."""

    def __init__(self, people: People) -> None:
        self.people, self.acme, self.olga, self.max = people, people.acme, people.owner, people.member
        self.searcher = Searcher(people.owner, people.acme, "audit_log:read")
        self.written: list[str] = []

    def write(self, *args: Any, person: Any = None, account: Account | None = None, **options: Any) -> str:
        [entry_id] = write(event(account or self.acme, person or self.olga, *args, **options))
        self.written.append(entry_id)
        return entry_id

    def found(self, query: dict[str, Any] | None = None, **options: Any) -> list[str]:
        """Search, and return what was found of what was written."""
        return [entry_id for entry_id in self.searcher.ids(query, **options) if entry_id in self.written]
