"""Eight writers with ``kill -9`` of PostgreSQL, a writer and the sealer meanwhile. KILL_SECONDS=60 for the long run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = os.environ.get("KILL_SECONDS", "6")


def test_a_killed_database_parts_no_operation_from_its_entry() -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "tests.kill", "--seconds", SECONDS],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=float(SECONDS) + 300,
    )

    if not outcome.stdout:
        pytest.fail(outcome.stderr)
    figures = json.loads(outcome.stdout[outcome.stdout.index("{") :])
    assert figures["operations without an entry"] == 0, figures
    assert figures["entries without an operation"] == 0, figures
    assert figures["entries whose leaf is not theirs"] == 0, figures
    assert figures["entries without a place"] == 0, figures
    assert figures["accounts with a gap"] == 0, figures
    assert figures["found by verification"] == [], figures
    assert figures["entries sealed while writing"] > 0, figures
    assert figures["connections lost"] >= figures["writers"] / 2, figures
    assert figures["operations confirmed"] > 20, figures
    assert outcome.returncode == 0
