from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from auditlog.distribution import OBSTACLES, Refused, do, steps


class Command(BaseCommand):
    help = (
        "Distribute the log by account over the workers of a Citus cluster: in a copy of the database, to measure how "
        "it is read there. Run it as the owner, on the coordinator; it does only what is missing, and prints each "
        "statement. A log that is written to is not distributed yet, for reasons that it names. See docs/scaling.md."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--copy", action="store_true", help="this is a copy, that nothing is written to any more")
        parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if anything is missing")

    def handle(self, *args: Any, copy: bool, check: bool, **options: Any) -> None:
        try:
            missing = list(steps())
        except Refused as error:
            raise CommandError(f"{error}.") from error
        if missing and not copy and not check:
            raise CommandError("A log that is written to is not distributed yet; a --copy is.\n" + "\n".join(OBSTACLES))
        for step in missing:
            self.stdout.write(f"{step.sentence}: {step.sql};" if check else f"{step.sql};")
            if not check:
                do(step)
        if check and missing:
            raise CommandError(f"{len(missing)} things are left to do.")
        self.stdout.write("The log is distributed by account.")
