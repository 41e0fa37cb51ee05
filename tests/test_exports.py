"""Exports: exactly what is filtered, whole or visibly not, and the log says so."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Account, Plan
from accounts.roles import Role
from auditlog.canonical import leaf_of
from auditlog.export_formats import BYTE_ORDER_MARK, COLUMNS, FORMULAS
from auditlog.models import Entry
from controlcenter.context import acting_as
from controlcenter.operations import Operation

from .factories import AppFactory, People, UserFactory
from .history import (
    entries_of,
    failures_of,
    log_that_refuses,
    member_with,
    multiply,
    shown,
    sign_in_long_ago,
    text_of,
    the_entry,
    write,
)

pytestmark = pytest.mark.django_db

URL = "/@acme/teams-and-logs/"
EXPORT = f"{URL}export/"


def write_some(people: People, count: int = 3) -> None:
    now = timezone.now()
    write(people.acme, people.owner, ((f"Entry {n}", now - timedelta(minutes=count - n)) for n in range(count)))


def take(client: Client, kind: str, query: str = "operation=MODEL_CREATE") -> bytes:
    response: Any = client.post(f"{EXPORT}?{query}", {"format": kind})
    assert response.status_code == 200, response.content
    return b"".join(response.streaming_content)


def rows_of(file: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.decode().removeprefix(BYTE_ORDER_MARK), newline="")))


def manifests(client: Client) -> list[Any]:
    found = client.get(EXPORT).context["exports"]
    return [client.get(f"{URL}exports/{export.id}/manifest.json").json() for export, _ in found]


# What is in it


def test_each_format_holds_what_is_filtered_in_the_order_of_the_page(page: Client, people: People) -> None:
    write_some(people)
    write(people.acme, people.member, [("Not mine", timezone.now())])
    for order, expected in (("desc", ["Entry 2", "Entry 1", "Entry 0"]), ("asc", ["Entry 0", "Entry 1", "Entry 2"])):
        query = f"actor=olga&operation=MODEL_CREATE&sort={order}"
        assert shown(page.get(f"{URL}?{query}", follow=True)) == expected
        assert [row["sentence"] for row in rows_of(take(page, "csv", query))] == expected
        lines = take(page, "ndjson", query).splitlines()
        assert [json.loads(line)["event"]["sentence"] for line in lines] == expected
        assert [row["event"]["sentence"] for row in json.loads(take(page, "json", query))] == expected


def test_a_row_of_csv_tells_everything(page: Client, people: People) -> None:
    app = AppFactory(account=people.acme, slug="vision", name="Vision")
    write(people.acme, people.owner, [("Create it", timezone.now())], app)
    [row] = rows_of(take(page, "csv"))
    entry = the_entry(people.acme, Operation.MODEL_CREATE)
    assert tuple(row) == COLUMNS
    assert row == {
        **dict.fromkeys(COLUMNS, ""),
        "time": entry.event["time"],
        "actor_type": "user",
        "actor_id": "olga",
        "actor_name": "Olga Owner",
        "actor_email": "olga@acme.example",
        "operation": "MODEL_CREATE",
        "operation_code": "300",
        "operation_label": "Models created",
        "sentence": "Create it",
        "app_id": "vision",
        "app_name": "Vision",
        "targets": "model:model-0",
        "target_names": "Model 0",
        "source_ip": "203.0.113.7",
        "peer_ip": "203.0.113.7",
        "user_agent": "curl/8",
        "request_id": entry.request_id,
        "success": "true",
        "entry_id": str(entry.id),
        "leaf": bytes(entry.leaf).hex(),
    }


def test_changes_stand_in_it_with_people_as_they_were_called(page: Client, people: People) -> None:
    with acting_as(people.owner.as_actor()):
        person = UserFactory(slug="kim", email="kim@acme.example", home=people.acme)
        person.email = "new@acme.example"
        person.save()
    [row] = rows_of(take(page, "csv", "operation=USER_UPDATE"))
    assert json.loads(row["changes"]) == {"email": ["kim@acme.example", "new@acme.example"]}
    [line] = take(page, "ndjson", "operation=USER_UPDATE").splitlines()
    told = json.loads(line)
    before, after = told["event"]["changes"]["email"]
    assert told["named"][before["subject"]]["email"] == "kim@acme.example"
    assert told["named"][after["subject"]]["email"] == "new@acme.example"


def test_a_leaf_is_proven_by_the_bytes_beside_it(page: Client, people: People) -> None:
    write_some(people)
    for line in take(page, "ndjson").splitlines():
        body = line[line.index(b'"event":') + len(b'"event":') : -1]
        assert leaf_of(body).hex() == json.loads(line)["leaf"]


@pytest.mark.parametrize("beginning", ["=", "+", "-", "@", "\t", "\r", "\n", "'", "＝"])
def test_nothing_in_csv_begins_like_a_formula(beginning: str, page: Client, people: People) -> None:
    sentence = f'{beginning}HYPERLINK("https://evil.example";"a, b")'
    write(people.acme, people.owner, [(sentence, timezone.now())])
    file = take(page, "csv")
    [row] = rows_of(file)
    assert row["sentence"] == f"'{sentence}"
    assert not any(value[:1] in FORMULAS - {"'"} for value in row.values() if value)
    [line] = take(page, "ndjson").splitlines()
    assert json.loads(line)["event"]["sentence"] == sentence


def test_quotes_lines_and_all_characters_survive_csv(page: Client, people: People) -> None:
    sentence = 'He said "no",\r\nthen\nleft; 名前 🙂'
    write(people.acme, people.owner, [(sentence, timezone.now())])
    assert [row["sentence"] for row in rows_of(take(page, "csv"))] == [sentence]


def test_nothing_found_is_a_file_without_entries(page: Client) -> None:
    assert rows_of(take(page, "csv", "ip=192.0.2.99")) == []
    assert take(page, "ndjson", "ip=192.0.2.99") == b""
    assert json.loads(take(page, "json", "ip=192.0.2.99")) == []


def test_it_holds_more_than_a_batch_each_once(page: Client, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditlog.exports.BATCH", 7)
    write_some(people, 20)
    for query in ("operation=MODEL_CREATE", "operation=MODEL_CREATE&operation=MODEL_DELETE&sort=asc"):
        found = [json.loads(line)["id"] for line in take(page, "ndjson", query).splitlines()]
        expected = [str(entry.id) for entry in entries_of(people.acme, Operation.MODEL_CREATE)]
        assert found == (expected if "asc" in query else expected[::-1])


def test_what_comes_meanwhile_is_not_in_it(page: Client, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditlog.exports.BATCH", 2)
    write_some(people, 4)
    response: Any = page.post(f"{EXPORT}?operation=MODEL_CREATE&sort=asc", {"format": "ndjson"})
    pieces = iter(response.streaming_content)
    first = next(pieces)
    write(people.acme, people.owner, [("Meanwhile", timezone.now())])
    file = first + b"".join(pieces)
    assert b"Meanwhile" not in file
    assert len(file.splitlines()) == 4


def test_the_export_is_not_in_itself(page: Client) -> None:
    assert [row["operation"] for row in rows_of(take(page, "csv", "operation=LOG_EXPORT"))] == []


# What the log says of it


def test_the_manifest_says_what_the_file_is(page: Client, people: People) -> None:
    write_some(people)
    for kind in ("csv", "ndjson", "json"):
        file = take(page, kind, "operation=MODEL_CREATE&range=7d")
        manifest = manifests(page)[0]
        assert manifest["state"] == "complete"
        assert (manifest["format"], manifest["entries"], manifest["bytes"]) == (kind, 3, len(file))
        assert manifest["sha256"] == hashlib.sha256(file).hexdigest()
        assert manifest["filter"] == "operation=MODEL_CREATE&range=7d"
        assert (manifest["account"], manifest["order"]) == ("acme", "newest first")
        assert manifest["exported_by"] == {
            "type": "user",
            "id": "olga",
            "name": "Olga Owner",
            "email": "olga@acme.example",
        }


def test_an_export_leaves_an_entry_before_and_one_after(page: Client, people: People) -> None:
    write_some(people)
    response: Any = page.post(f"{EXPORT}?operation=MODEL_CREATE", {"format": "csv"})
    [began] = entries_of(people.acme, Operation.LOG_EXPORT)
    assert began.event["sentence"] == "Export the log as 'CSV', filtered by 'operation=MODEL_CREATE'"
    assert manifests(page)[0]["state"] == "unfinished"
    file = b"".join(response.streaming_content)
    [_, ended] = entries_of(people.acme, Operation.LOG_EXPORT)
    assert ended.event["sentence"].startswith("Hand out the export of the log as 'CSV'")
    assert ended.event["changes"]["entries"] == [None, 3]
    assert ended.event["changes"]["sha256"] == [None, hashlib.sha256(file).hexdigest()]
    assert ended.event["where"]["request"] == began.event["where"]["request"]
    assert ended.event["actor"] == began.event["actor"]


@pytest.mark.django_db(transaction=True)  # To close an answer ends the request, and its connection.
def test_a_download_that_breaks_off_is_a_failure(page: Client, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditlog.exports.BATCH", 2)
    write_some(people, 6)
    response: Any = page.post(f"{EXPORT}?operation=MODEL_CREATE", {"format": "ndjson"})
    next(iter(response.streaming_content))
    response.close()
    assert failures_of(people.acme, Operation.LOG_EXPORT) == [
        ("broken_off", "The download was broken off before its end.")
    ]
    manifest = manifests(page)[0]
    assert (manifest["state"], manifest["entries"], manifest["sha256"]) == ("broken_off", 2, None)
    assert "Broken off" in text_of(page.get(EXPORT))


def test_an_error_on_the_way_is_a_failure(page: Client, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    write_some(people)
    response: Any = page.post(f"{EXPORT}?operation=MODEL_CREATE", {"format": "csv"})
    monkeypatch.setattr("auditlog.exports.fetched", lambda rows: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        b"".join(response.streaming_content)
    assert [code for code, _ in failures_of(people.acme, Operation.LOG_EXPORT)] == ["internal_error"]


def test_nothing_leaves_when_the_log_refuses_the_entry(page: Client, people: People) -> None:
    write_some(people)
    with log_that_refuses():
        response = page.post(f"{EXPORT}?operation=MODEL_CREATE", {"format": "csv"})
    assert response.status_code == 503
    assert not response.streaming


def test_manifests_of_another_account_do_not_exist(page: Client, people: People) -> None:
    write_some(people)
    take(page, "csv")
    [(export, _)] = page.get(EXPORT).context["exports"]
    assert people.stranger.home
    other = Client()
    sign_in_long_ago(other, people.stranger)
    address = f"/@{people.stranger.home.slug}/teams-and-logs/exports/{export.id}/manifest.json"
    assert other.get(address).status_code == 404
    assert other.get(f"{URL}exports/{export.id}/manifest.json").status_code == 404


# Who may


@pytest.mark.parametrize("role", Role)
def test_administrators_and_auditors_may_export(role: Role, people: People, client: Client) -> None:
    write_some(people)
    sign_in_long_ago(client, member_with(role, people.acme))
    may = role in {Role.ADMINISTRATOR, Role.AUDITOR}
    response = client.post(f"{EXPORT}?operation=MODEL_CREATE", {"format": "csv"})
    assert response.status_code == (200 if may else 403)
    if may:
        assert len(rows_of(b"".join(response.streaming_content))) == 3  # type: ignore[attr-defined]
    else:
        assert [code for code, _ in failures_of(people.acme, Operation.LOG_EXPORT)] == ["role_denied"]
        assert client.get(EXPORT).status_code == 403


def test_who_may_not_is_told_who_may(people: People, client: Client) -> None:
    sign_in_long_ago(client, people.member)
    text = text_of(client.get(URL))
    assert "Only the roles Administrator and Auditor may export or verify the log." in text
    assert 'name="format"' not in client.get(URL).content.decode()


def test_a_link_does_not_export(page: Client, people: People) -> None:
    assert page.get(f"{EXPORT}?format=csv&operation=MODEL_CREATE").status_code in {200, 422}
    assert entries_of(people.acme, Operation.LOG_EXPORT) == []
    forged = Client(enforce_csrf_checks=True)
    sign_in_long_ago(forged, people.owner)
    assert forged.post(EXPORT, {"format": "csv"}).status_code == 403
    assert [code for code, _ in failures_of(people.acme, Operation.LOG_EXPORT)] == ["form_out_of_date"]


@pytest.mark.parametrize(("query", "kind"), [("status=never", "csv"), ("status=failure", "pdf"), ("nothing=1", "csv")])
def test_a_wrong_filter_or_format_exports_nothing(query: str, kind: str, page: Client, people: People) -> None:
    write_some(people)
    response = page.post(f"{EXPORT}?{query}", {"format": kind})
    assert (response.status_code, response.streaming) == (422, False)
    assert [code for code, _ in failures_of(people.acme, Operation.LOG_EXPORT)] == ["invalid"]


def test_a_plan_without_the_log_has_no_export(page: Client, people: People) -> None:
    Account.objects.filter(pk=people.acme.pk).update(plan=Plan.objects.get(slug="community"))
    response = page.post(EXPORT, {"format": "csv"})
    assert (response.status_code, response.streaming) == (302, False)


def test_a_stranger_is_turned_away(people: People, client: Client) -> None:
    sign_in_long_ago(client, people.stranger)
    assert client.post(EXPORT, {"format": "csv"}).status_code == 404
    assert [code for code, _ in failures_of(people.acme, Operation.LOG_EXPORT)] == ["not_a_member"]


# How it is sent


def test_it_is_not_compressed_and_not_held_back(page: Client, people: People) -> None:
    write_some(people)
    response: Any = page.post(
        f"{EXPORT}?operation=MODEL_CREATE", {"format": "csv"}, headers={"Accept-Encoding": "gzip"}
    )
    assert response["Content-Encoding"] == "identity"
    assert response["Cache-Control"] == "no-store"
    assert response["Content-Disposition"].startswith('attachment; filename="acme-log-')
    assert b"".join(response.streaming_content).startswith(BYTE_ORDER_MARK.encode())


def test_it_takes_the_same_memory_however_long_it_is(
    page: Client, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each piece is at most a batch, and is asked for when the one before has left."""
    monkeypatch.setattr("auditlog.exports.BATCH", 50)
    write_some(people, 1)
    multiply(the_entry(people.acme, Operation.MODEL_CREATE), 500)
    response: Any = page.post(f"{EXPORT}?operation=MODEL_CREATE&range=6m", {"format": "ndjson"})
    sizes = [len(piece.splitlines()) for piece in _pieces(response)]
    assert sum(sizes) == 501 == Entry.objects.with_operation(Operation.MODEL_CREATE).count()
    assert max(sizes) == 50


def _pieces(response: Any) -> Iterator[bytes]:
    yield from response.streaming_content
