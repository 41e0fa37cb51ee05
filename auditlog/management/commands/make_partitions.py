from argparse import ArgumentParser
from datetime import date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from auditlog.partitions import make_partitions

MOST_MONTHS = 600


class Command(BaseCommand):
    help = "Make the monthly partitions of the audit log that are missing. Run it every day; it only adds."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="first", metavar="YYYY-MM", help="first month (default: 7 months ago)")
        parser.add_argument("--to", dest="last", metavar="YYYY-MM", help="last month (default: in 3 months)")

    def handle(self, *args: Any, first: str | None, last: str | None, **options: Any) -> None:
        start, end = month_from("--from", first), month_from("--to", last)
        if start and end:
            _require_order(start, end)
        made = make_partitions(start, end)
        for name in made:
            self.stdout.write(f"Made {name}")
        if not made:
            self.stdout.write("Nothing to make: all partitions are there.")


def month_from(option: str, value: str | None) -> date | None:
    """Return the first day of the month that an option names; None when it was not given."""
    if value is None:
        return None
    try:
        month = datetime.strptime(value, "%Y-%m").date()  # noqa: DTZ007  (a month has no zone)
    except ValueError:
        month = date.min
    if month.year < 1970 or len(value) != len("YYYY-MM"):
        raise CommandError(f"{option} is {value!r}: give a month from 1970-01 on, as YYYY-MM, for example 2026-11.")
    return month


def _require_order(start: date, end: date) -> None:
    months = (end.year - start.year) * 12 + end.month - start.month + 1
    if months < 1:
        raise CommandError(f"--from {start:%Y-%m} is later than --to {end:%Y-%m}: exchange them.")
    if months > MOST_MONTHS:
        raise CommandError(
            f"--from {start:%Y-%m} --to {end:%Y-%m} are {months:,} months: make at most {MOST_MONTHS} at a time."
        )
