"""Ids are made from times: they sort, bound and give back the time, to the microsecond."""

from datetime import UTC, datetime, timedelta, timezone
from random import Random

import pytest

from auditlog.ids import COUNTER_SIZE, floor_id, new_id, time_of

MICROSECOND = timedelta(microseconds=1)
TIMES = [
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2026, 11, 22, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2026, 11, 23, 0, 0, 0, 1, tzinfo=UTC),
    datetime(2024, 2, 29, 12, 30, 15, 123_456, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    *(datetime(2020, 1, 1, tzinfo=UTC) + Random(n).randrange(10**15) * MICROSECOND for n in range(50)),  # noqa: S311
]
every_time = pytest.mark.parametrize("time", TIMES, ids=str)


@every_time
def test_an_id_gives_back_its_time(time: datetime) -> None:
    assert time_of(new_id(time)) == time
    assert time_of(floor_id(time)) == time


@every_time
def test_the_floor_lies_below_all_ids_of_its_time_and_above_all_earlier_ones(time: datetime) -> None:
    assert floor_id(time) <= new_id(time) < new_id(time, COUNTER_SIZE - 1)
    if time > TIMES[0]:
        assert new_id(time - MICROSECOND, COUNTER_SIZE - 1) < floor_id(time)


@every_time
def test_an_id_is_a_uuid_of_version_seven(time: datetime) -> None:
    assert new_id(time).version == 7
    assert new_id(time).variant == floor_id(time).variant == "specified in RFC 4122"


def test_ids_sort_by_time() -> None:
    assert [time_of(entry_id) for entry_id in sorted(map(new_id, TIMES))] == sorted(TIMES)


def test_ids_of_one_statement_sort_as_counted() -> None:
    ids = [new_id(TIMES[1], counter) for counter in range(COUNTER_SIZE)]
    assert ids == sorted(ids)
    assert len(set(ids)) == COUNTER_SIZE


def test_ids_stay_different_when_the_counter_wraps() -> None:
    assert new_id(TIMES[1], 0) != new_id(TIMES[1], COUNTER_SIZE)


def test_an_id_is_the_same_in_all_zones() -> None:
    tokyo = TIMES[1].astimezone(timezone(timedelta(hours=9)))
    assert floor_id(tokyo) == floor_id(TIMES[1])
