"""The log through the API: search it, and follow it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from msgspec.json import encode
from ninja import Body, Query, Router
from pydantic import BaseModel

from accounts.access import require
from accounts.models import Member
from accounts.roles import Permission
from accounts.tokens import TokenScope, token_in
from controlcenter import replica
from controlcenter.api import does
from controlcenter.calls import Call
from controlcenter.operations import Operation
from controlcenter.problems import Problem
from controlcenter.wire import AccountId, Status, about

from . import fetching
from .fetching import Row, fetched, whole
from .messages import COLUMNS, Followed, Found, messages_of
from .models import Entry
from .positions import Misplaced, Position
from .querysets import EntryQuerySet
from .searches import Search
from .tailing import LONGEST_WAIT, Part, end_of, position_in, read_on, something_comes
from .viewing import record_view

router = Router(tags=["Audit log"])

NOW = "now"


class After(BaseModel):
    """From where on the log is followed."""

    after: str = about(
        f"The `position` of the last answer; `{NOW}` for what comes from now on. Left out: the oldest entry kept.",
        "AnMAAAAAAAAABwAAAAAAAAfR",
        "",
    )
    per_page: int = about(
        "How many entries to return at most; fewer when they have "
        f"{fetching.MOST_BYTES // 1_000_000} MB together. `position` says how far it went.",
        100,
        100,
        ge=1,
        le=1000,
    )
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
    scope = body.query.scope(request.auth, _kept_since(request.auth))
    part, asked = body.part_of(scope).values_list(*COLUMNS), body.pagination

    def look() -> tuple[list[Row], int]:
        rows = fetched(part)
        most = fetching.MOST_BYTES if asked.cursor else fetching.MOST_OF_A_PAGE
        return whole(rows[: asked.per_page], request.auth.account_id, most), len(rows)

    rows, found = replica.read(look, all_of_it=True) if asked.cursor else look()
    if not asked.cursor and len(rows) < min(found, asked.per_page):
        raise Problem(
            "too_large",
            f"The {asked.per_page} entries of page {asked.page} have more than "
            f"{fetching.MOST_OF_A_PAGE // 1_000_000} MB: ask for fewer at once with pagination.per_page.",
        )
    more = {"next_cursor": body.cursor_after(UUID(rows[-1][0]))} if found > len(rows) else {}
    record_view(request.auth, body.query.in_words)
    return _answer(entries=messages_of(rows), **more)


@router.get(
    "/users/{account_id}/audit_log/entries",
    **does(TokenScope.AUDIT_LOG_READ, answers=Followed, attempts=Operation.LOG_VIEW),
)
def list_audit_log_entries(request: Call, account_id: AccountId, query: Query[After]) -> HttpResponse:
    """Return what was sealed since the last call, in the order of its places: each entry once, within seconds.

    Go on with the `position` of the answer, whether there are entries in it or not.
    """
    _refuse_unknown(request)
    start = _position(query.after, request.auth.account_id)

    def look(position: Position) -> Part:
        return read_on(readable(request.auth), position, query.per_page, *COLUMNS)

    part = look(start)
    if not part.rows and query.wait and (come := something_comes(look, part.position, query.wait)):
        _authorize_anew(request)
        part = look(come)
    rows = whole(part.rows, request.auth.account_id)
    return _answer(entries=messages_of(rows), position=str(part.position_after(len(rows))))


def readable(member: Member) -> EntryQuerySet:
    """Return the entries that a member may read through the API. Raises ``RoleDenied``, ``Problem``."""
    kept_since = _kept_since(member)
    return Entry.objects.visible_to(member).since(kept_since)


def _kept_since(member: Member) -> datetime:
    """Return since when a member may read entries through the API. Raises ``RoleDenied``, ``Problem``."""
    require(member, Permission.READ_LOG)
    account = member.account
    if not account.plan.audit_log:
        raise Problem(
            "plan_required", f"The {account.plan} plan records the log of {account}; reading it needs another."
        )
    return account.kept_since(timezone.now())


def _authorize_anew(request: Call) -> None:
    """Refuse a call whose token, membership or plan ended while it waited. Raises ``Problem``."""
    request.token = token_in(request.headers["Authorization"])
    request.auth = request.needs(request)


def _position(after: str, account_id: int) -> Position:
    end = end_of(account_id)
    if after == NOW:
        return end
    try:
        position = position_in(after, account_id) if after else Position(account_id)
    except Misplaced:
        remedy = f"send the position of the last answer as it is, {NOW}, or nothing"
        raise Problem("invalid", f"after is {after!r:.80}, which is no position: {remedy}.") from None
    if position.seq > end.seq:
        raise Problem(
            "invalid",
            f"after is {after!r:.80}, which is beyond the end of the log: it was restored to an earlier state. Send "
            "nothing, to begin anew, and leave out what you know.",
        )
    return position


def _refuse_unknown(request: Call) -> None:
    if unknown := sorted(request.GET.keys() - After.model_fields.keys()):
        known = ", ".join(After.model_fields)
        raise Problem("invalid", f"The parameter {unknown[0]!r:.80} is unknown: known are {known}.")


def _answer(**parts: Any) -> HttpResponse:
    """Return the envelope of a success, written at once: to check each entry against its schema would take longer."""
    content = {"status": Status().model_dump(exclude_none=True), **parts}
    return HttpResponse(encode(content), content_type="application/json")
