"""Integrity: what an auditor sees of seals, keys and anchors, and can have checked again while they look on."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.access import account_page, require
from accounts.models import Member
from accounts.roles import Permission
from auditlog.canonical import canonical
from auditlog.ids import ceiling_id, floor_id
from auditlog.retention.page import retention_of
from auditlog.support import SupportAccess

from . import rows
from .anchors import newest, receipt_of
from .badge import integrity_of
from .bundle import plain
from .certificates import certificates_of
from .deliveries import places
from .health import alarms_of
from .keys import key_documents
from .models import Anchor, Delivery, Verification
from .results import raise_alarm
from .verify import VERDICTS, Report
from .verifying import span_of, verify

SECONDS = 10
"""For how long a page may compute."""

ANCHORS_SHOWN = 12
ACCESSES_SHOWN = 20
DAYS = 30


class RangeForm(forms.Form):
    """The days whose entries are to be checked, in UTC, both included."""

    first = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(label="To", widget=forms.DateInput(attrs={"type": "date"}))

    def clean(self) -> dict[str, Any]:
        """Refuse a range that ends before it begins."""
        cleaned = super().clean() or {}
        if cleaned.get("first") and cleaned.get("last") and cleaned["first"] > cleaned["last"]:
            raise forms.ValidationError("From is later than To: exchange them.")
        return cleaned


@account_page()
@require_safe
def integrity(request: HttpRequest, member: Member) -> HttpResponse:
    """How far the log is sealed, verified and anchored; and what there is to take home."""
    if refused := _closed(member):
        return refused
    today = timezone.now().date()
    form = RangeForm(initial={"first": today - timedelta(days=DAYS), "last": today})
    return render(request, "auditlog/integrity.html", _context(member, form))


@account_page()
@require_POST
def check(request: HttpRequest, member: Member) -> HttpResponse:
    """Verify the entries of a range now, for as long as a page may take; raise the alarm if something was altered."""
    if refused := _closed(member):
        return refused
    form, result = RangeForm(request.POST), None
    if form.is_valid():
        result = _checked(member.account_id, form.cleaned_data["first"], form.cleaned_data["last"])
    return render(request, "auditlog/integrity.html", {**_context(member, form), "result": result})


@account_page()
@require_safe
def document(request: HttpRequest, member: Member, part: str) -> HttpResponse:
    """The newest head, the public keys, the newest anchor's receipt, or all certificates, as a file."""
    if refused := _closed(member):
        return refused
    content = _document(member.account_id, part)
    if content is None:
        raise Http404
    name = f"{member.account.slug}-{part}.json"
    return HttpResponse(
        content, content_type="application/json", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def _closed(member: Member) -> HttpResponse | None:
    """Lead to what the plan shows instead. Raises ``RoleDenied``."""
    require(member, Permission.EXPORT_LOG)
    return None if member.account.plan.audit_log else redirect("logs", member.account.slug)


def _document(account_id: int, part: str) -> bytes | None:
    anchor, tip = newest(), rows.tip(account_id)
    match part:
        case "keys":
            return canonical([plain(key) for key in key_documents()])
        case "head":
            return canonical(plain(rows.document_of(tip))) if tip else None
        case "anchor":
            return receipt_of(anchor, account_id) if anchor else None
        case "certificates":
            found = certificates_of(account_id)
            return canonical([plain(certificate) for certificate in found]) if found else None
        case _:
            return None


def _context(member: Member, form: RangeForm) -> dict[str, Any]:
    account, tip = member.account, rows.tip(member.account_id)
    keys = [key.says for key in key_documents()]
    return {
        "account": account,
        "form": form,
        "state": integrity_of(account.pk),
        "verification": Verification.objects.filter(account_id=account.pk).first(),
        "alarms": alarms_of(account.pk, timezone.now()),
        "tip": tip,
        "head": rows.document_of(tip) if tip else None,
        "keys": [{**key, "time": _time(key["time"]), "current": key is keys[-1]} for key in keys],
        "anchors": [_anchor(anchor, account.pk) for anchor in Anchor.objects.order_by("-number")[:ANCHORS_SHOWN]],
        "anchored": bool(places()),
        "retention": retention_of(account, timezone.now()),
        "support": SupportAccess.objects.for_account(account.pk).newest_first()[:ACCESSES_SHOWN],
    }


def _anchor(anchor: Anchor, account_id: int) -> dict[str, Any]:
    head = next((head for head in anchor.heads if head[0] == account_id), None)
    deliveries = Delivery.objects.filter(anchor=anchor).order_by("place")
    return {"number": anchor.number, "time": anchor.time, "last": head[2] if head else None, "deliveries": deliveries}


def _checked(account_id: int, first: date, last: date) -> dict[str, Any]:
    begins = datetime(first.year, first.month, first.day, tzinfo=UTC)
    ends = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1, microseconds=-1)
    span = span_of(account_id, floor_id(begins), ceiling_id(ends))
    report = verify(account_id, span, seconds=SECONDS) if span else Report(account_id)
    if report.problems:
        raise_alarm(report)
    return {"report": report, "verdict": VERDICTS[report.status], "first": first, "last": last}


def _time(text: Any) -> datetime:
    return datetime.fromisoformat(str(text))
