"""Every signal that the log listens to. A receiver guards, gathers, and calls the recorder."""

from collections.abc import Callable, Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db import transaction
from django.db.models import Model
from django.db.models.signals import post_delete, post_save, pre_delete, pre_save
from django.dispatch import Signal
from django.utils import timezone

from accounts.erasing import person_erased
from controlcenter.context import Attempt, Batch, attempt_failed, batch_finished, current
from controlcenter.operations import Operation
from controlcenter.tracking import BEFORE, rows_created, rows_updated

from . import recorder
from .erasure import forget_person
from .events import Change, event_of_person, values_of
from .tracked import row_for, tracked_models

DELETED = "_recorded_deletion"


def connect() -> None:
    """Connect all receivers, each to its senders only."""
    for signal, receiver, model, uid in model_receivers():
        signal.connect(receiver, sender=model, dispatch_uid=uid)
    user_logged_in.connect(record_sign_in, sender=get_user_model(), dispatch_uid="auditlog.record_sign_in")
    user_logged_out.connect(record_sign_out, sender=get_user_model(), dispatch_uid="auditlog.record_sign_out")
    attempt_failed.connect(record_failure, dispatch_uid="auditlog.record_failure")
    person_erased.connect(forget_erased, sender=get_user_model(), dispatch_uid="auditlog.forget_erased")
    batch_finished.connect(record_batch, dispatch_uid="auditlog.record_batch")


def model_receivers() -> Iterator[tuple[Signal, Callable[..., None], type[Model], str]]:
    """Yield each signal with its receiver, sender and dispatch uid."""
    for model in tracked_models():
        for signal, receiver in (
            (pre_save, require_transaction),
            (post_save, record_saved),
            (pre_delete, remember_deleted),
            (post_delete, record_deleted),
            (rows_created, record_created_rows),
            (rows_updated, record_updated_rows),
        ):
            yield signal, receiver, model, f"auditlog.{receiver.__name__}.{model._meta.label}"


def require_transaction(sender: type[Model], **_: Any) -> None:
    """Refuse what would be there before its entry."""
    recorder.require_transaction()


def record_saved(sender: type[Model], instance: Model, update_fields: frozenset[str] | None, **_: Any) -> None:
    """Record a creation, or an update with what it changed."""
    row, read, stored = row_for(sender), instance.__dict__.pop(BEFORE, None), _as_stored(instance)
    before = read and {field.name: read[field.name] for field in row.fields}
    if before is not None and update_fields is not None:  # What else was written into the instance was not saved.
        for field in row.fields:
            if not {field.name, field.attname} & update_fields:
                setattr(stored, field.attname, before[field.name])
    recorder.record([Change(stored, before, values_of(stored, row), _now())])


def _as_stored(instance: Model) -> Model:
    """Return a copy, read again where the database worked out a value."""
    if any(hasattr(value, "resolve_expression") for value in instance.__dict__.values()):
        return type(instance)._base_manager.get(pk=instance.pk)
    return _copy(instance)


def _copy(instance: Model) -> Model:
    """Return a copy, as ``copy.copy()`` makes it, in a fifth of the time: that goes through what pickles models."""
    twin = type(instance).__new__(type(instance))
    twin.__dict__.update(instance.__getstate__())
    return twin


def remember_deleted(sender: type[Model], instance: Model, **_: Any) -> None:
    """Keep a copy: the original loses its primary key, and its relatives, on the way."""
    kept = _copy(instance)
    setattr(instance, DELETED, Change(kept, values_of(kept, row_for(sender)), None, _now()))


def record_deleted(sender: type[Model], instance: Model, **_: Any) -> None:
    """Record a deletion, cascades included: each deleted row sends its own signal."""
    recorder.record([instance.__dict__.pop(DELETED)])


def record_created_rows(sender: type[Model], instances: list[Model], **_: Any) -> None:
    """Record ``bulk_create``."""
    row, now, stored = row_for(sender), _now(), [_as_stored(instance) for instance in instances]
    recorder.record([Change(instance, None, values_of(instance, row), now) for instance in stored])


def record_updated_rows(sender: type[Model], pairs: list[tuple[Model, Model]], **_: Any) -> None:
    """Record ``QuerySet.update`` and with it ``bulk_update``."""
    row, now = row_for(sender), _now()
    recorder.record([Change(after, values_of(before, row), values_of(after, row), now) for before, after in pairs])


def record_sign_in(sender: type[Model], user: Any, **_: Any) -> None:
    """Record that somebody signed in; who can't be recorded stays outside, as their session is not saved yet."""
    with transaction.atomic():
        recorder.record_events([event_of_person(Operation.USER_SIGN_IN, user, _now())])


def record_sign_out(sender: type[Model], user: Any, **_: Any) -> None:
    """Record that somebody signed out; signing out nobody is nothing."""
    if user is not None:
        with transaction.atomic():
            recorder.record_events([event_of_person(Operation.USER_SIGN_OUT, user, _now())])


def forget_erased(sender: type[Model], person: Any, **_: Any) -> None:
    """Blank the names of somebody who is being erased."""
    forget_person(person)


def record_failure(attempt: Attempt, **_: Any) -> bool:
    """Record an attempt that failed."""
    return recorder.record_failure(attempt)


def record_batch(batch: Batch, **_: Any) -> None:
    """Record what was collected, in one statement."""
    recorder.record_batch(batch, ends=batch.ends)


def _now() -> Any:
    return current().at or timezone.now()
