from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from auditlog.background import asked_to_end, repeat
from auditlog.gathering import Texts
from auditlog.hours import roll_up

PAUSE = 5.0  # seconds


class Command(BaseCommand):
    help = (
        "Count the log's entries by the hour, for the histogram, and gather what stands in them, for finding texts, "
        "every few seconds, until it is stopped. Nothing is lost or counted twice when it is killed, or runs several "
        "times at once. Without it histograms of large logs are drawn only in part, and rare texts take long to find."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="count what is settled now, and end")

    def handle(self, *args: Any, once: bool, **options: Any) -> None:
        texts = Texts()

        def work() -> bool:
            more = roll_up()
            return texts.gather() or more

        if not once:
            repeat(work, PAUSE, asked_to_end())
            return
        while work():
            pass
        self.stdout.write("All settled entries are counted.")
