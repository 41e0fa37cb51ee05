"""The dates that a page of the log covers: presets, custom ranges, and the zone their days are counted in."""

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC as UTC_TIME
from datetime import date, datetime, time, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.time_zones import UTC, valid_zone

DEFAULT_PRESET = "month"
CUSTOM = "custom"
EARLIEST = date(2000, 1, 1)
FURTHEST_AHEAD = timedelta(days=366)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?([+-]\d\d:\d\d|Z)?")

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
    """Whole days, both ends included, in one zone; or, where given, from one moment to just before another."""

    preset: str
    first: date
    last: date
    zone: ZoneInfo
    start: datetime | None = None
    """When it begins within its first day; None: with it."""
    stop: datetime | None = None
    """When it has ended within its last day; None: with it."""

    @classmethod
    def between(cls, begins: datetime, ends: datetime, zone: ZoneInfo) -> Self:
        """Return the custom period from one moment to just before another, widened to whole seconds."""
        start = begins.astimezone(UTC_TIME).replace(microsecond=0)
        stop = ends.astimezone(UTC_TIME)
        stop = stop.replace(microsecond=0) + (SECOND if stop.microsecond else timedelta())
        first, last = start.astimezone(zone).date(), (stop - SECOND).astimezone(zone).date()
        whole = cls(CUSTOM, first, last, zone)
        return cls(
            CUSTOM,
            first,
            last,
            zone,
            None if start == whole.begins else start,
            None if stop == whole.ends else stop,
        )

    @property
    def begins(self) -> datetime:
        """The first moment."""
        return self.start or datetime.combine(self.first, time(), self.zone)

    @property
    def ends(self) -> datetime:
        """The first moment after it."""
        return self.stop or datetime.combine(self.last + timedelta(days=1), time(), self.zone)

    @property
    def days(self) -> int:
        """How many days it touches."""
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
    def from_time(self) -> str:
        """The time of the first day that it begins at, as a time field wants it; "" for the whole day."""
        return _clock(self.start.astimezone(self.zone)) if self.start else ""

    @property
    def to_time(self) -> str:
        """The last minute or second of the last day, as a time field wants it; "" for the whole day."""
        return _clock(_included(self.stop).astimezone(self.zone), exact=bool(self.stop.second)) if self.stop else ""

    @property
    def preset_label(self) -> str:
        """What people call the preset."""
        return PRESETS[self.preset]

    @property
    def label(self) -> str:
        """The dates as people write them, without repeating month or year."""
        first, last = self.first, self.last
        if self.start or self.stop:
            return self._label_with_times()
        end = f"{last:%b} {last.day}, {last.year}"
        if first == last:
            return end
        if (first.year, first.month) == (last.year, last.month):
            return f"{first:%b} {first.day} – {last.day}, {last.year}"
        start = f"{first:%b} {first.day}" if first.year == last.year else f"{first:%b} {first.day}, {first.year}"
        return f"{start} – {end}"

    def _label_with_times(self) -> str:
        begins, ends = self.begins.astimezone(self.zone), self.ends.astimezone(self.zone)
        start = f"{begins:%b} {begins.day}, {_clock(begins)}"
        end = f"{ends:%b} {ends.day}, {_clock(ends)}" if begins.date() != ends.date() else _clock(ends)
        return f"{start} – {end}"

    def as_query(self) -> dict[str, str]:
        """Return the query parameters that ask for this period; defaults are left out."""
        query = {} if self.zone.key == implied_zone(self.preset).key == UTC else {"tz": self.zone.key}
        if self.preset == CUSTOM:
            start = _moment(self.start, self.zone) if self.start else self.from_date
            stop = _moment(_included(self.stop), self.zone, bool(self.stop.second)) if self.stop else self.to_date
            return {"from": start, "to": stop, **query}
        return query if self.preset == DEFAULT_PRESET else {"range": self.preset, **query}


def _included(stop: datetime) -> datetime:
    """Return the last minute, or second, before a moment: what an address names as included."""
    return stop.astimezone(UTC_TIME) - (SECOND if stop.second else MINUTE)


def _clock(moment: datetime, *, exact: bool = False) -> str:
    return f"{moment:%H:%M:%S}" if exact or moment.second else f"{moment:%H:%M}"


def _moment(moment: datetime, zone: ZoneInfo, exact: bool = False) -> str:
    """Return a moment as an address has it: local; with its offset in the hour that comes twice when clocks go back."""
    local = moment.astimezone(zone)
    twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    text = f"{local:%Y-%m-%d}T{_clock(local, exact=exact)}"
    return f"{text}{local.isoformat()[19:]}" if twice else text


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
    """Reads the parameters of a range as one value."""

    PARTS = ("range", "from", "to", "from_time", "to_time", "tz")

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> dict[str, str]:
        """Return the parameters, stripped; "" for a missing one."""
        return {part: (data.get(part) or "").strip() for part in self.PARTS}


class PeriodField(forms.Field):
    """Some parameters in, one ``Period`` out; nothing given is the default period."""

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
        last, stop = _end("To", value["to"] or today.isoformat(), value["to_time"], zone, included=True)
        first, start = _end("From", value["from"] or last.isoformat(), value["from_time"], zone)
        if first > last:
            raise ValidationError(f"The range is reversed: {first} comes after {last}. Swap From and To.")
        for label, day in (("From", first), ("To", last)):
            if not EARLIEST <= day <= today + FURTHEST_AHEAD:
                raise ValidationError(
                    f"{label} is {day}, but a range lies between {EARLIEST} and a year from now. Choose other dates."
                )
        if not start and not stop:
            return Period(CUSTOM, first, last, zone)
        whole = Period(CUSTOM, first, last, zone)
        begins, ends = start or whole.begins, stop or whole.ends
        if begins >= ends:
            raise ValidationError(f"The range is reversed: it would end before {begins:%H:%M:%S}. Swap From and To.")
        return Period.between(begins, ends, zone)


def _end(label: str, text: str, clock: str, zone: ZoneInfo, *, included: bool = False) -> tuple[date, datetime | None]:
    """Return the day and, when there is one, the moment of one end of a range; after all of it when it is included."""
    if clock and "T" not in text:
        text = f"{text}T{clock}"
    try:
        if not (written := MOMENT.fullmatch(text)):
            return date.fromisoformat(text), None
        moment = datetime.fromisoformat(text)
        moment = moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)
        unit = SECOND if written[1] else MINUTE
        return moment.date(), moment.astimezone(UTC_TIME) + (unit if included else timedelta())
    except (ValueError, OverflowError):
        raise ValidationError(
            f"{label} is “{text}”, which is no date. Write it as 2026-11-22 or 2026-11-22T09:30."
        ) from None
