"""The language of the query bar: ``actor:ana -operation:MODEL_DELETE,models ip:10.0.0.0/8 "quota exceeded"``.

A field, a colon, and values between commas; a hyphen in front excludes; what stands alone is looked for as text. Values
and texts with blanks or commas are quoted. Reading a text and writing a filter are each other's inverse.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

from .fields import FIELDS

DATES = ("range", "from", "to")
"""Also understood, and kept beside the filter."""
TERM = re.compile(r"(?P<minus>-?)(?:(?P<field>[A-Za-z_]+):)?")
VALUE = re.compile(r'"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<open>")|(?P<bare>[^\s,"]+)')
WORD = re.compile(r'"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<open>")|(?P<bare>\S+)')
PLAIN = re.compile(r'[^\s,"]+')
PLAIN_TEXT = re.compile(r'(?!-)(?![A-Za-z_]+:)[^\s"]\S*')


UNFINISHED = re.compile(
    r'(?:^|(?<=\s))(?P<minus>-?)(?:(?P<field>[A-Za-z_]+):(?:(?:"[^"]*"|[^\s,"]+),)*)?(?P<part>"[^"]*|[^\s,"]*)$'
)


class Unfinished(NamedTuple):
    """What is being written at the cursor: a value of a field, or what may become a field or a text."""

    field: str
    part: str
    before: str
    """All that stands before the part."""
    after: str


class Term(NamedTuple):
    """One value of a query, and where it stands (from 1 on)."""

    name: str
    value: str
    excluded: bool
    column: int

    @property
    def parameter(self) -> str:
        """What an address calls it."""
        return f"-{self.name}" if self.excluded else self.name


class Query(NamedTuple):
    """A text of the query bar, read: its terms, and what is wrong with it, in sentences."""

    terms: list[Term]
    problems: list[str]


def read(text: str) -> Query:
    """Return what a text asks for. Nothing is passed over: what can't be understood is named with its column."""
    query, position = Query([], []), 0
    while (position := _skip_blanks(text, position)) < len(text):
        term = TERM.match(text, position)
        assert term  # noqa: S101  (all of it is optional)
        position = (_read_field if term["field"] else _read_text)(text, term, query)
    return query


def _read_field(text: str, term: "re.Match[str]", query: Query) -> int:
    name, column = term["field"].lower(), term.start() + 1
    known = name in FIELDS or (name in DATES and not term["minus"])
    if not known:
        query.problems.append(_unknown_field(name, column + len(term["minus"])))
    position, values = term.end(), 0
    while value := VALUE.match(text, position):
        if value["open"]:
            query.problems.append(_not_closed(value.start()))
            return len(text)
        if text_of := _value(value).strip():
            values += 1
            if known:
                query.terms.append(Term(name, text_of, bool(term["minus"]), value.start() + 1))
        position = value.end()
        if not text.startswith(",", position):
            break
        position += 1
    if known and not values:
        hint = FIELDS[name].hint if name in FIELDS else "A date as 2026-11-22"
        query.problems.append(f"Column {column}: {name}: has no value. {hint}.")
    return max(position, term.end())


def _read_text(text: str, term: "re.Match[str]", query: Query) -> int:
    start = term.end()
    word = WORD.match(text, start)
    if word is None:  # a hyphen by itself
        query.terms.append(Term("text", "-", False, term.start() + 1))
        return start
    if word["open"]:
        query.problems.append(_not_closed(start))
        return len(text)
    if value := _value(word).strip():
        query.terms.append(Term("text", value, bool(term["minus"]), start + 1))
    else:
        query.problems.append(f"Column {start + 1}: there is nothing between the quotes. Write a text there.")
    return word.end()


def unfinished(text: str, cursor: int) -> Unfinished:
    """Return what is being written at the cursor."""
    found = UNFINISHED.search(text[:cursor])
    if found is None:
        return Unfinished("", "", text[:cursor], text[cursor:])
    return Unfinished(
        (found["field"] or "").lower(), found["part"].lstrip('"'), text[: found.start("part")], text[cursor:]
    )


def written_value(value: str) -> str:
    """Return a value of a field as it has to be written."""
    return value if PLAIN.fullmatch(value) else _quoted(value)


def written(pairs: Iterable[tuple[str, str]]) -> str:
    """Return the text that asks for what parameters of an address ask for."""
    terms: dict[str, list[str]] = {}
    texts = []
    for parameter, value in pairs:
        if parameter.lstrip("-") == "text":
            texts.append(f"{'-' * parameter.startswith('-')}{value if PLAIN_TEXT.fullmatch(value) else _quoted(value)}")
        else:
            terms.setdefault(parameter, []).append(written_value(value))
    return " ".join([*(f"{name}:{','.join(values)}" for name, values in terms.items()), *texts])


def _skip_blanks(text: str, position: int) -> int:
    while position < len(text) and (text[position].isspace()):
        position += 1
    return position


def _value(found: "re.Match[str]") -> str:
    return found["bare"] or re.sub(r"\\(.)", r"\1", found["quoted"] or "")


def _quoted(value: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def _not_closed(position: int) -> str:
    return f"Column {position + 1}: the quote that opens here is not closed. Close it, or take it out."


def _unknown_field(name: str, column: int) -> str:
    near = get_close_matches(name, [*FIELDS, *DATES], n=1, cutoff=0.6)
    meant = f"Did you mean {near[0]}?" if near else f"There are {', '.join(FIELDS)}."
    return f"Column {column}: there is no field “{name:.40}”. {meant} To look for it as text, put it in quotes."
