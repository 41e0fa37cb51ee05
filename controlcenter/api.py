"""The API: every answer has its envelope, every refusal of a change its entry in the log."""

import json
from contextlib import suppress
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.operation import Operation as Route

from accounts.models import Account, Token
from accounts.tokens import Allowance, TokenScope

from .calls import JsonParser, TokenAuth, path_of
from .context import Attempt, attempting_each
from .masking import masked
from .operations import Operation
from .problems import REASONS, Problem, Stranger, answer, log, problem_of
from .wire import MOST_AT_ONCE, Answer, Failure


class Api(NinjaAPI):
    """django-ninja with our envelope: whatever stops a call is answered in it, and recorded."""

    def on_exception(self, request: HttpRequest, exc: Any) -> HttpResponse:
        """Answer for whatever stopped a call. What it attempted leaves a failure entry, unless it did so already."""
        problem = problem_of(exc)
        if problem.code in {"internal_error", "unavailable"}:  # Nobody else is told the cause.
            log.error("%s %s failed", request.method, request.path, exc_info=exc)
        if not hasattr(exc, "attempt_recorded"):
            _record_refused(request, problem)
        return answer(request, problem)

    def validation_error_from_error_contexts(self, error_contexts: Any) -> Any:
        """Return a refusal that names the field and the value."""
        errors = [error for context in error_contexts for error in context.pydantic_validation_error.errors()]
        return Problem("invalid", " ".join(_complaint(error) for error in errors[:3]))

    def create_response(self, request: HttpRequest, data: Any, **options: Any) -> HttpResponse:
        """Return an answer; it names what the caller sent and we do not keep."""
        if not_kept := getattr(request, "not_kept", None):
            data["status"]["details"] = f"Not kept here: {', '.join(sorted(not_kept)[:20])}."
        return super().create_response(request, data, **options)

    def get_openapi_operation_id(self, operation: Route) -> str:
        """Return the name of the operation, as the public client spells it: ``PostApps``."""
        return "".join(word.title() for word in operation.view_func.__name__.split("_"))


api = Api(title="Control Center", version="2", docs_url=None, openapi_url=None, parser=JsonParser())


def _complaint(error: dict[str, Any]) -> str:
    """Return one sentence about a field: where it stands, what it is, what it should be."""
    steps = [step for step in error["loc"][1:] if step != "function-after"]
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".") or "The body"
    value = error["input"]
    plain = isinstance(value, str | int | float | None) and error["type"] != "missing"
    shown = f" is {masked(repr(value)):.80}" if plain else ""
    message = error["msg"].removeprefix("Value error, ")
    return f"{place}{shown}: {message[:1].lower()}{message[1:].rstrip('.')}."


def finished(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Return the answer of an API request as it leaves: always in the envelope, with what the token has left."""
    if response.status_code == 405 and response.headers.get("Content-Type") != "application/json":
        sentence = f"{request.method} is not for {request.path}: use {response.headers['Allow']}."
        response = answer(request, Problem("method_not_allowed", sentence, Allow=response.headers["Allow"]))
    allowance: Allowance | None = getattr(request, "allowance", None)
    for name, value in allowance.headers.items() if allowance else ():
        response[name] = value
    return response


def _record_refused(request: HttpRequest, problem: Problem) -> None:
    """Record, in the log of the account whose path it is, a call that was refused before it came to its own attempt.

    Who asks too often is recorded once in each wait: refusing must stay cheaper than asking.
    """
    needs: TokenAuth | None = getattr(request, "needs", None)
    if not needs or not needs.attempts or (problem.code == "throttled" and not getattr(request, "first_refusal", True)):
        return
    account = _account_of(request)
    if account is None:
        return
    code, sentence = problem.code, problem.sentence
    if isinstance(problem, Stranger):
        code, sentence = "not_a_member", "Who tried is not a member of the organization."
    attempts = [Attempt(needs.attempts, account.pk, name=name) for name in _names_in(request, needs.each)]
    with attempting_each(attempts):
        for attempt in attempts:
            attempt.refuse(code, sentence)


def _account_of(request: HttpRequest) -> Account | None:
    slug = path_of(request).get("account_id", "me")
    token: Token | None = request.token  # type: ignore[attr-defined]
    if slug == "me":
        return token.account if token else None
    return Account.objects.filter(slug=slug).first() if "\0" not in slug else None


def _names_in(request: HttpRequest, each: str) -> list[str]:
    """Return what a refused call calls the things it is about: in the path, or in the body of a member's call."""
    if not each:
        return [next((value for name, value in reversed(path_of(request).items()) if name != "account_id"), "")]
    items: Any = None
    if hasattr(request, "member"):
        with suppress(Exception):  # It may be refused for exactly this.
            body = json.loads(request.body)
            items = body.get(each) or [body[each.removesuffix("s")]]
    return [_name_of(item) for item in items] if isinstance(items, list) and 0 < len(items) <= MOST_AT_ONCE else [""]


def _name_of(item: Any) -> str:
    ids = [item] if not isinstance(item, dict) else [item.get(key) for key in ("id", "version_id", "new_app_id")]
    return next((text for text in ids if isinstance(text, str)), "")


def does(
    *scopes: TokenScope, answers: type[Answer], attempts: Operation | None = None, each: str = ""
) -> dict[str, Any]:
    """Return the options of a route: ``@router.post(path, **does(TokenScope.APPS_WRITE, answers=Apps, …))``.

    Args:
        scopes: the token needs one of them.
        answers: what a success is answered with.
        attempts: the operation that the call attempts; every refusal leaves an entry of it.
        each: the list in the body with one thing for each entry; a thing on its own stands in the singular of it.
    """
    statuses = sorted({reason.status for reason in REASONS.values()} - {405, 500})
    return {
        "auth": TokenAuth(*scopes, attempts=attempts, each=each),
        "response": {200: answers, **dict.fromkeys(statuses, Failure)},
        "exclude_none": True,
        "openapi_extra": {"x-scopes": [str(scope) for scope in scopes]},
    }
