"""The log through the API: search it, and follow it."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from ninja import Body, Query, Router
from pydantic import BaseModel
from pydantic_core import to_json

from accounts.access import require
from accounts.models import Member
from accounts.roles import Permission
from accounts.tokens import TokenScope, token_in
from controlcenter.api import does
from controlcenter.calls import Call
from controlcenter.operations import Operation
from controlcenter.problems import Problem
from controlcenter.wire import AccountId, Status, about

from .messages import COLUMNS, Followed, Found, messages_of
from .models import Entry
from .positions import BEGINNING, Misplaced, Position
from .querysets import EntryQuerySet
from .searches import Search
from .tailing import LONGEST_WAIT, something_comes
from .viewing import record_view

router = Router(tags=["Audit log"])

NOW = "now"


class After(BaseModel):
    """From where on the log is followed."""

    after: str = about(
        f"The `position` of the last answer; `{NOW}` for what comes from now on. Left out: the oldest entry kept.",
        "AAAAAAAAE_kBmksejAB7e4AAPxyaUtDk",
        "",
    )
    per_page: int = about("How many entries to return at most.", 100, 100, ge=1, le=1000)
    wait: float = about(
        "For how many seconds to wait for an entry when there is none.",
        20,
        0,
        ge=0,
        le=LONGEST_WAIT,
        allow_inf_nan=False,
    )


@router.post(
    "/users/{account_id}/audit_log/searches",
    **does(TokenScope.AUDIT_LOG_READ, answers=Found, attempts=Operation.LOG_VIEW),
)
def post_audit_log_searches(request: Call, account_id: AccountId, body: Search = Body(Search())) -> HttpResponse:  # type: ignore[type-arg]  # noqa: B008
    """Return entries that fit a query, newest first.

    Whoever may read only their own entries finds only those. A search with filters leaves an entry of its own, once in
    15 minutes for each filter.
    """
    rows = list(body.part_of(readable(request.auth)).values_list(*COLUMNS))
    entries = messages_of(rows[: body.pagination.per_page])
    more = {"next_cursor": body.cursor_after(UUID(entries[-1]["id"]))} if len(rows) > len(entries) else {}
    record_view(request.auth, body.query.text)
    return _answer(entries=entries, **more)


@router.get(
    "/users/{account_id}/audit_log/entries",
    **does(TokenScope.AUDIT_LOG_READ, answers=Followed, attempts=Operation.LOG_VIEW),
)
def list_audit_log_entries(request: Call, account_id: AccountId, query: Query[After]) -> HttpResponse:
    """Return what was recorded since the last call, in the order of the transactions: each entry at least once.

    Go on with the `position` of the answer, whether there are entries in it or not.
    """
    _refuse_unknown(request)
    start = _position(query.after)

    def look(position: Position) -> list[Any]:
        return list(readable(request.auth).committed_after(*position, query.per_page).values_list(*COLUMNS, "xid"))

    found = look(start)
    if not found and query.wait and something_comes(look, start, query.wait):
        _authorize_anew(request)
        found = look(start)
    entries = messages_of(found)
    position = Position(int(found[-1][-1]), UUID(entries[-1]["id"])) if found else start
    return _answer(entries=entries, position=str(position))


def readable(member: Member) -> EntryQuerySet:
    """Return the entries that a member may read through the API. Raises ``RoleDenied``, ``Problem``."""
    require(member, Permission.READ_LOG)
    account = member.account
    if not account.plan.audit_log:
        raise Problem(
            "plan_required", f"The {account.plan} plan records the log of {account}; reading it needs another."
        )
    return Entry.objects.visible_to(member).since(account.kept_since(timezone.now()))


def _authorize_anew(request: Call) -> None:
    """Refuse a call whose token, membership or plan ended while it waited. Raises ``Problem``."""
    request.token = token_in(request.headers["Authorization"])
    request.auth = request.needs(request)


def _position(after: str) -> Position:
    if after == NOW:
        return Entry.objects.horizon()
    try:
        return Position.parse(after) if after else BEGINNING
    except Misplaced:
        remedy = f"send the position of the last answer as it is, {NOW}, or nothing"
        raise Problem("invalid", f"after is {after!r:.80}, which is no position: {remedy}.") from None


def _refuse_unknown(request: Call) -> None:
    if unknown := sorted(request.GET.keys() - After.model_fields.keys()):
        known = ", ".join(After.model_fields)
        raise Problem("invalid", f"The parameter {unknown[0]!r:.80} is unknown: known are {known}.")


def _answer(**parts: Any) -> HttpResponse:
    """Return the envelope of a success, written at once: to check each entry against its schema would take longer."""
    content = {"status": Status().model_dump(exclude_none=True), **parts}
    return HttpResponse(to_json(content), content_type="application/json")
