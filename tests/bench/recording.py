"""What recording adds to a change, beside the same change that nobody records."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from .figures import Figure, Goal, Report, Work, time_each
from .world import World

RUNS = 400
GOALS = {"create": 1.5, "update": 1.7, "delete": 1.4, "bulk_create of 1,000": 2.0}
PLAIN = "unrecorded"


def measure_all(world: World, report: Report) -> None:
    """Measure changes with and without their entries, in turn."""
    found = _measure(world)
    report.section("recording")
    for name, goal in GOALS.items():
        plain = found[PLAIN][name]
        report.add(f"{name}, in a transaction", found["in a transaction"][name], limit=(PLAIN, plain))
        report.add(f"{name}, recorded", found["recorded"][name], limit=(PLAIN, plain), goal=Goal(goal))


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
    for run in range(RUNS):
        for name, work in works.items():
            with ExitStack() if name == "recorded" else _not_recording():
                time_each(work if run % 40 == 0 else dict(list(work.items())[:-1]), times[name])
    return {name: {work: Figure.of(taken) for work, taken in found.items()} for name, found in times.items()}


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


def _writes(world: World, prefix: str, setting: Callable[[], Any]) -> Work:
    from controlcenter.context import Where, acting_as
    from controlcenter.resources.models import App

    made: list[Any] = []
    actor = world.user.as_actor()

    def create() -> None:
        with acting_as(actor, Where(source_ip="203.0.113.7", request_id="bench")), setting():
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
