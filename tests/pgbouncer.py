"""PgBouncer, which hands one PostgreSQL session from transaction to transaction, between the product and its database.

    python -m tests.pgbouncer             the drill: pages, API, recording and commands through two shared sessions
    python -m tests.pgbouncer --install   Debian's PgBouncer when it is missing, where it may

Makes a PostgreSQL, a PgBouncer and a server of its own. Prints what it found.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import requests

from controlcenter.local_postgres import LocalPostgres

from .servers import folder_for, free_port, running, set_up, use

SESSIONS = 2
THREADS = 8
TIMES = 24
TIMEOUT = 1
PORT = 6432  # Only a part of the socket's name.
REMEDY = "Pooling by PgBouncer is not tested here: apt-get install pgbouncer as root does it."

SETTINGS = """
[databases]
controlcenter = host={host} port=5432

[pgbouncer]
unix_socket_dir = {folder}
listen_port = {port}
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = {sessions}
ignore_startup_parameters = options
"""
USERS = ("controlcenter", "controlcenter_app", "controlcenter_sealer", "controlcenter_reaper")


def find() -> str | None:
    """Return the program."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def install() -> None:
    """Install Debian's, where that can be done; its service is not started (there is none in runlevel 1)."""
    if not find() and os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing Debian's PgBouncer for a test …", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        for step in (["update"], ["install", "-y", "--no-install-recommends", "pgbouncer"]):
            subprocess.run(["apt-get", "-qq", *step], env=environment, stdin=subprocess.DEVNULL, check=False)
    if not find():
        print(REMEDY)


class Bouncer:
    """A PgBouncer before a server; ``with`` starts and stops it."""

    def __init__(self, folder: Path, postgres: LocalPostgres) -> None:
        owner = postgres.folder.stat()
        self.folder, self.postgres = folder / "pgbouncer", postgres
        self.folder.mkdir(mode=0o711)
        os.chown(self.folder, owner.st_uid, owner.st_gid)
        self.how: dict[str, Any] = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": ()}
        (self.folder / "users").write_text("".join(f'"{user}" ""\n' for user in USERS))
        settings = {"folder": self.folder, "port": PORT, "sessions": SESSIONS}
        (self.folder / "settings").write_text(SETTINGS.format(host=postgres.folder, **settings))

    def url(self, role: str) -> str:
        """Return the address of the database through it."""
        return f"postgresql://{role}@{quote(str(self.folder), safe='')}:{PORT}/controlcenter"

    def __enter__(self) -> "Bouncer":
        command = [str(find()), "-q", str(self.folder / "settings")]
        with (self.folder.parent / "pgbouncer.log").open("a") as log:
            how = self.how if os.geteuid() == 0 else {}
            self.process = subprocess.Popen(command, stdout=log, stderr=log, **how)
        while True:
            try:
                psycopg.connect(self.url("controlcenter")).close()
                return self
            except psycopg.OperationalError:
                assert self.process.poll() is None, (self.folder.parent / "pgbouncer.log").read_text()
                time.sleep(0.02)

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(20)


# The world


class World:
    """Two organizations, each with an owner, and a server that reaches the database through PgBouncer."""

    def __init__(self, folder: Path, postgres: LocalPostgres, bouncer: Bouncer) -> None:
        self.folder, self.postgres, self.bouncer = folder, postgres, bouncer
        self.base = f"http://127.0.0.1:{free_port()}"
        self.cookies: dict[str, dict[str, str]] = {}
        self.secrets: dict[str, str] = {}

    def make(self) -> None:
        from django.core.management import call_command

        from accounts.models import Token
        from accounts.tokens import TokenScope

        from .factories import AppFactory, make_people
        from .history import session_of

        call_command("harden_database", stdout=StringIO())
        people = make_people()
        for user in (people.owner, people.stranger):
            assert user.home
            slug = user.home.slug
            AppFactory(account=user.home, slug=f"of-{slug}", name=f"App of {slug}")
            found = session_of(user, self.base)
            self.cookies[slug] = {cookie["name"]: cookie["value"] for cookie in found} | {"csrftoken": "x" * 32}
            _, self.secrets[slug] = Token.issue(user, user.home, "drill", list(TokenScope))

    @contextmanager
    def served(self) -> Iterator[None]:
        """Inside, gunicorn serves as README says, under the servers' role."""
        served_as = {"ALLOWED_HOSTS": "127.0.0.1", "DATABASE_URL": self.bouncer.url("controlcenter_app")}
        application = "tests.broken_storage:without_collected_files()"
        command = [sys.executable, "-m", "gunicorn", "--config", "python:controlcenter.serving", application]
        with running([*command, "--timeout", "120"], self.base, self.folder / "server.log", served_as):
            yield

    def get(self, account: str, path: str) -> Any:
        return requests.get(f"{self.base}/@{account}{path}", cookies=self.cookies[account], timeout=60)

    def post(self, account: str, path: str, **form: str) -> Any:
        form["csrfmiddlewaretoken"] = "x" * 32
        url = f"{self.base}/@{account}{path}"
        return requests.post(url, form, cookies=self.cookies[account], timeout=60, allow_redirects=False)

    def call(self, account: str, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Key {self.secrets[account]}"}
        return requests.request(method, f"{self.base}/v2/users/{account}{path}", json=body, headers=headers, timeout=60)

    @property
    def other(self) -> str:
        """The organization of who has no part in acme."""
        return next(slug for slug in self.cookies if slug != "acme")

    def past_it(self, sql: str) -> Any:
        """Ask PostgreSQL itself, as the owner."""
        with psycopg.connect(self.postgres.url) as connection:
            return connection.execute(sql).fetchall()


LOG = "/teams-and-logs/"


# What is looked at. Each returns what is wrong, or nothing.

Look = Callable[[World], object]


def each_reads_their_own_log(world: World) -> object:
    def read(number: int) -> bool:
        mine, theirs = ("acme", world.other) if number % 2 else (world.other, "acme")
        page = world.get(mine, LOG)
        return page.status_code == 200 and f"App of {mine}" in page.text and f"App of {theirs}" not in page.text

    with ThreadPoolExecutor(THREADS) as threads:
        return [number for number, right in enumerate(threads.map(read, range(TIMES))) if not right]


def sessions_are_shared(world: World) -> object:
    [(sessions,)] = world.past_it("SELECT count(*) FROM pg_stat_activity WHERE usename = 'controlcenter_app'")
    return sessions if not 0 < sessions <= SESSIONS else None


def changes_are_recorded_once(world: World) -> object:
    def change(number: int) -> int:
        name = f"new-{number}"
        if number % 2:
            return int(world.post("acme", "/new-app/", name=name, slug=name, visibility="private").status_code)
        return int(world.call("acme", "POST", "/apps", {"apps": [{"id": name}]}).status_code)

    with ThreadPoolExecutor(THREADS) as threads:
        statuses = sorted({*threads.map(change, range(TIMES))})
    [(apps, entries)] = world.past_it(
        "SELECT count(*), (SELECT count(*) FROM auditlog_entry WHERE app_id IN (SELECT id FROM resources_app"
        " WHERE slug LIKE 'new-%')) FROM resources_app WHERE slug LIKE 'new-%'"
    )
    return (statuses, apps, entries) if (statuses, apps, entries) != ([200, 302], TIMES, TIMES) else None


def a_refusal_is_recorded(world: World) -> object:
    status = world.post(world.other, "/../@acme/new-app/", name="x", slug="x").status_code
    [(entries,)] = world.past_it("SELECT count(*) FROM auditlog_entry WHERE NOT success")
    return (status, entries) if status != 404 or entries != 1 else None


def an_export_is_whole(world: World) -> object:
    file = world.post("acme", f"{LOG}export/", format="ndjson")
    return file.status_code if file.status_code != 200 or file.text.count("\n") < TIMES else None


def a_long_filter_is_answered(world: World) -> object:
    words = "&".join(f"text={'x' * 190}{number}" for number in range(36))
    status = world.get("acme", f"{LOG}?{words}").status_code
    return status if status == 400 else None


def programs_search_and_wait(world: World) -> object:
    found = world.call("acme", "POST", "/audit_log/searches", {"pagination": {"per_page": 100}})
    latest = world.call("acme", "GET", "/audit_log/entries?per_page=1000").json()
    started = time.monotonic()
    world.call("acme", "GET", f"/audit_log/entries?wait=1&after={latest['position']}")
    right = found.status_code == 200 and len(found.json()["entries"]) >= TIMES and time.monotonic() - started >= 0.9
    return None if right else (found.status_code, latest["position"])


def statements_are_stopped_in_time(world: World) -> object:
    with psycopg.connect(world.bouncer.url("controlcenter_app"), autocommit=True) as connection:
        try:
            return connection.execute(f"SELECT pg_sleep({TIMEOUT + 2})").fetchall()
        except psycopg.errors.QueryCanceled:
            return None


def nothing_stays_prepared(world: World) -> object:
    with psycopg.connect(world.bouncer.url("controlcenter_app"), autocommit=True) as connection:
        return connection.execute("SELECT statement FROM pg_prepared_statements", prepare=False).fetchall()


def sealing_says_that_it_needs_a_session(world: World) -> object:
    from auditlog.sealing.sealer import NotHere, seal

    use(world.bouncer.url("controlcenter_sealer"))
    try:
        return seal()
    except NotHere as refused:
        return None if "pooler" in str(refused) else refused
    finally:
        use(world.postgres.url)


def sealing_works_past_it(world: World) -> object:
    from auditlog.sealing.sealer import seal

    use(world.postgres.url.replace("//controlcenter@", "//controlcenter_sealer@"))
    return None if seal().entries >= TIMES else "nothing was sealed"


def other_commands_work_through_it(world: World) -> object:
    from django.core.management import call_command

    from auditlog.sealing.rows import account_ids
    from auditlog.sealing.verifying import verify

    use(world.bouncer.url("controlcenter_reaper"))
    call_command("reap_log", dry_run=True, stdout=StringIO())
    use(world.bouncer.url("controlcenter_sealer"))
    call_command("roll_up_log", once=True, stdout=StringIO())
    problems = [problem for account_id in account_ids() for problem in verify(account_id).problems]
    use(world.postgres.url)
    [(hours,)] = world.past_it("SELECT count(*) FROM auditlog_hour")
    return problems or (None if hours else "nothing was counted")


def it_may_be_gone_for_a_while(world: World) -> object:
    world.bouncer.__exit__()
    away = world.get("acme", "/apps/").status_code
    world.bouncer.__enter__()
    back = world.get("acme", "/apps/").status_code
    return (away, back) if (away, back) != (503, 200) else None


LOOKS: tuple[Look, ...] = (
    each_reads_their_own_log,
    changes_are_recorded_once,
    a_refusal_is_recorded,
    sessions_are_shared,
    an_export_is_whole,
    a_long_filter_is_answered,
    statements_are_stopped_in_time,
    nothing_stays_prepared,
    sealing_says_that_it_needs_a_session,
    sealing_works_past_it,
    programs_search_and_wait,
    other_commands_work_through_it,
    it_may_be_gone_for_a_while,
)


def rehearse() -> dict[str, Any]:
    """Return what is wrong with each, or nothing."""
    forgetful = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")
    with folder_for("pgbouncer") as folder, LocalPostgres(folder / "postgres", *forgetful) as postgres:
        os.environ |= {"STATEMENT_TIMEOUT": str(TIMEOUT), "UNRECORDED_FILE": str(folder / "unrecorded")}
        set_up(postgres.url, folder / "anchors")
        world = World(folder, postgres, Bouncer(folder, postgres))
        world.make()
        with world.bouncer, world.served():
            return {look.__name__.replace("_", " "): look(world) or "" for look in LOOKS}


def main() -> int:
    """Do what is asked for."""
    if "--install" in sys.argv:
        install()
        return 0
    found = rehearse()
    print(json.dumps(found, indent=2, default=str))
    return int(any(found.values()))


if __name__ == "__main__":
    sys.exit(main())
