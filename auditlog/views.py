"""Teams & Logs: the page, its results alone, and one entry."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from accounts.access import account_page, names, require
from accounts.models import Member, Plan
from accounts.roles import Permission, Reach, Role
from controlcenter.context import NotRecorded, attempting, current
from controlcenter.operations import Operation

from .events import Event, Target
from .filters import AppOption, EntryFilterSet, app_options
from .ids import time_of
from .models import Entry
from .periods import CUSTOM, DEFAULT_PRESET, DEFAULT_ZONE, PRESETS, Period, preset_period
from .presentation import Details, Row
from .querysets import COUNT_LIMIT, EntryQuerySet, Page
from .recorder import record_events
from .sentences import sentence_for
from .tables import EntryTable

log = logging.getLogger(__name__)

PAGE_SIZE = 50
OWN_ENTRIES_AT_GATE = 10
VIEW_ONCE_IN = timedelta(minutes=15)


@account_page()
@require_GET
def logs(request: HttpRequest, member: Member) -> HttpResponse:
    """The Teams & Logs tab."""
    _require_reader(member)
    if not member.account.plan.audit_log:
        return render(request, "auditlog/gate.html", _gate(member))
    listing = Listing(request, member)
    if listing.has_longer_address(request):
        return redirect(listing.address())
    response = render(request, "auditlog/logs.html", listing.context())
    listing.record_view()
    return response


@vary_on_headers("HX-Request")
@account_page()
@require_GET
def results(request: HttpRequest, member: Member) -> HttpResponse:
    """The part of the tab that changes with the filters, and the address to show for it."""
    _require_reader(member)
    if not member.account.plan.audit_log:
        return redirect("logs", member.account.slug)
    listing = Listing(request, member)
    response = render(request, "auditlog/_results.html", listing.context())
    response["HX-Push-Url"] = listing.address()
    listing.record_view()
    return response


@vary_on_headers("HX-Request")
@account_page()
@require_GET
def entry(request: HttpRequest, member: Member, entry_id: UUID) -> HttpResponse:
    """One entry: a page of its own, or just its details for a row that opens."""
    _require_reader(member)
    entries = Entry.objects.visible_to(member).since(member.account.kept_since(timezone.now()))
    if not member.account.plan.audit_log:
        raise Http404
    found = entries.filter(id=entry_id).select_related("subject").first()
    if found is None:
        raise Http404
    options = app_options(member.account) if request.GET.get("app") else []
    filters = EntryFilterSet(request.GET, entries, options)
    zone = filters.chosen["period"].zone if filters.is_valid() else ZoneInfo(DEFAULT_ZONE)
    details = Details(found, zone, _entry_url(member, found))
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "auditlog/_details_row.html", {"entry": details})
    back = reverse("logs", args=[member.account.slug])
    query = request.GET.urlencode()
    return render(
        request,
        "auditlog/entry.html",
        {"account": member.account, "entry": details, "back_url": f"{back}?{query}" if query else back},
    )


class Listing:
    """What the filters of a request lead to, asked for once and shown whole or in part."""

    def __init__(self, request: HttpRequest, member: Member) -> None:
        self.member, self.account = member, member.account
        self.now = timezone.now()
        self.kept_since = self.account.kept_since(self.now)
        self.options = app_options(self.account)
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

    def record_view(self) -> None:
        """Record that somebody looked through these filters, once they have."""
        if self.valid and self.filters.filter_query():
            _record_view(self.member, urlencode(self.filters.filter_query()))

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
            "tz": "" if self.period.zone.key == DEFAULT_ZONE else self.period.zone.key,
            "form_errors": self.filters.sentences,
            "role_note": _role_note(self.member),
            "table": EntryTable([]),
            "rows": self._rows(),
            "page": self._pager(),
            **self._state(),
        }

    def _rows(self) -> list[Row]:
        query = urlencode(self.filters.filter_query())
        rows = []
        for found in self.page.entries:
            url = _entry_url(self.member, found)
            row = Row(found, self.period.zone, f"{url}?{query}" if query else url)
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

    def _state(self) -> dict[str, str]:
        if not self.valid:
            return _state(
                "invalid",
                "These filters can't be used",
                "No entries are shown until they are corrected.",
                "Clear filters",
                self._elsewhere(),
            )
        if self.page.entries:
            return {"state": "rows"}
        if self.filters.chosen["before"] or self.filters.chosen["after"]:
            return _state(
                "nothing",
                "No entries on this page",
                "There is nothing further on this side.",
                "Back to the newest",
                self.address(before=""),
            )
        if self.period.ends <= self.kept_since:
            day = self.kept_since.astimezone(self.period.zone)
            return _state(
                "too-early",
                "These dates are older than what is kept",
                f"The {self.account.plan} plan keeps entries for {self.account.plan.retention_days} days: "
                f"since {day:%b} {day.day}, {day.year}.",
                "Look at all that is kept",
                self._elsewhere(**{"from": day.date().isoformat()}),
            )
        return self._nothing()

    def _nothing(self) -> dict[str, str]:
        """Say what there is nothing of, and lead to where there is something."""
        times = self._times_without_apps()
        dates = self.period.as_query()
        if not times:
            return _state(
                "empty",
                "Nothing is recorded yet",
                "Create an app, and it will be the first entry here.",
                "Go to apps",
                reverse("apps", args=[self.account.slug]),
            )
        if self.filters.chosen["app"] and any(self.period.begins <= time < self.period.ends for time in times):
            return _state(
                "nothing",
                "No entries of these apps in these dates",
                f"Looked at {self.period.label}. Other apps have entries then.",
                "Show all apps",
                self._elsewhere(**dates),
            )
        half_a_year = preset_period("6m", self.now, self.period.zone)
        recent = max(times) >= half_a_year.begins
        since = self.kept_since.astimezone(self.period.zone).date().isoformat()
        return _state(
            "nothing",
            "No entries in these dates",
            f"Looked at {self.period.label}, {self.period.zone.key}.",
            "Look at the last 6 months" if recent else "Look at all that is kept",
            self._elsewhere(**({"range": "6m"} if recent else {"from": since})),
        )

    def _times_without_apps(self) -> list[datetime]:
        """Return when the newest entry of all and the newest in these dates took place, whatever app: one query."""
        newest = Entry.objects.visible_to(self.member).since(self.kept_since).newest_first()
        in_dates = newest.since(self.period.begins).before(self.period.ends)
        return [time_of(row["id"]) for row in newest.values("id")[:1].union(in_dates.values("id")[:1])]

    def _elsewhere(self, **query: str) -> str:
        """Return the address of the log with other filters, in the same zone."""
        zone = self.period.zone.key
        query = query if zone == DEFAULT_ZONE else {**query, "tz": zone}
        path = reverse("logs", args=[self.account.slug])
        return f"{path}?{urlencode(query)}" if query else path


def count_label(count: int) -> str:
    """Return a count with thousands separators; "10,000+" beyond the limit."""
    return f"{COUNT_LIMIT:,}+" if count > COUNT_LIMIT else f"{count:,}"


def _require_reader(member: Member) -> None:
    with attempting(Operation.LOG_VIEW, account_id=member.account_id):
        require(member, Permission.READ_LOG)


def _record_view(member: Member, query: str) -> None:
    """Record that somebody looked at the log through a filter: once in a while for each filter."""
    now = current().at or timezone.now()
    entries = Entry.objects.for_account(member.account_id).by_actor(member.user_id)
    seen = entries.with_operation(Operation.LOG_VIEW).since(now - VIEW_ONCE_IN).succeeded()
    if seen.with_target("filter", query).exists():
        return
    target = Target("filter", query, query)
    sentence = sentence_for(Operation.LOG_VIEW, query)
    event = Event(Operation.LOG_VIEW, member.account_id, now, current(), targets=[target], sentence=sentence)
    try:
        with transaction.atomic():
            record_events([event])
    except NotRecorded:  # Nothing was changed, and reading keeps working.
        log.critical("entry NOT recorded: %s by user %s", sentence, member.user_id, exc_info=True)


def _gate(member: Member) -> dict[str, Any]:
    """What a plan that may not read the log shows of it."""
    account, now = member.account, timezone.now()
    entries = Entry.objects.for_account(account.pk).since(account.kept_since(now))
    oldest = entries.order_by("id").first()
    own: EntryQuerySet = entries.by_actor(member.user_id).newest_first().select_related("subject")
    administrators = account.members.filter(role=Role.ADMINISTRATOR).select_related("user")
    zone = ZoneInfo(DEFAULT_ZONE)
    return {
        "account": account,
        "recorded": count_label(entries.count_capped()),
        "oldest": oldest.time if oldest else None,
        "kept": f"Entries are kept for {account.plan.retention_days} days",
        "opens_with": [plan.name for plan in Plan.objects.filter(audit_log=True)],
        "own_rows": [Row(found, zone, "") for found in own[:OWN_ENTRIES_AT_GATE]],
        "may_change_plan": member.reach(Permission.MANAGE_ACCOUNT) is Reach.ALL,
        "administrators": names(administrators),
    }


def _entry_url(member: Member, found: Entry) -> str:
    return reverse("log-entry", args=[member.account.slug, found.id])


def _default_period(now: datetime) -> Period:
    return preset_period(DEFAULT_PRESET, now, ZoneInfo(DEFAULT_ZONE))


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


def _state(state: str, title: str, text: str, action_label: str, action_url: str) -> dict[str, str]:
    return {
        "state": state,
        "state_title": title,
        "state_text": text,
        "state_action_label": action_label,
        "state_action_url": action_url,
    }
