from argparse import ArgumentParser
from datetime import timedelta
from difflib import get_close_matches
from time import perf_counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm  # type: ignore[import-untyped]

from accounts.models import Account
from auditlog.demo.history import is_seeded
from auditlog.filling import fill
from auditlog.partitions import make_partitions

MOST_DAYS = 3650


class Command(BaseCommand):
    help = (
        "Write many made-up entries into an account's log, to measure how fast it stays. They describe nothing that "
        "happened and can't be taken back: for test installations only."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", required=True, metavar="SLUG", help="whose log to fill")
        parser.add_argument("--entries", required=True, type=int, metavar="N", help="how many entries")
        parser.add_argument("--days", required=True, type=int, metavar="D", help="spread over the last D days")
        parser.add_argument("--seed", type=int, default=1, help="another number gives other entries (default: 1)")
        parser.add_argument(
            "--yes-this-is-a-test-installation",
            action="store_true",
            dest="is_test",
            help="needed unless the database holds the demo",
        )

    def handle(
        self, *args: Any, account: str, entries: int, days: int, seed: int, is_test: bool, **options: Any
    ) -> None:
        if entries < 1:
            raise CommandError(f"--entries is {entries:,}: give 1 or more.")
        if not 1 <= days <= MOST_DAYS:
            raise CommandError(f"--days is {days:,}: give 1 to {MOST_DAYS:,}.")
        owner = _account(account)
        if not is_test and not is_seeded():
            raise CommandError(
                "This database does not hold the demo, so its log may be somebody's record. Made-up entries can't be "
                "taken out of it again: add --yes-this-is-a-test-installation if that is what it is."
            )
        now = timezone.now()
        make_partitions((now - timedelta(days=days)).date(), now.date())
        with tqdm(total=entries, unit=" entries", unit_scale=True, disable=None) as bar:
            begun = perf_counter()
            for written in fill(owner, entries, now - timedelta(days=days), now, seed):
                bar.update(written)
        seconds = perf_counter() - begun
        self.stdout.write(f"Wrote {entries:,} entries in {seconds:.1f} s: {entries / seconds:,.0f} a second.")


def _account(slug: str) -> Account:
    account = Account.objects.filter(slug=slug).first()
    if account:
        return account
    slugs = list(Account.objects.order_by("slug").values_list("slug", flat=True)[:1000])
    near = get_close_matches(slug, slugs) or slugs[:5]
    raise CommandError(
        f"There is no account {slug!r}. There are: {', '.join(near)}."
        if near
        else f"There is no account {slug!r}, nor any other."
    )
