"""How an invitation reaches who is invited: a signed link, in a mail."""

import logging
from collections.abc import Iterable

from django.core import signing
from django.core.mail import EmailMessage, get_connection
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse

from .models import Invitation

log = logging.getLogger(__name__)

SALT = "accounts.invitations"


def link_to(invitation: Invitation) -> str:
    """Return the path of an invitation's page. It leads there until the invitation is resent, which makes a new one.

    The time at which it expires stands in it, so the signature needs no age of its own.
    """
    token = signing.dumps([invitation.pk, invitation.expires_at.isoformat()], salt=SALT)
    return reverse("invitation", args=[token])


def invitation_of(token: str) -> Invitation | None:
    """Return the invitation that a link leads to, whatever became of it; None for no link of ours or an older one."""
    try:
        key, expires_at = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        return None
    found = Invitation.objects.select_related("account", "invited_by").filter(pk=key).first()
    return found if found and found.expires_at.isoformat() == expires_at else None


def mail(request: HttpRequest, invitations: Iterable[Invitation]) -> list[Invitation]:
    """Send each invitation its link, and return those that could not be sent. To be called when they are committed."""
    unsent = list(invitations)
    try:
        with get_connection() as connection:
            for invitation in tuple(unsent):
                try:
                    message = _message(request, invitation)
                    message.connection = connection
                    message.send()
                    unsent.remove(invitation)
                except (OSError, ValueError) as error:  # What smtplib raises is an OSError.
                    log.warning("The mail of invitation %s could not be sent: %s", invitation.pk, type(error).__name__)
    except OSError as error:
        log.warning("The mail server can't be reached: %s", error)
    return unsent


def _message(request: HttpRequest, invitation: Invitation) -> EmailMessage:
    names = {"organization": invitation.account.name, "inviter": invitation.invited_by}
    context = {**names, "invitation": invitation, "link": request.build_absolute_uri(link_to(invitation))}
    subject = " ".join(f"You are invited to {invitation.account.name} in Control Center".split())
    return EmailMessage(subject, render_to_string("accounts/invitation_mail.txt", context), to=[invitation.email])
