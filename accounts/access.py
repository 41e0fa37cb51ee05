"""Who may open a page of an account. Somebody else's account does not exist: 404, not 403."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from controlcenter.context import attempting, because
from controlcenter.fence import within
from controlcenter.masking import masked_start
from controlcenter.operations import Operation

from . import throttles
from .forms.base import LONGEST_REASON
from .models import Account, Member, Submission
from .roles import Permission, Reach, RoleDenied

DONE_ALREADY = "That has been done already, once."

P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, Member, P], HttpResponse]
OwnPage = Callable[Concatenate[HttpRequest, P], HttpResponse]
View = Callable[Concatenate[HttpRequest, str, P], HttpResponse]


def memberships_of(request: HttpRequest) -> list[Member]:
    """Return all memberships of who is signed in, with account and plan; none for who is just signing in."""
    return getattr(request.user, "loaded_memberships", [])


def account_page(attempts: Operation | None = None) -> Callable[[Page[P]], View[P]]:
    """Make a page of one account: its view gets the membership of who is signed in, others don't get in.

    Args:
        attempts: the operation that a POST to the page attempts, so that one which never reaches the page, a
            stranger's or a forged one, is recorded as refused.
    """

    def decorate(page: Page[P]) -> View[P]:
        @wraps(page)
        def view(request: HttpRequest, account_slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            member = next((m for m in memberships_of(request) if m.account.slug == account_slug), None)
            if answer := repeated(request):  # It may be this form that ended the membership.
                return answer
            if member and member.account.second_factor_required and not member.user.has_second_factor:
                return _lead_to_second_factor(request, member)
            if member:
                request.member = member  # type: ignore[attr-defined]
                with because(reason_in(request)), within(member.account_id):
                    return page(request, member, *args, **kwargs)
            if request.method == "POST":
                record_turned_away(request, *_stranger(request))
            if request.user.is_authenticated:
                raise Http404
            return redirect_to_login(request.get_full_path())

        view.attempts = attempts  # type: ignore[attr-defined]
        return cast("View[P]", view)

    return decorate


def own_page(attempts: Operation | None = None) -> Callable[[OwnPage[P]], OwnPage[P]]:
    """Make a page of who is signed in, whatever accounts they are in; nobody else's is ever asked for.

    Args:
        attempts: the operation that a POST to the page attempts.
    """

    def decorate(page: OwnPage[P]) -> OwnPage[P]:
        @wraps(page)
        def view(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            with because(reason_in(request)), within(request.user.home_id or 0):
                return repeated(request) or page(request, *args, **kwargs)

        view.attempts = attempts  # type: ignore[attr-defined]
        return cast("OwnPage[P]", view)

    return decorate


def reason_in(request: HttpRequest) -> str:
    """Return the reason that somebody gave in a form, as far as one may be long."""
    return masked_start(request.POST.get("reason", "").strip(), LONGEST_REASON)


def repeated(request: HttpRequest) -> HttpResponse | None:
    """Lead a form that was carried out before to where it led then."""
    if request.method != "POST" or not (url := Submission.of(request)):
        return None
    messages.info(request, DONE_ALREADY)
    return redirect(url)


class Permits(Protocol):
    """Something that a member may do one thing to, and not another: an app."""

    def allows(self, member: Member, permission: Permission) -> bool: ...


def require(member: Member, permission: Permission, on: Permits | None = None) -> None:
    """Raise ``RoleDenied`` unless the member's role carries the permission: on this thing, or as far as it goes."""
    if not (on.allows(member, permission) if on else member.reach(permission) is not Reach.NONE):
        raise RoleDenied(permission)


def operation_of(request: HttpRequest) -> Operation | None:
    """Return the operation that a POST to the page attempts; None for a page that only shows something."""
    operation: Operation | None = getattr(request.resolver_match and request.resolver_match.func, "attempts", None)
    return operation


def record_turned_away(request: HttpRequest, code: str, sentence: str) -> None:
    """Record, in the log of the account whose page it is, that a POST was turned away before it reached the page.

    Of too many from one address one in each wait is: strangers must not fill somebody's log.
    """
    match, operation = request.resolver_match, operation_of(request)
    account = Account.objects.filter(slug=match.kwargs.get("account_slug")).first() if match and operation else None
    if operation and account:
        try:
            throttles.count(throttles.from_here("turned-away"))
        except throttles.Throttled as refused:
            if not refused.first:
                return
            code, sentence = refused.code, refused.sentence
        with attempting(operation, account_id=account.pk) as attempt:
            attempt.refuse(code, sentence)


def _lead_to_second_factor(request: HttpRequest, member: Member) -> HttpResponse:
    """Lead a member who has no second factor to where it is set up, and from there to what they asked for."""
    required = f"{member.account} requires a second factor of its members"
    if request.method == "POST":
        record_turned_away(request, "second_factor_required", f"{required}, and who tried has none.")
    messages.info(request, f"{required}: set up yours to go on.")
    query = urlencode({"next": request.get_full_path()}) if request.method == "GET" else ""
    return redirect(f"{reverse('you-second-factor')}?{query}")


def _stranger(request: HttpRequest) -> tuple[str, str]:
    if request.user.is_authenticated:
        return "not_a_member", "Who tried is not a member of the organization."
    return "not_signed_in", "Nobody was signed in."


def names(members: Any) -> list[str]:
    """Return the full names of some members' users."""
    return [member.user.full_name for member in members]
