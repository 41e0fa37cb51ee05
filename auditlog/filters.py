"""From the address of a log page to its entries. A filter that is wrong shows its error and no entries."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from accounts.models import Member
from controlcenter.masking import masked_start

from .display import asked_in, mistakes_in
from .fields import FIELDS, LONGEST_VALUE, Field
from .language import DATES, Query, read, written
from .models import Entry
from .periods import PeriodField, PeriodWidget
from .querysets import EntryQuerySet
from .scope import Scope

BAR = "q"
PAGE_PARAMETERS = ("before", "after", "event", "panel", "sort", "col", "density", "time", "fold", "histogram", "view")
"""How a page is drawn, and which; no part of what is looked for."""
NARROWING = tuple(f"{minus}{name}" for name in FIELDS for minus in ("", "-"))
MOST_VALUES = 100
MOST_PROBLEMS = 5
"""Told of one field at once: to find what was meant takes a while for each."""
NOTHING_TYPED = Query([], [])

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for, the text of its query bar read into parameters."""

    data: QueryDict
    query: Query = NOTHING_TYPED
    typed: str | None = None
    """The text of the query bar, where that was sent."""

    @classmethod
    def by(cls, data: QueryDict) -> "Asked":
        """Return what an address asks for. A text in the query bar replaces all other filters, but for the dates."""
        if BAR not in data:
            return cls(data)
        typed = data.get(BAR, "")
        query, rest = read(typed), data.copy()
        for name in (BAR, *NARROWING):
            rest.pop(name, None)
        dates = [term for term in query.terms if term.name in DATES]
        for name in PeriodWidget.PARTS if dates else ():
            if name != "tz":
                rest.pop(name, None)
        for term in query.terms:
            rest.appendlist(term.parameter, term.value)
        return cls(rest, query, typed)

    def column_of(self, parameter: str, value: str) -> str:
        """Return where a value stands in the text, for the beginning of a sentence; "" for what was not typed."""
        found = (term.column for term in self.query.terms if (term.parameter, term.value) == (parameter, value))
        return next((f"Column {column}: " for column in found), "")


class ValuesField(forms.Field):
    """Any number of values of one field, each as it is kept; doubles and empty ones are left out."""

    widget = forms.MultipleHiddenInput

    def __init__(self, *, field: Field, parameter: str, scope: Scope, asked: Asked, **options: Any) -> None:
        super().__init__(**{**options, "required": False})
        self.field, self.parameter, self.scope, self.asked = field, parameter, scope, asked

    def clean(self, values: Sequence[str] | None) -> list[str]:
        """Return the values. Raises ``ValidationError`` with a sentence for each that is wrong."""
        cleaned: dict[str, None] = {}
        problems = []
        given = [value.strip() for value in values or () if value.strip()]
        if len(given) > MOST_VALUES:
            raise ValidationError(f"{len(given)} values of {self.parameter} are too many. Give up to {MOST_VALUES}.")
        for value in given:
            try:
                cleaned[self._kept(value)] = None
            except ValidationError as error:
                problems += [self.asked.column_of(self.parameter, value) + message for message in error.messages]
            if len(problems) == MOST_PROBLEMS:
                break
        if problems:
            raise ValidationError(problems)
        return list(cleaned)

    def _kept(self, value: str) -> str:
        if len(value) > LONGEST_VALUE:
            raise ValidationError(
                f"{self.field.label} “{masked_start(value, 40)}…” is too long. Use up to {LONGEST_VALUE} characters."
            )
        if "\x00" in value:
            raise ValidationError(f"{self.field.label} can't hold the character NUL. Take it out.")
        return self.field.clean(self.scope, value)


class ValuesFilter(django_filters.Filter):  # type: ignore[misc]
    """Entries with any of some values of a field, or with none of them."""

    field_class = ValuesField

    def filter(self, entries: EntryQuerySet, values: list[str]) -> EntryQuerySet:
        """Return those of the entries that fit."""
        if not values:
            return entries
        return self.extra["field"].narrow(entries, self.extra["scope"], values, self.exclude)  # type: ignore[no-any-return]


class PeriodFilter(django_filters.Filter):  # type: ignore[misc]
    """Entries within a period."""

    field_class = PeriodField

    def filter(self, entries: EntryQuerySet, period: Any) -> EntryQuerySet:
        """Return those of the entries from its first moment to its last."""
        return entries.since(period.begins).before(period.ends)


class CursorFilter(django_filters.UUIDFilter):  # type: ignore[misc]
    """Places the page, and filters nothing."""

    def filter(self, entries: EntryQuerySet, value: Any) -> EntryQuerySet:
        """Return all of them."""
        return entries


class EntryFilterSet(django_filters.FilterSet):  # type: ignore[misc]
    """The filters of the log page."""

    everything = ""
    """The query for all entries of the default period; not "" where an address without a query leads elsewhere."""
    period = PeriodFilter()
    before = CursorFilter(error_messages={"invalid": "before= is no entry id."})
    after = CursorFilter(error_messages={"invalid": "after= is no entry id."})

    class Meta:
        model = Entry
        fields: Sequence[str] = ()

    def __init__(self, data: QueryDict, member: Member, kept_since: Any) -> None:
        self.asked = Asked.by(data)
        actors = [*self.asked.data.getlist("actor"), *self.asked.data.getlist("-actor")]
        self.scope = Scope(member, kept_since, [text.strip() for text in actors])
        super().__init__(self.asked.data, self.scope.entries)
        # Dates come first: what a text is looked for in.
        self.filters: dict[str, django_filters.Filter] = {**self.filters, **dict(self._values_filters())}

    def _values_filters(self) -> Iterator[tuple[str, ValuesFilter]]:
        for parameter in NARROWING:
            field = FIELDS[parameter.lstrip("-")]
            options = {"field": field, "parameter": parameter, "scope": self.scope, "asked": self.asked}
            yield parameter, ValuesFilter(exclude=parameter.startswith("-"), **options)

    @property
    def entries(self) -> EntryQuerySet:
        """What was asked for; nothing at all when it was asked wrongly."""
        entries: EntryQuerySet = self.qs if self.is_valid() else self.queryset.none()
        return entries

    def entries_without(self, name: str, *, patience: timedelta | None = None) -> EntryQuerySet:
        """What was asked for, but narrowed by nothing of one field: what else could be chosen there.

        With ``patience`` see ``EntryQuerySet.patiently``.
        """
        entries: EntryQuerySet = self.queryset if patience is None else self.queryset.patiently(patience)
        for parameter, value in self.chosen.items():
            if parameter.lstrip("-") != name:
                entries = self.filters[parameter].filter(entries, value)
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
        """Return the form, which refuses parameters it does not know, and what the query bar could not read."""
        form_class: type[forms.Form] = super().get_form_class()
        return type("EntryFilterForm", (_StrictForm, form_class), {"problems": self.asked.query.problems})

    @cached_property
    def narrowing(self) -> dict[str, list[str]]:
        """The values of each parameter that narrows, beside the dates; {} for a wrong filter."""
        chosen = self.chosen if self.is_valid() else {}
        return {parameter: chosen[parameter] for parameter in NARROWING if chosen.get(parameter)}

    @property
    def text(self) -> str:
        """The filter as the query bar has it; what was typed, when it is wrong."""
        if not self.is_valid() and self.asked.typed is not None:
            return self.asked.typed
        wrong = [(name, value) for name in NARROWING for value in self.data.getlist(name)]
        return written(self.pairs if self.is_valid() else wrong)

    def as_query(self, **page: Any) -> str:
        """Return the shortest query that asks for the same, with a cursor or an open entry."""
        cursor = ((name, value) for name, value in page.items() if value)
        return urlencode([*self.filter_query(), *asked_in(self.data), *cursor]) or self.everything

    def filter_query(self) -> Pairs:
        """Return the filters as query parameters in a fixed order, defaults left out."""
        if not self.is_valid():
            typed = [] if self.asked.typed is None else [(BAR, self.asked.typed)]
            kept = [name for name in self.data if not typed or name not in NARROWING]
            return typed + [(name, value) for name in kept for value in self.data.getlist(name) if value]
        return [*self.pairs, *self.chosen["period"].as_query().items()]

    @property
    def pairs(self) -> Pairs:
        """What narrows, beside the dates, as parameters in a fixed order."""
        return [(parameter, value) for parameter, values in self.narrowing.items() for value in values]

    def including(self, name: str, value: str) -> str:
        """Return the query that asks for this value of a field alone."""
        return self._changed(lambda pair: pair[0] != name and pair != (f"-{name}", value), (name, value))

    def excluding(self, name: str, value: str) -> str:
        """Return the query that leaves a value out."""
        return self._changed(lambda pair: pair != (name, value), (f"-{name}", value))

    def without(self, name: str, value: str | None = None) -> str:
        """Return the query without a value, or without all of a field, included or excluded."""
        return self._changed(lambda pair: pair[0].lstrip("-") != name or value not in (None, pair[1]))

    def dropping(self, parameter: str, value: str | None = None) -> str:
        """Return the query without a value of one parameter, or without all of its values."""
        return self._changed(lambda pair: pair[0] != parameter or value not in (None, pair[1]))

    def _changed(self, kept: Any, *added: tuple[str, str]) -> str:
        pairs = [pair for pair in self.pairs if kept(pair)]
        pairs += [pair for pair in added if pair not in pairs]
        pairs.sort(key=lambda pair: NARROWING.index(pair[0]))
        return "&".join(filter(None, (urlencode(pairs), self._kept))) or self.everything

    @cached_property
    def _kept(self) -> str:
        """The part of a query that stays, whatever narrows. A page has some two hundred addresses that end with it."""
        return urlencode([*self.chosen["period"].as_query().items(), *asked_in(self.data)])


class _StrictForm(forms.Form):
    problems: Sequence[str] = ()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for problem in (*self.problems, *mistakes_in(self.data)):
            self.add_error(None, problem)
        known = (*NARROWING, *PeriodWidget.PARTS, *PAGE_PARAMETERS)
        for name in self.data:
            if name not in known:
                self.add_error(None, f"There is no filter “{name:.80}”. Known are: {', '.join(FIELDS)}.")
        if cleaned.get("before") and cleaned.get("after"):
            self.add_error(None, "A page lies before one entry or after one, not both.")
        return cleaned
