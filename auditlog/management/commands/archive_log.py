from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm  # type: ignore[import-untyped]

from auditlog.archiving import Altered, NotSealed, archive, check, path_of
from auditlog.retention.months import Month

from .make_partitions import month_from


class Command(BaseCommand):
    help = (
        "Write a sealed month of all accounts as a Parquet file, and check it, before reap_log removes the month. With "
        "--check only check a file, also after that: its entries with the signed blocks that stay in the database. "
        "Whether those are still what was anchored is for verify_log to say. Needs pyarrow. Whoever has the file can "
        "read all accounts."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--month", required=True, metavar="YYYY-MM", help="which month, in UTC")
        parser.add_argument("--to", required=True, type=Path, metavar="FOLDER", help="the archive's folder")
        parser.add_argument("--check", action="store_true", help="write nothing: check the file that is there")

    def handle(self, *args: Any, month: str, to: Path, **options: Any) -> None:
        wanted = Month(month_from("--month", month) or date.min)
        try:
            with tqdm(unit=" entries", unit_scale=True, disable=None, leave=False) as bar:
                if not options["check"]:
                    path, count = archive(wanted, to, bar.update)
                    self.stdout.write(f"Wrote {count:,} entries to {path}.")
                found = check(wanted, to, bar.update)
        except FileExistsError as error:
            raise CommandError(f"{error} exists: check it with --check, or name another folder.") from error
        except FileNotFoundError as error:
            raise CommandError(f"There is no {path_of(wanted, to)}.", returncode=3) from error
        except NotSealed as error:
            raise CommandError(f"{wanted} can't be archived: {error}. Run seal_log, or verify_log.") from error
        except Altered as error:
            raise CommandError(f"{path_of(wanted, to)} is not what was sealed: {error}.") from error
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{found.entries:,} entries of {found.accounts:,} accounts are as they were sealed"
            + (f"; {found.certificates:,} certificates of removal say the same." if found.certificates else ".")
        )
