"""Who acts is a value: entered, always reset, and never somebody else's."""

import asyncio
from datetime import UTC, datetime
from threading import Thread

import pytest
from django.db import transaction

from auditlog.models import Entry
from controlcenter.context import ANONYMOUS, SYSTEM, Actor, ActorType, Where, acting_as, because, current, together

from .factories import AccountFactory, AppFactory, People, TokenFactory, make_people

OLGA = Actor(ActorType.USER, 1, "olga", "Olga", "Owner", "olga@acme.example")


def test_without_a_context_the_system_acts() -> None:
    assert current().actor == SYSTEM
    assert current().where == Where()


def test_the_context_ends_with_its_block() -> None:
    with acting_as(OLGA):
        assert current().actor == OLGA
    assert current().actor == SYSTEM


def test_the_context_ends_with_an_exception() -> None:
    with pytest.raises(KeyError), acting_as(OLGA):
        raise KeyError
    assert current().actor == SYSTEM


def test_the_inner_context_counts_and_the_outer_comes_back() -> None:
    with acting_as(OLGA, Where(source_ip="192.0.2.1")):
        with acting_as(ANONYMOUS):
            assert current().actor == ANONYMOUS
            assert current().where.source_ip is None
        assert current().actor == OLGA


def test_a_reason_is_added_to_the_context_and_ends_with_its_block() -> None:
    with acting_as(OLGA, Where(request_id="r1")):
        with because("  cleaning up "):
            assert current().reason == "cleaning up"
            assert (current().actor, current().where.request_id) == (OLGA, "r1")
        assert current().reason == ""


def test_a_reason_needs_no_actor() -> None:
    with because("nightly"):
        assert (current().actor, current().reason) == (SYSTEM, "nightly")


def test_a_thread_starts_without_a_context() -> None:
    seen: list[Actor] = []
    with acting_as(OLGA):
        thread = Thread(target=lambda: seen.append(current().actor))
        thread.start()
        thread.join()
    assert seen == [SYSTEM]


def test_a_thread_leaves_no_context_behind() -> None:
    thread = Thread(target=lambda: acting_as(OLGA).__enter__())
    thread.start()
    thread.join()
    assert current().actor == SYSTEM


def test_tasks_do_not_see_each_others_context() -> None:
    async def act_as(slug: str) -> str:
        with acting_as(Actor(ActorType.USER, slug=slug)):
            await asyncio.sleep(0)
            return current().actor.slug

    async def act_at_once() -> list[str]:
        return await asyncio.gather(*(act_as(slug) for slug in ("olga", "max", "sam")))

    assert asyncio.run(act_at_once()) == ["olga", "max", "sam"]


@pytest.fixture
def people(db: None) -> People:
    return make_people()


def newest() -> Entry:
    return Entry.objects.newest_first()[0]


def test_an_entry_says_who_where_when_and_why(people: People) -> None:
    where = Where("192.0.2.7", "10.0.0.1", "192.0.2.7", "curl/8", "req-1", "POST", "/@acme/apps/")
    at = datetime(2026, 10, 5, 8, 30, 0, 5, tzinfo=UTC)

    with acting_as(people.member.as_actor(), where, at=at), because("moving house"):
        AppFactory(account=people.acme)

    entry = Entry.objects.get(app_id__isnull=False)
    assert entry.time == at
    assert (entry.actor_type, entry.actor_id) == (ActorType.USER, people.member.pk)
    assert entry.subject is not None
    assert (entry.subject.full_name, entry.subject.email) == ("Max Member", "max@acme.example")
    assert (entry.source_ip, entry.request_id) == ("192.0.2.7", "req-1")
    assert entry.event["where"] == {
        "ip": "192.0.2.7",
        "peer": "10.0.0.1",
        "forwarded": "192.0.2.7",
        "agent": "curl/8",
        "request": "req-1",
        "method": "POST",
        "path": "/@acme/apps/",
    }
    assert entry.event["reason"] == "moving house"


def test_without_a_context_the_entry_is_still_written(people: People) -> None:
    AppFactory(account=people.acme)
    assert (newest().actor_type, newest().actor_id, newest().subject) == (ActorType.SYSTEM, None, None)


def test_an_entry_names_the_token_that_was_used(people: People) -> None:
    token = TokenFactory(user=people.owner, account=people.acme, slug="t1", name="ci")

    with acting_as(token.as_actor()):
        AppFactory(account=people.acme)

    actor = newest().event["actor"]
    assert (actor["type"], actor["id"], actor["token"], actor["token_name"]) == ("token", "olga", "t1", "ci")
    assert newest().actor_id == people.owner.pk


def test_support_staff_are_called_so(people: People) -> None:
    people.stranger.is_staff = True
    with acting_as(people.stranger.as_actor()):
        AppFactory(account=people.acme)
    assert newest().actor_type is ActorType.SUPPORT_STAFF


# together()


@pytest.mark.django_db(transaction=True)
def test_together_is_refused_outside_of_a_transaction() -> None:
    with pytest.raises(transaction.TransactionManagementError), together():
        pass


@pytest.mark.django_db
def test_what_is_done_together_is_recorded_at_the_end() -> None:
    account = AccountFactory()
    with transaction.atomic(), together():
        AppFactory.create_batch(3, account=account)
        assert not Entry.objects.for_account(account.pk).filter(app_id__isnull=False).exists()
    assert Entry.objects.for_account(account.pk).filter(app_id__isnull=False).count() == 3


@pytest.mark.django_db
def test_what_was_rolled_back_is_not_recorded_with_the_rest() -> None:
    account = AccountFactory()
    with transaction.atomic(), together():
        AppFactory(account=account, slug="kept")
        with pytest.raises(KeyError), transaction.atomic():  # noqa: PT012
            AppFactory(account=account, slug="dropped")
            raise KeyError
    assert [entry.targets[0]["id"] for entry in Entry.objects.exclude(app_id=None)] == ["kept"]


@pytest.mark.django_db
def test_nothing_done_together_outlives_an_exception_that_was_swallowed() -> None:
    account = AccountFactory()
    with transaction.atomic(), pytest.raises(KeyError), together():  # noqa: PT012
        AppFactory(account=account)
        raise KeyError
    assert not account.apps.exists()
    assert not Entry.objects.exclude(app_id=None).exists()


@pytest.mark.django_db
def test_a_name_is_the_one_it_had_when_it_was_changed() -> None:
    app = AppFactory(name="first")
    with transaction.atomic(), together():
        for name in ("second", "third"):
            app.name = name
            app.save()
    changes = [entry.event["changes"]["name"] for entry in Entry.objects.filter(operation=601).order_by("id")]
    names = [entry.event["targets"][0]["name"] for entry in Entry.objects.filter(operation=601).order_by("id")]
    assert changes == [["first", "second"], ["second", "third"]]
    assert names == ["second", "third"]
