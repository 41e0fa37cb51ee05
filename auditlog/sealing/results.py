"""What verifications found, kept to be shown."""

import logging
from datetime import datetime

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from .models import Verification
from .verify import ALTERED, Report

log = logging.getLogger(__name__)


def keep(report: Report, *, whole: bool) -> None:
    """Keep what a verification found: of everything, or of what was sealed since the last one.

    What was altered is not counted as verified. Only a verification of everything ends an alarm.
    """
    now = timezone.now()
    found: dict[str, object] = {
        "time": now,
        "status": report.status,
        "problem": (report.problems or report.missing or [""])[0],
    }
    if report.blocks and not report.problems:
        found |= {"sealed_until": datetime.fromisoformat(report.time), "last_seq": report.last}
    if whole:
        found["whole_at"] = now
    if whole:
        Verification.objects.update_or_create(account_id=report.account, defaults=found)
    else:
        Verification.objects.filter(account_id=report.account).exclude(status=ALTERED).update(**found)


def raise_alarm(report: Report) -> None:
    """Keep that something was altered, also under the servers' role: that may raise the alarm, and not end it."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT auditlog_raise_alarm(%s, %s)", [report.account, report.problems[0]])
    except DatabaseError:
        log.exception("The log of account %s was altered, and the alarm could not be raised", report.account)
