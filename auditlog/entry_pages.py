"""One entry, as a page of its own, under its row or in the panel; and two entries side by side."""

from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from accounts.access import account_page, require
from accounts.models import Member
from accounts.roles import Permission, Reach
from controlcenter.context import attempting
from controlcenter.operations import Operation

from .comparing import compare, is_comparable, others_of, resource_of
from .details import Details
from .display import Display, enter_own_zone, preference_of
from .filters import EntryFilterSet
from .looks import log_address
from .models import Entry
from .naming import Live, things_in
from .presentation import Row
from .querysets import EntryQuerySet
from .rows import tell, turning

OTHERS = 50
PANEL = "panel"
"""What a request for the panel swaps."""


@vary_on_headers("HX-Request", "HX-Target")
@account_page()
@require_safe
def entry(request: HttpRequest, member: Member, entry_id: UUID) -> HttpResponse:
    """One entry: a page of its own, or its details for a row that opens, or for the panel."""
    log = Log(request, member)
    found = log.entry(entry_id)
    details = log.details(found)
    if request.htmx and request.htmx.target == PANEL:  # type: ignore[attr-defined]
        return render(request, "auditlog/_panel.html", {"panel": details, **log.turning(found)})
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "auditlog/_details_row.html", {"entry": details})
    context = {"account": member.account, "entry": details, "back_url": log.back_url(request)}
    return render(request, "auditlog/entry.html", context)


@account_page()
@require_safe
def compare_with(request: HttpRequest, member: Member, entry_id: UUID) -> HttpResponse:
    """The other entries of an entry's resource, to choose one to compare it with."""
    log = Log(request, member)
    found = log.entry(entry_id)
    if not is_comparable(found):
        return _refuse(request, log, found, "This entry is about no resource, so no other entry is about the same.")
    cursors = {name: _cursor(request.GET.get(name, "")) for name in ("before", "after")}
    others = others_of(log.entries, found)
    page = others.page(OTHERS, older_than=cursors["before"], newer_than=cursors["after"])
    ids = [other.id for other in page.entries]
    context = {
        "entry": log.row(found),
        "resource": _in_words(found),
        "others": [log.row(other) for other in page.entries],
        "newer_url": f"?after={ids[0]}" if page.has_newer and ids else "",
        "older_url": f"?before={ids[-1]}" if page.has_older and ids else "",
        "own_only": _sees_own(member),
    }
    return render(request, "auditlog/compare_with.html", {"account": member.account, **context})


@account_page()
@require_safe
def compare_two(request: HttpRequest, member: Member, entry_id: UUID, other_id: UUID) -> HttpResponse:
    """What differs between the states of a resource that two entries left."""
    log = Log(request, member)
    one, other = log.entry(entry_id), log.entry(other_id)
    if one == other:
        return _refuse(request, log, one, "An entry does not differ from itself. Choose another one.")
    if not is_comparable(one) or resource_of(one) != resource_of(other):
        return _refuse(
            request,
            log,
            one,
            f"One is about {_in_words(one)}, the other about {_in_words(other)}. They have no state in common.",
        )
    comparison = compare(log.entries, one, other)
    context = {
        "resource": _in_words(one),
        "comparison": comparison,
        "facts": _side_by_side(Details(each, log.zone, "") for each in (comparison.earlier, comparison.later)),
        "earlier": log.row(comparison.earlier),
        "later": log.row(comparison.later),
        "own_only": _sees_own(member),
    }
    return render(request, "auditlog/compare.html", {"account": member.account, "entry": log.row(one), **context})


class Log:
    """The entries that a request may read, and how it wants them shown; a wrong filter counts for nothing here."""

    def __init__(self, request: HttpRequest, member: Member) -> None:
        with attempting(Operation.LOG_VIEW, account_id=member.account_id):
            require(member, Permission.READ_LOG)
        if not member.account.plan.audit_log:
            raise Http404
        self.member = member
        self.kept_since: datetime = member.account.kept_since(timezone.now())
        self.entries: EntryQuerySet = Entry.objects.visible_to(member).since(self.kept_since)
        preference = preference_of(member.user)
        enter_own_zone(preference)
        self.filters = EntryFilterSet(request.GET, member, self.kept_since)
        if not self.filters.is_valid():
            self.filters = EntryFilterSet(QueryDict(), member, self.kept_since)
            self.filters.is_valid()
        self.zone = self.filters.chosen["period"].zone
        self.ascending = Display.of(self.filters.data, preference).ascending

    def entry(self, entry_id: UUID) -> Entry:
        """Return an entry. Raises ``Http404`` where the reader has none by this id."""
        found = self.entries.filter(id=entry_id).select_related("subject").first()
        if found is None:
            raise Http404
        return found

    def details(self, found: Entry) -> Details:
        """Return everything about an entry."""
        return tell(
            Details(found, self.zone, self._url_of(found)),
            self.filters,
            Live(self.member, things_in((), [found])),
            self.kept_since,
        )

    def row(self, found: Entry) -> Row:
        """Return an entry in short."""
        return Row(found, self.zone, self._url_of(found))

    def turning(self, found: Entry) -> dict[str, str]:
        """Return the addresses of the entries around one, and of none."""
        path = reverse("logs", args=[self.member.account.slug])
        return {
            **turning(path, self.filters, found, self.ascending),
            "panel_closed": log_address(self.member, self.filters.as_query()),
        }

    def back_url(self, request: HttpRequest) -> str:
        """Return the address of the results that led here."""
        return log_address(self.member, request.GET.urlencode())

    def _url_of(self, found: Entry) -> str:
        return reverse("log-entry", args=[self.member.account.slug, found.id])


def _side_by_side(pair: Iterable[Details]) -> list[tuple[str, str, str]]:
    """Return the facts of two entries, each with its label."""
    one, other = pair
    facts: dict[str, Callable[[Details], str | None]] = {
        "Time": lambda of: f"{of.time:%Y-%m-%d %H:%M:%S.%f %Z}",
        "Operation": lambda of: of.label,
        "What": lambda of: of.sentence,
        "Who": lambda of: of.actor_name,
        "Token": lambda of: of.token_name,
        "IP address": lambda of: of.source_ip,
        "Client": lambda of: of.client,
        "Status": lambda of: "Success" if of.success else f"Failure: {of.failure_sentence or of.failure_code}",
        "Reason": lambda of: of.reason,
        "Request ID": lambda of: of.request_id,
    }
    rows = [(label, fact(one) or "", fact(other) or "") for label, fact in facts.items()]
    return [row for row in rows if row[1] or row[2]]


def _refuse(request: HttpRequest, log: Log, found: Entry, reason: str) -> HttpResponse:
    """Say in plain words why there is nothing to compare; what is not there is not found."""
    context = {"account": log.member.account, "entry": log.row(found), "refusal": reason}
    return render(request, "auditlog/compare.html", context, status=404)


def _sees_own(member: Member) -> bool:
    return member.reach(Permission.READ_LOG) is Reach.OWN


def _in_words(entry: Entry) -> str:
    """Return what an entry is about: "model version a72a of model detector of app vision"."""
    named = [f"{kind.replace('_', ' ')} {public_id}" for kind, public_id in resource_of(entry)]
    return " of ".join(named) or "no resource"


def _cursor(text: str) -> UUID | None:
    """Return a cursor; what is none counts for nothing."""
    try:
        return UUID(text)
    except ValueError:
        return None
