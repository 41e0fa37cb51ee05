"""The organization itself: what it is called, its plan, its beginning and its end."""

from copy import copy

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.access import account_page, own_page, require
from accounts.forms.base import ConfirmForm, posted
from accounts.forms.organization import AccountForm, OrganizationForm, PlanForm
from accounts.models import Account, Member, Plan, User
from accounts.pages import Crumb, carry_out, change_page, form_page
from accounts.roles import Permission, Reach
from controlcenter.context import attempting
from controlcenter.operations import Operation


@own_page(attempts=Operation.ORGANIZATION_CREATE)
@require_http_methods(["GET", "HEAD", "POST"])
def organization_create(request: HttpRequest) -> HttpResponse:
    """Create an organization, whose administrator is who creates it."""
    person = User.objects.get(pk=request.user.pk)
    form, founded = OrganizationForm(posted(request)), []
    # What fails belongs to no account yet: it stands where the person's own entries do.
    home, name = person.home_id or Account.PLATFORM_ID, request.POST.get("name", "")
    with attempting(Operation.ORGANIZATION_CREATE, account_id=home, name=name) as attempt:
        if answer := carry_out(
            request,
            attempt,
            form,
            lambda: founded.append(Account.found(person, **form.cleaned_data)),
            then=lambda: reverse("overview", args=[founded[0].slug]),
            said=lambda: f"{founded[0]} is created. You are its administrator.",
        ):
            return answer
    return form_page(
        request,
        form,
        "Create organization",
        "Create organization",
        crumbs=[("Accounts", reverse("home"))],
        warning="People work together in an organization: it has members with roles, teams, apps and a log of its own. "
        f"It begins on the {Plan.objects.first()} plan.",
    )


@account_page(attempts=Operation.ORGANIZATION_UPDATE)
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: HttpRequest, member: Member) -> HttpResponse:
    """Rename an account, and say how its members sign in; from here one gets to its plan and its end."""
    account = member.account
    shown = copy(account)  # The frame shows what it is called until it is saved.
    form = AccountForm(posted(request), instance=shown, person=member.user)
    return change_page(
        request,
        member,
        Permission.MANAGE_ACCOUNT,
        Operation.ORGANIZATION_UPDATE,
        form,
        form.save,
        then=lambda: reverse("settings", args=[account.slug]),
        said=lambda: f"{form.instance} is saved.",
        hold=account,
        target=account,
        heading="Settings",
        submit="Save changes",
        crumbs=_crumbs(account),
        template="accounts/organization_settings.html",
        account=account,
        members=account.members.count(),
        lacking=account.members.filter(user__second_factor=None).count(),
    )


@account_page(attempts=Operation.ORGANIZATION_DELETE)
@require_http_methods(["GET", "HEAD", "POST"])
def organization_delete(request: HttpRequest, member: Member) -> HttpResponse:
    """Delete an organization with all that is in it, once its id has been typed."""
    account = member.account

    def said() -> str:
        home = User.objects.select_related("home").get(pk=member.user_id).home
        return f"{account} is deleted." + (f" You are in {home} now." if home else "")

    return change_page(
        request,
        member,
        Permission.MANAGE_ACCOUNT,
        Operation.ORGANIZATION_DELETE,
        ConfirmForm(posted(request), typed=account.slug, label="Organization ID"),
        account.dissolve,
        then=lambda: reverse("home"),
        said=said,
        hold=account,
        target=account,
        heading=f"Delete {account}",
        submit="Delete organization",
        crumbs=[("Settings", reverse("settings", args=[account.slug]))],
        danger=True,
        typed=account.slug,
        warning="Its members keep their users and lose what they had here. Its log is kept, for support staff to read.",
        cascade=_cascade(account),
    )


@account_page(attempts=Operation.ORGANIZATION_PLAN_CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def plan(request: HttpRequest, member: Member) -> HttpResponse:
    """Show the plans; let an administrator choose."""
    account = member.account
    form = PlanForm(posted(request), instance=copy(account))
    with attempting(Operation.ORGANIZATION_PLAN_CHANGE, account_id=account.pk, target=account) as attempt:
        require(member, Permission.MANAGE_ACCOUNT if form.is_bound else Permission.SEE_PLAN)

        def change() -> None:
            account.plan = form.cleaned_data["plan"]
            account.save(update_fields=["plan"])

        if answer := carry_out(
            request,
            attempt,
            form,
            change,
            then=lambda: reverse("plan", args=[account.slug]),
            said=lambda: f"The plan is {account.plan} now.",
            hold=account,
        ):
            return answer
    plans = list(Plan.objects.all())
    for offered in plans:
        offered.current = offered.pk == account.plan_id  # type: ignore[attr-defined]
    return render(
        request,
        "accounts/plan.html",
        {
            "account": account,
            "plans": plans,
            "form": form,
            "may_change": member.reach(Permission.MANAGE_ACCOUNT) is Reach.ALL,
            "members": account.members.count(),
            "teams": account.teams.count(),
        },
        status=422 if form.errors else 200,
    )


def _crumbs(account: Account) -> list[Crumb]:
    return [(account.name, reverse("overview", args=[account.slug]))]


def _cascade(account: Account) -> list[tuple[int, str]]:
    """Return how much of what goes with an organization."""
    kinds = (
        (account.members, "member", "members"),
        (account.teams, "team", "teams"),
        (account.apps, "app with all that is in it", "apps with all that is in them"),
        (account.compute_clusters, "compute cluster", "compute clusters"),
        (account.tokens, "API token", "API tokens"),
    )
    counts = [(rows.count(), one, many) for rows, one, many in kinds]
    return [(count, one if count == 1 else many) for count, one, many in counts if count]
