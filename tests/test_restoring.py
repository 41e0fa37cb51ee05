"""A log that is restored into another cluster. `python -m tests.restoring` is the long run."""

import json
import subprocess
import sys
from pathlib import Path


def test_a_restored_log_is_sound_and_goes_on() -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "tests.restoring", "--entries", "300"],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert outcome.stdout, outcome.stderr
    figures = json.loads(outcome.stdout)
    assert figures["wrong"] == []
    assert figures["transactions the old cluster was ahead"] > 1_000, "otherwise it proves nothing"
