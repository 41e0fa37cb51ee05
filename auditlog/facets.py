"""What the entries shown could be narrowed by: for each field its most frequent values, and how many have them.

Counted are the newest entries, up to a limit, in one statement. What a field is narrowed by already does not count for
itself: one sees what else could be chosen beside it.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet

from controlcenter import replica
from controlcenter.operations import Operation

from .fields import FAMILIES, FIELDS, STATUSES
from .filters import NARROWING, EntryFilterSet
from .models import ACTOR_KINDS

COUNT_LIMIT = 2_500
"""Entries that are counted: to read 10,000 takes 15 ms of processor time, a fifth of the page."""
PATIENCE = timedelta(milliseconds=60)
"""For how long entries are looked through for a text, for all facets together. Each field that is narrowed has to be
counted without itself, so that with a frequent text and three other filters the log was read four times: seconds."""
SHOWN = 6
"""Values of a field that are seen at once; the rest opens."""
MOST = 60
MOST_OF = {"operation": 200, "type": 500}
"""Of these all are needed: they are added up."""
COLUMNS = (
    "id",
    "app_id",
    "actor_id",
    "actor_kind",
    "operation",
    "success",
    "source_ip",
    "token",
    "targets",
    "subject_id",
)
KINDS = {number: kind for kind, number in ACTOR_KINDS.items()}

COUNTED = {
    "status": "success",
    "operation": "operation",
    "type": "jsonb_path_query_array(targets, '$[*].type')",
    "actor": "actor_id",
    "actor_type": "actor_kind",
    "app": "app_id",
    "ip": "source_ip",
    "token": "token",
}
"""The facets, in the order in which they are shown, and what is counted for each."""

WRITTEN = {"ip": "host(value)"}
"""How the counted are written, where it is not as they are."""

NAMED = {
    "actor": (
        "max(subject_id)",
        "(SELECT concat_ws(E'\\n', slug, first_name || ' ' || last_name) FROM auditlog_subject WHERE id = naming)",
    ),
    "token": (
        "(array_agg(id))[1]",
        "(SELECT convert_from(body, 'UTF8')::jsonb #>> '{{actor,token_name}}' FROM auditlog_entry"
        " WHERE account_id = {account} AND auditlog_entry.id = naming)",
    ),
}
"""How a value is called, where it does not tell: as in an entry that has it, kept as ``naming``."""

TYPED = {"ip": "Address or network", "request": "Request ID"}
"""Fields with too many values to list all: what can be typed."""


class Row(NamedTuple):
    """One counted value."""

    value: str
    name: str | None
    entries: int


class Choice(NamedTuple):
    """A value that can be chosen, and how it is now."""

    value: str
    label: str
    entries: str
    """How many entries have it."""
    included: bool
    excluded: bool
    only_query: str
    """The query that asks for this value alone, or no longer for it."""
    hide_query: str
    """The query that leaves the value out, or no longer does."""


@dataclass(slots=True)
class Facet:
    """One field, and what can be chosen of it."""

    name: str
    """What an address calls the field."""
    label: str
    choices: list[Choice] = field(default_factory=list)
    typed: str = ""
    """What can be typed, beside the values listed."""
    key: str = ""
    """What tells it from another facet of the same field."""

    @property
    def first(self) -> list[Choice]:
        """The choices that are seen at once: those made, and the most frequent."""
        return self.choices[: max(SHOWN, self.chosen)]

    @property
    def more(self) -> list[Choice]:
        """The other ones."""
        return self.choices[max(SHOWN, self.chosen) :]

    @property
    def chosen(self) -> int:
        """How many values are included or excluded."""
        return sum(choice.included or choice.excluded for choice in self.choices)


def facets_of(filters: EntryFilterSet) -> dict[str, Any]:
    """Return what the rail shows: one query. Of a filter that is wrong nothing but what was asked for, to be kept."""
    if not filters.is_valid():
        asked = [(name, value) for name in NARROWING if name != "app" for value in filters.data.getlist(name)]
        return {"facets": [], "unlisted": asked}
    rows, capped = _count(filters, tuple(COUNTED))
    facets = [_facet(filters, name, rows, name in capped) for name in (*COUNTED, "request")]
    facets[1:2] = _families_apart(facets[1])
    listed = {parameter for facet in facets if facet.choices for parameter in (facet.name, f"-{facet.name}")}
    return {
        "facets": [facet for facet in facets if facet.choices or facet.typed],
        "unlisted": [pair for pair in filters.pairs if pair[0] not in listed],
        "counted": _told(filters) if capped else "",
    }


def _told(filters: EntryFilterSet) -> str:
    """Return what was counted when that was not all: for a text there may have been no time for as many."""
    return "the newest entries" if "text" in filters.narrowing else f"the newest {COUNT_LIMIT:,} entries"


def _families_apart(operations: Facet) -> list[Facet]:
    """Return the facet of operations as two: families of them, and each by itself."""
    families = [choice for choice in operations.choices if choice.value in FAMILIES]
    each = [choice for choice in operations.choices if choice.value not in FAMILIES]
    family = Facet(operations.name, "Operation family", families, key="family")
    return [family, Facet(operations.name, operations.label, each)]


def facet_of(filters: EntryFilterSet, name: str) -> Facet:
    """Return what can be chosen of one field: one query; nothing of what is not counted, or for a wrong filter."""
    if name not in COUNTED or not filters.is_valid():
        return Facet(name, FIELDS[name].label)
    rows, capped = _count(filters, (name,))
    return _facet(filters, name, rows, name in capped)


def _facet(filters: EntryFilterSet, name: str, rows: dict[str, list[Row]], capped: bool) -> Facet:
    choices = list(_choices(filters, name, rows.get(name, []), capped))
    return Facet(name, FIELDS[name].label, choices, TYPED.get(name, ""))


def _count(filters: EntryFilterSet, names: Sequence[str]) -> tuple[dict[str, list[Row]], set[str]]:
    """Return the rows of some facets, and those facets for which there are more entries than were counted."""
    active = {parameter.lstrip("-") for parameter in filters.narrowing}
    bases = {"": [name for name in names if name not in active], **{name: [name] for name in names if name in active}}
    bases = {base: counted for base, counted in bases.items() if counted}
    tables: list[str] = []
    counts: list[str] = []
    params: list[Any] = []
    for place, (base, counted) in enumerate(bases.items(), start=1):
        table = f"newest_{place}"
        try:
            sql, given = _newest(filters, base, PATIENCE * place / len(bases))
        except EmptyResultSet:  # Nothing can match, Django says, without asking.
            continue
        tables.append(f"{table} AS MATERIALIZED ({sql})")
        params += given
        counts += [_count_of(name, table, filters.scope.account.pk) for name in counted]
        # Those that nobody had time for are as good as more than were counted.
        total = f"CASE WHEN bool_or(unread) THEN {COUNT_LIMIT + 1} ELSE count(*) END"
        counts.append(f"(SELECT '', '{base}', NULL, {total} FROM {table})")  # noqa: S608
    if not counts:
        return {}, set()
    found: dict[str, list[Row]] = {}
    for name, *row in replica.rows(f"WITH {', '.join(tables)} {' UNION ALL '.join(counts)}", params):
        found.setdefault(name, []).append(Row(*row))
    totals = found.pop("", [])
    return found, {name for total in totals if total.entries > COUNT_LIMIT for name in bases[total.value]}


def _newest(filters: EntryFilterSet, without: str, until: timedelta) -> tuple[str, Any]:
    """Return SQL for the newest entries of what was asked for, but for one field."""
    texts = filters.narrowing.get("text", ())
    entries = filters.entries_without(without, patience=until if texts else None)
    marked = entries.part(COUNT_LIMIT + 1).marking_unread(*texts)
    sql, params = marked.values(*COLUMNS, "unread").query.sql_with_params()
    return sql, params


def _count_of(facet: str, table: str, account_id: int) -> str:
    naming, name = NAMED.get(facet, ("NULL", "NULL"))
    # Counted as they are stored, and written afterwards: to write each of thousands first takes three times as long.
    return (
        f"(SELECT '{facet}', {WRITTEN.get(facet, 'value::text')}, {name.format(account=int(account_id))}, entries FROM"  # noqa: S608
        f" (SELECT {COUNTED[facet]} AS value, {naming} AS naming, count(*) AS entries FROM {table} WHERE NOT unread"
        f" GROUP BY 1) AS counted WHERE value IS NOT NULL ORDER BY entries DESC, 2 LIMIT {MOST_OF.get(facet, MOST)})"
    )


def _choices(filters: EntryFilterSet, name: str, rows: list[Row], capped: bool) -> Iterator[Choice]:
    """The values chosen already, then the others by how frequent they are."""
    included, excluded = filters.narrowing.get(name, []), filters.narrowing.get(f"-{name}", [])
    counted = {value: (label, count) for value, label, count in _values(filters, name, rows)}
    for value in [*included, *excluded, *(value for value in counted if value not in {*included, *excluded})]:
        label, count = counted.get(value, ("", 0))
        unknown = not count and (capped or len(rows) >= MOST or _is_group(name, value))
        yield Choice(
            value,
            label or FIELDS[name].shown(filters.scope, value),
            "" if unknown else f"{count:,}{'+' if capped and count else ''}",
            value in included,
            value in excluded,
            filters.dropping(name, value) if value in included else filters.including(name, value),
            filters.dropping(f"-{name}", value) if value in excluded else filters.excluding(name, value),
        )


def _is_group(name: str, value: str) -> bool:
    """Whether a value stands for several that are counted each by itself."""
    return name == "ip" and "/" in value


def _values(filters: EntryFilterSet, name: str, rows: list[Row]) -> Iterator[tuple[str, str, int]]:
    """Yield counted values as an address has them, with what they are called; "" where the field says it."""
    match name:
        case "status":
            counts = {value == "true": count for value, _, count in rows}
            yield from ((status, "", counts.get(status == "success", 0)) for status in STATUSES)
        case "operation":
            operations = [(Operation(int(value)), count) for value, _, count in rows]
            families = Counter[str]()
            for operation, count in operations:
                families[operation.family.name.lower()] += count
            yield from ((family, "", count) for family, count in families.most_common())
            yield from ((operation.name, "", count) for operation, count in operations)
        case "actor_type":
            yield from ((str(KINDS[int(value)]), "", count) for value, _, count in rows)
        case "type":
            yield from _types(rows)
        case "app":
            apps = {str(app_id): option for option in filters.scope.apps.values() for app_id in option.app_ids}
            yield from ((apps[value].slug, apps[value].name, count) for value, _, count in rows if value in apps)
        case "actor":
            for _, named, count in rows:
                slug, _, full_name = (named or "").partition("\n")
                if slug:
                    yield slug, full_name.strip() or slug, count
        case _:
            yield from ((value, label or "", count) for value, label, count in rows)


def _types(rows: list[Row]) -> Iterator[tuple[str, str, int]]:
    """Yield kinds of targets; they are counted by which of them an entry has together."""
    counts: dict[str, int] = {}
    for together, _, count in rows:
        for kind in set(json.loads(together)):
            counts[kind] = counts.get(kind, 0) + count
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    yield from ((kind, "", count) for kind, count in ordered)
