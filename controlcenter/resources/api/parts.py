"""What models, workflows and modules have in common when they come through the API."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.db.models import QuerySet

from accounts.models import Member
from accounts.roles import Permission, RoleDenied
from controlcenter.batches import changing
from controlcenter.operations import Operation
from controlcenter.wire import MOST_AT_ONCE, Answer, Message, about

from ..models import App, Resource, Version

Part = TypeVar("Part", bound=Resource)
VersionOf = TypeVar("VersionOf", bound=Version)


class VersionReference(Message):
    """Which version."""

    id: str | None = about("The version's id.", "a72af0c91b34")


class ModelReference(Message):
    """A model, as other things name it."""

    id: str = about("The model's id.", "resnet", ...)
    app_id: str | None = about("The app that the model is in.", "vision")
    user_id: str | None = about("The account that the model belongs to.", "acme")
    model_version: VersionReference | None = about("Which version of it.", {"id": "a72af0c91b34"})


def require_resources(app: App, member: Member) -> None:
    """Raise ``RoleDenied`` unless the member may change models, workflows and modules of the app."""
    if not app.allows(member, Permission.MANAGE_RESOURCES):
        raise RoleDenied(Permission.MANAGE_RESOURCES)


def delete_parts(
    member: Member, operation: Operation, app: App, parts: "QuerySet[Part]", ids: Sequence[str], *, every: bool = False
) -> Answer:
    """Delete some of the parts of an app with their versions, all of them or none; with ``every`` whatever is there."""
    there = list(parts.values_list("slug", flat=True)) if every else []
    with changing(member, operation, there or ids, parts, app, most=max(len(there), MOST_AT_ONCE)) as chosen:
        require_resources(app, member)
        parts.filter(pk__in=[part.pk for part in chosen]).delete()
    return Answer()


def for_each_version(
    member: Member,
    operation: Operation,
    app: App,
    part: Any,
    ids: Sequence[str],
    do: Callable[[VersionOf], object],
) -> Answer:
    """Do something to versions of a part of an app, to all of them or to none."""
    with changing(member, operation, ids, part.versions.all(), part) as versions:
        require_resources(app, member)
        for version in versions:
            do(version)
    return Answer()
