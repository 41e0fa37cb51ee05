"""The only place that writes entries: one INSERT for whatever is recorded at once, in the caller's transaction."""

from collections.abc import Sequence
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from psycopg.types.json import Jsonb

from controlcenter.context import Attempt, NotRecorded, current, open_batch, recording

from . import unrecorded
from .canonical import SCHEMA_VERSION, canonical, leaf_of, timestamp
from .events import Change, Event, event_of_attempt, events_of
from .fence.triggers import OBSERVE, Observed, observed
from .ids import new_id
from .masking import masked_event
from .models import ACTOR_KINDS
from .subjects import looked_up_once, naming_of, refer_to

COLUMNS = {
    "id": "uuid",
    "account_id": "bigint",
    "app_id": "bigint",
    "actor_id": "bigint",
    "actor_kind": "smallint",
    "token": "text",
    "operation": "smallint",
    "success": "boolean",
    "source_ip": "inet",
    "request_id": "text",
    "targets": "jsonb",
    "subject_id": "bigint",
    "body": "bytea",
    "leaf": "bytea",
}
INSERT = f"INSERT INTO auditlog_entry ({', '.join(COLUMNS)})"
# Arrays make one short statement of any number of rows; a single row is taken twice as fast as plain values.
INSERT_MANY = f"{INSERT} SELECT * FROM unnest({', '.join(f'%s::{kind}[]' for kind in COLUMNS.values())})"  # noqa: S608
INSERT_ONE = f"{INSERT} VALUES ({', '.join(f'%s::{kind}' for kind in COLUMNS.values())})"


def record(changes: Sequence[Change]) -> None:
    """Record changes of tracked rows in the transaction that makes them.

    Raises:
        TransactionManagementError: outside a transaction, where a change could live without its entry.
        NotRecorded: when the database does not take the entries; the transaction can't be committed then.
    """
    require_transaction()
    batch = open_batch()
    if batch is not None:
        batch.extend(changes)
    else:
        _record_changes(changes)


def record_batch(batch: Sequence[Change]) -> None:
    """Record what ``together()`` collected."""
    if batch:
        require_transaction()
        _record_changes(batch)


def _record_changes(changes: Sequence[Change]) -> None:
    with looked_up_once():
        record_events(events_of(changes), observed([change.instance for change in changes if change.is_stored]))


def record_events(events: Sequence[Event], seen: Observed | None = None) -> None:
    """Write events in one message to the database. Raises as ``record``.

    Args:
        seen: the rows whose changes were looked at; of any other that is changed the database makes an entry itself.
    """
    require_transaction()
    if not events and not seen:
        return
    try:
        rows = [row_of(event, counter) for counter, event in enumerate(events)]
        recording((event.operation, row[0]) for event, row in zip(events, rows, strict=True))
        statements: list[str] = []
        params: list[Any] = []
        if rows:
            statements.append(INSERT_ONE if len(rows) == 1 else INSERT_MANY)
            params += rows[0] if len(rows) == 1 else [list(column) for column in zip(*rows, strict=True)]
        if seen:
            statements.append(OBSERVE)
            params += seen
        with connection.cursor() as cursor:
            cursor.execute("; ".join(statements), params)
    except (DatabaseError, TypeError, ValueError) as error:
        transaction.set_rollback(True)
        raise NotRecorded from error


def record_failure(attempt: Attempt) -> bool:
    """Write the failure entry of an attempt in a transaction of its own, and say whether it could be written.

    What can't be written is said and counted elsewhere: there is nothing left to roll back.
    """
    try:
        with transaction.atomic(durable=True):
            record_events([event_of_attempt(attempt, current().at or timezone.now())])
    except Exception:
        unrecorded.note(
            "failure entry NOT recorded: %s account=%s code=%s request=%s",
            attempt.operation.name,
            attempt.account_id,
            attempt.code,
            current().where.request_id,
        )
        return False
    return True


def require_transaction() -> None:
    """Raise outside a transaction; to be asked before a change, which must not come about there either."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(
            "An entry must be recorded in the transaction of its operation: wrap both in transaction.atomic()."
        )


def row_of(event: Event, counter: int) -> tuple[Any, ...]:
    """Return an event as values of ``COLUMNS``; ``counter`` orders events of the same microsecond."""
    event, entry_id = masked_event(event), new_id(event.time, counter)
    actor = event.actor or event.context.actor
    subject = refer_to(naming_of(actor)) if actor.user_id else None
    body = canonical(_body_of(event, str(entry_id), subject.digest if subject else ""))
    return (
        entry_id,
        event.account_id,
        event.app[0] if event.app else None,
        actor.user_id,
        ACTOR_KINDS[actor.type],
        actor.token_id or None,
        int(event.operation),
        event.success,
        event.context.where.source_ip,
        event.context.where.request_id,
        Jsonb([{"id": target.id, "type": target.type} for target in event.targets]),
        subject.id if subject else None,
        body,
        leaf_of(body),
    )


def _body_of(event: Event, entry_id: str, subject: str) -> dict[str, Any]:
    actor, where = event.actor or event.context.actor, event.context.where
    return {
        "v": SCHEMA_VERSION,
        "id": entry_id,
        "time": timestamp(event.time),
        "account": event.account_id,
        "actor": _without_empty(
            type=actor.type,
            key=actor.user_id,
            id=actor.slug,
            subject=subject,
            token=actor.token_id,
            token_name=actor.token_name,
        ),
        "operation": {"code": int(event.operation), "name": event.operation.name},
        "sentence": event.sentence,
        "targets": [_without_empty(**target._asdict()) for target in event.targets],
        "app": _without_empty(key=event.app[0], **event.app[1]._asdict()) if event.app else None,
        "changes": event.changes,
        "where": _without_empty(
            ip=where.source_ip,
            peer=where.peer_ip,
            forwarded=where.forwarded_for,
            agent=where.user_agent,
            request=where.request_id,
            method=where.method,
            path=where.path,
        ),
        "success": event.success,
        "failure": None if event.success else {"code": event.code, "sentence": event.failure},
        "reason": event.context.reason,
    }


def _without_empty(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
