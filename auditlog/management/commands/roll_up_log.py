from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from auditlog.background import asked_to_end, repeat
from auditlog.hours import roll_up

PAUSE = 5.0  # seconds


class Command(BaseCommand):
    help = (
        "Count the log's entries by the hour, for the histogram, every few seconds, until it is stopped. Nothing is "
        "lost or counted twice when it is killed, or runs several times at once. Without it histograms of large logs "
        "are drawn only in part."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="count what is settled now, and end")

    def handle(self, *args: Any, once: bool, **options: Any) -> None:
        if not once:
            repeat(roll_up, PAUSE, asked_to_end())
            return
        while roll_up():
            pass
        self.stdout.write("All settled entries are counted.")
