"""What an address of the log asks for, without looking it up: to be kept, sent on, exported, or asked for elsewhere."""

from datetime import datetime
from functools import cached_property
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts.models import Member

from .display import Display, asked_in, enter_own_zone, preference_of
from .filters import EntryFilterSet
from .periods import Period

ALL = ("view", "all")
"""Asks for everything where the address alone would lead to the account's default view."""


class Look:
    """The filters, dates and display that an address names."""

    def __init__(self, request: HttpRequest, member: Member) -> None:
        preference = preference_of(member.user)
        self.member, self.account = member, member.account
        self.now = timezone.now()
        self.kept_since = self.account.kept_since(self.now)
        enter_own_zone(preference)
        self.filters = EntryFilterSet(request.GET, member, self.kept_since)
        self.display = Display.of(self.filters.data, preference)
        self.valid: bool = self.filters.is_valid()

    @property
    def period(self) -> Period:
        """The dates, of a look that is valid."""
        period: Period = self.filters.chosen["period"]
        return period

    @property
    def begins(self) -> datetime:
        """The first moment of which entries are kept."""
        return max(self.period.begins, self.kept_since)

    @cached_property
    def to_keep(self) -> str:
        """The query that shows the same to whoever opens it, whenever: relative dates stay relative."""
        return kept_query(self.filters, self.display)

    @property
    def to_send(self) -> str:
        """The query that shows the same days whenever it is opened."""
        return frozen_query(self.filters)

    @property
    def address(self) -> str:
        """The address of the log that shows it."""
        return log_address(self.member, self.filters.as_query())


def log_address(member: Member, query: str) -> str:
    """Return the address of the log with a query."""
    path = reverse("logs", args=[member.account.slug])
    return f"{path}?{query}" if query else path


def kept_query(filters: EntryFilterSet, display: Display) -> str:
    """Return the query of a view: its zone, columns and order are part of it, whatever who opens it prefers."""
    period = filters.chosen["period"]
    dates = {**period.as_query(), "tz": period.zone.key}
    return urlencode([*filters.pairs, *dates.items(), *display.as_query()])


def frozen_query(filters: EntryFilterSet) -> str:
    """Return the query with dates instead of a relative range."""
    period = filters.chosen["period"]
    fixed = Period.between(period.begins, period.ends, period.zone)
    return urlencode([*filters.pairs, *fixed.as_query().items(), *asked_in(filters.data)])
