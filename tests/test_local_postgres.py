import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from controlcenter.local_postgres import LocalPostgres


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one database lives through all the tests below."""
    return tmp_path_factory.mktemp("local") / "postgres"


@pytest.fixture
def postgres(folder: Path) -> Iterator[LocalPostgres]:
    with LocalPostgres(folder) as postgres:
        yield postgres


def answer(postgres: LocalPostgres, query: str) -> object:
    with psycopg.connect(postgres.url) as connection:
        row = connection.execute(query.encode()).fetchone()
        assert row
        return row[0]


def test_it_is_reached_by_its_socket_only(postgres: LocalPostgres) -> None:
    assert answer(postgres, "SHOW listen_addresses") == ""
    assert postgres.folder.stat().st_mode & 0o077 == 0


def test_it_sorts_and_stores_the_same_on_every_machine(postgres: LocalPostgres) -> None:
    assert answer(postgres, "SELECT datlocale FROM pg_database WHERE datname = current_database()") == "C.UTF-8"
    assert answer(postgres, "SHOW server_encoding") == "UTF8"


def test_it_keeps_what_was_committed_before_a_power_cut(postgres: LocalPostgres) -> None:
    with psycopg.connect(postgres.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    postgres.kill()
    assert not postgres.is_running
    postgres.start()
    assert answer(postgres, "SELECT number FROM kept") == 7


def test_another_start_shares_it_and_leaves_it_running(postgres: LocalPostgres) -> None:
    with LocalPostgres(postgres.folder) as shared:
        assert shared.url == postgres.url
    assert answer(postgres, "SELECT 1") == 1


def test_it_starts_though_another_program_has_the_process_id_it_had(folder: Path) -> None:
    with LocalPostgres(folder) as postgres:
        lock = (folder / "postmaster.pid").read_text()
        postgres.kill()
    owner = folder.stat()
    (folder / "postmaster.pid").write_text(lock.replace(lock.split("\n")[0], str(os.getpid()), 1))
    os.chown(folder / "postmaster.pid", owner.st_uid, owner.st_gid)
    with LocalPostgres(folder) as postgres:
        assert answer(postgres, "SELECT 1") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux tells a child of its parent's death.")
def test_it_ends_with_a_parent_that_was_killed(folder: Path) -> None:
    program = (
        "import pathlib, sys, time; from controlcenter.local_postgres import LocalPostgres\n"
        "LocalPostgres(pathlib.Path(sys.argv[1])).start(); print('started', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, folder], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"started\n"
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while (folder / "postmaster.pid").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not (folder / "postmaster.pid").exists()
