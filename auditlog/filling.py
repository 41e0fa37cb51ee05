"""Writes many made-up entries, in the recorder's own form, through COPY: what a full log is measured on."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address
from itertools import islice
from random import Random
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from accounts.models import Account, Invitation, Member, Plan, User
from accounts.roles import Permission, RoleDenied
from controlcenter.context import SYSTEM, Actor, Context, Where
from controlcenter.resources.models import App

from .canonical import leaf_of, timestamp
from .demo.cast import AGENTS
from .events import Change, Event, events_of, values_of
from .ids import new_id
from .recorder import COLUMNS, row_of
from .subjects import naming_of, refer_to
from .tracked import TRACKED, Tracked

COPY = f"COPY auditlog_entry ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)"
ROWS_AT_ONCE = 1000
SAMPLES = 5000
OF_A_KIND = 400
FAILING = 0.04
DENIED = RoleDenied(Permission.MANAGE_RESOURCES)
SAMPLE_TIME = datetime(1970, 1, 1, tzinfo=UTC)
SAMPLE_REQUEST = "f" * 32

# What a made-up entry is never about: people are not made up.
LEFT_OUT = (Account, Plan, User, Invitation)

Row = dict[str, Any]
"""Values by the names of ``COLUMNS``."""


def fill(account: Account, entries: int, start: datetime, end: datetime, seed: int) -> Iterator[int]:
    """Write ``entries`` entries between ``start`` and ``end``; yield how many, time and again. All of them or none."""
    rng = Random(seed)  # noqa: S311  (the same entries every time)
    actors = _actors(account)
    # COPY leaves the connection to no other query: whatever the recorder looks up, it has to before.
    with transaction.atomic():
        samples = _samples(account, actors, rng, min(entries, SAMPLES))
    times = enumerate(_times(rng, entries, start, end))
    rows = (_like(rng.choice(samples), rng, time, number) for number, time in times)
    with transaction.atomic(), connection.cursor() as cursor:
        with cursor.copy(COPY) as copy:
            copy.set_types(list(COLUMNS.values()))
            while chunk := list(islice(rows, ROWS_AT_ONCE)):
                for row in chunk:
                    copy.write_row(list(row.values()))
                yield len(chunk)
        # Without statistics of what is there now the planner would go on as if the log were small.
        cursor.execute("ANALYZE auditlog_entry")


def _like(sample: Row, rng: Random, time: datetime, number: int) -> Row:
    """Return the row of the same operation in another request. Recording it would take ten times as long."""
    entry_id, request_id = new_id(time, number), UUID(int=rng.getrandbits(128), version=4).hex
    body = (
        sample["body"]
        .replace(str(sample["id"]).encode(), str(entry_id).encode(), 1)
        .replace(timestamp(SAMPLE_TIME).encode(), timestamp(time).encode(), 1)
        .replace(SAMPLE_REQUEST.encode(), request_id.encode(), 1)
    )
    return sample | {"id": entry_id, "request_id": request_id, "body": body, "leaf": leaf_of(body)}


def _times(rng: Random, entries: int, start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield times in order: index pages fill up one after another, as they do in real life."""
    pause = (end - start) / entries
    for number in range(entries):
        yield start + pause * (number + rng.random())


def _samples(account: Account, actors: Sequence[Actor], rng: Random, count: int) -> list[Row]:
    """Return rows as the recorder makes them, of what could have happened in the account."""
    events = _events(account)
    samples = []
    for _ in range(count):
        event = replace(rng.choice(events), context=Context(rng.choice(actors), _where(rng, account)))
        if rng.random() < FAILING:
            event.changes, event.code, event.failure = {}, DENIED.code, DENIED.sentence
        sample = dict(zip(COLUMNS, row_of(event, 0), strict=True))
        sample["source_ip"] = ip_address(sample["source_ip"])  # as binary COPY wants it
        samples.append(sample)
    return samples


def _events(account: Account) -> list[Event]:
    """Return an event for each thing that could have happened to what the account has."""
    changes = [change for row in TRACKED if row.model not in LEFT_OUT for change in _changes(account, row)]
    return events_of(changes) or events_of([_creation(account)])


def _changes(account: Account, row: Tracked) -> Iterator[Change]:
    path = row.account.replace(".", "__")
    for instance in row.model._default_manager.filter(**{path: account.pk}).order_by("-pk")[:OF_A_KIND]:
        values = values_of(instance, row)
        yield Change(instance, None, values, SAMPLE_TIME)
        for name, other in (("description", "As it was before"), ("published_at", None), ("access", "labeler_worker")):
            if values.get(name, other) != other:
                yield Change(instance, {**values, name: other}, values, SAMPLE_TIME)
        if not isinstance(instance, App):  # an app with such an entry would be listed as deleted
            yield Change(instance, values, None, SAMPLE_TIME)


def _creation(account: Account) -> Change:
    """Return all that can be told of an account with nothing in it."""
    row = next(row for row in TRACKED if row.model is Account)
    return Change(account, None, values_of(account, row), SAMPLE_TIME)


def _actors(account: Account) -> list[Actor]:
    """Return who could have done it. Their namings are committed, so that none of the samples looks them up."""
    members = Member.objects.filter(account=account).select_related("user").order_by("pk")[:OF_A_KIND]
    tokens = account.tokens.select_related("user").order_by("pk")[:OF_A_KIND]
    actors = [member.user.as_actor() for member in members] + [token.as_actor() for token in tokens]
    with transaction.atomic():
        for actor in actors:
            refer_to(naming_of(actor))
    return actors or [SYSTEM]


def _where(rng: Random, account: Account) -> Where:
    host = rng.randrange(1, 255)
    address = str(ip_address(rng.choice((f"203.0.113.{host}", f"2001:db8:77:{host:x}::{rng.getrandbits(8):x}"))))
    path = rng.choice((f"/@{account.slug}/apps/", f"/v2/users/{account.slug}/apps/"))
    agent = rng.choice((*AGENTS, "clarifai-python/11.9"))
    return Where(address, "192.0.2.10", address, agent, SAMPLE_REQUEST, "POST", path)
