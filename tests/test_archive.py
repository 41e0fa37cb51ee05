"""A sealed month as a Parquet file: all of it, to the byte, checked against what stays when the month is removed."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Account
from accounts.roles import Role
from auditlog import archiving
from auditlog.archiving import NotSealed, archive, path_of
from auditlog.models import Certificate, Entry
from auditlog.partitions import make_partitions, name_of
from auditlog.retention.months import Month
from auditlog.sealing.keys import current_signer
from auditlog.sealing.sealer import seal
from auditlog.sealing.verify import Document

from .factories import AccountFactory, MemberFactory
from .history import write
from .sealing import KEY

pytestmark = pytest.mark.django_db(transaction=True)

JANUARY = Month(date(2023, 1, 1))
COUNTS = {"acme": 12, "globex": 3}


@pytest.fixture(autouse=True)
def accounts(settings: Settings, tmp_path: Path) -> Iterator[dict[str, Account]]:
    """Two accounts with sealed entries of January 2023, in blocks that hold others, too."""
    settings.SEALING_KEYS, settings.ANCHOR_DIR = [KEY], str(tmp_path)
    make_partitions(JANUARY.begins, JANUARY.begins)
    found: dict[str, Account] = {slug: AccountFactory(slug=slug) for slug in COUNTS}
    for slug, count in COUNTS.items():
        member = MemberFactory(account=found[slug], role=Role.ADMINISTRATOR)
        times = [datetime(2023, 1, 1, 12, tzinfo=UTC) + timedelta(days=number) for number in range(count)]
        write(found[slug], member.user, [(f"Old {slug} “{time:%d}”", time) for time in times])
    seal()
    yield found
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {name_of(JANUARY.begins)}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


def archive_log(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    try:
        call_command("archive_log", "--month", "2023-01", "--to", str(folder), *options)
    except CommandError as error:
        return f"{capsys.readouterr().out}{error}"
    return capsys.readouterr().out


def of_january() -> list[Entry]:
    return list(Entry.objects.filter(id__gte=JANUARY.first_id, id__lt=JANUARY.end_id).order_by("account_id", "id"))


def rewrite(folder: Path, change: Any) -> None:
    """Write the file anew, with another table in it."""
    path = path_of(JANUARY, folder)
    table = pq.read_table(path)
    pq.write_table(pa.Table.from_pylist(change(table.to_pylist()), table.schema), path)


def resealed(row: dict[str, Any], old: bytes, new: bytes) -> dict[str, Any]:
    """Return a row whose body was altered, and its leaf with it."""
    body = row["body"].replace(old, new)
    return {**row, "body": body, "leaf": hashlib.sha256(b"\0" + body).digest()}


def forge(statement: str, *params: Any) -> None:
    """Change what can't be changed."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, params)


def test_it_holds_every_entry_to_the_byte(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "15 entries of 2 accounts are as they were sealed." in archive_log(folder, capsys)
    rows = pq.read_table(path_of(JANUARY, folder)).to_pylist()
    assert [row["body"] for row in rows] == [bytes(entry.body) for entry in of_january()]
    assert all(row["leaf"] == hashlib.sha256(b"\0" + row["body"]).digest() for row in rows)
    assert [row["time"] for row in rows] == [entry.time for entry in of_january()]


def test_it_can_be_checked_when_the_month_is_gone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive_log(folder, capsys)
    call_command("reap_log")
    assert of_january() == []
    assert Certificate.objects.count() == 2
    assert "2 certificates of removal say the same." in archive_log(folder, capsys, "--check")


def test_duckdb_answers_from_it(folder: Path, capsys: pytest.CaptureFixture[str], accounts: dict[str, Account]) -> None:
    archive_log(folder, capsys)
    files = f"read_parquet('{folder}/*/*.parquet', hive_partitioning = true)"
    found: Any = duckdb.sql(
        "SELECT month, account_id, count(*), max(json_extract_string(decode(body), '$.sentence')) "  # noqa: S608
        f"FROM {files} GROUP BY ALL ORDER BY 2"
    )
    assert [(str(row[0]), *row[1:]) for row in found.fetchall()] == [
        ("2023-01", accounts["acme"].pk, 12, "Old acme “12”"),
        ("2023-01", accounts["globex"].pk, 3, "Old globex “03”"),
    ]


CHANGES = {
    "the body is not the one": lambda rows: [{**rows[0], "body": rows[0]["body"] + b" "}, *rows[1:]],
    "the root over its entries": lambda rows: [resealed(rows[0], b"Old", b"New"), *rows[1:]],
    "its column body (it is not of": lambda rows: [resealed(rows[0], b"{", b"["), *rows[1:]],
    "its column time is": lambda rows: [{**rows[0], "time": rows[1]["time"]}, *rows[1:]],
    "its column actor_id is": lambda rows: [{**rows[0], "actor_id": 7}, *rows[1:]],
    "its column operation is": lambda rows: [{**rows[0], "operation": "APPLICATION_DELETE"}, *rows[1:]],
    "its column success is": lambda rows: [{**rows[0], "success": not rows[0]["success"]}, *rows[1:]],
    "its column source_ip is": lambda rows: [{**rows[0], "source_ip": "192.0.2.66"}, *rows[1:]],
    "its column targets is": lambda rows: [{**rows[0], "targets": '[{"id": "other", "type": "app"}]'}, *rows[1:]],
    "11 entries, where 12 were sealed": lambda rows: rows[1:],
    "comes after place": lambda rows: [rows[1], rows[0], *rows[2:]],
    "are not in it": lambda rows: rows[:12],
}


@pytest.mark.parametrize("complaint", CHANGES)
def test_a_file_that_was_altered_is_found(complaint: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive_log(folder, capsys)
    rewrite(folder, CHANGES[complaint])
    said = archive_log(folder, capsys, "--check")
    assert "is not what was sealed" in said
    assert complaint in said


def test_a_file_that_is_not_what_was_certified_is_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive_log(folder, capsys)
    call_command("reap_log")
    for certificate in Certificate.objects.all():
        says = Document.of(bytes(certificate.document), b"").says
        other = current_signer().sign(**{**says, "count": says["count"] + 1})
        forge("UPDATE auditlog_certificate SET document = %s, signature = %s", other.text, other.signature)
    assert "the certificate of what was removed names other entries" in archive_log(folder, capsys, "--check")


@pytest.mark.parametrize("table", ["certificate", "block"])
def test_what_nobody_signed_proves_nothing(table: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive_log(folder, capsys)
    call_command("reap_log")
    forge(f"UPDATE auditlog_{table} SET signature = %s", bytes(64))  # noqa: S608
    assert "its signature is not right" in archive_log(folder, capsys, "--check")


def test_a_root_is_the_one_that_was_signed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive_log(folder, capsys)
    forge("UPDATE auditlog_block SET root = %s", bytes(32))
    assert "the columns beside its head say otherwise" in archive_log(folder, capsys, "--check")


def test_what_is_not_sealed_is_not_archived(
    folder: Path, capsys: pytest.CaptureFixture[str], accounts: dict[str, Account]
) -> None:
    acme = accounts["acme"]
    write(acme, acme.members.get().user, [("Late", datetime(2023, 1, 31, tzinfo=UTC))])
    said = archive_log(folder, capsys)
    assert "2023-01 can't be archived: entry" in said
    assert "is not sealed yet" in said
    assert not path_of(JANUARY, folder).exists()


def test_a_month_that_is_not_over_is_not_archived(folder: Path) -> None:
    with pytest.raises(CommandError, match="it has not been over for a day"):
        call_command("archive_log", "--month", f"{timezone.now():%Y-%m}", "--to", str(folder))


def test_a_month_has_a_day_to_get_its_last_entries(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: datetime(2023, 2, 1, 23, tzinfo=UTC))
    with pytest.raises(NotSealed, match="it has not been over for a day"):
        archive(JANUARY, folder)
    monkeypatch.setattr(timezone, "now", lambda: datetime(2023, 2, 2, 1, tzinfo=UTC))
    assert archive(JANUARY, folder)[1] == 15


def test_nobody_else_may_read_it(folder: Path) -> None:
    path, _ = archive(JANUARY, folder)
    assert [each.stat().st_mode & 0o777 for each in (folder, path.parent, path)] == [0o700, 0o700, 0o600]


def test_nothing_unfinished_stays(folder: Path) -> None:
    def fill_the_disk(_: int) -> None:
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        archive(JANUARY, folder, fill_the_disk)
    assert list(path_of(JANUARY, folder).parent.iterdir()) == []


def test_it_never_writes_over_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive_log(folder, capsys)
    assert "exists: check it with --check" in archive_log(folder, capsys)


def test_it_says_what_it_needs(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    assert "pip install 'pyarrow" in archive_log(folder, capsys)


def test_it_is_written_a_part_at_a_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archiving, "AT_ONCE", 5)
    parts: list[int] = []
    assert archive(JANUARY, folder, parts.append)[1] == 15
    assert parts == [5, 5, 2, 3]
    with pq.ParquetFile(path_of(JANUARY, folder)) as file:
        assert file.num_row_groups == 4
