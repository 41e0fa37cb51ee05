"""System checks find a model that could change unseen. Each model here is made wrong on purpose."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import models
from django.test.utils import isolate_apps

from accounts.models import Plan
from auditlog import checks, tracked
from auditlog.tracked import EXEMPT, TRACKED, Tracked, tracked_models
from controlcenter.tracking import TrackedModel


def track(monkeypatch: pytest.MonkeyPatch, model: type[models.Model]) -> None:
    monkeypatch.setitem(tracked._BY_MODEL, model, TRACKED[0])


def found_by(check: Callable[..., Any]) -> list[str | None]:
    return [problem.id for problem in check()]


@pytest.mark.django_db
def test_the_product_passes() -> None:
    found = [problem.id for problem in run_checks(databases=["default"]) if str(problem.id).startswith("auditlog")]
    assert found == ["auditlog.W002"]  # The tests run as superuser.


def test_every_exemption_has_a_reason_and_a_model() -> None:
    from django.apps import apps

    labels = {model._meta.label for model in apps.get_models(include_auto_created=True)}
    for label, reason in EXEMPT.items():
        assert label in labels
        assert len(reason) > 20


def test_no_model_is_both_tracked_and_exempt() -> None:
    assert {model._meta.label for model in tracked_models()} & EXEMPT.keys() == set()


def test_a_model_that_nobody_thought_of_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    others = {model: row for model, row in tracked._BY_MODEL.items() if model is not Plan}
    monkeypatch.setattr(tracked, "_BY_MODEL", others)
    [problem] = checks.every_model_is_tracked_or_exempt()
    assert (problem.id, problem.obj) == ("auditlog.E001", Plan)
    assert problem.hint


@isolate_apps("accounts")
def test_a_tracked_model_that_is_not_observable_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(models.Model):
        class Meta:
            app_label = "accounts"

        def __str__(self) -> str:
            return ""

    track(monkeypatch, Silent)
    assert found_by(checks.tracked_models_are_observable) == ["auditlog.E002"]


@isolate_apps("accounts")
def test_a_manager_with_a_back_door_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class BackDoor(TrackedModel):
        objects = models.Manager()  # type: ignore[assignment]

        class Meta(TrackedModel.Meta):
            app_label = "accounts"

        def __str__(self) -> str:
            return ""

    track(monkeypatch, BackDoor)
    assert "auditlog.E002" in found_by(checks.tracked_models_are_observable)


@isolate_apps("accounts")
def test_a_second_manager_with_a_back_door_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class SideDoor(TrackedModel):
        everything = models.Manager()

        class Meta(TrackedModel.Meta):
            app_label = "accounts"
            default_manager_name = "objects"

        def __str__(self) -> str:
            return ""

    track(monkeypatch, SideDoor)
    assert "auditlog.E002" in found_by(checks.tracked_models_are_observable)


@isolate_apps("accounts", attr_name="apps")
def test_a_many_to_many_without_a_model_of_its_own_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(TrackedModel):
        class Meta:
            app_label = "accounts"

        def __str__(self) -> str:
            return ""

    class Holder(TrackedModel):
        others: "models.ManyToManyField[Other, Any]" = models.ManyToManyField(Other)

        class Meta(TrackedModel.Meta):
            app_label = "accounts"

        def __str__(self) -> str:
            return ""

    track(monkeypatch, Holder)
    assert found_by(checks.tracked_models_are_observable) == ["auditlog.E003"]


def test_a_proxy_of_a_tracked_model_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signals name the proxy, so its changes would pass unheard."""
    with isolate_apps("accounts") as apps:

        class QuietPlan(Plan):
            class Meta:
                proxy = True
                app_label = "accounts"

        monkeypatch.setattr(checks, "apps", apps)
        assert found_by(checks.every_model_is_tracked_or_exempt) == ["auditlog.E001"]
        assert QuietPlan._meta.proxy


def test_every_row_says_how_to_find_account_app_and_targets() -> None:
    for row in TRACKED:
        assert isinstance(row, Tracked)
        assert row.targets
        assert {*row.masked, *row.personal} <= {field.name for field in row.fields}
        assert not set(row.silent) & {field.name for field in row.fields}
