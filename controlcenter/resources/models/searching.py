"""Lists that people search, and counts that stop where nobody wants to know more."""

from functools import reduce
from operator import or_
from typing import Self, TypeVar

from django.db import models
from django.db.models import OuterRef, Q, Subquery

from controlcenter.tracking import TrackedQuerySet

T = TypeVar("T", bound=models.Model)


class SearchedQuerySet(TrackedQuerySet[T]):
    """Rows that people look for by the fields that the model calls ``SEARCHED``."""

    def matching(self, text: str) -> Self:
        """Rows with the text in their id, name or description; all of them for no text."""
        fields: tuple[str, ...] = self.model.SEARCHED  # type: ignore[attr-defined]
        text = text.strip()
        return self.filter(reduce(or_, (Q(**{f"{name}__icontains": text}) for name in fields))) if text else self


class _Counted(Subquery):
    template = "(SELECT count(*) FROM (%(subquery)s) AS counted)"
    output_field = models.IntegerField()


COUNTED = 101
"""Rows beyond these are not counted: "100+" is all that anybody wants to know."""


def count_of(part: type[models.Model], owner: str) -> Subquery:
    """Return an expression: how many rows of a model belong to the row at hand, as far as ``COUNTED``."""
    return _Counted(part._default_manager.filter(**{owner: OuterRef("pk")}).order_by().values("pk")[:COUNTED])
