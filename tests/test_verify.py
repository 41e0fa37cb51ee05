"""The verifier: against published vectors, against another implementation, and where the log lies."""

import hashlib
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from pytest_django import Settings

from accounts.models import Account
from auditlog.sealing import rows, sealer
from auditlog.sealing.merkle import inclusion_proof
from auditlog.sealing.models import Seal, Verification
from auditlog.sealing.sealer import seal
from auditlog.sealing.verify import (
    ALTERED,
    INCOMPLETE,
    SOUND,
    WRONG_CALL,
    Tree,
    leaf_hash,
    root_by_path,
    root_of,
    signature_holds,
)
from auditlog.sealing.verifying import span_between, verify

from .sealing import KEY, anchor, anchors_program, exported, fill, make_account, verify_offline

# RFC 6962 has no vectors; these are of the reference implementation (certificate-transparency, merkletree tests).
DATA = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [leaf_hash(bytes.fromhex(data)) for data in DATA]
# RFC 8032, section 7.1: public key, message, signature
ED25519 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_reference(size: int) -> None:
    assert root_of(LEAVES[:size]).hex() == ROOTS[size - 1]


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert root_of([]) == hashlib.sha256(b"").digest()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 64, 100])
def test_an_inclusion_proof_leads_to_the_root_and_no_other_does(size: int) -> None:
    leaves = [leaf_hash(str(number).encode()) for number in range(size)]
    root = root_of(leaves)
    for index, leaf in enumerate(leaves):
        path = inclusion_proof(index, leaves)
        assert root_by_path(leaf, index, size, path) == root
        assert root_by_path(leaf_hash(b"other"), index, size, path) != root
        with pytest.raises(ValueError, match="too long"):
            root_by_path(leaf, index, size, [*path, leaf])
        if path:
            with pytest.raises(ValueError, match="too short"):
                root_by_path(leaf, index, size, path[:-1])


@pytest.mark.parametrize("size", range(20))
def test_a_tree_that_grows_has_the_root_of_its_leaves(size: int) -> None:
    tree, leaves = Tree(), [leaf_hash(bytes([number])) for number in range(size)]
    for leaf in leaves:
        tree.add(leaf)
    assert tree.root == root_of(leaves)


@pytest.mark.parametrize(("public", "message", "signature"), ED25519)
def test_signatures_are_those_of_the_rfc(public: str, message: str, signature: str) -> None:
    key, said, signed = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)
    assert signature_holds(key, said, signed)
    assert not signature_holds(key, said + b"x", signed)


def test_it_agrees_with_another_implementation() -> None:
    random = Random(8032)  # noqa: S311
    for _ in range(20):
        key, message = Ed25519PrivateKey.generate(), random.randbytes(50)
        public, signature = key.public_key().public_bytes_raw(), bytearray(key.sign(message))
        assert signature_holds(public, message, bytes(signature))
        signature[random.randrange(64)] ^= 1 << random.randrange(8)
        assert not signature_holds(public, message, bytes(signature))


def test_a_signature_with_a_scalar_beyond_the_order_is_refused() -> None:
    public, message, signature = (bytes.fromhex(part) for part in ED25519[0])
    order = 2**252 + 27742317777372353535851937790883648493
    scalar = int.from_bytes(signature[32:], "little") + order
    assert not signature_holds(public, message, signature[:32] + scalar.to_bytes(32, "little"))


# Where the log lies


@pytest.fixture
def acme(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    anchors = tmp_path / "anchors"
    anchors.mkdir()
    settings.SEALING_KEYS, settings.ANCHOR_DIR = [KEY], str(anchors)
    monkeypatch.setattr(sealer, "BLOCK_SIZE", 50)
    account: Account = make_account("acme")
    fill(account, 500)
    seal()
    anchor(anchors)
    return account


def verify_log(**options: Any) -> int:
    with pytest.raises(SystemExit) as ended:
        call_command("verify_log", **options)
    return int(str(ended.value.code))


def tamper(statement: str, *values: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, values)


db = pytest.mark.django_db(transaction=True)


@db
def test_the_command_finds_a_sound_log_sound(acme: Account, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_log() == SOUND
    assert "The log is sound." in capsys.readouterr().out
    kept = Verification.objects.get(account_id=acme.pk)
    assert (kept.status, kept.last_seq) == (SOUND, Seal.objects.filter(account_id=acme.pk).count())


@db
def test_the_command_names_the_first_bad_entry(acme: Account, capsys: pytest.CaptureFixture[str]) -> None:
    seal_ = Seal.objects.get(account_id=acme.pk, seq=321)
    tamper("UPDATE auditlog_entry SET success = NOT success WHERE id = %s", seal_.entry_id)
    assert verify_log(account="acme") == ALTERED
    assert f"entry 321 ({seal_.entry_id}): its column success is not what its body says" in capsys.readouterr().out
    assert Verification.objects.get(account_id=acme.pk).status == ALTERED


@db
def test_what_can_not_be_proven_is_incomplete(acme: Account, settings: Settings) -> None:
    settings.ANCHOR_DIR = ""
    assert verify_log(account="acme") == INCOMPLETE


@db
def test_a_person_renamed_in_the_database_is_found(acme: Account, capsys: pytest.CaptureFixture[str]) -> None:
    tamper("UPDATE auditlog_subject SET last_name = 'Else' WHERE slug <> ''")
    assert verify_log() == ALTERED
    assert "the name is not the one entries were made with" in capsys.readouterr().out


@db
def test_a_person_who_was_erased_is_none(acme: Account) -> None:
    tamper("UPDATE auditlog_subject SET user_id = NULL, slug = '', first_name = '', last_name = '', email = ''")
    assert verify_log() == SOUND
    with exported(acme) as bundle:
        verdict = verify_offline(bundle)
    assert "namings of persons were erased" in verdict.text
    assert verdict.status == INCOMPLETE


@db
def test_a_range_looks_at_its_blocks_only(acme: Account) -> None:
    victim = Seal.objects.get(account_id=acme.pk, seq=321)
    tamper("UPDATE auditlog_entry SET success = NOT success WHERE id = %s", victim.entry_id)
    before, around = span_between(acme.pk, 1, 200), span_between(acme.pk, 310, 330)
    assert before
    assert around
    assert verify(acme.pk, before).problems == []
    assert verify(acme.pk, before).entries == before.last_seq
    assert len(verify(acme.pk, around).problems) == 1


@db
def test_a_range_of_days_is_asked_for_by_date(acme: Account, capsys: pytest.CaptureFixture[str]) -> None:
    day = rows.tip(acme.pk)
    assert day
    assert verify_log(account="acme", first=f"{day.time:%Y-%m-%d}", last=f"{day.time:%Y-%m-%d}") == SOUND
    with pytest.raises(CommandError, match="give a day"):
        call_command("verify_log", account="acme", first="yesterday")
    with pytest.raises(CommandError, match="is sealed"):
        call_command("verify_log", account="acme", first="2099-01-01")


@db
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"account": "nope"}, "no account 'nope'"),
        ({"first": "2026-13-01"}, "give a day"),
        ({"first": "2026-02-01", "last": "2026-01-01"}, "exchange them"),
        ({"first": "2099-01-01"}, "is sealed"),
        ({"anchors": Path("/nope")}, "no folder /nope"),
    ],
)
def test_a_wrong_call_is_not_taken_for_an_altered_log(acme: Account, options: dict[str, Any], said: str) -> None:
    with pytest.raises(CommandError, match=said) as refused:
        call_command("verify_log", **options)
    assert refused.value.returncode == WRONG_CALL


@db
def test_what_is_not_there_is_said_to_be_missing(acme: Account, tmp_path: Path) -> None:
    with exported(acme) as bundle:
        anchors = verify_offline(bundle, tmp_path / "nope")
        assert "verify.py that you have already" in (bundle / "README.txt").read_text()
    assert (anchors.status, anchors.text) == (
        WRONG_CALL,
        f"There is no folder {tmp_path / 'nope'}: name the one that holds the anchors.\n",
    )
    missing = verify_offline(tmp_path / "nope.zip")
    assert (missing.status, missing.text) == (
        WRONG_CALL,
        f"There is no bundle {tmp_path / 'nope.zip'}: name the folder or zip file of an export.\n",
    )


@db
def test_time_that_has_run_out_is_told(acme: Account) -> None:
    report = verify(acme.pk, seconds=1e-9)
    assert report.problems == []
    assert any("no more time" in note for note in report.notes)


@db
def test_a_bundle_verifies_as_a_folder_and_as_a_zip_file(acme: Account, tmp_path: Path, settings: Settings) -> None:
    for name in ("bundle", "bundle.zip"):
        call_command("export_bundle", account="acme", out=tmp_path / name)
        verdict = verify_offline(tmp_path / name, Path(settings.ANCHOR_DIR))
        assert verdict.status == SOUND, verdict.text
        assert "5" in verdict.text
        with pytest.raises(CommandError, match="exists"):
            call_command("export_bundle", account="acme", out=tmp_path / name)


@db
def test_a_bundle_of_some_days_is_a_part(acme: Account, tmp_path: Path, settings: Settings) -> None:
    today = rows.tip(acme.pk)
    assert today
    call_command("export_bundle", account="acme", out=tmp_path / "part", first=f"{today.time:%Y-%m-%d}")
    anchors = Path(settings.ANCHOR_DIR)
    assert verify_offline(tmp_path / "part", anchors).status == INCOMPLETE
    assert verify_offline(tmp_path / "part", anchors, "--part").status == SOUND


@db
def test_an_anchor_that_was_changed_is_not_believed(acme: Account, settings: Settings) -> None:
    [path] = Path(settings.ANCHOR_DIR).glob("*.json")
    path.write_text(path.read_text().replace('"signature": "', '"signature": "00'))
    with exported(acme) as bundle:
        assert "its signature is not right" in verify_offline(bundle, path.parent).text


@db
def test_something_else_is_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK")
    assert verify_offline(tmp_path / "x.zip").status == INCOMPLETE


def test_the_offline_verifier_needs_nothing_but_python() -> None:
    text = anchors_program().read_text()
    assert "auditlog" not in [line.split()[1] for line in text.splitlines() if line.startswith(("import ", "from "))]
    assert "django" not in text
