"""The catalogue: published numbers stay, extensions are reported under a published one."""

import pytest

from controlcenter.operations import Family, Operation

# The reference product's published numbers, and those of our extensions with the number they are reported as.
PUBLISHED = {*range(100, 114), *range(200, 206), *range(300, 306), *range(400, 406), *range(600, 603)}
PUBLISHED |= {*range(700, 703), 800, *range(900, 903), *range(1000, 1003), *range(1100, 1103)}
EXTENSIONS = {
    150: 100, 151: 101, 152: 102, 153: 101, 154: 100, 155: 101, 156: 102, 157: 104, 114: 108,
    350: 303, 351: 304, 352: 304, 451: 404, 452: 404, 650: 600, 651: 601,
    850: 800, 851: 800, 852: 800, 853: 800, 854: 800, 855: 800, 856: 800, 857: 800, 858: 800,
    859: 800, 860: 800, 861: 800,
    1200: 1200, 1201: 1201, 1202: 1202, 1203: 1203, 1204: 1204, 1205: 1205, 1206: 1206, 1207: 1207, 1208: 1208,
}  # fmt: skip


def test_the_published_numbers_stay() -> None:
    assert {int(operation) for operation in Operation} == PUBLISHED | EXTENSIONS.keys()


@pytest.mark.parametrize("operation", Operation, ids=lambda operation: operation.name)
def test_an_operation_is_reported_under_its_published_number(operation: Operation) -> None:
    assert operation.reported_as == EXTENSIONS.get(operation, int(operation))


@pytest.mark.parametrize(
    ("code", "label"),
    [
        (300, "Models created"),
        (110, "Organization team members added"),
        (404, "Workflow versions updated"),
        (600, "Applications created"),
    ],
)
def test_labels_follow_the_reference(code: int, label: str) -> None:
    assert Operation(code).label == label


def test_every_label_says_something_else() -> None:
    assert len({operation.label for operation in Operation}) == len(Operation)


def test_every_family_has_operations() -> None:
    assert {operation.family for operation in Operation} == set(Family)


def test_a_code_fits_its_column() -> None:
    assert max(Operation) < 2**15
