"""The forms to sign in with."""

from django import forms
from django.contrib.auth.forms import AuthenticationForm


class SignInForm(AuthenticationForm):
    """E-mail address and password. One sentence for all that can be wrong tells nobody which addresses exist."""

    WRONG = "E-mail address and password do not go together."

    error_messages = {"invalid_login": f"{WRONG} Nobody was signed in.", "inactive": f"{WRONG} Nobody was signed in."}


class CodeForm(forms.Form):
    """A code of an authenticator app, or one for recovery."""

    WRONG = "The code is wrong, too old, or was used before."

    code = forms.CharField(
        max_length=40,
        widget=forms.TextInput({"autocomplete": "one-time-code", "autocapitalize": "off", "spellcheck": "false"}),
    )
