"""The form to sign in with."""

from django.contrib.auth.forms import AuthenticationForm


class SignInForm(AuthenticationForm):
    """E-mail address and password. One sentence for all that can be wrong tells nobody which addresses exist."""

    WRONG = "E-mail address and password do not go together."

    error_messages = {"invalid_login": f"{WRONG} Nobody was signed in.", "inactive": f"{WRONG} Nobody was signed in."}
