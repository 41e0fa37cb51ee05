"""Names as they were, and beside them what has become since; of nothing that the reader could not know."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account, Member, User
from accounts.roles import Role
from auditlog.models import Entry, Subject
from auditlog.naming import KEPT, Live, Thing, thing_of
from controlcenter.context import SYSTEM, acting_as
from controlcenter.operations import Operation
from controlcenter.resources.models import App, Model

from .factories import (
    FACTORIES,
    AppFactory,
    ModelFactory,
    ModelVersionFactory,
    NodepoolFactory,
    People,
    TeamFactory,
    TokenFactory,
    WorkflowFactory,
)
from .history import LONG_AGO, member_with, sign_in_long_ago, text_of, the_entry, write

pytestmark = pytest.mark.django_db

URL = "/@acme/teams-and-logs/"


def long_ago(make: Callable[..., Any], **fields: Any) -> Any:
    with acting_as(SYSTEM, at=LONG_AGO):
        return make(**fields)


def text_of_entry(page: Client, entry: Entry) -> str:
    return text_of(page.get(f"{URL}entries/{entry.id}/"))


def today(text: str) -> str:
    now = timezone.now()
    return text.replace("TODAY", f"{now:%b} {now.day}")


def created(people: People, make: Callable[..., Any], **fields: Any) -> tuple[Any, Entry]:
    """Create a thing as its owner, and return it with its entry."""
    with acting_as(people.owner.as_actor()):
        thing = make(**fields)
    return thing, Entry.objects.for_account(people.acme.pk).order_by("id").last()  # type: ignore[return-value]


def renamed(people: People, make: Callable[..., Any], **fields: Any) -> Entry:
    """Create a thing called Old, rename it to New, and return the entry of its creation."""
    thing, entry = created(people, make, name="Old", **fields)
    with acting_as(SYSTEM, at=LONG_AGO):
        thing.name = "New"
        thing.save()
    return entry


def in_app(make: Callable[..., Any]) -> Callable[[People], Entry]:
    return lambda people: renamed(people, make, app=long_ago(AppFactory, account=people.acme))


def in_account(make: Callable[..., Any]) -> Callable[[People], Entry]:
    return lambda people: renamed(people, make, account=people.acme)


NAMED: dict[str, Callable[[People], Entry]] = {
    "app": in_account(AppFactory),
    "team": in_account(TeamFactory),
    "cluster": in_account(FACTORIES[KEPT["compute_cluster"].model]),
    "model": in_app(ModelFactory),
    "workflow": in_app(WorkflowFactory),
    "module": in_app(FACTORIES[KEPT["module"].model]),
    "token": lambda people: renamed(people, TokenFactory, account=people.acme, user=people.owner),
}


@pytest.mark.parametrize("kind", NAMED)
def test_a_new_name_stands_beside_the_old(kind: str, page: Client, people: People) -> None:
    entry = NAMED[kind](people)
    assert "renamed to New" in text_of_entry(page, entry)
    assert "renamed to New" in text_of(page.get(URL))


def test_a_name_that_is_masked_is_no_new_one_and_stays_masked(page: Client, people: People) -> None:
    app = AppFactory(account=people.acme, slug="keys", name="key ghp_" + "a1B2" * 9)
    entry = the_entry(people.acme, Operation.APPLICATION_CREATE)
    assert "renamed to" not in text_of_entry(page, entry)
    app.name = "other ghp_" + "c3D4" * 9
    app.save()
    text = text_of_entry(page, entry)
    assert "renamed to other [masked]" in text
    assert "ghp_" not in text


def test_a_person_s_new_name_stands_beside_the_old(page: Client, people: People) -> None:
    write(people.acme, people.member, [("Done", timezone.now())])
    with acting_as(SYSTEM, at=LONG_AGO):
        people.member.last_name = "Mustermann"
        people.member.save()
    assert "Max Member max@acme.example renamed to Max Mustermann" in text_of_entry(
        page, the_entry(people.acme, Operation.MODEL_CREATE)
    )
    assert "Max Member renamed to Max Mustermann max@acme.example" in text_of(page.get(URL))


def test_what_is_called_the_same_has_nothing_beside_it(page: Client, people: People) -> None:
    app, _ = created(people, AppFactory, account=people.acme, slug="vision", name="Vision")
    _, entry = created(people, ModelFactory, app=app, name="Detector")
    _, of_version = created(people, ModelVersionFactory, model=Model.objects.get())
    for text in (text_of(page.get(URL)), text_of_entry(page, entry), text_of_entry(page, of_version)):
        assert "renamed" not in text
        assert "deleted" not in text


def test_a_deletion_says_when_and_by_whom(page: Client, people: People) -> None:
    app = long_ago(AppFactory, account=people.acme, slug="vision", name="Vision")
    model, entry = created(people, ModelFactory, app=app, slug="detector", name="Detector")
    with acting_as(people.member.as_actor()):
        model.delete()
    assert today("deleted TODAY by Max Member") in text_of_entry(page, entry)
    assert "Create model 'Detector' in Vision deleted" in text_of(page.get(URL))


def test_the_end_of_a_thing_is_not_told_beside_itself(page: Client, people: People) -> None:
    team, _ = created(people, TeamFactory, account=people.acme, name="Quality")
    with acting_as(people.member.as_actor()):
        team.delete()
    deletion = the_entry(people.acme, Operation.ORGANIZATION_TEAM_DELETE)
    assert "by Max Member" not in text_of_entry(page, deletion)


def test_what_was_deleted_before_under_the_same_id_was_another(page: Client, people: People) -> None:
    app = long_ago(AppFactory, account=people.acme)
    first, of_first = created(people, ModelFactory, app=app, slug="detector", name="First")
    first.delete()
    _, of_second = created(people, ModelFactory, app=app, slug="detector", name="Second")
    assert "deleted" in text_of_entry(page, of_first)
    assert "deleted" not in text_of_entry(page, of_second)


def test_a_model_of_the_same_id_in_another_app_is_another(page: Client, people: People) -> None:
    one, other = (long_ago(AppFactory, account=people.acme, slug=slug) for slug in ("one", "other"))
    _, entry = created(people, ModelFactory, app=one, slug="detector", name="Detector")
    Model.objects.all().delete()
    long_ago(ModelFactory, app=other, slug="detector", name="Different")
    text = text_of_entry(page, entry)
    assert "Different" not in text
    assert "deleted" in text


def test_a_revoked_token_is_told(page: Client, people: People) -> None:
    token, entry = created(people, TokenFactory, account=people.acme, user=people.owner, name="nightly")
    with acting_as(people.owner.as_actor()):
        token.revoke()
    assert today("revoked TODAY by Olga Owner") in text_of_entry(page, entry)


# What nobody is told


def test_nothing_is_told_of_what_moved_to_another_account(page: Client, people: People) -> None:
    app, entry = created(people, AppFactory, account=people.acme, slug="vision", name="Vision")
    _, of_model = created(people, ModelFactory, app=app, slug="detector", name="Detector")
    with acting_as(people.owner.as_actor()):
        app.transfer(people.stranger.home)
    with acting_as(people.stranger.as_actor()):
        for thing in (App.objects.get(), Model.objects.get()):
            thing.name = "Secret"
            thing.save()
    for text in (text_of(page.get(URL)), text_of_entry(page, entry), text_of_entry(page, of_model)):
        assert "Secret" not in text
        assert "moved to another account" in text
    assert today("moved to another account TODAY by Olga Owner") in text_of_entry(page, entry)


def test_nobody_s_new_name_is_told_who_left(page: Client, people: People) -> None:
    write(people.acme, people.member, [("Done", timezone.now())])
    with acting_as(SYSTEM, at=LONG_AGO):
        Member.objects.filter(user=people.member).delete()
        people.member.last_name = "Secret"
        people.member.save()
    assert "Secret" not in text_of(page.get(URL))
    assert "Secret" not in text_of_entry(page, the_entry(people.acme, Operation.MODEL_CREATE))


def test_nothing_of_another_account_is_told(people: People) -> None:
    """The same ids exist elsewhere under other names."""
    other = AppFactory(account=people.stranger.home, slug="vision", name="Secret")
    ModelFactory(app=other, slug="detector", name="Secret")
    TeamFactory(account=people.stranger.home, slug="quality", name="Secret")
    things = [
        Thing("model", "detector", "vision", other.pk),
        Thing("app", "vision", "", other.pk),
        Thing("team", "quality"),
        Thing("user", "sam"),
    ]
    live = Live(Member.objects.get(user=people.owner), things)
    assert "Secret" not in str(live.called)
    assert "Sam" not in str(live.called)


def test_who_may_not_see_the_end_is_not_told_by_whom(people: People, client: Client) -> None:
    user = member_with(Role.ORGANIZATION_CONTRIBUTOR, people.acme)
    app = long_ago(AppFactory, account=people.acme, slug="vision", name="Vision")
    with acting_as(user.as_actor()):
        model = ModelFactory(app=app, slug="detector", name="Detector")
    with acting_as(people.owner.as_actor()):
        model.delete()
    sign_in_long_ago(client, user)
    text = text_of_entry(client, the_entry(people.acme, Operation.MODEL_CREATE))
    assert "deleted" in text
    assert "Olga" not in text
    assert today("TODAY by") not in text


def test_nothing_stands_beside_somebody_erased(page: Client, people: People) -> None:
    write(people.acme, people.member, [("Done", timezone.now())])
    Subject.objects.filter(user_id=people.member.pk).update(
        user_id=None, slug="", email="", first_name="", last_name=""
    )
    text = text_of_entry(page, the_entry(people.acme, Operation.MODEL_CREATE))
    assert "User Erased person" in text
    assert "Max Member" not in text


# Cost


def queries_about_names(page: Client, url: str) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        assert page.get(url).status_code == 200
    return [query["sql"] for query in captured if "UNION ALL" in query["sql"] and "accounts_member" in query["sql"]]


def test_a_page_costs_one_query_for_all_names(page: Client, people: People) -> None:
    for make in NAMED.values():
        make(people)
    created(people, NodepoolFactory, cluster__account=people.acme)
    assert len(queries_about_names(page, URL)) == 1


def test_an_entry_costs_few_queries(page: Client, people: People) -> None:
    app = long_ago(AppFactory, account=people.acme, slug="vision", name="Vision")
    _, entry = created(people, ModelFactory, app=app, slug="detector", name="Detector")
    url = f"{URL}entries/{entry.id}/"
    page.get(url)
    assert queries(page, url) == 4, "session, member, entry, names of now"
    app.delete()
    assert queries(page, url) == 5, "and how it ended"


def queries(page: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert page.get(url).status_code == 200
    return len(captured)


@pytest.mark.parametrize("kind", KEPT)
def test_each_kind_is_found_as_its_entry_names_it(kind: str, people: People) -> None:
    """A kind that is tracked later is followed, too, without a line about it."""
    maker = FACTORIES[KEPT[kind].model]
    thing = maker()
    entry = Entry.objects.order_by("-id").filter(operation=KEPT[kind].created).first()
    entry = entry or Entry.objects.order_by("-id").filter(targets__0__type=kind).first()
    assert entry
    about = thing_of(entry)
    assert about
    member = Member(account=Account.objects.get(pk=entry.account_id), user=User.objects.first(), role=Role.AUDITOR)
    assert about in Live(member, [about]).called
    assert thing.pk
