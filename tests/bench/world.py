"""The database that everything is measured on, and who and what is in it."""

import io
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from controlcenter.local_postgres import LocalPostgres

from ..servers import folder_for, set_up
from .figures import Figure

ROOT = Path(__file__).resolve().parents[2]
DAYS = 180
PASSWORD = "only for measuring"
OTHERS = 10
"""Accounts beside the one that is looked at, in a full log."""


@dataclass
class World:
    """What figures are taken from."""

    account: Any
    """The account whose log is read."""
    writing: Any
    """The account in which changes are made."""
    user: Any
    """An administrator of the first."""
    apps: Sequence[Any]
    url: str
    folder: Path
    is_full: bool
    size: int = 0
    """How many entries ``account`` has now."""
    earlier: dict[str, Figure] = field(default_factory=dict)
    """What was measured when the log was smaller."""

    @property
    def server_url(self) -> str:
        """Where servers find the database: under their role, behind the fence."""
        from auditlog.fence.rights import Part

        url = urlsplit(self.url)
        return url._replace(netloc=f"{Part.APP.default_name}@{url.netloc.rpartition('@')[2]}").geturl()

    def client(self) -> Any:
        """Return a client of the pages, signed in."""
        return client_of(self.user)

    def get(self, client: Any, address: str) -> Callable[[], Any]:
        """Return what asks for a page that has to be there."""

        def read() -> Any:
            response = client.get(address)
            assert response.status_code == 200, (address, response.status_code)
            return response

        return read

    def fill(self, entries: int, others: int = 0) -> None:
        """Bring the log of the account to so many entries, and that of each other account, and settle all that follows.

        Accounts are filled side by side, as many as there are cores.
        """
        from django.db import connection

        wanted = {"bench": entries - self.size, **{f"other-{number}": others for number in range(OTHERS)}}
        connection.close()
        waiting = [(slug, count) for slug, count in wanted.items() if count > 0]
        running: list[subprocess.Popen[bytes]] = []
        while waiting or running:
            while waiting and len(running) < (os.cpu_count() or 1):
                running.append(_filling(*waiting.pop(0)))
            done = running.pop(0)
            if done.wait():
                sys.exit("Filling the log failed.")
        self.size = entries
        connection.close()
        settling = [_manage("seal_log", "--once"), _manage("roll_up_log", "--once")]
        if any(each.wait() for each in settling):
            sys.exit("Settling the log failed.")
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE auditlog_entry, auditlog_seal, auditlog_hour, auditlog_text_chunk")

    @contextmanager
    def as_server(self) -> Iterator[None]:
        """Inside, the log is read as a server reads it: under its role, behind the fence."""
        from django.db import connection

        from auditlog.fence.rights import Part
        from controlcenter.fence import within

        owner = connection.settings_dict["USER"]
        try:
            connection.close()
            connection.settings_dict["USER"] = Part.APP.default_name
            with within(self.account.pk):
                yield
        finally:
            connection.close()
            connection.settings_dict["USER"] = owner


def client_of(user: Any) -> Any:
    """Return a client of the pages in which somebody is signed in."""
    from django.test import Client

    client = Client()
    client.force_login(user)
    return client


def admit_clients() -> None:
    """Have this process answer clients of its own, on a machine where nobody ran collectstatic."""
    from django.conf import settings

    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "testserver"]
    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}


def _filling(slug: str, count: int) -> "subprocess.Popen[bytes]":
    given = [f"--account={slug}", f"--entries={count}", f"--days={DAYS}", f"--seed={count}"]
    return _manage("fill_log", *given, "--yes-this-is-a-test-installation")


def _manage(*command: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "manage.py", *command], cwd=ROOT, stdout=subprocess.DEVNULL)


@contextmanager
def a_world(*, is_full: bool) -> Iterator[World]:
    """Inside, there is a database with nothing recorded in it yet."""
    options = ("max_wal_size=8GB", "shared_buffers=1GB", "maintenance_work_mem=512MB", "max_connections=200")
    with folder_for("bench") as folder, LocalPostgres(folder / "postgres", *options) as server:
        logging.disable(logging.WARNING)
        os.environ["API_REQUESTS_PER_MINUTE"] = str(10**9)
        set_up(server.url, folder / "anchors")
        from django.db import connections

        admit_clients()
        yield _make(server.url, folder, is_full)
        connections.close_all()


def _make(url: str, folder: Path, is_full: bool) -> World:
    from django.core.management import call_command
    from django.utils import timezone

    from accounts.models import Account, Member, Plan, User
    from auditlog.partitions import make_partitions
    from controlcenter.resources.models import App

    today = timezone.now().date()
    make_partitions(today - timedelta(days=DAYS), today)
    plan = Plan.objects.get(slug="enterprise")
    account = Account.objects.create(slug="bench", name="Bench", plan=plan)
    writing = Account.objects.create(slug="writing", name="Writing", plan=plan)
    for number in range(OTHERS):
        Account.objects.create(slug=f"other-{number}", name=f"Other {number}", plan=plan)
    user = User.objects.create_user("bench@bench.example", PASSWORD, slug="bench", home=account)
    Member.objects.create(account=account, user=user, role="administrator")
    apps = [App.objects.create(account=account, slug=f"app-{number}", name=f"App {number}") for number in range(25)]
    call_command("seal_log", once=True)
    call_command("harden_database", stdout=io.StringIO())
    return World(account, writing, user, apps, url, folder, is_full)
