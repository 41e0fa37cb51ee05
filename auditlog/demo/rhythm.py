"""When people work: office hours with evenings, five busy days and two quiet ones, a little more every month."""

from datetime import datetime, timedelta
from itertools import accumulate
from random import Random

HOUR = timedelta(hours=1)

# By hours since the working day began: morning, lunch, afternoon, evening, night.
_DAY = (8, 11, 12, 10, 6, 8, 11, 12, 10, 7, 4, 3, 3, 3, 2, 1, 0.6, 0.4, 0.3, 0.2, 0.2, 0.3, 0.8, 3)
_WEEK = (1.0, 1.1, 1.15, 1.05, 0.85, 0.16, 0.12)
_GROWTH = 0.6  # from the first hour to the last


class Rhythm:
    """The hours from ``start`` to ``end``, each with its weight, for people whose day begins at ``hour`` UTC."""

    def __init__(self, start: datetime, end: datetime, hour: int) -> None:
        first = start.replace(minute=0, second=0, microsecond=0)
        count = (end - first) // HOUR + 1
        self.start, self.end = start, end
        self.hours = [first + index * HOUR for index in range(count)]
        self.weights = [
            _DAY[(time.hour - hour) % 24] * _WEEK[time.weekday()] * (1 + _GROWTH * index / count)
            for index, time in enumerate(self.hours)
        ]
        self._sums = list(accumulate(self.weights))

    def draw(self, rng: Random) -> datetime:
        """Return some time between start and end, likelier a busy one."""
        while True:
            hour = rng.choices(self.hours, cum_weights=self._sums)[0]
            time = hour + timedelta(microseconds=rng.randrange(3_600_000_000))
            if self.start <= time < self.end:
                return time

    def shares(self, total: int) -> list[tuple[datetime, int]]:
        """Return how many of ``total`` fall into each hour; they add up to it exactly."""
        whole = self._sums[-1]
        until = [round(total * part / whole) for part in self._sums]
        return [(hour, upto - before) for hour, before, upto in zip(self.hours, [0, *until], until, strict=False)]
