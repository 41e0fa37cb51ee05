"""Calls of the API that are refused: each has a code of ours, a number of the wire's, and one HTTP status."""

import logging
from typing import Any, NamedTuple

from django.core.exceptions import BadRequest, SuspiciousOperation, ValidationError
from django.http import HttpRequest, JsonResponse

from .context import LONGEST_SENTENCE, explain
from .masking import masked_start
from .pooling import WAIT, does_not_answer
from .replica import NotHere
from .wire import Failure, Status

log = logging.getLogger("django.request")


class Reason(NamedTuple):
    """How one kind of refusal is answered."""

    status: int
    number: int
    description: str


# fmt: off
REASONS = {
    "no_token":               Reason(401, 11002, "Invalid credentials"),
    "token_unknown":          Reason(401, 11009, "Token not found"),
    "token_revoked":          Reason(401, 11001, "Invalid token"),
    "user_inactive":          Reason(401, 11001, "Invalid token"),
    "scope_missing":          Reason(403, 11007, "Insufficient scopes"),
    "plan_required":          Reason(403, 11006, "Not included in the plan"),
    "limit_reached":          Reason(403, 11006, "Limit of the plan reached"),
    "role_denied":            Reason(403, 11007, "Permission denied"),
    "permission_denied":      Reason(403, 11007, "Permission denied"),
    "not_found":              Reason(404, 11101, "Does not exist"),
    "method_not_allowed":     Reason(405, 11103, "Method not allowed"),
    "conflict":               Reason(409, 11102, "Conflict"),
    "in_use":                 Reason(409, 11102, "Still in use"),
    "rolled_back":            Reason(409, 11102, "Taken back"),
    "too_large":              Reason(413, 11006, "Too large"),
    "unsupported_media_type": Reason(415, 11100, "Bad request format"),
    "malformed":              Reason(400, 11100, "Bad request format"),
    "out_of_range":           Reason(400, 11105, "Invalid range"),
    "invalid":                Reason(422, 11102, "Invalid request"),
    "throttled":              Reason(429, 11005, "Too many requests"),
    "internal_error":         Reason(500, 10020, "Failure"),
    "not_recorded":           Reason(503, 10020, "Failure"),
    "unavailable":            Reason(503, 10020, "Failure"),
}
# fmt: on
CODE_OF_STATUS = {400: "malformed", 403: "permission_denied", 404: "not_found", 500: "internal_error"}


class Problem(Exception):  # noqa: N818
    """A call is refused. ``code`` and ``sentence`` stand in the answer and in the log."""

    def __init__(self, code: str, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.code, self.sentence = code, masked_start(sentence, LONGEST_SENTENCE)  # It may repeat what was sent.
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    @property
    def reason(self) -> Reason:
        """How it is answered."""
        return REASONS[self.code]


class Stranger(Problem):
    """A token asks for an account that it has no part in, which it can't tell from one that does not exist."""

    def __init__(self, account: str) -> None:
        super().__init__("not_found", f"There is no account {account!r} for this token: check the address.")


def problem_of(error: Exception) -> Problem:
    """Return any exception as what the caller is told; never its own text when that could hold data."""
    if isinstance(error.__cause__, Problem):  # django-ninja wraps what its parser meets.
        return error.__cause__
    if isinstance(error, Problem):
        return error
    if isinstance(error, BadRequest | SuspiciousOperation):
        return Problem("malformed", "The request can't be read: check its address and its parameters.")
    if does_not_answer(error):
        return unavailable()
    if isinstance(error, NotHere):
        return unavailable(str(error))
    code, sentence = explain(error)
    if isinstance(error, ValidationError):  # Who asked may be told more than the log.
        sentence = " ".join(error.messages)
    return Problem(code if code in REASONS else "invalid", sentence)


def unavailable(sentence: str = "") -> Problem:
    """Return what a caller is told while the database can't be reached, too many wait for it, or it is a replica."""
    away = "The database does not answer: wait, then look whether it was carried out before you try again."
    return Problem("unavailable", sentence or away, Retry_After=str(WAIT))


def answer(request: HttpRequest, problem: Problem) -> JsonResponse:
    """Return the envelope of a refusal."""
    reason = problem.reason
    status = Status(code=reason.number, description=reason.description, details=problem.sentence, reason=problem.code)
    status.req_id = getattr(request, "id", status.req_id)
    headers: dict[str, Any] = {"WWW-Authenticate": 'Key realm="API"'} if reason.status == 401 else {}
    body = Failure(status=status).model_dump(exclude_none=True)
    return JsonResponse(body, status=reason.status, headers={**headers, **problem.headers})
