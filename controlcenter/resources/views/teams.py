"""The pages of teams: who is in each, and what apps it comes to."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model as DjangoModel
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.text import get_text_list
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import account_page
from accounts.forms.base import ConfirmForm, ReasonForm, posted
from accounts.models import Member, Team, TeamMember, TeamQuerySet
from accounts.pages import Crumb, change_page, found, one_or_404
from accounts.roles import Permission, Reach
from controlcenter.operations import Operation
from controlcenter.resources.forms.teams import TeamAppForm, TeamAppsForm, TeamEditForm, TeamForm, TeamMembersForm
from controlcenter.resources.models import App, TeamApp, with_counts

from .apps import CHANGES, counted

FACES = 3
"""Members of a team who are drawn in the list."""
CHOICES = 50
"""Rows to choose from at once. Who looks for another one searches."""

T = TypeVar("T", bound=DjangoModel)
Search = Callable[[str], "QuerySet[T]"]


@account_page()
@require_safe
def teams(request: HttpRequest, member: Member) -> HttpResponse:
    """All teams in the order of their ids, a page at a time."""
    places = TeamMember.objects.prefetch_related("member__user").order_by("pk")[:FACES]

    def search(text: str) -> TeamQuerySet:
        matching = with_counts(Team.objects.for_account(member.account).matching(text))
        return matching.prefetch_related(Prefetch("teammember_set", places, "first_places"))

    context = {"account": member.account, "found": found(request, search), "may": _may(member)}
    return render(request, "resources/teams.html", context)


@account_page(attempts=Operation.ORGANIZATION_TEAM_CREATE)
@require_http_methods(CHANGES)
def team_create(request: HttpRequest, member: Member) -> HttpResponse:
    """Create a team."""
    form = TeamForm(posted(request), instance=Team(account=member.account))
    return change_page(
        request,
        member,
        Permission.MANAGE_TEAMS,
        Operation.ORGANIZATION_TEAM_CREATE,
        form,
        form.save,
        then=lambda: _address(form.instance),
        said=lambda: f"{form.instance} is created.",
        name=request.POST.get("name", ""),
        heading="Create team",
        submit="Create team",
        crumbs=_crumbs(member),
    )


@account_page()
@require_safe
def team(request: HttpRequest, member: Member, team_slug: str) -> HttpResponse:
    """A team's members and apps, each searched and paged by itself."""
    team = _team_or_404(request, member, team_slug)
    members = Member.objects.for_account(member.account).inside(team)
    apps = TeamApp.objects.for_team(team).with_counted_apps()
    context = {
        **_head(member, team, "access"),
        "members": found(request, members.matching, name="members"),
        "members_keep": _kept(request, "apps"),
        "apps": found(request, apps.matching, name="apps"),
        "apps_keep": _kept(request, "members"),
    }
    return render(request, "resources/team.html", context)


@account_page(attempts=Operation.ORGANIZATION_TEAM_UPDATE)
@require_http_methods(CHANGES)
def team_edit(request: HttpRequest, member: Member, team_slug: str) -> HttpResponse:
    """Rename or describe a team."""
    team = _team_or_404(request, member, team_slug)
    form = TeamEditForm(posted(request), instance=team)
    return change_page(
        request,
        member,
        Permission.MANAGE_TEAMS,
        Operation.ORGANIZATION_TEAM_UPDATE,
        form,
        form.save,
        then=lambda: _address(team),
        said=lambda: f"{team} is saved.",
        hold=team,
        target=team,
        heading=f"Edit {team}",
        submit="Save changes",
        crumbs=_crumbs(member, team),
        template="resources/team_edit.html",
        **_head(member, copy(team), "settings"),  # a refused form has written what was typed into the original
    )


@account_page(attempts=Operation.ORGANIZATION_TEAM_DELETE)
@require_http_methods(CHANGES)
def team_delete(request: HttpRequest, member: Member, team_slug: str) -> HttpResponse:
    """Delete a team, once its id has been typed. Its members and apps stay; what it gave them goes."""
    team = _team_or_404(request, member, team_slug)
    gone = (counted(team.members_count, "memberships"), counted(team.apps_count, "app access levels"))
    return change_page(
        request,
        member,
        Permission.MANAGE_TEAMS,
        Operation.ORGANIZATION_TEAM_DELETE,
        ConfirmForm(posted(request), typed=team.slug, label="Team ID"),
        team.delete,
        then=lambda: reverse("teams", args=[member.account.slug]),
        said=f"{team} is deleted. Its entries stay in Teams & Logs.",
        hold=team,
        target=team,
        heading=f"Delete {team}",
        submit="Delete team",
        crumbs=_crumbs(member, team),
        danger=True,
        warning="The members and the apps themselves stay. Entries in Teams & Logs stay, and keep the team's name.",
        cascade=[line for line in gone if line],
        typed=team.slug,
    )


@account_page(attempts=Operation.ORGANIZATION_TEAM_MEMBER_ADD)
@require_http_methods(CHANGES)
def team_members_add(request: HttpRequest, member: Member, team_slug: str) -> HttpResponse:
    """Add members of the account to a team, one or several at once."""
    team = _team_or_404(request, member, team_slug)
    outside = Member.objects.for_account(member.account).outside(team)
    choice = Choice.of(request, "members", outside, outside.matching)
    form = TeamMembersForm(posted(request), account=member.account)
    return change_page(
        request,
        member,
        Permission.MANAGE_TEAMS,
        Operation.ORGANIZATION_TEAM_MEMBER_ADD,
        form,
        lambda: team.take_in(list(form.cleaned_data["members"])),
        then=lambda: _address(team),
        said=lambda: f"{_names(form.cleaned_data['members'])} joined {team}.",
        hold=team,
        parent=team,
        name=choice.named,
        heading=f"Add members to {team}",
        submit="Add members",
        crumbs=_crumbs(member, team),
        template="resources/team_choose.html",
        choice=choice,
        one="a member",
        none=f"All members of {member.account} are in this team.",
    )


@account_page(attempts=Operation.ORGANIZATION_TEAM_MEMBER_REMOVE)
@require_http_methods(CHANGES)
def team_member_remove(request: HttpRequest, member: Member, team_slug: str, user_slug: str) -> HttpResponse:
    """Take somebody out of a team; they stay a member of the account."""
    team = _team_or_404(request, member, team_slug)
    places = TeamMember.objects.select_related("member__user", "team")
    place = one_or_404(request, member, places.filter(team=team, member__user__slug=user_slug), user_slug)
    return change_page(
        request,
        member,
        Permission.MANAGE_TEAMS,
        Operation.ORGANIZATION_TEAM_MEMBER_REMOVE,
        ReasonForm(posted(request)),
        place.delete,
        then=lambda: _address(team),
        said=f"{place.member.user} is removed from {team}.",
        hold=place,
        target=place,
        heading=f"Remove {place.member.user} from {team}",
        submit="Remove member",
        crumbs=_crumbs(member, team),
        warning=f"They stay a member of {member.account}, without what the team gives access to.",
    )


@account_page(attempts=Operation.ORGANIZATION_TEAM_APP_ADD)
@require_http_methods(CHANGES)
def team_apps_add(request: HttpRequest, member: Member, team_slug: str) -> HttpResponse:
    """Give a team access to apps of the account, one or several at once."""
    team = _team_or_404(request, member, team_slug)
    others = App.objects.for_account(member.account).exclude(teams=team)
    choice = Choice.of(request, "apps", others, others.matching)
    access = request.GET.get("access", TeamApp.Access.FULL)
    form = TeamAppsForm(posted(request), account=member.account, initial={"access": access})
    return change_page(
        request,
        member,
        Permission.MANAGE_TEAMS,
        Operation.ORGANIZATION_TEAM_APP_ADD,
        form,
        lambda: TeamApp.give(team, list(form.cleaned_data["apps"]), form.cleaned_data["access"]),
        then=lambda: _address(team),
        said=lambda: f"{team} has access to {_names(form.cleaned_data['apps'])}.",
        hold=team,
        parent=team,
        name=choice.named,
        heading=f"Give {team} access to apps",
        submit="Give access",
        crumbs=_crumbs(member, team),
        template="resources/team_choose.html",
        choice=choice,
        one="an app",
        none="There is no app that this team has no access to. Create an app first.",
    )


@account_page(attempts=Operation.ORGANIZATION_TEAM_APP_CHANGE)
@require_http_methods(CHANGES)
def team_app_edit(request: HttpRequest, member: Member, team_slug: str, app_slug: str) -> HttpResponse:
    """Change what a team may do in an app."""
    team = _team_or_404(request, member, team_slug)
    access = _access_or_404(request, member, team, app_slug)
    form = TeamAppForm(posted(request), instance=access)
    return change_page(
        request,
        member,
        Permission.MANAGE_TEAMS,
        Operation.ORGANIZATION_TEAM_APP_CHANGE,
        form,
        form.save,
        then=lambda: _address(team),
        said=lambda: f"The access of {team} to {access.app} is “{access.get_access_display()}”.",
        hold=access,
        target=access,
        heading=f"Access of {team} to {access.app}",
        submit="Save changes",
        crumbs=_crumbs(member, team),
    )


@account_page(attempts=Operation.ORGANIZATION_TEAM_APP_REMOVE)
@require_http_methods(CHANGES)
def team_app_remove(request: HttpRequest, member: Member, team_slug: str, app_slug: str) -> HttpResponse:
    """Take an app from a team."""
    team = _team_or_404(request, member, team_slug)
    access = _access_or_404(request, member, team, app_slug)
    return change_page(
        request,
        member,
        Permission.MANAGE_TEAMS,
        Operation.ORGANIZATION_TEAM_APP_REMOVE,
        ReasonForm(posted(request)),
        access.delete,
        then=lambda: _address(team),
        said=f"{team} has no access to {access.app} any more.",
        hold=access,
        target=access,
        heading=f"Take {access.app} from {team}",
        submit="Take access away",
        crumbs=_crumbs(member, team),
        warning=f"{access.app} itself stays. Who comes to it only through {team} can't change it any more.",
    )


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """What a page to choose from shows: what is chosen so far, then the first others that match a search.

    A search sends the whole form by GET, so that it keeps what is chosen.
    """

    field: str
    """What the choice is sent as."""
    query: str
    chosen: list[T]
    others: list[T]
    more: bool
    named: str
    """What is chosen, for the entry of an attempt that fails."""

    @classmethod
    def of(cls, request: HttpRequest, field: str, rows: "QuerySet[T]", search: "Search[T]") -> "Choice[T]":
        """Return the choice that a request asks for, in two queries at most."""
        sent = posted(request) or request.GET
        query, *slugs = (text.replace("\0", "").strip() for text in (sent.get("q", ""), *sent.getlist(field)))
        chosen = list(rows.filter(slug__in=slugs).order_by("slug")) if slugs else []
        others = list(search(query).exclude(slug__in=slugs).order_by("slug")[: CHOICES + 1])
        return cls(field, query, chosen, others[:CHOICES], len(others) > CHOICES, ", ".join(slugs)[:120])


def _team_or_404(request: HttpRequest, member: Member, slug: str) -> Any:
    """Return a team of the account, with its counts."""
    teams = with_counts(Team.objects.for_account(member.account))
    team = one_or_404(request, member, teams.filter(slug=slug), slug)
    team.account = member.account
    return team


def _access_or_404(request: HttpRequest, member: Member, team: Team, app_slug: str) -> TeamApp:
    """Return a team's access to an app."""
    accesses = TeamApp.objects.for_team(team).select_related("team", "app")
    return one_or_404(request, member, accesses.filter(app__slug=app_slug), app_slug)


def _head(member: Member, team: Team, tab: str) -> dict[str, Any]:
    """Return what ``_team_head.html`` shows, on each page of a team that is one of its tabs."""
    return {"account": member.account, "team": team, "tab": tab, "may": _may(member)}


def _kept(request: HttpRequest, name: str) -> dict[str, Any]:
    """Return where one list of a page stands, to stay there while the other is searched."""
    return {key: value for key, value in request.GET.items() if key.startswith(f"{name}-")}


def _may(member: Member) -> bool:
    return member.reach(Permission.MANAGE_TEAMS) is Reach.ALL


def _address(team: Team) -> str:
    return reverse("team", args=[team.account.slug, team.slug])


def _crumbs(member: Member, team: Team | None = None) -> list[Crumb]:
    """Return the way to the list of teams, or to a team."""
    teams = ("Teams", reverse("teams", args=[member.account.slug]))
    return [teams, (team.name, _address(team))] if team else [teams]


def _names(rows: Any) -> str:
    """Return what a sentence calls one or several: up to three names, or two and how many more."""
    names = [str(row.user if isinstance(row, Member) else row) for row in rows]
    return get_text_list(names if len(names) < 4 else [*names[:2], f"{len(names) - 2} more"], "and")
