"""A superuser tampers with the log in every way we know: does the offline verifier catch each, at the right place?

    python -m tests.tampering --entries 1000000

Makes a server of its own, and prints its figures. What is untouched must be sound, however much of it there is.
"""

# ruff: noqa: S608  (to tamper is to make up statements)

import argparse
import json
import os
import re
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from .purges import PURGES
from .sealing import KEY, OTHER_KEY, Verdict, anchor, exported, fill, make_account, verify_offline

ENTRIES = 2_000
BLOCK = 100
PLACE = 777
"""The entry that is tampered with; it is in the eighth block."""


class World(NamedTuple):
    """A sealed log: half of it was anchored, and then all of it."""

    account: Any
    other: Any
    anchors: Path
    last: int
    half: int


def make_world(anchors: Path, entries: int = ENTRIES) -> World:
    """Fill and seal two accounts, in blocks of ``BLOCK``, and anchor them twice."""
    from django.test.utils import override_settings

    from auditlog.sealing import rows, sealer

    account, other = make_account("acme"), make_account("globex")
    with override_settings(SEALING_KEYS=[KEY]):
        before, sealer.BLOCK_SIZE = sealer.BLOCK_SIZE, BLOCK
        try:
            fill(other, entries // 5)
            fill(account, entries // 2)
            sealer.seal()
            anchor(anchors)
            half = rows.tip(account.pk)
            fill(account, entries // 2, seed=2)
            sealer.seal()
        finally:
            sealer.BLOCK_SIZE = before
        anchor(anchors)
    last = rows.tip(account.pk)
    assert half
    assert last
    return World(account, other, anchors, last.last_seq, half.number)


# The drills: what the superuser says, and what the verifier has to say first

ENTRY = "(account_id, id) = (SELECT account_id, entry_id FROM auditlog_seal WHERE account_id = {a} AND seq = {n})"
AT = r"entry {n} \(.*\): "
BLOCK_8 = r"block 8 \(entries 701 to 800\): its entries are not those that were signed"
BODY = "body = convert_to(replace(convert_from(body, 'UTF8'), '\"v\":2', '\"v\":3'), 'UTF8')"
RELEAF = "leaf = sha256('\\x00'::bytea || body)"
COPY = """
INSERT INTO auditlog_entry (account_id, id, app_id, actor_id, actor_kind, token, operation, success, source_ip,
    request_id, targets, subject_id, body, leaf)
SELECT account_id, overlay(id::text placing 'ffff' from 33)::uuid, app_id, actor_id, actor_kind, token, operation,
    success, source_ip, request_id, targets, subject_id, changed.body, sha256('\\x00'::bytea || changed.body)
FROM auditlog_entry, LATERAL (SELECT convert_to(
    replace(convert_from(body, 'UTF8'), id::text, overlay(id::text placing 'ffff' from 33)), 'UTF8')) AS changed (body)
WHERE """
SWAP = """
UPDATE auditlog_seal SET seq = -{n} WHERE account_id = {a} AND seq = {n};
UPDATE auditlog_seal SET seq = {n} WHERE account_id = {a} AND seq = {n} + 10;
UPDATE auditlog_seal SET seq = {n} + 10 WHERE account_id = {a} AND seq = -{n}
"""
CUT = """
DELETE FROM auditlog_entry WHERE (account_id, id) IN
    (SELECT account_id, entry_id FROM auditlog_seal WHERE account_id = {a} AND seq > {to});
DELETE FROM auditlog_seal WHERE account_id = {a} AND seq > {to};
DELETE FROM auditlog_block WHERE account_id = {a} AND last_seq > {to}
"""


def here(assignment: str) -> str:
    """Return the statement that changes the entry."""
    return f"UPDATE auditlog_entry SET {assignment} WHERE {ENTRY}"


def column(name: str) -> str:
    """Return what is said of a column that was changed."""
    return AT + f"its column {name} is not what its body says"


def gone(seq: str) -> str:
    """Return what is said of an entry that was deleted."""
    return rf"entry {seq} \(.*\): it was deleted, and no certificate says so"


# fmt: off
IN_SQL: dict[str, tuple[str, str]] = {
    "edit a body": (here(BODY), AT + "its body is not what was sealed"),
    "edit a body and its leaf": (here(BODY) + ";" + here(RELEAF), AT + "its body is not what was sealed"),
    "edit a body, its leaf and the sealed leaf": (
        here(BODY) + ";" + here(RELEAF) + ";UPDATE auditlog_seal SET leaf = (SELECT leaf FROM "
        f"auditlog_entry WHERE {ENTRY}) WHERE account_id = {{a}} AND seq = {{n}}", BLOCK_8),
    "edit the leaf": (here("leaf = sha256('x')"), AT + "its leaf is not that of its body"),
    "edit the operation": (here("operation = 1 + operation"), column("operation")),
    "edit the actor": (here("actor_id = 1 + coalesce(actor_id, 0)"), column("actor")),
    "edit the kind of actor": (here("actor_kind = 7 - actor_kind"), column("kind of actor")),
    "edit the token": (here("token = 'x'"), column("token")),
    "edit the app": (here("app_id = 1 + coalesce(app_id, 0)"), column("app")),
    "edit the success": (here("success = NOT success"), column("success")),
    "edit the address": (here("source_ip = '192.0.2.99'"), column("address")),
    "edit the request": (here("request_id = 'x'"), column("request")),
    "edit the targets": (here("targets = '[]'"), column("targets")),
    "edit the person": (here("subject_id = NULL"), column("person")),
    "rename the person": (
        "UPDATE auditlog_subject SET first_name = 'Somebody', last_name = 'Else' WHERE id = "
        f"(SELECT subject_id FROM auditlog_entry WHERE {ENTRY})", "person '.*: the name is not the one"),
    "delete the first entry": (f"DELETE FROM auditlog_entry WHERE {ENTRY}".replace("{n}", "1"), gone("1")),
    "delete one in the middle": (f"DELETE FROM auditlog_entry WHERE {ENTRY}", gone("{n}")),
    "delete the last entry": (
        f"DELETE FROM auditlog_entry WHERE {ENTRY}".replace("{n}", "{last}"), gone("{last}")),
    "delete an entry and its place": (
        f"DELETE FROM auditlog_entry WHERE {ENTRY}; DELETE FROM auditlog_seal WHERE account_id = {{a}} AND seq = {{n}}",
        "entry {n}: no entry has this number in block 8"),
    "delete an entry and close the gap": (
        f"DELETE FROM auditlog_entry WHERE {ENTRY}; DELETE FROM auditlog_seal WHERE account_id = {{a}} AND seq = {{n}};"
        "UPDATE auditlog_seal SET seq = -seq WHERE account_id = {a} AND seq > {n};"
        "UPDATE auditlog_seal SET seq = -seq - 1 WHERE account_id = {a} AND seq < 0", BLOCK_8),
    "insert a forged entry": (COPY + ENTRY, "entry .*-[0-9a-f]{8}ffff: no block has it, .* it was slipped in"),
    "insert a forged entry with a place": (
        COPY + ENTRY + "; INSERT INTO auditlog_seal SELECT account_id, {last} + 1, id, leaf FROM auditlog_entry "
        "WHERE account_id = {a} AND id = (SELECT overlay(entry_id::text placing 'ffff' from 33)::uuid "
        "FROM auditlog_seal WHERE account_id = {a} AND seq = {n})", r"entry {next} \(.*ffff\): no block has it"),
    "swap two entries": (SWAP, BLOCK_8),
    "exchange the bodies of two": (
        "UPDATE auditlog_entry AS e SET body = o.body, leaf = o.leaf FROM auditlog_entry AS o, auditlog_seal AS s, "
        "auditlog_seal AS t WHERE s.account_id = {a} AND s.seq = {n} AND t.account_id = {a} AND t.seq = {n} + 1 AND "
        "(e.id, o.id) IN ((s.entry_id, t.entry_id), (t.entry_id, s.entry_id))", AT + "its body is not what was sealed"),
    "re-number the places": (
        "UPDATE auditlog_seal SET seq = -seq - 5 WHERE account_id = {a} AND seq >= {n};"
        "UPDATE auditlog_seal SET seq = -seq WHERE account_id = {a} AND seq < 0",
        "entry {n}: no entry has this number"),
    "replay a block": (
        "INSERT INTO auditlog_block SELECT account_id, {blocks} + 1, first_seq, last_seq, root, time, horizon, head, "
        "signature FROM auditlog_block WHERE account_id = {a} AND number = 8",
        r"block 8 \(entries 701 to 800\): (the columns beside|expected was block)"),
    "detach a partition": (
        "ALTER TABLE auditlog_entry DETACH PARTITION {partition}", r"entry \d+ \(.*\): it was deleted, and no"),
    "empty the log": (
        "TRUNCATE auditlog_entry", gone("1")),
    "empty the log and all seals": (
        "TRUNCATE auditlog_entry; TRUNCATE auditlog_seal; TRUNCATE auditlog_block",
        "block {half} is missing: the anchor of .* it was cut off or rolled back"),
    "roll back to an old dump": (CUT.replace("{to}", "{half_seq}"), "block {blocks} is missing: the anchor of"),
    "cut off the last block": (CUT.replace("{to}", "{before_last}"), "block {blocks} is missing: the anchor of"),
    "move an entry to another account": (
        f"UPDATE auditlog_entry SET account_id = {{b}} WHERE {ENTRY}", gone("{n}")),
    "put another account's block there": (
        "UPDATE auditlog_block AS mine SET head = theirs.head, signature = theirs.signature FROM auditlog_block AS "
        "theirs WHERE mine.account_id = {a} AND mine.number = 3 AND theirs.account_id = {b} AND theirs.number = 3",
        "block 3 .*: its head is of account {b}"),
    "forge a head": (
        "UPDATE auditlog_block SET head = convert_to(replace(convert_from(head, 'UTF8'), '\"time\":\"2', "
        "'\"time\":\"1'), 'UTF8') WHERE account_id = {a} AND number = 8", "block 8: the link between blocks 8 and 9"),
    "forge the last head": (
        "UPDATE auditlog_block SET head = convert_to(replace(convert_from(head, 'UTF8'), '\"time\":\"2', "
        "'\"time\":\"1'), 'UTF8') WHERE account_id = {a} AND number = {blocks}",
        r"block {blocks} \(.*\): the anchor of .* has another head there"),
    "edit the columns beside a head": (
        "UPDATE auditlog_block SET root = sha256('x') WHERE account_id = {a} AND number = 8",
        "block 8 .*: the columns beside its head say otherwise"),
    "edit with the trigger switched off": (
        "ALTER TABLE auditlog_entry DISABLE TRIGGER refuse_change;" + here("success = NOT success")
        + ";ALTER TABLE auditlog_entry ENABLE TRIGGER refuse_change", column("success")),
}
# fmt: on


def sign_anew(world: World) -> None:
    """Edit an entry and sign all blocks again, with another key that is introduced as if it had been the first."""
    from django.db import connection
    from django.test.utils import override_settings

    from auditlog.sealing import sealer

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM auditlog_block; DELETE FROM auditlog_seal; DELETE FROM auditlog_sealingkey")
        cursor.execute("DELETE FROM auditlog_sealerstate")
    with override_settings(SEALING_KEYS=[OTHER_KEY]), connection.cursor() as cursor:
        # Sealed within this transaction, as the sealer would: it can't run in one.
        before, sealer.BLOCK_SIZE = sealer.BLOCK_SIZE, BLOCK
        sealer.seal()
        sealer.BLOCK_SIZE = before


def forge_certificate(bundle: Path) -> None:
    """Remove an entry from a bundle, and put a certificate there that nobody signed."""
    lines = (bundle / "entries.ndjson").read_bytes().split(b"\n")
    header = json.loads(lines[2 * (PLACE - 1)])
    lines[2 * (PLACE - 1) : 2 * PLACE] = [json.dumps([*header[:3], *[None] * (len(header) - 3)]).encode(), b""]
    (bundle / "entries.ndjson").write_bytes(b"\n".join(lines))
    key = json.loads(json.loads((bundle / "keys.ndjson").read_text().splitlines()[0])["text"])["key"]
    says = {"v": 1, "kind": "certificate", "key": key, "from": "0", "until": "g"}
    (bundle / "certificates.ndjson").write_text(json.dumps({"text": json.dumps(says), "signature": "00" * 64}) + "\n")


def claim_to_be_a_part(bundle: Path) -> None:
    """Cut off the newest blocks of a bundle, and say that only a part was asked for."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    (bundle / "manifest.json").write_text(json.dumps({**manifest, "whole": False}))
    blocks = (bundle / "blocks.ndjson").read_text().splitlines(keepends=True)
    last = json.loads(json.loads(blocks[4])["text"])["last"]
    (bundle / "blocks.ndjson").write_text("".join(blocks[:5]))
    entries = (bundle / "entries.ndjson").read_bytes().split(b"\n")
    (bundle / "entries.ndjson").write_bytes(b"\n".join(entries[: 2 * last]) + b"\n")


def begin_later(bundle: Path) -> None:
    """Cut off the first blocks of a bundle, and say that the whole begins there."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    blocks = (bundle / "blocks.ndjson").read_text().splitlines(keepends=True)
    cut = json.loads(blocks[4])
    manifest["previous"] = {"text": cut["text"], "signature": cut["signature"]}
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    (bundle / "blocks.ndjson").write_text("".join(blocks[5:]))
    entries = (bundle / "entries.ndjson").read_bytes().split(b"\n")
    (bundle / "entries.ndjson").write_bytes(b"\n".join(entries[2 * json.loads(cut["text"])["last"] :]))


def sign_anew_and_slip_in_an_anchor(world: World) -> Verdict:
    """Sign everything anew with another key, and put an anchor that it signed beside those that the auditor holds."""
    from django.test.utils import override_settings

    with tempfile.TemporaryDirectory() as name:
        anchors = Path(name)
        for path in world.anchors.glob("*.json"):
            shutil.copy(path, anchors)

        def tamper() -> None:
            sign_anew(world)
            with override_settings(SEALING_KEYS=[OTHER_KEY]):
                anchor(anchors)

        return after(world._replace(anchors=anchors), tamper)


# What happens


def places_of(world: World) -> dict[str, Any]:
    """Return the numbers that drills speak of."""
    from auditlog.sealing import rows
    from auditlog.sealing.models import Block

    tip = rows.tip(world.account.pk)
    assert tip
    half = Block.objects.get(account_id=world.account.pk, number=world.half)
    return {
        "a": world.account.pk,
        "b": world.other.pk,
        "n": PLACE,
        "last": world.last,
        "next": world.last + 1,
        "blocks": tip.number,
        "half": world.half,
        "half_seq": half.last_seq,
        "before_last": tip.first_seq - 1,
        "partition": _partition(),
    }


def _partition() -> str:
    from datetime import timedelta

    from django.utils import timezone

    from auditlog.partitions import name_of

    return name_of((timezone.now() - timedelta(days=60)).date())


def after(world: World, tamper: Callable[[], object], on_bundle: Callable[[Path], None] | None = None) -> Verdict:
    """Return what the verifier says of an export made after some tampering, which is then taken back."""
    from django.db import connection, transaction

    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")  # A superuser's way around all triggers.
        tamper()
        with exported(world.account) as bundle:
            if on_bundle:
                on_bundle(bundle)
            verdict = verify_offline(bundle, world.anchors)
        transaction.set_rollback(True)
    return verdict


def run_sql(world: World, statements: str) -> Callable[[], object]:
    """Return what runs some statements, with the world's numbers in them."""
    from django.db import connection

    def run() -> None:
        with connection.cursor() as cursor:
            cursor.execute(filled_in(world, statements))

    return run


def filled_in(world: World, text: str) -> str:
    """Return a statement or a pattern with the world's numbers in it."""
    for name, value in places_of(world).items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


OTHERS: dict[str, tuple[Callable[[World], Verdict], str]] = {
    "sign everything anew with another key": (
        lambda world: after(world, lambda: sign_anew(world)),
        "(block 1 .*: the anchor|block .*: it is signed with a key that is not believed|.*anchor)",
    ),
    "sign everything anew, and slip in an anchor": (sign_anew_and_slip_in_an_anchor, "block .*(not believed|anchor)"),
    "claim that the log begins later": (
        lambda world: after(world, lambda: None, begin_later),
        "block 6 .*: expected was block 1, beginning with entry 1",
    ),
    "forge a certificate": (
        lambda world: after(world, lambda: None, forge_certificate),
        "a certificate of what was removed is not valid: its signature is not right|entry 777 .*: it was deleted",
    ),
}


def rehearse(anchors: Path) -> dict[str, Any]:
    """Tamper in every way, one after the other, and return what was and what was not caught."""
    world = make_world(anchors)
    missed = {}
    drills: dict[str, tuple[Callable[[World], Verdict], str]] = {
        **{
            name: (lambda world, sql=sql: after(world, run_sql(world, sql)), pattern)  # type: ignore[misc]
            for name, (sql, pattern) in IN_SQL.items()
        },
        **OTHERS,
        **{
            name: (lambda world, tamper=tamper: after(world, tamper(world.account)), pattern)  # type: ignore[misc]
            for name, (tamper, pattern) in PURGES.items()
        },
    }
    for name, (drill, pattern) in drills.items():
        verdict = drill(world)
        if verdict.status != 1 or not re.match(filled_in(world, pattern), verdict.first):
            missed[name] = verdict.text
    return {"drills": len(drills), "caught at the right place": len(drills) - len(missed), "missed": missed}


def untouched(entries: int, anchors: Path) -> dict[str, Any]:
    """Seal and verify many entries that nobody touched; return what was found, and how fast."""
    from django.test.utils import override_settings

    from auditlog.sealing import sealer

    account = make_account("untouched")
    fill(account, entries)
    with override_settings(SEALING_KEYS=[KEY]):
        begun = time.perf_counter()
        sealer.seal()
        sealing = time.perf_counter() - begun
        anchor(anchors)
    with exported(account) as bundle:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        verdict = verify_offline(bundle, anchors)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return {
        "entries": entries,
        "sealed per second": round(entries / sealing),
        "verified offline per second of one core": round(entries / seconds),
        "false alarms": verdict.text.count("ALTERED") + verdict.text.count("incomplete"),
        "status": verdict.status,
        "said": verdict.text,
    }


def main() -> int:
    """Run the whole drill on a server of its own."""
    from controlcenter.local_postgres import LocalPostgres

    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--entries", type=int, default=1_000_000)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="controlcenter-tampering-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        anchors = folder / "anchors"
        anchors.mkdir()
        with LocalPostgres(folder / "postgres", "max_wal_size=4GB", "shared_buffers=512MB") as server:
            os.environ |= {
                "DJANGO_SETTINGS_MODULE": "controlcenter.settings",
                "DATABASE_URL": server.url,
                "SECRET_KEY": "only-for-tests-" * 4,
                "INSECURE_HTTP": "1",
            }
            import django
            from django.core.management import call_command
            from django.db import connection

            django.setup()
            call_command("migrate", verbosity=0)
            figures = {**rehearse(anchors), "untouched": untouched(given.entries, anchors)}
            connection.close()
    print(json.dumps(figures, indent=2))
    return 1 if figures["missed"] or figures["untouched"]["false alarms"] else 0


if __name__ == "__main__":
    sys.exit(main())
