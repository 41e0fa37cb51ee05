"""Verifying the log where it lies: the offline verifier, fed by the database."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from auditlog.canonical import timestamp
from auditlog.models import Subject
from controlcenter.replica import require_primary

from . import rows
from .certificates import certificates_of
from .keys import key_documents, signature_holds
from .models import Block
from .verify import (
    SIZE,
    Anchor,
    Chain,
    Document,
    Keys,
    Report,
    Row,
    first_key,
    is_named,
    parse,
    read_anchors,
    wrong_naming,
)

Tick = Callable[[int], object]


class Span(NamedTuple):
    """A part of an account's chain: blocks ``first`` to ``last``."""

    first: int
    last: int
    first_seq: int
    last_seq: int


@dataclass(frozen=True, slots=True)
class Everything:
    """No part: all blocks, and what is in none."""

    first: int = 1
    last: int = rows.HIGHEST
    first_seq: int = 0
    last_seq: int = rows.HIGHEST


WHOLE = Everything()


def span_of(account_id: int, first: UUID, last: UUID) -> Span | None:
    """Return the blocks that hold the entries with ids in a range; None when none is sealed."""
    found = rows.places_between(account_id, first, last)
    return span_between(account_id, *found) if found else None


def span_between(account_id: int, first_seq: int, last_seq: int) -> Span | None:
    """Return the blocks that hold some places."""
    blocks = Block.objects.filter(account_id=account_id).order_by("last_seq")
    start = blocks.filter(last_seq__gte=first_seq).first()
    end = blocks.filter(last_seq__gte=last_seq).first() or blocks.last()
    if not start or not end:
        return None
    return Span(start.number, end.number, start.first_seq, end.last_seq)


def verify(
    account_id: int,
    span: Span | Everything = WHOLE,
    *,
    anchors: Path | None = None,
    seconds: float | None = None,
    tick: Tick = lambda _: None,
) -> Report:
    """Verify an account's log, or some blocks of it.

    Args:
        anchors: the folder where anchors are kept; by default the one that they are written to, if there is one.
        seconds: how long it may take, about; what was not reached then is a note of the report.
        tick: told of every block, how many entries it has.
    """
    require_primary("verify")
    folder = anchors or (Path(settings.ANCHOR_DIR) if settings.ANCHOR_DIR else None)
    complaints: list[str] = []
    held = read_anchors(folder, account_id, complaints.append) if folder and folder.is_dir() else []
    deadline = time.monotonic() + seconds if seconds else None
    with rows.one_moment():
        keys = Keys(key_documents(), first_key(held), signature_holds)
        complaints += _wrong_anchors(keys, held)
        chain_ = Chain(
            account_id,
            keys,
            held,
            certificates_of(account_id),
            _head_before(account_id, span),
            timestamp(timezone.now()),
            span is WHOLE,
        )
        report = chain_.check(
            _ticking(rows.heads(account_id, span.first, span.last), tick),
            _rows(account_id, span),
            lambda: deadline is not None and time.monotonic() > deadline,
        )
    for complaint in complaints:
        report.complain(complaint)
    if span is WHOLE and report.blocks and not held:
        report.missing.append("no anchor is at hand: a log that was rewritten as a whole would look like this, too")
    return report


def verify_persons(report: Report) -> None:
    """Check that all persons are named as entries commit to them."""
    naming = (*Subject.NAMING, "salt", "digest")
    for row in Subject.objects.order_by("pk").values(*naming).iterator(chunk_size=2000):
        salt, digest = bytes(row.pop("salt")).hex(), row.pop("digest")
        report.erased += not is_named(row)
        if wrong_naming(row, salt, digest):
            report.complain(f"person {row['slug']!r} ({digest[:16]}…): the name is not the one entries were made with")


def row_of(line: rows.Line) -> Row:
    """Return a line as the verifier takes it."""
    header = parse(line[0])[0]
    return Row(header, line[1] if header[SIZE] is not None else b"")


def _rows(account_id: int, span: Span | Everything) -> Iterator[Row]:
    lines = rows.places(account_id, span.first_seq, span.last_seq)
    return map(row_of, chain(lines, rows.rest(account_id)) if span is WHOLE else lines)


def _head_before(account_id: int, span: Span | Everything) -> Document | None:
    before = Block.objects.filter(account_id=account_id, number=span.first - 1).first()
    return rows.document_of(before) if before else None


def _ticking(heads: Iterator[tuple[Document, list[object]]], tick: Tick) -> Iterator[tuple[Document, list[object]]]:
    for head, columns in heads:
        yield head, columns
        tick(int(head.says.get("last", 0)) - int(head.says.get("first", 1)) + 1)


def _wrong_anchors(keys: Keys, anchors: list[Anchor]) -> list[str]:
    found = ((anchor, keys.complaint(anchor.document, "anchor")) for anchor in anchors)
    return [f"{anchor.name}: {complaint}" for anchor, complaint in found if complaint]
