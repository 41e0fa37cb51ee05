"""How the log is doing, for operators: whether sealing keeps up, and what has to be looked at."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import Account
from auditlog import unrecorded
from auditlog.fence.triggers import differing

from .anchors import newest
from .models import Delivery, SealerState, Stall, Verification
from .sealer import pending
from .verify import ALTERED

LONGEST_LAG = timedelta(minutes=1)
MOST_COUNTED = 10_000
ATTEMPTS_BEFORE_ALARM = 3
SEAL = "manage.py seal_log has to run."

INSERT_ONLY = ("auditlog_seal", "auditlog_block", "auditlog_sealingkey", "auditlog_anchor", "auditlog_certificate")
DISARMED = """
SELECT kept.oid::regclass::text
FROM (SELECT relid AS oid FROM pg_partition_tree('auditlog_entry') UNION SELECT unnest(%s::regclass[])) AS kept
WHERE 2 > (
    SELECT count(*) FROM pg_trigger
    WHERE tgrelid = kept.oid AND tgname IN ('refuse_change', 'refuse_truncate') AND tgenabled IN ('O', 'A')
)
ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that somebody has to look at."""

    sentence: str
    account_id: int | None = None
    remedy: str = ""
    """What the operator has to do; no matter of the customer's."""


def alarms(now: datetime) -> list[Alarm]:
    """Return what is wrong, the worst first."""
    stalls = [
        Alarm(f"Sealing has stopped at entry {stall.entry_id}: {stall.reason}.", stall.account_id)
        for stall in Stall.objects.order_by("account_id")
    ]
    altered = [
        Alarm(f"The log was altered: {found.problem}.", found.account_id)
        for found in Verification.objects.filter(status=ALTERED).order_by("account_id")
    ]
    return stalls + altered + _disarmed() + _unwatched() + _unrecorded() + _late(now) + _undelivered()


def alarms_of(account_id: int, now: datetime) -> list[Alarm]:
    """Return what is wrong with one account's log, or with all of them."""
    return [alarm for alarm in alarms(now) if alarm.account_id in {account_id, None}]


def _disarmed() -> list[Alarm]:
    with connection.cursor() as cursor:
        cursor.execute(DISARMED, [list(INSERT_ONLY)])
        return [Alarm(f"{table} is no longer insert-only: its triggers are off or gone.") for (table,) in cursor]


def _unwatched() -> list[Alarm]:
    tables = sorted({table for table, _ in differing()})
    return [
        Alarm(
            f"Changes of {table} past the application leave no entry: triggers are off, gone or old.",
            remedy="manage.py migrate makes them anew.",
        )
        for table in tables
    ]


def _unrecorded() -> list[Alarm]:
    if time := unrecorded.latest():
        count = unrecorded.count()
        return [Alarm(f"{count:,} times something was not recorded on this server, last at {time:%Y-%m-%d %H:%M} UTC.")]
    return []


def _late(now: datetime) -> list[Alarm]:
    state = SealerState.objects.first()
    if state is None:
        return [Alarm("Nothing was ever sealed.", remedy=SEAL)]
    if now - state.time > LONGEST_LAG:
        return [Alarm(f"Nothing was sealed since {state.time:%Y-%m-%d %H:%M} UTC.", remedy=SEAL)]
    return []


def _undelivered() -> list[Alarm]:
    failing = Delivery.objects.filter(delivered_at=None, attempts__gte=ATTEMPTS_BEFORE_ALARM).order_by("-pk")
    return [
        Alarm(f"Anchors do not reach the {place}: {error}")
        for place, error in dict(failing.values_list("place", "error")[:100]).items()
    ]


@never_cache
@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """200 while this server can work; asks nothing that would take all servers out of service at once."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return _answer(["database"])
    return _answer([])


@never_cache
@require_safe
def log_health(request: HttpRequest) -> HttpResponse:
    """200 while the log is sealed in time and sound, for monitoring; says no more to who is not signed in.

    Beside it, also when the database is away, how much could not be recorded on this server.
    """
    count = unrecorded.count()
    try:
        return _answer(["log"] if alarms(timezone.now()) else [], unrecorded=count)
    except DatabaseError:
        return _answer(["database"], unrecorded=count)


@never_cache
@require_safe
@admin.site.admin_view
def figures(request: HttpRequest) -> HttpResponse:
    """The figures behind it, for support staff."""
    now, state, anchor = timezone.now(), SealerState.objects.first(), newest()
    found = alarms(now)
    names = dict(
        Account.objects.filter(pk__in=[alarm.account_id for alarm in found if alarm.account_id]).values_list(
            "pk", "slug"
        )
    )
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Health of the log",
        "alarms": [
            (names.get(alarm.account_id or 0, ""), f"{alarm.sentence} {alarm.remedy}".strip()) for alarm in found
        ],
        "lag": int((now - state.time).total_seconds()) if state else None,
        "state": state,
        "waiting": pending(MOST_COUNTED),
        "most_counted": MOST_COUNTED,
        "anchor": anchor,
        "deliveries": Delivery.objects.order_by("-pk")[:20],
        "verified": Verification.objects.count(),
    }
    return TemplateResponse(request, "admin/auditlog/health.html", context)


def _answer(failing: list[str], **figures: int) -> HttpResponse:
    status = {"status": "failing", "failing": failing} if failing else {"status": "ok"}
    return JsonResponse({**status, **figures}, status=503 if failing else 200)
