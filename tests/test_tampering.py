"""What a superuser may try, and what the offline verifier says. `python -m tests.tampering` is the long run."""

from pathlib import Path

import pytest

from auditlog.sealing.verify import INCOMPLETE

from . import tampering
from .purges import purge
from .sealing import verify_offline
from .tampering import after, claim_to_be_a_part, make_world, rehearse, untouched

pytestmark = pytest.mark.django_db(transaction=True)

UNTOUCHED = 20_000


def test_all_tampering_is_caught_at_the_right_place(tmp_path: Path) -> None:
    figures = rehearse(tmp_path)
    assert figures["missed"] == {}
    assert figures["drills"] >= 20


def test_what_retention_removed_raises_no_alarm(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    verdict = after(world, purge(world.account))
    assert verdict.status == 0, verdict.text
    assert "were removed by retention, as certificates say" in verdict.text


def test_untouched_entries_raise_no_alarm(tmp_path: Path) -> None:
    figures = untouched(UNTOUCHED, tmp_path)
    assert (figures["status"], figures["false alarms"]) == (0, 0), figures["said"]


def test_a_part_passes_for_the_whole_only_when_a_part_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(tmp_path, 1_000)
    verdict = after(world, lambda: None, claim_to_be_a_part)
    assert verdict.status == INCOMPLETE
    assert "it is a part of the log" in verdict.text
    monkeypatch.setattr(tampering, "verify_offline", lambda *args: verify_offline(*args, "--part"))
    assert after(world, lambda: None, claim_to_be_a_part).status == 0
