"""What reading and recording cost, as ratios measured in one run: `make bench`.

Every figure is a median of interleaved runs, with the quartiles as spread, beside its limit in the same run: an empty
page of the same shell for pages, the bare keyset query for SQL, an unrecorded save for writes, the same rows fetched by
the driver alone for the API. Nothing is asserted.
"""

import json
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import django
import pytest
from django.core.management import call_command

from controlcenter.local_postgres import LocalPostgres

from .sealing import KEY

SIZES = (10_000, 1_000_000)
DAYS = 180
PAGE_DEEP = 1_000
PAGE_RUNS = 41
API_PAGE = 1_000
WRITE_RUNS = 400
RESULTS = Path(__file__).resolve().parent.parent / ".test-results" / "bench.json"

Work = dict[str, Callable[[], object]]
Figures = dict[str, tuple[float, float, float]]


def main() -> None:
    """Measure on a database of its own, print the tables and write them as JSON."""
    with _database():
        world = _make_world()
        results: dict[str, Any] = {"recording": _report_recording(_measure_recording(world))}
        pages: list[Figures] = []
        searches: list[Figures] = []
        have = 0
        for size in SIZES:
            call_command("fill_log", account="bench", entries=size - have, days=DAYS, is_test=True)
            call_command("seal_log", once=True)
            have = size
            _analyze()
            call_command("roll_up_log", once=True)
            pages.append(_measure(_reads(world), PAGE_RUNS))
            searches.append(_measure(_searches(world), PAGE_RUNS))
        results["reading"] = _report_reading(pages)
        results["searching"] = _report_searching(searches)
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=2))
        print(f"\nWritten to {RESULTS.name}.")


@contextmanager
def _database() -> Iterator[None]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="controlcenter-bench-")))
        folder.chmod(0o711)
        server = stack.enter_context(LocalPostgres(folder / "postgres", "max_wal_size=4GB", "shared_buffers=512MB"))
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "controlcenter.settings",
            "DATABASE_URL": server.url,
            "SECRET_KEY": "only-for-measuring-" * 3,
            "INSECURE_HTTP": "1",
            "SEALING_KEYS": KEY,
        }
        django.setup()
        logging.disable(logging.WARNING)
        from django.conf import settings
        from django.db import connections

        settings.ALLOWED_HOSTS = ["testserver"]
        settings.API_REQUESTS_PER_MINUTE = 10**9
        settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
        call_command("migrate", verbosity=0)
        yield
        connections.close_all()


def _make_world() -> dict[str, Any]:
    from accounts.models import Account, Member, Plan, User
    from controlcenter.resources.models import App

    plan = Plan.objects.get(slug="enterprise")
    account = Account.objects.create(slug="bench", name="Bench", plan=plan)
    writing = Account.objects.create(slug="writing", name="Writing", plan=plan)
    user = User.objects.create_user("bench@bench.example", "a password", slug="bench", home=account)
    Member.objects.create(account=account, user=user, role="administrator")
    apps = [App.objects.create(account=account, slug=f"app-{number}", name=f"App {number}") for number in range(25)]
    return {"account": account, "writing": writing, "user": user, "apps": apps}


def _reads(world: dict[str, Any]) -> Work:
    from django.test import Client
    from django.urls import reverse
    from django.utils import timezone

    from auditlog.buckets import buckets_of
    from auditlog.counting import Counting, Values
    from auditlog.hours import Dimension
    from auditlog.models import Entry
    from auditlog.periods import own_zone, preset_period

    client = Client()
    client.force_login(world["user"])
    page = reverse("logs", args=["bench"])
    entries = Entry.objects.for_account(world["account"].pk)
    few = [app.pk for app in world["apps"][:3]]
    ids = list(entries.newest_first().values_list("id", flat=True)[: PAGE_DEEP * 50])
    deep = ids[-1] if len(ids) == PAGE_DEEP * 50 else ids[len(ids) // 2]

    kept = timezone.now() - timedelta(days=DAYS)
    edges = buckets_of(preset_period("6m", timezone.now(), own_zone()), kept).edges
    histogram = Counting(world["account"].pk, Values(), edges)

    def get(address: str) -> Callable[[], object]:
        def read() -> object:
            response = client.get(address)
            assert response.status_code == 200, (address, response.status_code)
            return response

        return read

    return {
        "empty page of the same shell": get(reverse("plan", args=["bench"])),
        "bare keyset query": lambda: list(entries.newest_first().values_list("id", "body")[:51]),
        "page query, all": lambda: entries.page(50),
        "page query, three apps": lambda: entries.for_apps(few).page(50),
        "page query, 1,000 pages deep": lambda: entries.page(50, older_than=deep),
        "histogram, last 6 months": lambda: histogram.exactly(),
        "histogram, three apps": lambda: histogram.exactly(Values(Dimension.APP, few)),
        "histogram, failures of one app": lambda: histogram.as_far_as_possible(entries.for_apps(few[:1]).failed()),
        "page: last 6 months": get(f"{page}?range=6m"),
        "page: one app": get(f"{page}?app=app-1&range=6m"),
        "page: three apps": get(f"{page}?app=app-1&app=app-2&app=app-3&range=6m"),
        "page: last month": get(f"{page}?range=last-month"),
        "page: 1,000 pages deep": get(f"{page}?range=6m&before={deep}"),
    }


BARE = "driver alone, the same 1,000 rows"


def _searches(world: dict[str, Any]) -> Work:
    from django.db import connection
    from django.test import Client

    from accounts.models import Token
    from auditlog.messages import COLUMNS
    from auditlog.models import Entry

    account = world["account"]
    _, secret = Token.issue(world["user"], account, "bench", ["audit_log:read"])
    client = Client(headers={"Authorization": f"Key {secret}"})
    entries = Entry.objects.for_account(account.pk)
    sql, params = entries.newest_first().values_list(*COLUMNS)[:API_PAGE].query.sql_with_params()
    ids = entries.newest_first().values_list("id", flat=True)
    deep = ids[min(PAGE_DEEP * 50, entries.count() - API_PAGE - 1)]
    operations = ["MODEL_CREATE", "WORKFLOW_VERSION_UPDATE", "APPLICATION_UPDATE"]

    def search(query: dict[str, Any] | None = None, **page: Any) -> Callable[[], object]:
        body = {"query": query or {}, "pagination": {"per_page": API_PAGE, **page}}

        def ask() -> Any:
            answer = client.post("/v2/users/bench/audit_log/searches", body, content_type="application/json")
            assert answer.status_code == 200, answer.content
            return answer

        return ask

    def follow() -> object:
        answer = client.get("/v2/users/bench/audit_log/entries", {"per_page": API_PAGE})
        assert len(answer.json()["entries"]) == API_PAGE, answer.content
        return answer

    return {
        BARE: lambda: connection.connection.execute(sql, params).fetchall(),
        "search, all": search(),
        "search, by a cursor 50,000 deep": search(cursor=_cursor_at(deep)),
        "search, three operations": search({"operations": operations}),
        "search, failures": search({"success": False}),
        "search, a person's operations": search({"user_ids": ["bench"], "operations": operations}),
        "search, an address nobody has": search({"source_ips": ["192.0.2.250"]}),
        "follow, from the beginning": follow,
    }


def _cursor_at(entry_id: Any) -> str:
    from auditlog.searches import Search

    return Search().cursor_after(entry_id)


def _measure_recording(world: dict[str, Any]) -> dict[str, Figures]:
    from django.db import transaction

    # A change and its entry share a transaction: what that costs by itself is measured, too.
    settings: dict[str, Callable[[], Any]] = {
        "unrecorded": ExitStack,
        "in a transaction": transaction.atomic,
        "recorded": ExitStack,
    }
    works = {name: _writes(world, name.replace(" ", "-"), setting) for name, setting in settings.items()}
    times: dict[str, dict[str, list[float]]] = {name: {} for name in settings}
    for run in range(WRITE_RUNS):
        for name, work in works.items():
            with ExitStack() if name == "recorded" else _not_recording():
                _time_each(work, times[name], skip_last=run % 40 > 0)
    return {name: _figures(found) for name, found in times.items()}


@contextmanager
def _not_recording() -> Iterator[None]:
    """Make tracked models plain Django models for a while."""
    from django.db.models import Model, QuerySet

    from auditlog import receivers
    from controlcenter.tracking import TrackedModel, TrackedQuerySet

    for signal, _, model, uid in receivers.model_receivers():
        signal.disconnect(sender=model, dispatch_uid=uid)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrackedModel, "save", Model.save)
        patch.setattr(TrackedModel, "delete", Model.delete)
        patch.setattr(TrackedQuerySet, "_raw_delete", QuerySet._raw_delete)
        patch.setattr(TrackedQuerySet, "bulk_create", QuerySet.bulk_create)
        yield
    receivers.connect()


def _writes(world: dict[str, Any], prefix: str, setting: Callable[[], Any]) -> Work:
    from controlcenter.context import Where, acting_as
    from controlcenter.resources.models import App

    made: list[Any] = []
    actor = world["user"].as_actor()

    def create() -> None:
        with acting_as(actor, Where(source_ip="203.0.113.7", request_id="bench")), setting():
            made.append(App.objects.create(account=world["writing"], slug=f"{prefix}-{time.time_ns()}", name="App"))

    def update() -> None:
        made[-1].name += "x"
        with acting_as(actor), setting():
            made[-1].save()

    def delete() -> None:
        with acting_as(actor), setting():
            made.pop().delete()

    def bulk_create() -> None:
        rows = [App(account=world["writing"], slug=f"{prefix}-{time.time_ns()}-{n}", name="App") for n in range(1000)]
        with acting_as(actor), setting():
            App.objects.bulk_create(rows)

    return {"create": create, "update": update, "delete": delete, "bulk_create of 1,000": bulk_create}


def _measure(work: Work, runs: int) -> Figures:
    times: dict[str, list[float]] = {}
    for _ in range(2):
        _time_each(work, {})
    for _ in range(runs):
        _time_each(work, times)
    return _figures(times)


def _time_each(work: Work, times: dict[str, list[float]], *, skip_last: bool = False) -> None:
    for name, do in list(work.items())[: -1 if skip_last else None]:
        start = time.perf_counter()
        do()
        times.setdefault(name, []).append((time.perf_counter() - start) * 1000)


def _figures(times: dict[str, list[float]]) -> Figures:
    found = {}
    for name, values in times.items():
        low, middle, high = statistics.quantiles(values, n=4)
        found[name] = (middle, low, high)
    return found


def _analyze() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE auditlog_entry")


def _report_reading(phases: list[Figures]) -> dict[str, Any]:
    small, large = phases
    print(f"\n{'reading, ms':34}{f'{SIZES[0]:,}':>20}{f'{SIZES[1]:,}':>20}{'ratio':>8}{'× limit':>9}")
    report = {}
    for name, (middle, low, high) in large.items():
        limit = "empty page of the same shell" if name.startswith("page:") else "bare keyset query"
        first = small[name]
        ratio, times_limit = middle / first[0], middle / large[limit][0]
        cells = f"{_spread(first):>20}{_spread((middle, low, high)):>20}{ratio:>8.2f}"
        print(f"{name:34}{cells}{times_limit:>9.2f}" if name.startswith("page") else f"{name:34}{cells}")
        report[name] = {"small": first, "large": (middle, low, high), "ratio": ratio, "times_limit": times_limit}
    return report


def _report_searching(phases: list[Figures]) -> dict[str, Any]:
    small, large = phases
    titles = f"{f'{SIZES[0]:,}':>20}{f'{SIZES[1]:,}':>20}"
    print(f"\n{f'the API, {API_PAGE:,} a page, ms':34}{titles}{'ratio':>8}{'× limit':>9}{'entries/s':>11}")
    report = {}
    for name, (middle, low, high) in large.items():
        ratio, times_limit, rate = middle / small[name][0], middle / large[BARE][0], API_PAGE / middle * 1000
        cells = f"{_spread(small[name]):>20}{_spread((middle, low, high)):>20}{ratio:>8.2f}{times_limit:>9.2f}"
        print(f"{name:34}{cells}" + (f"{rate:>11,.0f}" if "nobody" not in name else ""))
        report[name] = {"small": small[name], "large": (middle, low, high), "ratio": ratio, "times_limit": times_limit}
    return report


def _report_recording(found: dict[str, Figures]) -> dict[str, Any]:
    print(f"\n{'recording, ms':22}" + "".join(f"{name:>22}" for name in found) + f"{'ratio':>8}{'× limit':>9}")
    report = {}
    for name in found["recorded"]:
        figures = {setting: found[setting][name] for setting in found}
        plain, bare, recorded = (figure[0] for figure in figures.values())
        cells = "".join(f"{_spread(figure):>22}" for figure in figures.values())
        print(f"{name:22}{cells}{recorded / plain:>8.2f}{recorded / bare:>9.2f}")
        report[name] = {**figures, "ratio": recorded / plain, "times_limit": recorded / bare}
    return report


def _spread(figure: tuple[float, float, float]) -> str:
    middle, low, high = figure
    return f"{middle:.2f} ({low:.1f}–{high:.1f})"


if __name__ == "__main__":
    main()
