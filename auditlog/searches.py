"""What the search of the API can be asked for. What it does not know it refuses: no mistake may answer everything."""

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_interface
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, create_model, model_validator

from accounts.models import Member
from controlcenter.masking import masked_start
from controlcenter.operations import Operation
from controlcenter.problems import Problem
from controlcenter.wire import DEEPEST, about

from .canonical import timestamp
from .exact import MOST_VALUES as MOST_VALUES
from .exact import Excluded, Ours, PublicId, Strict, a_list
from .fetching import MOST_BYTES, MOST_OF_A_PAGE
from .ids import EPOCH
from .messages import one_field_for_each_kind
from .networks import network_named
from .positions import DIGEST_BYTES, Cursor, Misplaced
from .querysets import EntryQuerySet
from .scope import Scope

LONGEST_QUERY = 1000
ENDS_EARLY = (
    f"By `cursor` a page ends early, with the entry that brings it to {MOST_BYTES // 1_000_000} MB; one with a number"
    f" is refused above {MOST_OF_A_PAGE // 1_000_000} MB."
)
RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")

REPORTED_AS: dict[int, list[Operation]] = {}
for each in Operation:
    REPORTED_AS.setdefault(each.reported_as, []).append(each)


def _time(value: Any) -> datetime:
    """Return the time that a text of RFC 3339 names, in UTC."""
    try:
        if isinstance(value, str) and RFC3339.fullmatch(value):
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("no time; write it as 2026-11-02T09:30:00Z")


def _operation(value: Any) -> Any:
    """Return a code or a name, if there is such an operation."""
    if type(value) in (int, str) and _operations_of(value):
        return value
    raise ValueError("no operation; send a code as 403 or a name as WORKFLOW_VERSION_CREATE")


def _operations_of(value: int | str) -> list[Operation]:
    """Return what is reported under a code or a name of the reference; for our own ones, just that operation."""
    operation = Operation.__members__.get(value) if isinstance(value, str) else None
    if isinstance(value, str) and operation is None:
        return []
    code = value if operation is None else int(operation)
    return REPORTED_AS.get(int(code)) or [own for own in Operation if own == code]


Time = Annotated[datetime, BeforeValidator(_time, json_schema_input_type=str)]
Code = Annotated[int | str, BeforeValidator(_operation, json_schema_input_type=int | str)]
Network = Annotated[str, Field(max_length=64), AfterValidator(network_named)]


class TargetId(Strict):
    """Which resource of a kind."""

    id: PublicId = about("Its id.", "visual-search", ...)


class OneTarget(Strict):
    """A resource: one kind, and under it the id."""

    @model_validator(mode="after")
    def _require_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError(
                f"{len(self.model_fields_set)} kinds; name one for each target, as in {{'app': {{'id': …}}}}"
            )
        return self

    @property
    def kind_and_id(self) -> tuple[str, str]:
        """What is searched by."""
        [kind] = self.model_fields_set
        return kind, getattr(self, kind).id


SearchedTarget: Any = create_model(
    "SearchedTarget", __base__=OneTarget, __doc__=OneTarget.__doc__, **one_field_for_each_kind(TargetId)
)


class Reference(Strict):
    """What the reference can be asked for."""

    timestamp_from: Time | None = about(
        "From this time on, which is included: RFC 3339. Finer than microseconds is cut off.", "2026-11-01T00:00:00Z"
    )
    timestamp_to: Time | None = about("Until this time, which is included: RFC 3339.", "2026-11-30T23:59:59.999999Z")
    user_ids: tuple[PublicId, ...] = a_list("Done by any of these people.", ["max"])
    operations: tuple[Code, ...] = a_list(
        "Any of these operations, by code or name. A code or name of the reference finds all that is reported so; "
        "one of ours, as 451 or WORKFLOW_VERSION_PUBLISH, just that operation.",
        [403, "MODEL_CREATE"],
    )
    targets: tuple[SearchedTarget, ...] = a_list(
        "Touched any of these resources.", [{"workflow": {"id": "visual-search"}}]
    )
    success: StrictBool | None = about("Whether it came about.", True)
    source_ips: tuple[Network, ...] = a_list(
        "From any of these addresses; a network in CIDR notation stands for all that are in it.", ["203.0.113.0/24"]
    )

    @model_validator(mode="after")
    def _refuse_reversed(self) -> Self:
        start, end = self.timestamp_from, self.timestamp_to
        if start and end and start > end:
            raise ValueError(f"timestamp_from {timestamp(start)} is after timestamp_to {timestamp(end)}; swap them")
        return self


class Filters(Ours, Reference):
    """Which entries. Within one list any value will do, and each given field has to fit."""

    exclude: Excluded = about("Ours: what is left out.", {"user_ids": ["ci-deploy"]}, Excluded())

    def scope(self, member: Member, kept_since: datetime) -> Scope:
        """Return what is searched."""
        return Scope(member, kept_since, [*self.user_ids, *self.exclude.user_ids])

    def narrow(self, scope: Scope) -> EntryQuerySet:
        """Return those of the entries that fit. Raises ``Problem``."""
        entries = scope.entries
        if self.timestamp_from:
            entries = entries.since(max(self.timestamp_from, EPOCH))
        if self.timestamp_to:
            entries = entries.until(max(self.timestamp_to, EPOCH))
        entries = self.narrow_exactly(entries, scope)
        entries = self.exclude.narrow_exactly(entries, scope, excluded=True)
        if self.user_ids:
            entries = entries.by_actors(scope.user_ids(self.user_ids))
        if self.operations:
            entries = entries.with_operation(*(own for value in self.operations for own in _operations_of(value)))
        if self.targets:
            entries = entries.with_any_target(*(target.kind_and_id for target in self.targets))
        if self.success is not None:
            entries = entries.succeeded() if self.success else entries.failed()
        if self.source_ips:
            entries = entries.from_networks(*(_as_network(text) for text in self.source_ips))
        return entries

    @cached_property
    def in_words(self) -> str:
        """The same text for the same filters, in whatever order their values were sent; "" for none."""
        text = "&".join(f"{name}={value}" for name, value in self._pairs())
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        return text if len(text) <= LONGEST_QUERY else f"{masked_start(text, LONGEST_QUERY)}… ({digest})"

    def _pairs(self) -> Iterator[tuple[str, str]]:
        for name, time in (("timestamp_from", self.timestamp_from), ("timestamp_to", self.timestamp_to)):
            if time:
                yield name, timestamp(time)
        if self.success is not None:
            yield "success", str(self.success).lower()
        several = {
            "user_id": self.user_ids,
            "operation": (operation.name for value in self.operations for operation in _operations_of(value)),
            "target": (":".join(target.kind_and_id) for target in self.targets),
            "source_ip": self.source_ips,
        }
        for name, values in several.items():
            yield from ((name, value) for value in sorted(set(values)))
        yield from self.exact_pairs()
        yield from ((f"-{name}", value) for name, value in self.exclude.exact_pairs())


def _as_network(text: str) -> IPv4Network | IPv6Network:
    return ip_interface(text).network


class Pagination(Strict):
    """Which part of what is found."""

    page: int = about(f"Which page, from 1 on. Pages end at entry {DEEPEST:,}: go further by `cursor`.", 1, 1, ge=1)
    per_page: int = about(f"How many entries make a page. {ENDS_EARLY}", 20, 20, ge=1, le=1000)
    cursor: str | None = about(
        "Ours: the `next_cursor` of the last answer to the same search. It costs the same at any depth, and neither "
        "repeats nor leaves out an entry that was there at the start.",
        "AZpLHlwAe3uAAD8cmlLQ5NcNq2dtmXJ4",
    )

    @model_validator(mode="after")
    def _refuse_both(self) -> Self:
        if self.cursor and self.page > 1:
            raise ValueError(f"page {self.page} and a cursor; send one of them")
        return self


class Search(Strict):
    """A search of the log. All parts may be left out."""

    user_app_id: dict[str, Any] | None = about("Sent by the public client; the path counts.", {"user_id": "acme"})
    query: Filters = about("Which entries.", {"operations": [403]}, Filters())
    sort_ascending: StrictBool = about("Oldest first, instead of newest first.", False, False)
    pagination: Pagination = about("Which part of them.", {"per_page": 100}, Pagination())

    def part_of(self, scope: Scope) -> EntryQuerySet:
        """Return the entries asked for and, to see whether there is more, the next one. Raises ``Problem``."""
        asked = self.pagination
        skip = (asked.page - 1) * asked.per_page
        if skip + asked.per_page > DEEPEST:
            raise Problem(
                "out_of_range",
                f"pagination.page is {asked.page}: {asked.per_page} a page, it ends beyond entry {DEEPEST:,}. "
                "Go on by pagination.cursor, with the next_cursor of the last answer.",
            )
        found = self.query.narrow(scope)
        return found.part(asked.per_page + 1, beyond=self._beyond(), skip=skip, ascending=self.sort_ascending)

    def _beyond(self) -> Any:
        text = self.pagination.cursor
        if not text:
            return None
        try:
            cursor = Cursor.parse(text)
        except Misplaced:
            raise Problem(
                "invalid", f"pagination.cursor is {text!r:.80}: send the next_cursor of the last answer as it is."
            ) from None
        if cursor.digest != self._digest:
            raise Problem(
                "invalid",
                "pagination.cursor belongs to a search with another query or sort_ascending: send the same ones, or "
                "leave the cursor out to start anew.",
            )
        return cursor.id

    def cursor_after(self, entry_id: Any) -> str:
        """Return where this search goes on after an entry."""
        return str(Cursor(entry_id, self._digest))

    @property
    def _digest(self) -> bytes:
        parts = f"{self.sort_ascending}&" + "&".join(map("=".join, self.query._pairs()))
        return hashlib.sha256(parts.encode()).digest()[:DIGEST_BYTES]
