"""What the log can't take is said on standard error, and counted outside of the database."""

import os
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from auditlog import unrecorded
from auditlog.sealing.health import alarms
from controlcenter.context import attempting
from controlcenter.operations import Operation

from .factories import AccountFactory
from .history import log_that_refuses

pytestmark = pytest.mark.django_db


def refuse_one() -> None:
    account = AccountFactory()
    with log_that_refuses(), attempting(Operation.APPLICATION_CREATE, account_id=account.pk) as attempt:
        attempt.refuse("invalid", "No.")


def test_a_failure_that_can_t_be_recorded_is_counted(client: Client) -> None:
    refuse_one()
    answer = client.get("/health/log/")
    assert answer.status_code == 503
    assert answer.json()["unrecorded"] == 1
    assert "APPLICATION_CREATE" in Path(settings.UNRECORDED_FILE).read_text()


def test_it_is_an_alarm_for_a_while() -> None:
    refuse_one()
    assert any("1 times" in alarm.sentence for alarm in alarms(timezone.now()))
    os.utime(settings.UNRECORDED_FILE, (0, 0))
    assert unrecorded.latest() is None
    assert unrecorded.count() == 1


def test_it_is_counted_when_the_database_is_away(client: Client) -> None:
    refuse_one()
    connection.set_rollback(True)  # Nothing can be asked of it any more.
    assert client.get("/health/log/").json() == {"status": "failing", "failing": ["database"], "unrecorded": 1}


def _note_many(file: str) -> None:
    settings.UNRECORDED_FILE = file
    for number in range(200):
        unrecorded.note("one of many %s", number)


def test_processes_count_together(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = str(tmp_path / "there" / "unrecorded")
    workers = [get_context("fork").Process(target=_note_many, args=[file]) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(Path(file).read_text().splitlines()) == 800


def test_a_line_stays_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(settings, "UNRECORDED_FILE", str(tmp_path / "unrecorded"))
    unrecorded.note("what %s", "a\nforged line\r\x1b[2J")
    assert unrecorded.count() == 1


def test_a_file_that_can_t_be_written_is_not_the_end_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    monkeypatch.setattr(settings, "UNRECORDED_FILE", str(tmp_path / "link"))
    monkeypatch.setattr(unrecorded, "_uncounted", 0)
    unrecorded.note("what %s", "else")
    assert (tmp_path / "elsewhere").read_text() == "mine"
    assert unrecorded.count() == 1


def test_it_goes_to_standard_error(tmp_path: Path) -> None:
    program = "import django; django.setup(); from auditlog import unrecorded; unrecorded.note('not %s', 'recorded')"
    outcome = subprocess.run(
        [sys.executable, "-c", program],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        env={
            "DJANGO_SETTINGS_MODULE": "controlcenter.settings",
            "SECRET_KEY": "x" * 60,
            "DATABASE_URL": "postgresql:///nowhere",
            "UNRECORDED_FILE": str(tmp_path / "unrecorded"),
        },
        check=True,
    )
    assert "CRITICAL auditlog.unrecorded: not recorded" in outcome.stderr
