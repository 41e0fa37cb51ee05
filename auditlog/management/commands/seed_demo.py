from argparse import ArgumentParser
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm  # type: ignore[import-untyped]

from auditlog.demo import cast
from auditlog.demo.history import holds_others, is_begun, is_seeded, seed

FEWEST, MOST = 500, 200_000
OTHERS = (
    "The demo is not seeded: this database holds accounts or users of others, and everybody knows the demo's password. "
    "It needs an empty database."
)
INTERRUPTED = (
    "Seeding the demo was interrupted: the later months are missing, and what is there can't be taken back. For all of "
    "it start with an empty database; `make clean` empties the local one."
)


class Command(BaseCommand):
    help = (
        "Fill an empty database with a demo: three organizations, the people in them and six months of history. "
        "Does nothing when it is there already."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--entries", type=int, default=20_000, metavar="N", help="about how many entries (default: %(default)s)"
        )

    def handle(self, *args: Any, entries: int, **options: Any) -> None:
        if not FEWEST <= entries <= MOST:
            raise CommandError(f"--entries is {entries:,}: choose between {FEWEST:,} and {MOST:,}.")
        if not is_seeded():
            if holds_others():
                self.stdout.write(OTHERS)
                return
            if is_begun():
                self.stdout.write(INTERRUPTED)
            else:
                self.stdout.write(f"Seeding the demo, once: six months, about {entries:,} entries …")
                # disable=None: a bar on a terminal, silence elsewhere.
                seed(entries, timezone.now(), partial(tqdm, unit=" operations", disable=None, leave=False))
        self.stdout.write(how_to_sign_in())


def how_to_sign_in() -> str:
    """Return a table of who can sign in, and the password."""
    names = {organization.slug: organization.name for organization in cast.ORGANIZATIONS}
    rows = [(row.email, row.role.label, names[row.organization]) for row in cast.PEOPLE if row.signs_in]
    rows.append((cast.STAFF.email, "Support staff", "all, at /admin/"))
    lines = [f"  {email:<29}  {role:<24}  {where}" for email, role, where in rows]
    return "\n".join((f"Sign in to the demo with the password {cast.DEMO_PASSWORD} as", *lines))
