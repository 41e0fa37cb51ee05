"""The dates that a page of the log covers: presets, custom ranges, and the zone their days are counted in."""

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.time_zones import UTC, valid_zone

DEFAULT_PRESET = "month"
CUSTOM = "custom"
EARLIEST = date(2000, 1, 1)
FURTHEST_AHEAD = timedelta(days=366)

PRESETS = {
    "today": "Today",
    "yesterday": "Yesterday",
    "7d": "Last 7 days",
    "14d": "Last 14 days",
    "30d": "Last 30 days",
    "month": "This billing month",
    "last-month": "Last billing month",
    "3m": "Last 3 months",
    "6m": "Last 6 months",
    CUSTOM: "Custom",
}


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days, both ends included, in one zone."""

    preset: str
    first: date
    last: date
    zone: ZoneInfo

    @property
    def begins(self) -> datetime:
        """The first moment of the first day."""
        return datetime.combine(self.first, time(), self.zone)

    @property
    def ends(self) -> datetime:
        """The first moment after the last day."""
        return datetime.combine(self.last + timedelta(days=1), time(), self.zone)

    @property
    def days(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1

    @property
    def from_date(self) -> str:
        """The first day as a date field wants it."""
        return self.first.isoformat()

    @property
    def to_date(self) -> str:
        """The last day as a date field wants it."""
        return self.last.isoformat()

    @property
    def preset_label(self) -> str:
        """What people call the preset."""
        return PRESETS[self.preset]

    @property
    def label(self) -> str:
        """The dates as people write them, without repeating month or year."""
        first, last = self.first, self.last
        end = f"{last:%b} {last.day}, {last.year}"
        if first == last:
            return end
        if (first.year, first.month) == (last.year, last.month):
            return f"{first:%b} {first.day} – {last.day}, {last.year}"
        start = f"{first:%b} {first.day}" if first.year == last.year else f"{first:%b} {first.day}, {first.year}"
        return f"{start} – {end}"

    def as_query(self) -> dict[str, str]:
        """Return the query parameters that ask for this period; defaults are left out."""
        query = {} if self.zone.key == implied_zone(self.preset).key == UTC else {"tz": self.zone.key}
        if self.preset == CUSTOM:
            return {"from": self.from_date, "to": self.to_date, **query}
        return query if self.preset == DEFAULT_PRESET else {"range": self.preset, **query}


def own_zone() -> ZoneInfo:
    """Return the zone that whoever looks has chosen."""
    return ZoneInfo(timezone.get_current_timezone_name())


def implied_zone(preset: str) -> ZoneInfo:
    """Return the zone of an address that names none.

    Today is the reader's own, but the days of a custom range are the same for all who are sent its address.
    """
    return ZoneInfo(UTC) if preset == CUSTOM else own_zone()


def preset_period(preset: str, now: datetime, zone: ZoneInfo) -> Period:
    """Return what a preset stands for at a moment; today is the last day of those that end now."""
    today = now.astimezone(zone).date()
    this_month = today.replace(day=1)
    match preset:
        case "today":
            first, last = today, today
        case "yesterday":
            first = last = today - timedelta(days=1)
        case "7d" | "14d" | "30d":
            first, last = today - timedelta(days=int(preset[:-1]) - 1), today
        case "month":
            first, last = this_month, today
        case "last-month":
            first, last = months_before(this_month, 1), this_month - timedelta(days=1)
        case "3m" | "6m":
            first, last = months_before(today, int(preset[:-1])) + timedelta(days=1), today
        case _:
            raise ValueError(preset)
    return Period(preset, first, last, zone)


def months_before(day: date, months: int) -> date:
    """Return the same day some months earlier, or that month's last day when it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


class PeriodWidget(forms.Widget):
    """Reads the parameters ``range``, ``from``, ``to`` and ``tz`` as one value."""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> dict[str, str]:
        """Return the four parameters, stripped; "" for a missing one."""
        return {part: (data.get(part) or "").strip() for part in ("range", "from", "to", "tz")}


class PeriodField(forms.Field):
    """Four parameters in, one ``Period`` out; nothing given is the default period."""

    widget = PeriodWidget

    def clean(self, value: dict[str, str]) -> Period:
        """Return the period asked for.

        Raises:
            ValidationError: naming the value that is wrong and what would be right.
        """
        if value["tz"]:
            valid_zone(value["tz"])
        preset = value["range"] or (CUSTOM if value["from"] or value["to"] else DEFAULT_PRESET)
        zone = ZoneInfo(value["tz"]) if value["tz"] else implied_zone(preset)
        if preset not in PRESETS:
            raise ValidationError(f"There is no range “{preset}”. Choose one of: {', '.join(PRESETS)}.")
        if preset != CUSTOM:
            return preset_period(preset, timezone.now(), zone)
        return self._custom(value, zone)

    def _custom(self, value: dict[str, str], zone: ZoneInfo) -> Period:
        today = timezone.now().astimezone(zone).date()
        last = _date("To", value["to"]) if value["to"] else today
        first = _date("From", value["from"]) if value["from"] else last
        if first > last:
            raise ValidationError(f"The range is reversed: {first} comes after {last}. Swap From and To.")
        for label, day in (("From", first), ("To", last)):
            if not EARLIEST <= day <= today + FURTHEST_AHEAD:
                raise ValidationError(
                    f"{label} is {day}, but a range lies between {EARLIEST} and a year from now. Choose other dates."
                )
        return Period(CUSTOM, first, last, zone)


def _date(label: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValidationError(f"{label} is “{text}”, which is no date. Write it as 2026-11-22.") from None
