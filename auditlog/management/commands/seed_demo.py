from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm  # type: ignore[import-untyped]

from auditlog.demo import cast
from auditlog.demo.seeding import is_seeded, seed, stands_in_the_way

FEWEST, MOST = 500, 200_000


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
            if obstacle := stands_in_the_way():
                self.stdout.write(f"The demo is not seeded. {obstacle} It needs an empty database.")
                return
            self._seed(entries)
        self.stdout.write(how_to_sign_in())

    def _seed(self, entries: int) -> None:
        self.stdout.write(f"Seeding the demo, once: six months, about {entries:,} entries …")
        playing = seed(entries, timezone.now())
        # disable=None: a bar on a terminal, silence elsewhere.
        for _ in tqdm(playing, total=next(playing), unit=" operations", disable=None, leave=False):
            pass


def how_to_sign_in() -> str:
    """Return a table of who can sign in, and the password."""
    people = [person for person in (*cast.PEOPLE, cast.STAFF) if person.signs_in]
    names = {organization.slug: organization.name for organization in cast.ORGANIZATIONS}
    rows = [
        (
            person.email,
            "Support staff" if person == cast.STAFF else person.role.label,
            names.get(person.organization, "all, at /admin/"),
        )
        for person in people
    ]
    width, role_width = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = [f"  {email:<{width}}  {role:<{role_width}}  {where}" for email, role, where in rows]
    return "\n".join((f"Sign in to the demo with the password {cast.DEMO_PASSWORD} as", *lines))
