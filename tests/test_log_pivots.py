"""Every value of an entry leads to other entries."""

import re
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from accounts.roles import Role
from auditlog.models import Entry, Subject
from controlcenter.context import SYSTEM, Where, acting_as
from controlcenter.operations import Operation
from controlcenter.resources.models import App

from .factories import AppFactory, ModelFactory, ModelVersionFactory, People, TokenFactory
from .history import LONG_AGO, entries_of, member_with, shown, sign_in_long_ago, text_of, the_entry, write

pytestmark = pytest.mark.django_db

URL = "/@acme/teams-and-logs/"
WHERE = Where("203.0.113.8", "203.0.113.8", user_agent="curl/8", request_id="request-7")
TOKEN = "0123456789abcdef"


@pytest.fixture
def app(people: People) -> App:
    with acting_as(SYSTEM, at=LONG_AGO):
        app: App = AppFactory(account=people.acme, slug="vision", name="Vision")
    return app


def train(people: People, app: App) -> Entry:
    """Record the creation of a version through a token, and return its entry."""
    with acting_as(SYSTEM, at=LONG_AGO):
        model = ModelFactory(app=app, slug="detector", name="Detector")
        token = TokenFactory(account=people.acme, user=people.owner, slug=TOKEN, name="nightly")
    with acting_as(token.as_actor(), WHERE):
        ModelVersionFactory(model=model, slug="v1")
    return the_entry(people.acme, Operation.MODEL_VERSION_CREATE)


def links(page: Client, entry: Entry, query: str = "") -> dict[str, list[str]]:
    """Return the addresses on an entry's page, by what their icons are called."""
    content = page.get(f"{URL}entries/{entry.id}/{query}").content.decode()
    found: dict[str, list[str]] = {}
    for url, label in re.findall(r'<a class="mini" href="([^"]+)" aria-label="([^"]+)"', content):
        found.setdefault(unescape(label), []).append(unescape(url))
    return found


def asked(url: str) -> dict[str, list[str]]:
    return {name: values for name, values in parse_qs(urlsplit(url).query).items() if name not in {"range", "event"}}


@pytest.mark.parametrize(
    ("what", "name", "value"),
    [
        ("operation", "operation", "MODEL_VERSION_CREATE"),
        ("status", "status", "success"),
        ("model version", "target", "model_version:v1/model:detector/app:vision"),
        ("model", "target", "model:detector/app:vision"),
        ("app", "app", "vision"),
        ("request", "request", "request-7"),
        ("actor", "actor", "olga"),
        ("token", "token", TOKEN),
        ("address", "ip", "203.0.113.8"),
    ],
)
def test_a_value_is_shown_only_or_hidden(
    what: str, name: str, value: str, page: Client, people: People, app: App
) -> None:
    write(people.acme, people.member, [("Another", timezone.now() - timedelta(minutes=40))])
    found = links(page, train(people, app), "?range=7d")
    [only], [hide] = found[f"Show only this {what}"], found[f"Hide this {what}"]
    assert (asked(only), asked(hide)) == ({name: [value]}, {f"-{name}": [value]})
    sentence = "Create model version 'v1' for model 'Detector'"
    assert sentence in shown(page.get(only))
    hidden = page.get(hide)
    assert hidden.status_code == 200
    assert sentence not in shown(hidden)
    if what != "status":
        assert "Another" in shown(hidden)


def test_it_keeps_the_other_filters_and_the_dates(page: Client, people: People, app: App) -> None:
    entry = train(people, app)
    found = links(page, entry, "?actor=max&app=vision&range=30d&tz=Asia%2FTokyo")
    [only], [hide] = found["Show only this actor"], found["Hide this address"]
    assert parse_qs(urlsplit(only).query) == {
        "app": ["vision"],
        "actor": ["olga"],
        "range": ["30d"],
        "tz": ["Asia/Tokyo"],
    }
    assert parse_qs(urlsplit(hide).query)["actor"] == ["max"]


@pytest.mark.parametrize(
    ("label", "name"), [("by this actor", "actor"), ("through this token", "token"), ("from this address", "ip")]
)
def test_a_quarter_of_an_hour_around(label: str, name: str, page: Client, people: People, app: App) -> None:
    entry = train(people, app)
    [url] = links(page, entry, "?tz=Asia%2FKolkata&status=success")[f"15 minutes before and after, {label}"]
    response = page.get(url)
    assert response.status_code == 200, response["Location"]
    period = response.context["period"]
    assert period.begins <= entry.time - timedelta(minutes=15)
    assert entry.time + timedelta(minutes=15) < period.ends <= entry.time + timedelta(minutes=17)
    assert period.begins >= entry.time - timedelta(minutes=17)
    assert period.zone.key == "Asia/Kolkata"
    assert name in asked(url)
    assert "status" not in asked(url)  # What is around is all that there is around.
    assert [row.open for row in response.context["rows"] if row.id == str(entry.id)] == [True]


def test_the_history_of_a_resource_is_all_of_it(page: Client, people: People, app: App) -> None:
    days = people.acme.plan.retention_days - 1
    with acting_as(people.member.as_actor(), at=timezone.now() - timedelta(days=days)):
        app.name = "Sight"
        app.save()
    entry = train(people, app)
    [url] = links(page, entry, "?actor=olga&range=today")["History of this app"]
    assert asked(url)["target"] == ["app:vision"]
    assert {"Update application 'Sight'", "Create model version 'v1' for model 'Detector'"} <= set(shown(page.get(url)))


def test_everything_of_a_request_is_all_of_it(page: Client, people: People, app: App) -> None:
    with acting_as(people.owner.as_actor(), WHERE):
        ModelFactory(app=app, slug="other", name="Other")
    entry = train(people, app)
    [url] = links(page, entry, "?operation=MODEL_VERSION_CREATE")["Everything of this request"]
    assert len(shown(page.get(url))) == 2


def test_an_old_entry_is_in_what_its_page_leads_to(page: Client, people: People) -> None:
    write(people.acme, people.owner, [("Old", timezone.now() - timedelta(days=100))])
    [only] = links(page, the_entry(people.acme, Operation.MODEL_CREATE))["Show only this operation"]
    assert shown(page.get(only)) == ["Old"]


@pytest.mark.parametrize("query", ["?tz=Mars", "?nonsense=1", "?from=2026-11-22&to=2026-11-01"])
def test_a_wrong_filter_is_not_kept(query: str, page: Client, people: People) -> None:
    write(people.acme, people.owner, [("Done", timezone.now())])
    [only] = links(page, the_entry(people.acme, Operation.MODEL_CREATE), query)["Show only this operation"]
    assert asked(only) == {"operation": ["MODEL_CREATE"]}


def test_what_can_not_be_filtered_by_can_be_copied(page: Client, people: People) -> None:
    write(people.acme, people.owner, [("Done", timezone.now())])
    content = page.get(f"{URL}entries/{the_entry(people.acme, Operation.MODEL_CREATE).id}/").content.decode()
    client = content[content.index("<dt>Client") : content.index("<dt>User agent")]
    assert "Copy Client" in client
    assert "<a" not in client


def test_nobody_can_be_asked_for_who_is_erased(page: Client, people: People) -> None:
    write(people.acme, people.member, [("Done", timezone.now())])
    Subject.objects.filter(user_id=people.member.pk).update(
        user_id=None, slug="", email="", first_name="", last_name=""
    )
    entry = the_entry(people.acme, Operation.MODEL_CREATE)
    assert "Show only this actor" not in links(page, entry)
    assert "Erased person" in text_of(page.get(f"{URL}entries/{entry.id}/"))


def test_nobody_asks_for_the_system_by_name(page: Client, people: People) -> None:
    with acting_as(SYSTEM):
        AppFactory(account=people.acme, slug="made")
    [only] = links(page, the_entry(people.acme, Operation.APPLICATION_CREATE))["Show only this actor"]
    assert asked(only) == {"actor_type": ["system"]}


def test_who_sees_own_entries_is_not_led_to_a_refusal(people: People, app: App, client: Client) -> None:
    user = member_with(Role.ORGANIZATION_CONTRIBUTOR, people.acme)
    write(people.acme, user, [("Done", timezone.now())], app)
    App.objects.all().delete()
    sign_in_long_ago(client, user)
    found = links(client, entries_of(people.acme, Operation.MODEL_CREATE)[-1])
    assert "Show only this app" not in found
    for urls in found.values():
        for url in urls:
            assert_fits(client.get(url))


def assert_fits(response: Any) -> None:
    assert response.status_code == 200
    assert response.context["form_errors"] == []
