"""Models whose every change is observable: Django sends no signal for bulk operations, so these send one.

A tracked model inherits ``TrackedModel``. Nothing here knows who listens.
"""

from collections.abc import Iterable
from typing import Any, NoReturn, TypeVar

from django.db import models, transaction
from django.db.models.deletion import Collector
from django.dispatch import Signal

from .context import together

BOOKKEEPING = ("id", "created_at", "updated_at", "last_login", "last_used_at")
"""Fields written by the framework itself at each save, or by nobody's decision: their change is no operation."""

rows_created = Signal()
"""Sent with ``instances`` after ``bulk_create``, in its transaction."""

rows_updated = Signal()
"""Sent with ``pairs`` of instances (before, after) after ``QuerySet.update``, in its transaction."""

T = TypeVar("T", bound=models.Model)


class HoldingCollector(Collector):
    """Finds what a deletion takes along and holds it, so that each row is deleted once, and as it was last."""

    def related_objects(self, *args: Any) -> models.QuerySet[Any]:
        rows: models.QuerySet[Any] = super().related_objects(*args)
        return rows.select_for_update(of=("self",))


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
        """The whole rows, held until the transaction ends: what happens to them is recorded as of then."""
        rows: models.QuerySet[T] = self.order_by()
        if rows._fields is not None:  # type: ignore[attr-defined]
            rows = self.model._base_manager.using(self.db).filter(pk__in=rows.values("pk"))
        return rows.select_related(None).defer(None).select_for_update(of=("self",), no_key=no_key)

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete all rows and what depends on them; each one is reported. Rows that are gone already are not."""
        with transaction.atomic(using=self.db, savepoint=False), together():
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
        with transaction.atomic(savepoint=False):
            super().save(*args, **options)

    def hold(self) -> None:
        """Read the row again and hold it until the transaction ends: a rule is about what is stored now.

        Raises:
            DoesNotExist: when it was deleted meanwhile.
        """
        rows = type(self)._base_manager.select_for_update(of=("self",), no_key=True)
        self.refresh_from_db(from_queryset=rows)

    def delete(self, using: Any = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:
        """Delete with everything that depends on it, as it is stored; their records are written in one statement."""
        if self.pk is None:
            raise ValueError(f"{self!r} can't be deleted: it was never saved.")
        deleted = type(self)._base_manager.filter(pk=self.pk).delete()
        self.pk = None
        return deleted
