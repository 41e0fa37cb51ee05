"""What commands are asked to look at: an account, and a range of dates."""

from argparse import ArgumentParser
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.core.management.base import CommandError

from accounts.models import Account
from auditlog.ids import ceiling_id, floor_id

from .verify import WRONG_CALL
from .verifying import WHOLE, Everything, Span, span_of


def add_range_arguments(parser: ArgumentParser) -> None:
    """Add ``--from`` and ``--to``."""
    parser.add_argument("--from", dest="first", metavar="YYYY-MM-DD", help="only blocks with entries from this day on")
    parser.add_argument("--to", dest="last", metavar="YYYY-MM-DD", help="… and until this day, UTC, included")


def account_named(name: str) -> tuple[int, str]:
    """Return the id and the name of an account, given by its slug; by its number when it was deleted."""
    account = Account.objects.filter(slug=name).first()
    if account:
        return account.pk, account.slug
    if name.isdecimal():
        return int(name), f"account {name}"
    raise CommandError(
        f"There is no account {name!r}. One that was deleted is known by its number only.", returncode=WRONG_CALL
    )


def chosen_span(account_id: int, options: dict[str, Any]) -> Span | Everything:
    """Return the blocks that ``--from`` and ``--to`` ask for; everything without either."""
    if not options["first"] and not options["last"]:
        return WHOLE
    first, last = _day("--from", options["first"], date(1970, 1, 1)), _day("--to", options["last"], date(9998, 12, 31))
    if first > last:
        raise CommandError(f"--from {first} is later than --to {last}: exchange them.", returncode=WRONG_CALL)
    begins = datetime(first.year, first.month, first.day, tzinfo=UTC)
    ends = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1, microseconds=-1)
    span = span_of(account_id, floor_id(begins), ceiling_id(ends))
    if span is None:
        raise CommandError(f"No entry from {first} to {last} is sealed.", returncode=WRONG_CALL)
    return span


def _day(option: str, value: str | None, default: date) -> date:
    try:
        return date.fromisoformat(value) if value else default
    except ValueError:
        raise CommandError(
            f"{option} is {value!r}: give a day as YYYY-MM-DD, for example 2026-11-30.", returncode=WRONG_CALL
        ) from None
