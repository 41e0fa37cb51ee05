"""Eight writers, and PostgreSQL killed in the middle: has every operation its entry, and every entry its operation?

    python -m tests.kill --seconds 60 --kills 20

Two of the writers are clients of the API. The sealer, a writer and a worker of the web server are killed as often as
PostgreSQL, with SIGKILL: is the log sound each time, without a gap and without an entry twice?
Makes a server of its own, with everything on that keeps data through a power cut, and prints its figures.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from io import StringIO
from itertools import count, pairwise
from pathlib import Path
from random import Random
from typing import Any, TextIO

import psutil
import requests

from .sealing import KEY
from .servers import answers, free_port

ROOT = Path(__file__).parent.parent
WRITERS = 8
CLIENTS = range(6, WRITERS)
"""Writers that reach the product as its users do, through gunicorn under the servers' role."""
APPS_AT_MOST = 20  # per writer
SHARED = 3  # apps that all writers rename, one waiting for the other


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=60)
    arguments.add_argument("--kills", type=int, default=1)
    arguments.add_argument("--writer", type=int, help=argparse.SUPPRESS)
    arguments.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.writer is not None:
        _set_up_django()
        write(given.writer, given.folder)
        return 0
    with tempfile.TemporaryDirectory(prefix="controlcenter-kill-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL refuses to run as root, so another user must come through.
        figures = rehearse(Path(folder), given.seconds, given.kills)
    print(json.dumps(figures, indent=2))
    wrong = figures["operations without an entry"] + figures["entries without an operation"]
    wrong += figures["entries without a place"] + len(figures["found by verification"])
    wrong += figures["accounts with a gap"] + figures["entries whose leaf is not theirs"]
    return 1 if wrong or not figures["entries"] else 0


def _set_up_django() -> None:
    import django

    django.setup()


# The disaster


def rehearse(folder: Path, seconds: float, kills: int = 1) -> dict[str, Any]:
    """Run writers for some seconds, kill server and sealer on the way, and return what was found afterwards."""
    from controlcenter.local_postgres import LocalPostgres

    with LocalPostgres(folder / "postgres") as server:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "controlcenter.settings",
            "DATABASE_URL": server.url,
            "SECRET_KEY": "only-for-tests-" * 4,
            "INSECURE_HTTP": "1",
            "SEALING_KEYS": KEY,
            "SEAL_EVERY": "1",
        }
        _set_up_django()
        _prepare(folder)
        workers = _serve(folder)
        writers = [_start_writer(number, folder) for number in range(WRITERS)]
        sealer, found, down = _start_sealer(), list[str](), list[float]()
        try:
            _start_together(folder, writers)
            for kill in range(kills):
                time.sleep(seconds / 3 / kills)
                down.append(_kill(server))
                found += verify_all()
                time.sleep(seconds / 3 / kills)
                workers.children()[0].kill()
                writers[kill % WRITERS].kill()
                writers[kill % WRITERS].wait()
                found += verify_all()
                writers[kill % WRITERS] = _start_writer(kill % WRITERS, folder)
                time.sleep(seconds / 3 / kills)
                sealer.kill()
                sealer.wait()
                found += verify_all()
                sealer = _start_sealer()
            (folder / "stop").touch()
            codes = [writer.wait(60) for writer in writers]
        finally:
            for process in (*writers, sealer):
                process.kill()
            workers.terminate()
        assert codes == [0] * WRITERS, codes
        return {
            "writers": WRITERS,
            "seconds": seconds,
            "servers, workers, writers and sealers killed": kills,
            "down for": round(max(down), 2),
            **compare(folder),
            **seal_the_rest(found),
        }


def _serve(folder: Path) -> psutil.Process:
    """Start gunicorn under the servers' role, and return it once it answers."""
    base = f"127.0.0.1:{free_port()}"
    (folder / "address").write_text(f"http://{base}/v2/users")
    environment = {**os.environ, "API_REQUESTS_PER_MINUTE": "1000000"}
    environment["DATABASE_URL"] = environment["DATABASE_URL"].replace("//controlcenter@", "//controlcenter_app@")
    command = [sys.executable, "-m", "gunicorn", "controlcenter.wsgi", "--workers", "2", "--threads", "4"]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen([*command, "--bind", base], cwd=ROOT, stdout=log, stderr=log, env=environment)
    while not answers(f"http://{base}/health/"):
        assert server.poll() is None, (folder / "server.log").read_text()
        time.sleep(0.05)
    return psutil.Process(server.pid)


def _start_writer(number: int, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tests.kill", "--folder", str(folder), "--writer", str(number)])


def _start_sealer() -> subprocess.Popen[bytes]:
    """Start a sealer, and return it at work: after its first pass."""
    from auditlog.sealing.models import SealerState

    before = SealerState.objects.values_list("time", flat=True).first()
    sealer = subprocess.Popen([sys.executable, "manage.py", "seal_log"], cwd=ROOT, stdout=subprocess.DEVNULL)
    while SealerState.objects.values_list("time", flat=True).first() == before:
        assert sealer.poll() is None, "the sealer could not start"
        time.sleep(0.05)
    return sealer


def verify_all() -> list[str]:
    """Return what verification finds altered in any account, while the writers go on."""
    from django.db import connection

    from auditlog.sealing.rows import account_ids
    from auditlog.sealing.verifying import verify

    connection.close()  # It may be that of a server which is gone.
    return [problem for account_id in account_ids() for problem in verify(account_id).problems]


def seal_the_rest(found: list[str]) -> dict[str, Any]:
    """Seal what is left; return whether each entry has one place, without a gap, and what verification found."""
    from django.db.models import Count, Max

    from auditlog.models import Entry, Seal
    from auditlog.sealing.sealer import seal

    sealed_meanwhile = Seal.objects.count()
    seal()
    counts = Seal.objects.values("account_id").annotate(entries=Count("entry_id", distinct=True), last=Max("seq"))
    return {
        "entries sealed while writing": sealed_meanwhile,
        "entries without a place": Entry.objects.count() - Seal.objects.count(),
        "accounts with a gap": sum(count["entries"] != count["last"] for count in counts),
        "found by verification": (found + verify_all())[:5],
    }


def _start_together(folder: Path, writers: list[subprocess.Popen[bytes]]) -> None:
    while len(list(folder.glob("ready-*"))) < WRITERS:
        assert all(writer.poll() is None for writer in writers), "a writer could not start"
        time.sleep(0.02)
    (folder / "go").touch()


def _prepare(folder: Path) -> None:
    from django.core.management import call_command
    from django.db import connection

    from accounts.models import Token
    from accounts.roles import Role
    from accounts.tokens import TokenScope
    from tests.factories import AccountFactory, AppFactory, MemberFactory

    call_command("migrate", verbosity=0)
    call_command("harden_database", stdout=StringIO())
    with connection.cursor() as cursor:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            cursor.execute(f"SHOW {setting}")
            assert cursor.fetchone() == ("on",), setting
    for number in range(WRITERS):
        account = AccountFactory(slug=f"writer-{number}")
        if number in CLIENTS:
            member = MemberFactory(account=account, role=Role.ADMINISTRATOR)
            _, secret = Token.issue(member.user, account, "drill", list(TokenScope))
            (folder / f"token-{number}").write_text(secret)
    AppFactory.create_batch(SHARED, account=AccountFactory(slug="shared"))
    connection.close()


def _kill(server: Any) -> float:
    """Kill the server with all its processes at once, start it again, and return for how long it was away."""
    started = time.monotonic()
    os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait()
    server.start()
    return time.monotonic() - started


# The writers


def write(number: int, folder: Path) -> None:
    """Do operations until told to stop; note each one that the database said was done."""
    from django.db import InterfaceError, OperationalError, connection

    from accounts.models import Account
    from controlcenter.context import SYSTEM, NotRecorded, acting_as

    gone = (OperationalError, InterfaceError, Unanswered)
    actions = OVER_HTTP if number in CLIENTS else ACTIONS
    random = Random(os.getpid())  # noqa: S311
    account = Account.objects.get(slug=f"writer-{number}")
    (folder / f"ready-{number}").touch()
    while not (folder / "go").exists():
        time.sleep(0.02)
    with (folder / f"writer-{number}.txt").open("a") as notes, acting_as(SYSTEM):
        for step in count():
            if (folder / "stop").exists():
                break
            act = random.choices(list(actions), list(actions.values()))[0]
            try:
                act(account, f"{number}-{os.getpid()}-{step}", random, notes)
            except (*gone, NotRecorded) as error:
                if not isinstance(error.__cause__ if isinstance(error, NotRecorded) else error, gone):
                    raise
                print("lost", file=notes)
                connection.close()
                time.sleep(0.05)


def create(account: Any, name: str, random: Random, notes: TextIO) -> None:
    if account.apps.count() < APPS_AT_MOST:
        account.apps.create(slug=f"app-{name}", name=name)
        print("created", f"app-{name}", file=notes, flush=True)


def create_many(account: Any, name: str, random: Random, notes: TextIO) -> None:
    from controlcenter.resources.models import App

    if account.apps.count() < APPS_AT_MOST:
        new = [App(account=account, slug=f"app-{name}-{letter}", name=name) for letter in "abc"]
        App.objects.bulk_create(new)
        for app in new:
            print("created", app.slug, file=notes, flush=True)


def rename(account: Any, name: str, random: Random, notes: TextIO) -> None:
    app = _any_app(account, random)
    if app:
        app.name = name
        app.save(update_fields=["name"])
        print("renamed", app.slug, name, file=notes, flush=True)


def rename_shared(account: Any, name: str, random: Random, notes: TextIO) -> None:
    from controlcenter.resources.models import App

    slug = random.choice(sorted(App.objects.filter(account__slug="shared").values_list("slug", flat=True)))
    App.objects.filter(slug=slug).update(name=name)
    print("renamed", slug, name, file=notes, flush=True)


def delete(account: Any, name: str, random: Random, notes: TextIO) -> None:
    app = _any_app(account, random)
    if app:
        slug = app.slug
        app.delete()
        print("deleted", slug, file=notes, flush=True)


def delete_many(account: Any, name: str, random: Random, notes: TextIO) -> None:
    slugs = list(account.apps.order_by("slug").values_list("slug", flat=True)[:4])
    account.apps.filter(slug__in=slugs).delete()
    for slug in slugs:
        print("deleted", slug, file=notes, flush=True)


def change_one_s_mind(account: Any, name: str, random: Random, notes: TextIO) -> None:
    """Roll back what was done: neither the app nor its entry may be found."""
    from django.db import transaction

    with transaction.atomic():
        account.apps.create(slug=f"never-{name}", name=name)
        account.apps.update(name="never")
        transaction.set_rollback(True)


def _any_app(account: Any, random: Random) -> Any:
    apps = list(account.apps.order_by("pk"))
    return random.choice(apps) if apps else None


# The same through the API


class Unanswered(Exception):  # noqa: N818
    """The server was killed meanwhile, or could not reach PostgreSQL: nobody knows what came about."""


def create_over_http(account: Any, name: str, random: Random, notes: TextIO) -> None:
    if account.apps.count() < APPS_AT_MOST:
        _call(account, notes, "POST", "apps", {"apps": [{"id": f"app-{name}", "name": name}]})
        print("created", f"app-{name}", file=notes, flush=True)


def rename_over_http(account: Any, name: str, random: Random, notes: TextIO) -> None:
    app = _any_app(account, random)
    if app:
        _call(account, notes, "PATCH", "apps", {"action": "merge", "apps": [{"id": app.slug, "name": name}]})
        print("renamed", app.slug, name, file=notes, flush=True)


def delete_over_http(account: Any, name: str, random: Random, notes: TextIO) -> None:
    app = _any_app(account, random)
    if app:
        _call(account, notes, "DELETE", f"apps/{app.slug}", None)
        print("deleted", app.slug, file=notes, flush=True)


def _call(account: Any, notes: TextIO, method: str, path: str, body: Any) -> None:
    folder = Path(notes.name).parent
    secret = (folder / f"token-{account.slug.removeprefix('writer-')}").read_text()
    url = f"{(folder / 'address').read_text()}/{account.slug}/{path}"
    try:
        answer = requests.request(method, url, json=body, headers={"Authorization": f"Key {secret}"}, timeout=30)
    except requests.RequestException as error:
        raise Unanswered from error
    if answer.status_code >= 500:
        raise Unanswered
    answer.raise_for_status()


Action = Callable[[Any, str, Random, TextIO], None]
ACTIONS: dict[Action, int] = {
    create: 30,
    create_many: 5,
    rename: 30,
    rename_shared: 20,
    delete: 10,
    delete_many: 2,
    change_one_s_mind: 5,
}
OVER_HTTP: dict[Action, int] = {create_over_http: 30, rename_over_http: 30, delete_over_http: 10}


# The reckoning


def compare(folder: Path) -> dict[str, Any]:
    """Return how rows, entries and what the writers were told agree."""
    from auditlog.canonical import leaf_of
    from auditlog.models import Entry
    from controlcenter.operations import Operation
    from controlcenter.resources.models import App

    told, lost = _told(folder)
    rows = dict(App.objects.values_list("slug", "name"))
    entries: Counter[tuple[str, ...]] = Counter()
    names: dict[str, list[list[str | None]]] = {}
    torn = 0
    for entry in Entry.objects.succeeded().filter(app_id__isnull=False).order_by("id"):
        torn += bytes(entry.leaf) != leaf_of(bytes(entry.body))
        slug, (before, after) = entry.targets[0]["id"], entry.event["changes"]["name"]
        kind = {Operation.APPLICATION_CREATE: "created", Operation.APPLICATION_DELETE: "deleted"}.get(
            Operation(entry.operation), "renamed"
        )
        entries[(kind, slug, after) if kind == "renamed" else (kind, slug)] += 1
        names.setdefault(slug, []).append([before, after])

    unrecorded = [operation for operation in told if not entries[operation]]
    unrecorded += [("created", slug) for slug in rows if not entries["created", slug]]
    # Each row's story must be whole: from nothing, step by step, to the name that it has, or to nothing.
    invented = [slug for slug, steps in names.items() if _story(steps) != [None, rows.get(slug)]]
    invented += [" ".join(operation) for operation, times in entries.items() if times > 1]
    invented += [slug for slug in names if slug.startswith("never")]
    return {
        "operations confirmed": len(told),
        "connections lost": lost,
        "entries": sum(entries.values()),
        "entries in doubt that had come about": sum(entries.values()) - len(told) - SHARED,
        "apps left": len(rows),
        "operations without an entry": len(unrecorded),
        "entries without an operation": len(invented),
        "entries whose leaf is not theirs": torn,
        "examples": [*map(str, unrecorded[:3]), *invented[:3]],
    }


def _told(folder: Path) -> tuple[list[tuple[str, ...]], int]:
    lines = [line for file in folder.glob("writer-*.txt") for line in file.read_text().splitlines()]
    return [tuple(line.split()) for line in lines if line != "lost"], lines.count("lost")


def _story(steps: list[list[str | None]]) -> list[str | None]:
    """Return the first before and the last after of changes that follow on each other; the changes where they don't."""
    whole = all(one[1] == two[0] for one, two in pairwise(steps))
    return [steps[0][0], steps[-1][1]] if whole else [str(steps)]


if __name__ == "__main__":
    sys.exit(main())
