"""The log's part in erasing a person: entries stay as they are, and nobody can tell any more whose they were."""

from django.core.exceptions import ValidationError
from django.db import connection

from accounts.erasing import on_hold
from accounts.models import Account, Invitation, User
from controlcenter.context import together
from controlcenter.fence import within

from .models import Entry, Subject
from .presentation import ERASED
from .support import SupportAccess


def forget_person(person: User) -> int:
    """Blank how a person was ever named in the log, and return in how many ways that was.

    Raises:
        ValidationError: ``on_hold`` when they stand in a log that is on legal hold.
    """
    namings = Subject.objects.filter(user_id=person.pk)
    _refuse_held(person, set(namings.values_list("slug", flat=True)))
    with together():  # to addresses that they had before, too
        Invitation.objects.filter(email__in=namings.exclude(email=person.email).values("email")).delete()
    SupportAccess.objects.of(person).update(staff_name=ERASED)
    with connection.cursor() as cursor:
        cursor.execute("SELECT auditlog_erase(%s)", [person.pk])
        return int(cursor.fetchone()[0])


def _refuse_held(person: User, slugs: set[str]) -> None:
    """Refuse while a hold is on a log in which they did something, or something was done to them."""
    for account in Account.objects.on_hold().order_by("slug"):
        entries = Entry.objects.for_account(account.pk)
        touched = entries.with_any_target(*(("user", slug) for slug in sorted(slugs)))
        with within(account.pk):
            found = entries.by_actor(person.pk).exists() or touched.exists()
        if found:
            raise ValidationError(on_hold(account), code="on_hold")
