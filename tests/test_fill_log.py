"""Made-up entries must be told from recorded ones by nothing but what they say."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Account
from auditlog.canonical import canonical, leaf_of, timestamp
from auditlog.models import Entry
from auditlog.partitions import default_is_empty
from controlcenter.operations import Operation

from .factories import AccountFactory, AppFactory, ModelFactory, People, make_people

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    people = make_people()
    ModelFactory(app=AppFactory(account=people.acme, slug="visual-inspection"), slug="defect-detector")
    return people


def fill_log(**options: Any) -> str:
    out = StringIO()
    call_command("fill_log", stdout=out, **{"account": "acme", "entries": 300, "days": 40, "is_test": True, **options})
    return out.getvalue()


def made_up(account: Account, **options: Any) -> list[Entry]:
    """Return the entries that filling has added."""
    before = set(Entry.objects.values_list("id", flat=True))
    fill_log(account=account.slug, **options)
    return [entry for entry in Entry.objects.for_account(account.pk).order_by("id") if entry.id not in before]


def test_it_writes_as_many_entries_as_asked_for(people: People) -> None:
    assert len(made_up(people.acme, entries=321)) == 321


def test_it_says_how_fast_it_was(people: People) -> None:
    assert "Wrote 300 entries in " in fill_log()


def test_bodies_are_canonical_and_leaves_are_theirs(people: People) -> None:
    for entry in made_up(people.acme):
        body = bytes(entry.body)
        assert canonical(json.loads(body)) == body
        assert bytes(entry.leaf) == leaf_of(body)


def test_columns_say_what_the_body_says(people: People) -> None:
    for entry in made_up(people.acme):
        event = entry.event
        assert event["id"] == str(entry.id)
        assert event["time"] == timestamp(entry.time)
        assert event["account"] == entry.account_id
        assert event["operation"]["code"] == entry.operation
        assert event["success"] == entry.success
        assert (event["where"]["request"], event["where"]["ip"]) == (entry.request_id, entry.source_ip)
        assert [{"id": target["id"], "type": target["type"]} for target in event["targets"]] == entry.targets
        assert event["actor"]["subject"] == entry.subject.digest  # type: ignore[union-attr]


def test_times_are_spread_over_the_days(people: People) -> None:
    started = timezone.now()
    times = [entry.time for entry in made_up(people.acme, days=40)]
    assert started - timedelta(days=40) <= times[0] < started - timedelta(days=36)
    assert timezone.now() - timedelta(days=4) < times[-1] <= timezone.now()


def test_every_entry_has_a_month_to_go_to(people: People) -> None:
    made_up(people.acme, days=800)
    assert default_is_empty()


def test_some_entries_are_failures(people: People) -> None:
    failed = [entry for entry in made_up(people.acme) if not entry.success]
    assert {entry.event["failure"]["code"] for entry in failed} == {"role_denied"}
    assert len(failed) < 50


def test_entries_tell_of_what_the_account_has(people: People) -> None:
    named = {target["id"] for entry in made_up(people.acme) for target in entry.targets}
    assert {"visual-inspection", "defect-detector"} <= named


def test_no_app_is_listed_as_deleted(people: People) -> None:
    made_up(people.acme)
    deleted = Entry.objects.for_account(people.acme.pk).with_operation(Operation.APPLICATION_DELETE).succeeded()
    assert not deleted.exists()


def test_other_accounts_stay_as_they_are(people: People) -> None:
    other = AccountFactory()
    before = Entry.objects.for_account(other.pk).count()
    fill_log()
    assert Entry.objects.for_account(other.pk).count() == before


def test_an_account_with_nothing_in_it_can_be_filled() -> None:
    assert len(made_up(AccountFactory(slug="empty"))) == 300


def test_an_unknown_account_is_named_with_those_like_it(people: People) -> None:
    with pytest.raises(CommandError, match=r"There is no account 'acne'\. There are: acme"):
        fill_log(account="acne")


@pytest.mark.parametrize("number", [0, -1])
def test_it_refuses_to_write_nothing(number: int) -> None:
    with pytest.raises(CommandError, match=f"--entries is {number}: give 1 or more"):
        fill_log(entries=number)


@pytest.mark.parametrize("days", [0, -1, 3651])
def test_it_refuses_absurd_days(days: int) -> None:
    with pytest.raises(CommandError, match=f"--days is {days:,}: give 1 to 3,?650"):
        fill_log(days=days)


def test_it_asks_whether_this_is_a_test_installation(people: People) -> None:
    with pytest.raises(CommandError, match="--yes-this-is-a-test-installation"):
        fill_log(is_test=False)


# The months they go to


def make_partitions(*options: str) -> str:
    out = StringIO()
    call_command("make_partitions", *options, stdout=out)
    return out.getvalue()


def test_it_makes_the_months_asked_for_once() -> None:
    assert make_partitions("--from", "2031-11", "--to", "2032-01").split() == [
        "Made", "auditlog_entry_2031_11", "Made", "auditlog_entry_2031_12", "Made", "auditlog_entry_2032_01",
    ]  # fmt: skip
    assert "Nothing to make" in make_partitions("--from", "2031-11", "--to", "2032-01")


@pytest.mark.parametrize("month", ["2026-13", "2026", "11-2026", "2026-1", "1969-12", "now", ""])
def test_a_bad_month_is_named_with_the_form_expected(month: str) -> None:
    with pytest.raises(CommandError, match=f"--from is '{month}': give a month from 1970-01 on, as YYYY-MM"):
        make_partitions("--from", month)


def test_months_in_the_wrong_order_are_named() -> None:
    with pytest.raises(CommandError, match="--from 2027-02 is later than --to 2027-01"):
        make_partitions("--from", "2027-02", "--to", "2027-01")


def test_absurdly_many_months_are_refused() -> None:
    with pytest.raises(CommandError, match="1,200 months: make at most 600"):
        make_partitions("--from", "2000-01", "--to", "2099-12")
