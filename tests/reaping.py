"""A month of many entries is removed while people read and write: how long does anybody wait for it?

    python -m tests.reaping --entries 1000000

Makes a server of its own, where the reaper has its role, and prints its figures. It fails when a page or a change took
longer than a second, or when anything is not verified afterwards.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from threading import Event, Thread
from typing import Any

from .sealing import anchor, exported, make_account, record, verify_offline
from .servers import folder_for, set_up

MONTH = date(2023, 1, 1)
LONGEST_WAIT = 1.0  # seconds, in the long run
READ, WRITE = "longest read meanwhile, ms", "longest write meanwhile, ms"
ROOT = Path(__file__).parent.parent


def main() -> int:
    """Run the drill, and print its figures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--entries", type=int, default=1_000_000)
    given = arguments.parse_args()
    from django.core.management import call_command

    from controlcenter.local_postgres import LocalPostgres

    with (
        folder_for("reaping") as folder,
        LocalPostgres(folder / "postgres", "max_wal_size=4GB", "shared_buffers=512MB") as server,
    ):
        set_up(server.url, folder / "anchors")
        call_command("harden_database", stdout=StringIO())
        figures = rehearse(given.entries, folder / "anchors", lambda: _as_the_reaper(server.url))
    figures["wrong"] += waited(figures)
    print(json.dumps(figures, indent=2))
    return 1 if figures["wrong"] else 0


def waited(figures: dict[str, Any]) -> list[str]:
    """Return who had to wait for too long."""
    return [f"{whose}: over {LONGEST_WAIT:.0f} s" for whose in (READ, WRITE) if figures[whose] > LONGEST_WAIT * 1000]


def _as_the_reaper(url: str) -> None:
    """Run the command under the role of its own, in a process of its own."""
    environment = {**os.environ, "DATABASE_URL": url.replace("//controlcenter@", "//controlcenter_reaper@")}
    command = [sys.executable, "manage.py", "reap_log"]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, env=environment)


def rehearse(entries: int, anchors: Path, reap_log: Callable[[], object]) -> dict[str, Any]:
    """Fill and seal a month that is past all plans, and one that is not; remove it; return what was found."""
    from django.db.models import Sum

    from auditlog.filling import fill
    from auditlog.models import Certificate, Entry
    from auditlog.partitions import make_partitions, name_of
    from auditlog.sealing.sealer import seal
    from auditlog.sealing.verifying import verify

    account, other = make_account("acme"), make_account("globex")
    make_partitions(MONTH, MONTH)
    begins = datetime(MONTH.year, MONTH.month, 1, tzinfo=UTC)
    for whose, share in ((account, entries * 9 // 10), (other, entries // 10)):
        for _ in fill(whose, share, begins, begins + timedelta(days=31), 1):
            pass
    record(account, min(5_000, entries))
    seal()
    anchor(anchors)
    size, before = _size(name_of(MONTH)), Entry.objects.count()
    readable = Entry.objects.for_account(account.pk).since(begins)
    with _waiting(lambda: readable.newest_first().page(50)) as reads, _waiting(lambda: record(account, 1)) as writes:
        time.sleep(1)
        calm = max(reads), max(writes)
        reads.clear()
        writes.clear()
        begun = time.perf_counter()
        reap_log()
        took = time.perf_counter() - begun
    seal()
    anchor(anchors)
    begun = time.perf_counter()
    problems = verify(account.pk, anchors=anchors).problems
    verifying = time.perf_counter() - begun
    with exported(account) as bundle:
        offline = verify_offline(bundle, anchors)
    removed = Certificate.objects.aggregate(entries=Sum("entries", default=0))["entries"]
    return {
        "removed": removed,
        "megabytes": round(size / 1e6),
        "seconds": round(took, 1),
        "longest read before, ms": round(calm[0] * 1000, 1),
        READ: round(max(reads) * 1000, 1),
        "longest write before, ms": round(calm[1] * 1000, 1),
        WRITE: round(max(writes) * 1000, 1),
        "reads and writes meanwhile": (len(reads), len(writes)),
        "verified here, seconds": round(verifying, 1),
        "wrong": [
            *problems,
            *([] if offline.status == 0 else [offline.text]),
            *(
                []
                if removed == entries // 10 * 10 and Entry.objects.count() > before - removed
                else ["not all is gone"]
            ),
        ],
    }


def _size(table: str) -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size(%s::regclass)", [table])
        return int(cursor.fetchone()[0])


@contextmanager
def _waiting(work: Callable[[], object]) -> Iterator[list[float]]:
    """Inside, work is done over and over in another thread; the list has how long it took each time."""
    end, times = Event(), list[float]()

    def go_on() -> None:
        from django.db import connection

        while not end.wait(0.002):
            begun = time.perf_counter()
            work()
            times.append(time.perf_counter() - begun)
        connection.close()

    thread = Thread(target=go_on)
    thread.start()
    try:
        yield times
    finally:
        end.set()
        thread.join()


if __name__ == "__main__":
    sys.exit(main())
