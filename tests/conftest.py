"""One PostgreSQL for each process of tests, in a temporary folder; Django is set up on it before any test is read."""

import contextlib
import os
import signal
import tempfile
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from controlcenter.local_postgres import LocalPostgres

if TYPE_CHECKING:  # This file is read before Django is set up.
    from django.test import Client

    from .factories import People

FAST_BUT_FORGETFUL = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        return  # This process only hands the tests out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # An end that still cleans up.
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="controlcenter-tests-")))
        folder.chmod(0o711)  # PostgreSQL refuses to run as root, so another user must come through.
        given = os.environ.get("TEST_DATABASE_URL")
        database = given or stack.enter_context(LocalPostgres(folder / "postgres", *FAST_BUT_FORGETFUL)).url
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "controlcenter.settings",
            "DATABASE_URL": database,
            "SECRET_KEY": "only-for-tests-" * 4,
            "INSECURE_HTTP": "1",
        }
        for name in ("DEBUG", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "TRUSTED_PROXIES", "API_REQUESTS_PER_MINUTE"):
            os.environ.pop(name, None)
        _make_settings_quick(folder)
        config.add_cleanup(stack.pop_all().close)


def _make_settings_quick(folder: Path) -> None:
    from django.conf import settings

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.UNRECORDED_FILE = str(folder / "unrecorded")
    settings.DATABASE_CONNECTIONS = 0  # The live server makes a server of a process that has connections already.
    settings.STATIC_ROOT = folder / "static"
    settings.STATIC_ROOT.mkdir()
    # pytest-django's live server finds static files by their own names only.
    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """What Django keeps of its models is made once, not after each test with real transactions: a third of a flush."""
    from django.contrib.auth.management import create_permissions
    from django.contrib.contenttypes.management import create_contenttypes
    from django.db.models.signals import post_migrate

    assert post_migrate.disconnect(create_contenttypes)
    assert post_migrate.disconnect(create_permissions, dispatch_uid="django.contrib.auth.management.create_permissions")


@pytest.fixture(autouse=True, scope="session")
def _flush_may_empty_the_log() -> Iterator[None]:
    """Tests with real transactions end by emptying all tables, which the triggers of the log refuse.

    Rows are deleted, table by table: TRUNCATE writes new files for each table and index, which takes ten times as long.
    """
    from django.contrib.auth.models import Permission
    from django.contrib.contenttypes.models import ContentType
    from django.db.backends.postgresql.operations import DatabaseOperations

    def sql_flush(self: Any, style: Any, tables: Sequence[str], **options: Any) -> list[str]:
        without_triggers = "SET LOCAL session_replication_role = replica"
        emptied = [table for table in tables if table not in kept]
        return [without_triggers, *(f"DELETE FROM {self.quote_name(table)}" for table in emptied)]  # noqa: S608

    kept = {ContentType._meta.db_table, Permission._meta.db_table}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", sql_flush)
        yield


@pytest.fixture(autouse=True)
def _nothing_is_known() -> None:
    from django.conf import settings

    from auditlog import counting, facets, viewing
    from auditlog.sealing import badge

    Path(settings.UNRECORDED_FILE).unlink(missing_ok=True)
    counting.AT_FIRST = counting.PATIENCE  # However busy the machine is, a small log is counted.
    facets.PATIENCE = timedelta(minutes=1)
    viewing.forget()
    badge.forget()
    badge.FRESH_FOR = 3600  # However long a test takes, it is asked once.


@pytest.fixture
def people() -> "People":
    """Olga, Max and Sam; how they came about was long ago."""
    from controlcenter.context import SYSTEM, acting_as

    from .factories import make_people
    from .history import LONG_AGO

    with acting_as(SYSTEM, at=LONG_AGO):
        return make_people()


@pytest.fixture
def page(people: "People", client: "Client") -> "Client":
    """A client in which Olga is signed in, since long ago."""
    from .history import sign_in_long_ago

    sign_in_long_ago(client, people.owner)
    return client
