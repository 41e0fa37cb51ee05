"""From the address of a log page to its entries. A filter that is wrong shows its error and no entries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import django_filters
from django import forms
from django.db.models import F, Value
from django.db.models.fields.json import KT
from django.http import QueryDict

from accounts.models import Member
from controlcenter.operations import Operation
from controlcenter.resources.models import App

from .models import Entry
from .periods import PeriodField
from .querysets import EntryQuerySet
from .tracked import TRACKED

MOST_APPS = 1000
PAGE_PARAMETERS = ("before", "after", "event")
NARROWING = {"target": "Target", "actor": "Actor", "status": "Status"}
"""Filters beside apps and dates, and what people call them."""
PARAMETERS = ("app", *NARROWING, "range", "from", "to", "tz", *PAGE_PARAMETERS)
TARGET_KINDS = sorted({"role", *(row.kind for row in TRACKED)} - {"member", "team_member", "team_app", "collaborator"})
"""Those four are never targets themselves: entries about them name the person, team or app."""


@dataclass(slots=True)
class AppOption:
    """One line of the app picker: an id and every app that bears or bore it."""

    slug: str
    name: str
    deleted: bool
    app_ids: list[int]
    selected: bool = False


def app_options(member: Member, kept_since: datetime) -> list[AppOption]:
    """Return all apps of an account, then those gone whose end the member may read of in the log: one query."""
    live = (
        App.objects.for_account(member.account)
        .order_by("slug")
        .annotate(deleted=Value(False))
        .values_list("pk", "slug", "name", "deleted")[:MOST_APPS]
    )
    gone = (
        Entry.objects.visible_to(member)
        .since(kept_since)
        .with_operation(Operation.APPLICATION_DELETE, Operation.APPLICATION_TRANSFER)
        .succeeded()
        .newest_first()
        .annotate(slug=KT("targets__0__id"), name=F("slug"), deleted=Value(True))
        .values_list("app_id", "slug", "name", "deleted")[:MOST_APPS]
    )
    options: dict[str, AppOption] = {}
    rows = live.union(gone, all=True)
    for app_id, slug, name, deleted in sorted(rows, key=lambda row: (row[3], row[1])):
        option = options.setdefault(slug, AppOption(slug, name, deleted, []))
        if app_id not in option.app_ids:
            option.app_ids.append(app_id)
    return list(options.values())


class TargetField(forms.CharField):
    """The kind and id of a resource, as ``kind:id``; after a slash those of what it is in."""

    def clean(self, value: Any) -> list[tuple[str, str]]:
        """Return kinds and ids, all to be touched; none when none was asked for.

        Raises:
            ValidationError: for another form, or an unknown kind.
        """
        text: str = super().clean(value)
        pairs = [(kind, public_id) for part in text.split("/") for kind, _, public_id in [part.partition(":")] if text]
        if any(kind not in TARGET_KINDS or not public_id for kind, public_id in pairs):
            raise forms.ValidationError(
                f"target={text} names no resource. Write kind:id, as in model:detector; "
                f"kinds are {', '.join(TARGET_KINDS)}."
            )
        return pairs


class TargetFilter(django_filters.Filter):  # type: ignore[misc]
    """Entries that touched one resource."""

    field_class = TargetField


class PeriodFilter(django_filters.Filter):  # type: ignore[misc]
    """Entries within whole days of a zone."""

    field_class = PeriodField


class EntryFilterSet(django_filters.FilterSet):  # type: ignore[misc]
    """The filters of the log page."""

    app = django_filters.MultipleChoiceFilter(
        method="in_apps",
        distinct=False,
        error_messages={"invalid_choice": "There is no app “%(value)s” in this account. Choose one from the list."},
    )
    target = TargetFilter(method="of_target")
    actor = django_filters.CharFilter(method="of_actor", max_length=64)
    status = django_filters.ChoiceFilter(
        choices=[("success", "Success"), ("failure", "Failure")],
        method="of_status",
        error_messages={"invalid_choice": "status=%(value)s is none: success and failure are."},
    )
    period = PeriodFilter(method="in_period")
    before = django_filters.UUIDFilter(method="as_is", error_messages={"invalid": "before= is no entry id."})
    after = django_filters.UUIDFilter(method="as_is", error_messages={"invalid": "after= is no entry id."})

    class Meta:
        model = Entry
        fields: Sequence[str] = ()

    def __init__(self, data: QueryDict, queryset: EntryQuerySet, options: list[AppOption]) -> None:
        super().__init__(data, queryset)
        self.options = options
        self.filters["app"].field.choices = [(option.slug, option.name) for option in options]

    @property
    def entries(self) -> EntryQuerySet:
        """What was asked for; nothing at all when it was asked wrongly."""
        entries: EntryQuerySet = self.qs if self.is_valid() else self.queryset.none()
        return entries

    @property
    def sentences(self) -> list[str]:
        """What is wrong, in sentences."""
        return [message for messages in self.form.errors.values() for message in messages]

    @property
    def chosen(self) -> dict[str, Any]:
        """The cleaned values of what was asked for."""
        cleaned: dict[str, Any] = self.form.cleaned_data
        return cleaned

    def get_form_class(self) -> type[forms.Form]:
        """Return the form, which refuses parameters it does not know."""
        form_class: type[forms.Form] = super().get_form_class()
        return type("EntryFilterForm", (_StrictForm, form_class), {})

    def in_apps(self, entries: EntryQuerySet, name: str, slugs: list[str]) -> EntryQuerySet:
        """Entries of any of the chosen apps."""
        ids = {app_id for option in self.options if option.slug in slugs for app_id in option.app_ids}
        return entries.for_apps(sorted(ids))

    def of_target(self, entries: EntryQuerySet, name: str, targets: list[tuple[str, str]]) -> EntryQuerySet:
        """Entries that touched a resource and what it is in."""
        for target in targets:
            entries = entries.with_target(*target)
        return entries

    def of_actor(self, entries: EntryQuerySet, name: str, slug: str) -> EntryQuerySet:
        """Entries of what one person did, by their id."""
        return entries.by_actor_named(slug)

    def of_status(self, entries: EntryQuerySet, name: str, status: str) -> EntryQuerySet:
        """Entries of what came about, or of what did not."""
        return entries.succeeded() if status == "success" else entries.failed()

    def in_period(self, entries: EntryQuerySet, name: str, period: Any) -> EntryQuerySet:
        """Entries from the first moment of the first day to the last of the last."""
        return entries.since(period.begins).before(period.ends)

    def as_is(self, entries: EntryQuerySet, name: str, value: Any) -> EntryQuerySet:
        """Cursors place the page, they filter nothing."""
        return entries

    def as_query(self, **page: Any) -> str:
        """Return the shortest query that asks for the same, with a cursor or an open entry."""
        return urlencode([*self.filter_query(), *((name, value) for name, value in page.items() if value)])

    def filter_query(self) -> list[tuple[str, str]]:
        """Return the filters as query parameters in a fixed order, defaults left out."""
        if not self.is_valid():
            return [(name, value) for name in self.data for value in self.data.getlist(name)]
        chosen = self.chosen
        slugs = [("app", option.slug) for option in self.options if option.slug in chosen["app"]]
        return [*slugs, *self.narrowing().items(), *chosen["period"].as_query().items()]

    def narrowing(self) -> dict[str, str]:
        """Return the filters beside apps and dates, as they stand in an address."""
        chosen = self.chosen if self.is_valid() else {}
        asked = {name: chosen.get(name) for name in NARROWING}
        joined = "/".join(":".join(target) for target in asked["target"] or ())
        return {name: value for name, value in {**asked, "target": joined}.items() if value}


class _StrictForm(forms.Form):
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in self.data:
            if name not in PARAMETERS:
                self.add_error(None, f"There is no filter “{name}”. Known are: {', '.join(PARAMETERS)}.")
        if cleaned.get("before") and cleaned.get("after"):
            self.add_error(None, "A page lies before one entry or after one, not both.")
        return cleaned
