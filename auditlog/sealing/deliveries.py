"""The ways of an anchor out of here: a folder, an S3 bucket with object lock, mail to auditors, a webhook."""

import base64
import hashlib
import hmac
import logging
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.utils import timezone

from accounts.models import Account, Member
from accounts.roles import Role
from controlcenter.masking import masked_start

from .anchors import file_name, file_of, receipt_of
from .models import Anchor, Delivery
from .outgoing import Undelivered, send, signed_headers

log = logging.getLogger(__name__)

LOCKED_DAYS = 365
LONGEST_PAUSE = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=7)


def to_folder(anchor: Anchor) -> None:
    """Write it to ANCHOR_DIR, beside what is there; a file that is there already stays as it is."""
    folder = Path(settings.ANCHOR_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    path, new = folder / file_name(anchor), folder / f".{file_name(anchor)}.new"
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444), "wb") as file:
        file.write(file_of(anchor))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(new, path)
    except FileExistsError:
        if path.read_bytes() != file_of(anchor):
            raise Undelivered(f"{path} is there already, with something else in it.") from None
    finally:
        new.unlink()


def to_bucket(anchor: Anchor) -> None:
    """Put it into ANCHOR_S3, locked so that not even the owner of the bucket can change or delete it for some time."""
    parts, now = urlsplit(settings.ANCHOR_S3), timezone.now()
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    until = now + timedelta(days=int(asked.get("days", LOCKED_DAYS)))
    host = parts.netloc.rpartition("@")[2]
    url = f"{parts.scheme}://{host}{quote(parts.path.rstrip('/'))}/{file_name(anchor)}"
    body = file_of(anchor)
    headers = {
        "Content-Type": "application/json",
        "Content-MD5": base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode(),
        "x-amz-object-lock-mode": asked.get("mode", "COMPLIANCE"),
        "x-amz-object-lock-retain-until-date": f"{until:%Y-%m-%dT%H:%M:%SZ}",
    }
    key = unquote(parts.username or ""), unquote(parts.password or "")
    signed = signed_headers("PUT", url, body, headers, key, asked.get("region", "us-east-1"), now)
    send("PUT", url, body, signed, lambda _: True)  # The operator's own bucket may well be in the house.


def to_webhook(anchor: Anchor) -> None:
    """Post it to ANCHOR_WEBHOOK; the receiver computes the same HMAC over time and body, and refuses an old time."""
    body, now = file_of(anchor), str(int(timezone.now().timestamp()))
    mac = hmac.new(settings.ANCHOR_WEBHOOK_SECRET.encode(), f"{now}.".encode() + body, "sha256").hexdigest()
    headers = {"Content-Type": "application/json", "X-Anchor-Time": now, "X-Anchor-Signature": f"sha256={mac}"}
    send("POST", settings.ANCHOR_WEBHOOK, body, headers)


def to_auditors(anchor: Anchor) -> None:
    """Mail each account's auditors the receipt of their account, once a day: more would not be read, nor kept."""
    midnight = anchor.time.replace(hour=0, minute=0, second=0, microsecond=0)
    if Delivery.objects.filter(place="mail", delivered_at__isnull=False, anchor__time__gte=midnight).exists():
        return
    auditors = Member.objects.filter(role=Role.AUDITOR, user__is_active=True).select_related("account", "user")
    by_account: dict[Account, list[str]] = {}
    for member in auditors.order_by("account_id", "pk"):
        by_account.setdefault(member.account, []).append(member.user.email)
    mails = [mail for account, to in by_account.items() if (mail := _mail(anchor, account, to))]
    try:
        with get_connection() as connection:
            connection.send_messages(mails)
    except OSError as error:  # What SMTP raises is one, too.
        raise Undelivered(f"{type(error).__name__}: {error}") from error


def _mail(anchor: Anchor, account: Account, to: list[str]) -> EmailMessage | None:
    receipt = receipt_of(anchor, account.pk)
    if receipt is None:
        return None
    text = (
        f"Attached is the state of {account}'s audit log as of {anchor.time:%Y-%m-%d %H:%M} UTC, signed.\n\n"
        "Keep it where we can't reach it. Whoever verifies an export against it will notice when anything from before "
        "was changed since:\n\n    python verify.py BUNDLE --anchors FOLDER\n"
    )
    mail = EmailMessage(f"Anchor of {account}'s audit log, {anchor.time:%Y-%m-%d}", text, bcc=to)
    mail.attach(f"{account.slug}-{file_name(anchor)}", receipt, "application/json")
    return mail


def places() -> dict[str, Callable[[Anchor], None]]:
    """Return where anchors go, as configured."""
    known = {
        "folder": (settings.ANCHOR_DIR, to_folder),
        "bucket": (settings.ANCHOR_S3, to_bucket),
        "mail": (settings.ANCHOR_EMAIL, to_auditors),
        "webhook": (settings.ANCHOR_WEBHOOK, to_webhook),
    }
    return {place: deliver for place, (configured, deliver) in known.items() if configured}


def dispatch(anchor: Anchor) -> None:
    """Note where an anchor has to go."""
    Delivery.objects.bulk_create(
        [Delivery(anchor=anchor, place=place, next_attempt=anchor.time) for place in places()], ignore_conflicts=True
    )


def deliver_due(now: datetime | None = None) -> list[Delivery]:
    """Try what is due, oldest first; note what failed, to be tried again. Return what was tried."""
    now = now or timezone.now()
    ways = places()
    due = list(
        Delivery.objects.filter(delivered_at=None, next_attempt__lte=now).select_related("anchor").order_by("pk")
    )
    for delivery in due:
        if delivery.place in ways:
            _try(delivery, ways[delivery.place], now)
    return due


def _try(delivery: Delivery, deliver: Callable[[Anchor], None], now: datetime) -> None:
    delivery.attempts += 1
    try:
        deliver(delivery.anchor)
    except (Undelivered, OSError, ValueError) as error:
        pause = min(timedelta(minutes=2 ** min(delivery.attempts, 10)), LONGEST_PAUSE)
        given_up = now - delivery.anchor.time > GIVE_UP_AFTER  # Later anchors include it.
        delivery.next_attempt, delivery.error = None if given_up else now + pause, masked_start(str(error), 500)
        log.error("Anchor %s did not reach the %s: %s", delivery.anchor_id, delivery.place, error)
    else:
        delivery.delivered_at, delivery.error = timezone.now(), ""
    delivery.save(update_fields=["attempts", "next_attempt", "delivered_at", "error"])
