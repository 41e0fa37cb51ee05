"""The language of the query bar: reading and writing, and what it says of a slip."""

from random import Random

import pytest

from auditlog.fields import FIELDS
from auditlog.language import Query, Term, Unfinished, read, unfinished, written


def pairs_of(query: Query) -> list[tuple[str, str]]:
    return [(term.parameter, term.value) for term in query.terms]


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", []),
        ("  ", []),
        ("actor:ana", [("actor", "ana")]),
        ("Actor:ana", [("actor", "ana")]),
        ("actor:ana,max", [("actor", "ana"), ("actor", "max")]),
        ("-operation:MODEL_DELETE", [("-operation", "MODEL_DELETE")]),
        ("ip:10.0.0.0/8", [("ip", "10.0.0.0/8")]),
        ("ip:2001:db8::1", [("ip", "2001:db8::1")]),
        ("target:model:detector/app:vision", [("target", "model:detector/app:vision")]),
        ('token:"night build"', [("token", "night build")]),
        ('token:"a, b",c', [("token", "a, b"), ("token", "c")]),
        ("quota", [("text", "quota")]),
        ('"quota exceeded" -retry', [("text", "quota exceeded"), ("-text", "retry")]),
        (r'"say \"no\""', [("text", 'say "no"')]),
        ("12:30", [("text", "12:30")]),
        ('"actor:ana"', [("text", "actor:ana")]),
        ("a - b", [("text", "a"), ("text", "-"), ("text", "b")]),
        ("range:7d quota", [("range", "7d"), ("text", "quota")]),
    ],
)
def test_it_reads_what_is_asked_for(text: str, pairs: list[tuple[str, str]]) -> None:
    query = read(text)
    assert (pairs_of(query), query.problems) == (pairs, [])


def test_it_knows_where_each_value_stands() -> None:
    assert read("actor:ana status:failure,success")[0] == [
        Term("actor", "ana", False, 7),
        Term("status", "failure", False, 18),
        Term("status", "success", False, 26),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("actr:ana", "Column 1: there is no field “actr”. Did you mean actor?"),
        ("quota -opration:x", "Column 8: there is no field “opration”. Did you mean operation?"),
        ("zzz:1", "Column 1: there is no field “zzz”. There are app, actor,"),
        ("https://example.org", "To look for it as text, put it in quotes."),
        ('status:failure "quota', "Column 16: the quote that opens here is not closed."),
        ("status: failure", "Column 1: status: has no value. success or failure."),
        ("-range:7d", "there is no field “range”"),
        ('actor:""', "Column 1: actor: has no value."),
        ('-operation:" "', "Column 1: operation: has no value."),
        ('status:failure ""', "Column 16: there is nothing between the quotes."),
    ],
)
def test_it_names_a_slip_with_its_column(text: str, problem: str) -> None:
    assert problem in " ".join(read(text).problems)


def test_a_value_of_an_unknown_field_is_no_text_to_look_for() -> None:
    assert read("actr:ana").terms == []


def test_whatever_is_written_reads_as_it_was() -> None:
    choose = Random(5)  # noqa: S311
    letters = "aä:,\"\\- '%_{}/.\t☃"
    for _ in range(3000):
        pairs = []
        for _ in range(choose.randrange(5)):
            name = choose.choice([*FIELDS])
            value = "".join(choose.choice(letters) for _ in range(choose.randrange(1, 8))).strip()
            if value and (parameter := choose.choice([name, f"-{name}"])):
                pairs.append((parameter, value))
        query = read(written(pairs))
        assert query.problems == [], written(pairs)
        assert sorted(pairs_of(query)) == sorted(pairs), written(pairs)


@pytest.mark.parametrize(
    ("text", "here"),
    [
        ("", Unfinished("", "", "", "")),
        ("act|", Unfinished("", "act", "", "")),
        ("status:failure act|", Unfinished("", "act", "status:failure ", "")),
        ("actor:a|", Unfinished("actor", "a", "actor:", "")),
        ("actor:ana,m| quota", Unfinished("actor", "m", "actor:ana,", " quota")),
        ("-actor:m|", Unfinished("actor", "m", "-actor:", "")),
        ('token:"night b|', Unfinished("token", "night b", "token:", "")),
        ("ip:2001:db8|", Unfinished("ip", "2001:db8", "ip:", "")),
    ],
)
def test_it_knows_what_is_being_written(text: str, here: Unfinished) -> None:
    before, _, after = text.partition("|")
    assert unfinished(before + after, len(before)) == here
