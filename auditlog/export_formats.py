"""How entries stand in a file. CSV is for spreadsheets; JSON and NDJSON hold each entry as it is stored and proven."""

import json
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import from_json

from controlcenter.operations import Operation

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
LABELS = {int(operation): operation.label for operation in Operation}
FORMULAS = frozenset("=+-@\t\r\n＝＋－＠'")
"""What a spreadsheet takes for a formula begins so. An apostrophe makes it text; it is set before one, too, so that
taking one away always gives what was there."""
BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""Without it Excel does not know that names are UTF-8."""


class Person(NamedTuple):
    """Somebody as an entry names them."""

    name: str
    email: str
    json: bytes


class Line(NamedTuple):
    """An entry, and who it speaks of."""

    id: UUID
    body: bytes
    leaf: bytes
    person: Person
    named: dict[str, Subject]
    """Those whom its changes name, by digest."""


NOBODY = Person("", "", b"null")


class People:
    """Those whom entries name, each looked up once."""

    def __init__(self) -> None:
        self._known: dict[int | None, Person] = {None: NOBODY}

    def introduce(self, rows: Sequence[Sequence[Any]]) -> list[Line]:
        """Return rows of id, body, leaf and subject with the people they speak of: at most two queries."""
        if len(self._known) > MOST_PEOPLE:
            self._known = {None: NOBODY}
        if unknown := {row[3] for row in rows} - self._known.keys():
            self._known |= {subject.pk: _person(subject) for subject in Subject.objects.filter(pk__in=unknown)}
        named = subjects_in(from_json(row[1])["changes"] for row in rows if b'"show":' in row[1])
        known = self._known
        return [Line(row[0], row[1], row[2], known.get(row[3], NOBODY), named) for row in rows]


def _person(subject: Subject) -> Person:
    return Person(subject.full_name or ERASED, subject.email, _json(_naming(subject)))


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
        """Yield the file, a piece for each batch."""
        match self:
            case Format.CSV:
                yield (BYTE_ORDER_MARK + _csv_line(COLUMNS)).encode()
                for lines in batches:
                    yield "".join([_csv_line(_values(line)) for line in lines]).encode()
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
    named = b""
    if b'"show":' in line.body:
        named = b',"named":' + _json(_named(line))
    return b'{"id":"%b","leaf":"%b","person":%b%b,"event":%b}' % (
        str(line.id).encode(),
        line.leaf.hex().encode(),
        line.person.json,
        named,
        line.body,
    )


def _named(line: Line) -> dict[str, dict[str, str]]:
    """Return those whom the changes of an entry name by digest."""
    pairs = from_json(line.body)["changes"].values()
    digests = {value["subject"] for pair in pairs for value in pair if type(value) is dict and "subject" in value}
    return {digest: _naming(line.named[digest]) for digest in sorted(digests & line.named.keys())}


def _naming(subject: Subject) -> dict[str, str]:
    return {
        "id": subject.slug,
        "first_name": subject.first_name,
        "last_name": subject.last_name,
        "email": subject.email,
    }


def _csv_line(values: Sequence[str]) -> str:
    """Return a line in which everything is quoted. NUL, which no entry holds, stands for what lies between."""
    safe = [f"'{value}" if value and value[0] in FORMULAS else value for value in values]
    inside = "\0".join(safe).replace('"', '""').replace("\0", '","')
    return f'"{inside}"\r\n'


def _values(line: Line) -> list[str]:
    """Return an entry in the order of ``COLUMNS``."""
    event, person = from_json(line.body, cache_strings="keys"), line.person
    actor, where, operation, app = event["actor"].get, event["where"].get, event["operation"], event["app"]
    targets, failure = event["targets"], event["failure"]
    code = operation["code"]
    return [
        event["time"],
        actor("type"),
        actor("id", ""),
        person.name,
        person.email,
        actor("token", ""),
        actor("token_name", ""),
        operation["name"],
        str(code),
        LABELS.get(code, ""),
        event["sentence"],
        app["id"] if app else "",
        app.get("name", "") if app else "",
        "; ".join([f"{target['type']}:{target.get('id', '')}" for target in targets]),
        "; ".join([target.get("name", "") for target in targets]),
        _changes(line, event) if event["changes"] else "",
        where("ip", ""),
        where("peer", ""),
        where("forwarded", ""),
        where("agent", ""),
        where("request", ""),
        where("method", ""),
        where("path", ""),
        "true" if event["success"] else "false",
        failure["code"] if failure else "",
        failure["sentence"] if failure else "",
        event["reason"],
        event["id"],
        line.leaf.hex(),
    ]


def _changes(line: Line, event: dict[str, Any]) -> str:
    """Return before and after of each changed field as JSON; people by what they were called."""
    if b'"show":' in line.body:
        named = {name: [named_in(value, line.named) for value in pair] for name, pair in event["changes"].items()}
        return _json(named).decode()
    # Canonical JSON has its keys in order, and no text in it has a quotation mark that is not escaped.
    start = line.body.index(b',"changes":') + len(b',"changes":')
    return line.body[start : line.body.rindex(b',"failure":')].decode()


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
