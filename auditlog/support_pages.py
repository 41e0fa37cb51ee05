"""Where support staff open and end their access to a customer, and what sends them there."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.validators import RegexValidator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.text import get_text_list
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.forms.base import NoCredentials, posted, sentence_of
from accounts.models import Account
from accounts.views.signing_in import safe_next
from controlcenter.context import attempting
from controlcenter.operations import Operation

from .deleted import DeletedAccount, account_of, account_with
from .support import LONGEST_REASON, LONGEST_TICKET, ReasonNeeded, SeveralCustomers, SupportAccess

MINUTES = int(SupportAccess.VALID_FOR.total_seconds() // 60)
TICKET = RegexValidator(r"^[A-Za-z0-9#][A-Za-z0-9 ._/#-]*\Z", "Use letters, digits, spaces and . _ / # -")


class SupportAccessForm(NoCredentials):
    """Why, and for which ticket: both stand in the customer's log."""

    reason = forms.CharField(
        min_length=10,
        max_length=LONGEST_REASON,
        widget=forms.Textarea({"rows": 2, "cols": 60}),
        help_text="What you are going to do, and who asked for it. The customer reads this.",
    )
    ticket = forms.CharField(
        max_length=LONGEST_TICKET, validators=[TICKET], help_text="Its number, as the customer knows it."
    )


@require_safe
def accesses(request: HttpRequest) -> HttpResponse:
    """List the accesses that one has open, and those of before."""
    of_mine = list(SupportAccess.objects.of(request.user).newest_first()[:50])  # type: ignore[arg-type]
    names = Account.objects.in_bulk({access.account_id for access in of_mine})
    rows = [(access, names.get(access.account_id)) for access in of_mine]
    return _page(request, "list", "Support access", rows=rows)


@require_http_methods(["GET", "HEAD", "POST"])
def open_access(request: HttpRequest, account_key: str) -> HttpResponse:
    """Ask for reason and ticket, then open an access to the account and go on to where it was asked for."""
    account = _account(account_key)
    following, form = _following(request, account), SupportAccessForm(posted(request))
    if form.is_bound:
        with attempting(Operation.SUPPORT_ACCESS, account_id=account.pk) as attempt:
            if form.is_valid():
                SupportAccess.open(request.user, account.pk, **form.cleaned_data)  # type: ignore[arg-type]
                messages.success(request, f"Support access to {account} is open for {MINUTES} minutes.")
                return redirect(following)
            attempt.refuse("invalid", sentence_of(form))
    context = {"account": account, "form": form, "next": following, "minutes": MINUTES}
    return _page(request, "open", f"Support access to {account}", status=422 if form.errors else 200, **context)


@require_POST
def end_access(request: HttpRequest, account_id: int) -> HttpResponse:
    """End one's access to the account now."""
    account = account_with(account_id)
    if account is None:
        raise Http404
    with attempting(Operation.SUPPORT_ACCESS, account_id=account.pk):
        own = SupportAccess.objects.for_account(account.pk).of(request.user)  # type: ignore[arg-type]
        for access in own.open_at(timezone.now()):
            access.end()
    messages.success(request, f"Support access to {account} has ended.")
    return redirect("support")


def ask_first(request: HttpRequest, refusal: ReasonNeeded | SeveralCustomers) -> HttpResponse:
    """Answer what was refused for want of a reason: nothing was done, and here is where to give one."""
    if isinstance(refusal, SeveralCustomers):
        messages.error(request, f"Nothing was done. {refusal.sentence}")
        return redirect(request.path)
    if refusal.others:
        named = Account.objects.filter(pk__in=refusal.others).order_by("slug")
        names = get_text_list([str(account) for account in named], "and")
        messages.error(request, f"This opens all accounts of the person: it needs support access to {names}, too.")
    if request.method == "POST":
        messages.error(request, "Nothing was done: there is no open support access to this account, or it has ended.")
    account = account_with(refusal.account_id)
    if account is None:
        raise Http404
    following = request.get_full_path() if request.method == "GET" else request.path
    return redirect(f"{reverse('support-open', args=[account.key])}?{urlencode({'next': following})}")


def _account(key: str) -> Account | DeletedAccount:
    account = account_of(key)
    if account is None or account.pk == Account.PLATFORM_ID:
        raise Http404
    return account


def _following(request: HttpRequest, account: Account | DeletedAccount) -> str:
    return safe_next(request, f"{reverse('admin:auditlog_entry_changelist')}?{urlencode({'account': account.key})}")


def _page(request: HttpRequest, name: str, title: str, status: int = 200, **context: Any) -> HttpResponse:
    shell = {**admin.site.each_context(request), "title": title}
    return TemplateResponse(request, f"admin/auditlog/support/{name}.html", {**shell, **context}, status=status)
