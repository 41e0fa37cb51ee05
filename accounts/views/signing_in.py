"""Signing in, with a password and a code, and out; where one is led, and preferences."""

import time

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.crypto import constant_time_compare
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import sessions, throttles
from accounts.access import memberships_of
from accounts.forms.base import posted
from accounts.forms.signing_in import CodeForm, SignInForm
from accounts.known_browsers import mark_of, remember
from accounts.models import Account, Theme, User
from accounts.roles import Permission, Reach
from accounts.shell import SIDEBARS
from controlcenter.context import attempting
from controlcenter.operations import Operation

A_YEAR = 365 * 24 * 60 * 60
HALF_WAY = "half_way"
"""What a session calls who has proven the password, and is asked for a code."""
TIME_FOR_CODE = 10 * 60  # seconds


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
    following = safe_next(request)
    if request.method == "GET" and request.user.is_authenticated:
        return redirect(following)
    form = SignInForm(request, posted(request))
    if request.method == "POST":
        email = request.POST.get("username", "").strip().lower()
        person = User.objects.filter(email=email).first() if "\0" not in email else None
        operation, account_id = Operation.USER_SIGN_IN_FAILED, (person and person.home_id) or Account.PLATFORM_ID
        limits = throttles.to_sign_in(email, mark_of(request, person))
        tried = throttles.admit(limits, operation, account_id, person)
        with attempting(operation, account_id=account_id, target=person) as attempt:
            if form.is_valid():
                tried.succeeded()
                return _go_on(request, form.get_user(), following)
            attempt.refuse("invalid_credentials", SignInForm.WRONG)
    return render(request, "accounts/sign_in.html", {"form": form, "next": following})


def _go_on(request: HttpRequest, person: User, following: str) -> HttpResponse:
    """Sign a person in who has proven the password, or ask for a code first: until then nobody is signed in."""
    if not person.has_second_factor:
        return _enter(request, person, following)
    request.session.flush()
    proof = {"user": person.pk, "hash": person.get_session_auth_hash(), "at": time.time(), "next": following}
    request.session[HALF_WAY] = proof
    return redirect("sign-in-code")


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_code(request: HttpRequest) -> HttpResponse:
    """Sign in who has proven the password, with a code of their app or one for recovery."""
    person = _half_way(request)
    if person is None:
        return redirect("sign-in")
    form, following = CodeForm(posted(request)), request.session[HALF_WAY]["next"]
    if request.method == "POST":
        operation, account_id = Operation.USER_SIGN_IN_FAILED, person.home_id or Account.PLATFORM_ID
        tried = throttles.admit(throttles.to_prove("code", person), operation, account_id, person)
        with attempting(operation, account_id=account_id, target=person) as attempt:
            if form.is_valid() and (answer := _enter_with_code(request, person, form.cleaned_data["code"], following)):
                tried.succeeded()
                return answer
            attempt.refuse("invalid_code", CodeForm.WRONG)
            form.add_error(None, f"{CodeForm.WRONG} Nobody was signed in.")
    return render(request, "accounts/sign_in_code.html", {"form": form})


def _enter_with_code(request: HttpRequest, person: User, code: str, following: str) -> HttpResponse | None:
    """Sign a person in whose code is right; it is used up by that, and not when the sign-in can't be recorded."""
    left = person.second_factor.codes_left
    with transaction.atomic():
        if not person.second_factor.accepts(code):
            return None
        if (now := person.second_factor.codes_left) < left:
            messages.warning(request, f"You used a recovery code, {now} are left. Make new ones in time.")
        return _enter(request, person, following)


def _half_way(request: HttpRequest) -> User | None:
    """Return who has proven the password in this session, not long ago; None where nobody has to be asked."""
    proof = request.session.get(HALF_WAY)
    if not proof or time.time() - proof["at"] > TIME_FOR_CODE:
        return None
    person = User.objects.select_related("second_factor").filter(pk=proof["user"], is_active=True).first()
    same = person and constant_time_compare(proof["hash"], person.get_session_auth_hash())
    return person if same and person and person.has_second_factor else None


def _enter(request: HttpRequest, person: User, following: str) -> HttpResponse:
    """Sign a person in, under a new key and for the whole time that a session may last."""
    for name in (HALF_WAY, sessions.BEGAN):
        request.session.pop(name, None)
    if request.user.is_authenticated:
        request.session.cycle_key()  # Django keeps the key of who signs in once more.
    with transaction.atomic():
        login(request, person)
    response = redirect(following)
    remember(request, response, person)
    return response


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Sign out, and go on to where that was asked for: as somebody else, for one."""
    with transaction.atomic():
        logout(request)
    return redirect(safe_next(request) if "next" in request.POST else "sign-in")


@require_POST
def preferences(request: HttpRequest) -> HttpResponse:
    """Remember theme and sidebar in cookies; the theme with the person, too, wherever they sign in."""
    response = redirect(safe_next(request))
    theme = request.POST.get("theme", "")
    if request.user.is_authenticated and theme in Theme.values and theme != request.user.theme:
        request.user.theme = theme
        request.user.save(update_fields=["theme"])
    for name, allowed in (("theme", Theme.values), ("sidebar", SIDEBARS)):
        if (value := request.POST.get(name, "")) in allowed:
            response.set_cookie(name, value, max_age=A_YEAR, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE)
    return response


def safe_next(request: HttpRequest, otherwise: str = "home") -> str:
    """Return the page of ours to go on to; never another site. ``otherwise`` is one by its address or name."""
    following = request.POST.get("next") or request.GET.get("next") or ""
    ours = url_has_allowed_host_and_scheme(following, {request.get_host()}, require_https=request.is_secure())
    return following if ours else resolve_url(otherwise)
