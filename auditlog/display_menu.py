"""The display menu: what it shows, and what becomes of what is chosen in it."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.http import QueryDict

from accounts.time_zones import UTC, zone_names

from .display import ALWAYS, CHOICES, COLUMN, Display, asked_in, ordered
from .models import DisplayPreference
from .tables import EntryTable

if TYPE_CHECKING:
    from .listing import Listing

CURSORS = ("before", "after")
OTHER = "other"
"""What the form calls a zone that is written out."""


def display_of(listing: "Listing") -> dict[str, Any]:
    """Return what the templates show of the display menu, and what links and forms keep of it."""
    display, zone = listing.display, listing.period.zone.key
    shown = display.shows
    return {
        "display": display,
        "shows": shown,
        "columns_wide": len(display.columns) + 2,
        "table": display.table(),
        "display_columns": [
            {"name": name, "label": column.verbose_name, "shown": shown[name]}
            for name, column in EntryTable.base_columns.items()
            if name != ALWAYS
        ],
        "display_zone": {"kind": UTC if zone == UTC else OTHER, "other": "" if zone == UTC else zone},
        "display_asked": asked_in(listing.filters.data),
        "display_query": listing.filters.as_query(**{name: listing.filters.data.get(name) for name in CURSORS}),
    }


class DisplayForm(forms.Form):
    """What the display menu sends: all its controls as they stand, and the query of the page they stand on."""

    query = forms.CharField(required=False, max_length=8000)
    density = forms.ChoiceField(choices=[(value, value) for value in CHOICES["density"]])
    time = forms.ChoiceField(choices=[(value, value) for value in CHOICES["time"]])
    sort = forms.ChoiceField(choices=[(value, value) for value in CHOICES["sort"]])
    col = forms.MultipleChoiceField(choices=[(name, name) for name in EntryTable.base_columns], required=False)
    shown_zone = forms.CharField(required=False, max_length=64)
    zone = forms.CharField(max_length=64)
    other_zone = forms.CharField(required=False, max_length=64)

    def remember(self, preference: DisplayPreference) -> str:
        """Save what was changed and return the query that shows the page so.

        Only what was changed is remembered: the rest may come from an address that somebody else made.
        """
        chosen = self.cleaned_data
        query = QueryDict(chosen["query"], mutable=True)
        before = Display.of(query, preference)
        after = Display(chosen["density"], chosen["time"], chosen["sort"], ordered(chosen["col"]))
        for name in CHOICES:
            if getattr(after, name) != getattr(before, name):
                setattr(preference, name, getattr(after, name))
                query.pop(name, None)
        if after.columns != before.columns:
            preference.columns = list(after.columns)
            query.pop(COLUMN, None)
        if after.sort != before.sort:
            for name in CURSORS:
                query.pop(name, None)
        self._change_zone(preference, query)
        _save(preference)
        return query.urlencode()

    def _change_zone(self, preference: DisplayPreference, query: QueryDict) -> None:
        chosen = self.cleaned_data
        zone = chosen["other_zone"].strip() if chosen["zone"] == OTHER else chosen["zone"]
        if zone == chosen["shown_zone"]:
            return
        query["tz"] = zone  # The page says what is wrong with one that there isn't.
        if zone in zone_names():
            preference.zone = "" if zone == preference.user.time_zone else zone


def _save(preference: DisplayPreference) -> None:
    """Write the person's one row, whichever of two clicks comes first."""
    kept = [field.name for field in preference._meta.fields if not field.primary_key]
    DisplayPreference.objects.bulk_create(
        [preference], update_conflicts=True, unique_fields=["user"], update_fields=kept
    )
