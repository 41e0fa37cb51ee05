"""What a patch does to lists and maps, whatever they belong to."""

from typing import Any

import pytest

from controlcenter.wire import Action, patched


@pytest.mark.parametrize(
    ("current", "given", "action", "after"),
    [
        (["a", "b"], ["b", "c"], "merge", ["a", "b", "c"]),
        (["a", "b"], ["b", "c"], "overwrite", ["b", "c"]),
        (["a", "b"], ["b", "c"], "remove", ["a"]),
        ({"a": 1, "b": 2}, {"b": 3}, "merge", {"a": 1, "b": 3}),
        ({"a": 1, "b": 2}, {"b": 3}, "overwrite", {"b": 3}),
        ({"a": 1, "b": 2}, {"b": 3}, "remove", {"a": 1}),
        ("old", "new", "merge", "new"),
        ("old", "new", "overwrite", "new"),
        ("old", "new", "remove", "new"),
    ],
)
def test_a_patch(current: Any, given: Any, action: Action, after: Any) -> None:
    assert patched(current, given, action) == after
