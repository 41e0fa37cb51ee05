"""A page of the log: what the filters of a request lead to, and how its templates show it."""

from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from accounts.models import Member
from accounts.roles import Permission, Reach, Role
from accounts.time_zones import UTC
from controlcenter import replica

from .chips import chips_of
from .display import asked_in
from .display_menu import display_of
from .facets import facets_of
from .fields import FIELDS
from .histogram import histogram_of
from .live import live_of
from .looks import Look, log_address
from .models import Entry
from .periods import CUSTOM, DEFAULT_PRESET, PRESETS, Period, own_zone, preset_period
from .querysets import COUNT_LIMIT, Page
from .rows import panel_id, rows_of
from .scope import AppOption
from .sealing.badge import badge_context
from .states import state_of
from .view_menu import ViewMenu

PAGE_SIZE = 50
SCRIPTS = "scripts"
"""The cookie that ``static/js/shell.js`` leaves: there are scripts, which ask for what takes longer."""


class Listing(Look):
    """What the filters of a request lead to, asked for once and shown whole or in part."""

    def __init__(self, request: HttpRequest, member: Member) -> None:
        super().__init__(request, member)
        self.views = ViewMenu(member)
        self.filters.everything = self.views.everything
        self.open_id = request.GET.get("event", "")
        self.invalid_period = "period" in self.filters.form.errors
        self.options = list(self.filters.scope.apps.values())
        for option in self.options:
            option.selected = option.slug in self.filters.narrowing.get("app", [])
        self.page = self._page()
        self.panel_id = panel_id(request.GET.get("panel", ""), self.page.entries)
        self.asks_again = SCRIPTS in request.COOKIES

    @cached_property
    def period(self) -> Period:
        """The dates that were asked for; of some that can't be, those of who asks for none."""
        period: Period = _default_period(self.now) if self.invalid_period else self.filters.chosen["period"]
        return period

    def _page(self) -> Page:
        if not self.valid:
            return Page([], False, False, 0)
        before, after = (self.filters.chosen[name] for name in ("before", "after"))

        def look() -> Page:
            return self.filters.entries.page(
                PAGE_SIZE, older_than=before, newer_than=after, oldest_first=self.display.ascending, counted=False
            )

        # What may be the newest page is the primary's: who has just done something finds it, and Live goes on from it.
        return replica.read(look) if before else look()

    @property
    def tz(self) -> str:
        """The zone for other addresses of the log; "" where it goes without saying, for everybody."""
        zone = self.period.zone.key
        return "" if zone == own_zone().key == UTC else zone

    def has_longer_address(self, request: HttpRequest) -> bool:
        """Whether the request spelled out what is the default anyway, or would be ignored."""
        return self.valid and sorted(request.GET.urlencode().split("&")) != sorted(self._query().split("&"))

    def at(self, **page: Any) -> str:
        """Return the shortest address of the page at another cursor; without one, of this page."""
        return log_address(self.member, self.filters.as_query(**page) if page else self._query())

    def here(self, **changes: Any) -> str:
        """Return the address of this page, with another entry open or in the panel."""
        return log_address(self.member, self.filters.as_query(**{**self._place, **changes}))

    def _query(self) -> str:
        return self.filters.as_query(**self._place)

    @property
    def _place(self) -> dict[str, Any]:
        if not self.valid:
            return {}
        chosen = self.filters.chosen
        return {"before": chosen["before"], "after": chosen["after"], "event": self.open_id, "panel": self.panel_id}

    def context(self) -> dict[str, Any]:
        """Return what the templates show."""
        selected = [option for option in self.options if option.selected]
        counted = histogram_of(self, at_first=self.asks_again)
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
            "bar": self.filters.text,
            "fields": FIELDS.values(),
            "chips": chips_of(self.filters),
            "logs_url": reverse("logs", args=[self.account.slug]),
            "clear_url": self._without_filters(),
            "period_query": self.period.as_query().items(),
            "tz": self.tz,
            "form_errors": self.filters.sentences,
            "seconds_behind": replica.seconds_behind(),
            "role_note": _role_note(self.member),
            "page": self._pager(counted.get("histogram")),
            **rows_of(self),
            **display_of(self),
            **live_of(self),
            **counted,
            **facets_of(self.filters),
            **badge_context(self),
            **self.views.context(self),
            **state_of(self),
        }

    def _without_filters(self) -> str:
        shown = asked_in(self.filters.data)
        query = urlencode([*self.period.as_query().items(), *shown]) or self.filters.everything
        return log_address(self.member, query)

    def _pager(self, counted: dict[str, Any] | None) -> dict[str, Any]:
        """The histogram has counted what matches, exactly or as far as it got: nobody else need do so."""
        entries = self.page.entries
        count = max(counted["count"], len(entries)) if counted else len(entries)
        newest, oldest = (-1, 0) if self.display.ascending else (0, -1)
        return {
            "newer_url": self.at(after=entries[newest].id) if entries and self.page.has_newer else "",
            "older_url": self.at(before=entries[oldest].id) if entries and self.page.has_older else "",
            "count_label": f"{count:,}{'+' if counted and counted['since'] else ''}",
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
