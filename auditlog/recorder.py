"""The only place that writes entries: one INSERT for whatever is recorded at once, in the caller's transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from psycopg.pq import TransactionStatus
from psycopg.types.json import Jsonb

from controlcenter.context import Attempt, NotRecorded, current, open_batch, recording
from controlcenter.masking import masked, masked_deep

from . import unrecorded
from .canonical import SCHEMA_VERSION, canonical, leaf_of, timestamp
from .events import Change, Event, event_of_attempt, events_of
from .fence.triggers import OBSERVE, Observed, observed
from .ids import new_id
from .masking import masked_context, masked_target
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
# Many rows are one JSON document: an array for each column took 32 ms of a thousand rows, a document takes 11.
_SENT = COLUMNS | {"body": "text", "leaf": "text"}
_READ = {name: f"decode({name}, 'base64')" for name in ("body", "leaf")}  # as bytes are written in JSON
INSERT_MANY = (
    f"{INSERT} SELECT {', '.join(_READ.get(name, name) for name in COLUMNS)}"  # noqa: S608
    f" FROM json_to_recordset(%s) AS row ({', '.join(f'{name} {kind}' for name, kind in _SENT.items())})"
)
# A single one is taken twice as fast as plain values.
INSERT_ONE = f"{INSERT} VALUES ({', '.join(f'%s::{kind}' for kind in COLUMNS.values())})"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Who did something, from where: as columns, and as parts of the body."""

    actor_id: int | None
    actor_kind: int
    token: str | None
    source_ip: str | None
    request_id: str
    subject_id: int | None
    actor: dict[str, Any]
    where: dict[str, Any]
    reason: str


Known = dict[tuple[int, int, int], Circumstances]


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


def record_batch(batch: Sequence[Change], *, ends: bool) -> None:
    """Record what ``together()`` collected; with what ends a transaction, commit that in the same message."""
    if batch:
        require_transaction()
        _record_changes(batch, ends=ends)


def _record_changes(changes: Sequence[Change], *, ends: bool = False) -> None:
    with looked_up_once():
        seen = observed([change.instance for change in changes if change.is_stored])
        record_events(events_of(changes), seen, ends=ends)


def record_events(events: Sequence[Event], seen: Observed | None = None, *, ends: bool = False) -> None:
    """Write events in one message to the database. Raises as ``record``.

    Args:
        seen: the rows whose changes were looked at; of any other that is changed the database makes an entry itself.
        ends: nothing follows in the transaction. It is committed by the same message: a message less is 5 % of a save.
    """
    require_transaction()
    if not events and not seen:
        return
    try:
        known: Known = {}
        rows = [row_of(event, counter, known) for counter, event in enumerate(events)]
        recording((event.operation, row[0]) for event, row in zip(events, rows, strict=True))
        statements: list[str] = []
        params: list[Any] = []
        if rows:
            statements.append(INSERT_ONE if len(rows) == 1 else INSERT_MANY)
            params += rows[0] if len(rows) == 1 else [_document(rows)]
        if seen:
            statements.append(OBSERVE)
            params += seen
        if ends and not connection.needs_rollback:
            statements.append("COMMIT")
        with connection.cursor() as cursor:
            cursor.execute("; ".join(statements), params)
    except (DatabaseError, TypeError, ValueError) as error:
        if ends and connection.connection.info.transaction_status == TransactionStatus.IDLE:
            raise  # It was recorded. What was wrong with the change showed when it was to be committed.
        transaction.set_rollback(True)
        raise NotRecorded from error


def _document(rows: Iterable[tuple[Any, ...]]) -> str:
    """Return rows as ``INSERT_MANY`` takes them."""
    return msgspec.json.encode([dict(zip(COLUMNS, row, strict=True)) for row in rows], enc_hook=_as_json).decode()


def _as_json(value: Any) -> Any:
    return value.obj if isinstance(value, Jsonb) else str.__str__(value)  # Text may be of a kind of its own.


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


def row_of(event: Event, counter: int, known: Known | None = None) -> tuple[Any, ...]:
    """Return an event as values of ``COLUMNS``, without what has the form of a credential, wherever that stands.

    Args:
        counter: orders events of the same microsecond.
        known: the circumstances of other events that are written together.
    """
    entry_id, told = new_id(event.time, counter), _circumstances_of(event, {} if known is None else known)
    targets = [masked_target(target) for target in event.targets]
    app = (event.app[0], masked_target(event.app[1])) if event.app else None
    body = canonical(
        {
            "v": SCHEMA_VERSION,
            "id": str(entry_id),
            "time": timestamp(event.time),
            "account": event.account_id,
            "actor": told.actor,
            "operation": {"code": int(event.operation), "name": event.operation.name},
            "sentence": masked(event.sentence),
            "targets": [_without_empty(**target._asdict()) for target in targets],
            "app": _without_empty(key=app[0], **app[1]._asdict()) if app else None,
            "changes": masked_deep(event.changes) if event.changes else {},
            "where": told.where,
            "success": event.success,
            "failure": None if event.success else {"code": event.code, "sentence": masked(event.failure)},
            "reason": told.reason,
        }
    )
    return (
        entry_id,
        event.account_id,
        app[0] if app else None,
        told.actor_id,
        told.actor_kind,
        told.token,
        int(event.operation),
        event.success,
        told.source_ip,
        told.request_id,
        Jsonb([{"id": target.id, "type": target.type} for target in targets]),
        told.subject_id,
        body,
        leaf_of(body),
    )


def _circumstances_of(event: Event, known: Known) -> Circumstances:
    """Return who did it, from where: the same for most that is written together."""
    key = id(event.context), id(event.actor), event.account_id  # The events keep both from becoming others.
    found = known.get(key)
    if found is None:
        found = known[key] = _circumstances(event)
    return found


def _circumstances(event: Event) -> Circumstances:
    context = masked_context(event.context, event.account_id)
    actor, where = event.actor or context.actor, context.where
    subject = refer_to(naming_of(actor)) if actor.user_id else None
    return Circumstances(
        actor_id=actor.user_id,
        actor_kind=ACTOR_KINDS[actor.type],
        token=actor.token_id or None,
        source_ip=where.source_ip,
        request_id=where.request_id,
        subject_id=subject.id if subject else None,
        actor=_without_empty(
            type=actor.type,
            key=actor.user_id,
            id=actor.slug,
            subject=subject.digest if subject else "",
            token=actor.token_id,
            token_name=actor.token_name,
        ),
        where=_without_empty(
            ip=where.source_ip,
            peer=where.peer_ip,
            forwarded=where.forwarded_for,
            agent=where.user_agent,
            request=where.request_id,
            method=where.method,
            path=where.path,
        ),
        reason=context.reason,
    )


def _without_empty(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
