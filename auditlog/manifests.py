"""What the log says of the files that were taken from it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .canonical import timestamp
from .export_formats import COLUMNS, Format
from .models import Entry
from .presentation import ERASED

NOTES = {
    Format.CSV: "UTF-8 with a byte order mark; every value is quoted. A value that begins with = + - @, a tab, a line "
    "break or an apostrophe has an apostrophe before it, so that no spreadsheet takes it for a formula: take one "
    "leading apostrophe away to have it as it is stored.",
    Format.NDJSON: "One entry on each line.",
    Format.JSON: "One list of entries.",
}
LEAVES = (
    "The leaf of an entry is SHA-256 of a zero byte and the bytes of its event, which stand in JSON and NDJSON exactly "
    "as they are stored."
)


@dataclass(slots=True)
class Manifest:
    """One export, as its entries tell of it: the one of its beginning and, once there is one, that of its end."""

    began: Entry
    ended: Entry | None

    @property
    def id(self) -> str:
        """Which export."""
        return str(self._target("export")["id"])

    @property
    def file_name(self) -> str:
        """What the file was called."""
        return str(self._target("export")["name"])

    @property
    def query(self) -> str:
        """What it was filtered by, as an address; "" for nothing."""
        return str((self._target("filter") or {}).get("id", ""))

    @property
    def person(self) -> str:
        """Who took it."""
        subject = self.began.subject
        return (subject.full_name if subject else "") or ERASED

    @property
    def time(self) -> datetime:
        """When it began."""
        return self.began.time

    @property
    def state(self) -> str:
        """How it stands: complete, broken_off, internal_error, or unfinished while the log does not know."""
        if self.ended is None:
            return "unfinished"
        failure = self.ended.event["failure"]
        return str(failure["code"]) if failure else "complete"

    @property
    def complete(self) -> bool:
        """Whether all of it was handed out."""
        return self.state == "complete"

    def told(self, name: str) -> Any:
        """Return what the entries say of one thing; None when they say nothing."""
        for entry in (self.ended, self.began):
            if entry and name in entry.event["changes"]:
                return entry.event["changes"][name][1]
        return None

    @property
    def entries(self) -> int | None:
        """How many entries were handed out."""
        count: int | None = self.told("entries")
        return count

    @property
    def sha256(self) -> str:
        """The digest of the file; "" for one that is not complete."""
        return self.told("sha256") or ""

    def as_json(self) -> dict[str, Any]:
        """Return the manifest as a program reads it."""
        kind, actor, subject = Format(self.told("format")), self.began.event["actor"], self.began.subject
        return {
            "export": self.id,
            "file": self.file_name,
            "format": kind,
            "state": self.state,
            "entries": self.entries,
            "bytes": self.told("bytes"),
            "sha256": self.sha256 or None,
            "account": self.told("account"),
            "filter": self.query,
            "from": self.told("from"),
            "before": self.told("before"),
            "order": self.told("order"),
            "exported_by": {
                "type": actor["type"],
                "id": actor.get("id", ""),
                "name": self.person,
                "email": subject.email if subject else "",
            },
            "began": timestamp(self.time),
            "ended": timestamp(self.ended.time) if self.ended else None,
            "log": [{"entry": str(entry.id), "leaf": bytes(entry.leaf).hex()} for entry in self._entries],
            "columns": COLUMNS if kind is Format.CSV else ["id", "leaf", "person", "named", "event"],
            "notes": [NOTES[kind], LEAVES],
        }

    @property
    def _entries(self) -> list[Entry]:
        return [entry for entry in (self.began, self.ended) if entry]

    def _target(self, kind: str) -> dict[str, Any]:
        return next((target for target in self.began.event["targets"] if target["type"] == kind), {})


def manifest_of(entries: Sequence[Entry]) -> Manifest:
    """Return the manifest of an export, from its entries in order."""
    return Manifest(entries[0], entries[1] if entries[1:] else None)


def manifests_of(entries: Iterable[Entry]) -> list[Manifest]:
    """Return the manifests of exports, from the newest of their entries; of those only whose beginning is there."""
    of_one: dict[str, list[Entry]] = {}
    for entry in entries:
        ids = [target["id"] for target in entry.targets if target["type"] == "export"]
        for export_id in ids:
            of_one.setdefault(export_id, []).insert(0, entry)
    return [manifest_of(found) for found in of_one.values() if "format" in found[0].event["changes"]]
