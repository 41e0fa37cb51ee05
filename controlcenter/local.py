"""Runs the whole product on this machine: `python -m controlcenter.local`, or `make run`.

With arguments it runs one of Django's commands beside the same database instead: `… local shell`.
Everything it keeps is in `.data/`, and everything it starts ends with it.
"""

import base64
import contextlib
import errno
import io
import multiprocessing
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn
from urllib.parse import urlsplit

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command, execute_from_command_line, get_commands
from gunicorn.app.base import BaseApplication

from controlcenter import serving
from controlcenter.local_postgres import LocalPostgres, PostgresError, die_with_parent

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / ".data"
UNREACHABLE_AFTER = 10  # seconds
BESIDE = ("roll_up_log", "seal_log")
RESTART_EVERY = 5  # seconds; not at once, over and over, what can't start


def main(command: list[str]) -> None:
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Shells have background jobs ignore it.
    try:
        if command:
            with _database():
                execute_from_command_line(["manage.py", *command])
        else:
            _run(os.environ.get("HOST", "127.0.0.1"), os.environ.get("PORT", "8000"))
    except (PostgresError, ImproperlyConfigured, PermissionError) as error:
        sys.exit(f"Control Center does not start. {error}")
    except KeyboardInterrupt:
        sys.exit(130 if command else 0)


def _run(host: str, port: str) -> None:
    _check_address(host, port)
    with _database() as postgres:
        call_command("migrate", verbosity=0)
        if _static_files_are_stale():
            call_command("collectstatic", interactive=False, verbosity=0)
        if "seed_demo" in get_commands():
            call_command("seed_demo")
        app, sealer = _roles(postgres)
        _forget_connections()
        with contextlib.ExitStack() as running:
            beside = {command: running.enter_context(_child(_run_beside, sealer, command)) for command in BESIDE}
            web = running.enter_context(_child(_serve, app, host, port))
            started = time.monotonic()
            while web.is_alive():
                if postgres and not postgres.is_running:
                    print("PostgreSQL has ended: starting it again.", flush=True)
                    postgres.start()
                ended = [command for command, child in beside.items() if not child.is_alive()]
                if ended and time.monotonic() > started + RESTART_EVERY:
                    print(f"{ended[0]} has ended: starting it again.", flush=True)
                    beside[ended[0]] = running.enter_context(_child(_run_beside, sealer, ended[0]))
                    started = time.monotonic()
                web.join(timeout=0.5)
        sys.exit(web.exitcode)


def _roles(postgres: LocalPostgres | None) -> tuple[str, str]:
    """Fences a database of our own, and names the roles of server and sealer; "" for whom DATABASE_URL names."""
    if postgres is None:
        return "", ""
    from auditlog.fence.rights import Part

    call_command("harden_database", stdout=io.StringIO())
    return Part.APP.default_name, Part.SEALER.default_name


def _sign_in_as(role: str) -> None:
    """Lets this process reach the database under a role that may do what it needs, and no more."""
    from django.db import connection

    if role:
        url = urlsplit(os.environ["DATABASE_URL"])
        os.environ["DATABASE_URL"] = url._replace(netloc=f"{role}@{url.netloc.rpartition('@')[2]}").geturl()
        connection.settings_dict["USER"] = role


@contextlib.contextmanager
def _database() -> Iterator[LocalPostgres | None]:
    """Sets Django up on the database that DATABASE_URL names or, without one, on a server of our own."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlcenter.settings")
    os.environ.setdefault("INSECURE_HTTP", "1")
    os.environ.setdefault("EMAIL_URL", "console:")
    DATA.mkdir(mode=0o711, exist_ok=True)
    if not os.environ.get("SECRET_KEY"):
        os.environ["SECRET_KEY"] = _kept_secret(DATA / "secret_key")
    if not (os.environ.get("SEALING_KEY_FILE") or os.environ.get("SEALING_KEYS")):
        os.environ["SEALING_KEYS"] = _kept_secret(DATA / "sealing_key", _new_seed)
    os.environ.setdefault("ANCHOR_DIR", str(DATA / "anchors"))
    if os.environ.get("DATABASE_URL"):
        django.setup()
        _await_database()
        yield None
    else:
        with LocalPostgres(DATA / "postgres", "max_wal_size=2GB") as postgres:
            os.environ["DATABASE_URL"] = postgres.url
            django.setup()
            try:
                yield postgres
            finally:
                _forget_connections()


def _await_database() -> None:
    from django.db import OperationalError, connection

    deadline = time.monotonic() + UNREACHABLE_AFTER
    while True:
        try:
            return connection.ensure_connection()
        except OperationalError as error:
            if time.monotonic() > deadline:
                reason = str(error).strip().splitlines()[0]
                raise PostgresError(f"The database of DATABASE_URL does not answer: {reason}") from error
        time.sleep(0.5)


def _forget_connections() -> None:
    """No connection may be shared with a child, nor keep PostgreSQL from stopping."""
    from django.db import connections

    connections.close_all()


def _check_address(host: str, port: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, int(port)), family=family).close()
    except (ValueError, OverflowError):
        sys.exit(f"PORT is {port!r}: set it to a number up to 65535.")
    except OSError as error:
        reason = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error})"
        sys.exit(f"Port {port} of {host} {reason}: stop what is there, or try PORT=8001 make run")


def _new_secret() -> str:
    return secrets.token_urlsafe(64)


def _new_seed() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _kept_secret(path: Path, make: Callable[[], str] = _new_secret) -> str:
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(make())
    return path.read_text().strip()


def _static_files_are_stale() -> bool:
    """Comparing times takes a millisecond where collecting and compressing takes a second."""
    collected = ROOT / ".static" / "staticfiles.json"
    sources = [ROOT / "requirements.txt", *(ROOT / "static").rglob("*")]
    return not collected.exists() or any(source.stat().st_mtime > collected.stat().st_mtime for source in sources)


def _follow_parent() -> None:
    os.setpgid(0, 0)  # Ctrl-C reaches only our parent, which then ends us in good order.
    die_with_parent(signal.SIGTERM)


def _run_beside(role: str, command: str) -> None:
    """Runs one of Django's commands that work until they are stopped."""
    _follow_parent()
    _sign_in_as(role)
    call_command(command)


def _serve(role: str, host: str, port: str) -> None:
    _follow_parent()
    _sign_in_as(role)
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if os.environ.get("DEBUG") == "1":
        os.execv(sys.executable, [sys.executable, "manage.py", "runserver", address])
    WebServer(address).run()


class WebServer(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn with the application that is already loaded here: its workers start at once."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__()

    def load_config(self) -> None:
        as_anywhere = {name: value for name, value in vars(serving).items() if name in self.cfg.settings}
        settings: dict[str, Any] = {
            **as_anywhere,
            "bind": self.address,
            "preload_app": True,
            "loglevel": "warning",
            "graceful_timeout": 5,
            "when_ready": self.announce,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        from controlcenter.wsgi import application

        return application

    def announce(self, arbiter: Any) -> None:
        print(f"\nControl Center is at http://{self.address}/ (Ctrl-C stops it)", flush=True)


@contextlib.contextmanager
def _child(target: Callable[..., None], *args: str) -> Iterator[multiprocessing.process.BaseProcess]:
    child = multiprocessing.get_context("fork").Process(target=target, args=args)
    child.start()
    try:
        yield child
    finally:
        for interruption in (signal.SIGINT, signal.SIGTERM):
            signal.signal(interruption, signal.SIG_IGN)  # One is enough: the rest is only waiting.
        child.terminate()
        child.join(timeout=10)
        child.kill()
        child.join()


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
