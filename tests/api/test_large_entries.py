"""Answers end before they get too large for the memory of a server, and what is beyond comes with the next."""

from dataclasses import replace
from typing import Any

import pytest
from pytest_django import Settings

from auditlog import fetching
from auditlog.fetching import LARGE
from auditlog.models import Entry
from auditlog.tailing import end_of
from tests.sealing import KEY, seal_or_let_others

from .logs import Log, event, ids, write

SIZES = (LARGE, 10, LARGE, LARGE, 10, 10, 4 * LARGE, LARGE)


@pytest.fixture
def written(log: Log, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Small entries between large ones, of which two bring a page to its end."""
    monkeypatch.setattr(fetching, "MOST_BYTES", 2 * LARGE)
    return [write(replace(event(log.acme, log.olga), sentence="=" * size))[0] for size in SIZES]


def test_by_cursor_a_page_ends_with_the_entry_that_fills_it(log: Log, written: list[str]) -> None:
    pages = list(log.searcher.walk({"operations": ["MODEL_CREATE"]}, sort_ascending=True, per_page=5))
    assert pages == [written[:5], written[5:7], written[7:]]


def test_a_page_with_a_number_is_whole_or_refused(
    log: Log, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    second: dict[str, Any] = {"query": {"operations": ["MODEL_CREATE"]}, "pagination": {"page": 2, "per_page": 5}}
    assert ids(log.searcher.search(**second)["entries"]) == written[2::-1]
    monkeypatch.setattr(fetching, "MOST_OF_A_PAGE", LARGE)
    status, reason, details = log.searcher.refused(second)
    assert (status, reason) == (413, "too_large")
    assert "The 5 entries of page 2 have more than" in details
    assert "pagination.per_page" in details


def test_a_large_entry_is_told_whole(log: Log, written: list[str]) -> None:
    found = log.searcher.search({"operations": ["MODEL_CREATE"]}, pagination={"per_page": 1})["entries"]
    assert [entry["details"] for entry in found] == [["=" * LARGE]]


def test_who_follows_gets_all_of_them_in_parts(log: Log, written: list[str], settings: Settings) -> None:
    settings.SEALING_KEYS = [KEY]
    seal_or_let_others()
    pages, position = [], ""
    while found := (answer := log.searcher.follow(after=position).json())["entries"]:
        pages.append([entry_id for entry_id in ids(found) if entry_id in written])
        position = answer["position"]
    assert [entry_id for page in pages for entry_id in page] == written
    assert len(pages) >= 3
    assert position == str(end_of(log.acme.pk))


def test_an_entry_that_is_gone_meanwhile_is_left_out(
    log: Log, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Retention removes entries while they are read."""
    monkeypatch.setattr(fetching, "large_body", lambda account_id, _: Entry.objects.none().values_list("body"))
    assert ids(log.searcher.search({"operations": ["MODEL_CREATE"]})["entries"]) == [
        written[place] for place in (5, 4, 1)
    ]
