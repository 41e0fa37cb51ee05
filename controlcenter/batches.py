"""What the operations of every family do alike: list, look up, and create or change several things at once."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from accounts.models import Member

from .calls import path_of
from .context import RULES, Attempt, attempting_each, together
from .operations import Operation
from .problems import Problem
from .wire import DEEPEST, MOST_AT_ONCE, Message, Page

NOT_FOR_US = re.compile(r"user_app_id\.(user_id|app_id)|additional_fields")
"""Parameters that the public client repeats from the path, or that ask for fields we always send."""

Row = TypeVar("Row", bound=Model)


def listed(request: HttpRequest, rows: "QuerySet[Row]", query: Page) -> list[Row]:
    """Return the page of some rows that a query asks for. Raises ``Problem`` for parameters that nobody knows."""
    known = {*type(query).model_fields, *path_of(request)}
    if unknown := [name for name in request.GET if name not in known and not NOT_FOR_US.fullmatch(name)]:
        names = ", ".join(sorted(type(query).model_fields))
        raise Problem("invalid", f"The parameter {unknown[0]!r} is unknown: the list knows {names}.")
    end = query.page * query.per_page
    if end > DEEPEST:
        raise Problem(
            "out_of_range", f"Page {query.page} of {query.per_page} ends beyond {DEEPEST:,}: narrow the list."
        )
    return list(rows[end - query.per_page : end])


def one(rows: "QuerySet[Row]", public_id: str, *, by: str = "slug") -> Row:
    """Return the row with this id, which the field ``by`` holds. Raises ``Problem``."""
    row = rows.filter(**{by: public_id}).first()
    if row is None:
        raise _missing(rows, public_id)
    return row


def several(rows: "QuerySet[Row]", ids: Sequence[str], *, by: str = "slug") -> list[Row]:
    """Return the rows with these ids, in their order. Raises ``Problem`` when one is missing."""
    return _in_order(rows, ids, rows.filter(**{f"{by}__in": ids}), by)


def _in_order(among: "QuerySet[Any]", ids: Sequence[Any], rows: "QuerySet[Row]", by: str) -> list[Row]:
    public_id = attrgetter(by.replace("__", "."))
    found = {public_id(row): row for row in rows}
    if missing := [given for given in ids if given not in found]:
        raise _missing(among, *missing)
    return [found[given] for given in ids]


@contextmanager
def creating(
    member: Member,
    operation: Operation,
    ids: Sequence[str | None],
    among: "QuerySet[Any] | None",
    parent: Model | None = None,
) -> Iterator[None]:
    """Attempt to create things together: all of them or none; each leaves one entry, of its success or its failure.

    Args:
        among: where no id may be taken yet; None when that is for the model to say.
    """
    names = ids if 0 < len(ids) <= MOST_AT_ONCE else [None]
    with attempting_each([Attempt(operation, member.account_id, parent=parent, name=name or "") for name in names]):
        _require_ids(ids, MOST_AT_ONCE, needed=False)
        with transaction.atomic(), together():
            if among is not None:
                refuse_taken(among, [given for given in ids if given])
            yield


def refuse_taken(among: "QuerySet[Any]", ids: Sequence[str]) -> None:
    """Raise ``Problem`` when one of the ids stands for something already."""
    if taken := among.filter(slug__in=ids).values_list("slug", flat=True).first():
        raise Problem("conflict", f"The {_kind(among)} {taken!r} exists already: choose another id.")


@contextmanager
def changing(
    member: Member,
    operation: Operation,
    ids: Sequence[str | None],
    among: "QuerySet[Row]",
    parent: Model | None = None,
    *,
    by: str = "slug",
    most: int = MOST_AT_ONCE,
) -> Iterator[list[Row]]:
    """Attempt to change or delete things together: all of them or none; each leaves one entry.

    Yields the rows in the order of their ids, held until the end.

    Args:
        by: the field that holds the ids: ``user__slug`` for what is named by its user.
    """
    names, account = ids if 0 < len(ids) <= most else [None], member.account_id
    public_id = attrgetter(by.replace("__", "."))
    found = {public_id(row): row for row in among.filter(**{f"{by}__in": [name for name in names if name]})}
    with attempting_each([Attempt(operation, account, found.get(name), parent, name or "") for name in names]):
        _require_ids(ids, most)
        with transaction.atomic(), together():
            rows = among.filter(pk__in=[row.pk for row in found.values()]).order_by("pk")
            yield _in_order(among, ids, rows.select_for_update(of=("self",)), by)


def _require_ids(ids: Sequence[str | None], most: int, *, needed: bool = True) -> None:
    given = [text for text in ids if text]
    if not ids or len(ids) > most:
        raise Problem("invalid", f"The list has {len(ids)} parts: send 1 to {most}.")
    if needed and len(given) < len(ids):
        raise Problem("invalid", "A part of the list has no id: say which thing it is about.")
    if len(set(given)) < len(given):
        twice = next(text for text in given if given.count(text) > 1)
        raise Problem("invalid", f"The id {twice!r} stands twice in the list: send it once.")


def _missing(rows: "QuerySet[Any]", *ids: Any) -> Problem:
    names = ", ".join(repr(given) for given in ids[:10])
    return Problem("not_found", f"There is no {_kind(rows)} {names}: check the id.")


def _kind(rows: "QuerySet[Any]") -> str:
    return str(rows.model._meta.verbose_name)


def saved(row: Row, message: Message, place: str, **values: Any) -> Row:
    """Write what a message gives, and the values, into a row; check it as the pages do, and save what was given.

    Args:
        place: where the message stands in the body, for the sentence of a refusal: ``apps[0]``.
    """
    given = {**message.given(), **values}
    if not row._state.adding:
        given.pop("slug", None)  # An id stays.
    for column, value in given.items():
        setattr(row, column, value)
    checked(row, place, {column: name for name, column in message.columns.items()})
    if row._state.adding:
        row.save()
    elif given:
        row.save(update_fields=[*given, *_times_of(row)])
    return row


def checked(row: Row, place: str, names: dict[str, str]) -> Row:
    """Return the row, once each of its fields has been found valid. Raises ``Problem``.

    Args:
        names: what the wire calls the row's fields.
    """
    try:
        row.clean_fields(exclude=[field.name for field in row._meta.fields if field.is_relation])
        row.clean()
    except ValidationError as error:
        if not hasattr(error, "error_dict"):  # It is about no field in particular.
            raise
        complaints = [
            f"{place}.{names.get(column, column)} is {getattr(row, column, None)!r:.80}: {' '.join(messages)}"
            for column, messages in error.message_dict.items()
        ]
        codes = [str(one.code) for errors in error.error_dict.values() for one in errors]
        raise Problem(next((code for code in codes if code in RULES), "invalid"), " ".join(complaints)) from None
    return row


def _times_of(row: Model) -> list[str]:
    return [field.name for field in row._meta.fields if field.name == "updated_at"]
