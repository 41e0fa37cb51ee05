"""Plays the demo's history."""

import heapq
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from django.db import connection, transaction

from accounts.models import Account, Token, User
from auditlog.partitions import make_partitions

from . import cast
from .plan import plan
from .world import Step, World

SEED = 1956
_EMAILS = [person.email for person in (*cast.PEOPLE, cast.STAFF, cast.CONTRACTOR)]


def is_seeded() -> bool:
    """Say whether the whole demo is there: the users' last sign-ins are written when everything else is. One query."""
    return bool(User.objects.filter(email=cast.STAFF.email, last_login__isnull=False).exists())


def is_begun() -> bool:
    """Say whether a part of the demo is there."""
    return bool(User.objects.filter(email__in=_EMAILS).exists())


def holds_others() -> bool:
    """Say whether there is anybody else's account or user, who must not live beside people with a known password."""
    organizations = [organization.slug for organization in cast.ORGANIZATIONS]
    accounts = Account.objects.exclude(pk=Account.PLATFORM_ID).exclude(slug__in=[*organizations, cast.CONTRACTOR.slug])
    return bool(accounts.exists() or User.objects.exclude(email__in=_EMAILS).exists())


def seed(entries: int, now: datetime) -> Iterator[int]:
    """Play the history that ends at ``now``; yield first how many steps there are, then 1 after each.

    Entries are written as operations take place, about ``entries`` in all.
    """
    start = (now - timedelta(days=cast.DAYS)).replace(hour=6, minute=0, second=0, microsecond=0)
    make_partitions(start.date(), now.date())
    rng = Random(SEED)  # noqa: S311  (the same demo every time)
    world = World(rng, start)
    steps = plan(rng, start, now, entries)
    yield len(steps)
    with connection.cursor() as cursor:
        # Each failure is a transaction of its own; should a crash forget the last of them, nothing of value is lost.
        cursor.execute("SET synchronous_commit TO off")
    with world.batch:
        yield from _play(world, steps, now)
    with connection.cursor() as cursor:
        cursor.execute("RESET synchronous_commit")
    _finish(world)


def _play(world: World, steps: list[Step], now: datetime) -> Iterator[int]:
    coming = [(step.time, number, step) for number, step in enumerate(steps)]
    while coming:
        _, _, step = heapq.heappop(coming)
        if step.fails:
            world.batch.close()
        else:
            world.batch.open()
        step.do(world, step)
        for later in world.later:
            if later.time < now:
                heapq.heappush(coming, (later.time, len(steps), later))
                steps.append(later)
        world.later.clear()
        yield 1
    world.batch.close()


def _finish(world: World) -> None:
    """Write what history left behind beside its entries; none of it is an operation."""
    with transaction.atomic():
        world.backdate()
        for token in Token.objects.all():
            if used_at := world.used_at.get(token.name):
                token.last_used_at = used_at
                token.save(update_fields=["last_used_at"])
        for user in world.users.values():
            user.last_login = user.last_login or (world.time if user.is_staff else None)
            user.save(update_fields=["last_login"])
