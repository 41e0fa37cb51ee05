"""The dates of a page: presets, custom ranges, zones, and what is refused."""

from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.exceptions import ValidationError

from auditlog.periods import Period, PeriodField, PeriodWidget, months_before, preset_period

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
Z = ZoneInfo("UTC")


def asked(**values: str) -> Period:
    return PeriodField().clean({**dict.fromkeys(PeriodWidget.PARTS, ""), **values})


def asked_dates(first: str, last: str, tz: str = "") -> Period:
    return asked(**{"from": first, "to": last, "tz": tz})


@pytest.mark.parametrize(
    ("preset", "first", "last"),
    [
        ("today", "2026-11-22", "2026-11-22"),
        ("yesterday", "2026-11-21", "2026-11-21"),
        ("7d", "2026-11-16", "2026-11-22"),
        ("14d", "2026-11-09", "2026-11-22"),
        ("30d", "2026-10-24", "2026-11-22"),
        ("month", "2026-11-01", "2026-11-22"),
        ("last-month", "2026-10-01", "2026-10-31"),
        ("3m", "2026-08-23", "2026-11-22"),
        ("6m", "2026-05-23", "2026-11-22"),
    ],
)
def test_a_preset_ends_today_or_where_its_name_says(preset: str, first: str, last: str) -> None:
    period = preset_period(preset, NOW, Z)
    assert (period.from_date, period.to_date) == (first, last)


def test_today_is_the_day_of_the_zone() -> None:
    assert preset_period("today", NOW, ZoneInfo("Pacific/Kiritimati")).first == date(2026, 11, 23)


def test_months_back_end_at_the_end_of_a_shorter_month() -> None:
    assert months_before(date(2024, 3, 31), 1) == date(2024, 2, 29)
    assert months_before(date(2026, 1, 15), 13) == date(2024, 12, 15)


@time_machine.travel(NOW, tick=False)
def test_the_default_is_the_billing_month() -> None:
    assert asked().preset == "month"
    assert asked().label == "Nov 1 – 22, 2026"


@time_machine.travel(NOW, tick=False)
def test_both_ends_are_included_also_over_a_change_of_the_clock() -> None:
    period = asked_dates("2026-10-25", "2026-10-25", "Europe/Berlin")
    assert period.begins.astimezone(UTC) == datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert period.ends.astimezone(UTC) == datetime(2026, 10, 25, 23, tzinfo=UTC)


@time_machine.travel(NOW, tick=False)
def test_a_preset_beats_the_date_fields_beside_it() -> None:
    period = asked(**{"range": "7d", "from": "2020-01-01", "to": "2020-01-02"})
    assert period.from_date == "2026-11-16"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"range": "fortnight"}, "There is no range “fortnight”"),
        ({"tz": "Mars/Olympus"}, "There is no time zone “Mars/Olympus”"),
        ({"tz": "../etc/passwd"}, "There is no time zone"),
        ({"from": "2026-11-22", "to": "2026-11-01"}, "reversed: 2026-11-22 comes after 2026-11-01"),
        ({"from": "yesterday"}, "From is “yesterday”, which is no date"),
        ({"to": "2026-02-30"}, "To is “2026-02-30”, which is no date"),
        ({"from": "0001-01-01", "to": "2026-01-01"}, "From is 0001-01-01, but"),
        ({"from": "2026-01-01", "to": "9999-12-31"}, "To is 9999-12-31, but"),
        ({"from": "2026-01-01", "to": "9999-12-31T23:59"}, "To is “9999-12-31T23:59”, which is no date"),
        ({"from": "2026-11-01", "from_time": "noon"}, "From is “2026-11-01Tnoon”, which is no date"),
        ({"from": "2026-11-22T10:00", "to": "2026-11-22T09:00"}, "reversed: it would end before 10:00:00"),
    ],
)
@time_machine.travel(NOW, tick=False)
def test_it_names_what_is_wrong(values: dict[str, str], expected: str) -> None:
    with pytest.raises(ValidationError) as refused:
        asked(**values)
    assert expected in refused.value.messages[0]


@pytest.mark.parametrize(
    ("first", "last", "label"),
    [
        ("2026-11-22", "2026-11-22", "Nov 22, 2026"),
        ("2026-10-30", "2026-11-02", "Oct 30 – Nov 2, 2026"),
        ("2025-12-30", "2026-01-02", "Dec 30, 2025 – Jan 2, 2026"),
    ],
)
def test_the_label_repeats_nothing(first: str, last: str, label: str) -> None:
    assert Period("custom", date.fromisoformat(first), date.fromisoformat(last), Z).label == label


@time_machine.travel(NOW, tick=False)
def test_a_minute_that_is_named_is_included_whole() -> None:
    period = asked(**{"from": "2026-11-22T06:00", "to": "2026-11-22", "to_time": "11:59"})
    assert (period.begins, period.ends) == (
        datetime(2026, 11, 22, 6, tzinfo=UTC),
        datetime(2026, 11, 22, 12, tzinfo=UTC),
    )
    assert period.label == "Nov 22, 06:00 – 12:00"
    assert (period.from_time, period.to_time) == ("06:00", "11:59")


@time_machine.travel(NOW, tick=False)
def test_times_that_are_those_of_whole_days_are_left_out() -> None:
    period = asked(**{"from": "2026-11-21T00:00", "to": "2026-11-22T23:59"})
    assert period.as_query() == {"from": "2026-11-21", "to": "2026-11-22"}


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns"])
@time_machine.travel(NOW, tick=False)
def test_the_address_of_any_range_leads_back_to_it(zone: str) -> None:
    choose = Random(zone)  # noqa: S311
    for _ in range(500):
        begins = datetime(2026, 10, 23, tzinfo=UTC) + choose.choice([1, 60, 3600]) * timedelta(
            seconds=choose.randrange(5000)
        )
        ends = begins + choose.choice([1, 60, 3600]) * timedelta(seconds=choose.randrange(1, 300))
        period = asked(**Period.between(begins, ends, ZoneInfo(zone)).as_query())
        assert (period.begins, period.ends) == (begins, ends)
