"""The search through the public client, unchanged."""

from datetime import UTC, datetime
from typing import Any

import pytest
from clarifai_grpc.grpc.api import resources_pb2 as r
from clarifai_grpc.grpc.api import service_pb2 as s
from clarifai_grpc.grpc.api.status.status_code_pb2 import SUCCESS
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import BoolValue

from auditlog.models import Entry
from controlcenter.operations import Operation as Op
from tests.factories import People

from .calling import Stub
from .logs import APP, MODEL, ago, event, write


def at(time: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp


def asked(people: str = "acme", **query: Any) -> s.PostAuditLogSearchesRequest:
    return s.PostAuditLogSearchesRequest(
        user_app_id=r.UserAppIDSet(user_id=people),
        query=r.AuditLogQuery(**query),
        pagination=s.Pagination(per_page=100),
    )


def test_the_client_reads_an_entry(stub: Stub, people: People) -> None:
    [entry_id] = write(event(people.acme, people.member, ago(hours=1), Op.MODEL_DELETE, MODEL, APP, code="in_use"))

    answer = stub.PostAuditLogSearches(asked(operations=[r.EventType.MODEL_DELETE]))

    assert answer.status.code == SUCCESS, answer
    [entry] = answer.entries
    assert entry.timestamp.ToDatetime(tzinfo=UTC) == Entry.objects.get(id=entry_id).time == ago(hours=1)
    assert (entry.user.id, entry.user.first_name, entry.user.last_name) == ("max", "Max", "Member")
    assert (entry.operation, entry.description) == (r.EventType.MODEL_DELETE, "Models deleted")
    assert [
        (target.WhichOneof("target"), getattr(target, target.WhichOneof("target")).id) for target in entry.targets
    ] == [
        MODEL,
        APP,
    ]
    assert list(entry.details) == ["Models deleted: detector vision", "It ended with in_use."]
    assert (entry.success, entry.req_id, entry.source_ip) == (False, "made", "203.0.113.7")


def test_the_client_gets_extensions_under_their_base_code(stub: Stub, people: People) -> None:
    write(event(people.acme, people.owner, ago(hours=1), Op.MODEL_VERSION_PUBLISH, ("module", "m"), APP))

    [entry] = stub.PostAuditLogSearches(asked(operations=[r.EventType.MODEL_VERSION_UPDATE])).entries

    assert (entry.operation, entry.description) == (r.EventType.MODEL_VERSION_UPDATE, "Model versions published")
    assert [target.WhichOneof("target") for target in entry.targets] == [None, "app"]  # It knows no modules.


def test_the_client_searches_by_everything_at_once(stub: Stub, people: People) -> None:
    write(
        event(people.acme, people.member, ago(hours=2), Op.MODEL_CREATE, MODEL),
        event(people.acme, people.member, ago(hours=1), Op.MODEL_CREATE, MODEL, code="in_use"),
        event(people.acme, people.owner, ago(hours=1), Op.MODEL_CREATE, MODEL, code="in_use"),
    )

    answer = stub.PostAuditLogSearches(
        asked(
            timestamp_from=at(ago(hours=1)),
            timestamp_to=at(ago(hours=1)),
            user_ids=["max", "nobody"],
            operations=[r.EventType.MODEL_CREATE, r.EventType.MODEL_DELETE],
            targets=[r.AuditLogTarget(model=r.Model(id="detector")), r.AuditLogTarget(app=r.App(id="vision"))],
            success=BoolValue(value=False),
            source_ips=["203.0.113.7", "192.0.2.1"],
        )
    )

    assert answer.status.code == SUCCESS, answer
    [entry] = answer.entries
    assert entry.user.id == "max"


@pytest.mark.parametrize("kind", [field.name for field in r.AuditLogTarget.DESCRIPTOR.fields])
def test_the_client_searches_by_any_of_its_targets(kind: str, stub: Stub, people: People) -> None:
    write(event(people.acme, people.owner, ago(hours=1), Op.MODEL_CREATE, (kind, "wanted")))
    message = r.AuditLogTarget.DESCRIPTOR.fields_by_name[kind].message_type._concrete_class(id="wanted")

    answer = stub.PostAuditLogSearches(asked(targets=[r.AuditLogTarget(**{kind: message})]))

    assert answer.status.code == SUCCESS, answer
    assert [target.WhichOneof("target") for entry in answer.entries for target in entry.targets] == [kind]


def test_the_client_turns_pages_both_ways(stub: Stub, people: People) -> None:
    write(*(event(people.acme, people.owner, ago(minutes=minute), Op.MODEL_CREATE, MODEL) for minute in range(5)))

    def page(number: int, *, ascending: bool) -> list[datetime]:
        request = asked(operations=[r.EventType.MODEL_CREATE])
        request.sort_ascending = ascending
        request.pagination.CopyFrom(s.Pagination(page=number, per_page=2))
        return [entry.timestamp.ToDatetime(tzinfo=UTC) for entry in stub.PostAuditLogSearches(request).entries]

    newest_first = [ago(minutes=minute) for minute in range(5)]
    assert [time for number in (1, 2, 3, 4) for time in page(number, ascending=False)] == newest_first
    assert [time for number in (1, 2, 3, 4) for time in page(number, ascending=True)] == newest_first[::-1]


def test_the_client_is_refused_what_is_no_operation(stub: Stub, people: People) -> None:
    answer = stub.PostAuditLogSearches(asked(operations=[999]))
    assert answer.status.code != SUCCESS
    assert "query.operations[0] is 999" in answer.status.details
    assert not answer.entries


def test_all_operations_of_the_client_are_ours() -> None:
    theirs = {name: number for name, number in r.EventType.items() if number}
    assert {name: int(operation) for name, operation in Op.__members__.items() if name in theirs} == theirs
