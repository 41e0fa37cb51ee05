"""What could be written next in the query bar: fields, and values of a field."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from django.http import QueryDict

from accounts.models import Member, people_like
from controlcenter.operations import Operation

from .facets import facet_of
from .fields import ACTOR_TYPES, FAMILIES, FIELDS, STATUSES, TARGET_KINDS
from .filters import BAR, EntryFilterSet
from .language import Unfinished, unfinished, written_value

MOST = 8
GUESSED = ("actor", "app", "operation")
"""Fields whose values are found by a word alone."""
SHORTEST_GUESS = 2


class Suggestion(NamedTuple):
    """One line of the list, and the bar's text when it is taken."""

    mark: str
    label: str
    note: str
    text: str
    at: int
    """Where the cursor stands then."""


class Candidate(NamedTuple):
    """A value, what it is called, and how many entries have it, where that is known."""

    value: str
    label: str
    note: str = ""


def suggestions_for(member: Member, data: QueryDict, kept_since: Any) -> dict[str, Any]:
    """Return what could be written at the cursor: at most three queries."""
    text = data.get(BAR, "").replace("\0", "")
    cursor = int(at[:6]) if (at := data.get("at", "")).isdecimal() else len(text)
    here = unfinished(text, cursor)
    rest = data.copy()
    rest[BAR] = f"{here.before.rpartition(' ')[0]} {here.after}"
    rest.pop("at", None)
    filters = EntryFilterSet(rest, member, kept_since)
    if here.field in FIELDS:
        found = _matching(_candidates(filters, here.field, here.part), here.part)
        lines = [_value(here, "", candidate, here.field) for candidate in islice(found, MOST)]
        return {"heading": FIELDS[here.field].label, "suggestions": lines, "mention": ""}
    lines = [*_fields(here)]
    if not lines and len(here.part) >= SHORTEST_GUESS:
        lines = [line for name in GUESSED for line in _guesses(filters, here, name)][:MOST]
    return {"heading": "Filter by", "suggestions": lines, "mention": here.part}


def _fields(here: Unfinished) -> Iterator[Suggestion]:
    for field in FIELDS.values():
        if field.name.startswith(here.part.lower()):
            before = f"{here.before}{field.name}:"
            yield Suggestion(f"{field.name}:", "", field.hint, before + here.after, len(before))


def _guesses(filters: EntryFilterSet, here: Unfinished, name: str) -> Iterator[Suggestion]:
    found = _matching(_candidates(filters, name, here.part, counted=False), here.part)
    return (_value(here, f"{name}:", candidate, name) for candidate in islice(found, 3))


def _value(here: Unfinished, prefix: str, candidate: Candidate, name: str) -> Suggestion:
    before = f"{here.before}{prefix}{written_value(candidate.value)} "
    label = candidate.label if candidate.label == candidate.value else f"{candidate.value} {candidate.label}".strip()
    return Suggestion(f"{name}:", label, candidate.note, before + here.after.lstrip(), len(before))


def _candidates(filters: EntryFilterSet, name: str, part: str, *, counted: bool = True) -> Iterator[Candidate]:
    """Yield values that occur in the log as it is narrowed by the rest, most frequent first; then all others."""
    seen = set()
    for choice in facet_of(filters, name).choices if counted else ():
        seen.add(choice.value)
        entries = "entry" if choice.entries == "1" else "entries"
        yield Candidate(choice.value, choice.label, f"{choice.entries} {entries}")
    for candidate in _known(filters, name, part):
        if candidate.value not in seen:
            yield candidate


def _known(filters: EntryFilterSet, name: str, part: str) -> Iterable[Candidate]:
    """Yield values that could occur."""
    match name:
        case "app":
            return (Candidate(app.slug, app.name) for app in filters.scope.apps.values())
        case "actor":
            members = filters.scope.account.members.filter(people_like(part)).select_related("user").order_by("pk")
            return (Candidate(member.user.slug, member.user.full_name) for member in members[:MOST])
        case "operation":
            families = (Candidate(name, f"{family} (all)") for name, family in FAMILIES.items())
            return (*families, *(Candidate(operation.name, operation.label) for operation in Operation))
        case "token":
            return (Candidate(slug, token) for slug, token in filters.scope.token_names.items())
        case _:
            values = {"actor_type": ACTOR_TYPES, "status": STATUSES, "type": TARGET_KINDS}.get(name, ())
            if name == "target" and ":" not in part:
                return (Candidate(f"{kind}:", "") for kind in TARGET_KINDS)
            return (Candidate(value, FIELDS[name].shown(filters.scope, value)) for value in values)


def _matching(candidates: Iterable[Candidate], part: str) -> Iterator[Candidate]:
    part = part.lower()
    return (each for each in candidates if part in each.value.lower() or part in each.label.lower())
