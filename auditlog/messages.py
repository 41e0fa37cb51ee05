"""An entry as the API tells it: the reference's fields, then ours.

A page may hold a thousand entries, so they are written from plain values; the classes here describe the outcome.
"""

from collections.abc import Sequence
from json import loads
from typing import Any

from django.db.models import F
from msgspec import Raw
from msgspec.json import encode
from pydantic import BaseModel, ConfigDict, create_model

from controlcenter.operations import Operation
from controlcenter.wire import Answer, about

from .bodies import SHOWS, Body, body_of, changes_of
from .fetching import ID, SMALL_BODY
from .models import Subject
from .presentation import named_in, subjects_in

KINDS = (
    "user",
    "role",
    "team",
    "app",
    "module",
    "module_version",
    "workflow",
    "workflow_version",
    "model",
    "model_version",
    "compute_cluster",
    "nodepool",
    "deployment",
)
"""The kinds of targets that the reference's API has words for."""
WORDS = frozenset(KINDS)

COLUMNS = (ID, SMALL_BODY, F("subject__first_name"), F("subject__last_name"), F("subject__email"))
"""What an entry is told from, when it has its body."""

CODES = {int(operation): (operation.reported_as, operation.label) for operation in Operation}
TARGET_EXAMPLE = {"workflow": {"id": "visual-search"}}


class Told(BaseModel):
    """A part of an entry."""

    model_config = ConfigDict(extra="forbid")


class PersonOfEntry(Told):
    """Who did it, as they were named then."""

    id: str = about("Their id; empty when nobody signed in did it.", "max", ...)
    first_name: str = about("First name; empty for somebody who was erased.", "Max", ...)
    last_name: str = about("Last name; empty for somebody who was erased.", "Member", ...)


class TouchedId(Told):
    """Which resource."""

    id: str = about("Its id.", "visual-search", ...)


def one_field_for_each_kind(target_id: type[BaseModel]) -> dict[str, Any]:
    """Return the fields of a message about one target, named by its kind."""
    return {kind: (target_id | None, about(f"A {kind.replace('_', ' ')}.", {"id": "visual-search"})) for kind in KINDS}


TargetMessage: Any = create_model(
    "TargetMessage",
    __base__=Told,
    __doc__="A touched resource: its kind, and under it its id.",
    **one_field_for_each_kind(TouchedId),
)


class NamedTarget(Told):
    """A touched resource with its name."""

    type: str = about("Its kind, also one that `targets` has no word for.", "workflow", ...)
    id: str = about("Its id.", "visual-search", ...)
    name: str = about("Its name, as it was then.", "Visual search", ...)


class ActorMessage(Told):
    """How it was done."""

    type: str = about("user, token, service_account, system, support_staff or anonymous.", "token", ...)
    email: str = about("The person's e-mail address, as it was then; empty for nobody's.", "max@acme.example", ...)
    token_id: str = about("The token that was used; empty for none.", "5f1c0a9d3b7e4c62", ...)
    token_name: str = about("The token's name, as it was then; empty for none.", "nightly build", ...)


class AppOfEntry(Told):
    """An app by its name."""

    id: str = about("Its id.", "vision", ...)
    name: str = about("Its name, as it was then.", "Vision", ...)


class ChangeMessage(Told):
    """What became of one field."""

    field: str = about("The field.", "description", ...)
    before: Any = about("Its value before; null for none. Secrets are masked.", "Old")
    after: Any = about("Its value since; null for none. Secrets are masked.", "New")


class FailureMessage(Told):
    """Why it did not come about."""

    code: str = about("For programs.", "role_denied", ...)
    sentence: str = about("For people.", "Only the role Administrator may transfer apps.", ...)


class Circumstances(Told):
    """How the request came in, beside `source_ip` and `req_id`."""

    method: str = about("The HTTP method; empty outside of requests.", "POST", ...)
    path: str = about("The path asked for.", "/v2/users/acme/apps", ...)
    user_agent: str = about("What the program called itself.", "curl/8.7.1", ...)
    peer_ip: str = about("The address that was connected to us; of a proxy, if there is one.", "192.0.2.10", ...)
    forwarded_for: str = about("The chain of addresses, as it was received.", "203.0.113.7, 192.0.2.10", ...)


class EntryMessage(Told):
    """One entry of the log."""

    timestamp: str = about("When, in UTC with microseconds.", "2026-11-02T09:30:00.123456Z", ...)
    user: PersonOfEntry = about("Who did it.", {"id": "max", "first_name": "Max", "last_name": "Member"}, ...)
    operation: int = about("What: the code in the reference's catalogue; an extension's base code.", 403, ...)
    description: str = about("What, in words; of an extension its own.", "Workflow versions created", ...)
    targets: list[TargetMessage] = about("The touched resources, of the reference's kinds.", [TARGET_EXAMPLE], ...)
    details: list[str] = about(
        "What happened in a sentence; of a failure a second one, which says why.",
        ["Create workflow version 'a72af0c91b34' for workflow 'visual-search'"],
        ...,
    )
    success: bool = about("Whether it came about.", True, ...)
    req_id: str = about("The request that led to it; empty outside of requests.", "4f6c2e1d9b8a47c3", ...)
    source_ip: str = about("The address it came from; empty outside of requests.", "203.0.113.7", ...)
    id: str = about("Ours: the entry's id, a UUID in order of time.", "019a4b1e-5c00-7b7b-8000-3f1c9a52d0e4", ...)
    operation_name: str = about("Ours: the operation's own name.", "WORKFLOW_VERSION_CREATE", ...)
    operation_ext: int | None = about("Ours: the own code of an operation that the reference has none for.", 451)
    actor: ActorMessage = about("Ours: how it was done.", {"type": "user", "email": "max@acme.example"}, ...)
    app: AppOfEntry | None = about("Ours: the app it belongs to, if any.", {"id": "vision", "name": "Vision"})
    targets_ext: list[NamedTarget] = about(
        "Ours: all touched resources, of any kind, with their names.",
        [{"type": "workflow", "id": "visual-search", "name": "Visual search"}],
        ...,
    )
    changes: list[ChangeMessage] = about(
        "Ours: the changed fields.", [{"field": "description", "before": "Old", "after": "New"}], ...
    )
    failure: FailureMessage | None = about("Ours: why it did not come about.", {"code": "role_denied"})
    reason: str = about("Ours: the reason that was given for it; mostly empty.", "Asked for in ticket 4711", ...)
    request: Circumstances = about("Ours: how the request came in.", {"method": "POST"}, ...)


class Found(Answer):
    """What a search found."""

    entries: list[EntryMessage] = about("The entries, newest first unless asked for otherwise.", [], ...)
    next_cursor: str | None = about(
        "Where to go on, as `pagination.cursor` of the next search; missing when there is no more.",
        "AZpLHlwAe3uAAD8cmlLQ5NcNq2dtmXJ4",
    )


class Followed(Answer):
    """What came since."""

    entries: list[EntryMessage] = about("The entries, in the order of their transactions.", [], ...)
    position: str = about("Where to go on, as `after` of the next call.", "AAAAAAAAE_kBmksejAB7e4AAPxyaUtDk", ...)


def messages_of(rows: Sequence[Sequence[Any]]) -> list[Raw]:
    """Return entries as ``EntryMessage`` describes them, in JSON, from rows of ``COLUMNS``: at most one query.

    Each is written at once: the parts of a thousand, kept until the last is known, take twice as long to make.
    """
    subjects = subjects_in(loads(row[1])["changes"] for row in rows if SHOWS in row[1])
    return [Raw(encode(_message(str(row[0]), body_of(row[1]), subjects, *row[2:]))) for row in rows if row[1]]


def _message(
    entry_id: str,
    body: Body,
    subjects: dict[str, Subject],
    first_name: str | None,
    last_name: str | None,
    email: str | None,
) -> dict[str, Any]:
    actor, where, operation, failure = body.actor, body.where, body.operation, body.failure
    reported_as, label = CODES[operation.code]
    message = {
        "timestamp": body.time,
        "user": {"id": actor.id, "first_name": first_name or "", "last_name": last_name or ""},
        "operation": reported_as,
        "description": label,
        "targets": [{target.type: {"id": target.id}} for target in body.targets if target.type in WORDS],
        "details": [body.sentence, failure.sentence] if failure else [body.sentence],
        "success": body.success,
        "req_id": where.request,
        "source_ip": where.ip,
        "id": entry_id,
        "operation_name": operation.name,
        "actor": {
            "type": actor.type,
            "email": email or "",
            "token_id": actor.token,
            "token_name": actor.token_name,
        },
        "targets_ext": body.targets,
        "changes": _changes(body, subjects),
        "reason": body.reason,
        "request": {
            "method": where.method,
            "path": where.path,
            "user_agent": where.agent,
            "peer_ip": where.peer,
            "forwarded_for": where.forwarded,
        },
    }
    if reported_as != operation.code:
        message["operation_ext"] = operation.code
    if body.app:
        message["app"] = body.app
    if failure:
        message["failure"] = failure
    return message


def _changes(body: Body, subjects: dict[str, Subject]) -> list[dict[str, Any]]:
    """Return what changed; values as the very bytes that are stored, but for those that name a person."""
    stored = bytes(body.changes)
    if SHOWS not in stored:
        pairs = changes_of(stored).items()
        return [{"field": field, "before": before, "after": after} for field, (before, after) in pairs]
    return [
        {"field": field, "before": named_in(before, subjects), "after": named_in(after, subjects)}
        for field, (before, after) in loads(stored).items()
    ]
