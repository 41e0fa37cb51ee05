"""Triggers on every tracked table, made from ``TRACKED``: a change that the recorder did not observe becomes an entry.

They are deferred: the function they call (migration 0010) looks when the transaction commits, and finds in a setting
of the transaction what was observed. Only tracked columns count, so bookkeeping leaves none. Where other rows belong to
an account through a row, its deletion is noted at once, so that they are still found to be of that account.
"""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import sha256
from typing import Any

from django.db import connection, models

from auditlog.tracked import TRACKED, Tracked

MOST_NAMED = 200
"""Rows of one table that a statement names as observed. Of more than that, it names the table."""

OBSERVE = "SELECT auditlog_observe(%s, %s)"
Observed = tuple[str, str]
"""What ``OBSERVE`` takes: rows, and the tables they are in."""

MADE = """
SELECT relation.relname, trigger.tgname, obj_description(trigger.oid, 'pg_trigger'), trigger.tgenabled IN ('O', 'A')
FROM pg_trigger AS trigger JOIN pg_class AS relation ON relation.oid = trigger.tgrelid
WHERE trigger.tgfoid IN (to_regproc('auditlog_unattributed'), to_regproc('auditlog_note_gone'))
"""

CREATE = """
DROP TRIGGER IF EXISTS {name} ON {table};
CREATE {kind}TRIGGER {name} AFTER {events} ON {table} {how};
COMMENT ON TRIGGER {name} ON {table} IS '{digest}';
"""


def install() -> None:
    """Make the triggers that are missing, or are not as ``TRACKED`` has it now."""
    wrong = differing()
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regproc('auditlog_note_gone')")
        if cursor.fetchone() == (None,):  # Migrated backwards, to before there was any of this.
            return
        for name, sql in _wanted():
            if name in wrong:
                cursor.execute(sql)


def differing() -> list[tuple[str, str]]:
    """Return table and name of each trigger that is missing, switched off, or not as ``TRACKED`` has it now."""
    with connection.cursor() as cursor:
        cursor.execute(MADE)
        made = {(table, name): (comment, enabled) for table, name, comment, enabled in cursor.fetchall()}
    return [name for name, sql in _wanted() if made.get(name) != (_digest(sql), True)]


def observed(rows: Iterable[models.Model]) -> Observed | None:
    """Return what ``OBSERVE`` takes to name rows whose changes were looked at; None for none."""
    by_table: dict[str, list[Any]] = {}
    for row in rows:
        by_table.setdefault(row._meta.db_table, []).append(row.pk)
    if not by_table:
        return None
    tables = "".join(f",{table}:*," for table in by_table)
    named = "".join(
        f",{table}:{key},"
        for table, keys in by_table.items()
        for key in (["*"] if len(keys) > MOST_NAMED else dict.fromkeys(keys))
    )
    return named, tables


def _wanted() -> Iterator[tuple[tuple[str, str], str]]:
    """Yield table and name of each trigger, with the statements that make it."""
    for row in TRACKED:
        table, told = row.model._meta.db_table, _quoted(json.dumps(told_of(row), sort_keys=True))
        columns = [f'"{field.column}"' for field in row.fields]
        old, new = (", ".join(f"{which}.{column}" for column in columns) for which in ("OLD", "NEW"))
        each = "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW {when}EXECUTE FUNCTION auditlog_unattributed({told})"
        for name, events, when in (
            ("unattributed_row", "INSERT OR DELETE", ""),
            ("unattributed_change", "UPDATE", f"WHEN (ROW({old}) IS DISTINCT FROM ROW({new})) "),
        ):
            yield _made(table, name, "CONSTRAINT ", events, each.format(when=when, told=told))
        if table in _parents():
            noted = f"REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION auditlog_note_gone({told})"
            yield _made(table, "unattributed_gone", "", "DELETE", noted)


def _made(table: str, name: str, kind: str, events: str, how: str) -> tuple[tuple[str, str], str]:
    parts = {"name": name, "table": table, "kind": kind, "events": events, "how": how}
    return (table, name), CREATE.format(**parts, digest=sha256(json.dumps(parts).encode()).hexdigest())


@cache
def _parents() -> set[str]:
    """Return the tables through which rows of others belong to an account or an app."""
    through = (_through(row, path) for row in TRACKED for path in (_account_path(row), row.app))
    return {step[0] for step in through if step}


def _digest(sql: str) -> str:
    return sql.rpartition(" IS '")[2].partition("'")[0]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# How a row is told


def told_of(row: Tracked) -> dict[str, Any]:
    """Return how the trigger tells a changed row: its fields, and the queries that find its account and app."""
    target = row.targets[0] == ""  # What is named by other rows, is told by its own table and id alone.
    return {
        "fields": [{"column": field.column, "name": field.name, "shown": _shown(row, field)} for field in row.fields],
        "account": _account_query(row),
        "app": None if row.app is None else _query(row.model, row.app, ("id", "slug", "name")),
        "through_account": _through(row, _account_path(row)),
        "through_app": _through(row, row.app),
        "target": row.kind if target else None,
        "id": _column(row.model, row.public_id),
        "name": _column(row.model, row.name),
    }


def _shown(row: Tracked, field: "models.Field[Any, Any]") -> str:
    if field.name not in row.shown:
        return "masked"
    if isinstance(field, models.DateTimeField):
        return "time"
    return "text" if isinstance(field, models.ForeignKey | models.FloatField | models.DecimalField) else "plain"


def _column(model: type[models.Model], name: str) -> str:
    return name if name in {field.column for field in model._meta.concrete_fields} else "id"


def _account_path(row: Tracked) -> str:
    return row.account.rpartition(".")[0]


def _through(row: Tracked, path: str | None) -> tuple[str, str] | None:
    """Return the table that a path leads through first, and the column that leads there; None when there is none."""
    if not path:
        return None
    field: Any = row.model._meta.get_field(path.partition(".")[0])
    return field.related_model._meta.db_table, field.column


def _account_query(row: Tracked) -> str:
    path, _, column = row.account.rpartition(".")
    if not path and column == "pk":
        column = "id"
    if not path and column not in {field.column for field in row.model._meta.concrete_fields}:
        return f"SELECT {int(getattr(row.model, column))}::bigint"  # Plans are the platform's.
    return _query(row.model, path, (column,))


def _query(model: type[models.Model], path: str, columns: tuple[str, ...]) -> str:
    """Return the query of some columns at the end of a path; $1 is the row it begins with, as JSON."""
    steps = path.split(".") if path else []
    if not steps:
        return "SELECT " + ", ".join(
            f"($1 ->> '{column}'){'::bigint' if column.endswith('id') else ''}" for column in columns
        )
    field: Any = model._meta.get_field(steps[0])
    source, current = f"{field.related_model._meta.db_table} AS step_0", field.related_model
    for number, step in enumerate(steps[1:]):
        further: Any = current._meta.get_field(step)
        current = further.related_model
        source += (
            f" JOIN {current._meta.db_table} AS step_{number + 1}"
            f" ON step_{number + 1}.id = step_{number}.{further.column}"
        )
    last = len(steps) - 1
    wanted = ", ".join(f"step_{last}.{column}" for column in columns)
    return f"SELECT {wanted} FROM {source} WHERE step_0.id = ($1 ->> '{field.column}')::bigint"  # noqa: S608
