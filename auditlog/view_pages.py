"""The pages of saved views: open, list, save, rename, replace, delete. All of them are links and forms."""

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import account_page, require
from accounts.forms.base import ReasonForm, posted
from accounts.models import Member
from accounts.pages import Crumb, change_page, found, one_or_404
from accounts.roles import Permission
from controlcenter.context import attempting
from controlcenter.operations import Operation

from .filters import NARROWING
from .language import written
from .looks import Look, log_address
from .periods import CUSTOM, DEFAULT_PRESET, PRESETS
from .saved_views import LONGEST_QUERY, SavedView
from .view_forms import ViewForm

CHANGES = ["GET", "HEAD", "POST"]
SAVE = Operation.LOG_VIEW_SAVE


@account_page()
@require_safe
def views(request: HttpRequest, member: Member) -> HttpResponse:
    """All views that a member finds, newest first."""
    if closed := closed_to(member):
        return closed
    shown = SavedView.objects.shown_to(member).select_related("account", "team")
    listed = found(request, shown.matching, by="-pk")
    changeable = set(
        SavedView.objects.changed_by(member).filter(pk__in=[row.pk for row in listed.rows]).values_list("pk", flat=True)
    )
    rows = [(view, told(view.query), view.pk in changeable) for view in listed.rows]
    context = {"account": member.account, "found": listed, "rows": rows}
    return render(request, "auditlog/views.html", context)


@account_page()
@require_safe
def view(request: HttpRequest, member: Member, view_slug: str) -> HttpResponse:
    """Open a view: the log as it is kept. What it can't be opened with any more, the log says."""
    if closed := closed_to(member):
        return closed
    opened = one_or_404(request, member, SavedView.objects.shown_to(member).filter(slug=view_slug), view_slug)
    return redirect(log_address(member, opened.query))


@account_page(attempts=SAVE)
@require_http_methods(CHANGES)
def view_create(request: HttpRequest, member: Member) -> HttpResponse:
    """Save what the address asks for as a new view."""
    if closed := closed_to(member, SAVE):
        return closed
    look = Look(request, member)
    if request.method != "POST" and not look.valid:
        return redirect(look.address)  # The log says what is wrong.
    form = ViewForm(posted(request), instance=SavedView(account=member.account), member=member)
    replaceable = SavedView.objects.changed_by(member).select_related("team").order_by("name")
    return change_page(
        request,
        member,
        Permission.READ_LOG,
        SAVE,
        form,
        lambda: form.keep(_kept(look)),
        then=lambda: form.instance.address,
        said=lambda: f"{form.instance} is saved.",
        name=request.POST.get("name", ""),
        heading="Save view",
        submit="Save view",
        crumbs=_crumbs(member, look),
        template="auditlog/view_form.html",
        shows=told(look.to_keep) if look.valid else "",
        replaceable=replaceable,
        query=request.GET.urlencode(),
    )


@account_page(attempts=SAVE)
@require_http_methods(CHANGES)
def view_edit(request: HttpRequest, member: Member, view_slug: str) -> HttpResponse:
    """Rename a view, or have others find it. What it shows stays."""
    view = _changeable(request, member, view_slug)
    if closed := closed_to(member, SAVE):
        return closed
    form = ViewForm(posted(request), instance=view, member=member)
    return change_page(
        request,
        member,
        Permission.READ_LOG,
        SAVE,
        form,
        form.keep,
        then=lambda: reverse("log-views", args=[member.account.slug]),
        said=lambda: f"{view} is saved.",
        hold=view,
        target=view,
        heading=f"Edit {view}",
        submit="Save changes",
        crumbs=_crumbs(member),
        template="auditlog/view_form.html",
        shows=told(view.query),
    )


@account_page(attempts=SAVE)
@require_http_methods(CHANGES)
def view_replace(request: HttpRequest, member: Member, view_slug: str) -> HttpResponse:
    """Have a view show what the address asks for. Its name, its address and who finds it stay."""
    view = _changeable(request, member, view_slug)
    if closed := closed_to(member, SAVE):
        return closed
    look = Look(request, member)
    if request.method != "POST" and not look.valid:
        return redirect(look.address)

    def replace() -> None:
        view.query = _kept(look)
        view.save(update_fields=["query"])

    return change_page(
        request,
        member,
        Permission.READ_LOG,
        SAVE,
        ReasonForm(posted(request)),
        replace,
        then=lambda: view.address,
        said=f"{view} shows this from now on.",
        hold=view,
        target=view,
        heading=f"Replace {view}",
        submit="Replace view",
        crumbs=_crumbs(member, look),
        template="auditlog/view_form.html",
        showed=told(view.query),
        shows=told(look.to_keep) if look.valid else "",
    )


@account_page(attempts=SAVE)
@require_http_methods(CHANGES)
def view_delete(request: HttpRequest, member: Member, view_slug: str) -> HttpResponse:
    """Delete a view."""
    view = _changeable(request, member, view_slug)
    if closed := closed_to(member, SAVE):
        return closed
    return change_page(
        request,
        member,
        Permission.READ_LOG,
        SAVE,
        ReasonForm(posted(request)),
        view.delete,
        then=lambda: reverse("log-views", args=[member.account.slug]),
        said=f"{view} is deleted.",
        hold=view,
        target=view,
        heading=f"Delete {view}",
        submit="Delete view",
        crumbs=_crumbs(member),
        danger=True,
        warning=f"Its address stops working for whoever was sent it. It is shown to: {view.shown_to_label.lower()}.",
    )


def closed_to(member: Member, attempted: Operation = Operation.LOG_VIEW) -> HttpResponse | None:
    """Lead who has no plan for it to what one would open.

    Raises:
        RoleDenied: for who may not read the log at all.
    """
    with attempting(attempted, account_id=member.account_id) as attempt:
        require(member, Permission.READ_LOG)
        if not member.account.plan.audit_log:
            attempt.refuse("plan_required", f"The {member.account.plan} plan does not include reading the log.")
            return redirect("logs", member.account.slug)
    return None


def told(query: str) -> str:
    """Return what a kept query shows, in the words of the query bar and the picker of dates."""
    asked = QueryDict(query)
    pairs = [(name, value) for name in NARROWING for value in asked.getlist(name)]
    dates = PRESETS.get(asked.get("range", DEFAULT_PRESET), "")
    if asked.get("from") or asked.get("range") == CUSTOM:
        dates = f"{asked.get('from', '')} to {asked.get('to', '')}"
    return f"{written(pairs) or 'All activity'} · {dates}, {asked.get('tz', 'UTC')}"


def _changeable(request: HttpRequest, member: Member, slug: str) -> SavedView:
    changeable = SavedView.objects.changed_by(member).select_related("account", "team", "owner")
    return one_or_404(request, member, changeable.filter(slug=slug), slug)


def _kept(look: Look) -> str:
    """Return the query to keep. Raises ``ValidationError`` for a filter that can't be used."""
    if not look.valid:
        raise ValidationError(f"This view can't be saved. {' '.join(look.filters.sentences)}")
    if len(look.to_keep) > LONGEST_QUERY:
        raise ValidationError(f"These filters are too long to be kept: use up to {LONGEST_QUERY:,} characters.")
    return look.to_keep


def _crumbs(member: Member, look: Look | None = None) -> list[Crumb]:
    if look:
        return [("Teams & Logs", look.address)]
    return [("Saved views", reverse("log-views", args=[member.account.slug]))]
