"""The pages of the log, and the statements behind them."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from .figures import Goal, Report, Work, measure
from .world import DAYS, World

RUNS, FEWER_RUNS = 41, 21
PAGE_DEEP = 1_000
SHELL = "empty page of the same shell"
BARE = "bare keyset query"
FIRST_PAGE = "page: last 6 months"
DEEP_PAGE = f"page: {PAGE_DEEP:,} pages deep"
FIFTY = "drawing: 50 rows"
SAME, AS_DEEP = 1.25, 1.2
"""How many times longer a large log may take than one of 10,000 entries, and a deep page than the first."""
RARE = "a text that stands nowhere"


def measure_all(world: World, report: Report) -> None:
    """Measure the pages at the size the log has now, and say how they compare to what they took when it was smaller."""
    with world.as_server():
        found = measure(_works(world), RUNS if world.is_full else FEWER_RUNS)
    report.section(f"reading, {world.size:,} entries in the account")
    for name, figure in found.items():
        limit, goal = _limit(name)
        report.add(name, figure, limit=(limit, found[limit]) if limit else None, goal=goal)
    report.add(f"{DEEP_PAGE}, than the first", found[DEEP_PAGE], limit=("first", found[FIRST_PAGE]), goal=Goal(AS_DEEP))
    for name, figure in found.items():
        if name in world.earlier and name.startswith("page"):
            report.add(f"{name}, than when small", figure, limit=("when small", world.earlier[name]), goal=Goal(SAME))
    world.earlier |= found


def _limit(name: str) -> tuple[str, Goal | None]:
    if name in (SHELL, BARE):
        return "", None
    if name.startswith("page:"):
        return SHELL, Goal(3, of="p95")
    if name == FIFTY:
        return "", Goal(3, of="value")
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
    client.cookies["scripts"] = "on"  # as browsers have it
    page = reverse("logs", args=["bench"])
    entries = Entry.objects.for_account(world.account.pk)
    few = [app.pk for app in world.apps[:3]]
    ids = list(entries.newest_first().values_list("id", flat=True)[: PAGE_DEEP * 50])
    deep = ids[-1] if len(ids) == PAGE_DEEP * 50 else ids[len(ids) // 2]
    kept = timezone.now() - timedelta(days=DAYS)
    edges = buckets_of(preset_period("6m", timezone.now(), own_zone()), kept).edges
    histogram = Counting(world.account.pk, Values(), edges)
    shown = list(entries.newest_first().select_related("subject")[:50])

    def get(query: str) -> Callable[[], Any]:
        return world.get(client, f"{page}?{query}")

    return {
        SHELL: world.get(client, reverse("plan", args=["bench"])),
        BARE: lambda: list(entries.newest_first().values_list("id", "body")[:51]),
        "query: all": lambda: entries.page(50, counted=False),
        "query: three apps": lambda: entries.for_apps(few).page(50, counted=False),
        f"query: {PAGE_DEEP:,} pages deep": lambda: entries.page(50, older_than=deep, counted=False),
        "histogram, last 6 months": lambda: histogram.exactly(),
        "histogram, three apps": lambda: histogram.exactly(Values(Dimension.APP, few)),
        "histogram, failures of one app": lambda: histogram.as_far_as_possible(entries.for_apps(few[:1]).failed()),
        FIFTY: _drawing(shown),
        FIRST_PAGE: get("range=6m"),
        "page: last month": get("range=last-month"),
        DEEP_PAGE: get(f"range=6m&before={deep}"),
        **{f"page: one {name}": get(f"{name}={value}&range=6m") for name, value in _values(world, shown)},
        "page: three apps": get("app=app-1&app=app-2&app=app-3&range=6m"),
        "page: app, operations, status and frequent text": get(_three_and("app")),
        "page: app, operations, status and rare text": get(_three_and(RARE)),
        "page: an entry": world.get(client, reverse("log-entry", args=["bench", shown[7].id])),
    }


def _three_and(text: str) -> str:
    from urllib.parse import urlencode

    fields = {"app": "app-1", "operation": "applications", "status": "success", "text": text, "range": "6m"}
    return urlencode(fields)


def _values(world: World, shown: Any) -> Iterator[tuple[str, str]]:
    """Yield a value of each field that the log holds."""
    from auditlog.models import Entry
    from controlcenter.operations import Operation

    made_up = [entry for entry in shown if entry.app_id]
    entry = made_up[0]
    yield "app", "app-1"
    yield "actor", world.user.slug
    yield "actor_type", "user"
    yield "operation", Operation(entry.operation).name
    yield "type", "app"
    yield "target", "app:app-1"
    yield "status", "failure"
    yield "ip", str(entry.source_ip)
    with_token = Entry.objects.for_account(world.account.pk).exclude(token=None).first()
    yield "token", with_token.token if with_token and with_token.token else "0" * 16


def _drawing(shown: Any) -> Callable[[], str]:
    """Return what makes lines of 50 entries and draws them."""
    from django.template.loader import get_template

    from auditlog.periods import own_zone
    from auditlog.presentation import Row

    zone, template = own_zone(), get_template("auditlog/_rows.jinja", using="jinja")
    shows = {"who": True, "what": True, "where": True, "status": True}

    def draw() -> str:
        for entry in shown:
            entry.__dict__.pop("event", None)  # Each page reads the bodies anew.
        rows = [Row(entry, zone, f"/{entry.id}/") for entry in shown]
        return template.render({"rows": rows, "shows": shows, "icons": "icons.svg", "peek": "/?panel="})

    return draw
