"""One entry: everything about it, for those who may read it and nobody else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Account, Plan, User
from accounts.roles import Role
from auditlog.ids import new_id
from auditlog.models import Entry
from controlcenter.context import Where, acting_as, attempting, because
from controlcenter.operations import Operation
from controlcenter.resources.models import App

from .factories import AppFactory, People, TokenFactory, make_people
from .history import entries_of, home_of, member_with, text_of, the_entry, write

pytestmark = pytest.mark.django_db

URL = "/@acme/teams-and-logs/"
AGENT = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/141.0.0.0 Safari/537.36"
WHERE = Where("203.0.113.7", "10.0.0.1", "203.0.113.7", AGENT, "request-7", "POST", "/@acme/apps/vision/edit/")


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def page(people: People, client: Client) -> Client:
    client.force_login(people.owner)
    return client


def url_of(entry: Entry, slug: str = "acme") -> str:
    return f"/@{slug}/teams-and-logs/entries/{entry.id}/"


def rename_app(people: People) -> Entry:
    app = AppFactory(account=people.acme, slug="vision", name="Vision")
    with acting_as(people.owner.as_actor(), WHERE), because("Marketing asked for it"):
        app.name = "Sight"
        app.save()
    return the_entry(people.acme, Operation.APPLICATION_UPDATE)


def entry_by(user: User, account: Account) -> Entry:
    write(account, user, [("Done", timezone.now())])
    return entries_of(account, Operation.MODEL_CREATE)[-1]


def test_it_tells_everything(page: Client, people: People) -> None:
    entry = rename_app(people)
    text = text_of(page.get(url_of(entry)))
    for part in (
        "Applications updated",
        "APPLICATION_UPDATE 601",
        "App vision Sight",
        "1 field",
        "name Vision Sight",
        "Reason Marketing asked for it",
        "User Olga Owner olga@acme.example",
        "Actor ID olga",
        "IP address 203.0.113.7",
        "Peer 10.0.0.1",
        "Forwarded 203.0.113.7",
        "Client Chrome on macOS",
        f"User agent {AGENT}",
        "Request ID request-7",
        "Request POST /@acme/apps/vision/edit/",
        f"Entry ID {entry.id}",
        "Success",
    ):
        assert part in text


def test_it_tells_the_time_to_the_microsecond_in_the_zone_asked_for(page: Client, people: People) -> None:
    at = datetime.now(UTC).replace(hour=22, minute=30, second=5, microsecond=123456) - timedelta(days=1)
    write(people.acme, people.owner, [("Done", at)])
    entry = the_entry(people.acme, Operation.MODEL_CREATE)
    assert f"{at:%Y-%m-%d %H:%M:%S.%f} UTC" in text_of(page.get(url_of(entry)))
    tokyo = at + timedelta(hours=9)
    assert f"{tokyo:%Y-%m-%d %H:%M:%S.%f} JST" in text_of(page.get(f"{url_of(entry)}?tz=Asia/Tokyo"))


def test_it_tells_why_something_failed(page: Client, people: People) -> None:
    with attempting(Operation.APPLICATION_DELETE, account_id=people.acme.pk, name="Vision") as attempt:
        attempt.refuse("conflict", "It is still in use.")
    text = text_of(page.get(url_of(the_entry(people.acme, Operation.APPLICATION_DELETE))))
    assert "It is still in use. conflict" in text
    assert "Failure" in text


def test_it_names_the_token_and_whose_it_is(page: Client, people: People) -> None:
    token = TokenFactory(account=people.acme, user=people.owner, name="nightly")
    with acting_as(token.as_actor()):
        AppFactory(account=people.acme)
    text = text_of(page.get(url_of(the_entry(people.acme, Operation.APPLICATION_CREATE))))
    assert "API token Olga Owner olga@acme.example Token nightly" in text


def test_it_reads_the_same_after_everything_was_renamed_or_deleted(page: Client, people: People) -> None:
    entry = rename_app(people)
    before = text_of(page.get(url_of(entry)))
    App.objects.all().delete()
    User.objects.filter(pk=people.owner.pk).update(last_name="Changed", email="changed@acme.example")
    after = text_of(page.get(url_of(entry)))
    for since in (f" deleted {timezone.now():%b %-d}", " renamed to Olga Changed"):  # stands beside their names
        assert since in after
        after = after.replace(since, "", 1)
    main = slice(before.index("Back to results"), before.index("Accounts", before.index("Back to results")))
    assert before[main] in after


def test_a_row_opens_with_its_details_only(page: Client, people: People) -> None:
    response = page.get(url_of(rename_app(people)), headers={"HX-Request": "true"})
    content = response.content.decode().strip()
    assert content.startswith('<tr role="row" class="det">')
    assert content.endswith("</tr>")
    assert "HX-Request" in response["Vary"]  # Else Back may show the row alone for the page.


def test_back_to_results_keeps_the_filters(page: Client, people: People) -> None:
    entry = rename_app(people)
    content = page.get(f"{url_of(entry)}?app=vision&range=7d").content.decode()
    assert f'href="{URL}?app=vision&amp;range=7d">Back to results' in content


@pytest.mark.parametrize("query", ["tz=Mars", "app=nope", "range=%00", "nonsense=1"])
def test_wrong_filters_do_not_hide_an_entry(query: str, page: Client, people: People) -> None:
    assert page.get(f"{url_of(rename_app(people))}?{query}").status_code == 200


# Who may read it


@pytest.mark.parametrize("role", [Role.ORGANIZATION_CONTRIBUTOR, Role.TEAM_CONTRIBUTOR, Role.ORGANIZATION_USER])
def test_who_sees_own_entries_opens_no_other(role: Role, people: People, client: Client) -> None:
    user = member_with(role, people.acme)
    client.force_login(user)
    assert client.get(url_of(entry_by(people.owner, people.acme))).status_code == 404
    assert client.get(url_of(entry_by(user, people.acme))).status_code == 200


def test_an_auditor_opens_any(people: People, client: Client) -> None:
    client.force_login(member_with(Role.AUDITOR, people.acme))
    assert client.get(url_of(entry_by(people.owner, people.acme))).status_code == 200


def test_a_stranger_opens_none(people: People, client: Client) -> None:
    client.force_login(people.stranger)
    entry = entry_by(people.owner, people.acme)
    assert client.get(url_of(entry)).status_code == 404
    assert client.get(url_of(entry, home_of(people.stranger).slug)).status_code == 404


def test_who_is_signed_out_is_asked_to_sign_in(people: People, client: Client) -> None:
    entry = entry_by(people.owner, people.acme)
    assert client.get(url_of(entry))["Location"].startswith("/sign-in/?next=")


def test_it_is_gone_once_the_plan_keeps_it_no_longer(page: Client, people: People) -> None:
    edge = timezone.now() - timedelta(days=people.acme.plan.retention_days)
    write(people.acme, people.owner, [("Gone", edge - timedelta(seconds=1)), ("Kept", edge + timedelta(minutes=5))])
    gone, kept = entries_of(people.acme, Operation.MODEL_CREATE)
    assert (page.get(url_of(gone)).status_code, page.get(url_of(kept)).status_code) == (404, 200)


def test_it_is_closed_where_the_plan_does_not_include_reading(page: Client, people: People) -> None:
    entry = entry_by(people.owner, people.acme)
    people.acme.plan = Plan.objects.get(slug="community")
    people.acme.save()
    assert page.get(url_of(entry)).status_code == 404


@pytest.mark.parametrize("entry_id", ["1", "x", "%00", "a" * 500])
def test_what_is_no_id_is_not_found(entry_id: str, page: Client) -> None:
    assert page.get(f"{URL}entries/{entry_id}/").status_code == 404
    assert page.get(f"{URL}entries/{new_id(timezone.now())}/").status_code == 404


@pytest.mark.parametrize("query", ["", "?app=vision&tz=Europe/Berlin"])
def test_it_costs_few_queries(query: str, page: Client, people: People, django_assert_max_num_queries: Any) -> None:
    entry = rename_app(people)
    with django_assert_max_num_queries(5):
        page.get(url_of(entry) + query)
