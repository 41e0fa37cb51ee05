"""What every page of an account that lists or changes something does in the same way.

A list is searched by ``q`` and paged by the key it is ordered by. A form is carried out once, however often it is sent,
and not at all when somebody else has changed meanwhile what it is about.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import IntegrityError, OperationalError, models, transaction
from django.db.models import ProtectedError, RestrictedError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html

from controlcenter.context import CROSSED, Attempt, attempting, is_deadlock
from controlcenter.operations import Operation

from .access import Permits, memberships_of, operation_of, repeated, require
from .forms.base import EditForm, sentence_of
from .models import Member, Submission
from .roles import Permission, Reach

PAGE_SIZE = 50
CONFLICT = "Somebody else did the same a moment ago. Look at what is there now."

T = TypeVar("T", bound=models.Model)


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """A page of a searchable list, as ``_find.html`` and ``_list_pager.html`` show it."""

    rows: list[T]
    query: str
    parameter: str
    first_url: str
    next_url: str


def found(
    request: HttpRequest, search: Callable[[str], "models.QuerySet[T]"], by: str = "slug", *, name: str = ""
) -> Found[T]:
    """Return the page of a list that a request asks for, in one query; beyond the end, the first page.

    Args:
        search: returns the rows that match a text; all of them for "".
        by: the unique field to order and page by; "-pk" for newest first.
        name: tells several lists of one page apart: "apps" is searched by ``apps-q``.
    """
    prefix = f"{name}-" if name else ""
    query, start = (request.GET.get(prefix + part, "").replace("\0", "").strip() for part in ("q", "from"))
    field = by.removeprefix("-")
    rows = search(query).order_by(by)
    page: list[T] = []
    if start:
        try:
            page = list(rows.filter(**{f"{field}__{'lte' if by[0] == '-' else 'gte'}": start})[: PAGE_SIZE + 1])
        except (ValueError, ValidationError):  # The address was made up.
            start = ""
    page = page or list(rows[: PAGE_SIZE + 1])
    kept = [(key, value) for key, value in request.GET.items() if key != f"{prefix}from"]
    more = page[PAGE_SIZE:]
    return Found(
        page[:PAGE_SIZE],
        query,
        f"{prefix}q",
        f"?{urlencode(kept)}" if start else "",
        f"?{urlencode([*kept, (f'{prefix}from', getattr(more[0], field))])}" if more else "",
    )


def one_or_404(request: HttpRequest, member: Member, rows: "models.QuerySet[T]", name: str) -> T:
    """Return the one row that an address names. To post to one that is not there, or not any more, is a failed attempt.

    Args:
        rows: that one, among those of the member's account.
        name: what the address calls it, for the failure entry.
    """
    row = rows.first()
    if row is not None:
        return row
    operation = operation_of(request)
    if operation and request.method == "POST":
        with attempting(operation, account_id=member.account_id, name=name):
            raise Http404
    raise Http404


def carry_out(
    request: HttpRequest,
    attempt: Attempt,
    form: forms.BaseForm,
    operate: Callable[[], object],
    *,
    then: Callable[[], str | HttpResponse],
    said: str | Callable[[], str],
    hold: models.Model | None = None,
) -> HttpResponse | None:
    """Carry out, once, what a form asks for, and answer; None for a form just opened and for one refused.

    A form sent twice is carried out once; the second answer leads where the first did, and no entry is left. What
    ``operate`` refuses by a ``ValidationError`` is shown with the form. The attempt notes each refusal.

    Args:
        then: returns the address to go on to, or an answer of its own; its ``Content-Location`` is where the same
            form leads when it is sent again.
        said: what a message says was done; it links to the entry.
        hold: the row that the form is about. It is held until the end, and an ``EditForm`` is refused when it is not
            any more what the person saw.

    Raises:
        Http404: when somebody else has deleted ``hold`` meanwhile, or given it to another account.
    """
    if not form.is_bound:
        return None
    sentence = ""  # What the log is told, where the person is told more.
    try:
        with transaction.atomic():
            held = _held(hold)
            if isinstance(form, EditForm) and held:
                form.compare(held)
            if form.is_valid():
                submission = Submission.claim(request)
                operate()
                led_to = then()
                submission.led_to(led_to if isinstance(led_to, str) else led_to.get("Content-Location", request.path))
                _say(request, attempt, said if isinstance(said, str) else said())
                return redirect(led_to) if isinstance(led_to, str) else led_to
    except Submission.Repeated:
        return repeated(request)
    except (Http404, ObjectDoesNotExist) as error:
        if answer := repeated(request):
            return answer
        raise Http404 from error
    except ValidationError as error:
        form.add_error(None, error)
        sentence = getattr(error, "sentence", "")
    except (ProtectedError, RestrictedError) as error:
        form.add_error(None, ValidationError(_in_use_by(error), code="in_use"))
    except IntegrityError:
        form.add_error(None, ValidationError(CONFLICT, code="conflict"))
    except OperationalError as error:
        if not is_deadlock(error):
            raise
        form.add_error(None, ValidationError(CROSSED, code="conflict"))
    if answer := repeated(request):  # The same form was carried out while this one was looked at.
        return answer
    attempt.refuse(_code_of(form), sentence or sentence_of(form))
    return None


def _held(row: models.Model | None) -> models.Model | None:
    if row is None:
        return None
    held = type(row)._base_manager.select_for_update(of=("self",)).filter(pk=row.pk).first()
    if held is None or getattr(held, "account_id", None) != getattr(row, "account_id", None):
        raise Http404  # It is gone, or another account's now.
    return held


def _in_use_by(error: ProtectedError | RestrictedError) -> str:
    users = error.protected_objects if isinstance(error, ProtectedError) else error.restricted_objects
    named = sorted(f"{row._meta.verbose_name} {row}" for row in users)
    others = f" and {len(named) - 3:,} more" if named[3:] else ""
    return f"It is still used by {', '.join(named[:3])}{others}. Delete that first."


def _code_of(form: forms.BaseForm) -> str:
    """Return the machine code of the failure entry: what an error calls itself, or that the form is invalid."""
    told = (
        *("limit_reached", "conflict", "on_hold", "last_administrator", "not_confirmed", "expired", "in_use"),
        *("answered", "other_address", "personal_account", "not_found"),
    )
    codes = {error.code for errors in form.errors.as_data().values() for error in errors}
    return next((code for code in told if code in codes), "invalid")


def _say(request: HttpRequest, attempt: Attempt, said: str) -> None:
    """Say what was done, with the way to its entry for who may read it."""
    memberships = (member for member in memberships_of(request) if member.pk and member.account.pk)  # left since
    member = next((member for member in memberships if member.account_id == attempt.account_id), None)
    entry_id = attempt.entry_id
    reads = member and member.account.plan.audit_log and member.reach(Permission.READ_LOG) is not Reach.NONE
    if member and reads and entry_id:
        url = reverse("log-entry", args=[member.account.slug, entry_id])
        messages.success(request, format_html('{} <a class="link" href="{}">See the entry</a>', said, url))
    else:
        messages.success(request, said)


Crumb = tuple[str, str]
"""Label and address of a page above the present one."""


def change_page(
    request: HttpRequest,
    member: Member,
    permission: Permission,
    operation: Operation,
    form: forms.BaseForm,
    operate: Callable[[], object],
    *,
    then: Callable[[], str],
    said: str | Callable[[], str],
    on: Permits | None = None,
    hold: models.Model | None = None,
    target: models.Model | None = None,
    parent: models.Model | None = None,
    name: str = "",
    **page: Any,
) -> HttpResponse:
    """Return the whole page of a change that a role permits or not: the answer once carried out, else its form.

    See ``require`` for ``on``; ``attempting`` for ``target``, ``parent`` and ``name``; ``carry_out`` for ``then``,
    ``said`` and ``hold``. The rest is for ``form_page``.

    Raises:
        RoleDenied: when the member's role does not carry the permission.
    """
    with attempting(operation, account_id=member.account_id, target=target, parent=parent, name=name) as attempt:
        require(member, permission, on)
        if answer := carry_out(request, attempt, form, operate, then=then, said=said, hold=hold):
            return answer
    return form_page(request, form, **page)


def form_page(
    request: HttpRequest,
    form: forms.BaseForm,
    heading: str,
    submit: str,
    *,
    crumbs: Iterable[Crumb],
    danger: bool = False,
    warning: str = "",
    cascade: Iterable[tuple[int | str, str]] = (),
    in_use: Iterable[Crumb] = (),
    typed: str = "",
    template: str = "form.html",
    **more: Any,
) -> HttpResponse:
    """Return the page of a form, opened or refused; what was typed is kept.

    Args:
        submit: what the button does, in its own words: "Create team".
        crumbs: the pages above this one; the last is where Cancel leads.
        danger: whether what it does can't be undone.
        warning: what happens, for who is about to do it.
        cascade: how much of what goes along, for a deletion.
        in_use: the deployments that stand against it. While there are any, there is nothing to fill in.
        typed: what has to be typed into ``confirm``.
        template: one that extends ``form.html``, for a page with more on it.
    """
    crumbs = list(crumbs)
    context = {
        "form": form,
        "heading": heading,
        "submit_label": submit,
        "crumbs": crumbs,
        "cancel_url": crumbs[-1][1],
        "danger": danger,
        "warning": warning,
        "cascade": list(cascade),
        "in_use": list(in_use),
        "typed": typed,
        **more,
    }
    return render(request, template, context, status=422 if form.errors else 200)
