import signal
from argparse import ArgumentParser
from threading import Event
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from accounts.models import Account
from auditlog.sealing.keys import new_seed
from auditlog.sealing.loop import work_until
from auditlog.sealing.models import Stall
from auditlog.sealing.sealer import Busy, seal


class Command(BaseCommand):
    help = (
        "Seal the log: give settled entries their places and sign them in blocks, every few seconds, until it is "
        "stopped; anchor and verify hourly beside that. One at a time works, the others wait."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="seal what is settled now, and end")
        parser.add_argument("--new-key", action="store_true", help="print a new private key, and end")
        parser.add_argument(
            "--resume", metavar="SLUG", help="go on with an account that stopped at an entry which is gone since"
        )

    def handle(self, *args: Any, once: bool, new_key: bool, resume: str | None, **options: Any) -> None:
        if new_key:
            self.stdout.write(new_seed())
            return
        if resume:
            account = Account.objects.filter(slug=resume).first()
            if not account or not Stall.objects.filter(account_id=account.pk).delete()[0]:
                raise CommandError(f"Sealing of {resume!r} has not stopped: there is nothing to resume.")
            self.stdout.write(f"Sealing of {resume} goes on with the next pass. What is gone stays gone.")
            return
        try:
            if once:
                done = seal()
                self.stdout.write(f"Sealed {done.entries:,} entries in {done.blocks:,} blocks.")
                if done.stalled:
                    raise CommandError(f"{len(done.stalled)} accounts are not sealed: see Integrity, or verify_log.")
            else:
                work_until(_asked_to_end())
        except (Busy, ImproperlyConfigured) as error:  # NotHere ends the command by itself, with its own code.
            raise CommandError(str(error)) from error


def _asked_to_end() -> Event:
    """Return what is set when this process is asked to end: the pass that has begun is finished first."""
    end = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    return end
