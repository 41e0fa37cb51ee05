"""The lines of a page of the log: one may be open, one stand in the panel, some be folded, with today's names."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from django.urls import reverse

from .comparing import is_comparable
from .details import Details
from .display import UNFOLDED
from .facts import Facts
from .filters import EntryFilterSet
from .folding import fold_rows
from .models import Entry
from .naming import Live, actor_of, ended_by, thing_of, things_in
from .pivots import Pivots
from .presentation import Row

if TYPE_CHECKING:
    from .listing import Listing

FIRST, LAST = "first", "last"
"""In place of an id in ``panel=``: the entry at that end of the page, whichever it is."""
ANY = UUID(int=0)


def rows_of(listing: "Listing") -> dict[str, Any]:
    """Return what the templates show of a page's entries: one query for today's names, few more for opened ones."""
    entries, zone = listing.page.entries, listing.period.zone
    panelled = _panelled(listing)
    opened = next((entry for entry in entries if str(entry.id) == listing.open_id), None)
    live = Live(listing.member, things_in(entries, filter(None, (opened, panelled))))
    query = urlencode(listing.filters.filter_query())
    url = reverse("log-entry", args=[listing.account.slug, ANY]) + (f"?{query}" if query else "")
    rows = []
    for entry in entries:
        row = Row(entry, zone, url.replace(str(ANY), str(entry.id)))
        row.ago = listing.display.ago(row.when, listing.now)
        row.became, row.actor_became = _became(live, entry)
        row.open, row.in_panel = entry == opened, entry == panelled
        rows.append(row)

    def details(entry: Entry) -> Details:
        row = Details(entry, zone, url.replace(str(ANY), str(entry.id)))
        return tell(row, listing.filters, live, listing.kept_since)

    context: dict[str, Any] = {
        "rows": rows,
        "peek": _with(listing.here(panel="", event=""), "panel", ""),
        **_folds(listing, rows),
    }
    if opened:
        until = entries.index(opened) + 1
        context |= {"rows": rows[:until], "opened": details(opened), "rows_below": rows[until:]}
    if panelled:
        context |= {"panel": details(panelled), **_around_panel(listing, panelled)}
    return context


def tell(details: Details, filters: EntryFilterSet, live: Live, kept_since: datetime) -> Details:
    """Complete what is shown of an entry by facts that lead on. At most a query, for what is no longer there."""
    member, entry = live.member, details.entry
    live.learn_ends(filters.scope.entries, entry, details.when.tzinfo)
    details.facts = Facts(details, Pivots(reverse("logs", args=[member.account.slug]), filters, kept_since), live)
    details.own_url = reverse("log-entry", args=[member.account.slug, entry.id])
    if is_comparable(entry):
        details.compare_url = reverse("log-compare-with", args=[member.account.slug, entry.id])
    return details


def panel_id(asked: str, entries: Sequence[Entry]) -> str:
    """Return the id of the entry that an address wants in the panel; "" for none."""
    if asked in (FIRST, LAST):
        return str(entries[0 if asked == FIRST else -1].id) if entries else ""
    try:
        return str(UUID(asked))
    except ValueError:
        return ""


def turning(path: str, filters: EntryFilterSet, entry: Entry, ascending: bool) -> dict[str, str]:
    """Return the addresses of the entries before and after one in the order shown, wherever it lies."""
    above, below = ("before", "after") if ascending else ("after", "before")
    return {
        "panel_above": f"{path}?{filters.as_query(**{above: entry.id, 'panel': LAST})}",
        "panel_below": f"{path}?{filters.as_query(**{below: entry.id, 'panel': FIRST})}",
    }


def _panelled(listing: "Listing") -> Entry | None:
    """Return the entry for the panel: of the page, or any other that the reader may see."""
    if not listing.valid or not listing.panel_id:
        return None
    on_page = next((entry for entry in listing.page.entries if str(entry.id) == listing.panel_id), None)
    entries = listing.filters.scope.entries.filter(id=listing.panel_id).select_related("subject")
    return on_page or entries.first()


def _around_panel(listing: "Listing", entry: Entry) -> dict[str, str]:
    """Return the addresses that close the panel and turn it over; "" at the ends of what is filtered."""
    ids = [each.id for each in listing.page.entries]
    path = reverse("logs", args=[listing.account.slug])
    turns = turning(path, listing.filters, entry, listing.display.ascending)
    if entry.id in ids:
        place = ids.index(entry.id)
        first, last = listing.page.has_newer, listing.page.has_older
        if listing.display.ascending:
            first, last = last, first
        if place > 0 or not first:
            turns["panel_above"] = listing.here(panel=ids[place - 1]) if place > 0 else ""
        if place < len(ids) - 1 or not last:
            turns["panel_below"] = listing.here(panel=ids[place + 1]) if place < len(ids) - 1 else ""
    return {**turns, "panel_closed": listing.here(panel="")}


def _became(live: Live, entry: Entry) -> tuple[str, str]:
    """Say what became of what an entry is about, and of who did it."""
    about, actor = None if ended_by(entry) else thing_of(entry), actor_of(entry)
    name = entry.event["targets"][0].get("name", "") if about else ""
    person = live.became(actor, entry.subject.full_name) if actor and entry.subject else ""
    return live.became(about, name) if about and about.kind != "user" else "", person


def _folds(listing: "Listing", rows: Sequence[Row]) -> dict[str, str]:
    """Fold what belongs together, unless the address says not to, and return the address that says otherwise."""
    here = listing.here()
    path, _, query = here.partition("?")
    pairs = parse_qsl(query)
    if UNFOLDED in pairs:
        rest = urlencode([pair for pair in pairs if pair != UNFOLDED])
        return {"folding_url": f"{path}?{rest}" if rest else path}
    return {"unfolding_url": _with(here, *UNFOLDED)} if fold_rows(rows, listing.page.entries) else {}


def _with(address: str, name: str, value: str) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode({name: value})}"
