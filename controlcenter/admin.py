"""The admin for support staff. Whatever is changed there declares the operation it attempts.

Successes are recorded where the rows are written; this is about what did not come about.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ForeignKey, Model
from django.forms import BaseForm, ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts.forms.base import sentence_of
from accounts.models import Account
from accounts.views.signing_in import sign_out
from accounts.views.you import proof_of_password
from auditlog.support import SeveralCustomers, accessing, require_access

from .context import Attempt, attempting, current
from .operations import Operation


class RecordedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """An admin whose failures are entries: a denial, a wrong form, a delete that others stand in the way of, an error.

    Attempts are declared outside of Django's own transactions, so that a rollback does not take the entry with it.
    """

    creates: Operation
    updates: Operation
    deletes: Operation
    operation_of_action: ClassVar[dict[str, Operation]] = {}
    """What actions other than ``delete_selected`` attempt."""
    belongs_to: str | None = "account"
    """Dotted relations to the account whose log it concerns: "" for an account itself, None for the platform."""
    named_by: str = "name"
    """The field that names a thing which does not exist yet; "" when no field may be repeated in an entry."""
    fixed: tuple[str, ...] = ()
    """Fields that are chosen once, when the row is created."""

    show_full_result_count = False
    list_per_page = 50

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any
    ) -> "type[ModelForm[Any]]":
        """Return the form; fixed fields are shown, and part of unique constraints, but keep their value."""
        form: type[ModelForm[Any]] = super().get_form(request, obj, change=change, **options)
        for name, field in form.base_fields.items():
            field.disabled = field.disabled or (obj is not None and name in self.fixed)
            if isinstance(field.widget, RelatedFieldWidgetWrapper):
                field.widget.can_delete_related = False
                field.widget.can_add_related &= not field.disabled
                field.widget.can_change_related &= not field.disabled
        return form

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show or save the form of a new or an existing row."""
        if request.method != "POST":
            with self.access_to(request, object_id):
                return super().changeform_view(request, object_id, form_url, extra_context)
        with self._with_access(request, self._attempt_to_save(request, object_id)) as attempt:
            response = super().changeform_view(request, object_id, form_url, extra_context)
            refuse_if_turned_down(attempt, response)
        return response

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Ask for, or carry out, the deletion of one row."""
        if request.method != "POST":
            with self.access_to(request, object_id):
                return super().delete_view(request, object_id, extra_context)
        with self.attempt_with_access(request, self.deletes, object_id) as attempt:
            response = super().delete_view(request, object_id, extra_context)
            refuse_if_turned_down(attempt, response)
        return response

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the list, or carry out an action on what is selected: on all of it or on nothing."""
        operation = self._posted_action(request)
        if operation is None:
            return super().changelist_view(request, extra_context)
        selected = self._find_all(request.POST.getlist(ACTION_CHECKBOX_NAME))
        declared = self._attempt_on_selected(operation, selected)
        with self._with_access(request, declared, selected) as attempt, transaction.atomic():
            if request.POST.get("select_across") == "1" and self.belongs_to is not None:
                raise SeveralCustomers
            response = super().changelist_view(request, extra_context)
            refuse_if_turned_down(attempt, response)
        return response

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Allow the filters beside a list and no others: ``?email__startswith=`` would spell out what is hidden."""
        names = map(str, self.list_filter)
        return lookup in {f"{name}{end}" for name in names for end in ("", "__exact", "__id__exact", "__isnull")}

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Lead to the entries of the account: the log has the history of everything, and Django's own is not kept."""
        account_id = _owner_of(self._find(request, object_id), self.belongs_to)
        account = Account.objects.get(pk=account_id)
        return redirect(f"{reverse('admin:auditlog_entry_changelist')}?{urlencode({'account': account.key})}")

    def log_addition(self, *args: Any) -> None:  # type: ignore[override]
        """Write nothing: Django's log of the admin would repeat names that only the log may keep."""

    log_change = log_addition  # type: ignore[assignment]

    def log_deletions(self, *args: Any) -> None:  # type: ignore[override]
        """Write nothing, as ``log_addition``."""

    def access_to(self, request: HttpRequest, object_id: str | None) -> AbstractContextManager[None]:
        """Return the access that looking at a row needs; a form for a new one shows nothing of anybody's."""
        target = self._find(request, object_id) if object_id is not None else None
        return accessing(request, _owner_of(target, self.belongs_to))

    @contextmanager
    def attempt_with_access(self, request: HttpRequest, operation: Operation, object_id: str) -> Iterator[Attempt]:
        """Declare an operation on a row, which needs access to whose it is. Raises as ``attempt_on``, ``accessing``."""
        target = self._find(request, object_id)
        with self._with_access(request, self.attempt_on(target, operation, object_id)) as attempt:
            yield attempt

    @contextmanager
    def _with_access(
        self, request: HttpRequest, declared: AbstractContextManager[Attempt], selected: Sequence[Any] = ()
    ) -> Iterator[Attempt]:
        owners = {_owner_of(thing, self.belongs_to) for thing in selected}
        with declared as attempt, accessing(request, *(owners or [attempt.account_id])):
            attempt.context = current()
            for thing in selected or filter(None, [attempt.target]):
                self.require_access(request, self.opens(request, thing))
            yield attempt

    def opens(self, request: HttpRequest, target: Any) -> Iterable[int]:
        """Return the accounts that what is posted about ``target`` could open to who posts it, beside its own."""
        return ()

    def require_access(self, request: HttpRequest, account_ids: Iterable[int]) -> None:
        """Let those go on who have access to each of the accounts. Raises ``ReasonNeeded``."""
        require_access(request, account_ids)

    def updating_operation(self, request: HttpRequest, target: Any) -> Operation:
        """Return the operation that the posted form attempts on ``target``."""
        return self.updates

    @contextmanager
    def attempt_on(self, target: Any, operation: Operation, object_id: str) -> Iterator[Attempt]:
        """Declare an operation on a row. Raises ``Http404``, as a recorded failure, when there is no such row."""
        name = object_id if target is None else ""
        account_id = _owner_of(target, self.belongs_to)
        with attempting(operation, account_id=account_id, target=target, name=name) as attempt:
            if target is None:
                raise Http404
            yield attempt

    def _attempt_to_save(self, request: HttpRequest, object_id: str | None) -> AbstractContextManager[Attempt]:
        if object_id is None:
            return self._attempt_to_create(request)
        target = self._find(request, object_id)
        return self.attempt_on(target, self.updating_operation(request, target), object_id)

    def _attempt_to_create(self, request: HttpRequest) -> AbstractContextManager[Attempt]:
        relation, _, path = (self.belongs_to or "").partition(".")
        parent = self._posted_relation(request, relation) if relation else None
        account_id = _owner_of(parent, path)
        if isinstance(parent, Account):
            parent = None
        return attempting(self.creates, account_id=account_id, parent=parent, name=self._posted_name(request))

    def _attempt_on_selected(self, operation: Operation, selected: list[Model]) -> AbstractContextManager[Attempt]:
        owners = {_owner_of(thing, self.belongs_to) for thing in selected}
        return attempting(
            operation,
            account_id=next(iter(owners)) if len(owners) == 1 else Account.PLATFORM_ID,
            target=selected[0] if len(selected) == 1 else None,
        )

    def _posted_action(self, request: HttpRequest) -> Operation | None:
        operations = {"delete_selected": self.deletes, **self.operation_of_action}
        posted = request.POST.getlist("action") if request.method == "POST" else []
        return next((operations[action] for action in posted if action in operations), None)

    def _posted_name(self, request: HttpRequest) -> str:
        if not self.named_by:
            return ""
        if isinstance(self.opts.get_field(self.named_by), ForeignKey):
            return getattr(self._posted_relation(request, self.named_by), "slug", "")
        return request.POST.get(self.named_by, "")

    def _posted_relation(self, request: HttpRequest, name: str) -> Model | None:
        related = self.opts.get_field(name).related_model
        return next(iter(_rows(related, [request.POST.get(name)])), None)

    def _find(self, request: HttpRequest, object_id: str) -> Any:
        return self.get_object(request, unquote(object_id))

    def _find_all(self, keys: Iterable[str]) -> list[Model]:
        return _rows(self.model, keys, (self.belongs_to or "").replace(".", "__"))


def _rows(model: Any, keys: Iterable[Any], relation: str = "") -> list[Model]:
    """Return the rows with these keys, as posted: wrong ones are for the form to complain about."""
    rows = model._base_manager.all()
    try:
        return list((rows.select_related(relation) if relation else rows).filter(pk__in=filter(None, keys)))
    except (ValueError, ValidationError):
        return []


def _owner_of(thing: Any, path: str | None) -> int:
    """Return the id of the account that a path of relations leads to; the platform's where it leads nowhere."""
    if path is None:
        return Account.PLATFORM_ID
    for step in filter(None, path.split(".")):
        thing = getattr(thing, step, None)
    return Account.PLATFORM_ID if thing is None else thing.pk


def refuse_if_turned_down(attempt: Attempt, response: HttpResponse) -> None:
    """Mark the attempt as refused when the answer is a page that says why nothing was done."""
    context: dict[str, Any] = getattr(response, "context_data", None) or {}
    if context.get("protected"):
        attempt.refuse("in_use", "Other things still use it.")
    elif context.get("perms_lacking"):
        attempt.refuse("permission_denied", "Permission denied.")
    elif sentences := [sentence for form in _forms_in(context) if (sentence := sentence_of(form))]:
        attempt.refuse("invalid", " ".join(sentences))


def _forms_in(context: dict[str, Any]) -> Iterator[BaseForm]:
    """The forms of a page that can be wrong: Django's two password pages name theirs differently."""
    if "adminform" in context:
        yield context["adminform"].form
    elif "form" in context:
        yield context["form"]


def may_enter(request: HttpRequest) -> bool:
    """Say whether somebody may use the admin: support staff, with a second factor where that is asked for."""
    lacks_factor = settings.REQUIRE_SECOND_FACTOR_FOR_STAFF and not getattr(request.user, "has_second_factor", False)
    return _is_staff(request) and not lacks_factor


def sign_in(request: HttpRequest, extra_context: Any = None) -> HttpResponse:
    """Send people to the one page that signs in and records it; for others than support staff there is no admin."""
    if _is_staff(request) and not may_enter(request):
        messages.info(request, "The admin asks for a second factor: set up yours to go on.")
        return redirect(f"{reverse('you-second-factor')}?{urlencode({'next': reverse('admin:index')})}")
    if request.user.is_authenticated and not may_enter(request):
        raise Http404
    return redirect_to_login(request.GET.get("next") or reverse("admin:index"))


def change_password(request: HttpRequest, extra_context: Any = None) -> HttpResponse:
    """Change one's own password."""
    if request.method != "POST" or not request.user.is_authenticated:
        return _django_change_password(request, extra_context)
    account_id = request.user.home_id or Account.PLATFORM_ID
    proven = proof_of_password(request, request.user, Operation.USER_PASSWORD_CHANGE, "old_password")
    with attempting(Operation.USER_PASSWORD_CHANGE, account_id=account_id, target=request.user) as attempt:
        response = _django_change_password(request, extra_context)
        refuse_if_turned_down(attempt, response)
    if not attempt.code:
        proven()
    return response


_django_change_password, _is_staff = admin.site.password_change, admin.site.has_permission

admin.site.site_title = admin.site.site_header = "Control Center support"
admin.site.index_title = "Accounts, resources and logs"
admin.site.has_permission = may_enter  # type: ignore[method-assign]
admin.site.login = sign_in  # type: ignore[method-assign]
admin.site.logout = sign_out  # type: ignore[method-assign, assignment]
admin.site.password_change = change_password  # type: ignore[method-assign, assignment]
