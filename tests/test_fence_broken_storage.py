"""The log's storage broken in six ways, under a real server. `python -m tests.broken_storage` is the long run."""

import json
import subprocess
import sys
from pathlib import Path

from .broken_storage import ATTEMPTS, WAYS, wrong


def test_what_can_t_be_recorded_does_not_happen_however_the_storage_is_broken() -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "tests.broken_storage", "--attempts", str(len(ATTEMPTS))],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert outcome.stdout, outcome.stderr
    figures = json.loads(outcome.stdout)
    assert figures.keys() == WAYS.keys()
    assert {way: found for way, found in figures.items() if wrong(found)} == {}
    counted = "failures that could not be recorded, counted"
    assert all(found[counted] > 0 for way, found in figures.items() if way != "connection refused")
