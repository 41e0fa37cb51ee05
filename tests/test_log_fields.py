"""Every field of the log: in the address, the query bar, the facets and the chips; and what it says of nothing."""

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.db import connection, transaction
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Token
from accounts.roles import Role
from auditlog.events import Event, Target
from auditlog.recorder import record_events
from controlcenter.context import ANONYMOUS, SYSTEM, Context, Where, acting_as
from controlcenter.operations import Operation

from .factories import AccountFactory, People
from .history import LONG_AGO, member_with, shown, sign_in_long_ago, text_of, write

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
URL = "/@acme/teams-and-logs/"


@pytest.fixture(autouse=True)
def _today() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def varied(people: People) -> People:
    """Entries that differ in all that one can ask for."""
    with acting_as(SYSTEM, at=LONG_AGO):
        token, _ = Token.issue(people.owner, people.acme, "night build", [])
    where = {"source_ip": "203.0.113.7", "peer_ip": "203.0.113.7", "request_id": "made-1"}
    actors: list[tuple[Any, dict[str, str], Operation, str, str, dict[str, Any]]] = [
        (people.owner.as_actor(), {**where}, Operation.MODEL_CREATE, "model", "", {"name": [None, "Quota 100%"]}),
        (people.member.as_actor(), {**where, "request_id": "made-2"}, Operation.MODEL_DELETE, "model", "in_use", {}),
        (token.as_actor(), {**where, "source_ip": "2001:db8::9"}, Operation.WORKFLOW_CREATE, "workflow", "", {}),
        (SYSTEM, {}, Operation.WORKFLOW_UPDATE, "workflow", "", {"description": ["Old words", "New words"]}),
        (ANONYMOUS, {"source_ip": "198.51.100.1"}, Operation.USER_SIGN_IN_FAILED, "user", "denied", {}),
    ]
    events = [
        Event(
            operation,
            people.acme.pk,
            NOW - timedelta(minutes=number),
            Context(actor, Where(**given)),
            targets=[Target(kind, f"thing-{number}", f"Thing {number}")],
            sentence=f"Number {number}",
            code=code,
            failure="It is in use by Straße." if code == "in_use" else "",
            changes=changes,
        )
        for number, (actor, given, operation, kind, code, changes) in enumerate(actors)
    ]
    with transaction.atomic():
        record_events(events)
    return people


@pytest.mark.parametrize(
    ("query", "numbers"),
    {
        "actor=olga": "02",
        "actor=olga@acme.example": "02",
        "-actor=olga": "134",
        "actor=olga&actor=max": "012",
        "actor_type=token": "2",
        "actor_type=system&actor_type=anonymous": "34",
        "-actor_type=user": "234",
        "operation=MODEL_DELETE": "1",
        "operation=302": "1",
        "operation=models": "01",
        "operation=models&-operation=MODEL_DELETE": "0",
        "-operation=models": "234",
        "type=workflow": "23",
        "-type=workflow": "014",
        "target=model:thing-0&target=user:thing-4": "04",
        "-target=model:thing-0": "1234",
        "status=failure": "14",
        "-status=failure": "023",
        "status=failure&status=success": "01234",
        "ip=203.0.113.0/24": "01",
        "ip=203.0.113.7&ip=2001:db8::/32": "012",
        "-ip=203.0.113.0/24": "234",
        "-ip=203.0.113.7": "234",
        "token=night build": "2",
        "-token=night build": "0134",
        "request=made-2": "1",
        "-request=made-2": "0234",
        "text=number": "01234",
        "text=NUMBER 3": "3",
        "text=quota 100%": "0",
        "text=1_0": "",
        "text=thing-2": "2",
        "text=straße": "1",
        "text=new&text=old": "3",
        "text=new&text=thing-0": "",
        "-text=words": "0124",
        "text=subject": "",
        "text=MODEL_CREATE": "",
        "q=actor:olga": "02",
        "q=-actor:olga status:failure": "14",
        'q="number 3" -type:model': "3",
        "q=actor:olga,max -operation:MODEL_DELETE": "02",
        "status=failure&q=actor:olga": "02",
        "q=status:success range:yesterday": "",
    }.items(),
)
def test_each_field_narrows_and_leaves_out(varied: People, page: Client, query: str, numbers: str) -> None:
    response = page.get(URL, QueryDict(query.replace("%", "%25").replace("+", "%2B")), follow=True)
    found = {sentence.removeprefix("Number ") for sentence in shown(response) if sentence.startswith("Number ")}
    assert "".join(sorted(found)) == numbers, response.context["form_errors"]


def test_the_bar_the_address_and_the_chips_are_one_filter(varied: People, page: Client) -> None:
    typed = page.get(URL, {"q": 'status:failure -actor:olga operation:models,USER_SIGN_IN_FAILED "in use"'})
    assert (typed.status_code, urlsplit(typed["Location"]).query) == (
        302,
        "-actor=olga&operation=models&operation=USER_SIGN_IN_FAILED&status=failure&text=in+use",
    )
    response = page.get(typed["Location"])
    assert response.context["bar"] == '-actor:olga operation:models,USER_SIGN_IN_FAILED status:failure "in use"'
    assert [(chip.label, chip.operator, chip.value) for chip in response.context["chips"]] == [
        ("Actor", "is not", "Olga Owner"),
        ("Operation", "is any of", "Models (all), Sign-ins failed"),
        ("Status", "is", "Failure"),
        ("Text", "has", "in use"),
    ]
    assert response.context["clear_url"] == URL


def test_the_bar_keeps_the_dates_and_what_was_typed_wrongly(varied: People, page: Client) -> None:
    response = page.get(URL, {"q": "actr:olga", "range": "7d"})
    assert response.context["bar"] == "actr:olga"
    assert response.context["period"].preset == "7d"
    assert shown(response) == []
    assert page.get(URL, {"q": "actor:olga", "range": "7d"})["Location"] == f"{URL}?actor=olga&range=7d"


def test_people_of_other_accounts_are_unknown_also_as_a_suggestion(varied: People, page: Client) -> None:
    assert "There is no actor “sam”" in text_of(page.get(f"{URL}?actor=sam"))
    assert "sam" not in text_of(page.get(f"{URL}suggestions/?q=actor:s"))
    assert "Did you mean sam" not in text_of(page.get(f"{URL}?actor=samm"))


# Facets


def counts_of(response: Any, name: str) -> dict[str, str]:
    facet = next(facet for facet in response.context["facets"] if (facet.key or facet.name) == name)
    return {choice.label: choice.entries for choice in facet.choices}


def test_facets_count_what_is_shown(varied: People, page: Client) -> None:
    response = page.get(f"{URL}?-operation=log")
    assert counts_of(response, "status") == {"Success": "3", "Failure": "2"}
    assert counts_of(response, "operation")["Models deleted"] == "1"
    assert counts_of(response, "family") == {
        "The log itself (all)": "0",
        "Models (all)": "2",
        "Workflows (all)": "2",
        "Users (all)": "1",
    }
    assert counts_of(response, "type") == {"Model": "2", "Workflow": "2", "User": "1"}
    assert counts_of(response, "actor") == {"Olga Owner": "2", "Max Member": "1"}
    assert counts_of(response, "token") == {"night build": "1"}
    assert counts_of(response, "ip") == {"203.0.113.7": "2", "198.51.100.1": "1", "2001:db8::9": "1"}
    assert counts_of(response, "actor_type") == {"User": "2", "Anonymous": "1", "System": "1", "Token": "1"}


def test_a_facet_counts_what_else_could_be_chosen_in_it(varied: People, page: Client) -> None:
    response = page.get(f"{URL}?status=failure&-operation=log")
    assert counts_of(response, "status") == {"Failure": "2", "Success": "3"}
    assert counts_of(response, "type") == {"Model": "1", "User": "1"}


def test_a_facet_shows_what_is_chosen_even_when_nothing_has_it(varied: People, page: Client) -> None:
    response = page.get(f"{URL}?type=team&-actor=max")
    assert counts_of(response, "type")["Team"] == "0"
    content = response.content.decode()
    assert re.search(r'name="type" form="f" value="team" checked', content)
    assert re.search(r'name="-actor" form="f" value="max" checked', content)


def test_what_follows_a_choice_is_the_same_filter_with_it(varied: People, page: Client) -> None:
    response = page.get(f"{URL}?status=failure")
    facet = next(facet for facet in response.context["facets"] if facet.name == "actor")
    choice = next(choice for choice in facet.choices if choice.value == "max")
    assert (choice.only_query, choice.hide_query) == ("actor=max&status=failure", "-actor=max&status=failure")


def test_facets_say_when_there_are_more_than_they_counted(
    people: People, page: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditlog.facets.COUNT_LIMIT", 3)
    write(people.acme, people.owner, [(f"Number {number}", NOW) for number in range(5)])
    response = page.get(URL)
    assert counts_of(response, "status")["Success"] == "4+"
    assert "Counted in the newest 3 entries" in text_of(response)


def test_facets_of_a_text_count_for_as_long_as_they_may(
    varied: People, page: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = f"{URL}?text=e&status=success&operation=WORKFLOW_CREATE"  # too short for the index of texts
    whole = page.get(query)
    assert "Counted in" not in text_of(whole)
    monkeypatch.setattr("auditlog.facets.PATIENCE", timedelta(0))
    cut_short = page.get(query)
    assert shown(cut_short) == shown(whole) != []
    assert "Counted in the newest entries: there may be more." in text_of(cut_short)
    assert counts_of(cut_short, "status") == {"Success": "", "Failure": ""}, "nothing was read, so nothing is known"


def test_facets_of_a_text_read_each_entry_once(varied: People, page: Client) -> None:
    """What is read twice may be read the second time when patience is over, and counts as none."""
    with CaptureQueriesContext(connection) as captured:
        response = page.get(f"{URL}?text=e&operation=models&operation=workflows")
    [counting] = [query["sql"] for query in captured.captured_queries if "newest_1" in query["sql"]]
    [reading] = [query["sql"] for query in captured.captured_queries if 'AS "snapshot"' in query["sql"]]
    assert "picked" in reading
    assert "picked" not in counting
    assert counts_of(response, "actor") == {"Olga Owner": "2", "Max Member": "1"}


def test_facets_show_a_role_only_its_own(varied: People, client: Client) -> None:
    user = member_with(Role.ORGANIZATION_USER, varied.acme)
    write(varied.acme, user, [("Mine", NOW)])
    sign_in_long_ago(client, user)
    response = client.get(URL)
    assert list(counts_of(response, "actor").values()) == ["1"]
    assert "203.0.113.7" in counts_of(response, "ip")
    assert "198.51.100.1" not in counts_of(response, "ip")


# Suggestions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("act", ["actor:", "actor_type:"]),
        ("status:failure act", ["status:failure actor:", "status:failure actor_type:"]),
        ("actor:ol", ["actor:olga "]),
        ("-actor:Max", ["-actor:max "]),
        ("operation:model_del", ["operation:MODEL_DELETE "]),
        ("status:", ["status:success ", "status:failure "]),
        ("token:ni", None),
        ("olg", ["actor:olga "]),
    ],
)
def test_it_completes_fields_and_values(varied: People, page: Client, text: str, expected: list[str] | None) -> None:
    content = html.unescape(page.get(f"{URL}suggestions/", {"q": text}).content.decode())
    texts = re.findall(r'data-text="(.*?)" data-at', content)
    if expected is None:
        assert len(texts) == 1
        assert re.fullmatch(r"token:[0-9a-f]{16} ", texts[0])
    else:
        assert texts == expected


def test_it_completes_at_the_cursor_and_keeps_what_follows(varied: People, page: Client) -> None:
    content = page.get(f"{URL}suggestions/", {"q": "act status:failure", "at": "3"}).content.decode()
    assert 'data-text="actor: status:failure" data-at="6"' in content


# Nothing found


@pytest.mark.parametrize(
    ("query", "label", "number"),
    [
        ("status=failure&type=workflow", "Remove type", None),
        ("actor=max&type=workflow", "Remove actor", "3"),
        ("text=nowhere", "Show all entries of these dates", "0"),
        ("type=team&text=nowhere&status=failure", "Show all entries of these dates", "0"),
        ("operation=models&from=2026-01-01&to=2026-01-02", "Look at all dates that are kept", "0"),
    ],
)
def test_it_leads_to_entries_by_taking_away_the_least(
    varied: People, page: Client, query: str, label: str, number: str | None
) -> None:
    response = page.get(f"{URL}?{query}")
    assert response.context["state"] == "nothing"
    if number:
        assert response.context["state_action_label"] == label
        assert f"Number {number}" in shown(page.get(response.context["state_action_url"], follow=True))
    else:
        assert shown(page.get(response.context["state_action_url"], follow=True))


def test_only_what_has_more_is_said_to_have_more(people: People, page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditlog.facets.COUNT_LIMIT", 3)
    write(people.acme, people.owner, [(f"Number {number}", NOW) for number in range(5)])
    write(people.acme, people.member, [("By Max", NOW)])
    response = page.get(f"{URL}?actor=max")
    assert counts_of(response, "status") == {"Success": "1", "Failure": "0"}
    assert counts_of(response, "actor")["Olga Owner"].endswith("+")


@pytest.mark.parametrize(
    ("query", "name", "label"),
    [("ip=203.0.113.0/24", "ip", "203.0.113.0/24"), ("ip=10.0.0.0/8", "ip", "10.0.0.0/8")],
)
def test_what_stands_for_several_is_not_said_to_be_none(
    varied: People, page: Client, query: str, name: str, label: str
) -> None:
    assert counts_of(page.get(f"{URL}?{query}"), name)[label] == ""


def test_a_wrong_filter_is_kept_by_the_form_of_apps_and_dates(varied: People, page: Client) -> None:
    content = page.get(f"{URL}?operation=MODEL_DELTE&-actor=max").content.decode()
    assert '<input type="hidden" name="operation" value="MODEL_DELTE" form="f">' in content
    assert '<input type="hidden" name="-actor" value="max" form="f">' in content


def test_a_name_borne_elsewhere_is_unknown_here(people: People, page: Client) -> None:
    there = AccountFactory(slug="elsewhere")
    with acting_as(people.member.as_actor(), at=LONG_AGO):
        write(there, people.member, [("There", NOW)])
    people.member.email = "max.new@acme.example"
    with acting_as(SYSTEM, at=LONG_AGO):
        people.member.save()
    assert "There is no actor “max@acme.example”" in text_of(page.get(f"{URL}?actor=max@acme.example"))
    assert page.get(f"{URL}?actor=max.new@acme.example", follow=True).context["form_errors"] == []


@pytest.mark.parametrize("text", ["actor:\x00", "ab\x00", "actor:" + "a" * 3000])
def test_it_proposes_nothing_for_what_can_be_nothing(varied: People, page: Client, text: str) -> None:
    assert page.get(f"{URL}suggestions/", {"q": text, "at": "9" * 5000}).status_code == 200
