"""The last 30 days at a glance: how much was done and how much failed, where, and by whom."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.core.exceptions import EmptyResultSet
from django.urls import reverse

from accounts.models import Invitation, Member
from accounts.roles import Permission, Reach
from controlcenter import replica
from controlcenter.resources.models import App

from .listing import entry_url
from .models import Entry
from .periods import Period, preset_period
from .presentation import ERASED, Row
from .querysets import EntryQuerySet

MOST_COUNTED = 50_000
"""The newest entries that are counted; more are said to be there, and not counted on each look at the page."""
LINES = 6
PRESET = "30d"
PLOT_HEIGHT = 64
LOWEST_BAR = 2.5
"""A single failure among thousands must be seen."""

COUNTS = """
SELECT GROUPING(day, app_id, actor_id), day, app_id, actor_id, count(*), count(*) FILTER (WHERE NOT success)
FROM (
    SELECT app_id, actor_id, success,
        (to_timestamp((('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint) / 1000.0) AT TIME ZONE %s)::date
        AS day
    FROM ({entries}) AS newest
) AS dated
GROUP BY GROUPING SETS ((day), (app_id), (actor_id), ())
"""


class Count(NamedTuple):
    """How many entries, and how many of them are failures."""

    entries: int = 0
    failed: int = 0


@dataclass(slots=True)
class Counts:
    """The newest entries of a period, counted by day, app and actor."""

    total: Count = field(default_factory=Count)
    days: dict[date, Count] = field(default_factory=dict)
    apps: dict[int, Count] = field(default_factory=dict)
    actors: dict[int, Count] = field(default_factory=dict)


class Bar(NamedTuple):
    """One day of the histogram; lengths in percent of the width and in pixels of the height."""

    x: float
    width: float
    hit_x: float
    hit_width: float
    done_y: float
    done_height: float
    failed_y: float
    failed_height: float
    url: str
    day: date
    figures: Count


class Ranked(NamedTuple):
    """One line of a ranking."""

    name: str
    id: str
    entries: int
    most: int
    url: str


def counted(entries: EntryQuerySet, zone: ZoneInfo) -> Counts:
    """Count the newest ``MOST_COUNTED`` entries in one query; days are those of ``zone``."""
    newest = entries.newest_first().values("id", "app_id", "actor_id", "success")[:MOST_COUNTED]
    counts = Counts()
    try:
        sql, params = newest.query.sql_with_params()
    except EmptyResultSet:  # Nothing may be seen, Django says, without asking.
        return counts
    found = replica.rows(COUNTS.format(entries=sql), (zone.key, *params))
    for grouping, day, app_id, actor_id, all_, failed in found:
        count = Count(all_, failed)
        match grouping:
            case 0b011:
                counts.days[day] = count
            case 0b101 if app_id is not None:
                counts.apps[app_id] = count
            case 0b110 if actor_id is not None:
                counts.actors[actor_id] = count
            case 0b111:
                counts.total = count
    return counts


class Overview:
    """What the overview of an account shows to a member who may read its log."""

    def __init__(self, member: Member, now: datetime, zone: ZoneInfo) -> None:
        self.member, self.account = member, member.account
        self.period = preset_period(PRESET, now, zone)
        begins = max(self.period.begins, self.account.kept_since(now))
        self.entries = Entry.objects.visible_to(member).since(begins).before(self.period.ends)
        self.counts = counted(self.entries, zone)
        self.logs_url = reverse("logs", args=[self.account.slug])

    def context(self) -> dict[str, Any]:
        """Return what the template shows."""
        total = self.counts.total
        capped = total.entries == MOST_COUNTED
        return {
            "total": f"{total.entries:,}{'+' if capped else ''}",
            "failed": f"{total.failed:,}",
            "failed_share": f"{100 * total.failed / total.entries:.1f}%" if total.entries else "",
            "people": len(self.counts.actors),
            "active_apps": len(self.counts.apps),
            "counted_since": min(self.counts.days) if capped else None,
            "most_counted": f"{MOST_COUNTED:,}",
            "logs_url": self._log(),
            "failures_url": self._log(status="failure"),
            "period": self.period,
            "bars": list(self._bars()),
            "axis": self._axis(),
            "failures": self._failures(),
            "apps": self._apps(),
            "actors": self._actors(),
            "own_only": self.member.reach(Permission.READ_LOG) is Reach.OWN,
        }

    def _log(self, period: Period | None = None, **filters: str) -> str:
        """Return the address of the log with these filters, in this period or the given one."""
        return f"{self.logs_url}?{urlencode({**filters, **(period or self.period).as_query()})}"

    def _bars(self) -> Iterable[Bar]:
        slot = 100 / self.period.days
        most = max((count.entries for count in self.counts.days.values()), default=0)
        for number in range(self.period.days):
            day = self.period.first + timedelta(days=number)
            count = self.counts.days.get(day, Count())
            failed = max(LOWEST_BAR, PLOT_HEIGHT * count.failed / most) if count.failed else 0.0
            done = (PLOT_HEIGHT - failed) * (count.entries - count.failed) / most if count.entries else 0.0
            yield Bar(
                x=round(number * slot + slot * 0.1, 3),
                width=round(slot * 0.8, 3),
                hit_x=round(number * slot, 3),
                hit_width=round(slot, 3),
                done_y=round(PLOT_HEIGHT - failed - done, 1),
                done_height=round(done, 1),
                failed_y=round(PLOT_HEIGHT - failed, 1),
                failed_height=round(failed, 1),
                url=self._log(Period("custom", day, day, self.period.zone)),
                day=day,
                figures=count,
            )

    def _axis(self) -> list[str]:
        """Return the labels under the bars, evenly spaced; the last is today."""
        days = [self.period.first + timedelta(days=number) for number in (0, 10, 20)]
        return [*(f"{day:%b} {day.day}" for day in days), "Today"]

    def _failures(self) -> list[Row]:
        failed = self.entries.failed().newest_first().select_related("subject")[:LINES]
        return [Row(found, self.period.zone, entry_url(self.member, found)) for found in failed]

    def _apps(self) -> list[Ranked]:
        """The busiest apps; one that is gone is named as its last entry names it."""
        busiest = _highest(self.counts.apps)
        here = App.objects.for_account(self.account).filter(pk__in=[pk for pk, _ in busiest])
        named = {app.pk: (app.name, app.slug) for app in here}
        for found in self._newest_of("app_id", [pk for pk, _ in busiest if pk not in named]):
            app = found.event["app"]
            named[found.app_id or 0] = (f"{app['name']} (deleted)", app["id"])
        return _ranked(busiest, named, lambda slug: self._log(app=slug))

    def _actors(self) -> list[Ranked]:
        """The most active people, named as in their last entry."""
        busiest = _highest(self.counts.actors)
        named = {
            found.actor_id or 0: (
                (found.subject.full_name if found.subject else "") or ERASED,
                found.event["actor"].get("id", ""),
            )
            for found in self._newest_of("actor_id", [pk for pk, _ in busiest])
        }
        return _ranked(busiest, named, lambda slug: self._log(actor=slug))

    def _newest_of(self, column: str, ids: list[int]) -> Iterable[Entry]:
        """The newest entry of each of these, each found by its index, in one query; none for no ids."""
        if not ids:
            return []
        newest = [self.entries.filter(**{column: one}).newest_first().values("id")[:1] for one in ids]
        return (
            Entry.objects.for_account(self.account.pk)
            .filter(id__in=newest[0].union(*newest[1:], all=True))
            .select_related("subject")
        )


def _highest(counts: dict[int, Count]) -> list[tuple[int, Count]]:
    return sorted(counts.items(), key=lambda item: (-item[1].entries, item[0]))[:LINES]


def _ranked(busiest: list[tuple[int, Count]], named: dict[int, tuple[str, str]], url: Any) -> list[Ranked]:
    most = busiest[0][1].entries if busiest else 0
    return [Ranked(*named[pk], count.entries, most, url(named[pk][1])) for pk, count in busiest if pk in named]


def pending_invitations(member: Member, now: datetime) -> dict[str, Any]:
    """Return the newest invitations nobody has answered, for who manages members."""
    if member.reach(Permission.MANAGE_MEMBERS) is Reach.NONE:
        return {}
    pending = Invitation.objects.filter(
        account=member.account, state=Invitation.State.PENDING, expires_at__gt=now
    ).order_by("-pk")
    return {"invitations": list(pending[:LINES]), "manages_members": True}
