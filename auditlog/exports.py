"""The log as a file: exactly what is filtered, in the order of the page, in constant memory.

An export leaves two entries. The first is written before the first byte leaves: who, which filter, which format. The
second says how it ended: how many entries and bytes were handed out, and the SHA-256 of the bytes; for a download that
broke off it is a failure. An export with one entry only is under way, or its server died. Both are entries like any
other, so the log itself vouches for the file: the manifest is read from them, and nothing else keeps it.

Of a batch only the small bodies are read at once, and each large one when its turn comes: an export takes as much
memory as a batch of small ones and the largest of all, several times over, and no more.

Each batch is read through a connection won anew. When that fails status 200 has left long ago, so a database that does
not answer is asked again for a while: an export outlives its restart, and pages that hold all connections.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from threading import BoundedSemaphore
from typing import Any, TypeVar
from uuid import UUID

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Func, TextField, Value
from django.utils import timezone

from accounts.models import Member
from controlcenter import replica
from controlcenter.context import Context, NotRecorded, current
from controlcenter.fence import within
from controlcenter.operations import Operation
from controlcenter.pooling import does_not_answer, lend

from . import unrecorded
from .canonical import timestamp
from .events import Event, Target
from .export_formats import Format, Line, People
from .fetching import ID, SMALL_BODY, Row, fetched, large_body
from .models import Entry
from .querysets import EntryQuerySet
from .recorder import record_events
from .sentences import sentence_for

BATCH = 4_000
"""Entries that are in memory at once, mostly some 10 MB: in batches of 2,000 each takes a tenth longer."""
MOST_AT_ONCE = 2
"""How many exports one process hands out at a time: the other threads are left to everybody else."""
COME_BACK = 30  # seconds
PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Seconds before each time that a database which did not answer is asked again. A restart takes a few."""

COLUMNS = (
    ID,
    SMALL_BODY,
    Func("leaf", Value("hex"), function="encode", output_field=TextField()),
    F("subject_id"),
)

T = TypeVar("T")

_places = BoundedSemaphore(MOST_AT_ONCE)


class TooMany(Exception):  # noqa: N818
    """As many exports as may be are under way in this process."""

    code = "too_many_exports"
    sentence = f"The server is handing out {MOST_AT_ONCE} exports already. Try again in half a minute."


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
    behind: bool = False
    """Whether it is read from a replica, which had all of it when it began."""

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
            TooMany: when it has to wait for others to end.
            NotRecorded: when the log does not take the entry.
        """
        if not _places.acquire(blocking=False):
            raise TooMany
        try:
            return self._started()
        except BaseException:
            _places.release()
            raise

    def _started(self) -> Iterator[bytes]:
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
        self.behind = replica.has_caught_up()
        pieces = self._bytes(entries)
        next(pieces)  # Only what has begun notices that nobody takes any of it.
        return pieces

    def _bytes(self, entries: EntryQuerySet) -> Iterator[bytes]:
        """Yield the file in pieces, and record how it ended: also when nobody takes the rest of it."""
        code, sentence = "internal_error", "The server could not finish it."
        try:
            yield b""
            for piece in self.format.pieces(self._lines(entries)):
                self.digest.update(piece)
                self.size += len(piece)
                lend()  # Who takes it may be slow.
                yield piece
            code = ""
        except GeneratorExit:
            code, sentence = "broken_off", "The download was broken off before its end."
            raise
        finally:
            _places.release()
            self._end(code, sentence)

    def _lines(self, entries: EntryQuerySet) -> Iterator[list[Line]]:
        beyond: UUID | None = None
        people = People()
        while rows := self._read(partial(self._part, entries, beyond)):
            for some in self._whole(rows):
                self.count += len(some)
                yield _patiently(partial(people.introduce, some))
            if len(rows) < BATCH:
                return
            beyond = UUID(rows[-1][0])

    def _whole(self, rows: list[Row]) -> Iterator[list[Row]]:
        """Yield rows with their bodies, in order: those with a large one one by one."""
        for is_large, some in groupby(rows, key=lambda row: row[1] is None):
            if not is_large:
                yield list(some)
                continue
            for entry_id, _, leaf, subject_id in some:
                # One that is gone was so old that retention has removed it meanwhile.
                ask = partial(large_body, self.member.account_id, entry_id)
                yield [(entry_id, body, leaf, subject_id) for (body,) in self._read(ask)]

    def _part(self, entries: EntryQuerySet, beyond: UUID | None) -> Any:
        return entries.part(BATCH, beyond=beyond, ascending=self.ascending).values_list(*COLUMNS)

    def _read(self, ask: Callable[[], Any]) -> list[Row]:
        """Return what is asked for. Asked is inside the fence as well: texts are looked for before a query is made."""

        def look() -> list[Row]:
            return replica.read(lambda: fetched(ask())) if self.behind else fetched(ask())

        with within(self.member.account_id):  # What is streamed leaves when the page has ended.
            return _patiently(look)

    def _end(self, code: str, sentence: str) -> None:
        outcome: dict[str, Any] = {"entries": self.count, "bytes": self.size}
        if not code:
            outcome["sha256"] = self.digest.hexdigest()
        try:
            _patiently(connection.ensure_connection)
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


def _patiently(look: Callable[[], T]) -> T:
    """Return what ``look`` reads, which must do nothing else: it is called again while the database does not answer."""
    for pause in PAUSES:
        try:
            return look()
        except (OperationalError, InterfaceError) as error:
            if not does_not_answer(error):
                raise
        if not connection.in_atomic_block:
            connection.close()  # The next try begins with a new one.
        time.sleep(pause)
    return look()
