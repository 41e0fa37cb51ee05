"""Success and failure over time, above the entries: what the filter finds, before all that the member may read."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from django.urls import reverse

from accounts.roles import Permission, Reach

from . import counting
from .buckets import DAY, Buckets, buckets_of
from .counting import Count, Counting, Counts, Values
from .display import AS_TABLE, asked_in
from .fields import operations_of
from .hours import Dimension
from .periods import Period

if TYPE_CHECKING:
    from .filters import EntryFilterSet
    from .looks import Look

PLOT_HEIGHT = 64
LOWEST_FAILURE, LOWEST = 2.5, 2.0
"""In pixels: a single failure among thousands must be seen."""
GAP = 1
MARGIN = 0.13
"""How much of its place a bar leaves free on each side."""
GRID_VALUES = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
AXIS_PARTS = (7, 8, 6, 5)
LONGEST_WITH_CLOCK = timedelta(days=4)
MICROSECOND = timedelta(microseconds=1)
NOT_COUNTED = "not counted"


class Rect(NamedTuple):
    """A part of a bar: its class, its upper edge and height in pixels."""

    kind: str
    y: float
    height: float


class Bar(NamedTuple):
    """One bucket and what is drawn of it."""

    url: str
    title: str
    said: str
    end: str
    figures: Count
    all: int | None
    part: str
    """Says that it was not counted, or in part; "" for an exact figure."""
    x: str
    width: str
    hit_x: str
    hit_width: str
    rects: list[Rect]


def histogram_of(listing: "Look", *, at_first: bool) -> dict[str, Any]:
    """Return what the template of the histogram shows; nothing when there is no time to count in. One query.

    ``at_first`` counts what can be counted while a page waits. Where that isn't all, the page asks for the rest.
    """
    if not listing.valid or listing.period.ends <= listing.kept_since:
        return {}
    context = Histogram(listing, counting.AT_FIRST if at_first else counting.PATIENCE).context()
    if at_first and context["since"]:
        path = reverse("log-histogram", args=[listing.account.slug])
        context["rest_url"] = f"{path}?{urlencode([*listing.filters.filter_query(), *asked_in(listing.filters.data)])}"
    return {"histogram": context}


class Histogram:
    """The buckets of a listing's period, counted."""

    def __init__(self, listing: "Look", patience: timedelta) -> None:
        self.filters, self.period, self.now = listing.filters, listing.period, listing.now
        self.buckets: Buckets = buckets_of(listing.period, listing.kept_since)
        statuses = set(self.filters.narrowing.get("status", ()))
        self.status = statuses.pop() if len(statuses) == 1 else ""
        self.counts = self._counted(listing, patience)

    def _counted(self, listing: "Look", patience: timedelta) -> Counts:
        own = listing.member.reach(Permission.READ_LOG) is Reach.OWN
        readable = Values(Dimension.ACTOR, [listing.member.user_id]) if own else Values()
        entries = Counting(listing.account.pk, readable, self.buckets.edges)
        narrowed = _narrowed(self.filters, readable)
        if narrowed is None:
            return entries.as_far_as_possible(self.filters.entries, patience=patience)
        if exact := entries.exactly(None if narrowed == readable else narrowed):
            return self._of_status(exact)
        return entries.as_far_as_possible(self.filters.entries, beside_all=False, patience=patience)

    def _of_status(self, counts: Counts) -> Counts:
        """The hourly counts know both outcomes: here that which was asked for is taken of them."""
        if not self.status:
            return counts
        matching = [
            count._replace(failed=0) if self.status == "success" else count._replace(done=0)
            for count in counts.matching
        ]
        return Counts(matching, counts.all or counts.matching)

    def context(self) -> dict[str, Any]:
        """Return what the template shows."""
        done, failed = (sum(numbers) for numbers in zip(*self.counts.matching, strict=True))
        as_table = AS_TABLE in asked_in(self.filters.data)
        return {
            "count": done + failed,
            "of": None if self.counts.all is None else sum(map(sum, self.counts.all)),
            "failed": 0 if self.status else failed,
            "share": f"{100 * failed / (done + failed):.1f}%" if failed else "",
            "status": self.status,
            "size": self.buckets.label,
            "since": self._moment(self.counts.since) if self.counts.since else "",
            "as_table": as_table,
            "other_url": self._url(self.period, as_table=not as_table),
            "bars": list(self._bars(as_table)),
            "half": f"{self.half:,.0f}",
            "axis": self._axis(),
        }

    @cached_property
    def half(self) -> float:
        """How many entries the line in the middle stands for: a round number, so that the highest bar fits."""
        most = max(map(sum, self.counts.all or self.counts.matching))
        power = 1
        while power * GRID_VALUES[-1] * 2 < most:
            power *= 10
        values = (value * power for value in GRID_VALUES)
        return next(value for value in values if value * 2 >= most and value == int(value))

    def _bars(self, as_table: bool) -> Iterator[Bar]:
        slot = 100 / len(self.counts.matching)
        for number, count in enumerate(self.counts.matching):
            begins, ends = self.buckets.edges[number : number + 2]
            title, last = self._named(begins, ends)
            everything = sum(self.counts.all[number]) if self.counts.all else None
            part = self._part(begins, ends)
            yield Bar(
                url=self._url(Period.between(begins, ends, self.period.zone), as_table=as_table),
                title=title,
                said=title.replace(" – ", " to "),
                end=last,
                figures=count,
                all=everything,
                part=part,
                x=f"{(number + MARGIN) * slot:.2f}%",
                width=f"{(1 - 2 * MARGIN) * slot:.2f}%",
                hit_x=f"{number * slot:.2f}%",
                hit_width=f"{slot:.2f}%",
                rects=self._rects(count, everything, part),
            )

    def _rects(self, count: Count, everything: int | None, part: str) -> list[Rect]:
        scale = PLOT_HEIGHT / (2 * self.half)
        rects = [Rect("rest", 0, PLOT_HEIGHT)] if part == NOT_COUNTED else []
        if everything:
            rects.append(_standing("all", max(LOWEST, everything * scale)))
        failed = max(LOWEST_FAILURE, count.failed * scale) if count.failed else 0
        if failed:
            rects.append(_standing("f", failed))
        if count.done:
            below = failed + GAP if failed else 0
            rects.append(_standing("k", min(max(LOWEST, count.done * scale), PLOT_HEIGHT - below), below))
        return rects

    def _part(self, begins: datetime, ends: datetime) -> str:
        since = self.counts.since
        if since is None or since <= begins:
            return ""
        return NOT_COUNTED if ends <= since else "counted in part"

    def _axis(self) -> list[str]:
        """Return labels at even distances, from the first edge to the last."""
        edges, local = self.buckets.edges, self._local
        buckets = len(edges) - 1
        short = edges[-1] - edges[0] < LONGEST_WITH_CLOCK and self.buckets.size < DAY
        fitting = (parts for parts in AXIS_PARTS if short and buckets % parts == 0)
        parts = min(next(fitting, AXIS_PARTS[0]), buckets)
        places = [edges[number * buckets // parts] for number in range(parts)]
        last = local(edges[-1] - MICROSECOND)
        ending = "Today" if last.date() == local(self.now).date() else self._day(last.date())
        if not short:
            return [*(self._day(local(place).date()) for place in places), ending]
        if local(edges[0]).date() == last.date():
            return [self._clock(place) for place in (*places, edges[-1])]
        return [*(self._moment(place) for place in places), ending]

    def _named(self, begins: datetime, ends: datetime) -> tuple[str, str]:
        """Return what a bucket is called, and what its end is."""
        first, after = self._local(begins), self._local(ends)
        last = self._local(ends - MICROSECOND).date()
        if first.time() == after.time() == time():
            day = self._day(last)
            return (day if first.date() == last else f"{self._day(first.date())} – {day}"), day
        end = self._clock(ends) if first.date() == last else self._moment(ends)
        return f"{self._moment(begins)} – {end}", self._moment(ends)

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.period.zone)

    def _day(self, day: date) -> str:
        return f"{day:%b} {day.day}" if day.year == self._local(self.now).year else f"{day:%b} {day.day}, {day.year}"

    def _clock(self, moment: datetime) -> str:
        local = self._local(moment)
        twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
        return f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M %Z}" if twice else f"{local:%H:%M}"

    def _moment(self, moment: datetime) -> str:
        return f"{self._day(self._local(moment).date())}, {self._clock(moment)}"

    def _url(self, period: Period, *, as_table: bool) -> str:
        """Return the address of the same entries in another period, from the newest one on."""
        before, after = self._around_dates
        dates = urlencode([*period.as_query().items(), *([AS_TABLE] if as_table else [])])
        return f"?{before}{dates}{after}"

    @cached_property
    def _around_dates(self) -> tuple[str, str]:
        """What stands before and after the dates in the addresses of all bars."""
        before = urlencode(self.filters.pairs)
        after = urlencode([pair for pair in asked_in(self.filters.data) if pair != AS_TABLE])
        return f"{before}&" if before else "", f"&{after}" if after else ""


def _narrowed(filters: "EntryFilterSet", readable: Values) -> Values | None:
    """Return what the filter is for the hourly counts, whatever the status; None when they can't tell."""
    fields = filters.narrowing.keys() - {"status"}
    if not fields:
        return readable
    if len(fields) > 1 or readable.dimension is not Dimension.ALL:
        return None
    [field] = fields
    values, scope = filters.narrowing[field], filters.scope
    match field:
        case "app":
            return Values(Dimension.APP, scope.app_ids(values))
        case "actor":
            return Values(Dimension.ACTOR, scope.user_ids(values))
        case "operation":
            operations = {int(operation) for value in values for operation in operations_of(value)}
            return Values(Dimension.OPERATION, sorted(operations))
    return None


def _standing(kind: str, height: float, below: float = 0) -> Rect:
    """Return what stands on the base line, or as high above it as something below it needs."""
    return Rect(kind, round(PLOT_HEIGHT - below - height, 1), round(height, 1))
