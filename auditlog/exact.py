"""What a search of the API can be asked for beyond the reference: whatever the log page can, meaning exactly the same.

The lists are those of ``fields.py`` under names of the API's kind; they are read and narrow by the same functions.
"""

from collections.abc import Iterator
from typing import Annotated, Any

from django.core.exceptions import ValidationError
from pydantic import BaseModel, ConfigDict, Field, model_validator

from controlcenter.problems import Problem
from controlcenter.wire import about

from .fields import FIELDS
from .querysets import EntryQuerySet
from .scope import Scope

MOST_VALUES = 128
LONGEST_ID = 200

EXACTLY = {
    "app": "apps",
    "actor": "user_ids",
    "actor_type": "actor_types",
    "operation": "own_operations",
    "type": "target_types",
    "target": "target_paths",
    "status": "statuses",
    "ip": "source_ips",
    "token": "token_ids",
    "request": "request_ids",
    "text": "text",
}
"""Parameter of the log page → list of a search."""

PublicId = Annotated[str, Field(min_length=1, max_length=LONGEST_ID)]


class Strict(BaseModel):
    """A part of a search. An unknown field is refused by name; null stands for a field that is left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        for name in data:
            if name not in cls.model_fields:
                raise ValueError(f"{name!r:.80} is unknown here; known are {', '.join(cls.model_fields)}")
        return {name: value for name, value in data.items() if value is not None}


def a_list(description: str, example: list[Any]) -> Any:
    """Return a field that holds values of which any will do."""
    return about(description, example, (), max_length=MOST_VALUES)


class Ours(Strict):
    """Lists that the reference does not know."""

    apps: tuple[PublicId, ...] = a_list("Ours: in any of these apps, also deleted ones, by their ids.", ["vision"])
    actor_types: tuple[PublicId, ...] = a_list(
        "Ours: done by any of these kinds of actors: user, token, service_account, system, support_staff, anonymous.",
        ["token"],
    )
    own_operations: tuple[PublicId, ...] = a_list(
        "Ours: just these operations, by name, or a family of them. Unlike `operations` it does not find what else is "
        "reported under their codes.",
        ["MODEL_VERSION_UPDATE", "teams"],
    )
    target_types: tuple[PublicId, ...] = a_list("Ours: touched a resource of any of these kinds.", ["workflow"])
    target_paths: tuple[PublicId, ...] = a_list(
        "Ours: touched any of these resources, of any kind there is, and what stands after a slash, too.",
        ["model_version:3f2a/model:detector"],
    )
    statuses: tuple[PublicId, ...] = a_list("Ours: success, failure or both.", ["failure"])
    token_ids: tuple[PublicId, ...] = a_list("Ours: done with any of these tokens, by id.", ["5f1c0a9d3b7e4c62"])
    request_ids: tuple[PublicId, ...] = a_list("Ours: done by any of these requests.", ["4f6c2e1d9b8a47c3"])
    text: tuple[PublicId, ...] = a_list(
        "Ours: each of these texts stands in the sentence, a name, an id or a changed value.", ["quota"]
    )

    def narrow_exactly(self, entries: EntryQuerySet, scope: Scope, *, excluded: bool = False) -> EntryQuerySet:
        """Return those of the entries that fit, as on the log page. Raises ``Problem``."""
        for parameter, name in EXACTLY.items():
            if values := self._exactly(name):
                field = FIELDS[parameter]
                cleaned = [_clean(parameter, f"{'exclude.' if excluded else ''}{name}", scope, text) for text in values]
                entries = field.narrow(entries, scope, cleaned, excluded)
        return entries

    def exact_pairs(self) -> Iterator[tuple[str, str]]:
        """Yield name and value of whatever is asked for, in a fixed order."""
        for name in EXACTLY.values():
            yield from ((name, value) for value in sorted(set(self._exactly(name))))

    def _exactly(self, name: str) -> tuple[str, ...]:
        """Return the values of a list; those that the reference knows, too, are read its way."""
        values: tuple[str, ...] = getattr(self, name) if name in Ours.model_fields else ()
        return values


class Excluded(Ours):
    """What the entries must not be: with none of the values of each list."""

    user_ids: tuple[PublicId, ...] = a_list("Ours: done by any of these people.", ["ci-deploy"])
    source_ips: tuple[PublicId, ...] = a_list("Ours: from any of these addresses or networks.", ["10.0.0.0/8"])

    def _exactly(self, name: str) -> tuple[str, ...]:
        values: tuple[str, ...] = getattr(self, name)
        return values


def _clean(parameter: str, name: str, scope: Scope, text: str) -> str:
    if not text.strip():
        raise Problem("invalid", f"query.{name} holds a value of nothing but blanks: leave it out.")
    try:
        return FIELDS[parameter].clean(scope, text.strip())
    except ValidationError as error:
        raise Problem("invalid", f"query.{name}: {' '.join(error.messages)}") from None
