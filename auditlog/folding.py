"""Lines of a page that say much the same, drawn as one: what one request did, and what repeats within a minute."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from .models import Entry
from .presentation import Row

MORE_THAN = 20
"""So many alike are not folded yet."""
WITHIN = timedelta(minutes=1)


@dataclass(slots=True)
class Fold:
    """One line in place of several. It is drawn as the first of them, but for what it says."""

    row: Row
    count: int
    label: str
    sentence: str
    failed: int


def fold_rows(rows: Sequence[Row], entries: Sequence[Entry]) -> bool:
    """Fold what belongs together among the rows of a page, and say whether anything was. None is taken away.

    Who looks at one of them, in place or in the panel, sees them all.
    """
    start, folded = 0, False
    while start < len(rows):
        request, repeats = _of_one_request(entries, start), _alike(entries, start)
        end = max(request, repeats if repeats - start > MORE_THAN else start)
        together = rows[start:end]
        if len(together) > 1 and not any(row.open or row.in_panel for row in together):
            rows[start].fold = _of_request(together) if end == request else _of_repeats(together)
            for row in together:
                row.folded = True
            folded = True
        start = max(end, start + 1)
    return folded


def _of_one_request(entries: Sequence[Entry], start: int) -> int:
    """Return where the entries of the same request end."""
    request, end = _request(entries[start]), start + 1
    while entries[start].request_id and end < len(entries) and _request(entries[end]) == request:
        end += 1
    return end


def _request(entry: Entry) -> tuple[Any, ...]:
    """What entries of one request share. Its id alone won't do: whoever asks may choose that."""
    return entry.request_id, entry.actor_id, entry.actor_kind, entry.token, entry.source_ip


def _alike(entries: Sequence[Entry], start: int) -> int:
    """Return where the entries end that are alike and lie within a minute."""
    first, kind, end = entries[start], _kind(entries[start]), start + 1
    while end < len(entries) and _kind(entries[end]) == kind and abs(entries[end].time - first.time) < WITHIN:
        end += 1
    return end


def _kind(entry: Entry) -> tuple[Any, ...]:
    """What has to be the same for entries to be alike."""
    return entry.actor_id, entry.actor_kind, entry.token, entry.operation, entry.success, entry.source_ip


def _of_request(rows: Sequence[Row]) -> Fold:
    counts = Counter(row.label for row in rows)
    labels = (f"{label} ×{count}" if count > 1 else label for label, count in counts.items())
    return _fold(rows, f"{len(rows)} entries of one request", ", ".join(labels))


def _of_repeats(rows: Sequence[Row]) -> Fold:
    first = rows[0]
    origin = f"from {first.source_ip} " if first.source_ip else ""
    return _fold(rows, f"{len(rows)} × {first.label}", f"{origin}in 1 minute")


def _fold(rows: Sequence[Row], label: str, sentence: str) -> Fold:
    return Fold(rows[0], len(rows), label, sentence, sum(not row.success for row in rows))
