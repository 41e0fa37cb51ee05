"""Signing in and out, preferences, and the plan of an account."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from controlcenter.context import attempting
from controlcenter.operations import Operation

from .access import account_page, memberships_of, require
from .forms import PlanForm, SignInForm, posted, sentence_of
from .models import Account, Member, Plan, User
from .roles import Permission, Reach
from .shell import SIDEBARS, THEMES

A_YEAR = 365 * 24 * 60 * 60


def home(request: HttpRequest) -> HttpResponse:
    """Lead to the log of the first account, or to its apps who may not read the log."""
    memberships = memberships_of(request)
    if memberships:
        reads = memberships[0].reach(Permission.READ_LOG) is not Reach.NONE
        return redirect("logs" if reads else "apps", memberships[0].account.slug)
    if request.user.is_authenticated and request.user.is_staff:
        return redirect("admin:index")
    if request.user.is_authenticated:
        return render(request, "accounts/no_account.html")
    return redirect("sign-in")


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in with e-mail address and password; each failure is an entry of the account concerned."""
    following = _safe_next(request)
    if request.method == "GET" and request.user.is_authenticated:
        return redirect(following)
    form = SignInForm(request, posted(request))
    if request.method == "POST":
        email = request.POST.get("username", "").strip().lower()
        person = User.objects.filter(email=email).first() if "\0" not in email else None
        account_id = (person and person.home_id) or Account.PLATFORM_ID
        with attempting(Operation.USER_SIGN_IN_FAILED, account_id=account_id, target=person) as attempt:
            if form.is_valid():
                with transaction.atomic():
                    login(request, form.get_user())
                return redirect(following)
            attempt.refuse("invalid_credentials", SignInForm.WRONG)
    return render(request, "accounts/sign_in.html", {"form": form, "next": following})


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Sign out."""
    with transaction.atomic():
        logout(request)
    return redirect("sign-in")


@require_POST
def preferences(request: HttpRequest) -> HttpResponse:
    """Remember theme and sidebar in cookies, for who browses without JavaScript."""
    response = redirect(_safe_next(request))
    for name, allowed in (("theme", (*THEMES, "system")), ("sidebar", SIDEBARS)):
        if (value := request.POST.get(name)) in allowed:
            response.set_cookie(name, value, max_age=A_YEAR, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE)
    return response


@account_page(attempts=Operation.ORGANIZATION_PLAN_CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def plan(request: HttpRequest, member: Member) -> HttpResponse:
    """Show the plans; let an administrator choose."""
    account = member.account
    form = PlanForm(posted(request), initial={"plan": account.plan})
    with attempting(Operation.ORGANIZATION_PLAN_CHANGE, account_id=account.pk, target=account) as attempt:
        require(member, Permission.MANAGE_ACCOUNT if form.is_bound else Permission.SEE_PLAN)
        if form.is_bound:
            if form.is_valid():
                account.plan = form.cleaned_data["plan"]
                account.save(update_fields=["plan"])
                messages.success(request, f"The plan is {account.plan} now.")
                return redirect("plan", account.slug)
            attempt.refuse("invalid", sentence_of(form))
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
        },
        status=422 if form.errors else 200,
    )


def _safe_next(request: HttpRequest) -> str:
    """Return the page of ours to go on to; never another site."""
    following = request.POST.get("next") or request.GET.get("next") or ""
    ours = url_has_allowed_host_and_scheme(following, {request.get_host()}, require_https=request.is_secure())
    return following if ours else resolve_url("home")
