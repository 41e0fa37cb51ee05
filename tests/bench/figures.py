"""Figures, their limits and their goals, and the one table they are printed in."""

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

RESULTS = Path(__file__).resolve().parents[2] / ".test-results"

FEWEST, LONG = 5, 2_000
"""Whatever took so many milliseconds in all is not done more often than so."""

Work = dict[str, Callable[[], object]]
"""Things to do, by what they are called."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured: the median of several times, the quartiles as its spread, and what 19 of 20 stay below.

    Of fewer than 20 that is the longest.
    """

    median: float
    low: float
    high: float
    p95: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Figure":
        """Return the figure of some values; one value is all there is to say of itself."""
        if len(values) == 1:
            return cls(values[0], values[0], values[0], values[0])
        low, middle, high = statistics.quantiles(values, n=4)
        return cls(middle, low, high, statistics.quantiles(values, n=20)[-1] if len(values) > 19 else max(values))


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure should come to.

    Args:
        of: ``ratio``: its median by the limit's median; ``p95``: its p95 by the limit's median; ``value``: its median.
    """

    value: float
    of: Literal["ratio", "p95", "value"] = "ratio"
    at_least: bool = False

    def __str__(self) -> str:
        name = {"ratio": "×", "p95": "× (p95)", "value": ""}[self.of]
        return f"{'≥' if self.at_least else '≤'} {self.value:,g} {name}".rstrip()


@dataclass(frozen=True, slots=True)
class Row:
    """A figure beside its limit."""

    work: str
    unit: str
    figure: Figure
    limit: str
    limit_figure: Figure | None
    goal: Goal | None

    @property
    def times(self) -> float | None:
        """How many times the limit it takes; None where there is none."""
        if self.limit_figure is None:
            return None
        of = self.figure.p95 if self.goal and self.goal.of == "p95" else self.figure.median
        return of / self.limit_figure.median

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        if self.goal is None:
            return None
        found = self.figure.median if self.goal.of == "value" else self.times
        assert found is not None, f"{self.work} has a goal of a ratio, and no limit"
        return found >= self.goal.value if self.goal.at_least else found <= self.goal.value


class Report:
    """One table of everything, printed as it comes in and written as JSON at the end."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def section(self, title: str) -> None:
        """Begin a part of the table."""
        print(f"\n{title:58}{'median (quartiles) p95':>34}   {'limit':42}{'× limit':>9}   goal", flush=True)

    def add(
        self,
        work: str,
        figure: Figure,
        unit: str = "ms",
        *,
        limit: tuple[str, Figure] | None = None,
        goal: Goal | None = None,
    ) -> None:
        """Add a figure, and print it."""
        name, limit_figure = limit or ("", None)
        row = Row(work, unit, figure, name, limit_figure, goal)
        self.rows.append(row)
        told = f"{name}: {_number(limit_figure.median)}" if limit_figure else ""
        times = f"{row.times:.2f}" if row.times is not None else ""
        met = {True: "met", False: "MISSED", None: ""}[row.is_met]
        print(f"{work:58}{_told(figure, unit):>34}   {told:42}{times:>9}   {goal or ''!s:14} {met}", flush=True)

    def write(self, name: str) -> Path:
        """Write all rows as JSON; return where."""
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{name}.json"
        rows = [{**asdict(row), "times_limit": row.times, "met": row.is_met} for row in self.rows]
        path.write_text(json.dumps(rows, indent=2, ensure_ascii=False))
        return path


def measure(work: Work, runs: int, *, warm_up: int = 1) -> dict[str, Figure]:
    """Do each in turn, again and again, so that whatever disturbs them disturbs all; return milliseconds.

    What takes long is done less often.
    """
    for _ in range(warm_up):
        time_each(work, {})
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(runs):
        time_each({name: work[name] for name in work if len(times[name]) < FEWEST or sum(times[name]) < LONG}, times)
    return {name: Figure.of(values) for name, values in times.items()}


def time_each(work: Work, times: dict[str, list[float]]) -> None:
    """Do each once, and add its milliseconds to what it took before."""
    for name, do in work.items():
        start = time.perf_counter()
        do()
        times.setdefault(name, []).append((time.perf_counter() - start) * 1000)


def _told(figure: Figure, unit: str) -> str:
    if figure.low == figure.high:
        return f"{_number(figure.median)} {unit}"
    return f"{_number(figure.median)} ({_number(figure.low)}–{_number(figure.high)}) {_number(figure.p95)} {unit}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" if value < 10 else f"{value:.1f}"
