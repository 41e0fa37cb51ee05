"""The pages of apps themselves; what is in them has pages of its own."""

from typing import Any, TypeVar

from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import account_page, memberships_of, require
from accounts.forms.base import ConfirmForm, posted
from accounts.models import Account, Member
from accounts.pages import Crumb, carry_out, change_page, form_page, found, one_or_404
from accounts.roles import Permission, Reach
from controlcenter.context import attempting
from controlcenter.operations import Operation
from controlcenter.resources.forms.apps import AppDuplicateForm, AppEditForm, AppForm, AppTransferForm
from controlcenter.resources.models import App, Deployment
from controlcenter.resources.templatetags.counts import capped

CHANGES = ["GET", "HEAD", "POST"]
T = TypeVar("T", bound=Model)
TABS = ("models", "workflows", "modules", "collaborators")
DEPLOYMENTS = 20
"""Named at once; a version is rarely deployed more than once or twice."""


@account_page()
@require_safe
def apps(request: HttpRequest, member: Member) -> HttpResponse:
    """All apps in the order of their ids, a page at a time."""
    shown = found(request, lambda text: App.objects.for_account(member.account).matching(text).with_counts())
    return render(request, "resources/apps.html", {"account": member.account, "found": shown, "may": _may(member)})


@account_page(attempts=Operation.APPLICATION_CREATE)
@require_http_methods(CHANGES)
def app_create(request: HttpRequest, member: Member) -> HttpResponse:
    """Create an app."""
    form = AppForm(posted(request), instance=App(account=member.account))
    return change_page(
        request,
        member,
        Permission.MANAGE_APPS,
        Operation.APPLICATION_CREATE,
        form,
        form.save,
        name=request.POST.get("name", ""),
        then=lambda: app_address(form.instance),
        said=lambda: f"{form.instance} is created.",
        heading="Create app",
        submit="Create app",
        crumbs=apps_crumbs(member),
    )


@account_page(attempts=Operation.APPLICATION_UPDATE)
@require_http_methods(CHANGES)
def app_edit(request: HttpRequest, member: Member, app_slug: str) -> HttpResponse:
    """Rename an app, change its description or visibility; and the way to the changes that are for its managers."""
    app = app_or_404(request, member, app_slug)
    with attempting(Operation.APPLICATION_UPDATE, account_id=member.account_id, target=app) as attempt:
        require(member, Permission.EDIT_APPS, on=app)
        limited = member.reach(Permission.EDIT_APPS) is Reach.TEAM
        form = AppEditForm(posted(request), instance=app, only_description=limited)
        if answer := carry_out(
            request,
            attempt,
            form,
            form.save,
            then=lambda: app_address(app),
            said=lambda: f"{app} is saved.",
            hold=app,
        ):
            return answer
    # A refused form has written what was typed into the app.
    shown = app_or_404(request, member, app_slug) if form.is_bound else app
    context = {**app_page(member, shown, "settings"), "form": form, "limited": limited}
    return render(request, "resources/app_settings.html", context, status=422 if form.errors else 200)


@account_page(attempts=Operation.APPLICATION_DUPLICATE)
@require_http_methods(CHANGES)
def app_duplicate(request: HttpRequest, member: Member, app_slug: str) -> HttpResponse:
    """Copy an app with what the person chooses."""
    app = app_or_404(request, member, app_slug)
    proposed = {"name": f"{app.name[:115]} copy", "slug": f"{app.slug[:59]}-copy"}
    form = AppDuplicateForm(posted(request), account=member.account, initial=proposed)
    return change_page(
        request,
        member,
        Permission.MANAGE_APPS,
        Operation.APPLICATION_DUPLICATE,
        form,
        lambda: app.duplicate(**form.cleaned_data),
        parent=app,
        name=request.POST.get("name", ""),
        hold=app,
        then=lambda: reverse("app", args=[member.account.slug, form.cleaned_data["slug"]]),
        said=lambda: f"{app} is duplicated as {form.cleaned_data['name']}.",
        heading=f"Duplicate {app.name}",
        submit="Duplicate app",
        crumbs=app_crumbs(app),
        warning="Versions come along, unpublished; those in training don't. Collaborators and teams get no access.",
    )


@account_page(attempts=Operation.APPLICATION_TRANSFER)
@require_http_methods(CHANGES)
def app_transfer(request: HttpRequest, member: Member, app_slug: str) -> HttpResponse:
    """Give an app to another account that the same person administers."""
    app = app_or_404(request, member, app_slug)
    with attempting(Operation.APPLICATION_TRANSFER, account_id=member.account_id, target=app) as attempt:
        require(member, Permission.TRANSFER_APPS)
        accounts = _receivers(request, member)
        form = AppTransferForm(posted(request), accounts=accounts)
        if answer := carry_out(
            request,
            attempt,
            form,
            lambda: app.transfer(form.cleaned_data["account"]),
            then=lambda: app_address(app),
            said=lambda: f"{app} belongs to {app.account} now.",
            hold=app,
        ):
            return answer
    if not accounts:
        context = {"account": member.account, "app": app, "crumbs": app_crumbs(app)}
        return render(request, "resources/app_nowhere.html", context, status=422 if form.errors else 200)
    return form_page(
        request,
        form,
        f"Transfer {app.name}",
        "Transfer app",
        crumbs=app_crumbs(app),
        in_use=deployments_of(app),
        warning=f"Teams of {member.account} lose their access to the app; collaborators keep theirs. What happened so "
        f"far stays in the log of {member.account}, what comes is in the log of the other account.",
    )


@account_page(attempts=Operation.APPLICATION_DELETE)
@require_http_methods(CHANGES)
def app_delete(request: HttpRequest, member: Member, app_slug: str) -> HttpResponse:
    """Delete an app with all that is in it, once its id has been typed."""
    app = app_or_404(request, member, app_slug)
    return change_page(
        request,
        member,
        Permission.MANAGE_APPS,
        Operation.APPLICATION_DELETE,
        ConfirmForm(posted(request), typed=app.slug, label="App ID"),
        app.delete,
        target=app,
        hold=app,
        then=lambda: reverse("apps", args=[member.account.slug]),
        said=f"{app} is deleted. Its entries stay in Teams & Logs.",
        heading=f"Delete {app.name}",
        submit="Delete app",
        crumbs=app_crumbs(app),
        danger=True,
        warning="Entries in Teams & Logs stay, and keep the app's name.",
        cascade=[line for tab in TABS if (line := counted(getattr(app, f"{tab}_count"), tab))],
        in_use=deployments_of(app),
        typed=app.slug,
    )


def app_page(member: Member, app: App, tab: str) -> dict[str, Any]:
    """Return what ``_app_head.html`` shows: for every page of an app, under one of its tabs."""
    tabs = [(tab, tab.capitalize(), PAGES.get(tab, f"app-{tab}"), getattr(app, f"{tab}_count")) for tab in TABS]
    return {
        "account": member.account,
        "app": app,
        "tab": tab,
        "tabs": [*tabs, ("settings", "Settings", "app-edit", None)],
        "may": _may(member, app),
    }


PAGES = {"models": "app", "collaborators": "collaborators"}
"""Names of the pages of tabs that are called otherwise than their tab."""


def app_or_404(request: HttpRequest, member: Member, slug: str) -> App:
    """Return an app of the account, with its counts."""
    rows = App.objects.for_account(member.account).with_counts().filter(slug=slug)
    app = one_or_404(request, member, rows, slug)
    app.account = member.account
    return app


def app_address(app: App) -> str:
    """Return the address of an app's first page."""
    return reverse("app", args=[app.account.slug, app.slug])


def apps_crumbs(member: Member) -> list[Crumb]:
    """Return the way to the list of apps."""
    return [("Apps", reverse("apps", args=[member.account.slug]))]


def app_crumbs(app: App) -> list[Crumb]:
    """Return the way to an app."""
    return [("Apps", reverse("apps", args=[app.account.slug])), (app.name, app_address(app))]


def counted(count: int, plural: str) -> tuple[str, str] | None:
    """Return a line of what goes along with a deletion: ("1", "model"); None for nothing."""
    return (capped(count), plural.removesuffix("s") if count == 1 else plural) if count else None


def deployments_of(row: Any) -> list[Crumb]:
    """Return what runs an app's models, a model or a version: they go before it does."""
    rows = Deployment.objects.running(row).select_related("nodepool__cluster__account").order_by("slug", "pk")
    return [_deployment_crumb(deployment) for deployment in rows[:DEPLOYMENTS]]


def _deployment_crumb(deployment: Deployment) -> Crumb:
    nodepool = deployment.nodepool
    way = [nodepool.cluster.account.slug, nodepool.cluster.slug, nodepool.slug, deployment.slug]
    return f"{deployment} on {nodepool}", reverse("deployment", args=way)


def _receivers(request: HttpRequest, member: Member) -> list[Account]:
    """Return the accounts that who is signed in may transfer apps to."""
    others = (other for other in memberships_of(request) if other.account_id != member.account_id)
    return [other.account for other in others if other.reach(Permission.TRANSFER_APPS) is Reach.ALL]


def _may(member: Member, app: App | None = None) -> dict[str, bool]:
    """Return what a member may do: to an app, or to some app."""
    manage = member.reach(Permission.MANAGE_APPS) is Reach.ALL
    edit = app.allows(member, Permission.EDIT_APPS) if app else member.reach(Permission.EDIT_APPS) is not Reach.NONE
    change = app.allows(member, Permission.MANAGE_RESOURCES) if app else edit
    transfer = member.reach(Permission.TRANSFER_APPS) is Reach.ALL
    return {
        "create": manage,
        "duplicate": manage,
        "delete": manage,
        "transfer": transfer,
        "edit": edit,
        "change": change,
    }
