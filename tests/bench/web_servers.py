"""Which web server? The same application under each, with as many processes and threads, asked in turn.

    python -m tests.bench.web_servers

Those that the product does not use get an environment of their own in .data/, which is made once.
"""

import http.client
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any

from .figures import Figure, Report
from .load import APPLICATION, GUNICORN, ROOT, Site, ask, read_at_once, served
from .serving import pages_of
from .world import World, a_world

WORKERS, THREADS = 2, 4
ENTRIES = 50_000
ROUNDS = 5
AT_ONCE, PAGES = 16, 8
LONG = 7_500
OTHERS = {
    "granian": ("granian==2.8.7",),
    "uvicorn": ("uvicorn==0.54.0", "httptools==0.9.0", "uvloop==0.23.0", "a2wsgi==1.10.10"),
}


def asgi() -> Any:
    """Return the application for uvicorn, which needs a bridge to what is not asynchronous."""
    from a2wsgi import WSGIMiddleware  # type: ignore[import-not-found]  # in uvicorn's environment alone

    from ..broken_storage import without_collected_files

    with ThreadPoolExecutor(1) as thread:  # Django does not start inside an event loop.
        return WSGIMiddleware(thread.submit(without_collected_files).result(), workers=THREADS)


def commands() -> dict[str, tuple[str, ...]]:
    """Return how each server is started; PORT stands for the port."""
    found: dict[str, tuple[str, ...]] = {"gunicorn": GUNICORN}
    for name, packages in OTHERS.items():
        program = ROOT / ".data" / "servers" / name / "bin" / name
        if not program.exists():
            subprocess.run([sys.executable, "-m", "venv", program.parents[1]], check=True)
            own = next((program.parents[1] / "lib").glob("python*")) / "site-packages" / "product.pth"
            own.write_text(next(path for path in sys.path if path.endswith("site-packages")))
            if subprocess.run([program.with_name("pip"), "install", "--quiet", *packages]).returncode:
                print(f"{name} can't be installed here: left out.")
                continue
        address = (str(program), "--host=127.0.0.1", "--port=PORT", f"--workers={WORKERS}", "--factory")
        found[name] = {
            "granian": (
                *address,
                "--interface=wsgi",
                f"--blocking-threads={THREADS}",
                "--no-ws",
                APPLICATION.strip("()"),
            ),
            "uvicorn": (
                *address,
                "--log-level=warning",
                "--loop=uvloop",
                "--http=httptools",
                "tests.bench.web_servers:asgi",
            ),
        }[name]
    return found


def main() -> None:
    """Measure all of them."""
    report = Report()
    with a_world(is_full=False) as world, ExitStack() as running:
        world.fill(ENTRIES)
        sites = {}
        for name, command in commands().items():
            begun = time.perf_counter()
            sites[name] = running.enter_context(served(world, WORKERS, THREADS, command))
            report.add(f"{name}: until it answers", Figure.of([time.perf_counter() - begun]), "s")
        loads(world, report, sites)
        for name, site in sites.items():
            report.add(f"{name}: memory of the largest process", Figure.of([site.memory()]), "MB")
            print(f"{name}: a request line of {LONG:,} bytes: {_status(site, '/health/?' + 'x' * LONG)}")
            print(f"{name}: beside {WORKERS * THREADS} clients who never finish their requests: {_beside_slow(site)}")
            for sign in (signal.SIGHUP, signal.SIGTERM):
                print(f"{name}: of requests when {sign.name} came: {_signalled(site, sign)}", flush=True)
    print(report.write("web-servers"))


def loads(world: World, report: Report, sites: dict[str, Site]) -> None:
    """Have each asked for pages, entries and exports, in turn."""
    log, empty = pages_of(world)
    works = {
        "alive": ["/health/"],
        "empty page": empty,
        "log page": log,
        "API, 1,000 entries": ["/v2/users/bench/audit_log/entries?per_page=1000"],
    }
    for site in sites.values():
        site.headers["Authorization"] = f"Key {_secret(world)}"
        read_at_once(site, [address for addresses in works.values() for address in addresses], AT_ONCE, 6)
    for work, addresses in works.items():
        found: dict[str, list[Any]] = {name: [] for name in sites}
        for _ in range(ROUNDS):
            for name, site in sites.items():
                found[name].append(read_at_once(site, addresses, AT_ONCE, PAGES))
        report.section(work)
        first = next(iter(sites))
        limits = [[getattr(load, what) for load in found[first]] for what in ("cost", "rate")]
        for name, of_it in found.items():
            errors = sum(len(load.errors) for load in of_it)
            cost, rate = (Figure.of([getattr(load, what) for load in of_it]) for what in ("cost", "rate"))
            report.add(f"{name}: processor time", cost, limit=(first, Figure.of(limits[0])))
            report.add(f"{name}: pages, {errors} errors", rate, "/s", limit=(first, Figure.of(limits[1])))
            report.add(f"{name}: how long", Figure.of([time for load in of_it for time in load.times]))


def _secret(world: World) -> str:
    from accounts.models import Token

    return str(Token.issue(world.user, world.account, f"bench-{time.time_ns()}", ["audit_log:read"])[1])


def _status(site: Site, address: str) -> Any:
    with suppress(OSError, http.client.HTTPException):
        return ask(http.client.HTTPConnection("127.0.0.1", site.port, timeout=20), site, address)
    return "broken off"


def _beside_slow(site: Site) -> str:
    slow = [socket.create_connection(("127.0.0.1", site.port)) for _ in range(WORKERS * THREADS)]
    for one in slow:
        one.sendall(b"GET /health/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
    time.sleep(0.5)
    begun = time.perf_counter()
    with suppress(OSError, http.client.HTTPException):
        ask(http.client.HTTPConnection("127.0.0.1", site.port, timeout=5), site, "/health/")
    taken = time.perf_counter() - begun
    for one in slow:
        one.close()
    return f"answered after {taken * 1000:,.0f} ms" if taken < 5 else "nobody else is answered"


def _signalled(site: Site, sign: signal.Signals) -> str:
    """Say what became of requests that had been sent when a signal came. Who is refused a connection can try again."""
    outcomes: list[str] = []
    until = time.monotonic() + 4

    def go_on() -> None:
        while time.monotonic() < until:
            connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=20)
            try:
                connection.connect()
            except OSError:
                time.sleep(0.05)
                continue
            outcomes.append(_outcome(lambda: ask(connection, site, "/sign-in/")))  # noqa: B023
            connection.close()

    readers = [threading.Thread(target=go_on) for _ in range(WORKERS * THREADS)]
    for reader in readers:
        reader.start()
    time.sleep(1)
    site.process.send_signal(sign)
    for reader in readers:
        reader.join()
    return ", ".join(f"{outcomes.count(kind)} {kind}" for kind in sorted(set(outcomes)))


def _outcome(ask_for: Callable[[], int]) -> str:
    try:
        return str(ask_for())
    except (OSError, http.client.HTTPException):
        return "LOST"


if __name__ == "__main__":
    main()
