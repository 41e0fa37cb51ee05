"""How the log is shown: columns, density, order, times and zone.

What the address says counts, then what the person chose last, then the defaults: a shared link shows what it showed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from django.http import QueryDict
from django.utils import timezone

from accounts.models import User

from .models import DisplayPreference
from .tables import EntryTable

CHOICES = {"density": ("comfortable", "compact"), "time": ("absolute", "relative"), "sort": ("desc", "asc")}
"""Parameters of the address and what they can be; the first goes without saying."""
COLUMN = "col"
ALWAYS = "when"
UNFOLDED = ("fold", "off")
"""Shows each entry on a line of its own; only asked for, never remembered."""
AS_TABLE = ("histogram", "table")
"""Shows the histogram as a table; the same."""
PARAMETERS = (*CHOICES, COLUMN)

UNITS = ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"))


@dataclass(frozen=True, slots=True)
class Display:
    """How one page of the log is shown."""

    density: str
    time: str
    sort: str
    columns: tuple[str, ...]
    """Their names, in the order of the table, without the time, which is always there."""

    @classmethod
    def of(cls, query: Mapping[str, Any], preference: DisplayPreference) -> Self:
        """Return what a query asks for, completed by what the person chose."""
        asked = dict(asked_in(query))
        columns = columns_in(query)
        chosen = {name: asked.get(name, getattr(preference, name)) for name in CHOICES}
        return cls(**chosen, columns=tuple(preference.columns) if columns is None else columns)

    @property
    def ascending(self) -> bool:
        """Whether the oldest entry comes first."""
        return self.sort == "asc"

    def as_query(self) -> list[tuple[str, str]]:
        """Return parameters that ask for exactly this, whoever looks."""
        return [*((name, getattr(self, name)) for name in CHOICES), *((COLUMN, name) for name in _named(self.columns))]

    def table(self) -> EntryTable:
        """Return the table with the columns that are shown."""
        return EntryTable([], exclude=[name for name in EntryTable.base_columns if not self.shows[name]])

    @property
    def shows(self) -> dict[str, bool]:
        """Whether each column is shown."""
        return {name: name == ALWAYS or name in self.columns for name in EntryTable.base_columns}

    def ago(self, moment: datetime, now: datetime) -> str:
        """Return how long ago something was; "" where times are absolute."""
        return ago(moment, now) if self.time == "relative" else ""


def preference_of(user: User) -> DisplayPreference:
    """Return what a person chose last; the defaults for who chose nothing. No query: it is loaded with the person."""
    try:
        return user.display
    except DisplayPreference.DoesNotExist:
        return DisplayPreference(user=user)


def asked_in(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return how a query wants the log shown, in a fixed order; links to the log keep it."""
    chosen = [(name, query[name]) for name in CHOICES if query.get(name) in CHOICES[name]]
    chosen += [(name, value) for name, value in (UNFOLDED, AS_TABLE) if query.get(name) == value]
    columns = columns_in(query)
    return chosen if columns is None else [*chosen, *((COLUMN, name) for name in _named(columns))]


def columns_in(query: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the columns that a query names, in the order of the table; None when it names none."""
    names = query.getlist(COLUMN) if isinstance(query, QueryDict) else query.get(COLUMN, [])
    return ordered(names) if any(name in EntryTable.base_columns for name in names) else None


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Return the columns among some names, in the order of the table, without the one that is always shown."""
    named = set(names)
    return tuple(name for name in EntryTable.base_columns if name in named and name != ALWAYS)


def mistakes_in(query: Mapping[str, Any]) -> list[str]:
    """Say which parameters name a way to show the log that there isn't."""
    known = {**CHOICES, COLUMN: tuple(EntryTable.base_columns)}
    asked = [(name, value) for name in known if name in query for value in _values(query, name)]
    return [
        f"{name}={value} is none: {', '.join(known[name])} are." for name, value in asked if value not in known[name]
    ]


def enter_own_zone(preference: DisplayPreference) -> None:
    """Show times in the zone that the person chose for the log, from here to the end of the request."""
    if preference.zone:
        timezone.activate(ZoneInfo(preference.zone))


def ago(moment: datetime, now: datetime) -> str:
    """Return how long ago something was, in the largest unit that fits."""
    passed = now - moment
    for unit, name in UNITS:
        if passed >= unit:
            count = passed // unit
            return f"{count} {name}{'' if count == 1 else 's'} ago"
    return "just now"


def _named(columns: tuple[str, ...]) -> tuple[str, ...]:
    """Return what an address calls some columns: none at all are called by the one that is always there."""
    return columns or (ALWAYS,)


def _values(query: Mapping[str, Any], name: str) -> list[str]:
    return query.getlist(name) if isinstance(query, QueryDict) else [query[name]]
