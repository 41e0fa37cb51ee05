"""Two entries of one resource: what differs between the states that each of them left."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .fields import TARGET_KINDS
from .models import Entry
from .presentation import Change, change_of, subjects_in
from .querysets import EntryQuerySet

MOST_BETWEEN = 500
"""Entries between the two that are read. Each may have changed a field that neither of the two did."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two entries of one resource say of it; ``earlier`` took place first."""

    earlier: Entry
    later: Entry
    differing: Sequence[Change]
    """The fields that the two states differ in."""
    equal: Sequence[Change]
    """The fields that were changed meanwhile, and are in both states the same."""
    between: int
    """How many entries of the resource were read that lie between them."""
    complete: bool
    """Whether these are all."""


def resource_of(entry: Entry) -> list[tuple[str, str]]:
    """Return what an entry is about: a thing with all that it belongs to. A role is no part of who has it."""
    targets = ((target["type"], target.get("id", "")) for target in entry.event["targets"])
    return [target for target in targets if target[0] != "role"]


def is_comparable(entry: Entry) -> bool:
    """Whether an entry is about a resource, which other entries can be about, too."""
    resource = resource_of(entry)
    return bool(resource) and all(kind in TARGET_KINDS and public_id for kind, public_id in resource)


def others_of(entries: EntryQuerySet, entry: Entry) -> EntryQuerySet:
    """Return the other entries about the same resource."""
    return entries.about(resource_of(entry)).exclude(id=entry.id)


def compare(entries: EntryQuerySet, one: Entry, other: Entry) -> Comparison:
    """Compare what two entries left, in two queries.

    An entry tells changed fields only. What one of the two does not tell is told by the entries between: a field's
    value after the earlier is what the first later change found, and its value after the later what the last change
    until then left.
    """
    earlier, later = sorted((one, other), key=lambda entry: entry.id)
    between = entries.about(resource_of(one)).filter(id__gt=earlier.id, id__lt=later.id).order_by("id")
    read = list(between[: MOST_BETWEEN + 1])
    history = [*read[:MOST_BETWEEN], later]
    subjects = subjects_in(entry.event["changes"] for entry in (earlier, *history))
    values = sorted(_values(earlier, history).items())
    fields = [change_of(name, before, after, subjects) for name, (before, after) in values]
    return Comparison(
        earlier,
        later,
        [field for field in fields if field.before != field.after],
        [field for field in fields if field.before == field.after],
        len(history) - 1,
        len(read) <= MOST_BETWEEN,
    )


def _values(earlier: Entry, history: Iterable[Entry]) -> dict[str, list[Any]]:
    """Return the value of each field after the earlier entry, and after the last of those that follow."""
    values = {name: [after, after] for name, (_, after) in earlier.event["changes"].items()}
    for entry in history:
        for name, (before, after) in entry.event["changes"].items():
            values.setdefault(name, [before, after])[1] = after
    return values
