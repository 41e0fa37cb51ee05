"""The reaper: removes whole months that no plan keeps any more, each in one transaction with its certificates.

Who has verified the log before, and holds an anchor, can do so after: places and blocks stay, and the certificate says
which leaves are gone. An entry in each account's log says the same to people. The database looks at all conditions once
more in ``auditlog_drop_month``, which is the only way for the reaper's role to remove anything.
Before the leaves are read and hashed, which takes long, the database is asked whether anybody uses the month: while
somebody does, a try costs nothing.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter

from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from psycopg.errors import DeadlockDetected, LockNotAvailable

from accounts.models import Account
from auditlog.canonical import timestamp
from auditlog.distribution import require_one_machine
from auditlog.events import Event
from auditlog.models import Entry
from auditlog.partitions import is_made_again
from auditlog.recorder import record_events
from auditlog.sealing.keys import Signer, current_signer
from auditlog.sealing.verify import Document, Tree
from controlcenter.context import NotRecorded, current
from controlcenter.operations import Operation
from controlcenter.replica import require_primary

from .models import Certificate
from .months import Month, days_of, longest_days, months, shortest_days

LOCK = 0x72656170
TRIES = 20
PAUSE = 1.5  # seconds
LEAVES_AT_ONCE = 10_000

LEAVES = """
SELECT seal.account_id, seal.seq, seal.leaf
FROM auditlog_entry AS entry
JOIN auditlog_seal AS seal ON seal.account_id = entry.account_id AND seal.entry_id = entry.id
WHERE entry.id >= %s AND entry.id < %s
ORDER BY seal.account_id, seal.seq
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a month that no plan keeps any more."""

    month: Month
    accounts: int = 0
    entries: int = 0
    held: str = ""
    """Who has a legal hold on it."""
    refused: str = ""
    """Why it could not be removed, which somebody has to look at."""


def reap(*, dry_run: bool = False) -> Iterator[Outcome]:
    """Remove every month that no plan keeps any more, oldest first; or only look whether that could be done.

    Raises:
        ImproperlyConfigured: without a key to sign certificates with.
    """
    require_primary("remove months")
    require_one_machine("remove months")
    signer, now = current_signer(), timezone.now()
    for month in months():
        if month.ends > now - timedelta(days=shortest_days()):
            return
        days = days_of(month.account_ids())
        kept = timedelta(days=max(days.values(), default=longest_days()))
        if month.ends > now - kept or (not days and is_made_again(month.begins)):
            continue
        if held := Account.objects.filter(pk__in=days).on_hold().order_by("slug").values_list("slug", flat=True):
            yield Outcome(month, len(days), held=", ".join(held))
        else:
            yield _remove(month, days, signer, dry_run=dry_run)


def _remove(month: Month, days: dict[int, int], signer: Signer, *, dry_run: bool) -> Outcome:
    """Remove a month; wait, and try again, while somebody else uses it."""
    for left in reversed(range(TRIES)):
        try:
            with transaction.atomic():
                if not dry_run:
                    _wait_for_readers(month)
                entries = _count(month) if dry_run else _certify(month, signer)
                _drop(month, only_check=dry_run)
            return Outcome(month, len(days), entries)
        except NotRecorded as error:
            return Outcome(month, len(days), refused=error.sentence.rstrip("."))
        except DatabaseError as error:
            if not isinstance(error.__cause__, LockNotAvailable | DeadlockDetected):
                return Outcome(month, len(days), refused=str(error).partition("\n")[0])
            if left:
                time.sleep(PAUSE)
    return Outcome(month, len(days), refused="somebody reads it all the time")


def _count(month: Month) -> int:
    return Entry.objects.filter(id__gte=month.first_id, id__lt=month.end_id).count()


def _wait_for_readers(month: Month) -> None:
    """Take the locks that dropping needs and give them back at once; raises when somebody keeps one for too long."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT auditlog_month_is_free(%s)", [month.begins])


def _drop(month: Month, *, only_check: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT auditlog_drop_month(%s, %s)", [month.begins, only_check])


def _certify(month: Month, signer: Signer) -> int:
    """Sign what is removed of each account, keep that, and write it into the account's log; return how many entries."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    now, days = timezone.now(), days_of(month.account_ids())
    certificates = [
        _certificate(month, account_id, days[account_id], leaves, signer, now)
        for account_id, leaves in groupby(_leaves(month), itemgetter(0))
    ]
    Certificate.objects.bulk_create(certificates)
    record_events([_event_of(certificate, month, days[certificate.account_id]) for certificate in certificates])
    return sum(certificate.entries for certificate in certificates)


def _leaves(month: Month) -> Iterator[tuple[int, int, bytes]]:
    with connection.connection.cursor(name="leaves", binary=True) as cursor:
        cursor.itersize = LEAVES_AT_ONCE
        cursor.execute(LEAVES, [month.first_id, month.end_id])
        yield from cursor


def _certificate(
    month: Month,
    account_id: int,
    days: int,
    leaves: Iterator[tuple[int, int, bytes]],
    signer: Signer,
    now: datetime,
) -> Certificate:
    tree, first, last = Tree(), 0, 0
    for _, seq, leaf in leaves:
        tree.add(leaf)
        first, last = first or seq, seq
    bounds = {"from": str(month.first_id), "until": str(month.end_id)}
    counted = {"count": tree.size, "first": first, "last": last, "root": tree.root.hex()}
    document = signer.sign("certificate", account=account_id, days=days, time=timestamp(now), **bounds, **counted)
    return Certificate(
        account_id=account_id,
        first_seq=first,
        last_seq=last,
        entries=tree.size,
        begins=month.first_id,
        ends=month.end_id,
        time=now,
        document=document.text,
        signature=document.signature,
    )


def _event_of(certificate: Certificate, month: Month, days: int) -> Event:
    """Return the event that tells people of it; its digest ties the certificate to the log."""
    count = f"{certificate.entries:,} {'entry' if certificate.entries == 1 else 'entries'}"
    digest = Document.of(bytes(certificate.document), b"").digest
    return Event(
        Operation.LOG_EXPIRE,
        certificate.account_id,
        certificate.time,
        current(),
        changes={"entries": [certificate.entries, 0], "digest": [None, digest]},
        sentence=f"Remove {count} of {month.begins:%B %Y}: the plan keeps them for {days:,} days",
    )
