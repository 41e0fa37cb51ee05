"""Folded lines: fewer to read, none of them gone."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from auditlog.events import Event, Target
from auditlog.folding import MORE_THAN
from auditlog.models import Entry
from auditlog.recorder import record_events
from controlcenter.context import ANONYMOUS, Context, Where
from controlcenter.operations import Operation

from .factories import People
from .history import shown, text_of, write

pytestmark = pytest.mark.django_db

URL = "/@acme/teams-and-logs/"
FOLD = re.compile(r'data-fold="(\d+)"')


def delete_app(people: People, request_id: str = "one", models: int = 3, *, failed: bool = False) -> None:
    """Record what the deletion of an app tells: one entry for it and one for each of its models."""
    context = Context(people.owner.as_actor(), Where("203.0.113.7", request_id=request_id))
    operations = [*[Operation.MODEL_DELETE] * models, Operation.APPLICATION_DELETE]
    now = timezone.now()
    events = [
        Event(
            operation,
            people.acme.pk,
            now,
            context,
            targets=[Target("app" if operation is Operation.APPLICATION_DELETE else "model", f"t-{number}", "T")],
            sentence=f"{operation.name} {request_id} {number}",
            code="conflict" if failed and not number else "",
        )
        for number, operation in enumerate(operations)
    ]
    with transaction.atomic():
        record_events(events)


def fail_to_sign_in(people: People, count: int, *, every: float = 1, ip: str = "203.0.113.9") -> None:
    now = timezone.now() - timedelta(minutes=5)
    events = [
        Event(
            Operation.USER_SIGN_IN_FAILED,
            people.acme.pk,
            now + timedelta(seconds=every * number),
            Context(ANONYMOUS, Where(ip, request_id=f"{ip}-{number}")),
            sentence=f"Fail {number}",
            code="wrong",
        )
        for number in range(count)
    ]
    with transaction.atomic():
        record_events(events)


def folds(response: Any) -> list[int]:
    """Return how many entries each folded line of a page stands for."""
    return [int(count) for count in FOLD.findall(response.content.decode())]


def rows_hidden(response: Any) -> int:
    return len(re.findall(r'data-entry="[^"]+" hidden', response.content.decode()))


def test_what_one_request_did_is_one_line(page: Client, people: People) -> None:
    delete_app(people)
    response = page.get(URL)
    assert folds(response) == [4]
    assert "4 entries of one request Applications deleted, Models deleted ×3" in text_of(response)


def test_all_entries_stay_on_the_page(page: Client, people: People) -> None:
    delete_app(people)
    response = page.get(URL)
    assert len(shown(response)) == 4 == rows_hidden(response)
    assert "4 of 4" in text_of(response)
    for entry in Entry.objects.for_account(people.acme.pk).with_operation(Operation.MODEL_DELETE):
        assert f'id="entry-{entry.id}"' in response.content.decode()


def test_two_requests_are_two_lines(page: Client, people: People) -> None:
    delete_app(people, "one", 2)
    delete_app(people, "two", 1)
    assert folds(page.get(URL)) == [2, 3]


def test_an_entry_by_itself_is_not_folded(page: Client, people: People) -> None:
    delete_app(people, "one", 0)
    write(people.acme, people.owner, [("Other", timezone.now())])
    response = page.get(URL)
    assert (folds(response), rows_hidden(response)) == ([], 0)


def test_entries_outside_of_requests_are_not_of_one(page: Client, people: People) -> None:
    delete_app(people, "")
    assert folds(page.get(URL)) == []


def test_what_repeats_in_a_minute_is_one_line(page: Client, people: People) -> None:
    fail_to_sign_in(people, 37)
    response = page.get(URL)
    assert folds(response) == [37]
    assert "37 × Sign-ins failed from 203.0.113.9 in 1 minute" in text_of(response)
    assert "37 failed" in text_of(response)


@pytest.mark.parametrize(("count", "every"), [(MORE_THAN, 1), (MORE_THAN + 9, 4)], ids=["too few", "too slow"])
def test_few_or_slow_repeats_stay(count: int, every: float, page: Client, people: People) -> None:
    fail_to_sign_in(people, count, every=every)
    assert folds(page.get(URL)) == []


def test_another_address_is_not_alike(page: Client, people: People) -> None:
    fail_to_sign_in(people, 15, ip="203.0.113.9")
    fail_to_sign_in(people, 15, every=0.5, ip="203.0.113.8")
    assert folds(page.get(URL)) == []


def test_a_failure_is_seen_from_outside(page: Client, people: People) -> None:
    delete_app(people, failed=True)
    assert "1 failed" in text_of(page.get(URL))


def test_folding_can_be_turned_off_and_stays_off(page: Client, people: People) -> None:
    delete_app(people)
    response = page.get(f"{URL}?fold=off")
    assert (folds(response), rows_hidden(response)) == ([], 0)
    assert len(shown(response)) == 4
    assert f'href="{URL}">Fold what belongs together' in response.content.decode()
    fail_to_sign_in(people, 60, every=0.1)
    older = page.get(f"{URL}?fold=off").context["page"]["older_url"]
    assert "fold=off" in older


@pytest.mark.parametrize("parameter", ["event", "panel"])
def test_who_opens_one_sees_them_all(parameter: str, page: Client, people: People) -> None:
    delete_app(people)
    opened = Entry.objects.for_account(people.acme.pk).with_operation(Operation.MODEL_DELETE)[1]
    response = page.get(f"{URL}?{parameter}={opened.id}")
    assert (folds(response), rows_hidden(response)) == ([], 0)


def test_a_folded_line_leads_to_all_lines_without_a_script(page: Client, people: People) -> None:
    delete_app(people)
    content = page.get(f"{URL}?range=7d").content.decode()
    [(url, first)] = re.findall(r'<a class="x" href="([^"#]+)#entry-([^"]+)"', content)
    assert url == f"{URL}?range=7d&amp;fold=off"
    assert f'id="entry-{first}"' in content


def test_what_lies_on_the_next_page_is_not_in_the_fold(page: Client, people: People) -> None:
    fail_to_sign_in(people, 58, every=0.1)
    response = page.get(URL)
    assert folds(response) == [50]
    assert "50 of 58" in text_of(response)
    assert folds(page.get(response.context["page"]["older_url"])) == []
