"""Forms are carried out once: sent at the same time, again, or after what they are about has changed or gone."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Submission, User
from auditlog.models import Entry
from controlcenter.operations import Operation
from controlcenter.resources.models import App

from .factories import (
    AppFactory,
    DeploymentFactory,
    ModelVersionFactory,
    NodepoolFactory,
    PlanFactory,
    make_people,
)
from .history import entries_of, failures_of, text_of, the_entry

NEW = "/@acme/new-app/"


def form(**changed: str) -> dict[str, str]:
    return {"name": "Vision", "slug": "vision", "visibility": "private", "submission": str(uuid4()), **changed}


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def at_the_same_time(clients: list[Client], url: str, data: dict[str, str]) -> list[Any]:
    def post(client: Client) -> Any:
        try:
            return client.post(url, data)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(clients)) as pool:
        return list(pool.map(post, clients))


@pytest.mark.django_db(transaction=True)
def test_sent_at_the_same_time_it_is_carried_out_once() -> None:
    people = make_people()
    clients = [signed_in(people.owner) for _ in range(4)]
    responses = at_the_same_time(clients, NEW, form())
    assert App.objects.count() == 1
    assert the_entry(people.acme, Operation.APPLICATION_CREATE).success
    assert len({response["Location"] for response in responses}) == 1


@pytest.mark.django_db(transaction=True)
def test_deleting_at_the_same_time_deletes_once_and_fails_never() -> None:
    people = make_people()
    AppFactory(account=people.acme, slug="vision")
    clients = [signed_in(people.owner) for _ in range(4)]
    data = {"confirm": "vision", "submission": str(uuid4())}
    responses = at_the_same_time(clients, "/@acme/apps/vision/delete/", data)
    assert {response.status_code for response in responses} == {302}
    assert the_entry(people.acme, Operation.APPLICATION_DELETE).success


@pytest.mark.django_db(transaction=True)
def test_the_last_place_of_a_plan_is_taken_once() -> None:
    people = make_people()
    people.acme.plan = PlanFactory(max_apps=1)
    people.acme.save()

    def create(client: Client, slug: str) -> int:
        [answer] = at_the_same_time([client], NEW, form(slug=slug))
        return int(answer.status_code)

    clients, slugs = [signed_in(people.owner) for _ in range(4)], [f"app-{number}" for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(create, clients, slugs)) == [302, 422, 422, 422]
    assert App.objects.count() == 1
    codes = [code for code, _ in failures_of(people.acme, Operation.APPLICATION_CREATE)]
    assert codes == ["limit_reached"] * 3


@pytest.mark.django_db(transaction=True)
def test_old_forms_that_somebody_else_is_about_to_forget_are_not_waited_for() -> None:
    people = make_people()
    old = Submission.objects.create(id=uuid4(), user=people.owner, url="/")
    Submission.objects.update(at=timezone.now() - timedelta(days=2))
    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        Submission.objects.select_for_update().get(pk=old.pk)
        waiting = pool.submit(at_the_same_time, [signed_in(people.owner)], NEW, form())
        assert waiting.result(timeout=60)[0].status_code == 302


@pytest.mark.django_db
def test_a_refused_form_can_be_sent_again(client: Client) -> None:
    people = make_people()
    client.force_login(people.owner)
    data = form(slug="Not an id")
    assert client.post(NEW, data).status_code == 422
    assert client.post(NEW, {**data, "slug": "vision"}).status_code == 302


@pytest.mark.django_db
def test_somebody_elses_form_is_not_mine(client: Client) -> None:
    people = make_people()
    data = form()
    signed_in(people.owner).post(NEW, data)
    client.force_login(people.member)
    response = client.post(NEW, {**data, "slug": "other"})
    assert response.status_code == 422
    assert App.objects.count() == 1


@pytest.mark.django_db
def test_which_forms_were_carried_out_is_forgotten_after_a_day(client: Client) -> None:
    people = make_people()
    client.force_login(people.owner)
    client.post(NEW, form())
    Submission.objects.update(at=timezone.now() - timedelta(days=2))
    client.post(NEW, form(slug="other"))
    assert Submission.objects.count() == 1


@pytest.mark.django_db
def test_what_was_done_is_said_with_the_way_to_its_entry(client: Client) -> None:
    people = make_people()
    client.force_login(people.owner)
    response = client.post(NEW, form(), follow=True)
    entry = the_entry(people.acme, Operation.APPLICATION_CREATE)
    assert f'href="/@acme/teams-and-logs/entries/{entry.id}/">See the entry</a>' in response.content.decode()
    assert "Applications created" in text_of(client.get(f"/@acme/teams-and-logs/entries/{entry.id}/"))


@pytest.mark.django_db
def test_what_is_still_used_is_named(client: Client) -> None:
    people = make_people()
    app = AppFactory(account=people.acme, slug="vision")
    DeploymentFactory(
        slug="front-door",
        nodepool=NodepoolFactory(cluster__account=people.acme),
        model_version=ModelVersionFactory(model__app=app),
    )
    client.force_login(people.owner)
    response = client.post("/@acme/apps/vision/delete/", {"confirm": "vision", "reason": "Old"})
    assert response.status_code == 422
    assert "It is still used by deployment front-door. Delete that first." in text_of(response)
    [entry] = entries_of(people.acme, Operation.APPLICATION_DELETE)
    assert (entry.event["failure"]["code"], entry.event["reason"]) == ("in_use", "Old")
    assert not Entry.objects.filter(operation=Operation.APPLICATION_DELETE, success=True).exists()
