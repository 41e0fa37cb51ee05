"""The product behind PgBouncer, which hands sessions from transaction to transaction."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from . import pgbouncer


@pytest.mark.skipif(not pgbouncer.find(), reason=pgbouncer.REMEDY)
def test_everything_works_through_two_sessions_that_are_shared() -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "tests.pgbouncer"],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert outcome.stdout, outcome.stderr
    found = json.loads(outcome.stdout)
    assert len(found) == len(pgbouncer.LOOKS)
    assert {look: wrong for look, wrong in found.items() if wrong} == {}
