"""How often somebody may try to prove who they are. Tries are counted before anything costly is done.

Each try is counted for who is meant and for where it comes from, as far as that address is believed: in one statement,
and in all counts or in none. When one of them is full the try is refused, and changes nothing: whoever keeps on trying
makes nobody wait any longer. Waits grow from a second to a quarter of an hour, in which one try is forgotten; so nobody
is shut out for good. A browser that signed in before has a count of its own: strangers can't make its owner wait.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

from django.db import connection, models, transaction
from django.db.models import F
from django.db.models.functions import Least
from django.utils import timezone
from django.utils.crypto import salted_hmac

from controlcenter.context import attempting, current
from controlcenter.operations import Operation

from .models import Account, Throttle, User

LONGEST_WAIT = timedelta(minutes=15)
KEPT_FOR = timedelta(days=1)
FREE_OF_PERSON, FREE_OF_EMAIL, FREE_OF_ADDRESS, FREE_OF_NETWORK = 5, 30, 20, 100

# What is free counts up to 0; from there on each try doubles the wait. Rows are taken in the order of their keys, so
# that no two requests wait for each other.
COUNT = """
INSERT INTO accounts_throttle AS held (key, tries, free_at, at)
SELECT key, 1 - free, %(now)s, %(now)s FROM unnest(%(keys)s::text[], %(free)s::int[]) AS asked (key, free) ORDER BY key
ON CONFLICT (key) DO UPDATE SET (tries, free_at, at) = (
    SELECT n, excluded.at + CASE WHEN n < 0 THEN 0 ELSE LEAST(power(2, LEAST(n, 20)), %(longest)s) END * interval '1 s',
        excluded.at
    FROM (SELECT GREATEST(
        excluded.tries, held.tries + 1 - floor(extract(epoch FROM excluded.at - held.at) / %(longest)s)::int
    )) AS counted (n)
)
WHERE held.free_at <= excluded.at
RETURNING key
"""


class Limit(NamedTuple):
    """Something that tries are counted for, and how many are free before waits begin."""

    key: str
    free: int
    own: bool = False
    """Whether it begins anew after a success. What many share does not: each of them could clear it for all."""


class Throttled(Exception):  # noqa: N818
    """There were too many tries."""

    code = "throttled"

    def __init__(self, until: datetime, first: bool) -> None:
        self.until, self.first = until, first
        self.seconds = max(1, math.ceil((until - timezone.now()).total_seconds()))
        self.sentence = f"There were too many tries: wait {self.seconds} s."
        super().__init__(self.sentence)


@dataclass(frozen=True, slots=True)
class Try:
    """A try that was let through and counted."""

    limits: Sequence[Limit]

    def succeeded(self) -> None:
        """Take the try back; who is meant begins anew. Counts that nobody needs any more go."""
        now = timezone.now()
        own, shared = ([_digest(limit.key) for limit in self.limits if limit.own is kind] for kind in (True, False))
        with transaction.atomic():
            held = Throttle.objects.filter(key__in=[*own, *shared]).order_by("key").select_for_update()
            list(held.values("key"))  # In the order in which they are counted: nobody waits for each other.
            Throttle.objects.filter(key__in=own).delete()
            Throttle.objects.filter(key__in=shared).update(tries=F("tries") - 1, free_at=Least(F("free_at"), now))
        old = Throttle.objects.filter(at__lt=now - KEPT_FOR).select_for_update(skip_locked=True)
        Throttle.objects.filter(key__in=old.values("key")).delete()


def to_sign_in(email: str, browser: str) -> list[Limit]:
    """Return what a sign-in is counted for: an address that nobody has is counted like any other.

    Args:
        browser: the mark of one that the person signed in with before; "" for another.
    """
    if browser:
        return [Limit(f"sign-in:{email}:browser:{browser}", FREE_OF_PERSON, own=True), *_origin()]
    everywhere = Limit(f"sign-in:{email}", FREE_OF_EMAIL, own=True)
    return [Limit(f"sign-in:{email}:{_network()}", FREE_OF_PERSON, own=True), everywhere, *_origin()]


def to_prove(what: str, person: User) -> list[Limit]:
    """Return what tries of a known person are counted for, such as the password of who is signed in."""
    return [Limit(f"{what}:{person.pk}", FREE_OF_PERSON, own=True), *_origin()]


def to_do(what: str, key: object, free: int) -> list[Limit]:
    """Return what something is counted for that may be done now and then, but not as often as one likes."""
    return [Limit(f"{what}:{key}", free)]


def from_here(what: str) -> list[Limit]:
    """Return what tries are counted for when nothing but where they come from is known."""
    return [Limit(f"{what}:{limit.key}", limit.free) for limit in _origin()]


def admit(
    limits: Sequence[Limit], operation: Operation, account_id: int = Account.PLATFORM_ID, target: User | None = None
) -> Try:
    """Count a try, before anything else is done about it. One refused in each wait is an entry, the others are not.

    Raises:
        Throttled: when there were too many.
    """
    try:
        return count(limits)
    except Throttled as refused:
        if refused.first:
            with attempting(operation, account_id=account_id, target=target) as attempt:
                attempt.refuse(refused.code, refused.sentence)
        raise


def count(limits: Sequence[Limit]) -> Try:
    """Count a try in all limits, or in none of them. Raises as ``admit``."""
    now, free = timezone.now(), {_digest(limit.key): limit.free for limit in limits}
    longest = LONGEST_WAIT.total_seconds()
    asked: dict[str, Any] = {"now": now, "keys": [*free], "free": [*free.values()], "longest": longest}
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(COUNT, asked)
            if cursor.rowcount < len(free):
                raise _Full  # Nothing is counted then.
    except _Full:
        raise _throttled([*free], now) from None
    return Try(limits)


class _Full(Exception):  # noqa: N818
    """One of the limits lets nothing through now."""


def _throttled(keys: list[str], now: datetime) -> Throttled:
    """Return the refusal, and whether it is the first one of its wait: of many at once, one is."""
    held = Throttle.objects.filter(key__in=keys, free_at__gt=now).order_by("-free_at").first()
    if held is None:
        return Throttled(now, first=False)  # It has just ended.
    untold = Throttle.objects.filter(key=held.key).exclude(told_at__gte=held.free_at)
    return Throttled(held.free_at, first=models.QuerySet.update(untold, told_at=held.free_at) == 1)


def _digest(key: str) -> str:
    return salted_hmac("accounts.throttles", key, algorithm="sha256").hexdigest()


def _origin() -> Iterator[Limit]:
    """Yield what everything from where the request comes is counted for; nothing where no address is known."""
    if source := current().where.source_ip:
        version = ip_address(source).version
        yield Limit(_around(source, 32 if version == 4 else 64), FREE_OF_ADDRESS)
        yield Limit(_around(source, 24 if version == 4 else 48), FREE_OF_NETWORK)


def _network() -> str:
    source = current().where.source_ip
    return _around(source, 24 if ip_address(source).version == 4 else 48) if source else ""


def _around(source: str, bits: int) -> str:
    """Return the network of so many bits that an address is in. Who has one IPv6 address has all of its /64."""
    return f"from:{ip_network((source, bits), strict=False)}"
