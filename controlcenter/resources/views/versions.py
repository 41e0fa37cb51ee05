"""The pages of versions: the same for those of models, workflows and modules."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.forms.base import ReasonForm, posted
from accounts.models import Member
from controlcenter.operations import Operation
from controlcenter.resources.forms.parts import ModelVersionForm, ReportForm
from controlcenter.resources.models import ModelVersion

from .apps import deployments_of
from .kinds import Kind
from .parts import change_part, page_in


def version(request: HttpRequest, member: Member, kind: Kind, row: Any) -> HttpResponse:
    """One version."""
    part = getattr(row, kind.name)
    context = {
        **page_in(member, kind, part),
        "version": row,
        "deployments": deployments_of(row) if kind.trains else [],
        "nodes": json.dumps(getattr(row, "nodes", None), indent=2, ensure_ascii=False),
        "crumbs": kind.crumbs(part.app, part),
    }
    return render(request, "resources/version.html", context)


def version_create(request: HttpRequest, member: Member, kind: Kind, part: Any) -> HttpResponse:
    """Add a version; one of a model was trained elsewhere."""
    row = kind.version(**{kind.name: part})
    form: Any = kind.version_form(posted(request), instance=row)  # type: ignore[call-arg]
    verb, done = ("Upload", "uploaded") if kind.trains else ("Create", "created")
    return change_part(
        request,
        member,
        part.app,
        kind.version_create,
        form,
        form.save,
        parent=part,
        heading=f"{verb} a version of {part.name}",
        submit=f"{verb} version",
        crumbs=kind.crumbs(part.app, part),
        then=lambda: kind.version_address(part, row),
        said=f"Version {row} is {done}.",
    )


def version_train(request: HttpRequest, member: Member, kind: Kind, part: Any) -> HttpResponse:
    """Ask the trainer, who works outside of this product, for a version."""
    form = ModelVersionForm(posted(request))
    trained: list[ModelVersion] = []
    return change_part(
        request,
        member,
        part.app,
        Operation.MODEL_VERSION_TRAIN,
        form,
        lambda: trained.append(part.train(form.cleaned_data["description"])),
        parent=part,
        heading=f"Train {part.name}",
        submit="Train version",
        crumbs=kind.crumbs(part.app, part),
        then=lambda: kind.version_address(part, trained[0]),
        said=lambda: f"Version {trained[0]} is in training.",
        warning="A new version is in training until the trainer reports how it went.",
    )


def version_edit(request: HttpRequest, member: Member, kind: Kind, row: Any) -> HttpResponse:
    """Change what a version says about itself, or what is in it."""
    form: Any = kind.version_edit_form(posted(request), instance=row)  # type: ignore[call-arg]
    return _change(request, member, kind, row, kind.version_update, form, form.save, "Edit", "saved", "Save changes")


def version_report(request: HttpRequest, member: Member, kind: Kind, row: Any) -> HttpResponse:
    """Report how training ended, as the trainer does through the API."""
    form = ReportForm(posted(request))
    warning = "" if row.state == ModelVersion.State.TRAINING else f"Its state is “{row.get_state_display()}” already."
    return _change(
        request,
        member,
        kind,
        row,
        kind.version_update,
        form,
        lambda: row.report(**form.cleaned_data),
        "Report on",
        "reported on",
        "Report",
        warning=warning,
    )


def version_publish(request: HttpRequest, member: Member, kind: Kind, row: Any) -> HttpResponse:
    """Make a version public."""
    form = ReasonForm(posted(request))
    return _change(request, member, kind, row, kind.publish, form, row.publish, "Publish", "published")


def version_unpublish(request: HttpRequest, member: Member, kind: Kind, row: Any) -> HttpResponse:
    """Take a version back from the public."""
    form = ReasonForm(posted(request))
    return _change(request, member, kind, row, kind.unpublish, form, row.unpublish, "Unpublish", "unpublished")


def version_delete(request: HttpRequest, member: Member, kind: Kind, row: Any) -> HttpResponse:
    """Delete a version that nothing is deployed from."""
    return _change(
        request,
        member,
        kind,
        row,
        kind.version_delete,
        ReasonForm(posted(request)),
        row.delete,
        "Delete",
        "deleted",
        then=partial(kind.address, getattr(row, kind.name)),
        danger=True,
        warning="Entries in Teams & Logs stay.",
        in_use=deployments_of(row) if kind.trains else [],
    )


def _change(
    request: HttpRequest,
    member: Member,
    kind: Kind,
    row: Any,
    operation: Any,
    form: Any,
    operate: Callable[[], object],
    verb: str,
    done: str,
    submit: str = "",
    **more: Any,
) -> HttpResponse:
    """Return the page of a change of a version; it leads to the version, unless told otherwise."""
    part = getattr(row, kind.name)
    standard = {"then": partial(kind.version_address, part, row), "crumbs": kind.crumbs(part.app, part, row)}
    return change_part(
        request,
        member,
        part.app,
        operation,
        form,
        operate,
        hold=row,
        heading=f"{verb} version {row}",
        submit=submit or f"{verb} version",
        said=f"Version {row} is {done}.",
        **{**standard, **more},
    )
