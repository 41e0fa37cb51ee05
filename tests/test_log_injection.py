"""What people type can't pass for something else: not for a formula in a file, not for a line of the server's log."""

import csv
import io
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Token
from auditlog.events import Event, Target
from auditlog.export_formats import BYTE_ORDER_MARK, COLUMNS, FORMULAS
from auditlog.recorder import record_events
from controlcenter.context import Actor, ActorType, Context, Where
from controlcenter.logs import MARGIN, LineFormatter
from controlcenter.operations import Operation

from .factories import make_people

TYPED = (
    *("actor_id", "actor_name", "actor_email", "token_id", "token_name", "sentence", "app_id", "app_name"),
    *(
        "target_names",
        "forwarded_for",
        "user_agent",
        "request_id",
        "path",
        "failure_code",
        "failure_sentence",
        "reason",
    ),
)
"""The columns that begin with what somebody chose."""


@pytest.mark.django_db
def test_no_column_of_csv_begins_like_a_formula(client: Client) -> None:
    people = make_people()
    texts = [f"{sign}cmd|' /C calc'!A0" for sign in sorted(FORMULAS - {"'"})]
    with transaction.atomic():
        record_events([_event(people.acme.pk, text) for text in texts])
    client.force_login(people.owner)
    answer: Any = client.post(
        "/@acme/teams-and-logs/export/?operation=MODEL_DELETE&range=7d&sort=asc", {"format": "csv"}
    )
    file = b"".join(answer.streaming_content).decode().removeprefix(BYTE_ORDER_MARK)
    rows = list(csv.DictReader(io.StringIO(file, newline="")))
    assert len(rows) == len(texts)
    for text, row in zip(texts, rows, strict=True):
        assert tuple(row) == COLUMNS
        for column, cell in row.items():
            assert cell[:1] not in FORMULAS - {"'"}, (text, column)
        kept = text.strip() if text[0] in "\t\r\n" else text
        assert {column for column in TYPED if kept not in row[column]} <= {"actor_name"}, text


def _event(account_id: int, text: str) -> Event:
    where = Where("192.0.2.1", "192.0.2.1", text, text, text, "POST", text)
    actor = Actor(ActorType.TOKEN, 1, text, text, "", text, token_id=text, token_name=text)
    context = Context(actor, where, reason=text)
    app, target = (1, Target("app", text, text)), Target("model", text, text)
    changes = {text: [None, text]}
    now = timezone.now()
    return Event(Operation.MODEL_DELETE, account_id, now, context, app, [target], changes, text, None, text, text)


# The server's log

LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ +[\w.]+: |\[\d{4}-\d\d-\d\d |  \| ")
FORGED = "2026-01-01 00:00:00,000 INFO    accounts: Olga signed in"


def written(message: str, *args: object, error: Exception | None = None) -> list[str]:
    record = logging.LogRecord(
        "x", logging.ERROR, "x.py", 1, message, args, (type(error), error, None) if error else None
    )
    return LineFormatter("{asctime} {levelname:<7} {name}: {message}", style="{").format(record).split("\n")


@pytest.mark.parametrize(
    "end", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\x1b[1A\x1b[2K\r"]
)
def test_a_line_ends_where_it_ends(end: str) -> None:
    [line] = written("Could not read %s", f"/apps/{end}{FORGED}")
    assert line.splitlines() == [line]
    assert "\x1b" not in line
    assert FORGED in line


def test_a_traceback_can_not_forge_a_line() -> None:
    lines = written("It failed", error=ValueError(f"bad name\n{FORGED}\x1b[2J"))
    assert all(line.startswith(MARGIN) for line in lines[1:])
    assert "\x1b" not in "".join(lines)


def test_rows_that_the_database_quotes_are_left_out() -> None:
    lines = written("It failed", error=ValueError("refused\nDETAIL:  Failing row contains (1, s3cret\nmore).\nHINT: x"))
    assert "s3cret" not in "".join(lines)
    assert "more)" not in "".join(lines)
    assert lines[-1] == f"{MARGIN}HINT: x"


def test_a_real_server_writes_one_line_for_one_event(tmp_path: Path) -> None:
    """Its database can't be reached, so that each request is an error, with its path and traceback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "controlcenter.wsgi", "-b", f"127.0.0.1:{port}"]
    own = {
        "DATABASE_URL": "postgresql://u:dsn-password@127.0.0.1:1/x",
        "ALLOWED_HOSTS": "*",
        "PYTHONWARNINGS": "ignore",
    }
    with (tmp_path / "out").open("wb") as out:
        server = subprocess.Popen(command, env={**os.environ, **own}, stdout=out, stderr=out)
        try:
            for path in (
                f"/v2/users/acme/apps/%0a{FORGED.replace(' ', '%20')}%1b%5b2J",
                "/v2/users/%0d%0aacme/apps/" + "ab12" * 16,
                "/v2/users/%e2%80%a8acme/apps/x",
            ):
                assert b" 503 " in _ask(port, path)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()
    text = (tmp_path / "out").read_bytes().decode()
    lines = text.splitlines()
    assert text.count("Service Unavailable: /v2/users/") == 3
    assert [line for line in lines if not LINE.match(line)] == []
    assert [line for line in lines if line.startswith(FORGED)] == []
    assert "\x1b" not in text
    assert "ab12" * 16 not in text
    assert "dsn-password" not in text


def _ask(port: int, path: str) -> bytes:
    """Send a request line as it is, with headers that try the same, and return the first line of the answer."""
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: localhost",
        "Authorization: Key x",
        "Connection: close",
        f"User-Agent: {FORGED}",
    ]
    for _ in range(1200):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
                connection.sendall("\r\n".join([*lines, "", ""]).encode())
                return connection.makefile("rb").readline()
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise AssertionError("the server does not start")


def test_a_token_is_only_known_by_its_digest() -> None:
    assert {field.name for field in Token._meta.concrete_fields} & {"secret", "token", "key"} == set()
