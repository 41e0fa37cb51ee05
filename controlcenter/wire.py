"""What goes over the wire: the shapes that every family of the API shares. They validate, and they are documented."""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal, Self

from ninja import P, PathEx
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, ValidationInfo, model_validator

from .context import current

SUCCESS = 10000
MOST_AT_ONCE = 128
DEEPEST = 10_000

AccountId = PathEx[str, P(description="The account's id; `me` is the account of the token.", example="acme")]


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


Timestamp = Annotated[datetime, PlainSerializer(_rfc3339, return_type=str)]
"""A time as the wire has it: RFC 3339, UTC, microseconds."""


def about(description: str, example: Any, default: Any = None, **options: Any) -> Any:
    """Return a field with what its reader needs: what it means, and how it looks. It may be left out."""
    if "default_factory" not in options:
        options["default"] = default
    return Field(description=description, examples=[example], **options)


class Message(BaseModel):
    """A part of a request or an answer. What a client sends beyond it is named in the answer as not kept."""

    model_config = ConfigDict(extra="allow")

    columns: ClassVar[dict[str, str]] = {}
    """Field of the message → field of the row, for what a caller may write."""

    def given(self) -> dict[str, Any]:
        """Return what the caller wants written: the values sent, by the row's own field names."""
        sent = {column: getattr(self, name) for name, column in self.columns.items() if name in self.model_fields_set}
        return {
            column: value.stored if isinstance(value, Message) else value
            for column, value in sent.items()
            if value is not None
        }

    @property
    def stored(self) -> Any:
        """How a row has it, where it is a part that stands for one value: what was sent of what is known."""
        return self.model_dump(exclude_unset=True)

    @model_validator(mode="after")
    def _note_what_is_not_kept(self, info: ValidationInfo) -> Self:
        beyond = self.model_extra or {}
        if info.context and beyond:
            info.context["request"].__dict__.setdefault("not_kept", set()).update(beyond)
        beyond.clear()
        return self


class Visibility(Message):
    """Who may see a resource."""

    STORED: ClassVar[dict[str, str]] = {"PRIVATE": "private", "ORG": "organization", "PUBLIC": "public"}

    gettable: Literal["PRIVATE", "ORG", "PUBLIC"] = about(
        "PRIVATE: its own account; ORG: the organization; PUBLIC: everybody.", "PRIVATE", ...
    )

    @classmethod
    def of(cls, stored: str) -> "Visibility":
        """Return the wire's name for a stored visibility."""
        names: dict[str, Any] = {value: name for name, value in cls.STORED.items()}
        return cls(gettable=names[stored])

    @property
    def stored(self) -> str:
        """How it is stored."""
        return self.STORED[self.gettable]


class Status(BaseModel):
    """How a call went."""

    code: int = about("10000 for a success; otherwise what kind of failure it is.", SUCCESS, SUCCESS)
    description: str = about("The code in words.", "Ok", "Ok")
    details: str = about("One sentence: what was refused, why, and what would help.", "", "")
    reason: str | None = about("A failure's own code, as the audit log has it.", "scope_missing")
    req_id: str = about(
        "The request's id: in the header X-Request-ID, and in the log.",
        "4f6c2e1d9b8a47c3a5e0d1f2b3c4d5e6",
        default_factory=lambda: current().where.request_id,
    )


class Answer(BaseModel):
    """What every call is answered with."""

    status: Status = about("How the call went.", {"code": SUCCESS, "description": "Ok"}, default_factory=Status)


class Failure(Answer):
    """What a refused call is answered with."""


class Page(BaseModel):
    """Which part of a list is asked for."""

    page: int = about("Which page, from 1 on.", 1, 1, ge=1, le=DEEPEST)
    per_page: int = about("How many of them make a page.", 20, 20, ge=1, le=1000)


Action = Literal["merge", "overwrite", "remove"]
ACTION = about(
    "What happens to lists and maps: `merge` adds to them, `overwrite` replaces them, `remove` takes the given parts "
    "out of them. Single values are set by each of the three.",
    "merge",
    "merge",
)


def patched(current: Any, given: Any, action: Action) -> Any:
    """Return a value after a patch: lists and maps merged, replaced or cut down; anything else set."""
    match current, given, action:
        case list(), list(), "merge":
            return current + [part for part in given if part not in current]
        case list(), list(), "remove":
            return [part for part in current if part not in given]
        case dict(), dict(), "merge":
            return {**current, **given}
        case dict(), dict(), "remove":
            return {key: value for key, value in current.items() if key not in given}
        case _:
            return given
