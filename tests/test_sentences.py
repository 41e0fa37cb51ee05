"""Every operation has one human sentence; what is not known is left out."""

import re

import pytest

from auditlog.sentences import SENTENCES, sentence_for
from controlcenter.operations import Operation as Op

every_operation = pytest.mark.parametrize("operation", Op, ids=lambda operation: operation.name)
LOOSE_END = re.compile(r"[\[\]{}]|\s{2}|\s$|(?<!^Sign)\s(of|for|to|from|on|in|as|by|the)$")


@every_operation
@pytest.mark.parametrize("names", [(), ("a72a",), ("a72a", "flow"), ("", "flow"), ("a72a", "")], ids=str)
def test_a_sentence_has_no_loose_ends(operation: Op, names: tuple[str, ...]) -> None:
    sentence = sentence_for(operation, *names)
    assert sentence[0].isupper()
    assert not LOOSE_END.search(sentence), sentence


@every_operation
def test_a_sentence_holds_all_names_that_it_has_a_place_for(operation: Op) -> None:
    names = ("a72a", "flow")
    sentence = sentence_for(operation, *names)
    assert [name for index, name in enumerate(names) if f"{{{index}}}" in SENTENCES[operation]] == [
        name for name in names if f"'{name}'" in sentence
    ]


@pytest.mark.parametrize(
    ("operation", "names", "sentence"),
    [
        (
            Op.WORKFLOW_VERSION_CREATE,
            ("a72a", "workflow-838250"),
            "Create workflow version 'a72a' for workflow 'workflow-838250'",
        ),
        (Op.WORKFLOW_VERSION_CREATE, ("a72a",), "Create workflow version 'a72a'"),
        (Op.WORKFLOW_VERSION_CREATE, (), "Create workflow version"),
        (Op.ORGANIZATION_TEAM_MEMBER_ADD, ("ben", "labelers"), "Add user 'ben' to team 'labelers'"),
        (Op.ORGANIZATION_MEMBER_ADD, ("ben",), "Add user 'ben' to the organization"),
        (Op.APPLICATION_DUPLICATE, ("copy", "original"), "Duplicate application 'original' as 'copy'"),
        (Op.ORGANIZATION_MEMBER_INVITATION_EXPIRE, (), "Let the invitation expire"),
        (Op.USER_SIGN_IN_FAILED, (), "Sign in"),
    ],
)
def test_it_reads_as_people_speak(operation: Op, names: tuple[str, ...], sentence: str) -> None:
    assert sentence_for(operation, *names) == sentence


@pytest.mark.parametrize("name", ["{1}", "[x]", r"\1", "it's"])
def test_a_name_is_never_taken_for_a_place(name: str) -> None:
    assert sentence_for(Op.MODEL_VERSION_CREATE, name, "flow") == f"Create model version '{name}' for model 'flow'"


def test_a_name_does_not_rewrite_its_sentence() -> None:
    assert sentence_for(Op.APPLICATION_CREATE, "a\u202ebc\n") == "Create application 'a�bc�'"
