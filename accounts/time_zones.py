"""The time zones there are, and how people find theirs."""

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError

UTC = "UTC"
REGIONS = (
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
)
"""What lies in no region is a second name for what does."""

Choices = list[tuple[str, str | list[tuple[str, str]]]]


@cache
def zone_names() -> frozenset[str]:
    """Return the names of all zones."""
    return frozenset(available_timezones())  # walks the file system: 20 ms each time


def valid_zone(name: str) -> None:
    """Refuse what is no zone's name.

    Raises:
        ValidationError: with what a name looks like.
    """
    if name not in zone_names():
        raise ValidationError(f"There is no time zone “{name}”. Write one as in Europe/Berlin, or UTC.")


def zone_named(name: str) -> ZoneInfo:
    """Return a zone; UTC for one that this system does not know any more."""
    return ZoneInfo(name if name in zone_names() else UTC)


def zone_choices(chosen: str) -> Choices:
    """Return UTC, then the zones of each region by their cities; and the chosen one, when it is called otherwise."""
    choices: Choices = [(UTC, UTC)]
    for region in REGIONS:
        names = sorted(name for name in zone_names() if name.startswith(f"{region}/"))
        choices.append((region, [(name, name.partition("/")[2].replace("_", " ")) for name in names]))
    if chosen != UTC and not chosen.startswith(tuple(f"{region}/" for region in REGIONS)):
        choices.append((chosen, chosen))
    return choices
