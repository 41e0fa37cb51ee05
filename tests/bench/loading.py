"""Loading, ingest by many at once, sealing, and what entries take on disk."""

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import psycopg

from .figures import Figure, Goal, Report
from .world import World

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = 50_000
RUNS = 3
WRITERS = 4
SECONDS = 2.0
ROUNDS = 3
SEALED = (5_000, 50_000)
BYTES = 800
"""What an entry may take, with its indexes."""


def measure_all(world: World, report: Report) -> None:
    """Measure loading, sealing and what is on the disk at the size the log has now."""
    on_disk(world, report)
    loading(world, report)
    sealing(world, report)


# Loading

COPY_OUT = """
COPY (SELECT {columns} FROM auditlog_entry WHERE account_id = {account} ORDER BY id DESC LIMIT {count})
TO STDOUT (FORMAT BINARY)
"""


def loading(world: World, report: Report) -> None:
    """Measure fill_log beside COPY of as many entries that are made already. Nothing stays."""
    from django.db import connection, transaction
    from django.utils import timezone

    from auditlog.filling import COPY, fill
    from auditlog.recorder import COLUMNS

    columns = ", ".join("1 - account_id" if name == "account_id" else name for name in COLUMNS)
    with connection.cursor() as cursor:
        query = COPY_OUT.format(columns=columns, account=world.account.pk, count=ENTRIES)
        with cursor.copy(query) as rows:
            made = [bytes(row) for row in rows]

    def copy() -> None:
        with connection.cursor() as cursor, cursor.copy(COPY) as rows:
            for row in made:
                rows.write(row)

    def write() -> None:
        end = timezone.now() - timedelta(hours=1)
        for _ in fill(world.writing, ENTRIES, end - timedelta(days=30), end, 1):
            pass

    rates: dict[str, list[float]] = {"COPY": [], "fill_log": []}
    for _ in range(RUNS):
        for name, work in (("COPY", copy), ("fill_log", write)):
            begun = time.perf_counter()
            with transaction.atomic():
                work()
                rates[name].append(ENTRIES / (time.perf_counter() - begun))
                transaction.set_rollback(True)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM auditlog_entry")  # What was taken back is still on the disk.
    report.section(f"loading, {world.size:,} entries in the account")
    limit = (f"COPY of {ENTRIES:,} entries made already", Figure.of(rates["COPY"]))
    report.add("fill_log", Figure.of(rates["fill_log"]), "/s", limit=limit)


# Many writers at once

Write = Callable[[], object]
BARE = "one autocommitted INSERT of the same row"


def ingest(world: World, report: Report) -> None:
    """Measure what several processes record at once, beside bare INSERTs of the same rows by as many.

    Those are one statement each, which is its own transaction; a change and its entry need BEGIN and COMMIT.
    """
    rates: dict[str, list[float]] = {"bare": [], "recorder": []}
    for _ in range(ROUNDS):
        for name, make in (("bare", _bare), ("recorder", _recording)):
            rates[name].append(_together(make, world))
    found = {name: Figure.of(values) for name, values in rates.items()}
    report.section(
        f"ingest by {WRITERS} processes, a transaction for each entry, {world.size:,} entries in the account"
    )
    report.add("recorded", found["recorder"], "/s", limit=(BARE, found["bare"]))
    if "ingest" in world.earlier:
        earlier = ("when small", world.earlier["ingest"])
        report.add("recorded, than when small", found["recorder"], "/s", limit=earlier, goal=Goal(0.9, at_least=True))
        earlier = ("when small", world.earlier["bare ingest"])
        report.add(f"{BARE}, than when small", found["bare"], "/s", limit=earlier)
    world.earlier |= {"ingest": found["recorder"], "bare ingest": found["bare"]}


def _together(make: Callable[[World], Write], world: World) -> float:
    """Return how many entries all writers write in a second."""
    from django.db import connections

    connections.close_all()  # No process may share one with another.
    fork = multiprocessing.get_context("fork")
    begin, counts = fork.Barrier(WRITERS, timeout=60), fork.SimpleQueue()
    writers = [fork.Process(target=_write, args=(make, world, begin, counts)) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0, "a writer has failed"
    return float(sum(counts.get() for _ in writers)) / SECONDS


def _write(make: Callable[[World], Write], world: World, begin: Barrier, counts: Any) -> None:
    write, count = make(world), 0
    write()
    begin.wait()
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        write()
        count += 1
    counts.put(count)
    os._exit(0)  # What was forked along is the parent's to end.


def _event(world: World) -> Any:
    from django.utils import timezone

    from auditlog.events import Change, events_of, values_of
    from auditlog.tracked import TRACKED
    from controlcenter.context import Where, acting_as
    from controlcenter.resources.models import App

    row = next(row for row in TRACKED if row.model is App)
    app = world.apps[0]
    where = Where("203.0.113.7", "203.0.113.7", user_agent="curl/8", request_id="f" * 32, method="POST", path="/")
    with acting_as(world.user.as_actor(), where):
        [event] = events_of([Change(app, None, values_of(app, row), timezone.now())])
    return event


def _recording(world: World) -> Write:
    from dataclasses import replace

    from django.db import transaction
    from django.utils import timezone

    from auditlog.recorder import record_events

    event = _event(world)

    def write() -> None:
        with transaction.atomic():
            record_events([replace(event, time=timezone.now())])

    return write


def _bare(world: World) -> Write:
    from dataclasses import replace

    from django.db import connection, transaction
    from django.utils import timezone

    from auditlog.ids import new_id
    from auditlog.recorder import INSERT_ONE, row_of

    with transaction.atomic():
        # Not in the account that is verified: a body under another id than its own is a forged entry.
        _, *values = row_of(replace(_event(world), account_id=world.writing.pk), 0)
    connection.ensure_connection()
    session: psycopg.Connection[Any] = connection.connection

    def write() -> None:
        session.execute(INSERT_ONE.encode(), [new_id(timezone.now()), *values])

    return write


# Sealing


SEAL = """
import django
django.setup()
from django.core.management import call_command
call_command("seal_log", once=True)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def sealing(world: World, report: Report) -> None:
    """Measure what one pass of the sealer remembers, over a few entries and over many."""
    from django.core.management import call_command

    memory, rates = [], []
    for number in SEALED:
        made_up = {"account": world.writing.slug, "entries": number, "days": 1, "seed": number, "is_test": True}
        call_command("fill_log", **made_up, stdout=StringIO(), stderr=StringIO())
        begun = time.perf_counter()
        told = subprocess.run([sys.executable, "-c", SEAL], cwd=ROOT, capture_output=True, text=True, check=True)
        memory.append(int(told.stdout.split()[-2]) / 1024)
        rates.append(number / (time.perf_counter() - begun))
    few, many = (Figure.of([value]) for value in memory)
    report.section("sealing")
    report.add(f"memory, {SEALED[1]:,} entries", many, "MB", limit=(f"{SEALED[0]:,} entries", few), goal=Goal(1.25))
    report.add(f"{SEALED[1]:,} entries in one pass, starting included", Figure.of([rates[1]]), "/s")


# What is on the disk

PARTS = """
WITH month AS (SELECT relid FROM pg_partition_tree('auditlog_entry') WHERE isleaf)
SELECT 'entry: rows', sum(pg_relation_size(relid)) FROM month
UNION ALL
SELECT 'entry: long values', sum(pg_total_relation_size(reltoastrelid)) FROM month JOIN pg_class ON pg_class.oid = relid
UNION ALL
SELECT 'entry: index ' || whole.relname, sum(pg_relation_size(part.indexrelid))
FROM month JOIN pg_index AS part ON part.indrelid = relid JOIN pg_inherits ON inhrelid = part.indexrelid
    JOIN pg_class AS whole ON whole.oid = inhparent
GROUP BY whole.relname
UNION ALL
SELECT relname, pg_table_size(oid) FROM pg_class WHERE oid = ANY ({others}::regclass[])
UNION ALL
SELECT relname || ': indexes', pg_indexes_size(oid) FROM pg_class WHERE oid = ANY ({others}::regclass[])
ORDER BY 1
"""
OTHERS = ("auditlog_seal", "auditlog_block", "auditlog_hour")


def on_disk(world: World, report: Report) -> None:
    """Measure the bytes of an entry, by part; and again with the months that are over packed, as they are every day."""
    from auditlog.packing import pack

    _on_disk(report, "as written")
    if not world.is_full:  # Ten million take minutes.
        for _ in pack():
            pass
        _on_disk(report, "months that are over packed")


def _on_disk(report: Report, state: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), sum(octet_length(body)) FROM auditlog_entry")
        entries, bodies = cursor.fetchone()
        cursor.execute("SELECT relname FROM pg_class WHERE relname LIKE 'auditlog_text%' AND relkind = 'r'")
        others = [*OTHERS, *(name for (name,) in cursor.fetchall())]
        cursor.execute(PARTS.format(others=f"'{{{','.join(others)}}}'"))
        parts = {name: float(size or 0) / entries for name, size in cursor.fetchall()}
    of_entry = sum(size for name, size in parts.items() if name.startswith("entry: "))
    body = ("its body alone", Figure.of([float(bodies) / entries]))
    report.section(f"bytes of an entry on disk, {state}, {entries:,} entries in all")
    report.add("entry and its indexes", Figure.of([of_entry]), "B", limit=body, goal=Goal(BYTES, of="value"))
    report.add("everything kept for it", Figure.of([sum(parts.values())]), "B", limit=body)
    for name, size in sorted(parts.items(), key=lambda part: -part[1]):
        report.add(name, Figure.of([size]), "B")
