"""What is done now and then beside sealing, in a thread of its own so that it never holds sealing up."""

import logging
from datetime import timedelta
from threading import Event

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from . import rows
from .anchors import make_anchor, newest
from .deliveries import deliver_due, dispatch
from .models import Verification
from .results import keep
from .verify import ALTERED, Report
from .verifying import span_between, verify

log = logging.getLogger(__name__)

LOOK_EVERY = 15  # seconds
AGAIN_AT_ONCE = 100_000
"""How many entries that were verified before are verified again each hour, in each account, round and round."""


def keep_doing_chores(end: Event) -> None:
    """Anchor, deliver and verify what is due, until asked to end."""
    while not end.is_set():
        try:
            do_chores()
        except (DatabaseError, InterfaceError) as error:
            log.error("Not anchored or verified: %s", str(error).strip().partition("\n")[0])
            connection.close()
        except Exception:
            log.exception("Not anchored or verified")
        end.wait(LOOK_EVERY)
    connection.close()


def do_chores() -> None:
    """Anchor if an hour has passed, and verify then; deliver what is due."""
    last = newest()
    due = last is None or timezone.now() - last.time >= timedelta(seconds=settings.ANCHOR_EVERY)
    if due and rows.account_ids():
        dispatch(make_anchor())
    deliver_due()
    if due:
        for account_id in rows.account_ids():
            verify_further(account_id)


def verify_further(account_id: int) -> Report | None:
    """Verify what was sealed since the last time, and some of what was verified before; keep what was found.

    Where something was altered it stays at that: only a verification of everything can find it sound again.
    """
    tip = rows.tip(account_id)
    done, _ = Verification.objects.get_or_create(account_id=account_id, defaults={"time": timezone.now(), "status": 0})
    if done.status == ALTERED:
        return None
    report = None
    if done.last_seq > (tip.last_seq if tip else 0):
        report = Report(account_id, problems=[f"entry {done.last_seq} was there once, and the log ends before it"])
    elif tip and (span := span_between(account_id, done.last_seq + 1, tip.last_seq)):
        report = verify(account_id, span)
    if report:
        keep(report, whole=done.last_seq == 0)
    return report if report and report.problems else _verify_again(account_id, done) or report


def _verify_again(account_id: int, done: Verification) -> Report | None:
    span = span_between(account_id, done.again_seq + 1, min(done.again_seq + AGAIN_AT_ONCE, done.last_seq))
    if not span or not done.last_seq:
        return None
    report = verify(account_id, span)
    ended = span.last_seq >= done.last_seq
    found: dict[str, object] = {"again_seq": 0 if ended else span.last_seq}
    if report.problems:
        found |= {"status": report.status, "problem": report.problems[0], "time": timezone.now()}
    elif ended:
        found["whole_at"] = timezone.now()
    Verification.objects.filter(account_id=account_id).update(**found)
    return report
