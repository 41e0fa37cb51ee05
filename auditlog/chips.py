"""What the entries are narrowed by, told in words, each with the address without it."""

from typing import NamedTuple

from .fields import FIELDS
from .filters import EntryFilterSet
from .looks import log_address

OPERATORS = {(False, False): "is", (False, True): "is any of", (True, False): "is not", (True, True): "is none of"}
TEXT_OPERATORS = {False: "has", True: "has not"}


class Chip(NamedTuple):
    """An active filter, and the address without it."""

    label: str
    operator: str
    value: str
    without_url: str


def chips_of(filters: EntryFilterSet) -> list[Chip]:
    """Return a chip for each parameter that narrows; for texts one each, as all of them have to be met."""
    chips = []
    for parameter, values in filters.narrowing.items():
        excluded, field = parameter.startswith("-"), FIELDS[parameter.lstrip("-")]
        names = [field.shown(filters.scope, value) for value in values]
        if field.name == "text":
            pairs: list[tuple[str, str, str | None]] = [
                (TEXT_OPERATORS[excluded], name, value) for name, value in zip(names, values, strict=True)
            ]
        else:
            pairs = [(OPERATORS[excluded, len(values) > 1], ", ".join(names), None)]
        chips += [
            Chip(field.label, operator, shown, log_address(filters.scope.member, filters.dropping(parameter, value)))
            for operator, shown, value in pairs
        ]
    return chips
