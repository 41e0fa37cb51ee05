import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm  # type: ignore[import-untyped]

from accounts.models import Account
from auditlog.sealing.bundle import size_of
from auditlog.sealing.choosing import account_named, add_range_arguments, chosen_span
from auditlog.sealing.results import keep
from auditlog.sealing.rows import account_ids
from auditlog.sealing.verify import ALTERED, SOUND, VERDICTS, WRONG_CALL, tell
from auditlog.sealing.verifying import WHOLE, verify, verify_persons


class Command(BaseCommand):
    help = (
        "Verify the log: that every entry is the one that was sealed, that none is missing and none came in between. "
        "Exits with 0 when it is sound, 1 when it was altered, 2 when something can't be proven yet, "
        "3 when there is no such account, day or folder."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", metavar="SLUG", help="only this one; or the number of an account")
        parser.add_argument("--anchors", type=Path, metavar="DIRECTORY", help="anchors (default: ANCHOR_DIR)")
        add_range_arguments(parser)

    def handle(self, *args: Any, account: str | None, anchors: Path | None, **options: Any) -> None:
        if anchors and not anchors.is_dir():
            raise CommandError(f"There is no folder {anchors}: name the one with the anchors.", returncode=WRONG_CALL)
        names = dict(Account.objects.values_list("pk", "slug"))
        asked = [account_named(account)[0]] if account else account_ids()
        found = [SOUND]
        total = sum(map(size_of, asked))
        with tqdm(total=total, unit=" entries", unit_scale=True, disable=None, leave=False) as bar:
            for account_id in asked:
                span = chosen_span(account_id, options)
                report = verify(account_id, span, anchors=anchors, tick=bar.update)
                if account_id == asked[-1]:
                    verify_persons(report)
                if span is WHOLE:
                    keep(report, whole=True)
                bar.clear()
                self.stdout.write(tell(report, names.get(account_id, f"account {account_id}")))
                found.append(report.status)
        worst = ALTERED if ALTERED in found else max(found)
        self.stdout.write(f"The log is {VERDICTS[worst]}.")
        sys.exit(worst)
