"""The pages of the log, and the statements behind them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from .figures import Goal, Report, Work, measure
from .world import DAYS, World

RUNS = 41
PAGE_DEEP = 1_000
SHELL = "empty page of the same shell"
BARE = "bare keyset query"
SAME = 1.25
"""How many times longer a large log may take than one of 10,000 entries."""


def measure_all(world: World, report: Report) -> None:
    """Measure the pages at the size the log has now, and say how they compare to what they took when it was smaller."""
    found = measure(_works(world), RUNS)
    report.section(f"reading, {world.size:,} entries in the account")
    for name, figure in found.items():
        limit, goal = _limit(name)
        report.add(name, figure, limit=(limit, found[limit]) if limit else None, goal=goal)
    for name, figure in found.items():
        if name in world.earlier and name.startswith("page"):
            report.add(f"{name}, than when small", figure, limit=("when small", world.earlier[name]), goal=Goal(SAME))
    world.earlier |= found


def _limit(name: str) -> tuple[str, Goal | None]:
    if name in (SHELL, BARE):
        return "", None
    if name.startswith("page:"):
        return SHELL, Goal(3, of="p95")
    return BARE, Goal(2) if name.startswith("query:") else None


def _works(world: World) -> Work:
    from django.urls import reverse
    from django.utils import timezone

    from auditlog.buckets import buckets_of
    from auditlog.counting import Counting, Values
    from auditlog.hours import Dimension
    from auditlog.models import Entry
    from auditlog.periods import own_zone, preset_period

    client = world.client()
    page = reverse("logs", args=["bench"])
    entries = Entry.objects.for_account(world.account.pk)
    few = [app.pk for app in world.apps[:3]]
    ids = list(entries.newest_first().values_list("id", flat=True)[: PAGE_DEEP * 50])
    deep = ids[-1] if len(ids) == PAGE_DEEP * 50 else ids[len(ids) // 2]
    kept = timezone.now() - timedelta(days=DAYS)
    edges = buckets_of(preset_period("6m", timezone.now(), own_zone()), kept).edges
    histogram = Counting(world.account.pk, Values(), edges)

    def get(query: str) -> Callable[[], Any]:
        return world.get(client, f"{page}?{query}")

    return {
        SHELL: world.get(client, reverse("plan", args=["bench"])),
        BARE: lambda: list(entries.newest_first().values_list("id", "body")[:51]),
        "query: all": lambda: entries.page(50),
        "query: three apps": lambda: entries.for_apps(few).page(50),
        f"query: {PAGE_DEEP:,} pages deep": lambda: entries.page(50, older_than=deep),
        "histogram, last 6 months": lambda: histogram.exactly(),
        "histogram, three apps": lambda: histogram.exactly(Values(Dimension.APP, few)),
        "histogram, failures of one app": lambda: histogram.as_far_as_possible(entries.for_apps(few[:1]).failed()),
        "page: last 6 months": get("range=6m"),
        "page: one app": get("app=app-1&range=6m"),
        "page: three apps": get("app=app-1&app=app-2&app=app-3&range=6m"),
        "page: last month": get("range=last-month"),
        f"page: {PAGE_DEEP:,} pages deep": get(f"range=6m&before={deep}"),
    }
