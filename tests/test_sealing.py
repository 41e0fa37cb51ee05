"""The sealer: gap-free places, blocks that link, whoever is killed, restored or altered meanwhile."""

import base64
import json
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from pytest_django import Settings

from accounts.models import Account
from auditlog.models import Entry
from auditlog.sealing import keys, rows, sealer
from auditlog.sealing.models import Block, Seal, SealerState, SealingKey, Stall
from auditlog.sealing.sealer import Busy, seal
from auditlog.sealing.verify import SOUND, Document
from auditlog.sealing.verifying import verify

from .factories import AccountFactory, UserFactory
from .history import write
from .sealing import KEY, OTHER_KEY

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def key(settings: Settings) -> None:
    settings.SEALING_KEYS = [KEY]


@pytest.fixture
def acme() -> Account:
    account: Account = AccountFactory(slug="acme")
    return account


def tell(account: Account, *sentences: str) -> None:
    write(account, UserFactory(home=account), [(sentence, NOW) for sentence in sentences])


def places(account: Account) -> list[tuple[int, Any]]:
    return list(Seal.objects.filter(account_id=account.pk).order_by("seq").values_list("seq", "entry_id"))


def without_triggers(statement: str, *values: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, values)


def problems(account: Account) -> list[str]:
    return verify(account.pk).problems


def test_each_entry_gets_one_place_without_a_gap(acme: Account) -> None:
    for _ in range(3):
        tell(acme, "one", "two")
        seal()
    ids = set(Entry.objects.for_account(acme.pk).values_list("id", flat=True))
    assert [seq for seq, _ in places(acme)] == list(range(1, len(ids) + 1))
    assert {entry_id for _, entry_id in places(acme)} == ids
    assert problems(acme) == []


def test_accounts_have_places_of_their_own(acme: Account) -> None:
    globex = AccountFactory()
    tell(acme, "one")
    tell(globex, "two")
    seal()
    assert places(acme)[0][0] == places(globex)[0][0] == 1
    assert problems(acme) == problems(globex) == []


def test_a_pass_with_nothing_new_writes_nothing(acme: Account) -> None:
    tell(acme, "one")
    first, second = seal(), seal()
    assert first.entries > 0
    assert (second.entries, second.blocks) == (0, 0)


def test_blocks_end_at_their_size(acme: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealer, "BLOCK_SIZE", 4)
    tell(acme, *"abcdefghij")
    seal()
    spans = Block.objects.filter(account_id=acme.pk).order_by("number").values_list("first_seq", "last_seq")
    assert all(last - first < 4 for first, last in spans)
    assert [first for first, _ in spans][1:] == [last + 1 for _, last in spans][:-1]
    assert problems(acme) == []


def test_chunks_part_no_chain(acme: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealer, "AT_ONCE", 3)
    tell(acme, *"abcdefghij")
    tell(AccountFactory(), *"abcdefghij")
    seal()
    assert [problems(account) for account in Account.objects.all()] == [[]] * Account.objects.count()


def test_heads_link_and_are_signed(acme: Account) -> None:
    for sentence in "ab":
        tell(acme, sentence)
        seal()
    first, second = (head for head, _ in rows.heads(acme.pk))
    assert second.says["previous"] == first.digest
    assert json.loads(first.text) == first.says
    assert all(keys.signature_holds(keys.Signer(base64.b64decode(KEY)).public, *head[::2]) for head in (first, second))


def test_what_is_not_settled_waits(acme: Account) -> None:
    begun, may_end = Barrier(2), Barrier(2)

    def hold_one_open() -> None:
        with transaction.atomic():
            tell(acme, "held")
            begun.wait()
            may_end.wait()
        connection.close()

    seal()
    thread = Thread(target=hold_one_open)
    thread.start()
    begun.wait()
    tell(acme, "later")
    while_open = seal()
    may_end.wait()
    thread.join()
    assert while_open.entries == 0
    assert seal().entries > 0
    sentences = [Entry.objects.get(id=entry_id).event["sentence"] for _, entry_id in places(acme)]
    assert sentences.index("held") < sentences.index("later")


def test_only_one_seals_at_a_time(acme: Account) -> None:
    outcome: list[str] = []

    def try_to_seal() -> None:
        try:
            seal()
        except Busy:
            outcome.append("busy")
        connection.close()

    with sealer._alone():
        thread = Thread(target=try_to_seal)
        thread.start()
        thread.join()
    assert outcome == ["busy"]
    assert seal().entries > 0


def test_an_interrupted_pass_leaves_nothing_behind(acme: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(acme, *"abc")
    monkeypatch.setattr(sealer, "INSERT_BLOCKS", "SELECT 1/0, %s, %s, %s, %s, %s, %s, %s, %s, %s")
    with pytest.raises(DatabaseError):
        seal()
    assert places(acme) == []
    monkeypatch.undo()
    seal()
    assert problems(acme) == []
    assert len(places(acme)) == Entry.objects.for_account(acme.pk).count()


def test_an_entry_that_was_altered_before_stops_its_account_only(acme: Account) -> None:
    globex = AccountFactory()
    seal()
    tell(acme, "good", "bad", "after")
    tell(globex, "other")
    bad = next(entry for entry in Entry.objects.for_account(acme.pk) if entry.event["sentence"] == "bad")
    without_triggers("UPDATE auditlog_entry SET body = body || ' ' WHERE id = %s", bad.id)

    done = seal()

    assert done.stalled == {acme.pk}
    assert Stall.objects.get().entry_id == bad.id
    assert bad.id not in [entry_id for _, entry_id in places(acme)]
    assert len(places(globex)) == Entry.objects.for_account(globex.pk).count()
    tell(acme, "much later")
    assert seal().entries == 0

    without_triggers("UPDATE auditlog_entry SET body = %s WHERE id = %s", bytes(bad.body), bad.id)
    assert seal().stalled == set()
    assert not Stall.objects.exists()
    assert len(places(acme)) == Entry.objects.for_account(acme.pk).count()
    assert problems(acme) == []


def test_in_another_cluster_what_was_restored_is_sealed_and_what_is_new(acme: Account) -> None:
    tell(acme, "sealed")
    seal()
    tell(acme, "not sealed before the dump")
    # As after a restore: entries of transactions that are far ahead of this cluster's counter.
    without_triggers("UPDATE auditlog_entry SET xid = (xid::text::bigint + 1000000)::text::xid8")
    SealerState.objects.update(cluster=1, watermark=2_000_000)
    seal()
    tell(acme, "new")
    seal()
    assert [seq for seq, _ in places(acme)] == list(range(1, Entry.objects.for_account(acme.pk).count() + 1))
    assert problems(acme) == []


def test_when_numbers_of_transactions_come_again_nothing_is_sealed_twice(acme: Account) -> None:
    tell(acme, "one", "two")
    seal()
    SealerState.objects.update(watermark=0)  # All of them look new once more.
    assert seal().entries == 0


COLUMN = {"auditlog_seal": "leaf = leaf", "auditlog_block": "root = root", "auditlog_sealingkey": "time = time"}


def test_places_and_blocks_are_insert_only(acme: Account) -> None:
    tell(acme, "one")
    seal()
    for table in COLUMN:
        for statement in ("DELETE FROM", "UPDATE", "TRUNCATE"):
            change = f"{statement} {table}" + (" SET " + COLUMN[table] if statement == "UPDATE" else "")
            with pytest.raises(DatabaseError, match="insert-only"), connection.cursor() as cursor:
                cursor.execute(change)


# Keys


def test_a_retired_key_still_verifies(acme: Account, settings: Settings) -> None:
    tell(acme, "one")
    seal()
    settings.SEALING_KEYS = [OTHER_KEY, KEY]
    tell(acme, "two")
    seal()
    signed_with = [head.says["key"] for head, _ in rows.heads(acme.pk)]
    assert len(set(signed_with)) == 2
    assert verify(acme.pk).problems == []
    assert Document.of(bytes(SealingKey.objects.get(place=2).document), b"").says["previous"] == signed_with[0]


def test_a_retired_key_signs_no_more(acme: Account, settings: Settings) -> None:
    seal()
    settings.SEALING_KEYS = [OTHER_KEY, KEY]
    seal()
    settings.SEALING_KEYS = [KEY]
    with pytest.raises(ImproperlyConfigured, match="was retired"):
        seal()


@pytest.mark.parametrize("key", ["", "no base64", base64.b64encode(b"short").decode()])
def test_what_is_no_key_is_named(key: str, settings: Settings) -> None:
    settings.SEALING_KEYS = [key] if key else []
    with pytest.raises(ImproperlyConfigured, match=r"no key|not 32 bytes"):
        seal()


# The command


def test_once_seals_and_says_how_much(acme: Account, capsys: pytest.CaptureFixture[str]) -> None:
    tell(acme, "one")
    call_command("seal_log", once=True)
    assert "Sealed" in capsys.readouterr().out
    assert verify(acme.pk).problems == []


def test_a_new_key_is_one(capsys: pytest.CaptureFixture[str], settings: Settings, acme: Account) -> None:
    call_command("seal_log", new_key=True)
    settings.SEALING_KEYS = [capsys.readouterr().out.strip()]
    seal()
    assert SealingKey.objects.count() == 1


def test_without_a_key_the_command_says_what_to_do(settings: Settings) -> None:
    settings.SEALING_KEYS = []
    with pytest.raises(CommandError, match="SEALING_KEY_FILE"):
        call_command("seal_log", once=True)


def test_late_entries_are_a_note_not_a_fault(acme: Account) -> None:
    write(acme, UserFactory(home=acme), [("old", NOW - timedelta(days=9))])
    seal()
    report = verify(acme.pk)
    assert report.problems == []
    assert report.late == 1
    assert report.status != SOUND  # no anchor is at hand
