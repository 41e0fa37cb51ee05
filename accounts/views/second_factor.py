"""One's second factor: set up with an app, recovery codes, and switched off; each with the password."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import second_factor as factors
from accounts.access import memberships_of, own_page
from accounts.forms.base import posted
from accounts.forms.you import PasswordForm, SetUpForm
from accounts.models import SecondFactor, User
from accounts.pages import Crumb, carry_out, form_page
from controlcenter.context import attempting
from controlcenter.operations import Operation

from .signing_in import safe_next
from .you import home_of, person_of, proof_of_password

SECRET = "second_factor"  # noqa: S105  (the name of it)
"""What a session calls the secret, encrypted, until a code shows that an app has it."""
SET_UP_FIRST = "Set up your second factor first."


@sensitive_post_parameters("code", "password")
@own_page(attempts=Operation.USER_SECOND_FACTOR_ADD)
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """Show whether there is one, or set it up: a picture for the app, a code to show that it has it, the password."""
    person = person_of(request)
    if person.has_second_factor:
        return render(request, "accounts/second_factor.html", {"factor": person.second_factor})
    secret = _secret_of(request)
    proven = proof_of_password(request, person, Operation.USER_SECOND_FACTOR_ADD, "password")
    form = SetUpForm(secret, person, posted(request), proven=proven)
    codes: list[str] = []

    def operate() -> None:
        codes.extend(SecondFactor.set_up(person, secret, form.step))
        request.session.pop(SECRET)
        update_session_auth_hash(request, person)  # The other sessions of the person end.

    with attempting(Operation.USER_SECOND_FACTOR_ADD, account_id=home_of(person), target=person) as attempt:
        if answer := carry_out(
            request,
            attempt,
            form,
            operate,
            then=lambda: _show_codes(request, codes),
            said="Your second factor is set up. You are signed out everywhere else.",
            hold=person,
        ):
            return answer
    context = {
        "form": form,
        "picture": factors.picture_of(factors.address_of(secret, person.email)),
        "typed": factors.typed_form(secret),
        "required_by": _required_by(request, person),
    }
    return render(request, "accounts/second_factor_set_up.html", context, status=422 if form.errors else 200)


@sensitive_post_parameters("password")
@own_page(attempts=Operation.USER_UPDATE)
@require_http_methods(["GET", "HEAD", "POST"])
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Make new recovery codes and show them, in this answer only; the old ones stop working."""
    person = person_of(request)
    if not person.has_second_factor:
        return _set_up_first(request)
    proven = proof_of_password(request, person, Operation.USER_UPDATE, "password")
    form = PasswordForm(person, posted(request), proven=proven)
    codes: list[str] = []
    with attempting(Operation.USER_UPDATE, account_id=home_of(person), target=person) as attempt:
        if answer := carry_out(
            request,
            attempt,
            form,
            lambda: codes.extend(person.second_factor.renew_codes()),
            then=lambda: _show_codes(request, codes),
            said="You have new recovery codes.",
            hold=person,
        ):
            return answer
    return form_page(
        request,
        form,
        "New recovery codes",
        "Make new codes",
        crumbs=_crumbs(),
        warning="You get ten new codes. Those you have stop working.",
        once=True,
    )


@sensitive_post_parameters("password")
@own_page(attempts=Operation.USER_SECOND_FACTOR_REMOVE)
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor_remove(request: HttpRequest) -> HttpResponse:
    """Switch one's second factor off, with the password."""
    person = person_of(request)
    if not person.has_second_factor:
        return _set_up_first(request)
    proven = proof_of_password(request, person, Operation.USER_SECOND_FACTOR_REMOVE, "password")
    form = PasswordForm(person, posted(request), proven=proven)

    def operate() -> None:
        person.second_factor.delete()
        update_session_auth_hash(request, User.objects.get(pk=person.pk))

    with attempting(Operation.USER_SECOND_FACTOR_REMOVE, account_id=home_of(person), target=person) as attempt:
        if answer := carry_out(
            request,
            attempt,
            form,
            operate,
            then=lambda: reverse("you-second-factor"),
            said="Your second factor is off. You are signed out everywhere else.",
            hold=person,
        ):
            return answer
    required = ", ".join(_required_by(request, person))
    return form_page(
        request,
        form,
        "Switch off the second factor",
        "Switch off",
        crumbs=_crumbs(),
        warning="Who knows your password gets in with it alone. The codes of your app, and your recovery codes, stop "
        "working." + (f" It is required by {required}: you will be asked to set up another one." if required else ""),
    )


def _secret_of(request: HttpRequest) -> bytes:
    """Return the secret that this session offers: the same one for as long as no code was typed for it."""
    try:
        return factors.unseal(request.session.get(SECRET, ""))
    except factors.Unreadable:
        secret = factors.new_secret()
        request.session[SECRET] = factors.seal(secret)
        return secret


def _show_codes(request: HttpRequest, codes: list[str]) -> HttpResponse:
    context = {"codes": codes, "crumbs": _crumbs(), "following": safe_next(request)}
    answer = TemplateResponse(request, "accounts/second_factor_codes.html", context)
    answer["Content-Location"] = reverse("you-second-factor")
    return answer


def _required_by(request: HttpRequest, person: User) -> list[str]:
    """Return the names of those who require a second factor of the person."""
    accounts = [m.account.name for m in memberships_of(request) if m.account.second_factor_required]
    staff = person.is_staff and settings.REQUIRE_SECOND_FACTOR_FOR_STAFF
    return [*accounts, "the admin of support staff"] if staff else accounts


def _set_up_first(request: HttpRequest) -> HttpResponse:
    messages.info(request, SET_UP_FIRST)
    return redirect("you-second-factor")


def _crumbs() -> list[Crumb]:
    return [("Second factor", reverse("you-second-factor"))]
