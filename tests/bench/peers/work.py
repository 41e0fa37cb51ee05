"""Times changes with one peer and without it, in turn, in the peer's own environment; writes them as JSON.

Imports nothing of ours. ``PEER`` names the peer, ``PEER_DATABASE`` the database.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from importlib import import_module
from typing import Any
from urllib.parse import unquote, urlsplit

import django
from django.conf import settings
from django.core.management import call_command

PEER = os.environ["PEER"]
BLOCKS, AT_ONCE, LONGEST = 30, 10, 5.0
"""So many blocks of so many changes, unless it takes longer than some seconds."""
DJANGO = ["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"]
APPS = {
    "django-auditlog": ["auditlog"],
    "django-easy-audit": ["easyaudit"],
    "django-simple-history": ["simple_history"],
    "django-reversion": ["reversion"],
    "django-pghistory": ["pgtrigger", "pghistory"],
}


def set_up() -> None:
    """Set Django up on the database, as each peer's manual has it."""
    url = urlsplit(os.environ["PEER_DATABASE"])
    user, _, host = url.netloc.rpartition("@")
    host, _, port = host.rpartition(":")
    settings.configure(
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": url.path[1:],
                "USER": unquote(user.partition(":")[0]),
                "PASSWORD": unquote(user.partition(":")[2]),
                "HOST": unquote(host),
                "PORT": port,
            }
        },
        INSTALLED_APPS=[*DJANGO, *APPS.get(PEER, []), "shapes"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        DJANGO_EASY_AUDIT_REGISTERED_CLASSES=["shapes.App"],
        PGTRIGGER_MIGRATIONS=False,
        PGTRIGGER_INSTALL_ON_MIGRATE=False,
    )
    django.setup()
    call_command("migrate", "auth", verbosity=0)  # Rows of some peers lead to users.
    call_command("migrate", run_syncdb=True, verbosity=0)
    if PEER == "django-pghistory":
        call_command("pgtrigger", "install", verbosity=0)


def setting() -> Callable[[], AbstractContextManager[Any]]:
    """Return what a change has to be made in, for the peer to record it."""
    if PEER == "django-reversion":
        create: Callable[[], AbstractContextManager[Any]] = import_module("reversion").create_revision
        return create
    return BareInsert if PEER not in APPS else ExitStack


class BareInsert(ExitStack):
    """A transaction with one more INSERT at its end: what recording costs at the least, from Python."""

    def __enter__(self) -> "BareInsert":
        from django.db import transaction

        super().__enter__()
        self.enter_context(transaction.atomic())
        self.callback(self._insert)
        return self

    @staticmethod
    def _insert() -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO bare (said) VALUES (%s)", ['{"name": ["App", "Appx"], "user": 1}'])


def works(model: Any, inside: Callable[[], AbstractContextManager[Any]]) -> dict[str, Callable[[], None]]:
    """Return the changes, by name."""
    from shapes.models import Account  # type: ignore[import-not-found]  # it stands beside this script

    account, _ = Account.objects.get_or_create(slug="bench", name="Bench")
    made: list[Any] = []

    def create() -> None:
        with inside():
            made.append(model.objects.create(account=account, slug=f"recorded-{time.time_ns()}", name="App"))

    def update() -> None:
        made[-1].name = "Apps" if made[-1].name == "App" else "App"
        with inside():
            made[-1].save()

    def delete() -> None:
        with inside():
            made.pop().delete()

    return {"create": create, "update": update, "delete": delete}


def main() -> None:
    """Measure, and check that the peer recorded what it was to record."""
    set_up()
    from django.db import connection
    from shapes.models import App, Plain

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bare (id bigserial PRIMARY KEY, at timestamptz DEFAULT now(), said jsonb)")
    ways = {"unrecorded": works(Plain, ExitStack), "recorded": works(App, setting())}
    times: dict[str, dict[str, list[float]]] = {way: {name: [] for name in work} for way, work in ways.items()}
    end = time.monotonic() + LONGEST
    for block in range(BLOCKS + 1):
        if block > 2 and time.monotonic() > end:
            break
        for way, work in ways.items():
            for name, do in work.items():
                for _ in range(AT_ONCE):
                    start = time.perf_counter()
                    do()
                    if block:  # the first is to warm up
                        times[way][name].append((time.perf_counter() - start) * 1000)
    json.dump(times | {"entries": {"all": [_entries()]}}, sys.stdout)


def _entries() -> int:
    """Return how many rows the peer wrote."""
    from django.db import connection

    tables = {
        "django-auditlog": "auditlog_logentry",
        "django-easy-audit": "easyaudit_crudevent",
        "django-simple-history": "shapes_historicalapp",
        "django-reversion": "reversion_version",
        "django-pghistory": "shapes_appevent",
    }
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {tables.get(PEER, 'bare')}")  # noqa: S608
        return int(cursor.fetchone()[0])


if __name__ == "__main__":
    main()
