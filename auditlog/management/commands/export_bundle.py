from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm  # type: ignore[import-untyped]

from auditlog.sealing.bundle import export, opened, size_of
from auditlog.sealing.choosing import account_named, add_range_arguments, chosen_span


class Command(BaseCommand):
    help = (
        "Write an account's log with all proofs, and the program that verifies them without us. Whoever has it can "
        "read the whole log of the account."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", required=True, metavar="SLUG", help="whose log; or the number of an account")
        parser.add_argument("--out", required=True, type=Path, metavar="PATH", help="a new folder, or a file ….zip")
        add_range_arguments(parser)

    def handle(self, *args: Any, account: str, out: Path, **options: Any) -> None:
        account_id, name = account_named(account)
        span = chosen_span(account_id, options)
        if out.exists():
            raise CommandError(f"{out} exists: name a new folder or zip file.")
        with (
            opened(out) as writer,
            tqdm(total=size_of(account_id), unit=" entries", unit_scale=True, disable=None, leave=False) as bar,
        ):
            count = export(writer, account_id, name, span, bar.update)
        self.stdout.write(f"Wrote {count:,} entries of {name} to {out}. Verify: python verify.py {out} --anchors …")
