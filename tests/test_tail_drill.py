"""Sixteen writers, a reader, and a sealer that is killed. `python -m tests.tail_drill` is the long run."""

import json
import os
import subprocess
import sys
from pathlib import Path

ENTRIES = os.environ.get("TAIL_ENTRIES", "1600")


def test_a_reader_gets_each_entry_once() -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "tests.tail_drill", "--entries", ENTRIES],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=300 + int(ENTRIES) / 100,
    )
    assert outcome.stdout, outcome.stderr
    figures = json.loads(outcome.stdout)
    assert (figures["lost"], figures["twice"], figures["problems"]) == (0, 0, []), figures
    assert figures["written but not there"] == 0
    assert figures["entries"] >= int(ENTRIES)
    assert figures["sealers killed"] >= 1
