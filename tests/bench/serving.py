"""Servers under load: readers at once, memory, starting."""

from .figures import Report
from .world import World


def measure_all(world: World, report: Report) -> None:
    """Measure nothing yet."""
