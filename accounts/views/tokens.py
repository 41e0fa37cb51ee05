"""API tokens: one's own of an account, and all of it to who may end other people's."""

from typing import NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import account_page
from accounts.forms.base import ReasonForm, posted
from accounts.forms.tokens import TokenEditForm, TokenForm
from accounts.models import Member, Token
from accounts.pages import Crumb, carry_out, form_page, found, one_or_404
from accounts.roles import Permission, Reach
from accounts.tokens import TokenScope
from controlcenter.context import attempting
from controlcenter.operations import Operation

REVOKED = "revoked"


class Example(NamedTuple):
    """A call that a token is good for."""

    scope: TokenScope
    method: str
    path: str


EXAMPLES = (
    Example(TokenScope.AUDIT_LOG_READ, "POST", "audit_log/searches"),
    Example(TokenScope.APPS_READ, "GET", "apps"),
)


@account_page()
@require_safe
def tokens(request: HttpRequest, member: Member) -> HttpResponse:
    """The tokens that work, newest first; on request those that don't any more."""
    show = REVOKED if request.GET.get("show") == REVOKED else ""
    shown = Token.objects.shown_to(member)
    rows = shown.revoked() if show else shown.living()
    context = {
        "account": member.account,
        "found": found(request, lambda text: rows.matching(text).select_related("user"), by="-pk"),
        "show": show,
        "keep": {"show": show} if show else {},
        "sees_all": member.reach(Permission.MANAGE_MEMBERS) is Reach.ALL,
        "sent_twice": _created(request, member),
    }
    return render(request, "accounts/tokens.html", context)


@account_page(attempts=Operation.USER_TOKEN_CREATE)
@require_http_methods(["GET", "HEAD", "POST"])
def token_create(request: HttpRequest, member: Member) -> HttpResponse:
    """Create a token and show its secret, in this answer only: it stands in no address, no entry and no table."""
    account, user = member.account, member.user
    form = TokenForm(posted(request))
    made: list[tuple[Token, str]] = []

    def shown() -> HttpResponse:
        token, secret = made[0]
        context = {"account": account, "token": token, "secret": secret, "crumbs": _crumbs(member)}
        answer = TemplateResponse(request, "accounts/token.html", {**context, "example": _example(token)})
        answer["Content-Location"] = f"{reverse('tokens', args=[account.slug])}?created={token.slug}"
        return answer

    name = request.POST.get("name", "")
    with attempting(Operation.USER_TOKEN_CREATE, account_id=account.pk, parent=user, name=name) as attempt:
        if answer := carry_out(
            request,
            attempt,
            form,
            lambda: made.append(Token.issue(user, account, form.cleaned_data["name"], form.cleaned_data["scopes"])),
            then=shown,
            said=lambda: f"{made[0][0]} is created.",
            hold=member,
        ):
            return answer
    return form_page(request, form, "Create token", "Create token", crumbs=_crumbs(member), once=True)


@account_page(attempts=Operation.USER_TOKEN_UPDATE)
@require_http_methods(["GET", "HEAD", "POST"])
def token_edit(request: HttpRequest, member: Member, token_slug: str) -> HttpResponse:
    """Rename one's own token or change its scopes; they hold from its next use on."""
    own = Token.objects.filter(account=member.account, user=member.user)
    token = one_or_404(request, member, own.filter(slug=token_slug), token_slug)
    with attempting(Operation.USER_TOKEN_UPDATE, account_id=member.account_id, target=token) as attempt:
        form = TokenEditForm(posted(request), instance=token)
        if answer := carry_out(
            request,
            attempt,
            form,
            lambda: token.edit(form.cleaned_data["name"], form.cleaned_data["scopes"]),
            then=lambda: reverse("tokens", args=[member.account.slug]),
            said=lambda: f"{token} is saved.",
            hold=token,
        ):
            return answer
    return form_page(request, form, "Edit token", "Save changes", crumbs=_crumbs(member))


@account_page(attempts=Operation.USER_TOKEN_REVOKE)
@require_http_methods(["GET", "HEAD", "POST"])
def token_revoke(request: HttpRequest, member: Member, token_slug: str) -> HttpResponse:
    """End the use of a token."""
    shown = Token.objects.shown_to(member).select_related("user")
    token = one_or_404(request, member, shown.filter(slug=token_slug), token_slug)
    form = ReasonForm(posted(request))
    with attempting(Operation.USER_TOKEN_REVOKE, account_id=member.account_id, target=token) as attempt:
        if answer := carry_out(
            request,
            attempt,
            form,
            token.revoke,
            then=lambda: reverse("tokens", args=[member.account.slug]),
            said=f"{token} is revoked.",
            hold=token,
        ):
            return answer
    whose = "" if token.user_id == member.user_id else f" It is a token of {token.user.full_name}."
    return form_page(
        request,
        form,
        f"Revoke {token.name}",
        "Revoke token",
        crumbs=_crumbs(member),
        danger=True,
        warning=f"Whatever uses the token is refused from now on.{whose}",
    )


def _created(request: HttpRequest, member: Member) -> Token | None:
    """Return the token that a form created which was then sent again."""
    slug = request.GET.get("created", "").replace("\0", "")
    return Token.objects.living().filter(account=member.account, user=member.user, slug=slug).first() if slug else None


def _example(token: Token) -> Example | None:
    return next((example for example in EXAMPLES if example.scope in token.scopes), None)


def _crumbs(member: Member) -> list[Crumb]:
    return [("API tokens", reverse("tokens", args=[member.account.slug]))]
