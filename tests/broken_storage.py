"""The log's storage broken in six ways, under a real server: what can't be recorded must not happen, the rest goes on.

    python -m tests.broken_storage --attempts 40

Makes a PostgreSQL and a server of its own, which runs under the role that ``harden_database`` makes. Each way is a real
error of PostgreSQL. Changes are tried through pages, the API, Django and raw SQL, at once. Each kind of change has to
work before anything is broken and after each repair, and to be refused for the reason that the way gives meanwhile.
Prints figures for each way.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import requests

from .servers import folder_for, free_port, running, set_up

THREADS = 8
LONGEST_RECOVERY = 10.0
TIMEOUT = 1  # seconds for a statement


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--attempts", type=int, default=40, help="changes that are tried in each way")
    given = arguments.parse_args()
    with folder_for("broken") as folder:
        figures = rehearse(folder, given.attempts)
    print(json.dumps(figures, indent=2))
    return 1 if any(wrong(way) for way in figures.values()) else 0


def wrong(figures: dict[str, Any]) -> bool:
    """Say whether a way did not end as it must."""
    return bool(
        figures["refused"] < figures["attempts"]
        or figures["refused otherwise"]
        or figures["rows changed"]
        or figures["entries written"]
        or figures["pages readable"] < figures["pages"]
        or figures["all kinds of changes recovered after"] > LONGEST_RECOVERY
    )


# The world


class World:
    """A server on a fenced database, and somebody who may change anything in one account."""

    def __init__(self, folder: Path, postgres: Any) -> None:
        from django.core.management import call_command

        self.folder, self.postgres, self.random = folder, postgres, Random(1)  # noqa: S311
        os.environ |= {"STATEMENT_TIMEOUT": str(TIMEOUT), "UNRECORDED_FILE": str(folder / "unrecorded")}
        set_up(postgres.url, folder / "anchors")
        importlib.import_module("controlcenter.wsgi")  # What is done in this process is stopped as in a server, too.
        call_command("harden_database", stdout=StringIO())
        self._make()
        self.become("controlcenter_app")
        self.base = f"http://127.0.0.1:{free_port()}"
        self.slugs: list[str] = []

    def _make(self) -> None:
        from accounts.models import Token
        from accounts.tokens import TokenScope
        from tests.factories import AppFactory, make_people
        from tests.history import session_of

        people = make_people()
        AppFactory.create_batch(3, account=people.acme)
        _, self.secret = Token.issue(people.owner, people.acme, "drill", list(TokenScope))
        self.account = people.acme
        self.cookies = {cookie["name"]: cookie["value"] for cookie in session_of(people.owner, "http://x")}
        self.cookies["csrftoken"] = "x" * 32

    def become(self, role: str) -> None:
        """Go on under a role, here and in what is started from here."""
        from django.db import connection

        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # It is of the role before.
        connection.settings_dict["USER"] = role
        os.environ["DATABASE_URL"] = self.postgres.url.replace("//controlcenter@", f"//{role}@")

    def owner(self) -> Any:
        """Return a connection of the owner's, who breaks things and looks at what became of them."""
        return psycopg.connect(self.postgres.url, autocommit=True)

    def do(self, sql: str) -> None:
        with self.owner() as connection:
            connection.execute(sql)

    @contextmanager
    def served(self) -> Iterator[None]:
        """Inside, gunicorn serves as README says."""
        application = "tests.broken_storage:without_collected_files()"
        command = [sys.executable, "-m", "gunicorn", application, "--workers", "2", "--threads", "4"]
        served_as = {"ALLOWED_HOSTS": "127.0.0.1", "API_REQUESTS_PER_MINUTE": "1000000"}
        with running(command, self.base, self.folder / "server.log", served_as):
            yield


def without_collected_files() -> Any:
    """Return the application, for gunicorn, on a machine where nobody ran collectstatic."""
    from django.conf import settings

    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    from controlcenter.wsgi import application

    return application


# What is tried

Attempt = Callable[[World, str], object]


class Refused(Exception):  # noqa: N818
    """The server refused; the message is its status."""


def _page(world: World, name: str) -> None:
    form = {"name": name, "slug": name, "visibility": "private", "csrfmiddlewaretoken": world.cookies["csrftoken"]}
    url = f"{world.base}/@acme/new-app/"
    answer = requests.post(url, form, cookies=world.cookies, allow_redirects=False, timeout=30)
    if answer.status_code != 302:
        raise Refused(answer.status_code)


def _api(world: World, method: str, path: str, body: Any) -> None:
    headers = {"Authorization": f"Key {world.secret}"}
    answer = requests.request(method, f"{world.base}/v2/users/acme{path}", json=body, headers=headers, timeout=30)
    if answer.status_code != 200:
        raise Refused(answer.status_code)


def _api_create(world: World, name: str) -> None:
    _api(world, "POST", "/apps", {"apps": [{"id": name}]})


def _api_change(world: World, name: str) -> None:
    app = {"id": world.random.choice(world.slugs), "name": name}
    _api(world, "PATCH", "/apps", {"action": "merge", "apps": [app]})


def _api_delete(world: World, name: str) -> None:
    _api(world, "DELETE", f"/apps/{world.random.choice(world.slugs)}", None)


def _save(world: World, name: str) -> None:
    world.account.apps.create(slug=name, name=name)


def _update(world: World, name: str) -> None:
    world.account.apps.update(name=name)


def _bulk(world: World, name: str) -> None:
    from controlcenter.resources.models import App

    App.objects.bulk_create(App(account=world.account, slug=f"{name}-{letter}", name=name) for letter in "ab")


def _delete(world: World, name: str) -> None:
    world.account.apps.all().delete()


def _raw(world: World, name: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("UPDATE resources_app SET name = %s", [name])


ATTEMPTS: tuple[Attempt, ...] = (_page, _api_create, _api_change, _api_delete, _save, _update, _bulk, _raw, _delete)
PAGES = ("/@acme/apps/", "/@acme/members/", "/@acme/teams/", "/@acme/compute/", "/@acme/tokens/", "/you/")


def attempt(world: World, number: int, ways: tuple[Attempt, ...] = ATTEMPTS) -> str:
    """Try a change; return why it was refused, or "" when it was not."""
    from django.db import connection

    try:
        ways[number % len(ways)](world, f"new-{number}-{time.time_ns()}")
    except Refused as refused:
        return f"HTTP {refused}"
    except Exception as error:
        cause: BaseException = error
        while cause.__cause__:
            cause = cause.__cause__
        return f"{'NotRecorded by ' * (type(error).__name__ == 'NotRecorded')}{type(cause).__name__}"
    finally:
        connection.close()
    return ""


def works(world: World, kind: Attempt) -> str:
    """Try a kind of change, of apps that are there now; return why nothing came of it, or ""."""
    world.slugs = [slug for (slug,) in _rows(world, "SELECT slug FROM resources_app")]
    return attempt(world, 0, (kind,))


def does_something(world: World, kind: Attempt) -> str:
    """Try a kind of change, and look whether it is made and recorded; return what is wrong, or ""."""
    before = _state(world)
    why = works(world, kind)
    after = _state(world)
    return why or ("" if before[0] != after[0] and before[1] < after[1] else "nothing was changed, or recorded")


# Six ways to break it

Way = Callable[[World], Any]


@contextmanager
def table_gone(world: World) -> Iterator[None]:
    world.do("ALTER TABLE auditlog_entry RENAME TO elsewhere")
    yield
    world.do("ALTER TABLE elsewhere RENAME TO auditlog_entry")


@contextmanager
def disk_full(world: World) -> Iterator[None]:
    """No file may grow beyond the size of this month's: PostgreSQL is told what a quota or a full disk tells it."""
    table = f"auditlog_entry_{datetime.now(UTC):%Y_%m}"
    with world.owner() as owner:
        pages = 2200  # more than a segment of the WAL, which is written by the same rules
        owner.execute(f"ALTER TABLE {table} SET (fillfactor = 10)")  # a row a page
        while owner.execute(f"SELECT pg_relation_size('{table}') / 8192").fetchone()[0] < pages:
            owner.execute(_FILLER.format(count=500, size=1_800))
        [size] = owner.execute(f"SELECT pg_relation_size('{table}')").fetchone()
        processes = [world.postgres.process.pid, *(pid for (pid,) in owner.execute(_BACKENDS))]
        _limit(processes, size)
        while _inserts(owner, _FILLER.format(count=1, size=1_800)):
            pass
        try:
            yield
        finally:
            owner.execute(f"ALTER TABLE {table} RESET (fillfactor)")
            _limit([*processes, *(pid for (pid,) in owner.execute(_BACKENDS))])


_BACKENDS = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
_FILLER = """
INSERT INTO auditlog_entry (id, account_id, actor_kind, operation, success, request_id, targets, body, leaf)
SELECT auditlog_new_id(clock_timestamp()), -1, 4, 1205, true, '', '[]', repeat('x', {size})::bytea, ''
FROM generate_series(1, {count})
"""


def _inserts(owner: Any, sql: str) -> bool:
    try:
        owner.execute(sql)
    except (psycopg.errors.DiskFull, psycopg.errors.InternalError_):  # "could not extend file"
        return False
    return True


def _limit(processes: list[int], size: int | None = None) -> None:
    """Limit the files of PostgreSQL's processes, as their owner, who alone may."""
    for pid in processes:
        place = Path("/proc", str(pid))
        if place.exists():
            stat, soft = place.stat(), "unlimited" if size is None else size
            owner = {"user": stat.st_uid, "group": stat.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
            command = ["prlimit", f"--pid={pid}", f"--fsize={soft}:"]
            subprocess.run(command, check=True, cwd="/", **owner)  # type: ignore[call-overload]


@contextmanager
def no_grant(world: World) -> Iterator[None]:
    world.do("REVOKE INSERT ON auditlog_entry FROM controlcenter_app")
    yield
    world.do("GRANT INSERT ON auditlog_entry TO controlcenter_app")


@contextmanager
def locked(world: World) -> Iterator[None]:
    """Somebody holds the table, and statements end by their timeout."""
    with world.owner() as owner, owner.transaction():
        owner.execute("LOCK TABLE auditlog_entry IN ACCESS EXCLUSIVE MODE")
        yield


@contextmanager
def refused(world: World) -> Iterator[None]:
    world.postgres.stop()
    yield
    world.postgres.start()


BOUNDS = "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = '{table}'"


@contextmanager
def no_partition(world: World) -> Iterator[None]:
    tables = (f"auditlog_entry_{datetime.now(UTC):%Y_%m}", "auditlog_entry_default")
    bounds = {}
    for table in tables:
        [(bounds[table],)] = _rows(world, BOUNDS.format(table=table))
        world.do(f"ALTER TABLE auditlog_entry DETACH PARTITION {table}")
    yield
    for table, bound in bounds.items():
        world.do(f"ALTER TABLE auditlog_entry ATTACH PARTITION {table} {bound}")


def _of_the_log(*errors: str) -> set[str]:
    """Return how a change is refused whose entry the database does not take; raw SQL gets the error as it is."""
    return {"HTTP 503", *errors, *(f"NotRecorded by {error}" for error in errors)}


EXPECTED = {
    "table gone": _of_the_log("UndefinedTable"),
    "no grant": _of_the_log("InsufficientPrivilege"),
    # 500: who waits for a row that another one holds, which waits for the log, does not know what it is all about.
    "locked until the timeout": {"HTTP 500", *_of_the_log("QueryCanceled", "LockNotAvailable")},
    "partition missing": _of_the_log("CheckViolation"),
    "disk full": _of_the_log("DiskFull", "InternalError_"),
    "connection refused": {"HTTP 503", "PoolTimeout"},  # Not even a session can be read.
}
"""Why a change is refused in each way, in the server's words or PostgreSQL's."""

WAYS: dict[str, Way] = {
    "table gone": table_gone,
    "no grant": no_grant,
    "locked until the timeout": locked,
    "partition missing": no_partition,
    "disk full": disk_full,
    "connection refused": refused,
}


# The reckoning


def rehearse(folder: Path, attempts: int) -> dict[str, dict[str, Any]]:
    """Break the storage in each way, try changes, and return what came of it."""
    from controlcenter.local_postgres import LocalPostgres

    with LocalPostgres(folder / "postgres") as postgres:
        world = World(folder, postgres)
        with world.served(), ThreadPoolExecutor(THREADS) as pool:
            unbroken = {kind.__name__: does_something(world, kind) for kind in ATTEMPTS}
            assert not any(unbroken.values()), f"it does not even work unbroken: {unbroken}"
            return {name: break_it(world, name, attempts, pool) for name in WAYS}


def break_it(world: World, name: str, attempts: int, pool: ThreadPoolExecutor) -> dict[str, Any]:
    """Break the storage in one way and return the figures."""
    way = WAYS[name]
    assert not attempt(world, 0, (_bulk,))  # There is something to change.
    world.slugs = [slug for (slug,) in _rows(world, "SELECT slug FROM resources_app")]
    counted = _unrecorded(world)
    before = _state(world)
    with way(world):
        if way is disk_full:  # It was filled with entries.
            before = _state(world)
        # What is changed past the application is recorded by the owner's own trigger, whom no grant concerns.
        tried = tuple(kind for kind in ATTEMPTS if way is not no_grant or kind is not _raw)
        answers = list(pool.map(lambda number: attempt(world, number, tried), range(attempts)))
        readable = sum(_reads(world, path) for path in _pages(way))
    mended = time.monotonic()
    after = _state(world)
    for kind in ATTEMPTS:
        while why := works(world, kind):
            assert time.monotonic() - mended < 6 * LONGEST_RECOVERY, f"{name}: {kind.__name__}: {why}"
            time.sleep(0.05)
    return {
        "attempts": attempts,
        "refused": sum(map(bool, answers)),
        "refused otherwise": sorted({*filter(None, answers)} - EXPECTED[name]),
        "by": dict(Counter(answers)),
        "rows changed": int(before[0] != after[0]),
        "entries written": after[1] - before[1],
        "pages readable": readable,
        "pages": len(_pages(way)),
        "failures that could not be recorded, counted": _unrecorded(world) - counted,
        "all kinds of changes recovered after": round(time.monotonic() - mended, 2),
    }


def _pages(way: Way) -> tuple[str, ...]:
    return ("/sign-in/",) if way is refused else (*PAGES, "/sign-in/")


def _reads(world: World, path: str) -> bool:
    cookies = {} if path == "/sign-in/" else world.cookies
    return requests.get(world.base + path, cookies=cookies, allow_redirects=False, timeout=30).status_code == 200


def _rows(world: World, sql: str) -> list[Any]:
    with world.owner() as owner:
        rows: list[Any] = owner.execute(sql).fetchall()
        return rows


def _state(world: World) -> list[Any]:
    """Return the apps, and how many entries there are."""
    [(apps,)] = _rows(world, "SELECT md5(string_agg(app::text, '|' ORDER BY id)) FROM resources_app AS app")
    [(entries,)] = _rows(world, "SELECT count(*) FROM auditlog_entry")
    return [apps, int(entries)]


def _unrecorded(world: World) -> int:
    file = world.folder / "unrecorded"
    return len(file.read_text().splitlines()) if file.exists() else 0


if __name__ == "__main__":
    sys.exit(main())
