"""What the log can't take is said on standard error, and counted outside of the database."""

import os
import subprocess
import sys
from collections.abc import Callable
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
    alone(monkeypatch)
    unrecorded.note("what %s", "else")
    assert (tmp_path / "elsewhere").read_text() == "mine"
    assert unrecorded.count() == 1


def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count in this process from nothing, and forget it after the test."""
    monkeypatch.setattr(unrecorded, "_uncounted", 0)
    monkeypatch.setattr(unrecorded, "_uncounted_at", None)


def _a_pipe(folder: Path) -> None:
    folder.mkdir(0o700)
    os.mkfifo(folder / "unrecorded", 0o600)


def _a_folder_for_all(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)


def _a_file_for_all(folder: Path) -> None:
    folder.mkdir(0o700)
    (folder / "unrecorded").touch()
    (folder / "unrecorded").chmod(0o666)


def _a_folder_of_another(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("Only root can make what belongs to somebody else.")
    folder.mkdir(0o700)
    os.chown(folder, 65534, 65534)


@pytest.mark.parametrize("laid_out", [_a_pipe, _a_folder_for_all, _a_file_for_all, _a_folder_of_another])
def test_what_somebody_else_has_laid_out_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    laid_out: Callable[[Path], None],
) -> None:
    laid_out(tmp_path / "there")
    monkeypatch.setattr(settings, "UNRECORDED_FILE", str(tmp_path / "there" / "unrecorded"))
    alone(monkeypatch)
    before = unrecorded.latest()
    for _ in range(3):
        unrecorded.note("what %s", "else")
    file = tmp_path / "there" / "unrecorded"
    assert not file.is_file() or file.stat().st_size == 0
    assert unrecorded.count() == 3
    assert before is None
    assert unrecorded.latest()
    assert [record.getMessage().count("counts alone") for record in caplog.records] == [0, 1, 0, 0]


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
