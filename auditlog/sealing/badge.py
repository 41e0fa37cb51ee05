"""What the page of the log says of its integrity: sealed is signed, verified is computed again since. One query."""

from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.urls import reverse

from accounts.models import Member
from accounts.roles import Permission, Reach

from .verify import ALTERED

if TYPE_CHECKING:
    from auditlog.listing import Listing

STATE = """
SELECT tip.time, greatest(tip.last_seq - removed.entries, 0), found.status, found.sealed_until,
    greatest(found.last_seq - removed.entries, 0), stall.since IS NOT NULL
FROM (
    SELECT coalesce(sum(entries), 0)::bigint AS entries FROM auditlog_certificate WHERE account_id = %(account)s
) AS removed
LEFT JOIN (
    SELECT time, last_seq FROM auditlog_block WHERE account_id = %(account)s ORDER BY number DESC LIMIT 1
) AS tip ON true
LEFT JOIN auditlog_verification AS found ON found.account_id = %(account)s
LEFT JOIN auditlog_stall AS stall ON stall.account_id = %(account)s
"""

FRESH_FOR = 5  # seconds: the sealer's own pace
MOST_KNOWN = 1_000


@dataclass(frozen=True, slots=True)
class Integrity:
    """How far an account's log is sealed and verified; what retention removed is not counted."""

    sealed_until: datetime | None
    sealed: int
    status: int | None
    verified_until: datetime | None
    verified: int
    stalled: bool

    @property
    def alarming(self) -> bool:
        """Whether somebody has to look at it."""
        return self.stalled or self.altered

    @property
    def altered(self) -> bool:
        """Whether something was found to be altered: nothing counts as verified until all was gone through again."""
        return self.status == ALTERED


def integrity_of(account_id: int) -> Integrity:
    """Return how far an account's log is sealed and verified, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(STATE, {"account": account_id})
        return Integrity(*cursor.fetchone())


_known: dict[int, tuple[float, Integrity]] = {}
"""How far each account's log was when this process asked last, so that the log's page need not ask each time."""


def badge_context(listing: "Listing") -> dict[str, Any]:
    """Return what ``_badge.html`` shows on the page of the log; a query once in a while, as the sealer's pace is."""
    account_id, now = listing.account.pk, monotonic()
    asked, integrity = _known.get(account_id, (0.0, None))
    if integrity is None or now - asked > FRESH_FOR:
        integrity = integrity_of(account_id)
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[account_id] = now, integrity
    return {"badge": badge_of(listing.member, listing.now.astimezone(listing.period.zone), integrity)}


def forget() -> None:
    """Ask anew for every account: between tests."""
    _known.clear()


def badge_of(member: Member, now: datetime, state: Integrity) -> dict[str, Any]:
    """Return the badge for a member; ``now`` is in the zone that times are shown in."""
    may_check = member.reach(Permission.EXPORT_LOG) is Reach.ALL
    return {
        "tone": "bad" if state.alarming else "ok" if state.verified_until else "",
        "icon": "triangle-alert" if state.alarming else "shield",
        "text": _text(state, now, counted=member.reach(Permission.READ_LOG) is Reach.ALL),
        "url": reverse("log-integrity", args=[member.account.slug]) if may_check else "",
    }


def _text(state: Integrity, now: datetime, *, counted: bool) -> str:
    if state.alarming:
        return "Integrity alarm"
    if state.verified_until:
        word, until, count = "Verified", state.verified_until, state.verified
    elif state.sealed_until:
        word, until, count = "Sealed", state.sealed_until, state.sealed
    else:
        return "Not sealed yet"
    return f"{word} to {_short(until, now)}" + (
        f", {count:,} {'entry' if count == 1 else 'entries'}" if counted else ""
    )


def _short(time: datetime, now: datetime) -> str:
    there = time.astimezone(now.tzinfo)
    if there.date() == now.date():
        return f"{there:%H:%M}"
    return f"{there:%b} {there.day}, {there:%H:%M}"
