"""Answers end before they get too large for the memory of a server, and what is beyond comes with the next."""

from dataclasses import replace

import pytest
from pytest_django import Settings

from auditlog import fetching
from auditlog.fetching import LARGE
from auditlog.models import Entry
from auditlog.tailing import end_of
from tests.sealing import KEY, seal_or_let_others

from .logs import Log, event, ids, write

SIZES = (LARGE, 10, LARGE, LARGE, 10, 10, 4 * LARGE, LARGE)
PAGES = [[0, 1, 2], [3, 4, 5, 6], [7]]


@pytest.fixture
def written(log: Log, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Small entries between large ones, of which two bring a page to its end."""
    monkeypatch.setattr(fetching, "MOST_BYTES", 2 * LARGE)
    return [write(replace(event(log.acme, log.olga), sentence="=" * size))[0] for size in SIZES]


def test_a_page_of_a_search_ends_with_the_entry_that_fills_it(log: Log, written: list[str]) -> None:
    query = {"operations": ["MODEL_CREATE"]}
    pages = list(log.searcher.walk(query, sort_ascending=True))
    assert pages == [[written[place] for place in page] for page in PAGES]
    assert [entry_id for page in log.searcher.walk(query) for entry_id in page] == written[::-1]


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
    assert len(pages) >= len(PAGES)
    assert position == str(end_of(log.acme.pk))


def test_an_entry_that_is_gone_meanwhile_is_left_out(
    log: Log, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Retention removes entries while they are read."""
    monkeypatch.setattr(fetching, "large_body", lambda account_id, _: Entry.objects.none().values_list("body"))
    assert ids(log.searcher.search({"operations": ["MODEL_CREATE"]})["entries"]) == [
        written[place] for place in (5, 4, 1)
    ]
