"""The form of a legal hold."""

from django import forms

from accounts.models.accounts import LONGEST_HOLD_REASON

from .base import NoCredentials


class HoldForm(NoCredentials):
    """Puts a log on hold, or gives the hold another reason. It stands in the log, and on the page Integrity."""

    reason = forms.CharField(
        max_length=LONGEST_HOLD_REASON,
        help_text="A case, a request, an investigation. Everybody who may export the log can read it.",
    )
