"""What is written from the parts of a body is what the body says, whatever people typed."""

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.json import encode

from auditlog.canonical import leaf_of
from auditlog.events import Event, Target
from auditlog.export_formats import BYTE_ORDER_MARK, COLUMNS, FORMULAS, Format, Line, Person
from auditlog.messages import EntryMessage, messages_of
from auditlog.recorder import COLUMNS as STORED
from auditlog.recorder import row_of
from controlcenter.context import Actor, ActorType, Context, Where
from controlcenter.operations import Operation

ID = UUID("019a4b1e-5c00-7b7b-8000-3f1c9a52d0e4")
signs = "".join(sorted(FORMULAS))
typed = st.text(max_size=20) | st.text(f'{signs}",;\\[]{{}}:\x00\x1f\x7f é🙂', max_size=12)
named = st.sampled_from(("name", "nodes", '"quoted"', "=1", "x,"))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | typed,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(named, inner, max_size=2),
    max_leaves=6,
)
targets = st.builds(Target, st.sampled_from(("model", "app", "token")), named, typed)
events = st.builds(
    Event,
    st.sampled_from(Operation),
    st.just(1),
    st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.builds(
        Context,
        st.builds(Actor, st.sampled_from(ActorType), st.none(), typed, token_id=typed, token_name=typed),
        st.builds(Where, st.sampled_from((None, "203.0.113.7")), st.none(), typed, typed, typed, typed, typed),
        st.none(),
        typed,
    ),
    st.none() | st.tuples(st.just(1), targets),
    st.lists(targets, max_size=2),
    st.dictionaries(named, st.tuples(values, values), max_size=2),
    typed,
    st.none(),
    typed,
    typed,
)


def stored(event: Event) -> bytes:
    body: bytes = dict(zip(STORED, row_of(event, 0), strict=True))["body"]
    return body


def in_a_cell(text: str) -> str:
    return f"'{text}" if text and text[0] in FORMULAS else text


@settings(deadline=None)
@given(st.lists(events, max_size=4), typed)
def test_a_row_holds_what_was_typed(told: list[Event], name: str) -> None:
    bodies = [stored(event) for event in told]
    person = Person(name, f"{name}@", b"null", '"' in name)
    lines = [Line(str(ID), body, leaf_of(body).hex(), person, None) for body in bodies]
    file = b"".join(Format.CSV.pieces([lines[:2], lines[2:]])).decode().removeprefix(BYTE_ORDER_MARK)
    heading, *rows = csv.reader(io.StringIO(file, newline=""), strict=True)
    assert tuple(heading) == COLUMNS
    assert len(rows) == len(bodies)
    for row, body in zip(rows, bodies, strict=True):
        event, cells = json.loads(body), dict(zip(COLUMNS, row, strict=True))
        expected: dict[str, str] = {
            "time": event["time"],
            "actor_name": name,
            "actor_email": f"{name}@",
            "token_name": event["actor"].get("token_name", ""),
            "sentence": event["sentence"],
            "targets": "; ".join(f"{target['type']}:{target['id']}" for target in event["targets"]),
            "target_names": "; ".join(target.get("name", "") for target in event["targets"]),
            "user_agent": event["where"].get("agent", ""),
            "path": event["where"].get("path", ""),
            "failure_sentence": (event["failure"] or {"sentence": ""})["sentence"],
            "reason": event["reason"],
            "leaf": leaf_of(body).hex(),
        }
        assert {column: cells[column] for column in expected} == {
            column: in_a_cell(text) for column, text in expected.items()
        }
        assert json.loads(cells["changes"] or "{}") == event["changes"]


@settings(deadline=None)
@given(events)
def test_an_answer_holds_what_was_typed(told: Event) -> None:
    body = stored(told)
    [message] = json.loads(encode(messages_of([(ID, body, "", "", None)])))
    event: dict[str, Any] = json.loads(body)
    assert EntryMessage.model_validate(message)
    assert message["details"][0] == event["sentence"]
    assert message["reason"] == event["reason"]
    assert [target["name"] for target in message["targets_ext"]] == [
        target.get("name", "") for target in event["targets"]
    ]
    assert {change["field"]: [change["before"], change["after"]] for change in message["changes"]} == event["changes"]


def test_a_batch_that_holds_nothing_any_more_leaves_nothing_behind() -> None:
    line = Line(str(ID), b"{}", "00", Person("", "", b"null"), None)
    file = b"".join(Format.JSON.pieces([[], [line], [], [], [line], []]))
    assert len(json.loads(file)) == 2
