"""The pages of members: who belongs to an account, and as what."""

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import account_page
from accounts.forms.base import ReasonForm, posted
from accounts.forms.members import MemberRoleForm
from accounts.models import Account, Invitation, Member, MemberQuerySet, Team
from accounts.pages import Crumb, carry_out, change_page, form_page, found, one_or_404
from accounts.roles import Permission, Reach, Role, table
from controlcenter.context import attempting
from controlcenter.operations import Operation

COUNTED = 1000
"""Where counting ends: "1,000+"."""


@account_page()
@require_safe
def members(request: HttpRequest, member: Member) -> HttpResponse:
    """All members in the order of their user ids, a page at a time."""
    shown = found(request, lambda text: _with_teams(Member.objects.for_account(member.account).matching(text)))
    return render(request, "accounts/members.html", {"found": shown, **list_head(member, "active")})


@account_page()
@require_safe
def member(request: HttpRequest, member: Member, user_slug: str) -> HttpResponse:
    """One member: what they are, and what teams they are in."""
    who = member_or_404(request, member, user_slug)
    context = {"account": member.account, "who": who, "me": member, "may_manage": may_manage(member)}
    return render(request, "accounts/member.html", {**context, "crumbs": members_crumbs(member)})


@account_page(attempts=Operation.ORGANIZATION_MEMBER_CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def member_role(request: HttpRequest, member: Member, user_slug: str) -> HttpResponse:
    """Give a member another role."""
    who = member_or_404(request, member, user_slug)
    form = MemberRoleForm(posted(request), instance=who)
    return change_page(
        request,
        member,
        Permission.MANAGE_MEMBERS,
        Operation.ORGANIZATION_MEMBER_CHANGE,
        form,
        lambda: who.change_role(Role(form.cleaned_data["role"])),
        then=lambda: reverse("members", args=[member.account.slug]),
        said=lambda: f"{who.user}: the role is {who.get_role_display()} now.",
        hold=who,
        target=who,
        heading=f"Change the role of {who.user}",
        submit="Change role",
        template="accounts/member_role.html",
        roles=Role,
        table=table(),
        crumbs=members_crumbs(member, who),
    )


@account_page(attempts=Operation.ORGANIZATION_MEMBER_REMOVE)
@require_http_methods(["GET", "HEAD", "POST"])
def member_remove(request: HttpRequest, member: Member, user_slug: str) -> HttpResponse:
    """Remove a member."""
    who = member_or_404(request, member, user_slug)
    form = ReasonForm(posted(request))
    own = who.pk == member.pk
    return change_page(
        request,
        member,
        Permission.MANAGE_MEMBERS,
        Operation.ORGANIZATION_MEMBER_REMOVE,
        form,
        (member if own else who).remove,
        then=lambda: reverse("home") if own else reverse("members", args=[member.account.slug]),
        said=f"{who.user} is removed from {member.account}.",
        hold=who,
        target=who,
        heading=f"Remove {who.user}",
        submit="Remove member",
        crumbs=members_crumbs(member, who),
        danger=True,
        cascade=_goes_with(who),
        warning=f"{who.user} can't open {member.account} any more. The user and their entries in Teams & Logs stay.",
    )


@account_page(attempts=Operation.ORGANIZATION_MEMBER_REMOVE)
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: HttpRequest, member: Member) -> HttpResponse:
    """End one's own membership, whatever one's role."""
    account = member.account
    form = ReasonForm(posted(request))
    with attempting(Operation.ORGANIZATION_MEMBER_REMOVE, account_id=account.pk, target=member) as attempt:
        if answer := carry_out(
            request,
            attempt,
            form,
            member.remove,
            then=lambda: reverse("home"),
            said=f"You are no member of {account} any more.",
            hold=member,
        ):
            return answer
    return form_page(
        request,
        form,
        f"Leave {account}",
        "Leave organization",
        crumbs=members_crumbs(member),
        danger=True,
        cascade=_goes_with(member),
        warning=f"You can't open {account} any more, unless an administrator invites you again.",
    )


def member_or_404(request: HttpRequest, member: Member, user_slug: str) -> Member:
    """Return a member of the same account, with user and teams."""
    rows = Member.objects.for_account(member.account).filter(user__slug=user_slug)
    return one_or_404(request, member, _with_teams(rows), user_slug)


def members_crumbs(member: Member, who: Member | None = None) -> list[Crumb]:
    """Return the way to the list of members, or on to one of them."""
    crumbs = [("Members", reverse("members", args=[member.account.slug]))]
    return [*crumbs, (str(who.user), reverse("member", args=[member.account.slug, who.user.slug]))] if who else crumbs


def list_head(member: Member, tab: str) -> dict[str, Any]:
    """Return what the head of both lists shows: members, and who is invited."""
    account: Account = member.account
    return {
        "account": account,
        "me": member,
        "tab": tab,
        "may_manage": may_manage(member),
        "active": _count_of(Member.objects.filter(account=account)),
        "invited": _count_of(Invitation.objects.for_account(account).open()),
    }


def may_manage(member: Member) -> bool:
    """Say whether the member may invite, change and remove members."""
    return member.reach(Permission.MANAGE_MEMBERS) is Reach.ALL


def _with_teams(members: MemberQuerySet) -> MemberQuerySet:
    return members.prefetch_related(Prefetch("teams", Team.objects.order_by("name", "pk")))


def _count_of(rows: "QuerySet[Any]") -> str:
    count = rows.order_by()[: COUNTED + 1].count()
    return f"{COUNTED:,}+" if count > COUNTED else f"{count:,}"


def _goes_with(member: Member) -> list[tuple[int, str]]:
    """Return how much ends with a membership."""
    places, tokens = member.teams.count(), member.living_tokens().count()
    counts = (
        (places, "place in a team" if places == 1 else "places in teams"),
        (tokens, "API token of this organization" if tokens == 1 else "API tokens of this organization"),
    )
    return [(count, label) for count, label in counts if count]
