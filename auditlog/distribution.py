"""The log on several machines: its tables distributed by account with Citus, the rest beside the coordinator.

Every statement of the product names one account, or is one of the few that go through all of them; each of these joins
the tables of the log by account, so that all are legal there. Reading works, and can be measured on a copy. Writing is
refused, and so is what comes behind it, for reasons that were found on a cluster (``OBSTACLES``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from controlcenter.replica import NotHere

DISTRIBUTED = ("auditlog_entry", "auditlog_seal", "auditlog_block", "auditlog_hour", "auditlog_text_chunk")
"""By account, all of an account's on one machine. Those that are not there are left out."""

REFERENCE = (
    "auditlog_subject",
    "auditlog_hours_rolled",
    "auditlog_stall",
    "auditlog_verification",
    "auditlog_certificate",
)
"""Asked for together with an account's own: small, and the same on each machine."""

OBSTACLES = (
    "Row-level security: workers are not told whose log a statement reads, so to the servers' role there is nothing.",
    "Order: pg_current_snapshot() and the like are answered by the worker that a statement is sent to, and entries "
    "bear the coordinator's numbers. What seals, counts, follows or watches would pass entries by.",
    "Two machines: a change ends on the coordinator and its entry on a worker. A crash between leaves one without the "
    "other, unless Citus knows both tables and so ends both in two phases.",
    "Watching: triggers of a table that Citus knows are told another name of it, and take each change for one past the "
    "application.",
)
"""Why nothing may be written to a distributed log yet. Found with Citus 13.2: see docs/scaling.md."""

NAMING_IS_WATCHED = """
SELECT EXISTS (SELECT FROM pg_trigger WHERE tgname = 'refuse_erased' AND tgrelid = 'auditlog_subject'::regclass)
"""

FENCE = """
SELECT format('DROP POLICY %%I ON %%I', policyname, tablename) FROM pg_policies WHERE tablename = ANY (%s)
UNION ALL
SELECT format('ALTER TABLE %%I DISABLE ROW LEVEL SECURITY', relname) FROM pg_class
WHERE relrowsecurity AND relname = ANY (%s)
"""


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do: why, and the statement."""

    sentence: str
    sql: str


class Refused(Exception):  # noqa: N818
    """The log can't be distributed here; the message says why, and what would help."""


def is_distributed() -> bool:
    """Say whether the log lies on several machines."""
    if _value("SELECT to_regclass('pg_catalog.pg_dist_partition')") is None:
        return False
    return bool(_value("SELECT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = 'auditlog_entry'::regclass)"))


def require_one_machine(what: str) -> None:
    """Raise ``NotHere`` for a log that is distributed: up to where it is settled nobody can tell there."""
    if is_distributed():
        raise NotHere(f"This log is distributed: {what} where it lies on one machine. See docs/scaling.md.")


def steps() -> Iterator[Step]:
    """Yield what is left to do.

    Raises:
        Refused: where it can't be done.
    """
    _require()
    for (sql,) in _rows(FENCE, [list(DISTRIBUTED)] * 2):
        yield Step("workers are not told whose log is read", sql)
    kinds = dict(_rows("SELECT table_name::text, citus_table_type FROM citus_tables"))
    if _value(NAMING_IS_WATCHED):
        yield Step("workers have no users to ask for", "DROP TRIGGER refuse_erased ON auditlog_subject")
    for table in _present(REFERENCE):
        if table not in kinds:
            yield Step(f"{table} lies on one machine", f"SELECT create_reference_table('{table}')")
    for table in _present(DISTRIBUTED):
        if table not in kinds:
            beside = "" if table == DISTRIBUTED[0] else f", colocate_with => '{DISTRIBUTED[0]}'"
            yield Step(
                f"{table} lies on one machine", f"SELECT create_distributed_table('{table}', 'account_id'{beside})"
            )


def do(step: Step) -> None:
    """Carry out a step. The triggers that keep the log insert-only go along to the workers, and hold there."""
    with connection.cursor() as cursor:
        cursor.execute("SET citus.enable_unsafe_triggers = on")
        cursor.execute(step.sql)


def _require() -> None:
    if not _value("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')"):
        raise Refused(
            "This database has no Citus: CREATE EXTENSION citus, here and on each worker, see docs/scaling.md"
        )
    if not _value("SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = 'auditlog_entry'::regclass"):
        raise Refused("This role does not own the log: run it as the role that runs migrate")
    if not _value("SELECT citus_is_coordinator()"):
        raise Refused("This is a worker: run it on the coordinator")
    if not _value("SELECT EXISTS (SELECT FROM pg_dist_node WHERE groupid = 0)"):
        raise Refused("Workers can't reach the coordinator: SELECT citus_set_coordinator_host('host')")
    if not _value("SELECT EXISTS (SELECT FROM pg_dist_node WHERE groupid > 0 AND isactive)"):
        raise Refused("There is no worker: SELECT citus_add_node('host', 5432) for each of them")


def _present(tables: Sequence[str]) -> list[str]:
    return [table for table in tables if _value("SELECT to_regclass(%s)", [table]) is not None]


def _value(sql: str, params: Any = None) -> Any:
    found = _rows(sql, params)
    return found[0][0] if found else None


def _rows(sql: str, params: Any = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
