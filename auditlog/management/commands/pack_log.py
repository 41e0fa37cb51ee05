from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from auditlog.packing import pack


class Command(BaseCommand):
    help = (
        "Make the indexes of each month of the log that is over anew, which then take a third less. Run it every day: "
        "on most there is nothing to do. Nobody waits for it, and it can be interrupted at any time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        packed = False
        try:
            for table, before, after in pack():
                packed = True
                self.stdout.write(f"Indexes of {table}: {before / 1e6:.1f} MB, now {after / 1e6:.1f} MB")
        except DatabaseError as error:
            reason = str(error).partition("\n")[0]
            raise CommandError(f"Not all is packed: {reason}. The log is as it was; run it again.") from error
        if not packed:
            self.stdout.write("Nothing to pack: all months that are over are packed.")
