"""The log for support staff: one account at a time, read-only, and every look at it is itself an entry."""

from itertools import islice
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_safe

from accounts.models import Account
from accounts.time_zones import UTC
from controlcenter.admin import RecordedAdmin
from controlcenter.context import current
from controlcenter.fence import within
from controlcenter.operations import Family, Operation

from .deleted import DeletedAccount, account_of, deleted_accounts
from .details import Details
from .events import Event, Target
from .listing import count_label
from .models import Entry
from .periods import Period, PeriodField
from .presentation import Row
from .querysets import EntryQuerySet
from .recorder import record_events
from .saved_views import SavedView
from .sentences import sentence_for
from .support import accessing

PAGE_SIZE = 50
MOST_ACCOUNTS = 20
ZONE = ZoneInfo(UTC)
"""Whoever of the support staff looks: they speak of times with customers and with each other."""


class AnyPeriodField(PeriodField):
    """Dates, or none: support staff look at the whole log unless they say otherwise."""

    def clean(self, value: dict[str, str]) -> Period | None:  # type: ignore[override]
        """Return the period asked for; None when none was."""
        return super().clean({**value, "tz": value["tz"] or UTC}) if any(value.values()) else None


class AccountField(forms.Field):
    """The account that a key names, or an organization that was one."""

    def clean(self, value: Any) -> Account | DeletedAccount:
        """Return the account. Raises ``ValidationError`` when there is none, and was none."""
        if account := account_of(str(value or "")):
            return account
        raise forms.ValidationError(f"There is no account “{value}”. Search for it by id or name.")


class EntryFilterForm(forms.Form):
    """Whose entries, which of them, and which page."""

    account = AccountField()
    operation = forms.ChoiceField(
        required=False,
        choices=[
            ("", "Any"),
            *((family, [(op.name, op.label) for op in Operation if op.family is family]) for family in Family),
        ],
        error_messages={"invalid_choice": "There is no operation “%(value)s”. Choose one from the list."},
    )
    status = forms.ChoiceField(
        required=False,
        choices=[("", "Any"), ("success", "Success"), ("failure", "Failure")],
        error_messages={"invalid_choice": "There is no status “%(value)s”. Choose success or failure."},
    )
    period = AnyPeriodField(required=False)
    before = forms.UUIDField(required=False, error_messages={"invalid": "before= is no entry id."})
    after = forms.UUIDField(required=False, error_messages={"invalid": "after= is no entry id."})

    PARAMETERS = ("account", "operation", "status", "range", "from", "to", "tz", "before", "after")

    def clean(self) -> dict[str, Any]:
        """Refuse what no filter is called."""
        cleaned = super().clean() or {}
        for name in self.data:
            if name not in self.PARAMETERS:
                self.add_error(None, f"There is no filter “{name}”. Known are: {', '.join(self.PARAMETERS)}.")
        if cleaned.get("before") and cleaned.get("after"):
            self.add_error(None, "A page lies before one entry or after one, not both.")
        return cleaned

    @property
    def sentences(self) -> list[str]:
        """What is wrong, in sentences."""
        return [str(message) for messages in self.errors.values() for message in messages]

    @property
    def entries(self) -> EntryQuerySet:
        """The entries asked for. Only for a valid form."""
        chosen, period = self.cleaned_data, self.cleaned_data["period"]
        entries: EntryQuerySet = Entry.objects.for_account(chosen["account"].pk)
        if chosen["operation"]:
            entries = entries.with_operation(Operation[chosen["operation"]])
        if chosen["status"]:
            entries = entries.succeeded() if chosen["status"] == "success" else entries.failed()
        if period:
            entries = entries.since(period.begins).before(period.ends)
        return entries

    def as_query(self) -> dict[str, str]:
        """Return the filters as query parameters, without the page."""
        chosen, period = self.cleaned_data, self.cleaned_data["period"]
        named = {"operation": chosen["operation"], "status": chosen["status"], **(_days(period) if period else {})}
        return {name: value for name, value in named.items() if value}

    def as_page(self) -> dict[str, str]:
        """Return the cursor as a query parameter."""
        return {name: str(cursor) for name in ("before", "after") if (cursor := self.cleaned_data[name])}


def _days(period: Period) -> dict[str, str]:
    return {"from": period.from_date, "to": period.to_date, "tz": period.zone.key}


@admin.register(SavedView)
class SavedViewAdmin(RecordedAdmin):
    """Views of the log that people keep."""

    creates = updates = deletes = Operation.LOG_VIEW_SAVE
    fixed = ("account",)

    list_display = ("name", "slug", "account", "is_default")
    list_select_related = ("account",)
    search_fields = ("slug", "name", "account__slug", "account__name")
    autocomplete_fields = ("account",)
    exclude = ("owner", "team")  # Whose view it is, the people of the account say.


@admin.register(Entry)
class EntryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Nobody adds, changes or deletes entries, so there are no addresses for it either."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only the recorder writes."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """Return a list and a page per entry; nothing that Django would write with."""
        protect = self.admin_site.admin_view
        return [
            path("", protect(self.changelist_view), name="auditlog_entry_changelist"),
            path("<str:account_key>/<uuid:entry_id>/", protect(self.entry_view), name="auditlog_entry_change"),
        ]

    @method_decorator(require_safe)
    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Ask whose entries, then show them, newest first; each look is recorded before anything is shown."""
        if not request.GET.get("account"):
            return self._render(request, "choose_account", _matching_accounts(request.GET))
        form = EntryFilterForm(request.GET)
        if not form.is_valid():
            return self._render(request, "change_list", {"form": form, "account": form.cleaned_data.get("account")})
        account, page = form.cleaned_data["account"], form.as_page()
        with within(account.pk):
            found = form.entries.page(
                PAGE_SIZE, older_than=form.cleaned_data["before"], newer_than=form.cleaned_data["after"]
            )
        query = urlencode({**form.as_query(), **page})
        with accessing(request, account.pk):
            record_view(account, Target("filter", query, query) if query else None)
        context = {
            "form": form,
            "account": account,
            "rows": [Row(entry, ZONE, _url_of(account, entry)) for entry in found.entries],
            "count": count_label(found.count),
            "newer": found.has_newer and found.entries and _query(form, after=found.entries[0].pk),
            "older": found.has_older and found.entries and _query(form, before=found.entries[-1].pk),
            "newest": page and _query(form),
        }
        return self._render(request, "change_list", context)

    @method_decorator(require_safe)
    def entry_view(self, request: HttpRequest, account_key: str, entry_id: Any) -> HttpResponse:
        """Show everything about one entry."""
        account = account_of(account_key)
        if account is None:
            raise Http404
        entries = Entry.objects.for_account(account.pk).select_related("subject")
        with accessing(request, account.pk), within(account.pk):
            entry = get_object_or_404(entries, pk=entry_id)
            record_view(account, Target("entry", str(entry.pk), str(entry.pk)))
        details = Details(entry, ZONE, _url_of(account, entry))
        return self._render(request, "details", {"account": account, "entry": details, "title": details.label})

    def _render(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        request.current_app = self.admin_site.name
        shell = {**self.admin_site.each_context(request), "opts": self.opts, "title": "Entries"}
        return TemplateResponse(request, f"admin/auditlog/entry/{template}.html", {**shell, **context})


def record_view(account: Account | DeletedAccount, what: Target | None) -> None:
    """Record in the customer's own log that support staff opens it, and what of it. Raises as ``record_events``."""
    operation = Operation.LOG_SUPPORT_VIEW
    sentence = sentence_for(operation, what.name if what and what.type == "filter" else "")
    now = current().at or timezone.now()
    with transaction.atomic():
        record_events([Event(operation, account.pk, now, current(), targets=[what] if what else [], sentence=sentence)])


def _matching_accounts(asked: Any) -> dict[str, Any]:
    text = asked.get("q", "").strip().replace("\x00", "")
    accounts = Account.objects.order_by("slug")
    if text:
        accounts = accounts.filter(Q(slug__icontains=text) | Q(name__icontains=text))
    found = list(accounts[: MOST_ACCOUNTS + 1])
    deleted = list(islice(deleted_accounts(text), MOST_ACCOUNTS + 1))
    return {
        "text": text,
        "accounts": found[:MOST_ACCOUNTS],
        "deleted": deleted[:MOST_ACCOUNTS],
        "more": max(len(found), len(deleted)) > MOST_ACCOUNTS,
    }


def _url_of(account: Account | DeletedAccount, entry: Entry) -> str:
    return reverse("admin:auditlog_entry_change", args=[account.key, entry.pk])


def _query(form: EntryFilterForm, **page: Any) -> str:
    return "?" + urlencode({"account": form.cleaned_data["account"].key, **form.as_query(), **page})
