"""The collaborators of an app: who can be one, what they may do, and what is left in the log."""

from typing import Any

import pytest
from django.test import Client

from accounts.roles import Role
from controlcenter.operations import Operation as Op
from controlcenter.resources.models import App, Collaborator

from .factories import AppFactory, CollaboratorFactory, MemberFactory, People, UserFactory, make_people
from .history import (
    entries_of,
    failures_of,
    form_of,
    member_with,
    queries_for,
    slugs_met,
    targets_of,
    text_of,
    the_entry,
)

pytestmark = pytest.mark.django_db

VISION = "/@acme/apps/vision/"
LIST, ADD = f"{VISION}collaborators/", f"{VISION}new-collaborator/"
NEW = {"who": "sam", "scopes": ["models:read", "apps:read"]}


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def page(people: People, client: Client) -> Client:
    client.force_login(people.owner)
    return client


@pytest.fixture
def app(people: People) -> App:
    app: App = AppFactory(account=people.acme, slug="vision", name="Vision")
    return app


@pytest.fixture
def carla(app: App) -> Collaborator:
    user = UserFactory(slug="carla", email="carla@example.com", first_name="Carla", last_name="Guest")
    carla: Collaborator = CollaboratorFactory(app=app, user=user, scopes=["apps:read", "models:train"])
    return carla


# The list


def test_it_lists_collaborators_with_what_they_may_do(page: Client, carla: Collaborator) -> None:
    CollaboratorFactory(app=AppFactory(account=carla.app.account), user__first_name="Elsewhere")
    response = page.get(LIST)
    text = text_of(response)
    assert "Carla Guest carla@example.com See the app Train models" in text
    assert "Elsewhere" not in text
    assert "?app=vision&amp;target=user:carla&amp;range=6m" in response.content.decode()


@pytest.mark.parametrize("query", ["carla", "guest CARLA", "carla@"])
def test_collaborators_are_found(query: str, page: Client, carla: Collaborator) -> None:
    CollaboratorFactory(app=carla.app)
    assert [row.slug for row in page.get(LIST, {"q": query}).context["found"].rows] == ["carla"]


def test_it_says_when_nobody_matches_and_when_there_is_nobody(page: Client, app: App) -> None:
    assert "No collaborators yet" in text_of(page.get(LIST))
    assert "No collaborator matches “zebra”" in text_of(page.get(LIST, {"q": "zebra"}))


def test_its_pages_meet_everybody_once(page: Client, app: App) -> None:
    users = [UserFactory(slug=f"c-{n:03}") for n in range(60)]
    Collaborator.objects.bulk_create(Collaborator(app=app, user=user) for user in users)
    assert slugs_met(page, LIST, query="?q=c-") == [f"c-{n:03}" for n in range(60)]


def test_the_list_costs_the_same_with_more_of_them(page: Client, app: App) -> None:
    counts = []
    for number in (2, 30):
        CollaboratorFactory.create_batch(number, app=app)
        counts.append(queries_for(page, LIST))
    assert counts[0] == counts[1] <= 4


# Add


@pytest.mark.parametrize("who", ["sam", " sam@globex.example ", "SAM@Globex.example"])
def test_adding_a_collaborator_is_an_entry(who: str, page: Client, people: People, app: App) -> None:
    response = page.post(ADD, {**NEW, "who": who}, follow=True)
    assert "Sam Stranger collaborates on Vision." in text_of(response)
    collaborator = Collaborator.objects.get()
    assert (collaborator.user, collaborator.scopes) == (people.stranger, ["apps:read", "models:read"])
    entry = the_entry(people.acme, Op.COLLABORATOR_ADD)
    assert (entry.app_id, targets_of(entry)) == (app.pk, [("user", "sam"), ("app", "vision")])


UNKNOWN = "Nobody here has this email address or user ID. Who is to collaborate needs an account of their own first."


@pytest.mark.parametrize(
    ("changed", "code", "sentence"),
    [
        ({"who": "nobody@example.com"}, "not_found", UNKNOWN),
        ({"who": "nobody"}, "not_found", UNKNOWN),
        ({"who": "gone@example.com"}, "not_found", UNKNOWN),
        ({"who": ""}, "invalid", "This field is required."),
        ({"who": "a\0"}, "invalid", "Null characters are not allowed."),
        (
            {"who": "max"},
            "conflict",
            "This person is a member of Acme, and comes to the app through their role and teams.",
        ),
        ({"who": "carla"}, "conflict", "This person collaborates on Vision already. Edit their scopes instead."),
        ({"scopes": []}, "invalid", "Choose at least one."),
        ({"scopes": ["apps:own"]}, "invalid", "Select a valid choice."),
    ],
)
def test_who_can_not_be_added_is_said(
    changed: dict[str, Any], code: str, sentence: str, page: Client, people: People, carla: Collaborator
) -> None:
    UserFactory(slug="gone", email="gone@example.com", is_active=False)
    response = page.post(ADD, {**NEW, **changed})
    assert response.status_code == 422
    assert sentence in text_of(response)
    assert {name: response.context["form"][name].value() for name in NEW} == {**NEW, **changed}
    assert Collaborator.objects.count() == 1
    [(told, why)] = failures_of(people.acme, Op.COLLABORATOR_ADD)
    assert (told, sentence in why) == (code, True)


def test_an_address_that_was_typed_in_vain_is_not_kept_in_the_log(page: Client, people: People, app: App) -> None:
    page.post(ADD, {**NEW, "who": "private@example.com"})
    page.post(ADD, {**NEW, "who": people.member.email})
    for entry in entries_of(people.acme, Op.COLLABORATOR_ADD):
        assert "private@example.com" not in str(entry.event)
        assert people.member.email not in str(entry.event)


def test_a_member_of_another_organization_can_be_added(page: Client, people: People, app: App) -> None:
    MemberFactory(user=UserFactory(slug="other"))
    assert page.post(ADD, {**NEW, "who": "other"}).status_code == 302


# Edit and remove


def test_changing_scopes_says_before_and_after(page: Client, people: People, carla: Collaborator) -> None:
    address = f"{LIST}carla/edit/"
    assert page.get(address).context["form"]["scopes"].value() == ["apps:read", "models:train"]
    data = form_of(page.get(address), scopes=["workflows:read", "apps:read"])
    assert page.post(address, data)["Location"] == LIST
    changes = the_entry(people.acme, Op.COLLABORATOR_UPDATE).event["changes"]
    assert changes == {"scopes": [["apps:read", "models:train"], ["apps:read", "workflows:read"]]}


def test_a_collaborator_without_scopes_is_none(page: Client, people: People, carla: Collaborator) -> None:
    address = f"{LIST}carla/edit/"
    response = page.post(address, form_of(page.get(address), scopes=[]))
    assert response.status_code == 422
    assert "Choose at least one." in text_of(response)


def test_scopes_that_somebody_changed_meanwhile_are_not_overwritten(page: Client, carla: Collaborator) -> None:
    address = f"{LIST}carla/edit/"
    mine = form_of(page.get(address), scopes=["modules:read"])
    Collaborator.objects.update(scopes=["apps:read"])
    assert "Somebody else changed this" in text_of(page.post(address, mine))
    assert Collaborator.objects.get().scopes == ["apps:read"]


def test_removing_a_collaborator_is_an_entry_with_the_reason(page: Client, people: People, carla: Collaborator) -> None:
    assert page.post(f"{LIST}carla/remove/", {"reason": "Has finished"})["Location"] == LIST
    assert not Collaborator.objects.exists()
    entry = the_entry(people.acme, Op.COLLABORATOR_REMOVE)
    assert (targets_of(entry), entry.event["reason"]) == ([("user", "carla"), ("app", "vision")], "Has finished")


# Who may


def test_who_may_not_manage_collaborators_sees_locks_and_who_may(
    page: Client, people: People, carla: Collaborator
) -> None:
    page.force_login(member_with(Role.TEAM_CONTRIBUTOR, people.acme))
    assert "Edit scopes (not in your role)" in text_of(page.get(LIST))
    assert "Only the roles Administrator and Organization contributor may manage collaborators." in text_of(
        page.get(ADD)
    )


def test_collaborators_of_other_apps_are_not_there(page: Client, people: People, carla: Collaborator) -> None:
    AppFactory(account=people.acme, slug="speech")
    assert page.get("/@acme/apps/speech/collaborators/carla/edit/").status_code == 404
    assert page.get("/@acme/apps/nothing/collaborators/").status_code == 404
