"""The pages about oneself: profile, password and sessions. What happened is in the log of one's home account."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import throttles
from accounts.access import own_page
from accounts.forms.base import posted
from accounts.forms.you import NewPasswordForm, ProfileForm
from accounts.models import Account, Theme, User
from accounts.pages import carry_out, form_page
from accounts.sessions import in_words
from controlcenter.context import attempting
from controlcenter.operations import Operation

SIGNED_OUT = "You are signed out everywhere."


@sensitive_post_parameters("current_password")
@own_page(attempts=Operation.USER_UPDATE)
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Change what one is called, one's e-mail address and time zone; how pages look is below."""
    person = person_of(request)
    looked_at = "current_password" if ProfileForm.asks_password(request.POST, person) else ""
    proven = proof_of_password(request, person, Operation.USER_UPDATE, looked_at)
    form = ProfileForm(posted(request), instance=person, proven=proven)
    with attempting(Operation.USER_UPDATE, account_id=home_of(person), target=person) as attempt:
        if answer := carry_out(
            request,
            attempt,
            form,
            form.save,
            then=lambda: reverse("you"),
            said="Your profile is saved.",
            hold=person,
        ):
            return answer
    ages = {"idle": in_words(settings.SESSION_COOKIE_AGE), "longest": in_words(settings.SESSION_LONGEST)}
    return _page(request, "accounts/you.html", form, themes=Theme.choices, sessions=ages)


@sensitive_post_parameters("old_password", "new_password1", "new_password2")
@own_page(attempts=Operation.USER_PASSWORD_CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    """Change one's password. All other sessions end: each holds a digest of the password it began with."""
    person = person_of(request)
    proven = proof_of_password(request, person, Operation.USER_PASSWORD_CHANGE, "old_password")
    form = NewPasswordForm(person, posted(request), proven=proven)

    def change() -> None:
        form.save(commit=False)
        person.save(update_fields=["password"])
        update_session_auth_hash(request, person)

    with attempting(Operation.USER_PASSWORD_CHANGE, account_id=home_of(person), target=person) as attempt:
        if answer := carry_out(
            request,
            attempt,
            form,
            change,
            then=lambda: reverse("you-password"),
            said="Your password is changed. You are signed out everywhere else.",
            hold=person,
        ):
            return answer
    return _page(request, "accounts/password.html", form)


@own_page(attempts=Operation.USER_SIGN_OUT)
@require_http_methods(["GET", "HEAD", "POST"])
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End all one's sessions, this one too."""
    person = person_of(request)
    form = forms.Form(posted(request))
    with attempting(Operation.USER_SIGN_OUT, account_id=home_of(person), target=person) as attempt:
        if answer := carry_out(
            request,
            attempt,
            form,
            person.end_sessions,
            then=lambda: reverse("sign-in"),
            said=SIGNED_OUT,
        ):
            list(messages.get_messages(request))  # Those so far are for who is signed in: they link to the log.
            request.session.flush()
            messages.success(request, SIGNED_OUT)
            return answer
    return form_page(
        request,
        form,
        "Sign out everywhere",
        "Sign out everywhere",
        crumbs=[("You", reverse("you"))],
        warning="All your sessions end, in this browser and in every other. API tokens keep working.",
    )


def proof_of_password(request: HttpRequest, person: User, operation: Operation, field: str) -> Callable[[], None]:
    """Count a try to prove the password where a form holds one, and return what to call when it is right.

    Raises:
        Throttled: when there were too many that are not.
    """
    if not request.POST.get(field):
        return lambda: None
    return throttles.admit(throttles.to_prove("password", person), operation, home_of(person), person).succeeded


def person_of(request: HttpRequest) -> User:
    """Return who is signed in, read again: what a refused form wrote into it must not stand in the page's frame."""
    person: User = User.objects.select_related("second_factor").get(pk=request.user.pk)
    return person


def home_of(person: User) -> int:
    """Return the account whose log shows what a person does about themselves."""
    return person.home_id or Account.PLATFORM_ID


def _page(request: HttpRequest, template: str, form: Any, **more: Any) -> HttpResponse:
    return render(request, template, {"form": form, **more}, status=422 if form.errors else 200)
