"""Models whose every change is observable: Django sends no signal for bulk operations, so these send one.

A tracked model inherits ``TrackedModel``. Nothing here knows who listens.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, NoReturn, TypeVar, cast

from django.db import connection, connections, models, transaction
from django.db.models.deletion import Collector, get_candidate_relations_to_delete
from django.dispatch import Signal

from .context import together

BOOKKEEPING = ("id", "created_at", "updated_at", "last_login", "last_used_at")
"""Fields written by the framework itself at each save, or by nobody's decision: their change is no operation."""

BEFORE = "_before_saving"
"""Where an instance has the values that were stored before it was saved over them, by field name; None for none."""

rows_created = Signal()
"""Sent with ``instances`` after ``bulk_create``, in its transaction."""

rows_updated = Signal()
"""Sent with ``pairs`` of instances (before, after) after ``QuerySet.update``, in its transaction."""

T = TypeVar("T", bound=models.Model)


class HoldingCollector(Collector):
    """Finds what a deletion takes along and holds it, so that each row is deleted once, and as it was last.

    Most rows take nothing along. Whether there is anything is asked of all relations at once, and may be: what is
    deleted is held, so nobody can add to it any more.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._leading: dict[int, tuple[Sequence[models.Model], set[Any]]] = {}

    def related_objects(self, related_model: Any, related_fields: Any, objs: Any) -> models.QuerySet[Any]:
        if self._leading_to(objs).isdisjoint(related_fields):
            return cast("models.QuerySet[Any]", related_model._base_manager.none())
        rows: models.QuerySet[Any] = super().related_objects(related_model, related_fields, objs)
        return rows.select_for_update(of=("self",))

    def _leading_to(self, objs: Sequence[models.Model]) -> set[Any]:
        """Return the fields through which any row leads to one of some rows: one query."""
        known = self._leading.get(id(objs))
        if known is None or known[0] is not objs:
            known = self._leading[id(objs)] = objs, self._with_any(objs)
        return known[1]

    def _with_any(self, objs: Sequence[models.Model]) -> set[Any]:
        fields, sql = _leading_here(type(objs[0]))
        if not fields[1:]:
            return set(fields)
        with connections[self.using].cursor() as cursor:
            cursor.execute(sql, [[getattr(each, field.target_field.attname) for each in objs] for field in fields])
            return {field for field, has_any in zip(fields, cursor.fetchone(), strict=True) if has_any}


@cache
def _leading_here(model: type[models.Model]) -> tuple[list[Any], str]:
    """Return the fields of others that lead to rows of a model, and the statement that says which of them do."""
    relations = cast("Iterable[Any]", get_candidate_relations_to_delete(model._meta))
    fields = [each.field for each in relations if each.on_delete is not models.DO_NOTHING]
    name = connection.ops.quote_name
    asked = [
        f"EXISTS (SELECT FROM {name(field.model._meta.db_table)} WHERE {name(field.column)} = ANY(%s))"
        for field in fields
    ]
    return fields, f"SELECT {', '.join(asked)}"


class TrackedQuerySet(models.QuerySet[T]):
    """A QuerySet whose bulk writes are as observable as ``save`` and ``delete``."""

    def bulk_create(
        self,
        objs: Iterable[T],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Any = None,
        unique_fields: Any = None,
    ) -> list[T]:
        """Create all rows and report each; refuse the options that hide which rows were written.

        Raises:
            TypeError: for ``ignore_conflicts`` and ``update_conflicts``.
        """
        if ignore_conflicts or update_conflicts:
            raise TypeError(
                f"{self.model.__name__}.bulk_create() can't ignore or update conflicts: the database does not say "
                "which rows it wrote, so they can't be recorded. Look the existing rows up first."
            )
        with transaction.atomic(using=self.db, savepoint=False):
            created = super().bulk_create(objs, batch_size)
            if created:
                rows_created.send(sender=self.model, instances=created)
        return created

    def update(self, **values: Any) -> int:
        """Update all rows, report each with what it was before, and return how many there were."""
        with transaction.atomic(using=self.db, savepoint=False):
            before = {row.pk: row for row in self._held(no_key=True)}
            rows = self.model._base_manager.using(self.db).filter(pk__in=before)
            models.QuerySet.update(rows, **values)
            after = rows.in_bulk()
            if len(after) != len(before):
                raise TypeError(f"{self.model.__name__}.update() can't change primary keys: the rows would be lost.")
            if before:
                rows_updated.send(sender=self.model, pairs=[(row, after[pk]) for pk, row in before.items()])
        return len(before)

    update.alters_data = True  # type: ignore[attr-defined]

    def _held(self, *, no_key: bool = False) -> models.QuerySet[T]:
        """The whole rows, held in order until the transaction ends: what happens to them is recorded as of then."""
        rows: models.QuerySet[T] = self.order_by("pk")
        if rows._fields is not None:  # type: ignore[attr-defined]
            rows = self.model._base_manager.using(self.db).filter(pk__in=rows.values("pk"))
        return rows.select_related(None).defer(None).select_for_update(of=("self",), no_key=no_key)

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete all rows and what depends on them; each one is reported. Rows that are gone already are not."""
        with transaction.atomic(using=self.db, savepoint=False), together(to_the_end=True):
            collector = HoldingCollector(using=self.db, origin=self)
            collector.collect(self._held())  # type: ignore[arg-type]
            return collector.delete()

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def _raw_delete(self, using: str | None) -> NoReturn:
        raise TypeError(f"{self.model.__name__} rows can't be deleted unobserved: use delete().")


class TrackedModel(models.Model):
    """A model whose changes are recorded; saving and deleting happen in a transaction with their record."""

    objects = models.Manager.from_queryset(TrackedQuerySet)()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def save(self, *args: Any, **options: Any) -> None:
        """Save, and let the record of it live or die with it."""
        self.__dict__.pop(BEFORE, None)  # of a save that failed
        with transaction.atomic(savepoint=False), together(to_the_end=True):
            super().save(*args, **options)

    def _do_update(self, base_qs: Any, using: Any, pk_val: Any, *further: Any) -> bool:
        """Update the row. It is read and held by the same message, in front: its record has to know what it was."""

        def execute(run: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
            answer = run(f"{_read_and_hold(type(self))}; {sql}", (pk_val, *params), many, context)
            cursor = context["cursor"]
            setattr(self, BEFORE, _stored(type(self), cursor.fetchone()))
            cursor.nextset()
            return answer

        with connections[using].execute_wrapper(execute):
            updated: bool = super()._do_update(base_qs, using, pk_val, *further)
        return updated

    def hold(self) -> None:
        """Read the row again and hold it until the transaction ends: a rule is about what is stored now.

        Raises:
            DoesNotExist: when it was deleted meanwhile.
        """
        rows = type(self)._base_manager.select_for_update(of=("self",), no_key=True)
        self.refresh_from_db(from_queryset=rows)

    def delete(self, using: Any = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:
        """Delete with everything that depends on it, as it is stored; their records are written in one statement.

        What it belongs to is named as it is at hand.
        """
        if self.pk is None:
            raise ValueError(f"{self!r} can't be deleted: it was never saved.")
        rows = type(self)._base_manager.filter(pk=self.pk)
        rows._known_related_objects = _relatives(self)  # type: ignore[attr-defined]
        deleted = rows.delete()
        self.pk = None
        return deleted


@cache
def _read_and_hold(model: type[models.Model]) -> str:
    """Return the statement that reads a row by its key, and holds it until the transaction ends."""
    name, meta = connection.ops.quote_name, model._meta
    columns = ", ".join(name(field.column) for field in meta.concrete_fields)
    key = name(meta.pk.column)
    return f"SELECT {columns} FROM {name(meta.db_table)} WHERE {key} = %s FOR NO KEY UPDATE"  # noqa: S608


def _stored(model: type[models.Model], row: Iterable[Any] | None) -> dict[str, Any] | None:
    """Return the values of a row as its fields have them."""
    if row is None:
        return None
    values, fields = {}, cast("Iterable[Any]", model._meta.concrete_fields)
    for field, value in zip(fields, row, strict=True):
        for convert in field.get_db_converters(connection):
            value = convert(value, None, connection)
        values[field.name] = value
    return values


def _relatives(instance: models.Model) -> dict[Any, dict[Any, models.Model]]:
    """Return what an instance belongs to and has at hand, as a QuerySet remembers it: no need to look it up again."""
    fields = cast("Iterable[Any]", instance._meta.fields)
    relations = [field for field in fields if field.is_relation and field.is_cached(instance)]
    relatives = {field: field.get_cached_value(instance) for field in relations}
    return {field: {relative.pk: relative} for field, relative in relatives.items() if relative is not None}
