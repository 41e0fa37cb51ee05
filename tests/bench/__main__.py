"""Measure, print one table, and write it as JSON.

    python -m tests.bench [--full] [--only recording --only reading …]

Every figure is a median of interleaved runs, with its quartiles and what 19 of 20 runs stayed below, beside its limit
in the same run. Nothing is asserted: how fast a machine is says nothing about the product, ratios do.
"""

import argparse
import time
from collections.abc import Callable

from . import exporting, loading, reading, recording, searching, serving
from .figures import Report
from .world import World, a_world

SMALL = 10_000
LARGE = 200_000
FULL, FULL_OTHERS = 5_000_000, 500_000  # in the account that is looked at, and in each other one: ten million in all

EMPTY: dict[str, Callable[[World, Report], None]] = {"recording": recording.measure_all}
"""Measured while the log is nearly empty."""
EACH_SIZE: dict[str, Callable[[World, Report], None]] = {
    "reading": reading.measure_all,
    "searching": searching.measure_all,
    "ingest": loading.ingest,
}
"""Measured with a small log and with a large one."""
FULL_SIZE: dict[str, Callable[[World, Report], None]] = {
    "exporting": exporting.measure_all,
    "loading": loading.measure_all,
    "serving": serving.measure_all,
}
"""Measured with a large log."""


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--full", action="store_true", help="ten million entries; takes half an hour")
    parser.add_argument("--only", action="append", choices=[*EMPTY, *EACH_SIZE, *FULL_SIZE], help="a part of it")
    given = parser.parse_args()
    begun, report = time.monotonic(), Report()

    def run(parts: dict[str, Callable[[World, Report], None]], world: World) -> None:
        for name, part in parts.items():
            if not given.only or name in given.only:
                part(world, report)

    with a_world(is_full=given.full) as world:
        run(EMPTY, world)
        if not given.only or {*EACH_SIZE, *FULL_SIZE} & set(given.only):
            world.fill(SMALL)
            run(EACH_SIZE, world)
            world.fill(*((FULL, FULL_OTHERS) if given.full else (LARGE,)))
            run(EACH_SIZE, world)
            run(FULL_SIZE, world)
    path = report.write("bench-full" if given.full else "bench")
    print(f"\n{len(report.rows)} figures in {time.monotonic() - begun:.0f} s, written to {path.name}.")


if __name__ == "__main__":
    main()
