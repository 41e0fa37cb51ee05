"""Django on a PostgreSQL server of a drill's own, and on another one afterwards."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests

from .sealing import KEY


@contextmanager
def folder_for(drill: str) -> Iterator[Path]:
    """Inside, there is a folder that PostgreSQL, which refuses to run as root, can come through."""
    with TemporaryDirectory(prefix=f"controlcenter-{drill}-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


def set_up(url: str, anchors: Path) -> None:
    """Set Django up on an empty database, as this process and those it starts have it."""
    anchors.mkdir(exist_ok=True)
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "controlcenter.settings",
        "DATABASE_URL": url,
        "SECRET_KEY": "only-for-tests-" * 4,
        "INSECURE_HTTP": "1",
        "SEALING_KEYS": KEY,
        "ANCHOR_DIR": str(anchors),
    }
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def free_port() -> int:
    """Return a port of this machine that nobody listens to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def answers(url: str) -> bool:
    """Say whether a server is there, and well."""
    try:
        return requests.get(url, timeout=10).ok
    except (requests.ConnectionError, requests.Timeout):
        return False


@contextmanager
def running(gunicorn: Sequence[str], base: str, log: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Inside, a server of ours answers at an address; what it says is in a file."""
    with log.open("w") as said:
        server = subprocess.Popen(
            [*gunicorn, "--bind", base.removeprefix("http://")],
            cwd=Path(__file__).parent.parent,
            stdout=said,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )
        try:
            while not answers(f"{base}/health/"):
                assert server.poll() is None, log.read_text()
                time.sleep(0.05)
            yield
        finally:
            server.terminate()
            server.wait(20)


def use(url: str) -> None:
    """Go on with another database."""
    import dj_database_url
    from django.db import connection

    from auditlog.subjects import forget

    connection.close()
    found: dict[str, Any] = dict(dj_database_url.parse(url))
    connection.settings_dict.update({name: found[name] for name in ("HOST", "PORT", "NAME", "USER")})
    os.environ["DATABASE_URL"] = url
    forget()
