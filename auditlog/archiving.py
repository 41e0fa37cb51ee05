"""A sealed month as a Parquet file: to be kept where storage is cheap, and asked there, after the database drops it.

A row is an entry: its body to the byte, its place and its leaf, and beside them what it is searched by. Names of
people are not in it, as they are in no body; who is erased is erased there, too. Rows are in the order of account and
place, so that the file can be checked against the blocks that stay in the database, and against the certificates of
what was removed. It is written and read a part at a time, in constant memory.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from ipaddress import ip_address
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.utils import timezone

from controlcenter.operations import Operation

from .ids import time_of
from .retention.models import Certificate
from .retention.months import Month
from .sealing.keys import key_documents, signature_holds
from .sealing.models import Block, Seal
from .sealing.rows import document_of, one_moment
from .sealing.verify import NAMES, Document, Keys, Tree, columns_of, parse, root_of

AT_ONCE = 10_000
"""Entries that are in memory at once, and in a group of rows: about 20 MB."""
CALLED = {operation.value: operation.name for operation in Operation}
SETTLES_IN = timedelta(days=1)
"""For so long after its end a month may still get entries, from transactions that are under way."""

# Read by account: each statement is about one, so that they may lie on different machines.
ENTRIES = """
SELECT seal.seq, entry.id, entry.app_id, entry.actor_id, entry.operation, entry.success, host(entry.source_ip),
    entry.token, entry.request_id, entry.targets::text, seal.leaf, entry.body
FROM auditlog_entry AS entry
LEFT JOIN auditlog_seal AS seal ON seal.account_id = entry.account_id AND seal.entry_id = entry.id
WHERE entry.account_id = %s AND entry.id >= %s AND entry.id < %s
ORDER BY seal.seq NULLS FIRST
"""
PLACES = "SELECT seq, leaf FROM auditlog_seal WHERE account_id = %s AND seq BETWEEN %s AND %s ORDER BY seq"


class NotSealed(Exception):  # noqa: N818
    """The month has entries that are not sealed, or are not what was sealed; the message names the first."""


class Altered(Exception):  # noqa: N818
    """A file does not hold what was sealed; the message says what is wrong."""


class Checked(NamedTuple):
    """What a check found to be in order."""

    entries: int
    accounts: int
    certificates: int
    """How many accounts' certificates of removal say the same; none before the month is removed."""


def parquet() -> Any:
    """Return pyarrow's module for Parquet.

    Raises:
        ImproperlyConfigured: when it is not installed, which only this needs.
    """
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise ImproperlyConfigured("Archives need pyarrow: pip install 'pyarrow>=22'.") from error
    return pyarrow.parquet


def path_of(month: Month, folder: Path) -> Path:
    """Return where a month's file lies, named so that DuckDB and others find the month in the path."""
    return folder / f"month={month}" / "log.parquet"


def archive(month: Month, folder: Path, tick: Callable[[int], object] = lambda _: None) -> tuple[Path, int]:
    """Write a month's entries of all accounts; return where, and how many. The file is there whole, or not at all.

    Raises:
        NotSealed: when there is an entry that could not be verified from the file.
        FileExistsError: when it is there already.
    """
    module, path = parquet(), path_of(month, folder)
    if month.ends + SETTLES_IN > timezone.now():
        raise NotSealed("it has not been over for a day")
    if path.exists():
        raise FileExistsError(path)
    folder.mkdir(0o700, parents=True, exist_ok=True)  # Who has a file can read all accounts.
    path.parent.mkdir(0o700, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    try:
        unfinished.touch(0o600, exist_ok=False)
        with one_moment(), module.ParquetWriter(unfinished, _schema(), compression="zstd") as writer:
            count = _write(month, writer, tick)
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.rename(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return path, count


def check(month: Month, folder: Path, tick: Callable[[int], object] = lambda _: None) -> Checked:
    """Read a file again: leaves and columns are those of the bodies, roots those that were signed, nothing is missing.

    Places, blocks and keys are the database's, which stay when a month is removed. What blocks reach beyond the month
    is taken from there. Whether the blocks are still linked, and keys and heads those that were anchored, is for
    ``verify_log`` to say.

    Raises:
        Altered: when anything is not as it was sealed.
    """
    count, accounts, certified = 0, 0, 0
    keys = Keys(key_documents(), holds=signature_holds)
    for account_id, entries in groupby(_entries_of(path_of(month, folder), tick), attrgetter("account_id")):
        tree, seqs = _check_account(account_id, entries, keys)
        _check_count(account_id, month, tree.size)
        certified += _check_certificate(account_id, month, tree, seqs, keys)
        count, accounts = count + tree.size, accounts + 1
    if missing := set(_accounts_with_places(month)) - _accounts_in(path_of(month, folder)):
        raise Altered(f"entries of the accounts {', '.join(map(str, sorted(missing)))} are not in it")
    return Checked(count, accounts, certified)


def _schema() -> Any:
    import pyarrow as pa

    fields = {
        "account_id": pa.int64(),
        "seq": pa.int64(),
        "id": pa.string(),
        "time": pa.timestamp("us", "UTC"),
        "app_id": pa.int64(),
        "actor_id": pa.int64(),
        "operation": pa.string(),
        "success": pa.bool_(),
        "source_ip": pa.string(),
        "token": pa.string(),
        "request_id": pa.string(),
        "targets": pa.string(),
        "leaf": pa.binary(32),
        "body": pa.binary(),
    }
    return pa.schema(list(fields.items()))


def _write(month: Month, writer: Any, tick: Callable[[int], object]) -> int:
    count = 0
    for account_id in month.account_ids():
        for rows in _parts(account_id, month):
            writer.write_batch(_batch(account_id, rows))
            count += len(rows)
            tick(len(rows))
    return count


def _parts(account_id: int, month: Month) -> Iterator[list[tuple[Any, ...]]]:
    with connection.connection.cursor(name="archive", binary=True) as cursor:
        cursor.itersize = AT_ONCE
        cursor.execute(ENTRIES, [account_id, month.first_id, month.end_id])
        while rows := cursor.fetchmany(AT_ONCE):
            for seq, entry_id, *_, leaf, body in rows:
                if seq is None or leaf != leaf_of_body(body):
                    reason = "is not sealed yet" if seq is None else "is not what was sealed"
                    raise NotSealed(f"entry {entry_id} of account {account_id} {reason}")
            yield rows


def leaf_of_body(body: bytes) -> bytes:
    """Return the leaf of a body, computed anew."""
    return hashlib.sha256(b"\0" + body).digest()


def _batch(account_id: int, rows: list[tuple[Any, ...]]) -> Any:
    import pyarrow as pa

    seqs, ids, apps, actors, operations, *rest = zip(*rows, strict=True)
    columns = [
        [account_id] * len(rows),
        seqs,
        [str(entry_id) for entry_id in ids],
        [time_of(entry_id) for entry_id in ids],
        apps,
        actors,
        [Operation(operation).name for operation in operations],
        *rest,
    ]
    schema = _schema()
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


class Read(NamedTuple):
    """An entry, as a file has it."""

    account_id: int
    seq: int
    id: str
    time: datetime
    app_id: int | None
    actor_id: int | None
    operation: str
    success: bool
    source_ip: str | None
    token: str | None
    request_id: str
    targets: str
    leaf: bytes
    body: bytes


def _entries_of(path: Path, tick: Callable[[int], object]) -> Iterator[Read]:
    with parquet().ParquetFile(path) as file:
        if missing := set(Read._fields) - set(file.schema_arrow.names):
            raise Altered(f"it has no column {', '.join(sorted(missing))}")
        for batch in file.iter_batches(AT_ONCE, columns=list(Read._fields)):
            yield from map(Read, *(batch.column(name).to_pylist() for name in Read._fields))
            tick(batch.num_rows)


def _differing(entry: Read) -> str:
    """Name the first column that does not hold what the body says; "" when all do."""
    try:
        event = parse(str(entry.body, "utf-8"))[0]
        says = dict(zip(NAMES, columns_of(event, [None, None, entry.app_id, entry.actor_id]), strict=True))
        names = {event["operation"]["name"], CALLED.get(says["operation"])}  # It may be called otherwise since.
        pairs = {
            "id": (entry.id, says["id"]),
            "time": (entry.time, time_of(UUID(entry.id))),
            "account_id": (entry.account_id, says["account"]),
            "app_id": (entry.app_id, says["app"]),
            "actor_id": (entry.actor_id, says["actor"]),
            "operation": (entry.operation in names, True),
            "success": (entry.success, says["success"]),
            "source_ip": tuple(ip_address(text) if text else None for text in (entry.source_ip, says["address"])),
            "token": (entry.token, says["token"]),
            "request_id": (entry.request_id, says["request"]),
            "targets": (json.loads(entry.targets), says["targets"]),
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return "body (it is not of the known form)"
    return next((name for name, (is_, ought) in pairs.items() if is_ != ought), "")


def _check_account(account_id: int, entries: Iterator[Read], keys: Keys) -> tuple[Tree, list[int]]:
    """Return the tree over all leaves, and the first and the last place."""
    tree, ends, pending = Tree(), [0, 0], dict[int, bytes]()
    blocks = Block.objects.filter(account_id=account_id).order_by("number")
    block: Block | None = None
    for entry in entries:
        place, seq = f"entry {entry.id} of account {account_id}", entry.seq
        if entry.leaf != leaf_of_body(entry.body):
            raise Altered(f"{place}: the body is not the one that was sealed")
        if column := _differing(entry):
            raise Altered(f"{place}: its column {column} is not what its body says")
        if tree.size and seq <= ends[1]:
            raise Altered(f"{place}: place {seq} comes after place {ends[1]}")
        if block is None or seq > block.last_seq:
            _check_block(block, pending, keys)
            block, pending = blocks.filter(last_seq__gte=seq).first(), {}
            if block is None:
                raise Altered(f"{place}: place {seq} is in no block")
        pending[seq] = entry.leaf
        tree.add(entry.leaf)
        ends = [ends[0] or seq, seq]
    _check_block(block, pending, keys)
    return tree, ends


def _check_block(block: Block | None, leaves: dict[int, bytes], keys: Keys) -> None:
    if block is None:
        return
    head = document_of(block)
    if complaint := keys.complaint(head, "head"):
        raise Altered(f"{block}: {complaint}")
    columns = [block.account_id, block.number, block.first_seq, block.last_seq, bytes(block.root).hex()]
    if columns != [head.says.get(name) for name in ("account", "number", "first", "last", "root")]:
        raise Altered(f"{block}: the columns beside its head say otherwise")
    with connection.cursor() as cursor:
        cursor.execute(PLACES, [block.account_id, block.first_seq, block.last_seq])
        kept = {seq: bytes(leaf) for seq, leaf in cursor.fetchall()}
    if root_of([leaf for _, leaf in sorted({**kept, **leaves}.items())]) != bytes(block.root):
        raise Altered(f"{block}: the root over its entries is not the one that was signed")


def _check_count(account_id: int, month: Month, count: int) -> None:
    sealed = Seal.objects.filter(account_id=account_id, entry_id__gte=month.first_id, entry_id__lt=month.end_id)
    if count != (places := sealed.count()):
        raise Altered(f"account {account_id}: {count:,} entries, where {places:,} were sealed")


def _check_certificate(account_id: int, month: Month, tree: Tree, ends: list[int], keys: Keys) -> bool:
    """Compare with the signed certificate of what was removed, if that has come about."""
    found = Certificate.objects.filter(account_id=account_id, begins=month.first_id, ends=month.end_id).first()
    if found is None:
        return False
    document = Document.of(bytes(found.document), bytes(found.signature))
    if complaint := keys.complaint(document, "certificate"):
        raise Altered(f"account {account_id}: the certificate of what was removed is not valid: {complaint}")
    wanted = {"account": account_id, "count": tree.size, "first": ends[0], "last": ends[1], "root": tree.root.hex()}
    if wanted != {name: document.says.get(name) for name in wanted}:
        raise Altered(f"account {account_id}: the certificate of what was removed names other entries")
    return True


def _accounts_with_places(month: Month) -> list[int]:
    """Return the accounts that have a place for an entry of the month."""
    blocks = Block.objects.filter(number=1).values_list("account_id", flat=True)
    sealed = Seal.objects.filter(entry_id__gte=month.first_id, entry_id__lt=month.end_id)
    return [account_id for account_id in blocks if sealed.filter(account_id=account_id).exists()]


def _accounts_in(path: Path) -> set[int]:
    with parquet().ParquetFile(path) as file:
        return {account for batch in file.iter_batches(columns=["account_id"]) for account in batch[0].to_pylist()}
