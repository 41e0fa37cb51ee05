import signal
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm  # type: ignore[import-untyped]

from auditlog.demo import cast
from auditlog.demo.seeding import holds_others, is_begun, is_seeded, seed

FEWEST, MOST = 500, 200_000
OTHERS = (
    "The demo is not seeded: this database holds accounts or users of others, and everybody knows the demo's password. "
    "It needs an empty database."
)
INTERRUPTED = (
    "Seeding the demo was interrupted, and its entries can't be taken back: it lacks the later months. For all of it "
    "start with an empty database."
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
                self._seed(entries)
        self.stdout.write(how_to_sign_in())

    def _seed(self, entries: int) -> None:
        self.stdout.write(f"Seeding the demo, once: six months, about {entries:,} entries …")
        playing = seed(entries, timezone.now())
        with _interruption_waits() as interrupted:
            # disable=None: a bar on a terminal, silence elsewhere.
            for _ in tqdm(playing, total=next(playing), unit=" operations", disable=None, leave=False):
                if interrupted.is_set():
                    raise KeyboardInterrupt


@contextmanager
def _interruption_waits() -> Iterator[Event]:
    """Let Ctrl-C set the event instead of breaking into an operation, whose transaction may not end well then."""
    interrupted = Event()
    handler = signal.signal(signal.SIGINT, lambda *_: interrupted.set())
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, handler)


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
