"""Web servers on the bench's database, and readers who ask them for pages at once."""

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from controlcenter import serving

from ..servers import free_port
from .figures import Figure
from .world import World

ROOT = Path(__file__).resolve().parents[2]
APPLICATION = "tests.broken_storage:without_collected_files()"
GUNICORN = (sys.executable, "-m", "gunicorn", "--config", "python:controlcenter.serving", APPLICATION)


@dataclass
class Site:
    """A server that runs, and how it is asked."""

    port: int
    process: psutil.Process
    headers: dict[str, str] = field(default_factory=dict)

    def workers(self) -> list[psutil.Process]:
        """Return the processes that answer: all that the first one started, or itself."""
        return self.process.children(recursive=True) or [self.process]

    def memory(self) -> float:
        """Return the megabytes that the largest of them has."""
        return float(max(worker.memory_info().rss for worker in self.workers())) / 2**20

    def seconds(self) -> float:
        """Return the processor time that they have taken."""
        return sum(sum(worker.cpu_times()[:2]) for worker in self.workers())


@contextmanager
def served(
    world: World, workers: int, threads: int = serving.threads, command: Sequence[str] = GUNICORN, **environment: str
) -> Iterator[Site]:
    """Inside, a server answers: gunicorn as README says, or another one; under the role that servers have."""
    port = free_port()
    if command is GUNICORN:
        command = (*GUNICORN, f"--bind=127.0.0.1:{port}", f"--workers={workers}", f"--threads={threads}")
    given = {
        **os.environ,
        "DATABASE_URL": world.server_url,
        "ALLOWED_HOSTS": "127.0.0.1",
        "PORT": str(port),
        **environment,
    }
    told = world.folder / f"server-{port}.log"
    with told.open("w") as log:
        server = subprocess.Popen(
            [part.replace("PORT", str(port)) for part in command], cwd=ROOT, stdout=log, stderr=log, env=given
        )
        cookies = world.client().cookies
        headers = {"Cookie": "; ".join(f"{name}={cookie.value}" for name, cookie in cookies.items())}
        site = Site(port, psutil.Process(server.pid), headers)
        try:
            while not is_up(site):
                assert server.poll() is None, told.read_text()
                time.sleep(0.02)
            yield site
        finally:
            server.terminate()
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:  # Not every server ends when it is asked to.
                for process in (*site.process.children(recursive=True), site.process):
                    process.kill()
                server.wait()


def is_up(site: Site) -> bool:
    """Say whether a server answers."""
    try:
        return ask(http.client.HTTPConnection("127.0.0.1", site.port, timeout=120), site, "/health/") == 200
    except OSError:
        return False


def ask(connection: http.client.HTTPConnection, site: Site, address: str) -> int:
    """Ask for a page and read all of it; return the status."""
    connection.request("GET", address, headers=site.headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


@dataclass
class Load:
    """What readers found."""

    times: list[float]
    """Milliseconds of each page."""
    errors: list[Any]
    seconds: float
    cpu: float
    """Seconds of the server's processor time."""

    @property
    def figure(self) -> Figure:
        """How long a page took."""
        return Figure.of(self.times)

    @property
    def rate(self) -> float:
        """Pages in a second."""
        return len(self.times) / self.seconds

    @property
    def cost(self) -> float:
        """Milliseconds of the server's processor time for a page."""
        return self.cpu * 1000 / len(self.times)


def read_at_once(site: Site, addresses: Sequence[str], readers: int, pages: int) -> Load:
    """Have readers ask for so many pages each, the next one as soon as the last has come, over one connection each."""
    cpu, begun = site.seconds(), time.perf_counter()
    with ThreadPoolExecutor(readers) as pool:
        found = list(pool.map(lambda number: _read(site, addresses, number, pages), range(readers)))
    seconds = time.perf_counter() - begun
    times = [taken for of_one, _ in found for taken in of_one]
    return Load(times, [error for _, errors in found for error in errors], seconds, site.seconds() - cpu)


def _read(site: Site, addresses: Sequence[str], number: int, pages: int) -> tuple[list[float], list[Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=120)
    times: list[float] = []
    errors: list[Any] = []
    for page in range(pages):
        address, begun = addresses[(number + page) % len(addresses)], time.perf_counter()
        try:
            status: Any = ask(connection, site, address)
        except (OSError, http.client.HTTPException) as error:
            status = f"{type(error).__name__}: {error}"
            connection.close()
        times.append((time.perf_counter() - begun) * 1000)
        if status != 200:
            errors.append((address, status))
    connection.close()
    return times, errors
