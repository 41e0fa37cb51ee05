"""Saved views: who finds which, what they show, who may change them, and what the log says of it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
import time_machine
from django.test import Client

from accounts.models import Member, Team, TeamMember
from accounts.roles import Role
from auditlog.saved_views import SavedView
from controlcenter.context import SYSTEM, acting_as
from controlcenter.operations import Operation

from .factories import AppFactory, People, SavedViewFactory, TeamFactory
from .history import (
    LONG_AGO,
    entries_of,
    failures_of,
    form_of,
    member_with,
    queries_for,
    shown,
    sign_in_long_ago,
    text_of,
    write,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
URL = "/@acme/teams-and-logs/"
VIEWS = f"{URL}views/"
NEW = f"{VIEWS}new/"


@pytest.fixture(autouse=True)
def _today() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def page(people: People, client: Client) -> Client:
    return signed_in(client, people.owner)


def signed_in(client: Client, user: Any) -> Client:
    sign_in_long_ago(client, user)
    return client


def membership(people: People, user: Any) -> Member:
    return Member.objects.get(account=people.acme, user=user)


def save(client: Client, query: str, name: str = "Mine", **fields: Any) -> Any:
    address = f"{NEW}?{query}"
    return client.post(address, form_of(client.get(address), name=name, **fields))


def the_view() -> SavedView:
    [view] = SavedView.objects.all()
    return view


def told(people: People) -> dict[str, Any]:
    """Return what the log says of views: each event by its sentence."""
    return {entry.event["sentence"]: entry.event for entry in entries_of(people.acme, Operation.LOG_VIEW_SAVE)}


def menu_of(client: Client, url: str = URL) -> dict[str, list[str]]:
    """Return the saved views in the menu, by who finds them."""
    groups = client.get(url, follow=True).context["saved_views"]
    return {group.heading: [choice.label for choice in group.choices] for group in groups}


# Saving


def test_a_view_keeps_filters_dates_zone_and_display(page: Client) -> None:
    save(page, "status=failure&range=7d&tz=Europe/Berlin&sort=asc&col=who&col=what&density=compact&time=relative")
    kept = parse_qsl(the_view().query)
    for pair in (
        ("status", "failure"),
        ("range", "7d"),
        ("tz", "Europe/Berlin"),
        ("sort", "asc"),
        ("density", "compact"),
        ("time", "relative"),
        ("col", "who"),
        ("col", "what"),
    ):
        assert pair in kept


def test_a_view_keeps_neither_place_nor_open_entry(page: Client, people: People) -> None:
    write(people.acme, people.owner, [("One", NOW)])
    [entry] = entries_of(people.acme, Operation.MODEL_CREATE)
    save(page, f"status=success&before={entry.id}&event={entry.id}&panel={entry.id}")
    assert not {"before", "event", "panel"} & dict(parse_qsl(the_view().query)).keys()


def test_saving_is_an_entry(page: Client, people: People) -> None:
    save(page, "status=failure", "Failures at night")
    [entry] = entries_of(people.acme, Operation.LOG_VIEW_SAVE)
    assert entry.event["sentence"] == "Save the log view 'Failures at night'"
    assert entry.event["changes"]["name"] == [None, "Failures at night"]
    assert "status=failure" in entry.event["changes"]["query"][1]


def test_a_wrong_filter_is_shown_by_the_log_and_not_saved(page: Client, people: People) -> None:
    answer = page.get(f"{NEW}?status=sucess", follow=True)
    assert "Did you mean success?" in text_of(answer)
    refused = page.post(f"{NEW}?status=sucess", {"name": "Mine", "shown_to": "own"})
    assert refused.status_code == 422
    assert not SavedView.objects.exists()
    [(code, sentence)] = failures_of(people.acme, Operation.LOG_VIEW_SAVE)
    assert (code, "Did you mean success?" in sentence) == ("invalid", True)


def test_a_name_is_taken_once_among_the_same_people(page: Client) -> None:
    save(page, "status=failure")
    refused = save(page, "status=success", "mine")
    assert refused.status_code == 422
    assert "There is a view called “mine” for the same people." in text_of(refused)
    assert save(page, "status=success", "mine", shown_to="all").status_code == 302


def test_there_is_an_end_to_views(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditlog.view_forms.MOST_ALIKE", 1)
    save(page, "status=failure")
    assert "Delete one of them first." in text_of(save(page, "status=success", "Another"))


# Opening


def test_its_short_address_shows_it_with_its_name(page: Client, people: People) -> None:
    write(people.acme, people.owner, [("One", NOW)])
    led = save(page, "operation=MODEL_CREATE", "Models")
    assert led["Location"] == f"{VIEWS}{the_view().slug}/"
    opened = page.get(led["Location"], follow=True)
    assert shown(opened) == ["One"]
    assert opened.context["view_label"] == "Models"


def test_a_relative_range_stays_relative(page: Client, people: People) -> None:
    save(page, "range=7d")
    with time_machine.travel(NOW + timedelta(days=10), tick=False):
        write(people.acme, people.owner, [("Later", NOW + timedelta(days=10))])
        sign_in_long_ago(page, people.owner)
        assert shown(page.get(f"{VIEWS}{the_view().slug}/", follow=True))[:1] == ["Later"]


def test_the_zone_stays_that_of_the_view(page: Client, people: People) -> None:
    save(page, "range=7d&tz=Asia/Tokyo", shown_to="all")
    people.member.time_zone = "Europe/Berlin"
    people.member.save()
    opened = signed_in(Client(), people.member).get(f"{VIEWS}{the_view().slug}/", follow=True)
    assert "Times in Asia/Tokyo" in text_of(opened) or opened.context["period"].zone.key == "Asia/Tokyo"
    assert opened.context["view_label"] == "Mine"


def test_a_filter_changed_is_another_view(page: Client) -> None:
    save(page, "status=failure")
    opened = page.get(f"{VIEWS}{the_view().slug}/", follow=True)
    query = opened.wsgi_request.GET.copy()
    query["range"] = "30d"
    assert page.get(f"{URL}?{query.urlencode()}", follow=True).context["view_label"] == "Failed operations"
    query["ip"] = "192.0.2.1"
    assert page.get(f"{URL}?{query.urlencode()}", follow=True).context["view_label"] == "Unsaved view"


def test_a_view_that_no_longer_fits_shows_the_error_and_no_rows(page: Client, people: People) -> None:
    with acting_as(SYSTEM, at=LONG_AGO):  # Its end is too long ago to be known of.
        app = AppFactory(account=people.acme, slug="vision")
    save(page, "app=vision")
    with acting_as(SYSTEM, at=LONG_AGO):
        app.delete()
    write(people.acme, people.owner, [("One", NOW)])
    opened = page.get(f"{VIEWS}{the_view().slug}/", follow=True)
    assert "There is no app “vision”" in text_of(opened)
    assert shown(opened) == []


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("Failed operations", {("status", "failure")}),
        ("Deletions", {("operation", "MODEL_DELETE"), ("operation", "APPLICATION_DELETE")}),
        ("Token and key changes", {("operation", "USER_TOKEN_REVOKE")}),
        ("Membership changes", {("operation", "members")}),
    ],
)
def test_views_that_come_with_the_product_keep_the_dates(
    label: str, expected: set[tuple[str, str]], page: Client
) -> None:
    answer = page.get(f"{URL}?range=7d&ip=192.0.2.1")
    [choice] = [choice for choice in answer.context["built_in_views"] if choice.label == label]
    opened = page.get(choice.url)
    assert opened.status_code == 200
    assert expected | {("range", "7d")} <= set(parse_qsl(choice.url.partition("?")[2]))
    assert "ip" not in choice.url.partition("?")[2].replace("ship", "")
    assert opened.context["view_label"] == label


# Who finds which


def test_a_private_view_is_found_by_who_saved_it_alone(page: Client, people: People) -> None:
    save(page, "status=failure", "Secret")
    assert menu_of(page) == {"Only you": ["Secret"]}
    other = signed_in(Client(), people.member)
    assert menu_of(other) == {}
    assert "Secret" not in text_of(other.get(VIEWS))
    address = f"{VIEWS}{the_view().slug}/"
    for ending in ("", "edit/", "replace/", "delete/"):
        assert other.get(f"{address}{ending}").status_code == 404


def test_an_administrator_does_not_find_the_private_views_of_others(page: Client, people: People) -> None:
    mine = SavedViewFactory(account=people.acme, owner=membership(people, people.member))
    assert menu_of(page) == {}
    assert page.post(f"{VIEWS}{mine.slug}/delete/").status_code == 404
    assert SavedView.objects.exists()


def test_a_team_view_is_found_by_its_members_and_by_who_manages_teams(page: Client, people: People) -> None:
    team = TeamFactory(account=people.acme, slug="quality", name="Quality")
    user = member_with(Role.ORGANIZATION_USER, people.acme)
    outside = member_with(Role.ORGANIZATION_USER, people.acme)
    TeamMember.objects.create(team=team, member=membership(people, user))
    save(signed_in(Client(), user), "status=failure", "Ours", shown_to="team:quality")
    assert the_view().team == team
    found = {"Team Quality": ["Ours"]}
    assert [menu_of(signed_in(Client(), who)) for who in (user, people.owner, outside)] == [found, found, {}]


def test_who_leaves_a_team_does_not_find_its_views_any_more(people: People) -> None:
    team = TeamFactory(account=people.acme)
    user = member_with(Role.ORGANIZATION_USER, people.acme)
    place = TeamMember.objects.create(team=team, member=membership(people, user))
    view = SavedViewFactory(account=people.acme, team=team)
    client = signed_in(Client(), user)
    assert client.get(f"{VIEWS}{view.slug}/").status_code == 302
    place.delete()
    assert client.get(f"{VIEWS}{view.slug}/").status_code == 404


def test_a_view_is_not_given_to_a_team_that_one_is_not_in(people: People) -> None:
    TeamFactory(account=people.acme, slug="quality")
    client = signed_in(Client(), member_with(Role.ORGANIZATION_USER, people.acme))
    for who in ("team:quality", "all", "default"):
        refused = save(client, "status=failure", shown_to=who)
        assert refused.status_code == 422
        assert "for administrators to decide" in text_of(refused)
    assert not SavedView.objects.exists()


def test_only_administrators_change_what_everybody_finds(page: Client, people: People) -> None:
    save(page, "status=failure", "For all", shown_to="all")
    other = signed_in(Client(), people.member)
    assert menu_of(other) == {"Everybody": ["For all"]}
    for ending in ("edit/", "replace/", "delete/"):
        assert other.get(f"{VIEWS}{the_view().slug}/{ending}").status_code == 404


def test_views_of_another_account_do_not_exist(page: Client, people: People) -> None:
    assert people.stranger.home
    theirs = SavedViewFactory(account=people.stranger.home, name="Theirs")
    assert menu_of(page) == {}
    assert page.get(f"{VIEWS}{theirs.slug}/").status_code == 404
    assert page.get(f"/@{people.stranger.home.slug}/teams-and-logs/views/{theirs.slug}/").status_code == 404


def test_the_views_of_who_leaves_go_with_them(people: People) -> None:
    SavedViewFactory(account=people.acme, owner=membership(people, people.member), name="Gone")
    membership(people, people.member).delete()
    assert set(told(people)) == {"Save the log view 'Gone'", "Delete the log view 'Gone'"}


# Changing


def test_it_is_renamed_and_given_to_others(page: Client, people: People) -> None:
    save(page, "status=failure", "Before")
    address = f"{VIEWS}{the_view().slug}/edit/"
    query = the_view().query
    answer = page.post(address, form_of(page.get(address), name="After", shown_to="all"))
    assert answer["Location"] == VIEWS
    assert (the_view().name, the_view().owner, the_view().query) == ("After", None, query)
    assert told(people)["Change the log view 'After'"]["changes"] == {
        "name": ["Before", "After"],
        "owner": ["olga", None],
    }


def test_it_is_replaced_under_the_same_address(page: Client, people: People) -> None:
    save(page, "status=failure")
    slug = the_view().slug
    address = f"{VIEWS}{slug}/replace/?status=success"
    assert address in page.get(f"{NEW}?status=success").content.decode()
    answer = page.post(address, form_of(page.get(address)))
    assert answer["Location"] == f"{VIEWS}{slug}/"
    assert "status=success" in the_view().query
    assert the_view().slug == slug
    assert "query" in told(people)["Change the log view 'Mine'"]["changes"]


def test_it_is_deleted(page: Client, people: People) -> None:
    save(page, "status=failure")
    answer = page.post(f"{VIEWS}{the_view().slug}/delete/", {"reason": "Not needed"})
    assert answer["Location"] == VIEWS
    assert not SavedView.objects.exists()
    assert told(people)["Delete the log view 'Mine'"]["reason"] == "Not needed"


def test_a_team_that_goes_takes_its_views_along(people: People) -> None:
    team = TeamFactory(account=people.acme)
    SavedViewFactory(account=people.acme, team=team)
    Team.objects.get(pk=team.pk).delete()
    assert not SavedView.objects.exists()


# The default view


def test_teams_and_logs_opens_with_the_default_view(page: Client, people: People) -> None:
    save(page, "operation=MODEL_CREATE", "Models", shown_to="default")
    write(people.acme, people.owner, [("One", NOW)])
    opened = page.get(URL, follow=True)
    assert opened.context["view_label"] == "Models"
    assert shown(opened) == ["One"]


def test_all_activity_is_reached_from_the_default_view(page: Client, people: People) -> None:
    save(page, "operation=MODEL_CREATE", "Models", shown_to="default")
    opened = page.get(URL, follow=True)
    [choice] = [choice for choice in opened.context["built_in_views"] if choice.label == "All activity"]
    everything = page.get(choice.url)
    assert (everything.status_code, everything.context["view_label"]) == (200, "All activity")
    assert page.get(f"{URL}?view=all").status_code == 200


def test_no_way_to_fewer_filters_leads_back_into_the_default_view(page: Client, people: People) -> None:
    save(page, "operation=MODEL_CREATE", "Models", shown_to="default")
    narrowed = page.get(f"{URL}?status=failure")
    for address in (narrowed.context["clear_url"], *(chip.without_url for chip in narrowed.context["chips"])):
        assert page.get(address, follow=True).context["view_label"] == "All activity"
    assert page.get(f"{URL}?range=month", follow=True).context["view_label"] == "All activity"
    assert page.get(f"{URL}?status=never").context["state"] == "invalid"
    assert (
        page.get(page.get(f"{URL}?status=never").context["state_action_url"], follow=True).context["state"] != "invalid"
    )
    answer = page.get(f"{URL}results/?range=month", headers={"HX-Request": "true"})
    assert answer["HX-Push-Url"] == f"{URL}?view=all"


def test_without_a_default_view_all_activity_has_the_plain_address(page: Client) -> None:
    assert page.get(f"{URL}?view=all")["Location"] == URL
    assert page.get(URL).status_code == 200


def test_there_is_one_default_and_the_one_before_stays_for_everybody(page: Client, people: People) -> None:
    save(page, "status=failure", "First", shown_to="default")
    save(page, "status=success", "Second", shown_to="default")
    first, second = SavedView.objects.order_by("pk")
    assert (first.is_default, first.owner, second.is_default) == (False, None, True)
    assert "Change the log view 'First'" in told(people)


def test_a_default_view_that_no_longer_fits_leaves_a_way_out(page: Client, people: People) -> None:
    SavedViewFactory(account=people.acme, query="app=gone&tz=UTC", is_default=True)
    opened = page.get(URL, follow=True)
    assert "There is no app “gone”" in text_of(opened)
    assert page.get(f"{URL}?view=all").context["state"] != "invalid"


# Links and costs


def test_copy_link_writes_relative_dates_out(page: Client, people: People) -> None:
    address = page.get(f"{URL}?range=7d&status=failure&sort=asc").context["frozen_address"]
    assert set(parse_qsl(address.partition("?")[2])) == {
        ("from", "2026-11-16"),
        ("to", "2026-11-22"),
        ("status", "failure"),
        ("sort", "asc"),
    }
    with time_machine.travel(NOW + timedelta(days=3), tick=False):
        sign_in_long_ago(page, people.owner)
        period = page.get(address, follow=True).context["period"]
    assert (period.from_date, period.to_date) == ("2026-11-16", "2026-11-22")


def test_the_menu_costs_one_query_however_many_views(page: Client, people: People) -> None:
    page.get(URL)
    without = queries_for(page, URL)
    for number in range(30):
        team = TeamFactory(account=people.acme) if number % 3 else None
        SavedViewFactory(account=people.acme, team=team)
    assert queries_for(page, URL) == without


def test_the_results_bring_the_menu_along(page: Client) -> None:
    answer = page.get(f"{URL}results/?status=failure", headers={"HX-Request": "true"}).content.decode()
    assert '<span id="views-label" hx-swap-oob="true">Failed operations</span>' in answer
    assert '<div id="views-menu" hx-swap-oob="true">' in answer
    assert '<div id="export-menu" hx-swap-oob="true">' in answer
