from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from auditlog.sealing.anchors import make_anchor
from auditlog.sealing.deliveries import deliver_due, dispatch, places


class Command(BaseCommand):
    help = "Sign the heads of all accounts now, and send that to where anchors are kept. `seal_log` does so every hour."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            anchor = make_anchor()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        dispatch(anchor)
        self.stdout.write(f"Made anchor {anchor.number} of {len(anchor.heads):,} accounts.")
        if not places():
            raise CommandError("It is kept in the database only: set ANCHOR_DIR, ANCHOR_S3, ANCHOR_EMAIL or …_WEBHOOK.")
        failed = [delivery for delivery in deliver_due() if delivery.error]
        if failed:
            raise CommandError("; ".join(f"{delivery.place}: {delivery.error}" for delivery in failed))
