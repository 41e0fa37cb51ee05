"""Exports leave others their share: of threads, as few are handed out at once, and of memory, whatever they hold.

They take no more than theirs, either: each batch waits for a connection of its own, and comes when there is one.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from psycopg_pool import PoolTimeout

from auditlog.canonical import leaf_of
from auditlog.exports import COME_BACK, MOST_AT_ONCE, Export, TooMany
from auditlog.fetching import LARGE, fetched
from controlcenter.operations import Operation

from .factories import People
from .history import entries_of, failures_of, text_of, write

pytestmark = pytest.mark.django_db

EXPORT = "/@acme/teams-and-logs/export/?operation=MODEL_CREATE"


def ask(page: Client) -> Any:
    return page.post(EXPORT, {"format": "ndjson"})


def write_each(people: People, *sentences: str) -> None:
    now = timezone.now()
    times = (now - timedelta(minutes=number) for number in range(len(sentences)))
    write(people.acme, people.owner, zip(sentences, times, strict=True))


def test_who_asks_for_one_too_many_is_told_when_to_come_back(page: Client, people: People) -> None:
    write_each(people, "One")
    under_way = [ask(page) for _ in range(MOST_AT_ONCE)]
    refused = ask(page)
    assert (refused.status_code, refused.streaming, refused["Retry-After"]) == (503, False, str(COME_BACK))
    assert TooMany.sentence in text_of(refused)
    assert failures_of(people.acme, Operation.LOG_EXPORT) == [(TooMany.code, TooMany.sentence)]

    assert [len(list(response.streaming_content)) for response in under_way] == [1] * MOST_AT_ONCE
    assert b"".join(ask(page).streaming_content).count(b"\n") == 1


@pytest.mark.django_db(transaction=True)  # To close an answer ends the request, and its connection.
def test_a_file_that_nobody_takes_keeps_nobody_else_waiting(page: Client, people: People) -> None:
    write_each(people, "One")
    for _ in range(MOST_AT_ONCE + 1):
        response = ask(page)
        assert response.status_code == 200
        response.close()
    assert [code for code, _ in failures_of(people.acme, Operation.LOG_EXPORT)] == ["broken_off"] * (MOST_AT_ONCE + 1)


def test_large_entries_are_read_one_by_one(page: Client, people: People) -> None:
    """Both look and leaf are those of any other entry, and they stand where they belong."""
    sentences = ["A", "B" * LARGE, "C", "D", "E" * LARGE, "F" * LARGE]
    write_each(people, *sentences)
    pieces = list(ask(page).streaming_content)
    assert [piece.count(b"\n") for piece in pieces] == [1, 1, 2, 1, 1]
    lines = b"".join(pieces).splitlines()
    assert [json.loads(line)["event"]["sentence"] for line in lines] == sentences
    for line in lines:
        body = line[line.index(b'"event":') + len(b'"event":') : -1]
        assert leaf_of(body).hex() == json.loads(line)["leaf"]


@pytest.mark.parametrize("kind", ["csv", "ndjson", "json"])
def test_a_large_entry_that_is_gone_meanwhile_leaves_no_gap(
    kind: str, page: Client, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Retention removes entries while they leave; those that stay are a file that can be read."""
    write_each(people, "A", "B" * LARGE, "C")
    read = Export._read
    monkeypatch.setattr(Export, "_read", lambda self, ask: [row for row in read(self, ask) if len(row) > 1])
    file = b"".join(page.post(EXPORT, {"format": kind}).streaming_content).decode()  # type: ignore[attr-defined]
    if kind == "json":
        assert [entry["event"]["sentence"] for entry in json.loads(file)] == ["A", "C"]
    else:
        assert len(file.splitlines()) == (3 if kind == "csv" else 2)


# While the database does not answer


def read_in_twos(people: People, monkeypatch: pytest.MonkeyPatch, *pauses: float) -> None:
    """Have something to export that takes three batches."""
    monkeypatch.setattr("auditlog.exports.BATCH", 2)
    monkeypatch.setattr("auditlog.exports.PAUSES", pauses)
    write_each(people, "One", "Two", "Three", "Four", "Five")


@pytest.mark.django_db(transaction=True)  # A session ends, and with it what is not committed.
def test_an_export_outlives_a_restart_of_the_database(
    page: Client, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_in_twos(people, monkeypatch, 0.01, 0.01)
    pieces: Iterator[bytes] = iter(ask(page).streaming_content)
    file = next(pieces)
    given = connection.settings_dict
    with psycopg.connect(
        host=given["HOST"], port=given["PORT"], user=given["USER"], dbname=given["NAME"], autocommit=True
    ) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
    file += b"".join(pieces)
    assert file.count(b"\n") == 5
    assert failures_of(people.acme, Operation.LOG_EXPORT) == []


@pytest.mark.parametrize(("misses", "codes"), [(2, []), (3, ["internal_error"])])
def test_a_batch_waits_a_while_for_a_connection(
    misses: int, codes: list[str], page: Client, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_in_twos(people, monkeypatch, 0, 0)
    pieces: Iterator[bytes] = iter(ask(page).streaming_content)
    file, left = next(pieces), [PoolTimeout("All connections are taken.")] * misses

    def busy(rows: Any) -> list[Any]:
        if left:
            raise OperationalError from left.pop()
        return fetched(rows)

    monkeypatch.setattr("auditlog.exports.fetched", busy)
    if codes:
        with pytest.raises(OperationalError):
            b"".join(pieces)
    else:
        file += b"".join(pieces)
        assert file.count(b"\n") == 5
    assert [code for code, _ in failures_of(people.acme, Operation.LOG_EXPORT)] == codes


@pytest.mark.django_db(transaction=True)  # Its connection is closed.
def test_the_end_of_an_export_waits_for_a_connection_too(
    page: Client, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_in_twos(people, monkeypatch, 0, 0)
    pieces: Iterator[bytes] = iter(ask(page).streaming_content)
    assert len([next(pieces) for _ in range(3)]) == 3
    connect, left = connection.connect, [PoolTimeout("All connections are taken.")] * 2

    def busy() -> None:
        if left:
            raise OperationalError from left.pop()
        connect()

    connection.close()
    monkeypatch.setattr(connection, "connect", busy)
    assert list(pieces) == []
    began, ended = entries_of(people.acme, Operation.LOG_EXPORT)
    assert ended.event["changes"]["entries"] == [None, 5]
    assert ended.request_id == began.request_id
