"""Servers under load: readers at once, what they remember, how soon they are there."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from ..servers import answers, free_port
from .figures import Figure, Goal, Report
from .load import ROOT, Load, Site, read_at_once, served
from .world import World

READERS, PAGES, WORKERS = 50, 6, 4
FEWER_PAGES = 2
EARLY, MANY = 1_000, 10_000
"""Requests to one worker: what it remembers is looked at after so many, and after so many."""
FEWER = 200, 400
LARGEST = 150  # MB
FLAT = 1.05
STARTS = 3
SOON = 5_000  # ms
SECOND = 1000  # ms
OURS = {"DATABASE_URL", "SECRET_KEY", "SEALING_KEYS", "ANCHOR_DIR"}
"""What `make run` is not to have of the bench: it makes its own."""


def measure_all(world: World, report: Report) -> None:
    """Measure servers at the size the log has now."""
    readers_at_once(world, report)
    pool(world, report)
    memory(world, report)
    if world.is_full:
        starting(world, report)


def pages_of(world: World) -> tuple[list[str], list[str]]:
    """Return addresses of pages of the log, and of an empty page in the same shell."""
    from django.urls import reverse

    log = reverse("logs", args=["bench"])
    pages = [log, f"{log}?range=6m", f"{log}?app=app-1&range=6m", f"{log}?status=failure&range=6m"]
    return pages, [reverse("plan", args=["bench"])]


def readers_at_once(world: World, report: Report) -> None:
    """Measure what many readers wait for their pages, with as many workers as a small installation has."""
    log, empty = pages_of(world)
    with served(world, WORKERS) as site:
        read_at_once(site, log + empty, READERS, 1)
        loads: dict[str, list[Load]] = {"log": [], "empty": []}
        for _ in range(3):
            for name, addresses in (("log", log), ("empty", empty)):
                loads[name].append(read_at_once(site, addresses, READERS, PAGES if world.is_full else FEWER_PAGES))
    found, limit = (together(loads[name]) for name in ("log", "empty"))
    shell = "empty page under the same load"
    report.section(f"{READERS} readers at once, {WORKERS} workers, {world.size:,} entries in the account")
    report.add(shell, limit.figure)
    report.add("log pages", found.figure, limit=(shell, limit.figure))
    report.add("log pages", Figure.of([found.rate]), "/s", limit=(shell, Figure.of([limit.rate])))
    report.add("log pages: errors", Figure.of([len(found.errors)]), "", goal=Goal(0, of="value"))
    for (address, status), count in Counter(found.errors).items():
        print(f"{count} × {status}: {address}", flush=True)


def together(loads: list[Load]) -> Load:
    """Return several loads as one."""
    times, errors = ([one for load in loads for one in getattr(load, name)] for name in ("times", "errors"))
    return Load(times, errors, sum(load.seconds for load in loads), sum(load.cpu for load in loads))


def pool(world: World, report: Report) -> None:
    """Measure what the pool costs a page, beside a connection of each thread's own."""
    _, empty = pages_of(world)
    costs: dict[str, list[float]] = {"pool": [], "own": []}
    with served(world, 1) as pooled, served(world, 1, DATABASE_CONNECTIONS="0") as own:
        for run in range(7):
            for name, site in (("pool", pooled), ("own", own)):
                load = read_at_once(site, empty, 4, 25)
                if run:
                    costs[name].append(load.cost)
    report.section("pool")
    limit = ("a connection for each thread", Figure.of(costs["own"]))
    report.add("empty page, processor time of the server", Figure.of(costs["pool"]), limit=limit)


def memory(world: World, report: Report) -> None:
    """Measure what one worker remembers of many requests."""
    log, empty = pages_of(world)
    few, many = (EARLY, MANY) if world.is_full else FEWER
    mixed = [*log, *empty, "/health/", "/sign-in/", f"{log[0]}&nothing=there"]
    with served(world, 1) as site:
        early = after(site, mixed, few)
        late = after(site, mixed, many - few)
    report.section("memory of one worker")
    report.add(f"after {many:,} requests", late, "MB", goal=Goal(LARGEST, of="value"))
    report.add(f"after {many:,} requests", late, "MB", limit=(f"after {few:,}", early), goal=Goal(FLAT))


def after(site: Site, addresses: list[str], requests: int) -> Figure:
    """Return the memory of a worker after some more requests."""
    read_at_once(site, addresses, 4, requests // 4)
    return Figure.of([site.memory()])


def starting(world: World, report: Report) -> None:
    """Measure `make run` until its first page, on a copy of the tree that has run before."""
    tree = world.folder / "tree"
    kept = shutil.ignore_patterns(".git", ".venv", ".data", ".test-results", ".mypy_cache", ".pytest_cache")
    shutil.copytree(ROOT, tree, ignore=kept)
    (tree / ".venv").symlink_to(ROOT / ".venv")
    first = _start(tree)
    bare = [_time([sys.executable, "-c", "import django; django.setup()"], tree) for _ in range(STARTS)]
    later = [_start(tree) for _ in range(STARTS)]
    limit = ("bare Python and django.setup()", Figure.of(bare))
    report.section("starting")
    report.add("make run, until its first page", Figure.of(later), limit=limit)
    report.add("make run, until its first page", Figure.of(later), goal=Goal(SOON, of="value"))
    report.add("make run for the first time, with its demo", Figure.of([first]))


def _start(tree: Path) -> float:
    port = str(free_port())
    own = {name: value for name, value in os.environ.items() if name not in OURS}
    begun = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "-m", "controlcenter.local"],
        cwd=tree,
        env={**own, "PORT": port},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not answers(f"http://127.0.0.1:{port}/sign-in/"):
        assert server.poll() is None, "make run does not start"
        time.sleep(0.01)
    taken = (time.perf_counter() - begun) * SECOND
    server.send_signal(signal.SIGINT)
    server.wait(60)
    return taken


def _time(command: list[str], tree: Path) -> float:
    begun = time.perf_counter()
    subprocess.run(command, cwd=tree, check=True)
    return (time.perf_counter() - begun) * SECOND
