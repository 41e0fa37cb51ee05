"""Apps and dates in the address of the log: what they let through, and that a wrong one lets nothing through."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.test import Client

from accounts.models import User
from accounts.roles import Role
from auditlog.scope import Scope
from controlcenter.context import SYSTEM, acting_as, attempting
from controlcenter.operations import Operation
from controlcenter.resources.models import App

from .factories import AppFactory, ComputeClusterFactory, NodepoolFactory, People
from .history import LONG_AGO, member_with, shown, sign_in_long_ago, text_of, write

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
URL = "/@acme/teams-and-logs/"
BERLIN = ZoneInfo("Europe/Berlin")
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture(autouse=True)
def _today() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def make_app(people: People, slug: str) -> App:
    with acting_as(SYSTEM, at=LONG_AGO):
        app: App = AppFactory(account=people.acme, slug=slug, name=slug.title())
    return app


def delete(app: App) -> None:
    with acting_as(SYSTEM, at=NOW - timedelta(days=100)):  # kept, but before the dates that these tests look at
        app.delete()


# Apps


@pytest.fixture
def three_apps(people: People) -> list[App]:
    apps = [make_app(people, slug) for slug in ("a", "b", "c")]
    for number, app in enumerate(apps):
        write(people.acme, people.owner, [(f"In {app.slug}", NOW - timedelta(minutes=number))], app)
    write(people.acme, people.owner, [("In no app", NOW - timedelta(hours=1))])
    return apps


def test_no_app_is_all_apps(page: Client, three_apps: list[App]) -> None:
    assert shown(page.get(URL)) == ["In a", "In b", "In c", "In no app"]


def test_one_app_lets_its_entries_through(page: Client, three_apps: list[App]) -> None:
    response = page.get(f"{URL}?app=b")
    assert shown(response) == ["In b"]
    assert response.context["apps_label"] == "B"


def test_several_apps_let_the_entries_of_any_through(page: Client, three_apps: list[App]) -> None:
    response = page.get(f"{URL}?app=a&app=c")
    assert shown(response) == ["In a", "In c"]
    assert response.context["apps_label"] == "2 apps"


def test_the_picker_ticks_what_the_address_asks_for(page: Client, three_apps: list[App]) -> None:
    content = page.get(f"{URL}?app=a&app=c").content.decode()
    for slug, ticked in (("a", True), ("b", False), ("c", True)):
        assert (f'name="app" form="f" value="{slug}" checked' in content) is ticked


def test_a_deleted_app_is_kept_and_marked(page: Client, people: People, three_apps: list[App]) -> None:
    delete(three_apps[1])
    response = page.get(f"{URL}?app=b")
    assert shown(response) == ["In b"]
    assert "B Deleted" in text_of(response).title()


def test_an_id_used_again_covers_both_apps(page: Client, people: People, three_apps: list[App]) -> None:
    delete(three_apps[1])
    again = make_app(people, "b")
    write(people.acme, people.owner, [("In the new b", NOW)], again)
    response = page.get(f"{URL}?app=b")
    assert shown(response) == ["In the new b", "In b"]
    assert "Deleted" not in text_of(response)


def test_an_app_of_another_account_is_unknown(page: Client, people: People, three_apps: list[App]) -> None:
    AppFactory(account=people.stranger.home, slug="theirs")
    response = page.get(f"{URL}?app=theirs")
    assert "There is no app “theirs” in this account" in text_of(response)
    assert shown(response) == []


def test_an_app_does_not_widen_what_a_role_may_see(people: People, client: Client, three_apps: list[App]) -> None:
    user = member_with(Role.ORGANIZATION_USER, people.acme)
    write(people.acme, user, [("Mine in a", NOW), ("Mine in b", NOW - timedelta(seconds=1))], three_apps[0])
    sign_in_long_ago(client, user)
    assert shown(client.get(f"{URL}?app=a&app=b")) == ["Mine in a", "Mine in b"]


def test_the_options_cost_one_query(people: People, three_apps: list[App], django_assert_num_queries: Any) -> None:
    delete(three_apps[0])
    owner = people.acme.members.get(user=people.owner)
    with django_assert_num_queries(1):
        options = Scope(owner, NOW - timedelta(days=365)).apps
    assert [(option.slug, option.deleted) for option in options.values()] == [("b", False), ("c", False), ("a", True)]


def test_members_are_offered_no_deleted_app_of_others(people: People, three_apps: list[App]) -> None:
    delete(three_apps[0])
    member = people.acme.members.get(user=member_with(Role.ORGANIZATION_USER, people.acme))
    assert [option.slug for option in Scope(member, NOW - timedelta(days=365)).apps.values()] == ["b", "c"]


# Dates


def test_both_ends_are_included_to_the_microsecond_in_the_zone_shown(page: Client, people: People) -> None:
    first = datetime(2026, 10, 24, tzinfo=BERLIN)
    after = datetime(2026, 10, 27, tzinfo=BERLIN)  # the clock went back on the 25th
    times = {"Before": first - MICROSECOND, "First": first, "Last": after - MICROSECOND, "After": after}
    write(people.acme, people.owner, [(name, time.astimezone(UTC)) for name, time in times.items()])
    response = page.get(f"{URL}?from=2026-10-24&to=2026-10-26&tz=Europe%2FBerlin")
    assert shown(response) == ["Last", "First"]
    assert "Oct 24 00:00:00" in text_of(response)
    assert "Oct 26 23:59:59" in text_of(response)


def test_today_is_included(page: Client, people: People) -> None:
    write(people.acme, people.owner, [("Now", NOW)])
    for query in ("", "?range=today", "?range=7d", "?from=2026-11-22&to=2026-11-22", "?from=2026-11-01"):
        assert "Now" in shown(page.get(URL + query, follow=True)), query


@pytest.mark.parametrize(
    ("preset", "days_ago"),
    [
        ("today", {0}),
        ("yesterday", {1}),
        ("7d", {0, 1, 6}),
        ("14d", {0, 1, 6, 13}),
        ("30d", {0, 1, 6, 13, 21, 22, 29}),
        ("month", {0, 1, 6, 13, 21}),
        ("last-month", {22, 29, 52}),
        ("3m", {0, 1, 6, 13, 21, 22, 29, 52, 91}),
        ("6m", {0, 1, 6, 13, 21, 22, 29, 52, 91, 183}),
    ],
)
def test_a_preset_shows_its_days(preset: str, days_ago: set[int], page: Client, people: People) -> None:
    edges = (0, 1, 2, 6, 7, 13, 14, 21, 22, 29, 30, 52, 53, 91, 92, 183, 184)
    marked = [days for days in edges if days not in (2, 7, 14, 30, 53, 92, 184)]
    write(people.acme, people.owner, [(str(days), NOW - timedelta(days=days)) for days in marked])
    assert {int(sentence) for sentence in shown(page.get(f"{URL}?range={preset}", follow=True))} == days_ago


def test_days_are_those_of_the_zone(page: Client, people: People) -> None:
    write(people.acme, people.owner, [("Late", datetime(2026, 11, 21, 23, 30, tzinfo=UTC))])
    assert shown(page.get(f"{URL}?range=today")) == []
    assert "Late" in shown(page.get(f"{URL}?range=today&tz=Europe%2FBerlin"))


def test_apps_and_dates_narrow_together(page: Client, people: People) -> None:
    app = make_app(people, "vision")
    write(people.acme, people.owner, [("New", NOW), ("Old", NOW - timedelta(days=8))], app)
    write(people.acme, people.owner, [("Elsewhere", NOW)])
    assert shown(page.get(f"{URL}?app=vision&range=7d")) == ["New"]


# The shortest address


@pytest.mark.parametrize(
    ("query", "short"),
    [
        ("range=month", ""),
        ("range=month&from=2026-01-01&to=2026-01-31", ""),
        ("range=7d&from=2026-01-01&to=2026-01-31", "range=7d"),
        ("range=custom&from=2026-11-01&to=2026-11-02", "from=2026-11-01&to=2026-11-02"),
        ("range=&from=2026-11-01&to=&tz=", "from=2026-11-01&to=2026-11-22"),
        ("range=custom", "from=2026-11-22&to=2026-11-22"),
        ("to=2026-11-02", "from=2026-11-02&to=2026-11-02"),
        ("from=20261101&to=2026-W45-1", "from=2026-11-01&to=2026-11-02"),
        ("tz=UTC", ""),
        ("app=a&app=a&range=7d&event=", "app=a&range=7d"),
        ("range=14d&range=7d", "range=7d"),
    ],
)
def test_it_leads_to_the_shortest_address_at_once(query: str, short: str, page: Client, people: People) -> None:
    make_app(people, "a")
    response = page.get(f"{URL}?{query}")
    assert response.status_code == 302
    assert response["Location"] == (f"{URL}?{short}" if short else URL)
    assert page.get(response["Location"]).status_code == 200


@pytest.mark.parametrize("query", ["", "app=b&app=a", "tz=Asia%2FTokyo&range=7d", "from=2026-11-01&to=2026-11-02"])
def test_it_leaves_a_short_address_alone(query: str, page: Client, three_apps: list[App]) -> None:
    assert page.get(f"{URL}?{query}").status_code == 200


# What is wrong is said, and shows nothing


UUID = "01941f29-7c00-7000-8000-000000000000"
# Target, actor, status


def test_the_history_of_a_resource_is_what_touched_it(page: Client, three_apps: list[App]) -> None:
    model_0 = ["In a", "In b", "In c", "In no app"]  # Each batch begins with model-0.
    write_two = [("First", NOW - timedelta(hours=2)), ("Second", NOW - timedelta(hours=3))]
    write(three_apps[0].account, User.objects.get(slug="olga"), write_two, three_apps[0])
    assert shown(page.get(f"{URL}?target=model:model-1")) == ["Second"]
    assert shown(page.get(f"{URL}?target=model:model-0")) == [*model_0, "First"]
    assert shown(page.get(f"{URL}?app=a&target=model:model-0")) == ["In a", "First"]
    assert shown(page.get(f"{URL}?target=workflow:model-0")) == []


def test_the_history_of_what_is_in_something_is_not_that_of_a_namesake(page: Client, people: People) -> None:
    for slug in ("east", "west"):
        NodepoolFactory(slug="pool", cluster=ComputeClusterFactory(account=people.acme, slug=slug, name=slug))
    assert len(shown(page.get(f"{URL}?target=nodepool:pool"))) == 2
    response = page.get(f"{URL}?target=nodepool:pool/compute_cluster:west")
    [sentence] = shown(response)
    assert "west" in sentence
    [chip] = response.context["chips"]
    assert (chip.label, chip.value) == ("Target", "nodepool pool of compute cluster west")
    assert chip.without_url == URL


def test_what_one_person_did_is_found_by_their_id_even_when_deleted(
    people: People, page: Client, three_apps: list[App]
) -> None:
    write(people.acme, people.member, [("By Max", NOW - timedelta(hours=2))])
    assert shown(page.get(f"{URL}?actor=max")) == ["By Max"]
    assert "By Max" not in shown(page.get(f"{URL}?actor=olga"))
    with acting_as(SYSTEM, at=LONG_AGO):
        people.member.delete()
    assert shown(page.get(f"{URL}?actor=max")) == ["By Max"]
    assert "There is no actor “maxi” in this account or its log. Did you mean max?" not in text_of(
        page.get(f"{URL}?actor=maxi")
    )  # Who is gone is not proposed …
    assert "There is no actor “olg” in this account or its log. Did you mean olga?" in text_of(
        page.get(f"{URL}?actor=olg")
    )  # … and a member is.


def test_failures_can_be_looked_at_alone(people: People, page: Client, three_apps: list[App]) -> None:
    with acting_as(people.owner.as_actor(), at=NOW), attempting(Operation.MODEL_DELETE, account_id=people.acme.pk) as a:
        a.refuse("in_use", "It is in use.")
    assert shown(page.get(f"{URL}?status=failure")) == ["Delete model"]
    assert "Delete model" not in shown(page.get(f"{URL}?status=success"))
    assert "In a" in shown(page.get(f"{URL}?status=success"))


def test_a_chip_names_each_filter_and_leads_to_the_page_without_it(page: Client, three_apps: list[App]) -> None:
    response = page.get(f"{URL}?app=a&target=model:model-0&actor=olga&status=success&range=7d")
    assert [(chip.label, chip.value) for chip in response.context["chips"]] == [
        ("App", "A"),
        ("Actor", "Olga Owner"),
        ("Target", "model model-0"),
        ("Status", "Success"),
    ]
    assert response.context["chips"][1].without_url == f"{URL}?app=a&target=model%3Amodel-0&status=success&range=7d"
    assert "Remove filter: actor is Olga Owner" in response.content.decode()
    # The form of apps, dates and facets keeps what is in none of them.
    assert '<input type="hidden" name="target" value="model:model-0" form="f">' in response.content.decode()


def test_nothing_found_names_the_filters_and_leads_out(page: Client, three_apps: list[App]) -> None:
    response = page.get(f"{URL}?actor=max&status=failure")
    assert "Looked for actor is Max Member; status is Failure in" in text_of(response)
    assert "In a" in shown(page.get(response.context["state_action_url"]))


WRONG = {
    "from=2026-11-22&to=2026-11-01": "The range is reversed: 2026-11-22 comes after 2026-11-01. Swap From and To.",
    "range=fortnight": "There is no range “fortnight”.",
    "from=yesterday": "From is “yesterday”, which is no date. Write it as 2026-11-22 or 2026-11-22T09:30.",
    "to=2026-02-30": "To is “2026-02-30”, which is no date.",
    "from=1999-12-31&to=2026-11-01": "From is 1999-12-31, but a range lies between 2000-01-01",
    "from=2026-11-01&to=9999-12-31": "To is 9999-12-31, but a range lies between 2000-01-01",
    "from=0001-01-01&to=0001-01-01": "but a range lies between 2000-01-01",
    "tz=Mars/Olympus": "There is no time zone “Mars/Olympus”.",
    "tz=../../etc/passwd": "There is no time zone “../../etc/passwd”.",
    "app=nope": "There is no app “nope” in this account. Choose one from the list.",
    "app=a&app=nope": "There is no app “nope” in this account.",
    "operation=601a": "There is no operation “601a”. Write one as MODEL_DELETE, or a family: organization, members,",
    "operation=MODEL_DELTE": "There is no operation “MODEL_DELTE”. Did you mean MODEL_DELETE?",
    "-operation=modls": "There is no operation “modls”. Did you mean models?",
    "colour=red": "There is no filter “colour”. Known are: app, actor, actor_type, operation, type, target, status,",
    "target=detector": "target “detector” names no resource. Write kind:id, as in model:detector.",
    "target=member:max": "There is no kind of target “member”. Kinds are app, compute_cluster,",
    "target=mdel:max": "There is no kind of target “mdel”. Did you mean model?",
    "target=nodepool:pool/west": "target “nodepool:pool/west” names no resource.",
    "target=model:/": "target “model:/” names no resource.",
    "target=model:": "target “model:” names no resource.",
    "actor=sam": "There is no actor “sam” in this account or its log.",
    "actor=a%00b": "Actor can't hold the character NUL. Take it out.",
    "actor_type=robot": "There is no actor type “robot”. There are user, token, service_account,",
    "type=mdel": "There is no target type “mdel”. Did you mean model?",
    "status=bad": "There is no status “bad”. There are success, failure.",
    "ip=10.0.0.1/8": "ip “10.0.0.1/8” is an address inside of a network; write 10.0.0.1 or 10.0.0.0/8.",
    "ip=here": "ip “here” is no address; write it as 203.0.113.7",
    "token=nightly": "There is no token “nightly”.",
    "request=a b": "request “a b” is no request ID. Copy it from an entry or from an error page.",
    "text=a%00b": "Text can't hold the character NUL. Take it out.",
    "q=statsu:failure": "Column 1: there is no field “statsu”. Did you mean status?",
    "q=quota status:failed": "Column 14: There is no status “failed”.",
    "q=%22quota": "Column 1: the quote that opens here is not closed.",
}


@pytest.mark.parametrize("path", [URL, f"{URL}results/"])
@pytest.mark.parametrize(("query", "sentence"), WRONG.items())
def test_it_says_what_is_wrong_and_shows_no_entries(
    path: str, query: str, sentence: str, page: Client, three_apps: list[App]
) -> None:
    response = page.get(f"{path}?{query}")
    assert response.status_code == 200
    assert sentence in text_of(response)
    assert "These filters can't be used" in text_of(response)
    assert shown(response) == []
    assert len(shown(page.get(response.context["state_action_url"]))) == 4


GARBAGE = [
    "%00",
    "a%00b",
    "%FF%FE",
    "%ED%A0%80",
    "'%22%3E%3Cb%3E",
    "[]",
    "{}",
    "-1",
    "1e999",
    "٢٠٢٦-١١-٢٢",
    "🎉" * 9,
    "a" * 5000,
]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_never_breaks_it(garbage: str, page: Client, three_apps: list[App]) -> None:
    for name in ("app", "target", "status", "range", "from", "to", "tz", "before", "after", garbage):
        for path in (URL, f"{URL}results/"):
            response = page.get(f"{path}?{name}={garbage}&{name}={garbage}")
            assert (response.status_code, shown(response)) == (200, []), name


def test_an_open_entry_that_is_none_changes_nothing(page: Client, three_apps: list[App]) -> None:
    for garbage in (*GARBAGE, UUID):
        assert len(shown(page.get(f"{URL}?event={garbage}"))) == 4


def test_too_many_parameters_are_refused(page: Client) -> None:
    assert page.get(f"{URL}?{'app=a&' * 2000}").status_code == 400
