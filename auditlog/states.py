"""Why a page of the log shows no entries, and the one step that leads to some."""

from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.urls import reverse

from .filters import NARROWING
from .ids import time_of
from .models import Entry
from .periods import preset_period

if TYPE_CHECKING:
    from .listing import Listing


def state_of(listing: "Listing") -> dict[str, str]:
    """Return the state of a listing as its templates show it: ``rows``, or what there is none of and what to do."""
    if not listing.valid:
        return _state(
            "invalid",
            "These filters can't be used",
            "No entries are shown until they are corrected.",
            "Clear filters",
            _elsewhere(listing),
        )
    if listing.page.entries:
        return {"state": "rows"}
    if listing.filters.chosen["before"] or listing.filters.chosen["after"]:
        return _state(
            "nothing",
            "No entries on this page",
            "There is nothing further on this side.",
            "Back to the newest",
            listing.address(before=""),
        )
    if listing.period.ends <= listing.kept_since:
        day = listing.kept_since.astimezone(listing.period.zone)
        return _state(
            "too-early",
            "These dates are older than what is kept",
            f"The {listing.account.plan} plan keeps entries for {listing.account.plan.retention_days} days: "
            f"since {day:%b} {day.day}, {day.year}.",
            "Look at all that is kept",
            _elsewhere(listing, **{"from": day.date().isoformat()}),
        )
    return _nothing(listing)


def _nothing(listing: "Listing") -> dict[str, str]:
    """Say what there is nothing of, and lead to where there is something."""
    times = _times_without_apps(listing)
    dates = listing.period.as_query()
    if not times:
        return _state(
            "empty",
            "Nothing is recorded yet",
            "Create an app, and it will be the first entry here.",
            "Go to apps",
            reverse("apps", args=[listing.account.slug]),
        )
    if narrowing := listing.filters.narrowing():
        named = " and ".join(f"{NARROWING[name].lower()} {value}" for name, value in narrowing.items())
        return _state(
            "nothing",
            "No entries match these filters",
            f"Looked for {named} in {listing.period.label}, {listing.period.zone.key}.",
            "Show all entries of these dates",
            _elsewhere(listing, **dates),
        )
    if listing.filters.chosen["app"] and any(listing.period.begins <= time < listing.period.ends for time in times):
        return _state(
            "nothing",
            "No entries of these apps in these dates",
            f"Looked at {listing.period.label}. Other apps have entries then.",
            "Show all apps",
            _elsewhere(listing, **dates),
        )
    half_a_year = preset_period("6m", listing.now, listing.period.zone)
    recent = max(times) >= half_a_year.begins
    since = listing.kept_since.astimezone(listing.period.zone).date().isoformat()
    return _state(
        "nothing",
        "No entries in these dates",
        f"Looked at {listing.period.label}, {listing.period.zone.key}.",
        "Look at the last 6 months" if recent else "Look at all that is kept",
        _elsewhere(listing, **({"range": "6m"} if recent else {"from": since})),
    )


def _times_without_apps(listing: "Listing") -> list[datetime]:
    """Return when the newest entry of all and the newest in these dates took place, whatever app: one query."""
    newest = Entry.objects.visible_to(listing.member).since(listing.kept_since).newest_first()
    in_dates = newest.since(listing.period.begins).before(listing.period.ends)
    return [time_of(row["id"]) for row in newest.values("id")[:1].union(in_dates.values("id")[:1])]


def _elsewhere(listing: "Listing", **query: str) -> str:
    """Return the address of the log with other filters, in the same zone."""
    query = {**query, "tz": listing.tz} if listing.tz else query
    path = reverse("logs", args=[listing.account.slug])
    return f"{path}?{urlencode(query)}" if query else path


def _state(state: str, title: str, text: str, action_label: str, action_url: str) -> dict[str, str]:
    return {
        "state": state,
        "state_title": title,
        "state_text": text,
        "state_action_label": action_label,
        "state_action_url": action_url,
    }
