"""The search of the API, and following the log."""

from collections.abc import Callable
from typing import Any

from .figures import Figure, Goal, Report, Work, measure
from .world import World

RUNS, FEWER_RUNS = 41, 21
API_PAGE = 1_000
DEEP = 50_000
BARE = f"driver alone, the same {API_PAGE:,} rows"
EVERYTHING, FOLLOWED = "search, all", "follow, from the beginning"
LEAST = 20_000
"""Entries a second that one worker has to find."""


def measure_all(world: World, report: Report) -> None:
    """Measure searches at the size the log has now."""
    with world.as_server():
        found = measure(_works(world), RUNS if world.is_full else FEWER_RUNS)
    report.section(f"the API, {API_PAGE:,} a page, {world.size:,} entries in the account")
    for name, figure in found.items():
        most = Goal(API_PAGE / LEAST * 1000, of="value") if name != BARE and "nobody" not in name else None
        report.add(name, figure, limit=(BARE, found[BARE]) if name != BARE else None, goal=most)
    for name in (EVERYTHING, FOLLOWED):
        rate = Figure.of([API_PAGE * 1000 / found[name].median])
        report.add(f"{name}: one worker", rate, "entries/s", goal=Goal(LEAST, of="value", at_least=True))


def _works(world: World) -> Work:
    from django.db import connection
    from django.test import Client

    from accounts.models import Token
    from auditlog.messages import COLUMNS
    from auditlog.models import Entry
    from auditlog.searches import Search

    account = world.account
    _, secret = Token.issue(world.user, account, "bench", ["audit_log:read"])
    client = Client(headers={"Authorization": f"Key {secret}"})
    entries = Entry.objects.for_account(account.pk)
    sql, params = entries.newest_first().values_list(*COLUMNS)[:API_PAGE].query.sql_with_params()
    ids = entries.newest_first().values_list("id", flat=True)
    deep = Search().cursor_after(ids[min(DEEP, entries.count() - API_PAGE - 1)])
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
        assert answer.content.count(b'"timestamp":') == API_PAGE, (
            answer.content
        )  # To take it apart would be measured, too.
        return answer

    def fetch() -> object:
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall()

    return {
        BARE: fetch,
        EVERYTHING: search(),
        f"search, by a cursor {DEEP:,} deep": search(cursor=deep),
        "search, three operations": search({"operations": operations}),
        "search, failures": search({"success": False}),
        "search, a person's operations": search({"user_ids": ["bench"], "operations": operations}),
        "search, an address nobody has": search({"source_ips": ["192.0.2.250"]}),
        FOLLOWED: follow,
    }
