"""Two entries of one resource, and what the resource was after each of them."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Member, Plan, User
from accounts.roles import Role
from auditlog import comparing
from auditlog.ids import new_id
from auditlog.models import Entry
from controlcenter.context import SYSTEM, Where, acting_as, attempting
from controlcenter.operations import Operation
from controlcenter.resources.models import Model

from .factories import AppFactory, ModelFactory, ModelVersionFactory, People, TeamFactory
from .history import LONG_AGO, entries_of, home_of, member_with, multiply, sign_in_long_ago, text_of, the_entry

pytestmark = pytest.mark.django_db

URL = "/@acme/teams-and-logs/entries/"
WHERE = Where("203.0.113.7", "203.0.113.7", user_agent="curl/8", request_id="request-7")


@pytest.fixture
def model(people: People) -> Model:
    """A model that three people changed one after the other."""
    with acting_as(SYSTEM, at=LONG_AGO):
        app = AppFactory(account=people.acme, slug="vision", name="Vision")
    with acting_as(people.owner.as_actor(), WHERE, at=minutes_ago(9)):
        model: Model = ModelFactory(app=app, slug="detector", name="One", description="Finds cats on sofas")
    change(model, people.owner, 7, name="Two")
    change(model, people.member, 5, description="Finds dogs on sofas")
    change(model, people.owner, 3, name="Three")
    return model


def minutes_ago(minutes: int) -> datetime:
    return timezone.now() - timedelta(minutes=minutes)


def change(model: Model, user: User, minutes: int, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(model, name, value)
    with acting_as(user.as_actor(), at=minutes_ago(minutes)):
        model.save()


def told(people: People) -> list[Entry]:
    """Return the entries about the model, oldest first."""
    return entries_of(people.acme, Operation.MODEL_CREATE, Operation.MODEL_UPDATE, Operation.MODEL_DELETE)


def url(one: Entry, other: Entry, slug: str = "acme") -> str:
    return f"/@{slug}/teams-and-logs/entries/{one.id}/compare/{other.id}/"


def differing(response: Any) -> list[tuple[str, str | None, str | None]]:
    comparison = response.context["comparison"]
    return [(change.field, change.before, change.after) for change in comparison.differing]


def test_it_tells_what_differs_between_the_states_that_each_left(page: Client, people: People, model: Model) -> None:
    created, second, third, fourth = told(people)
    assert differing(page.get(url(created, second))) == [("name", "One", "Two")]
    assert differing(page.get(url(second, third))) == [("description", "Finds cats on sofas", "Finds dogs on sofas")]
    assert differing(page.get(url(third, fourth))) == [("name", "Two", "Three")]


def test_changes_between_count_though_neither_tells_them(page: Client, people: People, model: Model) -> None:
    _, second, _, fourth = told(people)
    response = page.get(url(second, fourth))
    assert differing(response) == [
        ("description", "Finds cats on sofas", "Finds dogs on sofas"),
        ("name", "Two", "Three"),
    ]
    assert "1 other entry lies between them" in text_of(response)


def test_what_was_changed_back_is_equal(page: Client, people: People, model: Model) -> None:
    change(model, people.owner, 2, name="One")
    created, *_, last = told(people)
    response = page.get(url(created, last))
    assert [change[0] for change in differing(response)] == ["description"]
    assert "The same in both: " in text_of(response)
    assert "name" in [change.field for change in response.context["comparison"].equal]


def test_the_order_of_the_address_does_not_matter(page: Client, people: People, model: Model) -> None:
    created, *_, last = told(people)
    one, other = page.get(url(created, last)), page.get(url(last, created))
    assert differing(one) == differing(other)
    assert other.context["comparison"].earlier == created


def test_a_deleted_thing_has_nothing_left(page: Client, people: People, model: Model) -> None:
    with acting_as(people.owner.as_actor()):
        model.delete()
    *_, last, deletion = told(people)
    assert ("name", "Three", None) in differing(page.get(url(last, deletion)))


def test_only_changed_words_are_marked(page: Client, people: People, model: Model) -> None:
    _, second, third, _ = told(people)
    content = page.get(url(second, third)).content.decode()
    assert "Finds <del>cats</del> on sofas" in content
    assert "Finds <ins>dogs</ins> on sofas" in content


def test_their_facts_stand_side_by_side(page: Client, people: People, model: Model) -> None:
    created, _, third, _ = told(people)
    text = text_of(page.get(url(created, third)))
    for part in ("Models created Models updated", "Olga Owner Max Member", "IP address 203.0.113.7", "Success Success"):
        assert part in text


def test_a_failure_left_what_was_there(page: Client, people: People, model: Model) -> None:
    with attempting(Operation.MODEL_UPDATE, account_id=people.acme.pk, target=model) as attempt:
        attempt.refuse("conflict", "Somebody was first.")
    *_, last, failure = told(people)
    response = page.get(url(last, failure))
    assert differing(response) == []
    assert "As far as the log tells, both left it the same." in text_of(response)
    assert "Failure: Somebody was first." in text_of(response)


def test_far_apart_it_says_that_not_all_was_read(
    page: Client, people: People, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "MOST_BETWEEN", 1)
    created, *_, last = told(people)
    response = page.get(url(created, last))
    assert "which were not read" in text_of(response)
    assert ("name", "One", "Three") in differing(response)


# What can't be compared


def test_two_resources_can_not_be_compared(page: Client, people: People, model: Model) -> None:
    with acting_as(people.owner.as_actor()):
        TeamFactory(account=people.acme, slug="quality")
    team = the_entry(people.acme, Operation.ORGANIZATION_TEAM_CREATE)
    response = page.get(url(told(people)[0], team))
    assert response.status_code == 404
    text = text_of(response)
    assert "One is about model detector of app vision, the other about team quality." in text


def test_a_version_is_another_thing_than_its_model(page: Client, people: People, model: Model) -> None:
    with acting_as(people.owner.as_actor()):
        ModelVersionFactory(model=model)
    version = the_entry(people.acme, Operation.MODEL_VERSION_CREATE)
    assert page.get(url(told(people)[0], version)).status_code == 404


def test_an_entry_is_not_compared_with_itself(page: Client, people: People, model: Model) -> None:
    entry = told(people)[0]
    response = page.get(url(entry, entry))
    assert response.status_code == 404
    assert "An entry does not differ from itself." in text_of(response)


def test_what_is_about_no_resource_is_not_compared(page: Client, people: People) -> None:
    page.get("/@acme/teams-and-logs/?range=7d")
    view = the_entry(people.acme, Operation.LOG_VIEW)
    assert "Compare with" not in text_of(page.get(f"{URL}{view.id}/"))
    assert page.get(f"{URL}{view.id}/compare/").status_code == 404


# Choosing the other one


def test_the_other_entries_of_the_resource_are_offered(page: Client, people: People, model: Model) -> None:
    with acting_as(people.owner.as_actor()):
        ModelVersionFactory(model=model)
        ModelFactory(app=model.app, slug="other")
    created, *others = told(people)[:4]
    assert (
        f'href="/@acme/teams-and-logs/entries/{created.id}/compare/"'
        in page.get(f"{URL}{created.id}/").content.decode()
    )
    response = page.get(f"{URL}{created.id}/compare/")
    assert [row.id for row in response.context["others"]] == [str(entry.id) for entry in reversed(others)]
    for other in others:
        assert f'href="{other.id}/"' in response.content.decode()


def test_roles_of_a_member_are_one_resource(page: Client, people: People) -> None:
    member = Member.objects.get(user=people.member)
    for role in (Role.AUDITOR, Role.TEAM_CONTRIBUTOR):
        with acting_as(people.owner.as_actor()):
            member.role = role
            member.save()
    one, other = entries_of(people.acme, Operation.ORGANIZATION_MEMBER_CHANGE)
    assert differing(page.get(url(one, other))) == [("role", "auditor", "team_contributor")]


def test_many_others_come_in_pages(page: Client, people: People, model: Model) -> None:
    multiply(told(people)[1], 120)
    seen: list[str] = []
    address = f"{URL}{told(people)[-1].id}/compare/"
    query = ""
    while True:
        response = page.get(address + query)
        seen += [row.id for row in response.context["others"]]
        query = response.context["older_url"]
        if not query:
            break
        assert f'href="{query}"' in response.content.decode()
    assert len(seen) == len(set(seen)) == 123
    back = page.get(address + response.context["newer_url"])
    assert [row.id for row in back.context["others"]] == seen[50:100]


def test_an_only_entry_has_no_other(page: Client, people: People) -> None:
    with acting_as(people.owner.as_actor()):
        TeamFactory(account=people.acme, slug="quality")
    entry = the_entry(people.acme, Operation.ORGANIZATION_TEAM_CREATE)
    assert "There is no other entry about team quality" in text_of(page.get(f"{URL}{entry.id}/compare/"))


# Who may


def test_who_sees_own_entries_compares_only_those(people: People, model: Model, client: Client) -> None:
    user = member_with(Role.ORGANIZATION_CONTRIBUTOR, people.acme)
    change(model, user, 2, description="Finds owls on sofas")
    change(model, people.owner, 1, kind="secret-kind")
    change(model, user, 0, description="Finds bats on sofas")
    sign_in_long_ago(client, user)
    *others, one, _, other = told(people)
    response = client.get(url(one, other))
    assert [change[0] for change in differing(response)] == ["description"]
    assert "secret-kind" not in text_of(response)
    assert "what others changed in between may be missing" in text_of(response)
    assert client.get(url(one, others[0])).status_code == 404
    offered = client.get(f"{URL}{one.id}/compare/").context["others"]
    assert [row.id for row in offered] == [str(other.id)]


def test_a_stranger_compares_nothing(people: People, model: Model, client: Client) -> None:
    sign_in_long_ago(client, people.stranger)
    one, other = told(people)[:2]
    for slug in ("acme", home_of(people.stranger).slug):
        assert client.get(url(one, other, slug)).status_code == 404
        assert client.get(f"/@{slug}/teams-and-logs/entries/{one.id}/compare/").status_code == 404


def test_an_entry_of_another_account_is_not_there(page: Client, people: People, model: Model) -> None:
    AppFactory(account=home_of(people.stranger), slug="vision")
    foreign = entries_of(home_of(people.stranger), Operation.APPLICATION_CREATE)[0]
    assert page.get(url(told(people)[0], foreign)).status_code == 404
    assert page.get(url(foreign, told(people)[0])).status_code == 404


def test_who_reads_no_log_compares_nothing(people: People, model: Model, client: Client) -> None:
    sign_in_long_ago(client, member_with(Role.FINANCIAL_MANAGER, people.acme))
    assert client.get(url(told(people)[0], told(people)[1])).status_code == 403
    assert client.get(f"{URL}{told(people)[0].id}/compare/").status_code == 403


def test_it_is_closed_where_the_plan_does_not_include_reading(page: Client, people: People, model: Model) -> None:
    people.acme.plan = Plan.objects.get(slug="community")
    people.acme.save()
    assert page.get(url(told(people)[0], told(people)[1])).status_code == 404


def test_who_is_signed_out_is_asked_to_sign_in(people: People, model: Model, client: Client) -> None:
    assert client.get(url(told(people)[0], told(people)[1]))["Location"].startswith("/sign-in/?next=")


@pytest.mark.parametrize("other", ["x", "%00", "0"])
def test_what_is_no_entry_is_not_found(other: str, page: Client, people: People, model: Model) -> None:
    assert page.get(f"{URL}{told(people)[0].id}/compare/{other}/").status_code == 404
    assert page.get(f"{URL}{told(people)[0].id}/compare/{new_id(timezone.now())}/").status_code == 404


def test_it_costs_few_queries_however_much_lies_between(page: Client, people: People, model: Model) -> None:
    multiply(told(people)[-1], 100)
    created, *_, last = told(people)
    for address in (url(created, last), f"{URL}{last.id}/compare/"):
        page.get(address)
        with CaptureQueriesContext(connection) as captured:
            assert page.get(address).status_code == 200
        assert len(captured) <= 5
