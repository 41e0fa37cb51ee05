"""The pages of models, workflows and modules: the same for each kind."""

from collections.abc import Callable
from typing import Any

from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import account_page
from accounts.forms.base import ConfirmForm, posted
from accounts.models import Member
from accounts.pages import change_page, found, one_or_404
from accounts.roles import Permission
from controlcenter.operations import Operation
from controlcenter.resources.models import COUNTED, App

from .apps import CHANGES, app_or_404, app_page, counted, deployments_of
from .kinds import Kind

TEAMS = 6
"""Named beside an app; one more stands for all others."""
PageOfKind = Callable[[HttpRequest, Member, Kind, Any], HttpResponse]
"""Shows or changes a row: an app, what it holds, or a version of that."""


def page_of(kind: Kind, page: PageOfKind, operation: Operation | None = None) -> Callable[..., HttpResponse]:
    """Return a page as the view of one kind. With an operation, to post to it is to attempt that."""

    def view(
        request: HttpRequest, member: Member, app_slug: str, slug: str = "", version_slug: str = ""
    ) -> HttpResponse:
        row: Any = app_or_404(request, member, app_slug)
        if slug:
            row, app = one_or_404(request, member, kind.model.objects.filter(app=row, slug=slug), slug), row
            row.app = app
        if version_slug:
            row, part = one_or_404(request, member, row.versions.filter(slug=version_slug), version_slug), row
            setattr(row, kind.name, part)
        return page(request, member, kind, row)

    methods = require_http_methods(CHANGES) if operation else require_safe
    return account_page(attempts=operation)(methods(view))


def parts(request: HttpRequest, member: Member, kind: Kind, app: App) -> HttpResponse:
    """All of a kind in an app, in the order of their ids, a page at a time."""
    rows = kind.model.objects.filter(app=app).with_newest_version()
    more = {"kind": kind, "found": found(request, rows.matching), "teams": app.teams.order_by("name")[: TEAMS + 1]}
    return render(request, "resources/app.html", {**app_page(member, app, kind.plural), **more})


def part(request: HttpRequest, member: Member, kind: Kind, row: Any) -> HttpResponse:
    """One model, workflow or module with its versions, newest first."""
    shown = found(request, row.versions.all().matching, by="-pk")
    return render(request, "resources/part.html", {**page_in(member, kind, row), "found": shown})


def part_create(request: HttpRequest, member: Member, kind: Kind, app: App) -> HttpResponse:
    """Create a model, workflow or module."""
    form: Any = kind.form(posted(request), instance=kind.model(app=app))  # type: ignore[call-arg]
    return change_part(
        request,
        member,
        app,
        kind.create,
        form,
        form.save,
        parent=app,
        name=request.POST.get("name", ""),
        heading=f"Create {kind.name}",
        crumbs=kind.crumbs(app),
        then=lambda: kind.address(form.instance),
        said=lambda: f"{form.instance} is created.",
    )


def part_edit(request: HttpRequest, member: Member, kind: Kind, row: Any) -> HttpResponse:
    """Rename one, or change what it says about itself."""
    form: Any = kind.edit_form(posted(request), instance=row)  # type: ignore[call-arg]
    return change_part(
        request,
        member,
        row.app,
        kind.update,
        form,
        form.save,
        hold=row,
        heading=f"Edit {row.name}",
        submit="Save changes",
        crumbs=kind.crumbs(row.app, row),
        then=lambda: kind.address(row),
        said=lambda: f"{row} is saved.",
    )


def part_delete(request: HttpRequest, member: Member, kind: Kind, row: Any) -> HttpResponse:
    """Delete one with its versions, once its id has been typed."""
    app, versions = row.app, counted(row.versions.all()[:COUNTED].count(), "versions")
    return change_part(
        request,
        member,
        app,
        kind.delete,
        ConfirmForm(posted(request), typed=row.slug, label=f"{kind.name.capitalize()} ID"),
        row.delete,
        hold=row,
        heading=f"Delete {row.name}",
        submit=f"Delete {kind.name}",
        crumbs=kind.crumbs(app, row),
        then=lambda: reverse(kind.tab, args=[member.account.slug, app.slug]),
        said=f"{row} is deleted. Its entries stay in Teams & Logs.",
        danger=True,
        warning=f"Entries in Teams & Logs stay, and keep the {kind.name}'s name.",
        cascade=[versions] if versions else [],
        in_use=deployments_of(row) if kind.trains else [],
        typed=row.slug,
    )


def page_in(member: Member, kind: Kind, part: Any) -> dict[str, Any]:
    """Return what every page of something in an app shows."""
    return {
        "account": member.account,
        "app": part.app,
        "kind": kind,
        "part": part,
        "crumbs": kind.crumbs(part.app),
        "may_change": part.app.allows(member, Permission.MANAGE_RESOURCES),
    }


def change_part(
    request: HttpRequest,
    member: Member,
    app: App,
    operation: Operation,
    form: BaseForm,
    operate: Callable[[], object],
    *,
    heading: str,
    submit: str = "",
    hold: Any = None,
    **page: Any,
) -> HttpResponse:
    """Return the page of a change of what is in an app; see ``change_page``."""
    return change_page(
        request,
        member,
        Permission.MANAGE_RESOURCES,
        operation,
        form,
        operate,
        on=app,
        hold=hold,
        target=hold,
        heading=heading,
        submit=submit or heading,
        **page,
    )
