"""What sealing costs: the time of a recorded change with and without it, and the sealer's share of a core.

    python -m tests.sealing_cost --seconds 60

One writer's changes are timed while another process writes at a steady rate; every seven seconds the sealer is stopped,
or let go on, when it seals what was left over as well. Pairs of phases change their order, so that a drift cancels out.
The sealer's processor time is that of its process and its backend together. Exits with 1 when changes take over 5 %
longer, or the sealer more than a twentieth of a core.
"""

import argparse
import json
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .servers import folder_for, set_up

RATE = 500  # entries a second
AT_ONCE = 10
PHASE = 7.0  # seconds: longer than a pass of the sealer is apart from the next
ROOT = Path(__file__).parent.parent
RATIO, HIGHEST_RATIO = "ratio, median of all pairs of phases", 1.05
SHARE, LARGEST_SHARE = "sealer, share of a core", 0.05


def main() -> int:
    """Measure, and print the figures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=84)
    given = arguments.parse_args()
    from controlcenter.local_postgres import LocalPostgres

    with folder_for("cost") as folder, LocalPostgres(folder / "postgres", "max_wal_size=4GB") as server:
        set_up(server.url, folder / "anchors")
        figures = measure(given.seconds)
    print(json.dumps(figures, indent=2))
    return 1 if wrong(figures) else 0


def wrong(figures: dict[str, Any]) -> bool:
    """Say whether sealing costs more than it may."""
    return bool(figures[RATIO] > HIGHEST_RATIO or figures[SHARE] > LARGEST_SHARE)


def measure(seconds: float) -> dict[str, Any]:
    """Return what changes cost with and without the sealer, and what share of a core it takes."""
    from django.db import connection

    from auditlog.models import Seal

    from .sealing import make_account

    account, other = make_account("acme"), make_account("load")
    connection.close()
    # Threads of this process would take turns with the changes that are timed.
    processes = multiprocessing.get_context("fork")
    end, written = processes.Event(), processes.Value("q", 0)
    load = processes.Process(target=_write_steadily, args=[other, end, written])
    sealer = subprocess.Popen(
        [sys.executable, "manage.py", "seal_log"], cwd=ROOT, env={**os.environ, "PGAPPNAME": "sealer"}
    )
    load.start()
    while not Seal.objects.exists():
        time.sleep(0.1)
    backends = _backends()
    times: dict[bool, list[float]] = {True: [], False: []}
    ratios: list[float] = []
    used, begun, seals = _processor(sealer.pid, *backends), time.monotonic(), Seal.objects.count()
    while time.monotonic() - begun < seconds:
        phase: dict[bool, float] = {}
        for sealing in (True, False) if len(ratios) % 2 else (False, True):
            sealer.send_signal(signal.SIGCONT if sealing else signal.SIGSTOP)
            phase[sealing] = _change(account, times[sealing])
        ratios.append(phase[True] / phase[False])
    ran = time.monotonic() - begun
    sealer.send_signal(signal.SIGCONT)
    share = (_processor(sealer.pid, *backends) - used) / ran
    end.set()
    load.join()
    sealer.terminate()
    sealer.wait(30)
    connection.close()
    with_, without = (statistics.median(times[sealing]) for sealing in (True, False))
    return {
        "changes timed": len(times[True]) + len(times[False]),
        "entries a second": round(written.value / ran),
        "entries sealed": Seal.objects.count() - seals,
        "ms a change, sealing": round(with_ * 1000, 3),
        "ms a change, not sealing": round(without * 1000, 3),
        RATIO: round(statistics.median(ratios), 3),
        "quartiles": [round(ratio, 3) for ratio in statistics.quantiles(ratios, n=4)[::2]],
        SHARE: round(share, 4),
    }


def _write_steadily(account: Any, end: Any, written: Any) -> None:
    from django.db import connection

    from .sealing import record

    due = time.monotonic()
    while not end.is_set():
        record(account, AT_ONCE)
        written.value += AT_ONCE
        due += AT_ONCE / RATE
        time.sleep(max(0, due - time.monotonic()))
    connection.close()


def _change(account: Any, times: list[float]) -> float:
    """Time changes for a while; return the median of this while."""
    from controlcenter.resources.models import App

    earlier = len(times)

    app, deadline = App.objects.filter(account=account).first(), time.monotonic() + PHASE
    assert app
    while (begun := time.monotonic()) < deadline:
        app.name = str(begun)
        app.save(update_fields=["name"])
        times.append(time.monotonic() - begun)
        time.sleep(0.01)
    return statistics.median(times[earlier:])


def _backends() -> list[int]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'sealer'")
        return [pid for (pid,) in cursor.fetchall()]


def _processor(*pids: int) -> float:
    """Return the seconds of processor time that processes have used."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
