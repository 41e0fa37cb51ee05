"""Forms about oneself."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib.auth.forms import PasswordChangeForm
from django.utils import timezone

from accounts import second_factor
from accounts.models import User
from accounts.time_zones import zone_choices

from .base import EditForm
from .signing_in import CodeForm

NAMING = ("first_name", "last_name", "email", "time_zone")
NOT_THE_PASSWORD = "This is not the password you sign in with now. Type that one."  # noqa: S105


def password_input(kind: str) -> forms.PasswordInput:
    """Return a field for a password, which a browser fills by its kind: "current-password" or "new-password"."""
    return forms.PasswordInput({"autocomplete": kind})


class ProfileForm(EditForm):
    """What one is called, where one is written to, and the zone that times are shown in."""

    versioned = NAMING

    current_password = forms.CharField(
        required=False,
        strip=False,
        widget=password_input("current-password"),
        help_text="Needed to change the e-mail address, which you sign in with.",
    )
    field_order = ("first_name", "last_name", "email", "current_password", "time_zone")

    class Meta:
        model = User
        fields = NAMING
        labels: ClassVar[dict[str, str]] = {"email": "E-mail address"}
        help_texts: ClassVar[dict[str, str]] = {
            "time_zone": "Times in lists, in Teams & Logs and in your sign-in history are shown in it."
        }
        widgets: ClassVar[dict[str, forms.Widget]] = {
            "first_name": forms.TextInput({"autocomplete": "given-name"}),
            "last_name": forms.TextInput({"autocomplete": "family-name"}),
            "email": forms.EmailInput({"autocomplete": "email"}),
        }
        error_messages: ClassVar[dict[str, dict[str, str]]] = {
            "email": {"unique": "Another user has this e-mail address. Choose another one."}
        }

    def __init__(self, *args: Any, proven: Callable[[], None], **options: Any) -> None:
        super().__init__(*args, **options)
        self.proven = proven
        self.stored_email = self.instance.email
        zone = self.fields["time_zone"]
        self.fields["time_zone"] = forms.ChoiceField(
            choices=zone_choices(self.instance.time_zone), label=zone.label, help_text=zone.help_text
        )

    @staticmethod
    def asks_password(typed: Mapping[str, str], person: User) -> bool:
        """Say whether what was typed is looked at together with the password: not while the address stays."""
        return typed.get("email", "").strip().lower() != person.email

    def clean_email(self) -> str:
        """Return the address as it is stored."""
        email: str = self.cleaned_data["email"].lower()
        return email

    def clean(self) -> dict[str, Any]:
        """Let nobody who only found an open browser take the address, and with it the user, for their own."""
        cleaned = super().clean()
        email = cleaned.get("email", self.stored_email)
        if email == self.stored_email:
            return cleaned
        if self.instance.check_password(cleaned.get("current_password", "")):
            self.proven()
        else:
            self.add_error("current_password", "Type the password you sign in with now, to change the e-mail address.")
        return cleaned

    def save(self, commit: bool = True) -> User:
        """Save what the form is about, and nothing else that was read with it."""
        person: User = super().save(commit=False)
        if commit:
            person.save(update_fields=NAMING)
        return person


class NewPasswordForm(PasswordChangeForm):
    """The password one has, and another one, twice."""

    error_messages = {
        "password_incorrect": NOT_THE_PASSWORD,
        "password_mismatch": "The two new passwords are not the same. Type the same one twice.",
    }
    field_order = ("old_password", "new_password1", "new_password2")

    def __init__(self, *args: Any, proven: Callable[[], None], **options: Any) -> None:
        super().__init__(*args, **options)
        self.proven = proven
        old, new, again = (self.fields[name] for name in self.field_order)
        old.label, new.label, again.label = "Current password", "New password", "New password again"
        new.help_text = "At least 12 characters: no common password, and nothing like your name or e-mail address."
        again.help_text = ""
        del old.widget.attrs["autofocus"]

    def clean_old_password(self) -> str:
        """Refuse a wrong password; tell of a right one."""
        password = super().clean_old_password()
        self.proven()
        return password


class PasswordForm(forms.Form):
    """The password, once more, for what nobody should do who only found an open browser."""

    password = forms.CharField(label="Current password", strip=False, widget=password_input("current-password"))

    def __init__(self, person: User, *args: Any, proven: Callable[[], None], **options: Any) -> None:
        super().__init__(*args, **options)
        self.person, self.proven = person, proven

    def clean_password(self) -> str:
        """Refuse a wrong password; tell of a right one."""
        password: str = self.cleaned_data["password"]
        if not self.person.check_password(password):
            raise forms.ValidationError(NOT_THE_PASSWORD, code="password_incorrect")
        self.proven()
        return password


class SetUpForm(PasswordForm, CodeForm):
    """Shows that an app has the secret, by a code that it makes of it, and that it is the person who set it up."""

    field_order = ("code", "password")

    step: int
    """The step of time that the code belongs to."""

    def __init__(self, secret: bytes, person: User, *args: Any, **options: Any) -> None:
        super().__init__(person, *args, **options)
        self.secret = secret
        self.fields["code"].help_text = "The six digits that the app shows for Control Center now."
        self.fields["code"].widget.attrs["inputmode"] = "numeric"

    def clean_code(self) -> str:
        """Refuse a code that the secret does not make now."""
        code: str = self.cleaned_data["code"]
        step = second_factor.step_of(self.secret, second_factor.bare(code), timezone.now())
        if step is None:
            raise forms.ValidationError(
                "This is not the code that the app should show now. Scan the picture again, look whether the clock "
                "of the device is right, and type the newest code.",
                code="invalid_code",
            )
        self.step = step
        return code
