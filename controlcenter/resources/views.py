"""The apps of an account: list, create, edit, duplicate, delete."""

from collections.abc import Callable
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import account_page, require
from accounts.forms import posted, sentence_of
from accounts.models import Member
from accounts.roles import Permission, Reach, RoleDenied
from controlcenter.context import Attempt, attempting, because
from controlcenter.operations import Operation

from .forms import AppDeleteForm, AppDuplicateForm, AppEditForm, AppForm
from .models import App, Model, Module, Workflow

PAGE_SIZE = 50


@account_page()
@require_safe
def apps(request: HttpRequest, member: Member) -> HttpResponse:
    """All apps in the order of their ids, a page at a time."""
    query, start = (request.GET.get(name, "").replace("\0", "") for name in ("q", "from"))
    found = App.objects.for_account(member.account).matching(query).with_counts().order_by("slug")
    shown = list(found.filter(slug__gte=start)[: PAGE_SIZE + 1])
    more = shown[PAGE_SIZE:]
    first_url = f"{request.path}?{urlencode({'q': query})}" if query else request.path
    if start and not shown:
        return redirect(first_url)
    parameters = request.GET.copy()
    if more:
        parameters["from"] = more[0].slug
    return render(
        request,
        "resources/apps.html",
        {
            "account": member.account,
            "apps": shown[:PAGE_SIZE],
            "query": query,
            "may": _may(member),
            "next_url": f"?{parameters.urlencode()}" if more else "",
            "first_url": first_url if start else "",
        },
    )


@account_page(attempts=Operation.APPLICATION_CREATE)
@require_http_methods(["GET", "HEAD", "POST"])
def app_create(request: HttpRequest, member: Member) -> HttpResponse:
    """Create an app."""
    account, name = member.account, request.POST.get("name", "")[:120]
    with attempting(Operation.APPLICATION_CREATE, account_id=account.pk, name=name) as attempt:
        require(member, Permission.MANAGE_APPS)
        form = AppForm(posted(request), instance=App(account=account))
        if _done(form, attempt, form.save):
            messages.success(request, f"{form.instance} is created.")
            return redirect("apps", account.slug)
    return _form_page(request, member, form, "Create app", "Create app")


@account_page(attempts=Operation.APPLICATION_UPDATE)
@require_http_methods(["GET", "HEAD", "POST"])
def app_edit(request: HttpRequest, member: Member, app_slug: str) -> HttpResponse:
    """Rename an app, change its description or visibility."""
    app = _app_or_404(request, member, Operation.APPLICATION_UPDATE, app_slug)
    with attempting(Operation.APPLICATION_UPDATE, account_id=member.account_id, target=app) as attempt:
        if not app.allows(member, Permission.EDIT_APPS):
            raise RoleDenied(Permission.EDIT_APPS)
        limited = member.reach(Permission.EDIT_APPS) is Reach.TEAM
        form = AppEditForm(posted(request), instance=app, only_description=limited)
        if _done(form, attempt, form.save, app):
            messages.success(request, f"{app} is saved.")
            return redirect("apps", member.account.slug)
    return _form_page(request, member, form, f"Edit {app_slug}", "Save changes")


@account_page(attempts=Operation.APPLICATION_DUPLICATE)
@require_http_methods(["GET", "HEAD", "POST"])
def app_duplicate(request: HttpRequest, member: Member, app_slug: str) -> HttpResponse:
    """Copy an app with what the person chooses."""
    app = _app_or_404(request, member, Operation.APPLICATION_DUPLICATE, app_slug)
    name = request.POST.get("name", "")[:120]
    with attempting(Operation.APPLICATION_DUPLICATE, account_id=member.account_id, parent=app, name=name) as attempt:
        require(member, Permission.MANAGE_APPS)
        form = AppDuplicateForm(
            posted(request),
            account=member.account,
            initial={"name": f"{app.name} copy", "slug": f"{app.slug[:59]}-copy"},
        )
        if _done(form, attempt, lambda: app.duplicate(**form.cleaned_data), app):
            messages.success(request, f"{app} is duplicated as {form.cleaned_data['name']}.")
            return redirect("apps", member.account.slug)
    return _form_page(request, member, form, f"Duplicate {app.name}", "Duplicate app")


@account_page(attempts=Operation.APPLICATION_DELETE)
@require_http_methods(["GET", "HEAD", "POST"])
def app_delete(request: HttpRequest, member: Member, app_slug: str) -> HttpResponse:
    """Delete an app with all that is in it, once its id has been typed."""
    app = _app_or_404(request, member, Operation.APPLICATION_DELETE, app_slug)
    with (
        because(request.POST.get("reason", "")[:200]),
        attempting(Operation.APPLICATION_DELETE, account_id=member.account_id, target=app) as attempt,
    ):
        require(member, Permission.MANAGE_APPS)
        form = AppDeleteForm(posted(request), app=app)
        if _done(form, attempt, app.delete, app):
            messages.success(request, f"{app} is deleted. Its entries stay in Teams & Logs.")
            return redirect("apps", member.account.slug)
    context = {"account": member.account, "app": app, "form": form, "cascade": _cascade(app)}
    return render(request, "resources/app_delete.html", context, status=_status(form))


def _done(form: forms.BaseForm, attempt: Attempt, operate: Callable[[], object], app: App | None = None) -> bool:
    """Carry out what a form asks for; False for a form just opened, and for one refused, which the attempt notes.

    Raises:
        Http404: when somebody else has deleted ``app`` since it was looked up. It is held from here on.
    """
    if not form.is_bound:
        return False
    if form.is_valid():
        try:
            with transaction.atomic():
                if app and not App.objects.select_for_update().filter(pk=app.pk).exists():
                    raise Http404
                operate()
            return True
        except IntegrityError:
            form.add_error(None, forms.ValidationError("Somebody else did the same a moment ago.", code="conflict"))
    codes = {error.code for errors in form.errors.as_data().values() for error in errors}
    code = next((code for code in ("limit_reached", "conflict") if code in codes), "invalid")
    attempt.refuse(code, sentence_of(form))
    return False


def _app_or_404(request: HttpRequest, member: Member, operation: Operation, slug: str) -> App:
    """Return an app of the account. To post to one that is not there, or not any more, is a failed attempt."""
    app = App.objects.for_account(member.account).filter(slug=slug).first()
    if app is None and request.method == "POST":
        with attempting(operation, account_id=member.account_id, name=slug):
            raise Http404
    if app is None:
        raise Http404
    return app


def _may(member: Member) -> dict[str, bool]:
    manage = member.reach(Permission.MANAGE_APPS) is Reach.ALL
    edit = member.reach(Permission.EDIT_APPS) is not Reach.NONE
    return {"create": manage, "duplicate": manage, "delete": manage, "edit": edit}


def _cascade(app: App) -> list[tuple[int, str]]:
    """Return how much of what goes with an app."""
    kinds = ((Model, "models"), (Workflow, "workflows"), (Module, "modules"))
    counts = [(kind._default_manager.filter(app=app).count(), label) for kind, label in kinds]
    return [(count, label) for count, label in counts if count]


def _form_page(request: HttpRequest, member: Member, form: forms.BaseForm, heading: str, submit: str) -> HttpResponse:
    context = {"account": member.account, "form": form, "heading": heading, "submit_label": submit}
    return render(request, "resources/app_form.html", context, status=_status(form))


def _status(form: forms.BaseForm) -> int:
    return 422 if form.errors else 200
