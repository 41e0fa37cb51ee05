"""Legal holds: while one is on, nothing of an account's log is removed, and nobody in it erased."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.access import account_page
from accounts.forms.base import ReasonForm, posted
from accounts.forms.holds import HoldForm
from accounts.models import Account, Member
from accounts.pages import Crumb, change_page
from accounts.roles import Permission
from controlcenter.operations import Operation


@account_page(attempts=Operation.LOG_HOLD)
@require_http_methods(["GET", "HEAD", "POST"])
def hold(request: HttpRequest, member: Member) -> HttpResponse:
    """Put the log on legal hold; one that is on hold already gets another reason."""
    account = member.account
    form = HoldForm(posted(request), initial={"reason": account.hold_reason})
    return change_page(
        request,
        member,
        Permission.HOLD_LOG,
        Operation.LOG_HOLD,
        form,
        lambda: account.put_on_hold(form.cleaned_data["reason"], member.user),
        then=lambda: _settings(account),
        said=f"The log of {account} is on legal hold.",
        hold=account,
        target=account,
        heading="Change the reason of the legal hold" if account.is_on_hold else "Put the log on legal hold",
        submit="Save changes" if account.is_on_hold else "Put on hold",
        warning="While it is on hold no entry is removed, however old, and nobody who stands in the log can be erased.",
        crumbs=_crumbs(account),
    )


@account_page(attempts=Operation.LOG_RELEASE)
@require_http_methods(["GET", "HEAD", "POST"])
def release(request: HttpRequest, member: Member) -> HttpResponse:
    """Release the log from its hold."""
    account = member.account
    form = ReasonForm(posted(request))
    return change_page(
        request,
        member,
        Permission.HOLD_LOG,
        Operation.LOG_RELEASE,
        form,
        account.release,
        then=lambda: _settings(account),
        said=f"The log of {account} is no longer on legal hold.",
        hold=account,
        target=account,
        heading="Release the log from legal hold",
        submit="Release",
        warning="What is past the plan's retention is removed with the next daily run, and people can be erased again.",
        crumbs=_crumbs(account),
    )


def _settings(account: Account) -> str:
    return reverse("settings", args=[account.slug])


def _crumbs(account: Account) -> list[Crumb]:
    return [("Settings", _settings(account))]
