"""The sign-in history of a person: their own entries about getting in, whatever their role and their account's plan."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import own_page
from accounts.models import Account, User
from controlcenter.operations import Operation

from .listing import count_label
from .models import Entry
from .periods import own_zone
from .presentation import Row
from .querysets import EntryQuerySet, Page

OPERATIONS = (
    Operation.USER_SIGN_IN,
    Operation.USER_SIGN_OUT,
    Operation.USER_SIGN_IN_FAILED,
    Operation.USER_PASSWORD_CHANGE,
    Operation.USER_SECOND_FACTOR_ADD,
    Operation.USER_SECOND_FACTOR_REMOVE,
)
PAGE_SIZE = 50


class SignInsForm(forms.Form):
    """Which of them, and which page. What is wrong in an address is as if it were not there."""

    q = forms.CharField(required=False)
    show = forms.ChoiceField(required=False, choices=[("failed", "Failed")])
    before = forms.UUIDField(required=False)
    after = forms.UUIDField(required=False)


@own_page()
@require_safe
def sign_ins(request: HttpRequest) -> HttpResponse:
    """When and from where somebody signed in as the one who looks, or tried to."""
    person = User.objects.select_related("home__plan").get(pk=request.user.pk)
    form = SignInsForm(request.GET)
    form.is_valid()
    chosen = form.cleaned_data
    asked = {name: chosen.get(name) or "" for name in ("q", "show")}
    zone = own_zone()
    page = _page(sign_ins_of(person, **asked), chosen.get("before"), chosen.get("after"))
    context = {
        **asked,
        "zone": zone,
        "rows": [Row(entry, zone, "") for entry in page.entries],
        "page": _pager(page, asked),
        "found": {"query": asked["q"], "parameter": "q"},
        "keep": {"show": asked["show"]} if asked["show"] else {},
    }
    return render(request, "accounts/sign_ins.html", context)


def sign_ins_of(person: User, q: str = "", show: str = "") -> EntryQuerySet:
    """Return what is kept about a person's sign-ins: by target, as nobody is the actor of one that failed.

    Whoever bore the id before the person was there is somebody else.

    Args:
        q: how the addresses they came from begin.
        show: "failed" for those that failed.
    """
    home = person.home or Account.objects.select_related("plan").get(pk=Account.PLATFORM_ID)
    since = max(home.kept_since(timezone.now()), person.created_at)
    entries: EntryQuerySet = Entry.objects.for_account(home.pk).since(since).with_operation(*OPERATIONS)
    entries = entries.with_target("user", person.slug).from_address(q)
    return entries.failed() if show else entries


def _page(entries: EntryQuerySet, before: UUID | None, after: UUID | None) -> Page:
    return entries.page(PAGE_SIZE, older_than=before, newer_than=None if before else after)


def _pager(page: Page, asked: dict[str, str]) -> dict[str, Any]:
    def url(**cursor: Any) -> str:
        return f"?{urlencode({name: value for name, value in {**asked, **cursor}.items() if value})}"

    entries = page.entries
    return {
        "newer_url": url(after=entries[0].id) if entries and page.has_newer else "",
        "older_url": url(before=entries[-1].id) if entries and page.has_older else "",
        "count_label": count_label(page.count),
        "shown": len(entries),
    }
