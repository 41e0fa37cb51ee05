"""Retention: whole months go when nobody's plan keeps them, with a certificate, and what is left still verifies."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Account, Member, Plan
from accounts.roles import Role
from auditlog.hours import roll_up
from auditlog.models import Certificate, Entry
from auditlog.partitions import make_partitions, name_of
from auditlog.retention import reaper
from auditlog.retention.months import Month, months
from auditlog.sealing.badge import integrity_of
from auditlog.sealing.chores import verify_further
from auditlog.sealing.sealer import seal
from auditlog.sealing.verify import SOUND, Document
from auditlog.sealing.verifying import verify
from controlcenter.operations import Operation

from .factories import AccountFactory, MemberFactory, PlanFactory
from .history import text_of, the_entry, write
from .reaping import rehearse
from .sealing import KEY, anchor, exported, verify_offline

pytestmark = pytest.mark.django_db(transaction=True)

JANUARY, FEBRUARY = date(2023, 1, 1), date(2023, 2, 1)


@pytest.fixture(autouse=True)
def key(settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.SEALING_KEYS, settings.ANCHOR_DIR = [KEY], str(tmp_path)
    yield
    for month in (JANUARY, FEBRUARY):  # Tests after this one find the months they know.
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {name_of(month)}")


@pytest.fixture
def acme() -> Account:
    """An account with three entries of January and two of February 2023, and some of now; all of them sealed."""
    make_partitions(JANUARY, FEBRUARY)
    account: Account = AccountFactory(slug="acme")
    write_old(account, JANUARY, 3)
    write_old(account, FEBRUARY, 2)
    seal()
    return account


def write_old(account: Account, month: date, count: int) -> None:
    """Write entries of the first days of a month."""
    who = Member.objects.filter(account=account).first() or MemberFactory(account=account, role=Role.ADMINISTRATOR)
    at = [datetime(month.year, month.month, day + 1, 12, tzinfo=UTC) for day in range(count)]
    write(account, who.user, [(f"Old {time}", time) for time in at])


def old(month: date = JANUARY) -> int:
    return Entry.objects.filter(id__gte=Month(month).first_id, id__lt=Month(month).end_id).count()


def reap_log(capsys: pytest.CaptureFixture[str], **options: Any) -> str:
    try:
        call_command("reap_log", **options)
    except CommandError as error:
        return f"{capsys.readouterr().out}{error}"
    return capsys.readouterr().out


def of_both(text: str) -> list[str]:
    """Return what was said of the two months: other tests may have left older ones, which are empty."""
    return [line for line in text.splitlines() if line.startswith("2023-0")]


def test_it_removes_what_no_plan_keeps_and_the_rest_verifies(
    acme: Account, capsys: pytest.CaptureFixture[str], settings: Settings
) -> None:
    anchors = Path(settings.ANCHOR_DIR)
    anchor(anchors)
    before = Entry.objects.for_account(acme.pk).count()

    said = of_both(reap_log(capsys))

    assert said == ["2023-01 is removed: 3 entries of 1 account.", "2023-02 is removed: 2 entries of 1 account."]
    assert not {name_of(JANUARY), name_of(FEBRUARY)} & {month.table for month in months()}
    assert Entry.objects.for_account(acme.pk).count() == before - 5 + 2
    seal()
    anchor(anchors)
    report = verify(acme.pk, anchors=anchors)
    assert (report.problems, report.missing, report.removed) == ([], [], 5)
    with exported(acme) as bundle:
        verdict = verify_offline(bundle, anchors)
        assert len((bundle / "certificates.ndjson").read_text().splitlines()) == 2
    assert verdict.status == SOUND, verdict.text
    assert "5 entries were removed by retention, as certificates say" in verdict.text


def test_the_log_tells_of_it(acme: Account, capsys: pytest.CaptureFixture[str]) -> None:
    reap_log(capsys)
    [first, _] = Entry.objects.for_account(acme.pk).with_operation(Operation.LOG_EXPIRE).order_by("id")
    certificate = Certificate.objects.filter(account_id=acme.pk).order_by("first_seq")[0]
    says = json.loads(bytes(certificate.document))
    assert first.event["actor"]["type"] == "system"
    assert first.event["sentence"] == "Remove 3 entries of January 2023: the plan keeps them for 730 days"
    assert first.event["changes"]["digest"][1] == Document.of(bytes(certificate.document), b"").digest
    assert (says["count"], says["days"], says["account"]) == (3, 730, acme.pk)


def test_the_counts_that_are_kept_stay_right(acme: Account, capsys: pytest.CaptureFixture[str]) -> None:
    while roll_up():
        pass
    sealed = integrity_of(acme.pk).sealed
    reap_log(capsys)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(done_0 + done_1 + done_2 + done_3) FROM auditlog_hour WHERE dimension = 0 AND account_id = %s",
            [acme.pk],
        )
        counted = cursor.fetchone()[0]
    entries = Entry.objects.for_account(acme.pk).succeeded()
    expired = entries.with_operation(Operation.LOG_EXPIRE).count()
    assert counted == entries.count() - expired  # which the next roll-up counts
    assert integrity_of(acme.pk).sealed == sealed - 5


def test_the_hourly_verification_goes_on(acme: Account, capsys: pytest.CaptureFixture[str]) -> None:
    verify_further(acme.pk)
    reap_log(capsys)
    seal()
    for _ in range(2):
        report = verify_further(acme.pk)
        assert report
        assert report.problems == []


def test_a_longer_plan_of_anybody_in_the_month_keeps_it(acme: Account, capsys: pytest.CaptureFixture[str]) -> None:
    other = AccountFactory(slug="other", plan=PlanFactory(retention_days=18_250))
    write_old(other, FEBRUARY, 1)
    seal()
    assert of_both(reap_log(capsys)) == ["2023-01 is removed: 3 entries of 1 account."]
    assert old(FEBRUARY) == 3


def test_a_deleted_account_keeps_as_long_as_the_longest_plan(acme: Account, capsys: pytest.CaptureFixture[str]) -> None:
    PlanFactory(retention_days=18_250)
    acme.dissolve()
    assert of_both(reap_log(capsys)) == []
    Plan.objects.filter(retention_days=18_250).delete()
    seal()
    assert len(of_both(reap_log(capsys))) == 2


def test_a_legal_hold_keeps_everything_of_the_month(acme: Account, capsys: pytest.CaptureFixture[str]) -> None:
    other = AccountFactory(slug="other")
    write_old(other, JANUARY, 1)
    seal()
    acme.put_on_hold("Case 17", MemberFactory(account=acme).user)
    assert "2023-01 stays: acme is on legal hold." in reap_log(capsys)
    assert (old(), old(FEBRUARY)) == (4, 2)
    acme.release()
    assert "2023-01 is removed: 4 entries of 2 accounts." in reap_log(capsys)


def test_what_is_not_sealed_stays(acme: Account, capsys: pytest.CaptureFixture[str]) -> None:
    write_old(acme, JANUARY, 1)
    said = reap_log(capsys)
    assert "2023-01 stays: 1 entries of acme are not sealed, or are not what was sealed." in said
    assert "1 of 2 months could not be removed" in said
    assert old() == 4
    assert Certificate.objects.count() == 1
    assert the_entry(acme, Operation.LOG_EXPIRE)


def test_what_was_altered_stays_as_evidence(acme: Account, capsys: pytest.CaptureFixture[str]) -> None:
    tamper(f"UPDATE {name_of(JANUARY)} SET body = body || ' '")  # noqa: S608
    assert "2023-01 stays: 3 entries of acme are not sealed, or are not what was sealed." in reap_log(capsys)


def test_without_a_key_nothing_is_removed(
    acme: Account, capsys: pytest.CaptureFixture[str], settings: Settings
) -> None:
    settings.SEALING_KEYS = []
    said = reap_log(capsys)
    assert "no certificate can be signed" in said
    assert "SEALING_KEY_FILE" in said
    assert old() == 3


def test_a_dry_run_only_looks(acme: Account, capsys: pytest.CaptureFixture[str]) -> None:
    entries = Entry.objects.count()
    said = of_both(reap_log(capsys, dry_run=True))
    assert said == [
        "2023-01 would be removed: 3 entries of 1 account.",
        "2023-02 would be removed: 2 entries of 1 account.",
    ]
    assert (Entry.objects.count(), Certificate.objects.count()) == (entries, 0)


@pytest.mark.parametrize(
    ("month", "complaint"),
    [
        (JANUARY, "no certificate says what is removed of acme"),
        (date(2023, 1, 2), "2023-01-02 is no month of the log"),
        (date(1999, 1, 1), "1999-01-01 is no month of the log"),
        (timezone.now().date().replace(day=1), "keeps entries for 730 days"),
    ],
)
def test_the_database_itself_refuses(acme: Account, month: date, complaint: str) -> None:
    with pytest.raises(DatabaseError, match=complaint), connection.cursor() as cursor:
        cursor.execute("SELECT auditlog_drop_month(%s, false)", [month])


def test_the_database_refuses_a_month_on_hold_whatever_the_reaper_thinks(acme: Account) -> None:
    acme.put_on_hold("Case 17", MemberFactory(account=acme).user)
    with pytest.raises(DatabaseError, match="acme is on legal hold"), connection.cursor() as cursor:
        cursor.execute("SELECT auditlog_drop_month(%s, true)", [JANUARY])


def test_certificates_are_insert_only(acme: Account, capsys: pytest.CaptureFixture[str]) -> None:
    reap_log(capsys)
    for statement in ("UPDATE auditlog_certificate SET entries = 0", "DELETE FROM auditlog_certificate"):
        with pytest.raises(DatabaseError, match="insert-only"), connection.cursor() as cursor:
            cursor.execute(statement)


def test_who_reads_is_waited_for_and_waits_for_nobody(
    acme: Account, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaper, "PAUSE", 0.05)
    reading, enough = Event(), Event()

    def read() -> None:
        with transaction.atomic():
            old()
            reading.set()
            enough.wait(60)
        connection.close()

    reader = Thread(target=read)
    reader.start()
    reading.wait(60)
    monkeypatch.setattr(reaper, "TRIES", 2)
    certified, certify = list[Month](), reaper._certify
    monkeypatch.setattr(reaper, "_certify", lambda month, signer: certified.append(month))
    assert "2023-01 stays: somebody reads it all the time." in reap_log(capsys)
    assert (old(), Certificate.objects.count()) == (3, 0)
    assert certified == []  # Not a leaf was read in vain.
    monkeypatch.setattr(reaper, "_certify", certify)
    enough.set()
    reader.join()
    assert "2023-01 is removed" in reap_log(capsys)


def test_entries_of_a_month_that_come_later_go_with_a_certificate_of_their_own(
    acme: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    reap_log(capsys)
    make_partitions(JANUARY, JANUARY)
    write_old(acme, JANUARY, 2)
    seal()
    assert "2023-01 is removed: 2 entries of 1 account." in reap_log(capsys)
    seal()
    report = verify(acme.pk)
    assert (report.problems, report.removed) == ([], 7)


def test_the_entry_that_told_of_a_removal_may_be_removed_itself(
    acme: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    Plan.objects.update(retention_days=30)
    last_year = timezone.now() - timedelta(days=300)
    make_partitions(last_year.date(), last_year.date())
    with time_machine.travel(last_year):
        assert len(of_both(reap_log(capsys))) == 2
    seal()
    assert f"{last_year:%Y-%m} is removed: 2 entries of 1 account." in reap_log(capsys)
    seal()
    report = verify(acme.pk)
    assert (report.problems, report.removed) == ([], 7)


def tamper(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement)


PAGE = "/@acme/teams-and-logs/integrity/"


def test_the_page_tells_what_was_removed_and_what_comes_next(
    acme: Account, capsys: pytest.CaptureFixture[str], client: Client
) -> None:
    client.force_login(Member.objects.get(account=acme).user)
    before = text_of(client.get(PAGE))
    assert "Nothing was removed yet" in before
    assert "Next purge With the next daily run" in before
    assert client.get(f"{PAGE}certificates.json").status_code == 404

    reap_log(capsys)

    after = text_of(client.get(PAGE))
    assert "Last purge 5 entries on " in after
    assert "Next purge By " in after
    assert "January 2023 3 " in after
    assert "February 2023 2 " in after
    certificates = json.loads(client.get(f"{PAGE}certificates.json").content)
    assert [json.loads(each["text"])["count"] for each in certificates] == [3, 2]


def test_the_page_tells_of_a_legal_hold(acme: Account, client: Client) -> None:
    owner = Member.objects.get(account=acme).user
    acme.put_on_hold("Case 17", owner)
    client.force_login(owner)
    shown = text_of(client.get(PAGE))
    assert "Next purge Not while on legal hold" in shown
    assert f"by {owner} : Case 17" in shown or f"by {owner}: Case 17" in shown


def test_it_goes_on_while_others_read_and_write(tmp_path: Path) -> None:
    """How long they wait is measured in the long run: `python -m tests.reaping`."""
    figures = rehearse(500, tmp_path, lambda: call_command("reap_log"))
    assert (figures["removed"], figures["wrong"]) == (500, [])
