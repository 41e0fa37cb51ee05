"""What the log can be narrowed by: one row per field, the same for the address, the query bar, the facets and chips."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from ipaddress import ip_network
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError

from controlcenter.context import ActorType
from controlcenter.operations import Family, Operation

from .networks import network_named
from .tracked import TRACKED

if TYPE_CHECKING:
    from .querysets import EntryQuerySet
    from .scope import Scope

LONGEST_VALUE = 200
TARGET_KINDS = sorted(
    {"role", "export", *(row.kind for row in TRACKED)} - {"member", "team_member", "team_app", "collaborator"}
)
"""Those four are never targets themselves: entries about them name the person, team or app."""
FAMILIES = {family.name.lower(): family for family in Family}
TOKEN_ID = re.compile(r"[0-9a-f]{16}")

Clean = Callable[["Scope", str], str]
Narrow = Callable[["EntryQuerySet", "Scope", Sequence[str], bool], "EntryQuerySet"]


@dataclass(frozen=True)
class Field:
    """One thing to narrow by. Values are texts, as they stand in an address."""

    name: str
    label: str
    hint: str
    """What to write, for who types it."""
    clean: Clean
    """Returns a value as it is kept; raises ``ValidationError`` naming value and remedy."""
    narrow: Narrow
    """Narrows entries to those with any of some values; or, when these are excluded, with none of them."""
    shown: Callable[["Scope", str], str] = lambda scope, value: value
    """What people call a value."""


def unknown(what: str, value: str, known: Iterable[str], remedy: str, where: str = "") -> ValidationError:
    """Return the refusal of a value: it names the nearest one that there is, or else what would be right."""
    by_lower = {each.lower(): each for each in known}
    near = get_close_matches(value.lower(), list(by_lower), n=1, cutoff=0.6)
    meant = f"Did you mean {by_lower[near[0]]}?" if near else remedy
    return ValidationError(f"There is no {what} “{value:.80}”{f' {where}' if where else ''}. {meant}")


def one_of(what: str, known: Sequence[str]) -> Clean:
    """Return the cleaning of a value out of a short list."""

    def clean(scope: "Scope", value: str) -> str:
        if (found := value.lower()) in known:
            return found
        raise unknown(what, value, known, f"There are {', '.join(known)}.")

    return clean


def _app(scope: "Scope", value: str) -> str:
    if value in scope.apps:
        return value
    raise unknown("app", value, scope.apps, "Choose one from the list.", "in this account")


def _actor(scope: "Scope", value: str) -> str:
    if found := scope.person(value):
        return found.slug
    remedy = "Write a person's ID or e-mail address."
    raise unknown("actor", value, scope.nearest_people, remedy, "in this account or its log")


def _person_shown(scope: "Scope", value: str) -> str:
    found = scope.person(value)
    return found.name if found else value


def _operation(scope: "Scope", value: str) -> str:
    if value.lower() in FAMILIES:
        return value.lower()
    if value.isdecimal() and int(value) in set(Operation):
        return Operation(int(value)).name
    for operation in Operation:
        if value.upper() == operation.name or value.lower() == operation.label.lower():
            return operation.name
    known = (*(operation.name for operation in Operation), *FAMILIES)
    raise unknown("operation", value, known, f"Write one as MODEL_DELETE, or a family: {', '.join(FAMILIES)}.")


def operations_of(value: str) -> list[Operation]:
    """Return what the name of an operation, or of a family of them, stands for."""
    if value in FAMILIES:
        return [operation for operation in Operation if operation.family is FAMILIES[value]]
    return [Operation[value]]


def _operation_shown(scope: "Scope", value: str) -> str:
    return f"{FAMILIES[value]} (all)" if value in FAMILIES else Operation[value].label


def targets_of(value: str) -> list[tuple[str, str]]:
    """Return kind and id of each resource that a text names: a thing and, after a slash, what it is in."""
    return [(kind, public_id) for part in value.split("/") for kind, _, public_id in [part.partition(":")]]


def _target(scope: "Scope", value: str) -> str:
    for kind, public_id in targets_of(value):
        if not kind or not public_id:
            raise ValidationError(f"target “{value:.80}” names no resource. Write kind:id, as in model:detector.")
        if kind not in TARGET_KINDS:
            raise unknown("kind of target", kind, TARGET_KINDS, f"Kinds are {', '.join(TARGET_KINDS)}.")
    return value


def _target_shown(scope: "Scope", value: str) -> str:
    return " of ".join(f"{kind.replace('_', ' ')} {public_id}" for kind, public_id in targets_of(value))


def _address(scope: "Scope", value: str) -> str:
    try:
        return network_named(value)
    except ValueError as error:
        raise ValidationError(f"ip “{value:.80}” is {error}.") from None


def _token(scope: "Scope", value: str) -> str:
    if TOKEN_ID.fullmatch(value):
        return value
    if found := scope.token_named(value):
        return found
    raise unknown("token", value, scope.token_names.values(), "Write a token's ID or name.")


def _request(scope: "Scope", value: str) -> str:
    if re.fullmatch(r"[\w.:+/=@-]{1,64}", value):
        return value
    raise ValidationError(f"request “{value:.80}” is no request ID. Copy it from an entry or from an error page.")


def _text(scope: "Scope", value: str) -> str:
    return " ".join(value.split())


def _plain(scope: "Scope", value: str) -> str:
    return value.replace("_", " ").capitalize()


def _statuses(entries: "EntryQuerySet", scope: "Scope", values: Sequence[str], excluded: bool) -> "EntryQuerySet":
    wanted = {"success", "failure"} - set(values) if excluded else set(values)
    if len(wanted) == 2:
        return entries
    return entries.none() if not wanted else entries.succeeded() if "success" in wanted else entries.failed()


STATUSES = ("success", "failure")
ACTOR_TYPES = tuple(str(kind) for kind in ActorType)

FIELDS = {
    field.name: field
    for field in (
        Field(
            "app",
            "App",
            "An app's ID",
            _app,
            lambda entries, scope, values, excluded: entries.for_apps(scope.app_ids(values), excluded=excluded),
            lambda scope, value: scope.apps[value].name,
        ),
        Field(
            "actor",
            "Actor",
            "A person's ID or e-mail address",
            _actor,
            lambda entries, scope, values, excluded: entries.by_actors(scope.user_ids(values), excluded=excluded),
            _person_shown,
        ),
        Field(
            "actor_type",
            "Actor type",
            ", ".join(ACTOR_TYPES),
            one_of("actor type", ACTOR_TYPES),
            lambda entries, scope, values, excluded: entries.as_actor_types(*map(ActorType, values), excluded=excluded),
            _plain,
        ),
        Field(
            "operation",
            "Operation",
            "MODEL_DELETE, or a family: models",
            _operation,
            lambda entries, scope, values, excluded: entries.with_operation(
                *(operation for value in values for operation in operations_of(value)), excluded=excluded
            ),
            _operation_shown,
        ),
        Field(
            "type",
            "Target type",
            "model, workflow, team, …",
            one_of("target type", TARGET_KINDS),
            lambda entries, scope, values, excluded: entries.with_target_types(*values, excluded=excluded),
            _plain,
        ),
        Field(
            "target",
            "Target",
            "A resource: model:detector",
            _target,
            lambda entries, scope, values, excluded: entries.with_any_targets(
                *map(targets_of, values), excluded=excluded
            ),
            _target_shown,
        ),
        Field("status", "Status", "success or failure", one_of("status", STATUSES), _statuses, _plain),
        Field(
            "ip",
            "IP address",
            "An address or a network: 203.0.113.0/24",
            _address,
            lambda entries, scope, values, excluded: entries.from_networks(*map(ip_network, values), excluded=excluded),
        ),
        Field(
            "token",
            "Token",
            "A token's name or ID",
            _token,
            lambda entries, scope, values, excluded: entries.using_tokens(*values, excluded=excluded),
            lambda scope, value: scope.token_names.get(value, value),
        ),
        Field(
            "request",
            "Request ID",
            "The ID of a request, from an entry or an error page",
            _request,
            lambda entries, scope, values, excluded: entries.of_requests(*values, excluded=excluded),
        ),
        Field(
            "text",
            "Text",
            "Stands in a sentence, name, ID or changed value",
            _text,
            lambda entries, scope, values, excluded: entries.mentioning(*values, excluded=excluded),
        ),
    )
}
"""In the order in which addresses and chips name them."""
