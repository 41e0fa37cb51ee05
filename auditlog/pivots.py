"""From one value of one entry to other entries: addresses of the log that every value leads to."""

from datetime import date, datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.utils import timezone

from .display import asked_in
from .filters import EntryFilterSet, Pairs
from .models import Entry
from .periods import CUSTOM, EARLIEST, Period

AROUND = timedelta(minutes=15)
MINUTE = timedelta(minutes=1)


class Link(NamedTuple):
    """A way on, drawn as an icon."""

    icon: str
    label: str
    url: str


class Pivots:
    """The ways from an entry to others like it, out of what is looked at now. Takes a filter that is in order."""

    def __init__(self, path: str, filters: EntryFilterSet, kept_since: datetime) -> None:
        self.path, self.filters, self.kept_since = path, filters, kept_since
        self.period: Period = filters.chosen["period"]

    def to_value(self, entry: Entry, name: str, value: str, what: str) -> list[Link]:
        """Return the ways to entries with this value, and to all that have another."""
        if self.period.begins <= entry.time < self.period.ends:
            only = self._at(self.filters.including(name, value))
        else:  # On its own page an entry may be out of the dates: those since then have it in.
            only = self._address(self._with(name, value), self._since(entry.time))
        return [
            Link("funnel-plus", f"Show only this {what}", only),
            Link("funnel-x", f"Hide this {what}", self._at(self.filters.excluding(name, value))),
        ]

    def around(self, entry: Entry, name: str, value: str, what: str) -> Link:
        """Return the way to all with this value ("by this actor") a quarter of an hour before and after."""
        minute = entry.time.replace(second=0, microsecond=0)
        period = Period.between(minute - AROUND, minute + AROUND + MINUTE, self.period.zone)
        return Link("clock", f"15 minutes before and after, {what}", self._address([(name, value)], period, entry))

    def to_history(self, target: str, what: str) -> Link:
        """Return the way to all entries of a resource, whatever is filtered now."""
        return Link("history", f"History of this {what}", self._address([("target", target)], self._since_kept()))

    def to_request(self, entry: Entry) -> Link:
        """Return the way to all entries of a request, whatever is filtered now."""
        here = self.period.begins <= entry.time < self.period.ends
        period = self.period if here else self._since(entry.time)
        return Link("layers", "Everything of this request", self._address([("request", entry.request_id)], period))

    def _with(self, name: str, value: str) -> Pairs:
        """The filters of now, those of one field replaced."""
        narrowing = self.filters.narrowing.items()
        others = [(parameter, each) for parameter, values in narrowing for each in values]
        return [*(pair for pair in others if pair[0].lstrip("-") != name), (name, value)]

    def _since(self, time: datetime) -> Period:
        day, today = time.astimezone(self.period.zone).date(), _today(self.period.zone)
        return Period(CUSTOM, day, max(day, today), self.period.zone)

    def _since_kept(self) -> Period:
        zone = self.period.zone
        return Period(CUSTOM, max(EARLIEST, self.kept_since.astimezone(zone).date()), _today(zone), zone)

    def _address(self, filters: Pairs, period: Period, opened: Entry | None = None) -> str:
        state = [*asked_in(self.filters.data), *([("event", str(opened.id))] if opened else [])]
        return self._at(urlencode([*filters, *period.as_query().items(), *state]))

    def _at(self, query: str) -> str:
        return f"{self.path}?{query}" if query else self.path


def _today(zone: ZoneInfo) -> date:
    return timezone.now().astimezone(zone).date()
