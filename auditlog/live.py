"""Live: what has come since a page of the log was drawn. Asked every few seconds by each page that watches."""

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import account_page, require
from accounts.models import Member
from accounts.roles import Permission
from controlcenter.context import attempting
from controlcenter.operations import Operation

from .filters import EntryFilterSet
from .querysets import NOTHING_SEEN

if TYPE_CHECKING:
    from .listing import Listing

MOST = 100
"""Counted up to here at a time; a button says "99+"."""
SINCE = "since"
SNAPSHOT = re.compile(r"(\d{1,18}):(\d{1,18}):((?:\d{1,18},)*\d{1,18})?", re.ASCII)


@account_page()
@require_safe
def newer(request: HttpRequest, member: Member) -> HttpResponse:
    """How many entries have come through the page's filter since a snapshot, and the next one; no view is recorded."""
    with attempting(Operation.LOG_VIEW, account_id=member.account_id):
        require(member, Permission.READ_LOG)
    if not member.account.plan.audit_log:
        return JsonResponse({"closed": f"The {member.account.plan} plan does not include reading the log."}, status=403)
    query = request.GET.copy()
    snapshot = (query.pop(SINCE, None) or [NOTHING_SEEN])[-1]
    filters = EntryFilterSet(query, member, member.account.kept_since(timezone.now()))
    if not is_snapshot(snapshot):
        return _refused(f"{SINCE}={snapshot:.80} is no snapshot. Give the one of the last answer.")
    if not filters.is_valid():
        return _refused(*filters.sentences)
    count, now = filters.entries.count_since(snapshot, MOST)
    return JsonResponse({"count": count, "snapshot": now})


def is_snapshot(text: str) -> bool:
    """Whether a text is a snapshot as the database writes it: first unfinished, first unborn, unfinished between."""
    if not (found := SNAPSHOT.fullmatch(text)):
        return False
    first, unborn, between = int(found[1]), int(found[2]), [int(xid) for xid in (found[3] or "").split(",") if xid]
    return 0 < first <= unborn and between == sorted(set(between)) and all(first <= xid < unborn for xid in between)


def live_of(listing: "Listing") -> dict[str, str]:
    """Return what the templates show of Live: where to ask for what came, or why a page can't be watched."""
    if reason := _reason_against(listing):
        return {"not_live": reason}
    query = urlencode([*listing.filters.filter_query(), (SINCE, listing.page.snapshot)])
    return {"newer_url": f"{reverse('log-newer', args=[listing.account.slug])}?{query}"}


def _reason_against(listing: "Listing") -> str:
    if not listing.valid:
        return "Live needs filters that can be used."
    if listing.display.ascending:
        return "Live needs the newest entries first. Change the order under Display."
    if listing.page.has_newer:
        return "Live needs the newest page. Go back to it."
    if not listing.period.begins <= listing.now < listing.period.ends:
        return "Live needs dates that include today."
    return ""


def _refused(*sentences: str) -> HttpResponse:
    return JsonResponse({"closed": " ".join(sentences)}, status=400)
