"""Taking the log away: files of entries, bundles with their proofs, and verifying those elsewhere."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil

from .figures import Figure, Goal, Report
from .world import DAYS, ROOT, World, admit_clients, client_of

RUNS = 3
FORMATS = ("csv", "ndjson", "json")
COPIED, DRIVER, HASHED = "COPY of the same rows", "driver alone, in parts of the same size", "SHA-256 of its entries"
LEAST = 100_000
"""Entries a second that have to leave."""
FLAT = 1.25
"""How many times more memory ten times as many entries, or more, may take: none, but memory is had in pieces."""
LOOK_EVERY = 0.02  # seconds
MB = 2**20


def measure_all(world: World, report: Report) -> None:
    """Measure exports of some weeks, and bundles of the whole log."""
    few, many = ("yesterday", "14d") if world.is_full else ("14d", "6m")
    _files(world, report, "7d" if world.is_full else "30d")
    _memory(world, report, few, many)
    _bundles(world, report)


# Files


def _files(world: World, report: Report, period: str) -> None:
    rates = dict[str, list[float]]()
    with world.as_server():
        client = world.client()
        works: dict[str, Callable[[], int]] = {kind: partial(_take, client, kind, period) for kind in FORMATS}
        count = works["ndjson"]()
        works |= {COPIED: lambda: _copy(world, count), DRIVER: lambda: _read(world, count)}
        for _ in range(RUNS):
            for name, work in works.items():
                start = time.perf_counter()
                assert work() >= count, name
                rates.setdefault(name, []).append(count / (time.perf_counter() - start))
    found = {name: Figure.of(values) for name, values in rates.items()}
    report.section(f"exports of {count:,} entries")
    for name, figure in found.items():
        if name in FORMATS:
            goal = Goal(LEAST, of="value", at_least=True)
            report.add(f"export, {name}", figure, "entries/s", limit=(COPIED, found[COPIED]), goal=goal)
    report.add(DRIVER, found[DRIVER], "entries/s", limit=(COPIED, found[COPIED]))


def _take(client: Any, kind: str, period: str) -> int:
    """Take a file as a browser does, piece by piece; return how many lines it has."""
    from django.urls import reverse

    answer: Any = client.post(f"{reverse('log-export', args=['bench'])}?range={period}", {"format": kind})
    assert answer.status_code == 200, answer.content
    return sum(piece.count(b"\n") for piece in answer.streaming_content)


def _part(world: World, size: int, beyond: UUID | None = None) -> str:
    from django.db import connection
    from psycopg import ClientCursor

    from auditlog.exports import COLUMNS
    from auditlog.models import Entry

    rows = Entry.objects.for_account(world.account.pk).part(size, beyond=beyond).values_list(*COLUMNS)
    return ClientCursor(connection.connection).mogrify(*rows.query.sql_with_params())


def _copy(world: World, count: int) -> int:
    from django.db import connection, transaction

    from controlcenter.fence import tell_transaction

    with transaction.atomic():
        tell_transaction()
        with connection.connection.cursor().copy(f"COPY ({_part(world, count)}) TO STDOUT (FORMAT BINARY)") as copy:
            return sum(1 for _ in copy) - 1  # Its end is a piece, too.


def _read(world: World, count: int) -> int:
    from django.db import connection, transaction
    from psycopg import Cursor

    from auditlog.exports import BATCH
    from controlcenter.fence import tell_transaction

    found, beyond = 0, None
    with transaction.atomic():
        tell_transaction()
        cursor = Cursor(connection.connection)
        while found < count:
            rows = cursor.execute(_part(world, BATCH, beyond).encode(), binary=True).fetchall()
            found, beyond = found + len(rows), UUID(rows[-1][0])
    return found


# Memory


def _memory(world: World, report: Report, few: str, many: str) -> None:
    """Measure the most memory a process had from which a file left, and one from which a much longer one did."""
    report.section("memory of an export")
    for kind in FORMATS[:2]:  # JSON differs from NDJSON by its commas only.
        limit, figure = (_highest(world, kind, period) for period in (few, many))
        report.add(f"export, {kind}, of {many}", figure, "MB", limit=(f"of {few}", limit), goal=Goal(FLAT))


def _highest(world: World, kind: str, period: str) -> Figure:
    """Return the most memory that a process has at any time which does nothing but hand out one file."""
    command = [sys.executable, "-c", f"from {__name__} import take_one; take_one({kind!r}, {period!r})"]
    environment = {**os.environ, "DATABASE_URL": world.server_url}
    told = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return Figure.of([int(told.stdout.split()[-2]) / 1024])


def take_one(kind: str, period: str) -> None:
    """Take a file, and print the most memory this process had: the kernel's own line, which misses no peak."""
    import django

    django.setup()
    from accounts.models import User

    admit_clients()
    _take(client_of(User.objects.get(slug="bench")), kind, period)
    print(next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))


# Bundles


def _bundles(world: World, report: Report) -> None:
    """Measure writing and verifying all of the log beside the last tenth of it, each in a process of its own."""
    from django.utils import timezone

    since = (timezone.now() - timedelta(days=DAYS // 10)).date()
    report.section(f"bundles of {world.size:,} entries")
    bundle, part = world.folder / "bundle", world.folder / "part"
    command = [sys.executable, "manage.py", "export_bundle", "--account=bench", "--out"]
    _, less = _run([*command, str(part), f"--from={since}"])
    seconds, memory = _run([*command, str(bundle)])
    _tell(report, "bundle, written", world.size / seconds, bundle, memory, less)
    verify = [sys.executable, str(bundle / "verify.py")]
    _, less = _run([*verify, str(part), "--part"])
    seconds, memory = _run([*verify, str(bundle)])
    _tell(report, "bundle, verified", world.size / seconds, bundle, memory, less)


def _tell(report: Report, work: str, rate: float, bundle: Path, memory: Figure, less: Figure) -> None:
    report.add(work, Figure.of([rate]), "entries/s", limit=(HASHED, Figure.of([_hashed(bundle)])))
    report.add(f"{work}: memory", memory, "MB", limit=("of the last tenth", less), goal=Goal(FLAT))


def _hashed(bundle: Path) -> float:
    """Return how many entries a second can be read and hashed."""
    start, lines = time.perf_counter(), 0
    with (bundle / "entries.ndjson").open("rb") as file:
        digest = hashlib.sha256()
        while piece := file.read(MB):
            digest.update(piece)
            lines += piece.count(b"\n")
    return lines / 2 / (time.perf_counter() - start)


def _run(command: list[str]) -> tuple[float, Figure]:
    """Run a program; return its seconds and the most memory it had at a time."""
    start, highest = time.perf_counter(), 0
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as running:
        process = psutil.Process(running.pid)
        while running.poll() is None:
            highest = max(highest, process.memory_info().rss)
            time.sleep(LOOK_EVERY)
    assert running.returncode in (0, 2), command  # 2: nobody holds an anchor here.
    return time.perf_counter() - start, Figure.of([highest / MB])
