"""A hot standby of a PostgreSQL server: a real one, that follows it."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from controlcenter.local_postgres import LocalPostgres, _program


@contextmanager
def standby_of(url: str, folder: Path, *options: str) -> Iterator[LocalPostgres]:
    """Inside, a server in a new folder follows the one at an address."""
    command = [_program("pg_basebackup"), "-d", url, "-D", str(folder), "-R", "--checkpoint=fast", "--no-sync"]
    subprocess.run(command, check=True, capture_output=True)
    for lock in folder.glob(".s.PGSQL.*"):  # The socket lies in the folder of the data, and its lock was copied.
        lock.unlink()
    if os.geteuid() == 0:  # PostgreSQL refuses to be root.
        nobody = pwd.getpwnam("nobody")
        for path in (folder, *folder.rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
    try:
        with LocalPostgres(folder, *options) as standby:
            yield standby
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def replaying_nothing(standby: LocalPostgres) -> Iterator[None]:
    """Inside, the standby stays where it is."""
    with psycopg.connect(standby.url, autocommit=True) as connection:
        connection.execute("SELECT pg_wal_replay_pause()")
        try:
            yield
        finally:
            connection.execute("SELECT pg_wal_replay_resume()")
