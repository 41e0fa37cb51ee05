"""The collaborators of an app: people from outside the organization, each with scopes."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import account_page
from accounts.forms.base import ReasonForm, posted
from accounts.models import Member
from accounts.pages import Crumb, change_page, found, one_or_404
from accounts.roles import Permission, Reach
from controlcenter.operations import Operation
from controlcenter.resources.forms.collaborators import CollaboratorEditForm, CollaboratorForm
from controlcenter.resources.models import App, Collaborator

from .apps import CHANGES, app_crumbs, app_or_404, app_page


@account_page()
@require_safe
def collaborators(request: HttpRequest, member: Member, app_slug: str) -> HttpResponse:
    """All collaborators of an app in the order of their user ids, a page at a time."""
    app = app_or_404(request, member, app_slug)
    context = {
        **app_page(member, app, "collaborators"),
        "found": found(request, Collaborator.objects.for_app(app).matching),
        "may_manage": member.reach(Permission.MANAGE_COLLABORATORS) is Reach.ALL,
    }
    return render(request, "resources/collaborators.html", context)


@account_page(attempts=Operation.COLLABORATOR_ADD)
@require_http_methods(CHANGES)
def collaborator_add(request: HttpRequest, member: Member, app_slug: str) -> HttpResponse:
    """Add a collaborator by e-mail address or user id."""
    app = app_or_404(request, member, app_slug)
    form = CollaboratorForm(posted(request))
    return change_page(
        request,
        member,
        Permission.MANAGE_COLLABORATORS,
        Operation.COLLABORATOR_ADD,
        form,
        lambda: Collaborator.add(app, form.cleaned_data["who"], form.cleaned_data["scopes"]),
        then=lambda: _address(app),
        said=lambda: f"{form.cleaned_data['who']} collaborates on {app}.",
        hold=app,
        parent=app,
        heading=f"Add a collaborator to {app}",
        submit="Add collaborator",
        crumbs=_crumbs(app),
        warning=f"For people outside {member.account}. Members come to the app through their role and their teams.",
    )


@account_page(attempts=Operation.COLLABORATOR_UPDATE)
@require_http_methods(CHANGES)
def collaborator_edit(request: HttpRequest, member: Member, app_slug: str, user_slug: str) -> HttpResponse:
    """Change the scopes of a collaborator."""
    app = app_or_404(request, member, app_slug)
    collaborator = _collaborator_or_404(request, member, app, user_slug)
    form = CollaboratorEditForm(posted(request), instance=collaborator)
    return change_page(
        request,
        member,
        Permission.MANAGE_COLLABORATORS,
        Operation.COLLABORATOR_UPDATE,
        form,
        lambda: collaborator.change_scopes(form.cleaned_data["scopes"]),
        then=lambda: _address(app),
        said=lambda: f"The scopes of {collaborator.user} are saved.",
        hold=collaborator,
        target=collaborator,
        heading=f"Scopes of {collaborator.user}",
        submit="Save changes",
        crumbs=_crumbs(app),
    )


@account_page(attempts=Operation.COLLABORATOR_REMOVE)
@require_http_methods(CHANGES)
def collaborator_remove(request: HttpRequest, member: Member, app_slug: str, user_slug: str) -> HttpResponse:
    """End a collaboration."""
    app = app_or_404(request, member, app_slug)
    collaborator = _collaborator_or_404(request, member, app, user_slug)
    return change_page(
        request,
        member,
        Permission.MANAGE_COLLABORATORS,
        Operation.COLLABORATOR_REMOVE,
        ReasonForm(posted(request)),
        collaborator.delete,
        then=lambda: _address(app),
        said=f"{collaborator.user} does not collaborate on {app} any more.",
        hold=collaborator,
        target=collaborator,
        heading=f"Remove {collaborator.user} from {app}",
        submit="Remove collaborator",
        crumbs=_crumbs(app),
        warning=f"They lose {app} at once. What they did stays, in the app and in Teams & Logs.",
    )


def _collaborator_or_404(request: HttpRequest, member: Member, app: App, user_slug: str) -> Collaborator:
    """Return a collaborator of an app."""
    collaborators = Collaborator.objects.for_app(app)
    return one_or_404(request, member, collaborators.filter(user__slug=user_slug), user_slug)


def _address(app: App) -> str:
    return reverse("collaborators", args=[app.account.slug, app.slug])


def _crumbs(app: App) -> list[Crumb]:
    """Return the way to the list of an app's collaborators."""
    return [*app_crumbs(app), ("Collaborators", _address(app))]
