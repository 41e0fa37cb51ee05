"""What recording adds to a change, beside the same change that nobody records, and what it adds for others."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest

from . import peers
from .figures import Figure, Goal, Report, Work, time_each
from .world import World

TURNS, AT_ONCE = 30, 10
"""Turns of each setting, and changes of a kind in each: what comes first in a turn finds no cache warm."""
TURNS_OF_MANY = 6
MANY = "bulk_create of 1,000"
GOALS = {"create": 1.5, "update": 1.7, "delete": 1.4, MANY: 2.0}
PLAIN = "unrecorded"
NO_TRIGGERS = """
DO $$ DECLARE one record; BEGIN
    FOR one IN
        SELECT tgname, tgrelid::regclass AS of FROM pg_trigger
        WHERE tgfoid IN ('auditlog_unattributed'::regproc, 'auditlog_note_gone'::regproc)
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', one.tgname, one.of);
    END LOOP;
END $$;
"""


def measure_all(world: World, report: Report) -> None:
    """Measure changes with and without their entries, in turn; then the same with what others use."""
    found = _measure(world)
    report.section("recording")
    for name, goal in GOALS.items():
        plain = found[PLAIN][name]
        report.add(f"{name}, in a transaction", found["in a transaction"][name], limit=(PLAIN, plain))
        report.add(f"{name}, recorded", found["recorded"][name], limit=(PLAIN, plain), goal=Goal(goal))
    if peers.are_wanted():
        report.section("recording by others: a row of the same shape, beside their own unrecorded one")
        for peer in (peers.BARE, *peers.PEERS):
            _report_peer(world, report, peer)


def _report_peer(world: World, report: Report, peer: str) -> None:
    try:
        times = peers.measure_peer(peer, world.url)
    except peers.NotMeasured as error:
        print(f"{peer} {error}", flush=True)
        return
    for name in ("create", "update", "delete"):
        if (peer, name) not in peers.NOT_RECORDED:
            figure, plain = (Figure.of(times[way][name]) for way in ("recorded", PLAIN))
            report.add(f"{name}, {peer}", figure, limit=(PLAIN, plain))


def _measure(world: World) -> dict[str, dict[str, Figure]]:
    from django.db import transaction

    # A change and its entry share a transaction: what that costs by itself is measured, too.
    settings: dict[str, Callable[[], Any]] = {
        PLAIN: ExitStack,
        "in a transaction": transaction.atomic,
        "recorded": ExitStack,
    }
    works = {name: _writes(world, name.replace(" ", "-"), setting) for name, setting in settings.items()}
    times: dict[str, dict[str, list[float]]] = {name: {} for name in settings}
    with _a_twin(world) as twin:
        for turn in range(-1, TURNS):  # the first is to warm up
            for name, work in works.items():
                with ExitStack() if name == "recorded" else _not_recording(twin):
                    for kind, do in work.items():
                        for _ in range(turn % (TURNS // TURNS_OF_MANY) == 0 if kind == MANY else AT_ONCE):
                            time_each({kind: do}, times[name] if turn >= 0 else {})
    return {name: {work: Figure.of(taken) for work, taken in found.items()} for name, found in times.items()}


@contextmanager
def _a_twin(world: World) -> Iterator[Any]:
    """Inside, there is a connection to a copy of the database without the triggers of tracked tables.

    With them, each change that nobody records would become an entry, "past the application", and be no limit.
    """
    from django.db import connection, connections

    connection.close()
    name = connection.settings_dict["NAME"]
    with psycopg.connect(world.url, dbname="postgres", autocommit=True) as server:
        server.execute(f"CREATE DATABASE unrecorded TEMPLATE {name}")
    twin = connections.create_connection("default")
    twin.settings_dict = {**connection.settings_dict, "NAME": "unrecorded"}
    with twin.cursor() as cursor:
        cursor.execute(NO_TRIGGERS)
    try:
        yield twin
    finally:
        twin.close()


@contextmanager
def _not_recording(twin: Any) -> Iterator[None]:
    """Make tracked models plain Django models for a while, in a database that does not record either."""
    from django.db import connections
    from django.db.models import Model, QuerySet

    from auditlog import receivers
    from controlcenter.tracking import TrackedModel, TrackedQuerySet

    for signal, _, model, uid in receivers.model_receivers():
        signal.disconnect(sender=model, dispatch_uid=uid)
    ours = connections["default"]
    with pytest.MonkeyPatch.context() as patch:
        for method in ("save", "delete", "_do_update"):
            patch.setattr(TrackedModel, method, getattr(Model, method))
        for method in ("_raw_delete", "bulk_create"):
            patch.setattr(TrackedQuerySet, method, getattr(QuerySet, method))
        connections["default"] = twin
        try:
            yield
        finally:
            connections["default"] = ours
    receivers.connect()


def _writes(world: World, prefix: str, setting: Callable[[], Any]) -> Work:
    from controlcenter.context import Where, acting_as
    from controlcenter.resources.models import App

    made: list[Any] = []
    actor = world.user.as_actor()

    def create() -> None:
        # Each request has an id of its own: with one and the same, its index was a chain longer with each entry.
        with acting_as(actor, Where(source_ip="203.0.113.7", request_id=secrets.token_hex(16))), setting():
            made.append(App.objects.create(account=world.writing, slug=f"{prefix}-{time.time_ns()}", name="App"))

    def update() -> None:
        made[-1].name += "x"
        with acting_as(actor), setting():
            made[-1].save()

    def delete() -> None:
        with acting_as(actor), setting():
            made.pop().delete()

    def bulk_create() -> None:
        rows = [App(account=world.writing, slug=f"{prefix}-{time.time_ns()}-{n}", name="App") for n in range(1000)]
        with acting_as(actor), setting():
            App.objects.bulk_create(rows)

    return {"create": create, "update": update, "delete": delete, "bulk_create of 1,000": bulk_create}
