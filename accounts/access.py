"""Who may open a page of an account. Somebody else's account does not exist: 404, not 403."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse

from controlcenter.context import attempting
from controlcenter.operations import Operation

from .models import Account, Member
from .roles import Permission, Reach, RoleDenied

P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, Member, P], HttpResponse]
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
            if member:
                request.member = member  # type: ignore[attr-defined]
                return page(request, member, *args, **kwargs)
            if request.method == "POST":
                record_turned_away(request, *_stranger(request))
            if request.user.is_authenticated:
                raise Http404
            return redirect_to_login(request.get_full_path())

        view.attempts = attempts  # type: ignore[attr-defined]
        return cast("View[P]", view)

    return decorate


def require(member: Member, permission: Permission) -> None:
    """Raise ``RoleDenied`` unless the member's role carries the permission, as far as it goes."""
    if member.reach(permission) is Reach.NONE:
        raise RoleDenied(permission)


def record_turned_away(request: HttpRequest, code: str, sentence: str) -> None:
    """Record, in the log of the account whose page it is, that a POST was turned away before it reached the page."""
    match = request.resolver_match
    operation = getattr(match.func, "attempts", None) if match else None
    account = Account.objects.filter(slug=match.kwargs["account_slug"]).first() if match and operation else None
    if operation and account:
        with attempting(operation, account_id=account.pk) as attempt:
            attempt.refuse(code, sentence)


def _stranger(request: HttpRequest) -> tuple[str, str]:
    if request.user.is_authenticated:
        return "not_a_member", "Who tried is not a member of the organization."
    return "not_signed_in", "Nobody was signed in."


def names(members: Any) -> list[str]:
    """Return the full names of some members' users."""
    return [member.user.full_name for member in members]
