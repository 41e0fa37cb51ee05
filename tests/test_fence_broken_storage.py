"""The log's storage broken in six ways, under a real server. `python -m tests.broken_storage` is the long run."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from . import reaping, sealing_cost
from .broken_storage import ATTEMPTS, EXPECTED, WAYS, wrong


def test_what_can_t_be_recorded_does_not_happen_however_the_storage_is_broken() -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "tests.broken_storage", "--attempts", str(len(ATTEMPTS))],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert outcome.stdout, outcome.stderr
    figures = json.loads(outcome.stdout[outcome.stdout.index("{\n") :])  # The pool tells of the database before.
    assert figures.keys() == WAYS.keys()
    assert {way: found for way, found in figures.items() if wrong(found)} == {}
    counted = "failures that could not be recorded, counted"
    assert all(found[counted] > 0 for way, found in figures.items() if way != "connection refused")


GOOD: dict[str, Any] = {
    "attempts": 9,
    "refused": 9,
    "refused otherwise": [],
    "rows changed": 0,
    "entries written": 0,
    "pages readable": 7,
    "pages": 7,
    "all kinds of changes recovered after": 0.5,
}
BAD: list[dict[str, Any]] = [
    {"refused": 8},
    {"refused otherwise": ["HTTP 404"]},
    {"rows changed": 1},
    {"entries written": 1},
    {"pages readable": 6},
    {"all kinds of changes recovered after": 11},
]


def test_each_way_says_why_a_change_is_refused() -> None:
    assert EXPECTED.keys() == WAYS.keys()
    assert not wrong(GOOD)


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_the_drill_fails_when_anything_is_otherwise(bad: dict[str, Any]) -> None:
    assert wrong({**GOOD, **bad})


@pytest.mark.parametrize(("ratio", "share", "fails"), [(1.04, 0.04, False), (1.06, 0.04, True), (1.04, 0.06, True)])
def test_the_drill_of_sealing_fails_when_it_costs_too_much(ratio: float, share: float, *, fails: bool) -> None:
    assert sealing_cost.wrong({sealing_cost.RATIO: ratio, sealing_cost.SHARE: share}) is fails


@pytest.mark.parametrize(("read", "write", "late"), [(900, 900, 0), (1100, 900, 1), (1100, 1100, 2)])
def test_the_drill_of_the_reaper_fails_when_somebody_waits(read: float, write: float, late: int) -> None:
    figures = {reaping.READ: read, reaping.WRITE: write}
    assert len(reaping.waited(figures)) == late
