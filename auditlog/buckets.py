"""Where the bars of a histogram begin: round sizes, at round times of a zone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from .periods import Period

MOST = 100
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SIZES = (
    *(number * MINUTE for number in (1, 2, 5, 10, 15, 30)),
    *(number * HOUR for number in (1, 2, 3, 6, 12)),
    *(number * DAY for number in (1, 2, 7, 14, 28, 56, 112)),
)


@dataclass(frozen=True, slots=True)
class Buckets:
    """Neighbouring stretches of time: ``edges`` has one moment more than there are buckets."""

    size: timedelta
    edges: Sequence[datetime]

    @property
    def label(self) -> str:
        """The size in words."""
        for unit, word in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
            if self.size >= unit:
                number = self.size // unit
                return f"{number} {word}{'s' if number > 1 else ''}"
        raise ValueError(self.size)


def buckets_of(period: Period, kept_since: datetime) -> Buckets:
    """Return up to ``MOST`` buckets for a period, without what lies before the oldest entry kept.

    The first and the last may be shorter than the others; in the night of a clock change one is shorter or longer.
    """
    begins, ends = max(period.begins, kept_since).astimezone(UTC), period.ends.astimezone(UTC)
    size = next((size for size in SIZES if (ends - begins) / size <= MOST), SIZES[-1])
    inner = (edge for edge in _round_times(begins, ends, size, period.zone) if begins < edge < ends)
    return Buckets(size, [begins, *sorted(set(inner)), ends])


def _round_times(begins: datetime, ends: datetime, size: timedelta, zone: ZoneInfo) -> Iterator[datetime]:
    day, last = begins.astimezone(zone).date(), ends.astimezone(zone).date()
    step = max(size, DAY)
    while day <= last:
        midnight, tomorrow = datetime.combine(day, time(), zone), datetime.combine(day + DAY, time(), zone)
        if size > HOUR:  # By the clock on the wall.
            yield from (midnight.replace(hour=hour).astimezone(UTC) for hour in range(0, 24, size // HOUR))
        else:
            edge = midnight.astimezone(UTC)
            while edge < tomorrow:
                yield edge
                edge += size
        day += step
