"""The pages about oneself: profile and password. What happened is in the log of one's home account."""

from typing import Any

from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.access import own_page
from accounts.forms.base import posted
from accounts.forms.you import NewPasswordForm, ProfileForm
from accounts.models import Account, Theme, User
from accounts.pages import carry_out
from controlcenter.context import attempting
from controlcenter.operations import Operation


@sensitive_post_parameters("current_password")
@own_page(attempts=Operation.USER_UPDATE)
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Change what one is called, one's e-mail address and time zone; how pages look is below."""
    person = _person(request)
    form = ProfileForm(posted(request), instance=person)
    with attempting(Operation.USER_UPDATE, account_id=_home(person), target=person) as attempt:
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
    return _page(request, "accounts/you.html", form, themes=Theme.choices)


@sensitive_post_parameters("old_password", "new_password1", "new_password2")
@own_page(attempts=Operation.USER_PASSWORD_CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    """Change one's password. All other sessions end: each holds a digest of the password it began with."""
    person = _person(request)
    form = NewPasswordForm(person, posted(request))

    def change() -> None:
        form.save(commit=False)
        person.save(update_fields=["password"])
        update_session_auth_hash(request, person)

    with attempting(Operation.USER_PASSWORD_CHANGE, account_id=_home(person), target=person) as attempt:
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


def _person(request: HttpRequest) -> User:
    """Return who is signed in, read again: what a refused form wrote into it must not stand in the page's frame."""
    person: User = User.objects.get(pk=request.user.pk)
    return person


def _home(person: User) -> int:
    return person.home_id or Account.PLATFORM_ID


def _page(request: HttpRequest, template: str, form: Any, **more: Any) -> HttpResponse:
    return render(request, template, {"form": form, **more}, status=422 if form.errors else 200)
