"""From what happened to what is written: changes and attempts become events, an event becomes a row."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import singledispatch
from itertools import groupby
from typing import Any, NamedTuple

from django.db.models import ForeignKey, prefetch_related_objects
from django.db.models import Model as DjangoModel

from accounts.models import Account, Invitation, User
from accounts.roles import Role
from controlcenter.context import Actor, Attempt, Context, current
from controlcenter.masking import MASK
from controlcenter.operations import Operation
from controlcenter.resources.models import App

from .canonical import plain
from .sentences import sentence_for
from .subjects import Naming, refer_to
from .tracked import Changes, Tracked, follow, row_for

EMPTY: tuple[Any, ...] = (None, "", [])
"""What counts as the same nothing."""


class Target(NamedTuple):
    """A resource that an operation touched, as it was called then. ``subject`` is set for a person."""

    type: str
    id: str
    name: str
    subject: str = ""


@dataclass(slots=True)
class Event:
    """One operation, told in values: nothing in it changes when the rows it speaks of do."""

    operation: Operation
    account_id: int
    time: datetime
    context: Context
    app: tuple[int, Target] | None = None
    targets: Sequence[Target] = ()
    changes: dict[str, Any] = field(default_factory=dict)
    sentence: str = ""
    actor: Actor | None = None
    code: str = ""
    failure: str = ""

    @property
    def success(self) -> bool:
        """Whether the operation came about."""
        return not self.code


@dataclass(slots=True)
class Change:
    """A row as it was and as it is; None for a row that was not, or no longer is, there."""

    instance: DjangoModel
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    time: datetime
    context: Context = field(default_factory=current)

    @property
    def is_stored(self) -> bool:
        """Whether anything was written that is recorded, be it no more than "" for None."""
        return self.before != self.after


def events_of(changes: Sequence[Change]) -> list[Event]:
    """Return one event per change; an update that changed no recorded field is none."""
    _load_relations(changes)
    events = [(change, event) for change in changes if (event := _event_of(change))]
    return [told for change, event in events for told in _told_to_all(change, event)]


def _told_to_all(change: Change, event: Event) -> Iterator[Event]:
    """Yield the event for each account it concerns: who loses an app has to know, too."""
    if event.operation is Operation.APPLICATION_TRANSFER and change.before:
        yield replace(event, account_id=change.before["account"])
    yield event


def event_of_attempt(attempt: Attempt, time: datetime) -> Event:
    """Return the event of an attempt that failed."""
    targets: list[Target] = []
    app = None
    if attempt.target is not None:
        row = row_for(attempt.target._meta.model)  # The user of a request is a lazy object.
        targets, app = _targets_of(attempt.target, row), _app_of(attempt.target, row)
    elif attempt.parent is not None:
        row = row_for(attempt.parent._meta.model)
        targets = _targets_of(attempt.parent, row)
        app = _app_of(attempt.parent, row)
    names = [target.name for target in targets]
    return Event(
        attempt.operation,
        attempt.account_id,
        time,
        attempt.context or current(),
        app,
        targets,
        sentence=sentence_for(attempt.operation, *(names if attempt.target is not None else [attempt.name, *names])),
        code=attempt.code,
        failure=attempt.sentence,
    )


def values_of(instance: DjangoModel, row: Tracked) -> dict[str, Any]:
    """Return the recorded values of an instance, in the types the database would return."""
    return {name: to_python(getattr(instance, attname)) for name, attname, to_python in row.readers}


def _event_of(change: Change) -> Event | None:
    row = row_for(type(change.instance))
    differences = _differences(change)
    if change.before is None:
        kind, choose, operation = "created", row.choose_created, row.created
    elif change.after is None:
        kind, choose, operation = "deleted", None, row.deleted
    elif not differences:
        return None
    else:
        kind, choose, operation = "updated", row.choose, row.updated
    operation = (choose and choose(change.instance, differences)) or operation
    targets = _targets_of(change.instance, row)
    names = [target.name for target in targets]
    if operation is Operation.APPLICATION_DUPLICATE:
        names = [names[0], follow(change.instance, "duplicated_from")]
    return Event(
        operation,
        follow(change.instance, row.account) or Account.PLATFORM_ID,
        change.time,
        change.context,
        _app_of(change.instance, row),
        targets,
        _shown(change, row, differences),
        sentence_for(operation, *names, kind=kind),
    )


def _differences(change: Change) -> Changes:
    before, after = change.before, change.after
    if before is None:
        return {name: (None, new) for name, new in (after or {}).items() if new not in EMPTY}
    if after is None:
        return {name: (old, None) for name, old in before.items() if old not in EMPTY}
    pairs = {name: (before.get(name), after.get(name)) for name in {**before, **after}}
    return {
        name: (old, new)
        for name, (old, new) in pairs.items()
        if _differ(old, new) and not (old in EMPTY and new in EMPTY)
    }


def _differ(old: Any, new: Any) -> bool:
    """Say whether two values are stored differently: 0.5 and "0.5" are, a tuple and a list of the same are not."""
    if type(old) is type(new) and not isinstance(old, list | dict):
        return bool(old != new)
    return json.dumps(old, default=plain, sort_keys=True) != json.dumps(new, default=plain, sort_keys=True)


def _shown(change: Change, row: Tracked, differences: Changes) -> dict[str, Any]:
    return {
        name: [_shown_value(change, row, name, change.before, old), _shown_value(change, row, name, change.after, new)]
        for name, (old, new) in differences.items()
    }


def _shown_value(change: Change, row: Tracked, name: str, values: dict[str, Any] | None, value: Any) -> Any:
    if value is None or values is None:
        return None
    if name in row.masked:
        return MASK
    if name in row.personal:
        return {"subject": refer_to(_naming_in(change, row, values)).digest, "show": name}
    if name in row.related:
        return _public_id_of(change.instance, row.related[name], value)
    return plain(value)


def _public_id_of(instance: DjangoModel, field: "ForeignKey[Any, Any]", key: Any) -> str:
    related = getattr(instance, field.name)
    if related is None or related.pk != key:
        model: Any = field.related_model
        related = model._base_manager.filter(pk=key).first()
    return _target_of(related).id if related is not None else str(key)


def _naming_in(change: Change, row: Tracked, values: dict[str, Any]) -> Naming:
    if row.model is Invitation:
        return Naming(None, "", "", "", values["email"])
    return Naming(change.instance.pk, *(values[part] for part in ("slug", "first_name", "last_name", "email")))


def _targets_of(instance: DjangoModel, row: Tracked) -> list[Target]:
    found = (follow(instance, path) for path in row.targets)
    return [_target_of(thing) for thing in found if thing is not None]


@singledispatch
def _target_of(thing: Any) -> Target:
    row = row_for(type(thing))
    return Target(row.kind, str(follow(thing, row.public_id)), str(follow(thing, row.name)))


@_target_of.register
def _(person: User) -> Target:
    naming = Naming(person.pk, person.slug, person.first_name, person.last_name, person.email)
    return Target("user", person.slug, person.slug, refer_to(naming).digest)


@_target_of.register
def _(role: str) -> Target:
    return Target("role", role, Role(role).label)


def _app_of(instance: DjangoModel, row: Tracked) -> tuple[int, Target] | None:
    if row.app is None:
        return None
    app = follow(instance, row.app)
    return (app.pk, _target_of(app)) if isinstance(app, App) else None


def _load_relations(changes: Sequence[Change]) -> None:
    """Load what the instances belong to: rows deleted beside them from memory, others one query per kind."""
    if len(changes) < 2:
        return
    deleted = {(type(c.instance), c.instance.pk): c.instance for c in changes if c.after is None}
    for model, of_model in _by_model(change.instance for change in changes):
        row = row_for(model)
        for relation in row.related.values() if deleted else ():
            for instance in of_model:
                key = (relation.related_model, getattr(instance, relation.attname))
                if key in deleted:
                    relation.set_cached_value(instance, deleted[key])
        prefetch_related_objects(of_model, *(path for path in row.relations if _is_missing(path, of_model)))


def _is_missing(path: str, instances: Sequence[DjangoModel]) -> bool:
    return "__" in path or any(path not in instance._state.fields_cache for instance in instances)


def _by_model(instances: Iterable[DjangoModel]) -> Iterable[tuple[type[DjangoModel], list[DjangoModel]]]:
    ordered = sorted(instances, key=lambda instance: instance._meta.label)
    return ((model, list(group)) for model, group in groupby(ordered, key=type))


def event_of_person(operation: Operation, person: User, time: datetime) -> Event:
    """Return the event of something a person did to their own presence: signing in and out."""
    target = _target_of(person)
    return Event(
        operation,
        person.home_id or Account.PLATFORM_ID,
        time,
        current(),
        targets=[target],
        sentence=sentence_for(operation, target.name),
        actor=person.as_actor(),
    )
