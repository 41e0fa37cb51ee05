"""The admin for support staff. Whatever is changed there declares the operation it attempts.

Successes are recorded where the rows are written; this is about what did not come about.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ForeignKey, Model
from django.forms import BaseForm, ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from accounts.forms import sentence_of
from accounts.models import Account
from accounts.views import sign_out

from .context import Attempt, attempting
from .operations import Operation

LONGEST_NAME = 120
LONGEST_SENTENCE = 500


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

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> type[ModelForm[Any]]:
        """Return the form; fixed fields are shown, and part of unique constraints, but keep their value."""
        form: type[ModelForm[Any]] = super().get_form(request, obj, change=change, **options)
        for name in self.fixed if obj else ():
            if name in form.base_fields:  # type: ignore[attr-defined]
                form.base_fields[name].disabled = True  # type: ignore[attr-defined]
        return form

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show or save the form of a new or an existing row."""
        if request.method != "POST":
            return super().changeform_view(request, object_id, form_url, extra_context)
        with self._attempt_on(request, object_id, self.creates, self.updating_operation) as attempt:
            response = super().changeform_view(request, object_id, form_url, extra_context)
            refuse_if_turned_down(attempt, response)
        return response

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Ask for or carry out the deletion of one row."""
        if request.method != "POST":
            return super().delete_view(request, object_id, extra_context)
        with self._attempt_on(request, object_id, self.deletes) as attempt:
            response = super().delete_view(request, object_id, extra_context)
            refuse_if_turned_down(attempt, response)
        return response

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the list or carry out an action on what is selected, all or nothing."""
        operation = self._posted_action(request)
        if operation is None:
            return super().changelist_view(request, extra_context)
        with self._attempt_on_selected(request, operation) as attempt, transaction.atomic():
            response = super().changelist_view(request, extra_context)
            refuse_if_turned_down(attempt, response)
        return response

    def updating_operation(self, request: HttpRequest, target: Any) -> Operation:
        """Return the operation that a posted form attempts on ``target``."""
        return self.updates

    def account_id_of(self, thing: Any, path: str | None) -> int:
        """Return the id of the account that a path of relations leads to; else the platform's."""
        for step in filter(None, (path or "").split(".")):
            thing = getattr(thing, step, None)
        return Account.PLATFORM_ID if thing is None or path is None else thing.pk

    @contextmanager
    def _attempt_on(self, request: HttpRequest, object_id: str | None, creates: Operation, updates: Any = None) -> Iterator[Attempt]:
        raise NotImplementedError
