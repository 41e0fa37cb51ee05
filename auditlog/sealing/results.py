"""What verifications found, kept to be shown."""

from datetime import datetime

from django.utils import timezone

from .models import Verification
from .verify import Report


def keep(report: Report, *, whole: bool) -> None:
    """Keep what a verification found: of everything, or of what was sealed since the last one."""
    now = timezone.now()
    found: dict[str, object] = {
        "time": now,
        "status": report.status,
        "problem": (report.problems or report.missing or [""])[0],
    }
    if report.blocks:
        found |= {"sealed_until": datetime.fromisoformat(report.time), "last_seq": report.last}
    if whole:
        found["whole_at"] = now
    Verification.objects.update_or_create(account_id=report.account, defaults=found)
