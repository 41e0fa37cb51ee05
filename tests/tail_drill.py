"""Sixteen writers with transactions of up to half a second, and a reader who tails: does it get each entry once?

    python -m tests.tail_drill --entries 50000

Also with the sealer killed time and again meanwhile. Prints its figures.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any

from .servers import folder_for, set_up

WRITERS = 16
LONGEST = 0.5  # seconds
MOST_AT_ONCE = 20
KILL_AFTER = 2.0  # seconds
LONGEST_WAIT = 120  # seconds
KILLED: list[int] = []
ROOT = Path(__file__).parent.parent


def main() -> int:
    """Run the drill, and print its figures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--entries", type=int, default=50_000)
    given = arguments.parse_args()
    from controlcenter.local_postgres import LocalPostgres

    with folder_for("tail") as folder, LocalPostgres(folder / "postgres") as server:
        set_up(server.url, folder / "anchors")
        figures = rehearse(given.entries)
    print(json.dumps(figures, indent=2))
    return 1 if figures["lost"] or figures["twice"] or figures["problems"] else 0


def rehearse(entries: int) -> dict[str, Any]:
    """Write and tail; return what was lost and what came twice."""
    from django.db import connection

    from auditlog.models import Entry
    from auditlog.sealing.verifying import verify
    from tests.factories import AccountFactory

    account = AccountFactory(slug="acme")
    connection.close()
    written, done, seen, delays = list[str](), Event(), list[tuple[str, float]](), dict[str, float]()
    reader = Thread(target=_tail, args=[account.pk, done, seen])
    writers = [Thread(target=_write, args=[account, n, entries // WRITERS, written, delays]) for n in range(WRITERS)]
    begun = time.monotonic()
    killer = Thread(target=_seal_and_be_killed, args=[done])
    for thread in (killer, reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    wrote_for = time.monotonic() - begun
    _await_seals(account.pk)
    done.set()
    reader.join()
    killer.join()
    counts = Counter(entry_id for entry_id, _ in seen)
    waits = sorted(at - delays[entry_id] for entry_id, at in seen if entry_id in delays)
    expected = set(map(str, Entry.objects.for_account(account.pk).values_list("id", flat=True)))
    figures = {
        "writers": WRITERS,
        "entries": len(expected),
        "written but not there": len(set(written) - expected),
        "seconds": round(wrote_for, 1),
        "sealers killed": len(KILLED),
        "lost": len(expected - set(counts)),
        "twice": sum(count > 1 for count in counts.values()),
        "seconds from commit to reader, median": round(waits[len(waits) // 2], 2),
        "seconds from commit to reader, 99 %": round(waits[len(waits) * 99 // 100], 2),
        "problems": verify(account.pk).problems,
    }
    connection.close()
    return figures


def _write(account: Any, number: int, entries: int, written: list[str], delays: dict[str, float]) -> None:
    from django.db import connection, transaction
    from django.utils import timezone

    from auditlog.events import Event as Told
    from auditlog.models import Entry
    from auditlog.recorder import record_events
    from controlcenter.context import SYSTEM, Context, Where
    from controlcenter.operations import Operation

    random, left = Random(number), entries  # noqa: S311
    while left > 0:
        size = min(left, random.randint(1, MOST_AT_ONCE))
        name = f"{number}-{left}"
        context = Context(SYSTEM, Where(request_id=name))
        with transaction.atomic():
            record_events(
                [Told(Operation.MODEL_CREATE, account.pk, timezone.now(), context, sentence=name) for _ in range(size)]
            )
            time.sleep(random.uniform(0, LONGEST))
            if random.random() < 0.02:
                transaction.set_rollback(True)
                continue
        now = time.monotonic()
        ids = list(map(str, Entry.objects.filter(request_id=name).values_list("id", flat=True)))
        delays.update(dict.fromkeys(ids, now))
        written += ids
        left -= size
    connection.close()


def _tail(account_id: int, done: Event, seen: list[tuple[str, float]]) -> None:
    from django.db import connection

    from auditlog.models import Entry
    from auditlog.positions import Position
    from auditlog.tailing import read_on

    entries, position = Entry.objects.for_account(account_id), Position(account_id)
    while True:
        last = done.is_set()
        part = read_on(entries, position, 1000, "id")
        position = part.position
        seen += [(str(row[0]), time.monotonic()) for row in part.rows]
        if last and not part.rows:
            break
        time.sleep(0 if part.rows else 0.05)
    connection.close()


def _await_seals(account_id: int) -> None:
    from auditlog.models import Entry
    from auditlog.sealing.models import Seal

    deadline = time.monotonic() + LONGEST_WAIT
    while Seal.objects.filter(account_id=account_id).count() < Entry.objects.for_account(account_id).count():
        assert time.monotonic() < deadline, "the sealer does not keep up"
        time.sleep(0.2)


def _seal_and_be_killed(done: Event) -> None:
    """Run the sealer as a process of its own, and kill it soon after each time it has begun to work."""
    from django.db import connection

    from auditlog.sealing.models import SealerState

    environment, random = {**os.environ, "SEAL_EVERY": "1"}, Random(0)  # noqa: S311
    while not done.is_set():
        before = SealerState.objects.first()
        sealer = subprocess.Popen([sys.executable, "manage.py", "seal_log"], cwd=ROOT, env=environment)
        while _time(SealerState.objects.first()) == _time(before):
            if done.wait(0.05):
                break
        done.wait(random.uniform(0, KILL_AFTER))
        sealer.send_signal(signal.SIGKILL)
        sealer.wait()
        KILLED.append(sealer.pid)
    connection.close()


def _time(state: Any) -> Any:
    return state and state.time


if __name__ == "__main__":
    sys.exit(main())
