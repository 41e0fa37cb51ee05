"""Details of an entry, in its row, in the panel and on its own page: the same for all."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Token
from accounts.roles import Role
from auditlog.models import Entry, Subject
from controlcenter.context import SYSTEM, Where, acting_as, attempting, because
from controlcenter.operations import Operation
from controlcenter.resources.models import App

from .factories import AppFactory, MemberFactory, People, TokenFactory, WorkflowVersionFactory
from .history import LONG_AGO, entries_of, home_of, member_with, shown, sign_in_long_ago, text_of, the_entry, write

pytestmark = pytest.mark.django_db

URL = "/@acme/teams-and-logs/"
WHERE = Where("203.0.113.7", "10.0.0.1", "203.0.113.7", "curl/8.7.1", "request-7", "POST", "/@acme/apps/vision/edit/")


def edit_app(people: People, **fields: Any) -> Entry:
    with acting_as(SYSTEM, at=LONG_AGO):
        app = AppFactory(account=people.acme, slug="vision", name="Vision", description="Finds cats on sofas")
    with acting_as(people.owner.as_actor(), WHERE), because("Ticket 4711"):
        for name, value in fields.items():
            setattr(app, name, value)
        app.save()
    return the_entry(people.acme, Operation.APPLICATION_UPDATE)


def of_entry(page: Client, entry: Entry, **headers: str) -> str:
    return str(page.get(f"{URL}entries/{entry.id}/", headers=headers).content.decode())


def facts(content: str) -> list[str]:
    return re.findall(r'<dt>(.*?)</dt><dd class="wrap">', content)


def test_row_panel_and_page_tell_the_same(page: Client, people: People) -> None:
    entry = edit_app(people, name="Sight", description="Finds dogs on sofas")
    own = of_entry(page, entry)
    row = of_entry(page, entry, **{"HX-Request": "true"})
    panel = of_entry(page, entry, **{"HX-Request": "true", "HX-Target": "panel"})
    opened = page.get(f"{URL}?event={entry.id}").content.decode()
    beside = page.get(f"{URL}?panel={entry.id}").content.decode()
    assert facts(own) == facts(row) == facts(panel) == facts(opened) == facts(beside)
    assert len(facts(own)) >= 14
    for content in (own, row, panel, opened, beside):
        assert "Finds <del>cats</del> on sofas" in content
        assert "Finds <ins>dogs</ins> on sofas" in content
        assert "Ticket 4711" in content


def test_a_list_shows_what_came_and_went(page: Client, people: People) -> None:
    with acting_as(SYSTEM, at=LONG_AGO):
        token = TokenFactory(account=people.acme, user=people.owner, scopes=["apps:read", "models:read"])
    with acting_as(people.owner.as_actor()):
        token.scopes = ["apps:read", "models:write"]
        token.save()
    content = of_entry(page, the_entry(people.acme, Operation.USER_TOKEN_UPDATE))
    assert '<del><span class="vh">removed </span><bdi>models:read</bdi></del>' in content
    assert '<ins><span class="vh">added </span><bdi>models:write</bdi></ins>' in content
    assert "<li><bdi>apps:read</bdi></li>" in content
    assert Token.objects.count() == 1


def test_a_list_of_more_than_words_shows_them_as_json(page: Client, people: People) -> None:
    with acting_as(people.owner.as_actor()):
        WorkflowVersionFactory(workflow__app__account=people.acme, nodes=[{"id": "<b>"}])
    content = of_entry(page, the_entry(people.acme, Operation.WORKFLOW_VERSION_CREATE))
    assert "<bdi>{&quot;id&quot;: &quot;&lt;b&gt;&quot;}</bdi></ins>" in content


def test_a_secret_stays_masked(page: Client, people: People) -> None:
    with acting_as(people.owner.as_actor()):
        people.member.set_password("another-long-secret")
        people.member.save()
    assert "[masked]" in of_entry(page, the_entry(people.acme, Operation.USER_PASSWORD_CHANGE))


def test_a_person_it_names_is_called_as_they_were(page: Client, people: People) -> None:
    with acting_as(people.owner.as_actor()):
        member = MemberFactory(account=people.acme, user__slug="nina", user__first_name="Nina", user__last_name="New")
    entry = entries_of(people.acme, Operation.ORGANIZATION_MEMBER_ADD)[-1]
    assert "User nina Nina New" in text_of(page.get(f"{URL}entries/{entry.id}/"))
    Subject.objects.filter(user_id=member.user_id).update(user_id=None, slug="", email="", first_name="", last_name="")
    text = text_of(page.get(f"{URL}entries/{entry.id}/"))
    assert "User nina Erased person" in text
    assert "Nina New" not in text


def test_why_it_failed_and_its_code_are_told(page: Client, people: People) -> None:
    with attempting(Operation.APPLICATION_DELETE, account_id=people.acme.pk, name="Vision") as attempt:
        attempt.refuse("conflict", "It is still in use.")
    content = of_entry(page, the_entry(people.acme, Operation.APPLICATION_DELETE))
    assert "It is still in use." in content
    assert "<code>conflict</code>" in content


def test_every_value_can_be_copied(page: Client, people: People) -> None:
    entry = edit_app(people, name="Sight")
    content = page.get(f"{URL}?event={entry.id}&panel={entry.id}").content.decode()
    ids = re.findall(r' id="([^"]+)"', content)
    assert len(ids) == len(set(ids)), "a row's values and the panel's have ids of their own"
    wanted = re.findall(r'data-copy="([^"]+)"', content)
    assert len(wanted) > 30
    assert set(wanted) <= set(ids)
    assert all(re.fullmatch(r"[a-z][\w-]*", name) for name in wanted), "as selectors can name them"
    assert f'id="row-link-{entry.id}" hidden>http://testserver{URL}entries/{entry.id}/<' in content


# The panel


@pytest.fixture
def entries(people: People) -> list[str]:
    """Sixty entries, newest first."""
    now = timezone.now()
    write(people.acme, people.owner, [(f"E{n}", now - timedelta(minutes=n)) for n in range(60)])
    return [str(entry.id) for entry in reversed(entries_of(people.acme, Operation.MODEL_CREATE))]


def turns(response: Any) -> tuple[str, str]:
    return response.context["panel_above"], response.context["panel_below"]


def panelled(response: Any) -> str:
    return str(response.context["panel"].id)


def test_the_panel_turns_to_its_neighbours(page: Client, entries: list[str]) -> None:
    response = page.get(f"{URL}?panel={entries[7]}")
    assert panelled(response) == entries[7]
    above, below = turns(response)
    assert panelled(page.get(above)) == entries[6]
    assert panelled(page.get(below)) == entries[8]
    assert response.context["panel_closed"] == URL


@pytest.mark.parametrize("sort", ["", "sort=asc&"])
def test_the_panel_turns_through_all_pages(sort: str, page: Client, entries: list[str]) -> None:
    order = list(reversed(entries)) if sort else entries
    address, seen = f"{URL}?{sort}panel={order[0]}", []
    while address:
        response = page.get(address, follow=True)
        seen.append(panelled(response))
        assert seen[-1] in [row.id for row in response.context["rows"]], "the page goes along"
        address = turns(response)[1]
    assert seen == order
    assert panelled(page.get(turns(response)[0], follow=True)) == order[-2]


def test_the_panel_keeps_the_filter(page: Client, people: People, entries: list[str]) -> None:
    write(people.acme, people.member, [("Between", timezone.now() - timedelta(minutes=7.5))])
    response = page.get(f"{URL}?actor=olga&panel={entries[7]}")
    assert panelled(page.get(turns(response)[1])) == entries[8]
    assert "actor=olga" in response.context["panel_closed"]


def test_the_panel_shows_an_entry_that_is_not_on_the_page(page: Client, entries: list[str]) -> None:
    response = page.get(f"{URL}?panel={entries[55]}")
    assert panelled(response) == entries[55]
    above, below = turns(response)
    assert panelled(page.get(above, follow=True)) == entries[54]
    assert panelled(page.get(below, follow=True)) == entries[56]


def test_swapped_results_bring_the_panel(page: Client, entries: list[str]) -> None:
    htmx = {"HX-Request": "true"}
    response = page.get(f"{URL}results/?before={entries[49]}&panel=first", headers=htmx)
    assert panelled(response) == entries[50]
    assert f'hx-swap-oob="true" data-entry="{entries[50]}"' in response.content.decode()
    assert response["HX-Push-Url"] == f"{URL}?before={entries[49]}&panel={entries[50]}"
    closed = page.get(f"{URL}results/?range=7d", headers=htmx).content.decode()
    assert 'hx-swap-oob="true" hidden' in closed


@pytest.mark.parametrize("panel", ["x", "%00", "first", "00000000-0000-0000-0000-000000000000"])
def test_a_panel_of_nothing_stays_closed(panel: str, page: Client, people: People) -> None:
    response = page.get(f"{URL}?panel={panel}", follow=True)
    assert response.status_code == 200
    assert "panel" not in response.context
    assert shown(response) == []


@pytest.mark.parametrize("elsewhere", [True, False], ids=["another account's", "another's"])
def test_the_panel_shows_nobody_else_s_entry(elsewhere: bool, people: People, client: Client) -> None:
    AppFactory(account=home_of(people.stranger) if elsewhere else people.acme, slug="secret", name="Secret")
    entry = Entry.objects.order_by("id").last()
    assert entry
    sign_in_long_ago(client, people.owner if elsewhere else member_with(Role.ORGANIZATION_USER, people.acme))
    assert "Create application 'Secret'" not in text_of(client.get(f"{URL}?panel={entry.id}&range=7d"))
    assert App.objects.count() == 1


def test_a_page_with_all_on_costs_few_queries_more(page: Client, people: People, entries: list[str]) -> None:
    page.get(URL)
    plain = queries(page, URL)
    assert queries(page, f"{URL}?event={entries[0]}&panel={entries[1]}") <= plain + 2, "how two things ended"


def queries(page: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert page.get(url).status_code == 200
    return len(captured)
