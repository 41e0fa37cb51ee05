"""Calls of the API: who makes them, with which token, and how their bodies are read."""

import json
from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser
from ninja.security.base import AuthBase

from accounts import throttles
from accounts.models import Member, Token
from accounts.tokens import Allowance, TokenScope, count_request, token_in

from .fence import enter
from .operations import Operation
from .problems import Problem, Stranger

PREFIX = "/v2/"
LARGEST_BODY = 1_000_000  # bytes
DEEPEST_NESTING = 100


class Call(HttpRequest):
    """A request whose token was found; ``auth`` is the membership it acts with."""

    id: str
    auth: Member
    token: Token | None
    allowance: Allowance | None
    needs: "TokenAuth"


# Who calls


def is_call(request: HttpRequest) -> bool:
    """Say whether a request is for the API."""
    return request.path.startswith(PREFIX)


def identify(request: HttpRequest) -> Token | None:
    """Return the token that a request of the API presents, and count the request; never a session's user."""
    token = token_in(request.headers.get("Authorization", ""))
    request.token = token  # type: ignore[attr-defined]
    usable = token is not None and token.revoked_at is None and token.user.is_active
    request.allowance = count_request(token) if token and usable else None  # type: ignore[attr-defined]
    return token


class TokenAuth(AuthBase):
    """What a call needs: a token with one of the scopes. It also says what the call attempts, should it be refused."""

    openapi_type = "apiKey"
    openapi_in = "header"
    openapi_name = "Authorization"
    openapi_description = "`Key <token>` or `Bearer <token>`. Tokens are issued on the page API tokens."

    def __init__(self, *scopes: TokenScope, attempts: Operation | None = None, each: str = "") -> None:
        super().__init__()
        self.scopes, self.attempts, self.each = scopes, attempts, each

    def __call__(self, request: HttpRequest) -> Member:
        """Return the membership to act with. Raises ``Problem``."""
        request.needs = self  # type: ignore[attr-defined]
        _refuse_nul(request)
        token = _usable_token(request)
        member = caller(request, token, path_of(request).get("account_id", "me"))
        request.member = member  # type: ignore[attr-defined]
        enter(member.account_id)
        if not {*self.scopes} & {*token.scopes}:
            raise scope_missing(token, *self.scopes)
        _refuse_body(request)
        return member


def scope_missing(token: Token, *scopes: TokenScope) -> Problem:
    """Return the refusal of a token that has none of the scopes."""
    return Problem("scope_missing", f"The token {token.name!r} lacks the scope {' or '.join(scopes)}: use one with it.")


def require_scope(request: HttpRequest, scope: TokenScope) -> None:
    """Refuse a token without the scope, where what a call needs depends on its body."""
    token: Token = request.token  # type: ignore[attr-defined]
    if scope not in token.scopes:
        raise scope_missing(token, scope)


def caller(request: HttpRequest, token: Token, account_slug: str) -> Member:
    """Return the membership that a token acts with in an account; "me" is the token's own. Raises ``Stranger``."""
    member = None
    if account_slug in ("me", token.account.slug):
        member = Member.objects.filter(account=token.account_id, user=token.user_id).first()
    if member is None:
        raise Stranger(account_slug)
    member.account, member.user = token.account, token.user
    return member


def _usable_token(request: HttpRequest) -> Token:
    token: Token | None = request.token  # type: ignore[attr-defined]
    allowance: Allowance | None = request.allowance  # type: ignore[attr-defined]
    if token is None:
        _count_stranger(request)
        given = "Authorization" in request.headers
        code, what = ("token_unknown", "No such token exists") if given else ("no_token", "No token was sent")
        raise Problem(code, f"{what}: send the header Authorization: Key <token>.")
    if token.revoked_at:
        raise Problem("token_revoked", f"The token {token.name!r} was revoked: use another one.")
    if allowance is None:
        raise Problem("user_inactive", f"The user of the token {token.name!r} may not sign in any more.")
    if allowance.exceeded:
        request.first_refusal = allowance.just_exceeded  # type: ignore[attr-defined]
        sentence = f"More than {allowance.limit} requests in a minute: wait {allowance.seconds_left} s."
        raise Problem("throttled", sentence, Retry_After=str(allowance.seconds_left))
    return token


def _count_stranger(request: HttpRequest) -> None:
    """Count a call without a token that we know. Raises ``Problem`` for too many from one address, or from around it.

    What they cost and leave in the log is limited so; calls with a token are not held up by those without.
    """
    try:
        throttles.count(throttles.from_here("call"))
    except throttles.Throttled as refused:
        request.first_refusal = refused.first  # type: ignore[attr-defined]
        sentence = f"Too many calls without a token that exists: wait {refused.seconds} s."
        raise Problem("throttled", sentence, Retry_After=str(refused.seconds)) from refused


# Reading a call


def path_of(request: HttpRequest) -> dict[str, str]:
    """Return the arguments in the path of a call."""
    return request.resolver_match.kwargs if request.resolver_match else {}


def _refuse_nul(request: HttpRequest) -> None:
    asked = [value for _, values in request.GET.lists() for value in values]
    if "\0" in "".join([*path_of(request).values(), *asked]):
        raise Problem("malformed", "There is a NUL in the address: leave it out.")


def _refuse_body(request: HttpRequest) -> None:
    told = request.META.get("CONTENT_LENGTH") or "0"
    length = int(told) if told.isdecimal() else 0
    if length > LARGEST_BODY:
        raise Problem("too_large", f"The body has {length:,} bytes: send at most {LARGEST_BODY:,}.")
    if length and request.content_type != "application/json":
        raise Problem("unsupported_media_type", f"The body is {request.content_type!r}: send application/json.")


class JsonParser(Parser):
    """Reads a body strictly: UTF-8, JSON as its standard has it, nothing that the database could not store."""

    def parse_body(self, request: HttpRequest) -> Any:
        """Return the parsed body. Raises ``Problem``."""
        try:
            body = json.loads(request.body.decode(), parse_constant=_refuse_constant)
            _refuse_unstorable(body)
        except UnicodeError:
            raise Problem("malformed", "The body is not text in UTF-8: encode it so.") from None
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            raise Problem("malformed", f"The body is not JSON: {error.msg} at {place}.") from None
        except (ValueError, RecursionError) as error:
            sentence = (
                str(error) if isinstance(error, Unreadable) else "The body holds a number or a depth out of range."
            )
            raise Problem("malformed", sentence) from None
        return body


class Unreadable(ValueError):  # noqa: N818
    """A body is JSON, and still can't be taken."""


def _refuse_constant(name: str) -> None:
    raise Unreadable(f"The body holds {name}, which is not JSON: leave it out.")


def _refuse_unstorable(body: Any) -> None:
    """Look at all texts of a body, without recursion: it may be nested as deep as somebody likes."""
    waiting = [(body, 1)]
    while waiting:
        part, depth = waiting.pop()
        if depth > DEEPEST_NESTING:
            raise Unreadable(f"The body is nested deeper than {DEEPEST_NESTING}: make it flatter.")
        if isinstance(part, str):
            part.encode()  # Half a character raises a UnicodeError.
            if "\0" in part:
                raise Unreadable("The body holds a NUL: leave it out.")
        elif isinstance(part, dict):
            waiting += [(inner, depth + 1) for pair in part.items() for inner in pair]
        elif isinstance(part, list):
            waiting += [(inner, depth + 1) for inner in part]
