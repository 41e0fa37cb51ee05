"""System checks of the log: what a deployment or a new model could get wrong."""

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as Caution
from django.db import DatabaseError


@register(Tags.models)
def every_model_is_tracked_or_exempt(**_: Any) -> list[CheckMessage]:
    """Find models that are neither in the tracked table nor exempt with a reason."""
    from .tracked import EXEMPT, tracked_models

    known = tracked_models()
    return [
        Error(
            f"{model._meta.label} is neither tracked nor exempt.",
            hint="Add a row to TRACKED in auditlog/tracked.py, or a reason to EXEMPT there.",
            obj=model,
            id="auditlog.E001",
        )
        for model in apps.get_models(include_auto_created=True)
        if model not in known and model._meta.label not in EXEMPT
    ]


@register(Tags.models)
def tracked_models_are_observable(**_: Any) -> list[CheckMessage]:
    """Find tracked models with a door that no signal watches."""
    from controlcenter.tracking import TrackedModel, TrackedQuerySet

    from .tracked import tracked_models

    problems: list[CheckMessage] = []
    for model in tracked_models():
        managers = [*model._meta.managers, model._base_manager]
        if not issubclass(model, TrackedModel) or not all(
            isinstance(manager.all(), TrackedQuerySet) for manager in managers
        ):
            problems.append(
                Error(
                    f"{model._meta.label} is tracked, but its bulk operations are not observable.",
                    hint="Inherit controlcenter.tracking.TrackedModel; make managers from a TrackedQuerySet.",
                    obj=model,
                    id="auditlog.E002",
                )
            )
        problems += [
            Error(
                f"{model._meta.label}.{field.name} goes through an automatic table, which sends no bulk signals.",
                hint="Give it a tracked model of its own: ManyToManyField(through=…).",
                obj=model,
                id="auditlog.E003",
            )
            for field in model._meta.many_to_many
            if (through := field.remote_field.through) and through._meta.auto_created
        ]
    return problems


@register(Tags.database)
def default_partition_is_empty(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Warn about entries outside of all monthly partitions."""
    from .partitions import default_is_empty

    try:
        empty = not databases or default_is_empty()
    except DatabaseError:  # not migrated yet
        return []
    if empty:
        return []
    return [
        Caution(
            "auditlog_entry_default holds entries: a month had no partition when they were written.",
            hint="Run manage.py make_partitions --from YYYY-MM with their first month, and without it every day.",
            id="auditlog.W001",
        )
    ]


@register(Tags.database)
def tracked_tables_are_watched(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Warn about tracked tables that can be changed past the application without an entry."""
    from .fence.triggers import differing

    try:
        tables = sorted({table for table, _ in differing()}) if databases else []
    except DatabaseError:  # not migrated yet
        return []
    if not tables:
        return []
    return [
        Caution(
            f"Changes past the application leave no entry in {', '.join(tables)}: triggers are missing, off or old.",
            hint="Run manage.py migrate, which makes them.",
            id="auditlog.W003",
        )
    ]


@register(Tags.database)
def the_server_is_fenced(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Warn when this process could change the log: as its owner, or as a superuser."""
    from .fence.hardening import may_do_anything

    try:
        role = may_do_anything() if databases else ""
    except DatabaseError:  # not migrated yet
        return []
    if not role:
        return []
    return [
        Caution(
            f"The database role {role} owns the audit log or is a superuser: it could change the log.",
            hint="Right for migrate, make_partitions, pack_log and harden_database, which makes roles for the rest: "
            "let servers run as controlcenter_app, seal_log and roll_up_log as controlcenter_sealer, reap_log as "
            "controlcenter_reaper.",
            id="auditlog.W002",
        )
    ]
