"""The same event always gives the same bytes."""

import hashlib
import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from ipaddress import ip_address
from uuid import UUID

import pytest
from django.utils.safestring import SafeString
from hypothesis import given, settings
from hypothesis import strategies as some

from auditlog.canonical import canonical, leaf_of, plain
from controlcenter.context import ActorType

NOON = datetime(2026, 11, 22, 12, 0, 0, 7, tzinfo=UTC)


def test_keys_are_sorted_at_each_depth_and_nothing_is_padded() -> None:
    assert canonical({"b": {"d": 1, "c": [1, 2]}, "a": None}) == b'{"a":null,"b":{"c":[1,2],"d":1}}'


def test_the_order_of_writing_does_not_matter() -> None:
    assert canonical({"a": 1, "b": {2, 1, 3}}) == canonical({"b": {3, 2, 1}, "a": 1})


def test_text_is_utf_8_as_it_is() -> None:
    assert canonical("Zoë ✓") == '"Zoë ✓"'.encode()


def test_times_are_utc_with_microseconds() -> None:
    assert canonical(NOON) == b'"2026-11-22T12:00:00.000007Z"'
    assert canonical(NOON.replace(microsecond=0)) == b'"2026-11-22T12:00:00.000000Z"'


def test_a_time_is_the_same_in_all_zones() -> None:
    assert canonical(NOON.astimezone(timezone(timedelta(hours=-8)))) == canonical(NOON)


@pytest.mark.parametrize("number", [0.1, 1.0, 1e300, float("nan"), float("inf")])
def test_there_are_no_floats(number: float) -> None:
    assert isinstance(json.loads(canonical([number]))[0], str)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (7, "7"),
        (Decimal("1.50"), '"1.50"'),
        (date(2026, 11, 22), '"2026-11-22"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (ip_address("2001:db8::1"), '"2001:db8::1"'),
        (timedelta(days=1), '"1 day, 0:00:00"'),
        (ActorType.USER, '"user"'),
        ((1, 2), "[1,2]"),
        ({1: "one"}, '{"1":"one"}'),
        ({SafeString("a"): SafeString("b")}, '{"a":"b"}'),
    ],
)
def test_each_type_is_written_one_way(value: object, text: str) -> None:
    assert canonical(value).decode() == text


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b", "\udfff"], ids=["null", "half a pair", "the other half"])
def test_text_that_can_t_be_stored_does_not_keep_an_entry_from_being_written(text: str) -> None:
    written = canonical({"name": text}).decode()
    assert "\x00" not in written


def test_what_can_t_be_written_one_way_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="complex"):
        plain({"value": [1j]})


def test_the_bytes_never_change() -> None:
    """A digest from the day this was written: proofs of old entries depend on it."""
    event = {"v": 1, "time": NOON, "targets": [{"type": "app", "id": "näh"}], "changes": {"name": ["a", None]}}
    digest = hashlib.sha256(canonical(event)).hexdigest()
    assert digest == "2d96cd399ad5cef86fd44242d8a90dab9177a905d6d3b2ebefc6ceeaa24756e4"


def test_a_leaf_is_the_hash_of_a_zero_byte_and_the_body() -> None:
    assert leaf_of(b"body") == hashlib.sha256(b"\x00" + b"body").digest()


TEXTS = some.text() | some.sampled_from(["\x7f", "\u2028", "</script>", '"\\\x1f', "\U0001f600", "\ue000"])
VALUES = some.recursive(
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats()
    | some.datetimes(timezones=some.timezones())
    | TEXTS,
    lambda inner: some.lists(inner) | some.dictionaries(some.text(some.characters(exclude_categories=["Cs"])), inner),
)


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_it_writes_the_bytes_that_the_standard_library_writes(value: object) -> None:
    theirs = json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical(value) == theirs.encode()


def test_each_character_is_written_as_the_standard_library_writes_it() -> None:
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    assert canonical(characters) == json.dumps(plain(characters), separators=(",", ":"), ensure_ascii=False).encode()
