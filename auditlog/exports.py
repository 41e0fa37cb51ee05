"""The log as a file: exactly what is filtered, in the order of the page, in constant memory.

An export leaves two entries. The first is written before the first byte leaves: who, which filter, which format. The
second says how it ended: how many entries and bytes were handed out, and the SHA-256 of the bytes; for a download that
broke off it is a failure. An export with one entry only is under way, or its server died. Both are entries like any
other, so the log itself vouches for the file: the manifest is read from them, and nothing else keeps it.
"""

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connection, transaction
from django.utils import timezone
from psycopg import ClientCursor, Cursor

from accounts.models import Member
from controlcenter.context import Context, NotRecorded, current
from controlcenter.fence import tell_transaction, within
from controlcenter.operations import Operation

from . import unrecorded
from .canonical import timestamp
from .events import Event, Target
from .export_formats import Format, Line, People
from .models import Entry
from .querysets import EntryQuerySet
from .recorder import record_events
from .sentences import sentence_for

BATCH = 2_000
"""Entries that are in memory at once: about 4 MB."""


@dataclass(slots=True)
class Export:
    """One download: what is in it, and what became of it."""

    member: Member
    format: Format
    entries: EntryQuerySet
    query: str
    begins: datetime
    ends: datetime
    ascending: bool = False
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    context: Context = field(default_factory=current)
    count: int = 0
    size: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    @property
    def file_name(self) -> str:
        """What the file is called: whose log, the first and last day, and which export it was."""
        days = f"{self.begins:%Y-%m-%d}-to-{self.ends - timedelta(microseconds=1):%Y-%m-%d}"
        return f"{self.member.account.slug}-log-{days}-{self.id}.{self.format.value}"

    def begin(self) -> Iterator[bytes]:
        """Record that it begins, and return its bytes. Nothing may leave before that entry is in the log.

        It ends with the entry that is the newest now. Not by transaction ids: those of a log that was restored into
        another cluster say nothing there, and entries would be missing.

        Raises:
            NotRecorded: when the log does not take the entry.
        """
        timeline = Entry.objects.for_account(self.member.account_id).newest_first()
        newest = timeline.values_list("id", flat=True).first()
        entries = self.entries.filter(id__lte=newest) if newest else self.entries.none()
        asked = {
            "account": self.member.account.slug,
            "format": self.format.value,
            "from": timestamp(self.begins),
            "before": timestamp(self.ends),
            "order": "oldest first" if self.ascending else "newest first",
        }
        with transaction.atomic():
            record_events([self._event(asked)])
        return self._bytes(entries)

    def _bytes(self, entries: EntryQuerySet) -> Iterator[bytes]:
        """Yield the file in pieces, and record how it ended: also when nobody takes the rest of it."""
        code, sentence = "internal_error", "The server could not finish it."
        try:
            for piece in self.format.pieces(self._lines(entries)):
                self.digest.update(piece)
                self.size += len(piece)
                yield piece
            code = ""
        except GeneratorExit:
            code, sentence = "broken_off", "The download was broken off before its end."
            raise
        finally:
            self._end(code, sentence)

    def _lines(self, entries: EntryQuerySet) -> Iterator[list[Line]]:
        beyond: UUID | None = None
        people = People()
        while rows := self._part(entries, beyond):
            self.count += len(rows)
            yield people.introduce(rows)
            if len(rows) < BATCH:
                return
            beyond = rows[-1][0]

    def _part(self, entries: EntryQuerySet, beyond: UUID | None) -> list[tuple[Any, ...]]:
        with within(self.member.account_id):  # What is streamed leaves when the page has ended.
            return _fetch(entries.part(BATCH, beyond=beyond, ascending=self.ascending))

    def _end(self, code: str, sentence: str) -> None:
        outcome: dict[str, Any] = {"entries": self.count, "bytes": self.size}
        if not code:
            outcome["sha256"] = self.digest.hexdigest()
        try:
            with transaction.atomic():
                record_events([self._event(outcome, "ended", code, sentence if code else "")])
        except (NotRecorded, DatabaseError, InterfaceError):
            # What has left can't be called back. Its first entry stays without a second.
            unrecorded.note("end of export %s NOT recorded: %s", self.id, outcome)

    def _event(self, told: dict[str, Any], kind: str = "", code: str = "", failure: str = "") -> Event:
        operation, label = Operation.LOG_EXPORT, self.format.label
        return Event(
            operation,
            self.member.account_id,
            timezone.now() if kind else self.context.at or timezone.now(),
            self.context,
            targets=[Target("export", self.id, self.file_name), *self._filter()],
            changes={name: [None, value] for name, value in told.items()},
            sentence=sentence_for(operation, self.query, label, kind=kind),
            code=code,
            failure=failure,
        )

    def _filter(self) -> list[Target]:
        return [Target("filter", self.query, self.query)] if self.query else []


def _fetch(entries: EntryQuerySet) -> list[tuple[Any, ...]]:
    """Return id, body, leaf and subject of entries; from the driver itself, in binary: three times as quick."""
    if entries.query.is_empty():
        return []
    sql, params = entries.values_list("id", "body", "leaf", "subject_id").query.sql_with_params()
    with transaction.atomic(), connection.wrap_database_errors:
        tell_transaction()
        statement = ClientCursor(connection.connection).mogrify(sql, params)
        return Cursor(connection.connection).execute(statement.encode(), binary=True).fetchall()
