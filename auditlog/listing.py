"""A page of the log: what the filters of a request lead to, and how its templates show it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts.models import Member
from accounts.roles import Permission, Reach, Role
from accounts.time_zones import UTC

from .filters import NARROWING, AppOption, EntryFilterSet, app_options
from .models import Entry
from .periods import CUSTOM, DEFAULT_PRESET, PRESETS, Period, own_zone, preset_period
from .presentation import Details, Row
from .querysets import COUNT_LIMIT, Page
from .states import state_of
from .tables import EntryTable

PAGE_SIZE = 50


class Chip(NamedTuple):
    """An active filter, and the address without it."""

    label: str
    value: str
    without_url: str


class Listing:
    """What the filters of a request lead to, asked for once and shown whole or in part."""

    def __init__(self, request: HttpRequest, member: Member) -> None:
        self.member, self.account = member, member.account
        self.now = timezone.now()
        self.kept_since = self.account.kept_since(self.now)
        self.options = app_options(member, self.kept_since)
        entries = Entry.objects.visible_to(member).since(self.kept_since)
        self.filters = EntryFilterSet(request.GET, entries, self.options)
        self.valid = self.filters.is_valid()
        self.open_id = request.GET.get("event", "")
        self.invalid_period = "period" in self.filters.form.errors
        self.period = _default_period(self.now) if self.invalid_period else self.filters.chosen["period"]
        for option in self.options:
            option.selected = option.slug in request.GET.getlist("app")
        self.page = self._page()

    def _page(self) -> Page:
        if not self.valid:
            return Page([], False, False, 0)
        chosen = self.filters.chosen
        return self.filters.entries.page(PAGE_SIZE, older_than=chosen["before"], newer_than=chosen["after"])

    @property
    def tz(self) -> str:
        """The zone for other addresses of the log; "" where it goes without saying, for everybody."""
        zone = self.period.zone.key
        return "" if zone == own_zone().key == UTC else zone

    def has_longer_address(self, request: HttpRequest) -> bool:
        """Whether the request spelled out what is the default anyway, or would be ignored."""
        return self.valid and sorted(request.GET.urlencode().split("&")) != sorted(self._query().split("&"))

    def address(self, **page: Any) -> str:
        """Return the shortest address of this page, or of the one at another cursor."""
        query = self.filters.as_query(**page) if page else self._query()
        path = reverse("logs", args=[self.account.slug])
        return f"{path}?{query}" if query else path

    def _query(self) -> str:
        if not self.valid:
            return self.filters.as_query()
        chosen = self.filters.chosen
        return self.filters.as_query(before=chosen["before"], after=chosen["after"], event=self.open_id)

    def context(self) -> dict[str, Any]:
        """Return what the templates show."""
        selected = [option for option in self.options if option.selected]
        return {
            "account": self.account,
            "picker": self.options,
            "apps_selected": len(selected),
            "apps_label": _apps_label(selected),
            "period": self.period,
            "invalid_period": self.invalid_period,
            "presets": _presets(self.period, self.now),
            "first_day": self.kept_since.astimezone(self.period.zone).date().isoformat(),
            "last_day": self.now.astimezone(self.period.zone).date().isoformat(),
            "kept": f"Entries are kept for {self.account.plan.retention_days} days.",
            "narrowing": self.filters.narrowing(),
            "chips": self._chips(),
            "tz": self.tz,
            "form_errors": self.filters.sentences,
            "role_note": _role_note(self.member),
            "table": EntryTable([]),
            "rows": self._rows(),
            "page": self._pager(),
            **state_of(self),
        }

    def _chips(self) -> list[Chip]:
        """What the entries are narrowed by beside apps and dates, each with the address without it."""
        asked = self.filters.filter_query()
        path = reverse("logs", args=[self.account.slug])
        return [
            Chip(NARROWING[name], _chip_value(name, value), f"{path}?{urlencode([p for p in asked if p[0] != name])}")
            for name, value in self.filters.narrowing().items()
        ]

    def _rows(self) -> list[Row]:
        query = urlencode(self.filters.filter_query())
        ending = f"?{query}" if query else ""
        rows = []
        for found in self.page.entries:
            row = Row(found, self.period.zone, entry_url(self.member, found) + ending)
            if str(found.id) == self.open_id:
                row.open, row.details = True, Details(found, self.period.zone, row.url)
            rows.append(row)
        return rows

    def _pager(self) -> dict[str, Any]:
        entries = self.page.entries
        return {
            "newer_url": self.address(after=entries[0].id) if entries and self.page.has_newer else "",
            "older_url": self.address(before=entries[-1].id) if entries and self.page.has_older else "",
            "count_label": count_label(self.page.count),
            "shown": len(entries),
        }


def count_label(count: int) -> str:
    """Return a count with thousands separators; "10,000+" beyond the limit."""
    return f"{COUNT_LIMIT:,}+" if count > COUNT_LIMIT else f"{count:,}"


def entry_url(member: Member, found: Entry) -> str:
    """Return the address of an entry's own page."""
    return reverse("log-entry", args=[member.account.slug, found.id])


def _default_period(now: datetime) -> Period:
    return preset_period(DEFAULT_PRESET, now, own_zone())


def _chip_value(name: str, value: str) -> str:
    if name == "target":
        pairs = (part.partition(":") for part in value.split("/"))
        return " of ".join(f"{kind.replace('_', ' ')} {public_id}" for kind, _, public_id in pairs)
    return value.capitalize() if name == "status" else value


def _apps_label(selected: list[AppOption]) -> str:
    match selected:
        case []:
            return "All apps"
        case [one]:
            return one.name
        case _:
            return f"{len(selected)} apps"


def _presets(period: Period, now: datetime) -> Iterable[dict[str, Any]]:
    for value, label in PRESETS.items():
        dates = period if value == CUSTOM else preset_period(value, now, period.zone)
        selected = value == period.preset
        yield {
            "value": value,
            "label": label,
            "selected": selected,
            "from_date": "" if value == CUSTOM else dates.from_date,
            "to_date": "" if value == CUSTOM else dates.to_date,
        }


def _role_note(member: Member) -> str:
    if member.reach(Permission.READ_LOG) is Reach.OWN:
        return f"You see your own entries, as {Role(member.role).label}."
    return ""
