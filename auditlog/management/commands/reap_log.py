from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from auditlog.retention.reaper import Outcome, reap


class Command(BaseCommand):
    help = (
        "Remove the months of the log that no plan keeps any more, and sign a certificate of each for every account. "
        "Run it once a day. A month with a legal hold on it, or with entries that are not sealed, stays."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        outcomes = []
        try:
            for outcome in reap(dry_run=dry_run):
                outcomes.append(outcome)
                self.stdout.write(_told(outcome, dry_run=dry_run))
        except ImproperlyConfigured as error:
            raise CommandError(f"Nothing was removed, for no certificate can be signed. {error}") from error
        if not outcomes:
            self.stdout.write("Nothing to remove: every month is still kept by somebody's plan.")
        if refused := [outcome for outcome in outcomes if outcome.refused]:
            raise CommandError(f"{len(refused)} of {len(outcomes)} months could not be removed, as said above.")


def _told(outcome: Outcome, *, dry_run: bool) -> str:
    month, accounts = outcome.month, f"{outcome.accounts:,} {'account' if outcome.accounts == 1 else 'accounts'}"
    if outcome.held:
        return f"{month} stays: {outcome.held} {'are' if ',' in outcome.held else 'is'} on legal hold."
    if outcome.refused:
        return f"{month} stays: {outcome.refused}."
    return f"{month} {'would be' if dry_run else 'is'} removed: {outcome.entries:,} entries of {accounts}."
