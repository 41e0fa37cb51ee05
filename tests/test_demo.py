"""The demo that `make run` shows: who is in it, what its history tells, and that it is seeded once."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from ipaddress import ip_address, ip_network
from random import Random
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from pytest_django.plugin import DjangoDbBlocker

from accounts.models import Account, Member, TeamMember, User
from accounts.roles import Role
from auditlog.demo.cast import DEMO_PASSWORD
from auditlog.demo.history import seed
from auditlog.demo.world import NOBODY, Turn, World
from auditlog.models import Entry
from auditlog.partitions import default_is_empty
from auditlog.scope import Scope
from controlcenter.operations import Operation
from controlcenter.resources.models import App, Model, ModelVersion, TeamApp

from .factories import ModelFactory

ENTRIES = 1500
NOW = datetime(2026, 11, 23, 0, 20, tzinfo=UTC)  # a Monday just after midnight
DOCUMENTATION = [
    ip_network(network) for network in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def demo(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The demo, for all tests of this module that ask for it."""
    with django_db_blocker.unblock():
        around = transaction.atomic()
        around._from_testcase = True  # type: ignore[attr-defined]  # as Django's own TestCase does
        with around:
            seed(ENTRIES, NOW)
            yield
            transaction.set_rollback(True)


def entries() -> list[Entry]:
    return list(Entry.objects.exclude(account_id=Account.PLATFORM_ID).order_by("id"))


# Who there is


def test_three_organizations_have_three_plans(demo: None) -> None:
    organizations = Account.objects.filter(kind=Account.Kind.ORGANIZATION)
    assert dict(organizations.values_list("slug", "plan__slug")) == {
        "acme": "enterprise",
        "globex": "professional",
        "initech": "community",
    }


def test_every_role_has_somebody_to_sign_in_as(demo: None) -> None:
    people = Member.objects.filter(user__email__in=_can_sign_in())
    assert dict(people.values_list("user__email", "role")) == {
        "ana@acme.example": Role.ADMINISTRATOR,
        "ben@acme.example": Role.ORGANIZATION_CONTRIBUTOR,
        "cleo@acme.example": Role.TEAM_CONTRIBUTOR,
        "omar@acme.example": Role.ORGANIZATION_USER,
        "audra@acme.example": Role.AUDITOR,
        "finn@acme.example": Role.FINANCIAL_MANAGER,
        "gina@globex.example": Role.ADMINISTRATOR,
        "ian@initech.example": Role.ADMINISTRATOR,
    }


def test_support_staff_belong_to_no_organization(demo: None) -> None:
    support = User.objects.get(is_staff=True)
    assert support.email == "support@controlcenter.example"
    assert support.check_password(DEMO_PASSWORD)
    assert not support.memberships.exists()


def test_people_are_at_home_in_their_organization(demo: None) -> None:
    homes = Member.objects.values_list("account__slug", "user__home__slug")
    assert all(account == home for account, home in homes)


def _can_sign_in() -> list[str]:
    return [user.email for user in User.objects.all() if user.check_password(DEMO_PASSWORD)]


def test_the_team_contributor_has_apps_to_work_on(demo: None) -> None:
    team = TeamMember.objects.get(member__user__slug="cleo").team
    assert set(TeamApp.objects.filter(team=team).values_list("access", flat=True)) == {TeamApp.Access.FULL}
    assert TeamApp.objects.filter(team=team).count() == 3


def test_some_apps_are_deleted_by_now_and_the_picker_has_them(demo: None) -> None:
    administrators = Member.objects.filter(role=Role.ADMINISTRATOR, account__kind=Account.Kind.ORGANIZATION)
    kept_since = NOW - timedelta(days=200)
    options = [option for member in administrators for option in Scope(member, kept_since).apps.values()]
    assert len(options) == 25
    assert sorted(option.slug for option in options if option.deleted) == [
        "hackathon-drones",
        "inspection-line-4",
        "legacy-ocr",
        "route-pilot",
        "weld-monitor",
    ]


# What the history tells


def test_it_has_about_as_many_entries_as_asked_for(demo: None) -> None:
    assert len(entries()) == pytest.approx(ENTRIES, rel=0.15)


def test_all_entries_are_in_the_partition_of_their_month(demo: None) -> None:
    assert default_is_empty()


def test_it_reaches_from_six_months_ago_to_this_minute(demo: None) -> None:
    times = [entry.time for entry in entries()]
    assert NOW - timedelta(days=184) < times[0] < NOW - timedelta(days=182)
    assert NOW - timedelta(minutes=1) < times[-1] <= NOW
    assert {NOW.date(), NOW.date() - timedelta(days=1)} <= {time.date() for time in times}


def test_apps_are_not_touched_before_they_exist_nor_after_they_are_gone(demo: None) -> None:
    operations: dict[int, list[int]] = defaultdict(list)
    for entry in entries():
        if entry.app_id is not None and entry.success:
            operations[entry.app_id].append(entry.operation)
    for app_id, done in operations.items():
        gone = not App.objects.filter(pk=app_id).exists()
        assert done[0] in (Operation.APPLICATION_CREATE, Operation.APPLICATION_DUPLICATE)
        assert gone == (done[-1] == Operation.APPLICATION_DELETE)


def test_rows_are_as_old_as_their_entries(demo: None) -> None:
    creation = Entry.objects.with_operation(Operation.MODEL_CREATE).succeeded().order_by("-id")[0]
    assert creation.app_id is not None
    model = Model.objects.get(slug=creation.targets[0]["id"], app_id=creation.app_id)
    assert model.created_at == creation.time


def test_things_are_called_in_entries_what_they_were_called_then(demo: None) -> None:
    names: dict[tuple[int | None, str, str], str] = {}
    renamed = 0
    for entry in entries():
        changed = entry.event["changes"].get("name", [None, None])[1] if entry.success else None
        for number, target in enumerate(entry.event["targets"]):
            key = (entry.app_id, target["type"], target["id"])
            if changed and not number:
                renamed += key in names
                names[key] = changed
            assert target.get("name", "") == names.setdefault(key, target.get("name", ""))
    assert renamed


def test_a_version_uploaded_just_before_a_rename_belongs_to_the_old_name() -> None:
    model = ModelFactory(name="Detector")

    def upload_and_rename(world: World) -> None:
        world.add(ModelVersion(model=model), model)
        world.change(model, name="Finder")

    rng = Random(1)  # noqa: S311
    World(rng, NOW).play([Turn(NOW, "acme", NOBODY, "192.0.2.1", "", upload_and_rename)])
    upload = Entry.objects.for_account(model.app.account_id).with_operation(Operation.MODEL_VERSION_CREATE).get()
    assert [target["name"] for target in upload.event["targets"]][1] == "Detector"


def test_entries_from_before_a_marriage_keep_the_former_name(demo: None) -> None:
    marriage = next(entry for entry in entries() if "last_name" in entry.event["changes"] and entry.operation == 800)
    for entry in entries():
        if entry.event["actor"].get("id") == "priya" and entry.id != marriage.id:
            assert entry.subject is not None
            assert entry.subject.last_name == ("Raman" if entry.id < marriage.id else "Raman-Oduya")


def test_every_organization_has_news(demo: None) -> None:
    recent = {entry.account_id for entry in entries() if entry.time > NOW - timedelta(minutes=30)}
    assert len(recent) == 3


def test_every_address_is_one_of_documentation(demo: None) -> None:
    addresses = {ip_address(entry.source_ip) for entry in entries() if entry.source_ip}
    assert {address.version for address in addresses} == {4, 6}
    assert all(any(address in network for network in DOCUMENTATION) for address in addresses)


def test_every_operation_came_with_a_request_of_its_own(demo: None) -> None:
    assert all(len(entry.request_id) == 32 and entry.event["where"]["path"] for entry in entries())


def test_things_fail_in_all_the_ways_they_can(demo: None) -> None:
    codes = {entry.event["failure"]["code"] for entry in Entry.objects.failed()}
    assert codes >= {"role_denied", "invalid", "conflict", "internal_error", "invalid_credentials", "token_revoked"}


def test_one_token_fails_again_and_again_from_one_address(demo: None) -> None:
    hammering = [entry for entry in Entry.objects.failed() if entry.event["failure"]["code"] == "token_revoked"]
    assert {entry.event["actor"]["token_name"] for entry in hammering} == {"edge-camera-sync"}
    assert {entry.source_ip for entry in hammering} == {"203.0.113.77"}
    assert len(hammering) > 10


def test_working_days_are_busier_than_weekends(demo: None) -> None:
    weekend = [entry for entry in entries() if entry.time.weekday() >= 5]
    assert len(weekend) < len(entries()) / 6


# Seeding again


def test_a_second_time_it_only_says_how_to_sign_in(demo: None, django_assert_num_queries: Any) -> None:
    before = Entry.objects.count()
    with django_assert_num_queries(1):
        call_command("seed_demo", stdout=(printed := StringIO()))
    assert DEMO_PASSWORD in printed.getvalue()
    assert "  cleo@acme.example              Team contributor" in printed.getvalue()
    assert Entry.objects.count() == before
