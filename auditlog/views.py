"""Teams & Logs: the page, its results alone, and one entry."""

from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from accounts.access import account_page, names, require
from accounts.models import Member, Plan
from accounts.roles import Permission, Reach, Role
from controlcenter.context import attempting
from controlcenter.operations import Operation

from .display import preference_of
from .display_menu import DisplayForm
from .histogram import histogram_of
from .listing import Listing, count_label
from .looks import Look, log_address
from .models import Entry
from .overview import Overview, pending_invitations
from .periods import own_zone
from .presentation import Row
from .querysets import EntryQuerySet
from .suggestions import suggestions_for
from .viewing import record_view

OWN_ENTRIES_AT_GATE = 10


@account_page()
@require_safe
def overview(request: HttpRequest, member: Member) -> HttpResponse:
    """The last 30 days at a glance, for who may read the log; for others, what would open it."""
    now = timezone.now()
    context = {"account": member.account, **pending_invitations(member, now)}
    if closed := _closed(member):
        return render(request, "auditlog/overview.html", {**context, **closed})
    figures = Overview(member, now, own_zone()).context()
    return render(request, "auditlog/overview.html", {**context, **figures, "reads": True})


def _closed(member: Member) -> dict[str, str]:
    """Say why the member sees nothing of the log; {} for who may read it."""
    account = member.account
    if member.reach(Permission.READ_LOG) is Reach.NONE:
        return {
            "closed_title": "Your role does not include the log",
            "closed_text": f"{Role(member.role).label} sees plan and billing. Ask an administrator for another role.",
            "closed_action": "Plan & billing",
            "closed_url": reverse("plan", args=[account.slug]),
        }
    if not account.plan.audit_log:
        return {
            "closed_title": "Everything is recorded, and waits to be read",
            "closed_text": f"The {account.plan} plan records all that is done. It does not include reading it.",
            "closed_action": "See what is recorded",
            "closed_url": reverse("logs", args=[account.slug]),
        }
    return {}


@account_page()
@require_safe
def logs(request: HttpRequest, member: Member) -> HttpResponse:
    """The Teams & Logs tab."""
    _require_reader(member)
    if not member.account.plan.audit_log:
        return render(request, "auditlog/gate.html", _gate(member))
    listing = Listing(request, member)
    if not request.GET and (default := listing.views.default):
        return redirect(log_address(member, default.query))
    if listing.has_longer_address(request):
        return redirect(listing.at())
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
    here = request.htmx.current_url_abs_path  # type: ignore[attr-defined]
    response["HX-Push-Url"] = "false" if here == listing.at() else listing.at()
    _record_view(listing)
    return response


@account_page()
@require_safe
def histogram(request: HttpRequest, member: Member) -> HttpResponse:
    """The histogram, counted for as long as somebody may wait who has the page already."""
    _require_log(member)
    return render(request, "auditlog/_histogram.html", histogram_of(Look(request, member), at_first=False))


@account_page()
@require_safe
def suggestions(request: HttpRequest, member: Member) -> HttpResponse:
    """What could be written next in the query bar."""
    _require_log(member)
    kept_since = member.account.kept_since(timezone.now())
    return render(request, "auditlog/_suggestions.html", suggestions_for(member, request.GET, kept_since))


@account_page()
@require_POST
def display(request: HttpRequest, member: Member) -> HttpResponse:
    """Remember how somebody wants the log shown, and lead back to the page, shown so."""
    _require_reader(member)
    form = DisplayForm(request.POST)
    if not form.is_valid():
        raise BadRequest("The display menu sends other values.")
    query = form.remember(preference_of(member.user))
    name = "log-results" if request.htmx else "logs"  # type: ignore[attr-defined]
    return redirect(f"{reverse(name, args=[member.account.slug])}?{query}")


def _require_reader(member: Member) -> None:
    with attempting(Operation.LOG_VIEW, account_id=member.account_id):
        require(member, Permission.READ_LOG)


def _require_log(member: Member) -> None:
    """For parts of the tab: where the plan leaves the tab empty there are none."""
    _require_reader(member)
    if not member.account.plan.audit_log:
        raise Http404


def _record_view(listing: Listing) -> None:
    if listing.valid:
        query = urlencode(listing.filters.filter_query())
        record_view(listing.member, "" if query == urlencode({"tz": own_zone().key}) else query)


def _gate(member: Member) -> dict[str, Any]:
    """What a plan that may not read the log shows of it."""
    account, now = member.account, timezone.now()
    entries = Entry.objects.for_account(account.pk).since(account.kept_since(now))
    oldest = entries.order_by("id").first()
    own: EntryQuerySet = entries.by_actor(member.user_id).newest_first().select_related("subject")
    administrators = account.members.filter(role=Role.ADMINISTRATOR).select_related("user")
    zone = own_zone()
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
