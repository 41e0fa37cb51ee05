"""How entries stand in a file. CSV is for spreadsheets; JSON and NDJSON hold each entry as it is stored and proven."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from msgspec import Struct

from controlcenter.operations import Operation

from .bodies import SHOWS, Body, Target, body_of
from .models import Subject
from .presentation import ERASED, named_in, subjects_in

MOST_PEOPLE = 10_000
"""Namings that are remembered at once: an export takes the same memory however long it is."""

COLUMNS = (
    *("time", "actor_type", "actor_id", "actor_name", "actor_email", "token_id", "token_name"),
    *("operation", "operation_code", "operation_label", "sentence", "app_id", "app_name", "targets", "target_names"),
    *("changes", "source_ip", "peer_ip", "forwarded_for", "user_agent", "request_id", "method", "path"),
    *("success", "failure_code", "failure_sentence", "reason", "entry_id", "leaf"),
)
CODES = {int(operation): (str(int(operation)), operation.label) for operation in Operation}
FORMULAS = frozenset("=+-@\t\r\n＝＋－＠'")
"""What a spreadsheet takes for a formula begins so. An apostrophe makes it text; it is set before one, too, so that
taking one away always gives what was there."""
BETWEEN, END = '","', '"\r\n"'
"""What stands between two values, and between two lines: everything is quoted."""
BEGINNINGS = [re.compile(f'{before}"(?=[{re.escape("".join(sorted(FORMULAS)))}])') for before in ('",', "\n")]
"""Where a value begins so, and the first one of a line. Within a value no quotation mark stands by itself, and the last
one of a line, which a line break follows, is a leaf."""
BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""Without it Excel does not know that names are UTF-8."""


class Person(NamedTuple):
    """Somebody as an entry names them."""

    name: str
    email: str
    json: bytes
    has_quotes: bool = False


class Line(Struct, gc=False):
    """An entry, and who it speaks of."""

    id: str
    body: bytes
    leaf: str
    person: Person
    named: dict[str, Subject] | None
    """Those whom its changes name, by digest; None where they name nobody."""


NOBODY = Person("", "", b"null")


class People:
    """Those whom entries name, each looked up once."""

    def __init__(self) -> None:
        self._known: dict[int | None, Person] = {None: NOBODY}

    def introduce(self, rows: Sequence[Sequence[Any]]) -> list[Line]:
        """Return rows of id, body, leaf in hex and subject with the people they speak of: at most two queries."""
        if len(self._known) > MOST_PEOPLE:
            self._known = {None: NOBODY}
        if unknown := {row[3] for row in rows} - self._known.keys():
            self._known |= {subject.pk: _person(subject) for subject in Subject.objects.filter(pk__in=unknown)}
        known = self._known
        lines = [Line(entry_id, body, leaf, known.get(subject, NOBODY), None) for entry_id, body, leaf, subject in rows]
        if naming := [line for line in lines if SHOWS in line.body]:
            named = subjects_in(_changes(line.body) for line in naming)
            for line in naming:
                line.named = named
        return lines


def _person(subject: Subject) -> Person:
    name = subject.full_name or ERASED
    return Person(name, subject.email, _json(_naming(subject)), '"' in name + subject.email)


class Format(StrEnum):
    """What a file can be."""

    CSV = "csv"
    NDJSON = "ndjson"
    JSON = "json"

    @property
    def label(self) -> str:
        """What people call it."""
        return self.name

    @property
    def content_type(self) -> str:
        """What browsers call it."""
        types = {"csv": "text/csv; charset=utf-8", "json": "application/json", "ndjson": "application/x-ndjson"}
        return types[self.value]

    def pieces(self, batches: Iterable[list[Line]]) -> Iterator[bytes]:
        """Yield the file, a piece for each batch that holds anything."""
        batches = filter(None, batches)
        match self:
            case Format.CSV:
                yield (BYTE_ORDER_MARK + _csv([BETWEEN.join(COLUMNS)])).encode()
                for lines in batches:
                    yield _csv([_values(line) for line in lines]).encode()
            case Format.NDJSON:
                for lines in batches:
                    yield b"".join([_object(line) + b"\n" for line in lines])
            case Format.JSON:
                yield b"[\n"
                between = b""
                for lines in batches:
                    yield between + b",\n".join([_object(line) for line in lines])
                    between = b",\n"
                yield b"\n]\n"


def _object(line: Line) -> bytes:
    """Return an entry as JSON: its event byte for byte as it is stored, so that its leaf can be computed from it."""
    beginning = f'{{"id":"{line.id}","leaf":"{line.leaf}","person":'.encode()
    named = b',"named":' + _json(_named(line.body, line.named)) if line.named is not None else b""
    return b"".join((beginning, line.person.json, named, b',"event":', line.body, b"}"))


def _named(body: bytes, subjects: dict[str, Subject]) -> dict[str, dict[str, str]]:
    """Return those whom the changes of an entry name by digest."""
    pairs = _changes(body).values()
    digests = {value["subject"] for pair in pairs for value in pair if type(value) is dict and "subject" in value}
    return {digest: _naming(subjects[digest]) for digest in sorted(digests & subjects.keys())}


def _naming(subject: Subject) -> dict[str, str]:
    return {
        "id": subject.slug,
        "first_name": subject.first_name,
        "last_name": subject.last_name,
        "email": subject.email,
    }


def _csv(lines: Sequence[str]) -> str:
    """Return lines, in which values stand side by side, as a part of a file in which nothing passes for a formula."""
    text = f'\n"{END.join(lines)}"\r\n' if lines else "\n"
    for beginning in BEGINNINGS:
        text = beginning.sub(r"\g<0>'", text)
    return text[1:]


def _values(line: Line) -> str:
    """Return an entry in the order of ``COLUMNS``, with ``BETWEEN`` its values."""
    body, person = body_of(line.body), line.person
    actor, operation, targets, app = body.actor, body.operation, body.targets, body.app
    where, failure = body.where, body.failure
    code, label = CODES.get(operation.code) or (str(operation.code), "")
    touched, touched_names = _listed(targets)
    changes = _told_changes(line, body)
    # In JSON a quotation mark has a backslash before it: where there is none, only the changes hold any.
    has_quotes = b"\\" in line.body or person.has_quotes
    values = (
        body.time,
        actor.type,
        actor.id,
        person.name,
        person.email,
        actor.token,
        actor.token_name,
        operation.name,
        code,
        label,
        body.sentence,
        app.id if app else "",
        app.name if app else "",
        touched,
        touched_names,
        changes if has_quotes else changes.replace('"', '""'),
        where.ip,
        where.peer,
        where.forwarded,
        where.agent,
        where.request,
        where.method,
        where.path,
        "true" if body.success else "false",
        failure.code if failure else "",
        failure.sentence if failure else "",
        body.reason,
        body.id,
        line.leaf,
    )
    return BETWEEN.join([value.replace('"', '""') for value in values] if has_quotes else values)


def _listed(targets: list[Target]) -> tuple[str, str]:
    """Return what was touched, and by what names."""
    if len(targets) == 1:  # Nearly always: worth a short cut.
        [target] = targets
        return f"{target.type}:{target.id}", target.name
    return "; ".join([f"{each.type}:{each.id}" for each in targets]), "; ".join([each.name for each in targets])


def _told_changes(line: Line, body: Body) -> str:
    """Return before and after of each changed field as JSON; people by what they were called."""
    if line.named is not None:
        changes, named = _changes(line.body).items(), line.named
        return _json({name: [named_in(value, named) for value in pair] for name, pair in changes}).decode()
    return str(body.changes, "utf-8") if len(body.changes) > len("{}") else ""


def _changes(body: bytes) -> dict[str, list[Any]]:
    changes: dict[str, list[Any]] = json.loads(body)["changes"]
    return changes


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
