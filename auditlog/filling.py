"""Writes many made-up entries, in the recorder's own form, through COPY: what a full log is measured on."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import islice
from random import Random
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from accounts.models import Account, Invitation, Member, Plan, User
from accounts.roles import Permission, RoleDenied
from controlcenter.context import SYSTEM, Actor, Context, Where
from controlcenter.resources.models import App

from .demo.cast import AGENTS, PHONES
from .demo.rhythm import HOUR, Rhythm
from .events import Change, Event, events_of, values_of
from .recorder import COLUMNS, row_of
from .subjects import naming_of, refer_to
from .tracked import TRACKED, Tracked

COPY = f"COPY auditlog_entry ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)"
SOURCE_IP = list(COLUMNS).index("source_ip")
ROWS_AT_ONCE = 1000
OF_A_KIND = 400
CONTEXTS = 500
FAILING = 0.04
DENIED = RoleDenied(Permission.MANAGE_RESOURCES)

# What a made-up entry is never about: deleting an app would list it as deleted, people are not made up.
LEFT_OUT = (Account, Plan, User, Invitation)


def fill(account: Account, entries: int, start: datetime, end: datetime, seed: int) -> Iterator[int]:
    """Write ``entries`` entries between ``start`` and ``end``; yield how many, time and again. All of them or none."""
    rng = Random(seed)  # noqa: S311  (the same entries every time)
    with transaction.atomic():
        pool, contexts = _events(account), _contexts(account, rng)
        rows = _rows(rng, pool, contexts, _times(rng, entries, start, end))
        with connection.cursor() as cursor:
            with cursor.copy(COPY) as copy:
                copy.set_types(list(COLUMNS.values()))
                while chunk := list(islice(rows, ROWS_AT_ONCE)):
                    for row in chunk:
                        copy.write_row(row)
                    yield len(chunk)
            # Without statistics of what is there now the planner would go on as if the log were small.
            cursor.execute("ANALYZE auditlog_entry")


def _rows(
    rng: Random, pool: Sequence[Event], contexts: Sequence[Context], times: Iterator[datetime]
) -> Iterator[Sequence[Any]]:
    for counter, time in enumerate(times):
        event, context = rng.choice(pool), rng.choice(contexts)
        where = replace(context.where, request_id=UUID(int=rng.getrandbits(128), version=4).hex)
        event = replace(event, time=time, context=replace(context, where=where))
        if rng.random() < FAILING:
            event.changes, event.code, event.failure = {}, DENIED.code, DENIED.sentence
        row = list(row_of(event, counter))
        row[SOURCE_IP] = _address(row[SOURCE_IP])
        yield row


def _times(rng: Random, entries: int, start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield times in order: index pages fill up one after another, as they do in real life."""
    for hour, count in Rhythm(start, end, 7).shares(entries):
        first, last = max(hour, start), min(hour + HOUR, end)
        pause = (last - first) / (count or 1)
        for number in range(count):
            yield first + pause * (number + rng.random())


def _events(account: Account) -> list[Event]:
    """Return an event for each thing that could have happened to what the account has."""
    rows = [row for row in TRACKED if row.model not in LEFT_OUT]
    return [event for row in rows for event in events_of(list(_changes(account, row)))] or _nothing_but(account)


def _changes(account: Account, row: Tracked) -> Iterator[Change]:
    path = row.account.replace(".", "__")
    now = datetime.min
    for instance in row.model._default_manager.filter(**{path: account.pk}).order_by("-pk")[:OF_A_KIND]:
        values = values_of(instance, row)
        yield Change(instance, None, values, now)
        for name, other in (("description", "As it was before"), ("published_at", None), ("access", "labeler_worker")):
            if values.get(name, other) != other:
                yield Change(instance, {**values, name: other}, values, now)
        if not isinstance(instance, App):
            yield Change(instance, values, None, now)


def _nothing_but(account: Account) -> list[Event]:
    """Return what can be told of an account without anything in it: that it was created."""
    row = next(row for row in TRACKED if row.model is Account)
    return events_of([Change(account, None, values_of(account, row), datetime.min)])


def _contexts(account: Account, rng: Random) -> list[Context]:
    actors = _actors(account)
    for actor in actors:
        if actor.user_id:
            refer_to(naming_of(actor))
    return [Context(rng.choice(actors), _where(rng, account)) for _ in range(CONTEXTS)]


def _actors(account: Account) -> list[Actor]:
    members = Member.objects.filter(account=account).select_related("user").order_by("pk")[:OF_A_KIND]
    tokens = account.tokens.select_related("user").order_by("pk")[:OF_A_KIND]
    return [member.user.as_actor() for member in members] + [token.as_actor() for token in tokens] or [SYSTEM]


def _where(rng: Random, account: Account) -> Where:
    address = rng.choice(
        (f"203.0.113.{rng.randrange(1, 255)}", f"2001:db8:77:{rng.getrandbits(16):x}::{rng.getrandbits(8):x}")
    )
    path = rng.choice((f"/@{account.slug}/apps/", f"/v2/users/{account.slug}/apps/"))
    agent = rng.choice((*AGENTS, *PHONES, "clarifai-python/11.9"))
    return Where(str(ip_address(address)), "192.0.2.10", address, agent, "", "POST", path)


@lru_cache(maxsize=4096)
def _address(text: str | None) -> IPv4Address | IPv6Address | None:
    return ip_address(text) if text else None
