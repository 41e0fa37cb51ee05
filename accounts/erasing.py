"""Erasing a person: what is theirs ends, and their row is blanked.

The row stays, under another name, so that nobody else ever gets its number, which entries keep.
"""

import secrets
from typing import Any

from django.contrib.admin.models import LogEntry
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.dispatch import Signal
from django.utils import timezone

from accounts.time_zones import UTC
from controlcenter.context import together

from .models import Account, Invitation, Member, User

DOMAIN = "erased.invalid"

person_erased = Signal()
"""Sent with ``person``, blank already, in the transaction that erases them: whoever else keeps their name ends that.

A receiver refuses by raising ``ValidationError``.
"""


def erase(person: User) -> None:
    """Erase a person: nobody can tell any more who they were. Can't be undone.

    Raises:
        ValidationError: ``conflict`` for somebody who is erased already; ``on_hold`` when a legal hold stands against
            it; ``last_administrator`` when an organization would be left without one.
    """
    with transaction.atomic():
        with together():
            person.hold()
            refuse(person)
            Invitation.objects.filter(email=person.email).delete()
            _forget_in_admin(person)
            _blank(person)
            _end_what_is_theirs(person)
        person_erased.send(sender=User, person=person)


def refuse(person: User) -> None:
    """Raise what stands against erasing somebody; see ``erase``."""
    if person.erased_at:
        raise ValidationError(f"{person} is erased already.", code="conflict")
    theirs = Q(members__user=person) | Q(pk=person.home_id)
    if held := Account.objects.on_hold().filter(theirs).distinct().order_by("slug").first():
        raise ValidationError(on_hold(held), code="on_hold")
    for member in person.memberships.filter(account__kind=Account.Kind.ORGANIZATION).select_related("account"):
        if not Member.objects.filter(account=member.account).administrators().exclude(user=person).exists():
            raise ValidationError(
                f"Nobody would be left to administer {member.account}. "
                "Make somebody else an administrator first, or delete the organization.",
                code="last_administrator",
            )


def on_hold(account: Account) -> str:
    """Return why nobody who stands in the log of this account can be erased."""
    return (
        f"{account} is on legal hold, and this person stands in its log: who did what is what the hold preserves. "
        "They can be erased once it is released."
    )


def _forget_in_admin(person: User) -> None:
    """Django's own log of the admin repeats names; ours holds the same changes without."""
    named = Q(object_repr__icontains=person.email)
    if person.first_name and person.last_name:
        named |= Q(object_repr__icontains=person.full_name)
    LogEntry.objects.filter(named).delete()


def _blank(person: User) -> None:
    alias = f"erased-{secrets.token_hex(4)}"
    person.slug, person.email = alias, f"{alias}@{DOMAIN}"
    person.first_name = person.last_name = ""
    person.time_zone, person.is_active, person.is_staff = UTC, False, False
    person.set_unusable_password()
    person.erased_at = timezone.now()
    person.save()


def _end_what_is_theirs(person: User) -> None:
    """Delete memberships, tokens and whatever else would go with the row: each is recorded, under the new name.

    What belongs to the log stays, like the log.
    """
    relations: list[Any] = User._meta.get_fields(include_hidden=True)
    for relation in relations:
        if getattr(relation, "on_delete", None) is not models.CASCADE or relation.concrete:
            continue
        model: Any = relation.related_model
        if model._meta.app_label != "auditlog":
            model._base_manager.filter(**{relation.field.name: person}).delete()
    if person.home and person.home.kind == Account.Kind.PERSONAL and not person.home.members.exists():
        person.home.slug, person.home.name = person.slug, "Erased account"
        person.home.save(update_fields=["slug", "name"])
