"""Why a page of the log shows no entries, and the one step that leads to some."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.urls import reverse

from accounts.roles import Permission, Reach

from .chips import chips_of
from .fields import FIELDS
from .ids import time_of
from .looks import log_address
from .periods import CUSTOM, Period, preset_period
from .querysets import EntryQuerySet

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
        return {"state": "rows", "edge": _edge(listing)}
    if listing.filters.chosen["before"] or listing.filters.chosen["after"]:
        return _state(
            "nothing",
            "No entries on this page",
            "There is nothing further on this side.",
            "Back to the newest",
            listing.at(before=""),
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


def _edge(listing: "Listing") -> str:
    """Say that the plan keeps nothing older, under the oldest entry of dates that go back beyond that."""
    if listing.page.has_older or listing.period.begins > listing.kept_since:
        return ""
    kept_since = listing.kept_since.astimezone(listing.period.zone)
    time = min(entry.time for entry in listing.page.entries).astimezone(listing.period.zone)
    oldest = "" if listing.filters.narrowing else f"Oldest entry kept: {time:%b} {time.day}, {time.year}. "
    return (
        f"{oldest}The {listing.account.plan} plan keeps entries for {listing.account.plan.retention_days} days: "
        f"since {kept_since:%b} {kept_since.day}, {kept_since.year}."
    )


def _nothing(listing: "Listing") -> dict[str, str]:
    """Say what there is nothing of, and lead to where there is something: by taking away as little as will do."""
    filters, period = listing.filters, listing.period
    steps = list(_steps(listing))
    newest = _newest_of([entries for entries, *_ in steps])
    if newest[-1] is None and listing.member.reach(Permission.READ_LOG) is Reach.OWN:
        return _state(
            "empty",
            "Nothing is recorded of you yet",
            "What you do will stand here. What others do is not shown to your role.",
            "Go to apps",
            reverse("apps", args=[listing.account.slug]),
        )
    if newest[-1] is None:
        return _state(
            "empty",
            "Nothing is recorded yet",
            "Create an app, and it will be the first entry here.",
            "Go to apps",
            reverse("apps", args=[listing.account.slug]),
        )
    helpful = next(number for number, time in enumerate(newest) if time)
    _, cause, action, url = steps[helpful]
    if not filters.narrowing:
        return _no_entries_then(listing, newest[-1])
    chips = "; ".join(f"{chip.label.lower()} {chip.operator} {chip.value}" for chip in chips_of(filters))
    text = f"Looked for {chips} in {period.label}, {period.zone.key}. {cause}"
    return _state("nothing", "No entries match these filters", text, action, url)


def _steps(listing: "Listing") -> Iterator[tuple[EntryQuerySet, str, str, str]]:
    """Yield what could be taken away, the least first: the entries without it, why it helps, the step, its address.

    The last one is all that the reader may see.
    """
    filters = listing.filters
    dates = dict(listing.period.as_query())
    names = {parameter.lstrip("-"): None for parameter in filters.narrowing}
    for name in names if len(names) > 1 else ():
        label = FIELDS[name].label
        yield (
            filters.entries_without(name),
            f"Without {label.lower()} there are some.",
            f"Remove {label.lower()}",
            log_address(listing.member, filters.without(name)),
        )
    if names:
        cause = "There are entries in these dates." if len(names) == 1 else "All filters but the dates have to go."
        yield (
            filters.scope.entries.since(listing.period.begins).before(listing.period.ends),
            cause,
            "Show all entries of these dates",
            _elsewhere(listing, **dates),
        )
        yield (
            filters.entries_without("period"),
            "There are some at other times.",
            "Look at all dates that are kept",
            log_address(listing.member, urlencode([*filters.pairs, *_all_dates(listing).items()])),
        )
    yield (
        filters.scope.entries,
        "There are others at other times.",
        "Look at all that is kept",
        _elsewhere(listing, **_all_dates(listing)),
    )


def _all_dates(listing: "Listing") -> dict[str, str]:
    """Return the query of all dates that are kept, in the same zone."""
    zone = listing.period.zone
    first, last = (time.astimezone(zone).date() for time in (listing.kept_since, listing.now))
    return Period(CUSTOM, first, last, zone).as_query()


def _no_entries_then(listing: "Listing", newest: datetime) -> dict[str, str]:
    half_a_year = preset_period("6m", listing.now, listing.period.zone)
    recent = newest >= half_a_year.begins
    return _state(
        "nothing",
        "No entries in these dates",
        f"Looked at {listing.period.label}, {listing.period.zone.key}.",
        "Look at the last 6 months" if recent else "Look at all that is kept",
        _elsewhere(listing, **({"range": "6m"} if recent else _all_dates(listing))),
    )


def _newest_of(each: list[EntryQuerySet]) -> list[datetime | None]:
    """Return when the newest entry of each took place; None for one that has none: one query."""
    parts: list[str] = []
    params: list[Any] = []
    for number, entries in enumerate(each):
        try:
            sql, given = entries.newest_first().values("id")[:1].query.sql_with_params()
        except EmptyResultSet:  # Nothing can match, Django says, without asking.
            continue
        parts.append(f"SELECT {number} AS number, id FROM ({sql}) AS newest_{number}")  # noqa: S608
        params += given
    found: list[datetime | None] = [None] * len(each)
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), params)
        for number, entry_id in cursor.fetchall():
            found[number] = time_of(entry_id)
    return found


def _elsewhere(listing: "Listing", **query: str) -> str:
    """Return the address of the log with other filters, in the same zone."""
    query = {**query, "tz": listing.tz} if listing.tz else query
    return log_address(listing.member, urlencode(query) or listing.filters.everything)


def _state(state: str, title: str, text: str, action_label: str, action_url: str) -> dict[str, str]:
    return {
        "state": state,
        "state_title": title,
        "state_text": text,
        "state_action_label": action_label,
        "state_action_url": action_url,
    }
