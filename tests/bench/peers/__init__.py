"""The same changes with what others use to record them: each in an environment and a database of its own.

The environments are kept in ``.data/bench-peers``; making them takes a minute or two, once. What can't be installed, as
without a network, is named in its row and left out. ``BENCH_PEERS=0`` leaves all of them out.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = HERE.parents[2] / ".data" / "bench-peers"
BARE = "a bare extra INSERT"
PEERS = {
    path.stem: path for path in sorted((HERE / "requirements").glob("*.txt"))
}  # by the name of the package; each with its pinned requirements
NOT_RECORDED = {("django-reversion", "delete")}
"""What a peer does not record."""
LONGEST = 300  # seconds

Times = dict[str, dict[str, list[float]]]
"""Milliseconds of each change, by how it was made (``unrecorded``, ``recorded``) and what it was."""


class NotMeasured(Exception):  # noqa: N818
    """A peer has no figures here; the message says why."""


def are_wanted() -> bool:
    """Say whether peers are to be measured."""
    return os.environ.get("BENCH_PEERS", "1") != "0"


def measure_peer(name: str, url: str) -> Times:
    """Return what changes take with a peer, and without it in the same process.

    Raises:
        NotMeasured: when it is not there and can't be installed, does not run or end, or did not record.
    """
    python = Path(sys.executable) if name == BARE else _environment(name)
    database = "peer_" + hashlib.sha256(name.encode()).hexdigest()[:8]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {database}")
        connection.execute(f"CREATE DATABASE {database}")
    given = {"PEER": name, "PEER_DATABASE": urlsplit(url)._replace(path=f"/{database}").geturl()}
    try:
        done = subprocess.run(
            [python, HERE / "work.py"], env=_environ() | given, capture_output=True, text=True, timeout=LONGEST
        )
    except subprocess.TimeoutExpired as error:
        raise NotMeasured(f"does not end within {LONGEST} s") from error
    if done.returncode:
        raise NotMeasured(f"does not run: {_last_line(done.stderr)}")
    found: Times = json.loads(done.stdout)
    [entries] = found.pop("entries")["all"]
    changes = sum(len(taken) for work, taken in found["recorded"].items() if (name, work) not in NOT_RECORDED)
    if entries < changes:
        raise NotMeasured(f"recorded {entries:.0f} of {changes} changes: what they took says nothing")
    return found


def _environment(name: str) -> Path:
    """Return the Python of a peer's environment, made when it is not there yet."""
    requirements = PEERS[name]
    folder = ENVIRONMENTS / f"{name}-{hashlib.sha256(requirements.read_bytes()).hexdigest()[:8]}"
    if not folder.exists():
        new = folder.with_suffix(".new")  # one that was interrupted is not taken for one that is there
        shutil.rmtree(new, ignore_errors=True)
        _run([sys.executable, "-m", "venv", new])
        pip = [new / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--require-hashes", "-r", requirements])
        new.rename(folder)
    return folder / "bin" / "python"


def _run(command: list[Any]) -> None:
    try:
        subprocess.run(command, env=_environ(), capture_output=True, text=True, check=True, timeout=LONGEST)
    except subprocess.CalledProcessError as error:
        raise NotMeasured(f"can't be installed: {_last_line(error.stderr)}") from error
    except subprocess.TimeoutExpired as error:
        raise NotMeasured("can't be installed in time") from error


def _environ() -> dict[str, str]:
    """Return our environment without what makes Django ours."""
    ours = ("DJANGO_SETTINGS_MODULE", "DATABASE_URL", "PYTHONPATH")
    return {name: value for name, value in os.environ.items() if name not in ours}


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it says nothing"])[-1][:120]
