"""Whatever a way of writing does to a tracked model, it leaves its entries or it refuses. Nothing is silent."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.db.models import F, Value
from django.db.models import Model as DjangoModel

from accounts.models import Account
from auditlog.models import Entry
from auditlog.tracked import TRACKED, Tracked, follow, row_for
from controlcenter.operations import Operation

from .factories import FACTORIES, FAR_FUTURE

pytestmark = pytest.mark.django_db

_fresh = count(1000)


def named(row: Tracked) -> str:
    return row.model.__name__


every_tracked_model = pytest.mark.parametrize("row", TRACKED, ids=named)


def waited(awaitable: Awaitable[Any]) -> Any:
    async def wait() -> Any:
        return await awaitable

    return async_to_sync(wait)()


class Log:
    """The entries since it was made, oldest first."""

    def __init__(self) -> None:
        self.known = set(Entry.objects.values_list("id", flat=True))

    def entries(self) -> list[Entry]:
        return list(Entry.objects.exclude(id__in=self.known).order_by("id"))


def make(row: Tracked, **values: Any) -> DjangoModel:
    made: DjangoModel = FACTORIES[row.model](**values)
    return made


def fresh(row: Tracked) -> DjangoModel:
    """Return an instance that could be saved, but is not: the twin of one that was."""
    twin = make(row)
    values = {field.attname: getattr(twin, field.attname) for field in row.model._meta.concrete_fields}
    twin.delete()
    del values[row.model._meta.pk.attname]
    return row.model(**values)


def written(instance: DjangoModel) -> dict[str, Any]:
    left_out = {instance._meta.pk.attname, "created_at", "updated_at"}
    fields = (field.attname for field in instance._meta.concrete_fields)
    return {name: getattr(instance, name) for name in fields if name not in left_out}


def owner_of(field: Any) -> type[DjangoModel]:
    model: type[DjangoModel] = field.related_model
    return model


def other_value(field: Any, value: Any) -> Any:
    """Return a value for the field that is valid and another one."""
    match field:
        case models.ForeignKey():
            return FACTORIES[owner_of(field)]().pk
        case ArrayField():
            return ["models:read"] if value != ["models:read"] else ["apps:read"]
        case models.JSONField():
            return [{"id": next(_fresh)}]
        case models.BooleanField():
            return not value
        case models.PositiveSmallIntegerField() | models.PositiveIntegerField():
            return value + 1 if value else 1
        case models.DateTimeField():
            return (value or FAR_FUTURE) + timedelta(days=1)
        case models.EmailField():
            return f"fresh-{next(_fresh)}@example.com"
        case models.CharField() if field.choices:
            return next(key for key, _ in field.choices if key != value)
        case models.CharField():
            return f"fresh-{next(_fresh)}"
    raise NotImplementedError(f"say here what else {field} could hold")


def plain_field(row: Tracked) -> Any:
    """Return a recorded field that many rows may share a value of; a foreign key only for want of others."""
    constrained = {name for constraint in row.model._meta.constraints for name in getattr(constraint, "fields", ())}
    free = [field for field in row.fields if not field.unique and field.name not in {*row.masked, *row.personal}]
    values = [field for field in free if field.name not in constrained]
    return next((field for field in values if not field.is_relation), None) or (values or free)[0]


def expect(entry: Entry, operation: Operation, instance: DjangoModel) -> None:
    row = row_for(type(instance))
    app = follow(instance, row.app) if row.app is not None else None
    assert entry.operation == operation
    assert entry.success
    assert entry.account_id == (follow(instance, row.account) or Account.PLATFORM_ID)
    assert entry.app_id == (app.pk if app else None)
    assert entry.targets == targets(instance)


def targets(instance: DjangoModel) -> list[dict[str, str]]:
    things = [follow(instance, path) for path in row_for(type(instance)).targets]
    return [target(thing) if isinstance(thing, DjangoModel) else {"id": thing, "type": "role"} for thing in things]


def target(thing: DjangoModel) -> dict[str, str]:
    row = row_for(type(thing))
    return {"id": str(follow(thing, row.public_id)), "type": row.kind}


# Creating

Create = Callable[[DjangoModel], DjangoModel]


def manager_of(instance: DjangoModel) -> Any:
    return type(instance)._default_manager


def related_manager_of(instance: DjangoModel) -> Any:
    """Return what the instance's owner calls its rows of this kind, if it has a name for them."""
    for field in instance._meta.concrete_fields:
        if type(field) is models.ForeignKey and not field.remote_field.hidden:
            return getattr(getattr(instance, field.name), field.remote_field.get_accessor_name())
    return manager_of(instance)


def saved(instance: DjangoModel) -> DjangoModel:
    instance.save()
    return instance


def saved_asynchronously(instance: DjangoModel) -> DjangoModel:
    waited(instance.asave())
    return instance


WAYS_TO_CREATE: dict[str, Create] = {
    "save": saved,
    "asave": saved_asynchronously,
    "create": lambda new: manager_of(new).create(**written(new)),
    "acreate": lambda new: waited(manager_of(new).acreate(**written(new))),
    "get_or_create": lambda new: manager_of(new).get_or_create(**written(new))[0],
    "aget_or_create": lambda new: waited(manager_of(new).aget_or_create(**written(new)))[0],
    "update_or_create": lambda new: manager_of(new).update_or_create(**written(new))[0],
    "bulk_create": lambda new: manager_of(new).bulk_create([new])[0],
    "abulk_create": lambda new: waited(manager_of(new).abulk_create([new]))[0],
    "base manager": lambda new: type(new)._base_manager.create(**written(new)),
    "related create": lambda new: related_manager_of(new).create(**written(new)),
    "related get_or_create": lambda new: related_manager_of(new).get_or_create(**written(new))[0],
    "related add": lambda new: (
        related_manager_of(new).add(new, bulk=False) or new if hasattr(related_manager_of(new), "add") else saved(new)
    ),
}


@every_tracked_model
@pytest.mark.parametrize("way", WAYS_TO_CREATE)
def test_it_records_a_creation(row: Tracked, way: str) -> None:
    new = fresh(row)
    log = Log()

    created = WAYS_TO_CREATE[way](new)

    [entry] = log.entries()
    expect(entry, row.created, created)
    assert row.model._base_manager.filter(pk=created.pk).exists()


@every_tracked_model
def test_it_records_each_row_of_bulk_create(row: Tracked) -> None:
    new = [fresh(row), fresh(row), fresh(row)]
    log = Log()

    row.model._default_manager.bulk_create(new, batch_size=2)

    for entry, created in zip(log.entries(), new, strict=True):
        expect(entry, row.created, created)


# Updating


def save_field(instance: DjangoModel, field: Any, value: Any) -> None:
    setattr(instance, field.attname, value)
    instance.save(update_fields=[field.name])


def save_all(instance: DjangoModel, field: Any, value: Any) -> None:
    setattr(instance, field.attname, value)
    instance.save()


def save_column(instance: DjangoModel, field: Any, value: Any) -> None:
    setattr(instance, field.attname, value)
    instance.save(update_fields=[field.attname])


def save_asynchronously(instance: DjangoModel, field: Any, value: Any) -> None:
    setattr(instance, field.attname, value)
    waited(instance.asave())


def save_deferred(instance: DjangoModel, field: Any, value: Any) -> None:
    save_all(type(instance)._default_manager.only("pk").get(pk=instance.pk), field, value)


def save_without_one(instance: DjangoModel, field: Any, value: Any) -> None:
    save_all(type(instance)._default_manager.defer(field.name).get(pk=instance.pk), field, value)


def save_blindly(instance: DjangoModel, field: Any, value: Any) -> None:
    """Save an instance that was never read: only its key is known."""
    columns = {column.attname: getattr(instance, column.attname) for column in instance._meta.concrete_fields}
    type(instance)(**{**columns, field.attname: value}).save()


def save_expression(instance: DjangoModel, field: Any, value: Any) -> None:
    save_all(instance, field, Value(value, output_field=field))


def bulk_update(instance: DjangoModel, field: Any, value: Any) -> None:
    setattr(instance, field.attname, value)
    manager_of(instance).bulk_update([instance], [field.name])


def bulk_update_asynchronously(instance: DjangoModel, field: Any, value: Any) -> None:
    setattr(instance, field.attname, value)
    waited(manager_of(instance).abulk_update([instance], [field.name]))


def update_or_create(instance: DjangoModel, field: Any, value: Any) -> None:
    manager_of(instance).update_or_create(pk=instance.pk, defaults={field.attname: value})


def update_or_create_asynchronously(instance: DjangoModel, field: Any, value: Any) -> None:
    waited(manager_of(instance).aupdate_or_create(pk=instance.pk, defaults={field.attname: value}))


def _only(instance: DjangoModel) -> Any:
    return manager_of(instance).filter(pk=instance.pk)


def moved_by_its_new_owner(instance: DjangoModel, field: Any, value: Any) -> None:
    """Give the row to another owner through the owner's manager, or update plainly what has no owner."""
    if isinstance(field, models.ForeignKey):
        owner = owner_of(field)._base_manager.get(pk=value)
        getattr(owner, field.remote_field.get_accessor_name()).add(instance)
    else:
        save_all(instance, field, value)


Update = Callable[[DjangoModel, Any, Any], object]
WAYS_TO_UPDATE: dict[str, Update] = {
    "save": save_all,
    "save(update_fields)": save_field,
    "save(update_fields) by column": save_column,
    "asave": save_asynchronously,
    "save what was only()": save_deferred,
    "save what was defer()": save_without_one,
    "save what was never read": save_blindly,
    "save an expression": save_expression,
    "bulk_update": bulk_update,
    "abulk_update": bulk_update_asynchronously,
    "update_or_create": update_or_create,
    "aupdate_or_create": update_or_create_asynchronously,
    "related add": moved_by_its_new_owner,
    "update": lambda it, field, value: _only(it).update(**{field.name: value}),
    "aupdate": lambda it, field, value: waited(_only(it).aupdate(**{field.name: value})),
    "update an expression": lambda it, field, value: _only(it).update(**{field.name: Value(value, output_field=field)}),
    "update by base manager": lambda it, field, value: (
        type(it)._base_manager.filter(pk=it.pk).update(**{field.name: value})
    ),
    "update of values()": lambda it, field, value: _only(it).values(field.name).update(**{field.name: value}),
    "update of values_list()": lambda it, field, value: _only(it).values_list("pk").update(**{field.name: value}),
    "update of only()": lambda it, field, value: _only(it).only("pk").update(**{field.name: value}),
    "update of defer()": lambda it, field, value: _only(it).defer(field.name).update(**{field.name: value}),
    "update in order": lambda it, field, value: _only(it).order_by("-pk").update(**{field.name: value}),
    "update what select_related()": lambda it, field, value: _only(it).select_related().update(**{field.name: value}),
    "update a subquery": lambda it, field, value: (
        manager_of(it).filter(pk__in=_only(it).values("pk")).update(**{field.name: value})
    ),
}


@every_tracked_model
@pytest.mark.parametrize("way", WAYS_TO_UPDATE)
def test_it_records_an_update(row: Tracked, way: str) -> None:
    instance, field = make(row), plain_field(row)
    instance.refresh_from_db()
    value = other_value(field, getattr(instance, field.attname))
    log = Log()

    WAYS_TO_UPDATE[way](instance, field, value)

    [entry] = log.entries()
    updated = row.model._base_manager.get(pk=instance.pk)
    assert getattr(updated, field.attname) == value
    assert list(entry.event["changes"]) == [field.name]
    expect(entry, row.updated, updated)


every_recorded_field = pytest.mark.parametrize(
    ("row", "field"),
    [pytest.param(row, field, id=f"{named(row)}.{field.name}") for row in TRACKED for field in row.fields],
)


@every_recorded_field
def test_it_records_a_change_of_each_field(row: Tracked, field: Any) -> None:
    instance = make(row)
    instance.refresh_from_db()
    value = other_value(field, getattr(instance, field.attname))
    log = Log()

    row.model._base_manager.filter(pk=instance.pk).update(**{field.name: value})

    [entry, *others] = [entry for entry in log.entries() if field.name in entry.event["changes"]]
    assert len(others) == (entry.operation == Operation.APPLICATION_TRANSFER), "only a transfer is told to two accounts"
    before, after = entry.event["changes"][field.name]
    assert before != after or field.name in row.masked


@every_tracked_model
def test_it_records_each_row_of_an_update(row: Tracked) -> None:
    instances, field = [make(row), make(row)], plain_field(row)
    value = other_value(field, getattr(instances[0], field.attname))
    log = Log()

    row.model._default_manager.filter(pk__in=[instance.pk for instance in instances]).update(**{field.name: value})

    for entry, instance in zip(log.entries(), instances, strict=True):
        expect(entry, row.updated, row.model._base_manager.get(pk=instance.pk))


# Not updating

WAYS_TO_CHANGE_NOTHING: dict[str, Callable[[DjangoModel, Any], object]] = {
    "save": lambda it, field: it.save(),
    "save(update_fields)": lambda it, field: it.save(update_fields=[field.name]),
    "update": lambda it, field: _only(it).update(**{field.name: getattr(it, field.attname)}),
    "update F()": lambda it, field: _only(it).update(**{field.name: F(field.name)}),
    "update no row": lambda it, field: manager_of(it).filter(pk=-1).update(**{field.name: None}),
    "bulk_update": lambda it, field: manager_of(it).bulk_update([it], [field.name]),
    "bulk_create nothing": lambda it, field: manager_of(it).bulk_create([]),
    "get_or_create": lambda it, field: manager_of(it).get_or_create(pk=it.pk),
    "update_or_create": lambda it, field: manager_of(it).update_or_create(pk=it.pk),
    "delete no row": lambda it, field: manager_of(it).filter(pk=-1).delete(),
}


@every_tracked_model
@pytest.mark.parametrize("way", WAYS_TO_CHANGE_NOTHING)
def test_it_records_nothing_when_nothing_changes(row: Tracked, way: str) -> None:
    instance = row.model._base_manager.get(pk=make(row).pk)
    log = Log()

    WAYS_TO_CHANGE_NOTHING[way](instance, plain_field(row))

    assert log.entries() == []


@every_recorded_field
def test_it_records_nothing_for_the_same_value_written_differently(row: Tracked, field: Any) -> None:
    instance = row.model._base_manager.get(pk=make(row).pk)
    value = getattr(instance, field.attname)
    spelled = {int: str, list: tuple}.get(type(value), lambda same: same)(value)
    setattr(instance, field.attname, spelled)
    log = Log()

    instance.save()

    assert log.entries() == []


# Deleting

WAYS_TO_DELETE: dict[str, Callable[[DjangoModel], object]] = {
    "delete": lambda it: it.delete(),
    "adelete": lambda it: waited(it.adelete()),
    "QuerySet.delete": lambda it: _only(it).delete(),
    "QuerySet.adelete": lambda it: waited(_only(it).adelete()),
    "delete by base manager": lambda it: type(it)._base_manager.filter(pk=it.pk).delete(),
    "delete of only()": lambda it: _only(it).only("pk").delete(),
    "delete what was only()": lambda it: _only(it).only("pk").get().delete(),
    "delete in order": lambda it: _only(it).order_by("-pk").delete(),
}


@every_tracked_model
@pytest.mark.parametrize("way", WAYS_TO_DELETE)
def test_it_records_a_deletion(row: Tracked, way: str) -> None:
    instance = make(row)
    kept = row.model._base_manager.get(pk=instance.pk)
    log = Log()

    WAYS_TO_DELETE[way](instance)

    [entry] = log.entries()
    expect(entry, row.deleted, kept)
    assert entry.event["changes"]


every_parent = pytest.mark.parametrize(
    ("row", "field"),
    [
        pytest.param(row, field, id=f"{named(row)}.{field.name}")
        for row in TRACKED
        for field in row.model._meta.concrete_fields
        if isinstance(field, models.ForeignKey) and field.remote_field.on_delete is models.CASCADE
    ],
)


@pytest.mark.parametrize("way", ["delete", "QuerySet.delete"])
@every_parent
def test_it_records_a_cascade(row: Tracked, field: Any, way: str) -> None:
    instance = make(row, **({field.name: FACTORIES[owner_of(field)]()} if field.null else {}))
    kept = row.model._base_manager.select_related(*row.relations).get(pk=instance.pk)
    log = Log()

    WAYS_TO_DELETE[way](getattr(instance, field.name))

    [entry] = [entry for entry in log.entries() if entry.operation == row.deleted and entry.targets == targets(kept)]
    expect(entry, row.deleted, kept)
    assert not row.model._base_manager.filter(pk=kept.pk).exists()


# Many to many


every_side = pytest.mark.parametrize(
    ("field", "name"),
    [
        pytest.param(field, name, id=f"{named(row)}.{field.name}{'' if name else ' from the other side'}")
        for row in TRACKED
        for field in row.model._meta.many_to_many
        for name in (field.name, None)
    ],
)


@pytest.fixture
def pair(field: Any, name: str | None) -> tuple[Any, list[DjangoModel], Tracked]:
    """Return the manager of one side, three rows of the other, and how the table between is tracked."""
    through = row_for(field.remote_field.through)
    made = make(through)
    source, target = getattr(made, field.m2m_field_name()), getattr(made, field.m2m_reverse_field_name())
    if name is None:
        source, target, name = target, source, field.remote_field.get_accessor_name()
    account = {"account": source.account}
    others = [target, *(FACTORIES[type(target)](**account) for _ in range(2))]
    return getattr(source, name), others, through


@every_side
@pytest.mark.parametrize(
    ("way", "added", "removed"),
    [
        (lambda manager, rows: manager.add(*rows), 2, 0),
        (lambda manager, rows: manager.remove(rows[0]), 0, 1),
        (lambda manager, rows: manager.set(rows[1:]), 2, 1),
        (lambda manager, rows: manager.set(rows, clear=True), 3, 1),
        (lambda manager, rows: manager.clear(), 0, 1),
        (lambda manager, rows: waited(manager.aset(rows)), 2, 0),
        (lambda manager, rows: manager.add(rows[0]), 0, 0),
    ],
    ids=["add", "remove", "set", "set(clear)", "clear", "aset", "add what is there"],
)
def test_it_records_who_joins_and_leaves(
    pair: tuple[Any, list[DjangoModel], Tracked],
    way: Callable[[Any, list[DjangoModel]], object],
    added: int,
    removed: int,
) -> None:
    manager, rows, through = pair
    log = Log()

    way(manager, rows)

    operations = [entry.operation for entry in log.entries()]
    assert operations.count(through.created) == added
    assert operations.count(through.deleted) == removed
    assert len(operations) == added + removed


# Ways that can't be recorded

WAYS_THAT_HIDE: dict[str, Callable[[DjangoModel], object]] = {
    "ignore_conflicts": lambda new: manager_of(new).bulk_create([new], ignore_conflicts=True),
    "ignore_conflicts by place": lambda new: manager_of(new).bulk_create([new], None, True),
    "update_conflicts": lambda new: manager_of(new).bulk_create(
        [new], update_conflicts=True, unique_fields=["pk"], update_fields=[plain_field(row_for(type(new))).name]
    ),
    "update_conflicts by place": lambda new: manager_of(new).bulk_create(
        [new], None, False, True, [plain_field(row_for(type(new))).name], ["pk"]
    ),
    "_raw_delete": lambda new: manager_of(new).all()._raw_delete("default"),
}


@every_tracked_model
@pytest.mark.parametrize("way", WAYS_THAT_HIDE)
def test_it_refuses_what_it_could_not_record(row: Tracked, way: str) -> None:
    new = fresh(row)
    log, rows = Log(), row.model._base_manager.count()

    with pytest.raises(TypeError, match=row.model.__name__), transaction.atomic():
        WAYS_THAT_HIDE[way](new)

    assert (row.model._base_manager.count(), log.entries()) == (rows, [])
