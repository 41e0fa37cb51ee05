"""Models whose every change is observable: Django sends no signal for bulk operations, so these send one.

A tracked model inherits ``TrackedModel``. Nothing here knows who listens.
"""

from collections.abc import Iterable
from typing import Any, NoReturn, TypeVar

from django.db import models, transaction
from django.dispatch import Signal

from .context import together

rows_created = Signal()
"""Sent with ``instances`` after ``bulk_create``, in its transaction."""

rows_updated = Signal()
"""Sent with ``pairs`` of instances (before, after) after ``QuerySet.update``, in its transaction."""

T = TypeVar("T", bound=models.Model)


class TrackedQuerySet(models.QuerySet[T]):
    """A QuerySet whose bulk writes are as observable as ``save`` and ``delete``."""

    def bulk_create(self, objs: Iterable[T], *args: Any, **options: Any) -> list[T]:
        """Create all rows and report each; refuse the options that hide which rows were written.

        Raises:
            TypeError: for ``ignore_conflicts`` and ``update_conflicts``.
        """
        for option in ("ignore_conflicts", "update_conflicts"):
            if options.get(option):
                raise TypeError(
                    f"{self.model.__name__}.bulk_create({option}=True) can't be recorded: the database does not say "
                    "which rows it wrote. Look the existing rows up first."
                )
        with transaction.atomic(using=self.db, savepoint=False):
            created = super().bulk_create(objs, *args, **options)
            if created:
                rows_created.send(sender=self.model, instances=created)
        return created

    def update(self, **values: Any) -> int:
        """Update all rows, report each with what it was before, and return how many there were."""
        with transaction.atomic(using=self.db, savepoint=False):
            before = {row.pk: row for row in self._rows_for_update()}
            rows = self.model._base_manager.using(self.db).filter(pk__in=before)
            models.QuerySet.update(rows, **values)
            after = rows.in_bulk()
            if len(after) != len(before):
                raise TypeError(f"{self.model.__name__}.update() can't change primary keys: the rows would be lost.")
            if before:
                rows_updated.send(sender=self.model, pairs=[(row, after[pk]) for pk, row in before.items()])
        return len(before)

    update.alters_data = True  # type: ignore[attr-defined]

    def _rows_for_update(self) -> models.QuerySet[T]:
        rows: models.QuerySet[T] = self.order_by()
        if rows._fields is not None:  # type: ignore[attr-defined]
            rows = self.model._base_manager.using(self.db).filter(pk__in=rows.values("pk"))
        return rows.select_related(None).select_for_update(of=("self",), no_key=True)

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete all rows and what depends on them; each one is reported."""
        with transaction.atomic(using=self.db, savepoint=False), together():
            return super().delete()

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

    def delete(self, *args: Any, **options: Any) -> tuple[int, dict[str, int]]:
        """Delete with everything that depends on it; their records are written in one statement."""
        with transaction.atomic(savepoint=False), together():
            return super().delete(*args, **options)
