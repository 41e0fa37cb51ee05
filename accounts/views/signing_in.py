"""Signing in and out, where one is led, and preferences."""

from django.conf import settings
from django.contrib.auth import login, logout
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import memberships_of
from accounts.forms.base import posted
from accounts.forms.signing_in import SignInForm
from accounts.models import Account, Theme, User
from accounts.roles import Permission, Reach
from accounts.shell import SIDEBARS
from controlcenter.context import attempting
from controlcenter.operations import Operation

A_YEAR = 365 * 24 * 60 * 60


def home(request: HttpRequest) -> HttpResponse:
    """Lead to the log of one's home, or to its apps who may not read the log."""
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
    """Sign out, and go on to where that was asked for: as somebody else, for one."""
    with transaction.atomic():
        logout(request)
    return redirect(_safe_next(request) if "next" in request.POST else "sign-in")


@require_POST
def preferences(request: HttpRequest) -> HttpResponse:
    """Remember theme and sidebar in cookies; the theme with the person, too, wherever they sign in."""
    response = redirect(_safe_next(request))
    theme = request.POST.get("theme", "")
    if request.user.is_authenticated and theme in Theme.values and theme != request.user.theme:
        request.user.theme = theme
        request.user.save(update_fields=["theme"])
    for name, allowed in (("theme", Theme.values), ("sidebar", SIDEBARS)):
        if (value := request.POST.get(name, "")) in allowed:
            response.set_cookie(name, value, max_age=A_YEAR, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE)
    return response


def _safe_next(request: HttpRequest) -> str:
    """Return the page of ours to go on to; never another site."""
    following = request.POST.get("next") or request.GET.get("next") or ""
    ours = url_has_allowed_host_and_scheme(following, {request.get_host()}, require_https=request.is_secure())
    return following if ours else resolve_url("home")
