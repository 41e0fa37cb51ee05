"""Who acts, from where, attempting what: a value in a ContextVar, entered with ``with`` and always reset.

The middleware, commands, jobs and tests all use the same ``acting_as``. Without a context the actor is the system.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import Model, ProtectedError, RestrictedError
from django.dispatch import Signal
from django.http import Http404
from psycopg.errors import DeadlockDetected

from .masking import masked_start
from .operations import Operation

attempt_failed = Signal()
"""Sent with ``attempt`` after everything it did has been rolled back; a receiver answers whether it recorded that."""

batch_finished = Signal()
"""Sent with ``batch``, the list of what was collected inside ``together()``."""


class NotRecorded(Exception):  # noqa: N818
    """An entry could not be written, so what it was to record must not happen."""

    code = "not_recorded"
    sentence = "The audit log could not record it, so nothing was changed."

    def __init__(self) -> None:
        super().__init__(self.sentence)


class ActorType(StrEnum):
    """Kinds of actors, as they stand in an entry."""

    USER = "user"
    TOKEN = "token"  # noqa: S105
    SERVICE_ACCOUNT = "service_account"
    SYSTEM = "system"
    SUPPORT_STAFF = "support_staff"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, named as they are named now."""

    type: ActorType
    user_id: int | None = None
    slug: str = ""
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    token_id: str = ""
    token_name: str = ""


SYSTEM = Actor(ActorType.SYSTEM)
ANONYMOUS = Actor(ActorType.ANONYMOUS)


@dataclass(frozen=True, slots=True)
class Where:
    """Where a request came from. ``source_ip`` is believed; ``peer_ip`` and ``forwarded_for`` are as received."""

    source_ip: str | None = None
    peer_ip: str | None = None
    forwarded_for: str = ""
    user_agent: str = ""
    request_id: str = ""
    method: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """The circumstances of an operation. ``at`` is only set to write history (demo, imports)."""

    actor: Actor = SYSTEM
    where: Where = field(default_factory=Where)
    at: datetime | None = None
    reason: str = ""
    only_for: int | None = None
    """The account whose entries may carry the reason, when it is not for others to read."""


CROSSED = "Somebody else changed the same things at the same moment, and was first. Look at what is there now."
LONGEST_NAME, LONGEST_SENTENCE = 120, 500
"""Characters of how something is called and of why it failed: both may repeat what was typed."""

RULES = ("conflict", "in_use", "limit_reached", "last_administrator", "on_hold")
"""Codes of a ``ValidationError`` that say more than that something is invalid."""

_context: ContextVar[Context | None] = ContextVar("context", default=None)
_batch: ContextVar["Batch | None"] = ContextVar("batch", default=None)
_attempt: ContextVar["Attempt | None"] = ContextVar("attempt", default=None)


def current() -> Context:
    """Return the context in force; the system's own when nobody entered one."""
    return _context.get() or Context()


@contextmanager
def acting_as(
    actor: Actor, where: Where | None = None, *, at: datetime | None = None, reason: str = ""
) -> Iterator[Context]:
    """Attribute everything done inside to ``actor``, coming from ``where``."""
    context = Context(actor, where or Where(), at, reason)
    token = _context.set(context)
    try:
        yield context
    finally:
        _context.reset(token)


@contextmanager
def because(reason: str, *, only_for: int | None = None) -> Iterator[None]:
    """Give the operations inside a reason, as the person typed it; ``only_for`` keeps it to one account's log."""
    token = _context.set(replace(current(), reason=reason.strip(), only_for=only_for))
    try:
        yield
    finally:
        _context.reset(token)


class Batch(list[Any]):
    """What ``together()`` collects, the savepoints it was opened inside of, and whether it ends its transaction."""

    def __init__(self, *, ends: bool) -> None:
        self.savepoints, self.ends = _savepoints(), ends


@contextmanager
def together(*, to_the_end: bool = False) -> Iterator[None]:
    """Collect what is recorded inside and write it in one statement at the end. Nested calls join the outer one.

    What happens inside a further savepoint is written there, to be rolled back with it. When an exception leaves the
    block, what was collected can't be written any more, and the transaction can't be committed.

    Args:
        to_the_end: the block ends where the ``atomic()`` right around it does. When that is the outermost one, the
            message that records may commit as well.

    Raises:
        TransactionManagementError: outside of a transaction, where changes would be there before their entries.
    """
    if open_batch() is not None:
        yield
        return
    connection = transaction.get_connection()
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("Enter transaction.atomic() first and together() inside.")
    batch = Batch(ends=to_the_end and connection.commit_on_exit and len(connection.atomic_blocks) == 1)
    token = _batch.set(batch)
    try:
        yield
    except BaseException:
        if batch:
            transaction.set_rollback(True)
        raise
    finally:
        _batch.reset(token)
    batch_finished.send(sender=None, batch=batch)


def open_batch() -> Batch | None:
    """Return what ``together()`` collects into, or None outside of one."""
    batch = _batch.get()
    return batch if batch is not None and batch.savepoints == _savepoints() else None


def _savepoints() -> list[str]:
    return [savepoint for savepoint in transaction.get_connection().savepoint_ids if savepoint]


@dataclass(slots=True)
class Attempt:
    """A declared operation and, once it has failed, the machine code and the sentence that say why."""

    operation: Operation
    account_id: int
    target: Model | None = None
    parent: Model | None = None
    name: str = ""
    code: str = ""
    sentence: str = ""
    context: Context | None = None
    """What it was attempted in, where that ends before the attempt does."""
    recorded: bool = False
    committed: bool = False
    error: Exception | None = None
    entries: list[tuple[Operation, UUID]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name = masked_start(self.name, LONGEST_NAME)

    @property
    def entry_id(self) -> UUID | None:
        """The entry of what came about: the operation's own, or the first of what it led to."""
        own = (entry_id for operation, entry_id in self.entries if operation is self.operation)
        return next(own, self.entries[0][1] if self.entries else None)

    def refuse(self, code: str, sentence: str) -> None:
        """Mark the attempt as refused, for a caller that answers with a page instead of an exception."""
        self.code, self.sentence = code, masked_start(sentence, LONGEST_SENTENCE)

    def commit(self) -> None:
        """Note that something recorded inside has been committed."""
        self.committed = True

    @property
    def undone(self) -> bool:
        """Whether all that was recorded inside was rolled back; a test's own transaction keeps it waiting."""
        waiting = any(callback == self.commit for _, callback, _ in transaction.get_connection().run_on_commit)
        return self.recorded and not (self.committed or waiting)


def recording(entries: Iterable[tuple[Operation, UUID]]) -> None:
    """Note for the attempt in force, if any, what it records in the present transaction."""
    if attempt := _attempt.get():
        attempt.recorded = True
        attempt.entries.extend(entries)
        transaction.on_commit(attempt.commit)


@contextmanager
def attempting(
    operation: Operation,
    *,
    account_id: int,
    target: Model | None = None,
    parent: Model | None = None,
    name: str = "",
) -> Iterator[Attempt]:
    """Declare the operation that is attempted inside; leave exactly one failure entry if it does not come about.

    Args:
        target: what the operation is about, when it exists already.
        parent: what a new thing would have become part of (an app, a team), when ``target`` does not exist yet.
        name: the name typed for a thing that does not exist yet.

    Raises:
        TransactionManagementError: inside a transaction, whose rollback would take the failure entry with it.
    """
    with attempting_each([Attempt(operation, account_id, target, parent, name)]) as (attempt,):
        yield attempt


@contextmanager
def attempting_each(attempts: Sequence[Attempt]) -> Iterator[Sequence[Attempt]]:
    """Declare operations that come about together or not at all; each leaves one failure entry if they do not.

    Raises:
        TransactionManagementError: as ``attempting``.
    """
    first = attempts[0]  # stands for all of them while they are carried out
    _refuse_transaction(first.operation)
    for attempt in attempts:  # a form may write into the originals
        attempt.target, attempt.parent = copy(attempt.target), copy(attempt.parent)
    outer, token = _attempt.get(), _attempt.set(first)
    try:
        yield attempts
    except Exception as error:
        if error is not first.error:  # An attempt inside may have left its entry for this error already.
            _refuse_each(attempts, *explain(error))
            error.attempt_recorded = _hand_over(attempts)  # type: ignore[attr-defined]  # for the page that answers
        if outer:
            outer.error = error
        raise
    finally:
        _attempt.reset(token)
    if first.undone and not first.code:
        _refuse_each(attempts, "rolled_back", "It was taken back before it was finished; nothing was changed.")
    _hand_over([attempt for attempt in attempts if attempt.code])


def _refuse_each(attempts: Sequence[Attempt], code: str, sentence: str) -> None:
    for attempt in attempts:
        attempt.refuse(code, sentence)


def _hand_over(attempts: Sequence[Attempt]) -> bool:
    """Send failed attempts to who records them, and say whether they could."""
    answers = [attempt_failed.send(sender=None, attempt=attempt) for attempt in attempts]
    return all(recorded for answer in answers for _, recorded in answer)


def _refuse_transaction(operation: Operation) -> None:
    blocks = transaction.get_connection().atomic_blocks
    if blocks and not blocks[-1]._from_testcase:
        raise transaction.TransactionManagementError(
            f"attempting({operation.name}) was entered inside a transaction: its failure entry would be rolled back "
            "with it. Enter attempting() first and transaction.atomic() inside."
        )


def is_deadlock(error: Exception) -> bool:
    """Say whether PostgreSQL ended one of two transactions that waited for each other."""
    return isinstance(error.__cause__, DeadlockDetected)


def explain(error: Exception) -> tuple[str, str]:
    """Return code and sentence for an exception; never its own text when that could hold data."""
    match error:
        case _ if hasattr(error, "code") and hasattr(error, "sentence"):
            return str(error.code), str(error.sentence)
        case PermissionDenied():
            return "permission_denied", str(error) or "Permission denied."
        case ValidationError():
            code = getattr(error, "code", None)
            return code if code in RULES else "invalid", " ".join(error.messages)
        case ProtectedError() | RestrictedError():
            return "in_use", "Other things still use it."
        case IntegrityError():
            return "conflict", "It conflicts with something that exists already."
        case OperationalError() if is_deadlock(error):
            return "conflict", CROSSED
        case Http404() | ObjectDoesNotExist():
            return "not_found", "It does not exist."
        case _:
            return "internal_error", "An unexpected error stopped it; nothing was changed."
