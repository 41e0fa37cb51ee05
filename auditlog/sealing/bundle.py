"""Export bundles: all that an auditor needs to verify an account's log without us, the verifier included."""

import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from django.utils import timezone

from auditlog.canonical import canonical, timestamp
from auditlog.models import Subject

from . import rows
from .certificates import certificates_of
from .keys import key_documents
from .models import Block
from .verify import Document
from .verifying import WHOLE, Everything, Span

VERIFIER = Path(__file__).with_name("verify.py")
PERSON = re.compile(rb'"subject":"([0-9a-f]{64})"')
README = """The audit log of {name}, as of {time}.

    python verify.py . --anchors DIRECTORY

verifies it, where DIRECTORY holds the anchors you were given over time. It needs Python 3.11 and nothing else. Do so
with the verify.py that you have already, or take it from the source code (auditlog/sealing/verify.py): the one in here
comes from the same hands as the log.
entries.ndjson   two lines for each entry: its place and columns, then its body
blocks.ndjson    signed heads, each over the entries of a block and linked to the head before
keys.ndjson      the public keys, each signed with the one before
subjects.ndjson  how persons were named; bodies hold only salted digests of that
certificates.ndjson  what retention removed, signed
"""


class Writer(Protocol):
    """Where parts are written."""

    def part(self, name: str) -> Any: ...


class Folder:
    """Parts as files of a new folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)

    def part(self, name: str) -> Any:
        """Open a part to write."""
        return (self.path / name).open("wb", buffering=1 << 20)


class Zip:
    """Parts in a zip file."""

    def __init__(self, path: Path) -> None:
        self.file = zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED, compresslevel=1)

    def part(self, name: str) -> Any:
        """Open a part to write."""
        return self.file.open(name, "w", force_zip64=True)


@contextmanager
def opened(path: Path) -> Iterator[Writer]:
    """Open a bundle to write: a zip file when it is called so, else a folder. Raises ``FileExistsError``."""
    if path.suffix != ".zip":
        yield Folder(path)
        return
    bundle = Zip(path)
    with bundle.file:
        yield bundle


def export(
    writer: Writer,
    account_id: int,
    name: str,
    span: Span | Everything = WHOLE,
    tick: Callable[[int], object] = lambda _: None,
) -> int:
    """Write an account's log, or some blocks of it, as it is at one moment; return how many entries."""
    with rows.one_moment():
        now = timestamp(timezone.now())
        before = Block.objects.filter(account_id=account_id, number=span.first - 1).first()
        manifest = {
            "format": 1,
            "account": account_id,
            "name": name,
            "time": now,
            "whole": span is WHOLE,
            "previous": plain(rows.document_of(before)) if before else None,
        }
        _write(writer, "manifest.json", [manifest])
        _write(writer, "keys.ndjson", map(plain, key_documents()))
        _write(writer, "certificates.ndjson", map(plain, certificates_of(account_id)))
        heads = rows.heads(account_id, span.first, span.last)
        _write(writer, "blocks.ndjson", ({**plain(head), "columns": columns} for head, columns in heads))
        lines = rows.places(account_id, span.first_seq, span.last_seq)
        with writer.part("entries.ndjson") as file:
            count, persons = _write_entries(file, chain(lines, rows.rest(account_id)) if span is WHOLE else lines, tick)
        _write(writer, "subjects.ndjson", _namings(persons))
    with writer.part("verify.py") as file:
        file.write(VERIFIER.read_bytes())
    with writer.part("README.txt") as file:
        file.write(README.format(name=name, time=now).encode())
    return count


def _write_entries(file: BinaryIO, lines: Iterable[rows.Line], tick: Callable[[int], object]) -> tuple[int, set[bytes]]:
    count, persons = 0, set[bytes]()
    for place, (header, body) in enumerate(lines, 1):
        count += body is not None  # What was removed has a place, and nothing in it.
        # A line's end within JSON can only be space between its parts, as jsonb never has it.
        file.write(b"%s\n%s\n" % (header.encode(), body or b""))
        persons.update(PERSON.findall(body or b""))
        if not place % rows.ROWS_AT_ONCE:
            tick(rows.ROWS_AT_ONCE)
    return count, persons


def _namings(digests: set[bytes]) -> Iterator[list[Any]]:
    wanted = sorted(digest.decode() for digest in digests)
    for start in range(0, len(wanted), rows.ROWS_AT_ONCE):
        found = Subject.objects.filter(digest__in=wanted[start : start + rows.ROWS_AT_ONCE]).order_by("digest")
        for subject in found:
            naming = [getattr(subject, part) for part in Subject.NAMING]
            yield [*naming, bytes(subject.salt).hex(), subject.digest]


def _write(writer: Writer, name: str, values: Iterable[Any]) -> None:
    with writer.part(name) as file:
        for value in values:
            file.write(canonical(value) + b"\n")


def plain(document: Document) -> dict[str, str]:
    """Return a signed document as JSON has it."""
    return {"text": document.text.decode(errors="replace"), "signature": document.signature.hex()}


def size_of(account_id: int) -> int:
    """Return about how many entries an export of the whole log has."""
    newest = rows.tip(account_id)
    return newest.last_seq if newest else 0
