"""Teams & Logs: the page, its results alone, and one entry."""

import logging
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from accounts.access import account_page, names, require
from accounts.models import Member, Plan
from accounts.roles import Permission, Reach, Role
from controlcenter.context import NotRecorded, attempting, current
from controlcenter.operations import Operation

from .events import Event, Target
from .filters import EntryFilterSet, app_options
from .listing import Listing, count_label, entry_url
from .models import Entry
from .periods import DEFAULT_ZONE
from .presentation import Details, Row
from .querysets import EntryQuerySet
from .recorder import record_events
from .sentences import sentence_for

log = logging.getLogger(__name__)

OWN_ENTRIES_AT_GATE = 10
VIEW_ONCE_IN = timedelta(minutes=15)


@account_page()
@require_safe
def logs(request: HttpRequest, member: Member) -> HttpResponse:
    """The Teams & Logs tab."""
    _require_reader(member)
    if not member.account.plan.audit_log:
        return render(request, "auditlog/gate.html", _gate(member))
    listing = Listing(request, member)
    if listing.has_longer_address(request):
        return redirect(listing.address())
    response = render(request, "auditlog/logs.html", listing.context())
    _record_view(listing)
    return response


@vary_on_headers("HX-Request")
@account_page()
@require_safe
def results(request: HttpRequest, member: Member) -> HttpResponse:
    """The part of the tab that changes with the filters, and the address to show for it."""
    _require_reader(member)
    if not member.account.plan.audit_log:
        return redirect("logs", member.account.slug)
    listing = Listing(request, member)
    response = render(request, "auditlog/_results.html", listing.context())
    response["HX-Push-Url"] = listing.address()
    _record_view(listing)
    return response


@vary_on_headers("HX-Request")
@account_page()
@require_safe
def entry(request: HttpRequest, member: Member, entry_id: UUID) -> HttpResponse:
    """One entry: a page of its own, or just its details for a row that opens."""
    _require_reader(member)
    kept_since = member.account.kept_since(timezone.now())
    entries = Entry.objects.visible_to(member).since(kept_since)
    if not member.account.plan.audit_log:
        raise Http404
    found = entries.filter(id=entry_id).select_related("subject").first()
    if found is None:
        raise Http404
    options = app_options(member, kept_since) if request.GET.get("app") else []
    filters = EntryFilterSet(request.GET, entries, options)
    zone = filters.chosen["period"].zone if filters.is_valid() else ZoneInfo(DEFAULT_ZONE)
    details = Details(found, zone, entry_url(member, found))
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "auditlog/_details_row.html", {"entry": details})
    back = reverse("logs", args=[member.account.slug])
    query = request.GET.urlencode()
    return render(
        request,
        "auditlog/entry.html",
        {"account": member.account, "entry": details, "back_url": f"{back}?{query}" if query else back},
    )


def _require_reader(member: Member) -> None:
    with attempting(Operation.LOG_VIEW, account_id=member.account_id):
        require(member, Permission.READ_LOG)


def _record_view(listing: Listing) -> None:
    """Record that somebody looked at the log through a filter: once in a while for each filter."""
    member, query = listing.member, urlencode(listing.filters.filter_query()) if listing.valid else ""
    if not query:
        return
    now = current().at or timezone.now()
    entries = Entry.objects.for_account(member.account_id).by_actor(member.user_id)
    seen = entries.with_operation(Operation.LOG_VIEW).since(now - VIEW_ONCE_IN).succeeded()
    if seen.with_target("filter", query).exists():
        return
    target = Target("filter", query, query)
    sentence = sentence_for(Operation.LOG_VIEW, query)
    event = Event(Operation.LOG_VIEW, member.account_id, now, current(), targets=[target], sentence=sentence)
    try:
        with transaction.atomic():
            record_events([event])
    except NotRecorded:  # Nothing was changed, and reading keeps working.
        log.critical("entry NOT recorded: %s by user %s", sentence, member.user_id, exc_info=True)


def _gate(member: Member) -> dict[str, Any]:
    """What a plan that may not read the log shows of it."""
    account, now = member.account, timezone.now()
    entries = Entry.objects.for_account(account.pk).since(account.kept_since(now))
    oldest = entries.order_by("id").first()
    own: EntryQuerySet = entries.by_actor(member.user_id).newest_first().select_related("subject")
    administrators = account.members.filter(role=Role.ADMINISTRATOR).select_related("user")
    zone = ZoneInfo(DEFAULT_ZONE)
    return {
        "account": account,
        "recorded": count_label(entries.count_capped()),
        "oldest": oldest.time if oldest else None,
        "kept": f"Entries are kept for {account.plan.retention_days} days",
        "opens_with": [plan.name for plan in Plan.objects.filter(audit_log=True)],
        "own_rows": [Row(found, zone, "") for found in own[:OWN_ENTRIES_AT_GATE]],
        "may_change_plan": member.reach(Permission.MANAGE_ACCOUNT) is Reach.ALL,
        "administrators": names(administrators),
    }
