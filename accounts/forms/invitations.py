"""Forms to invite people, and to become one of them."""

import re
from typing import Any, ClassVar

from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.http import QueryDict
from django.utils.text import slugify

from accounts.models import Invitation, User
from accounts.roles import Role

from .base import SLUG_HELP


class InviteForm(forms.Form):
    """Some addresses, which all get the same role. What stands against one is for the model to say."""

    emails = forms.CharField(
        label="E-mail addresses",
        widget=forms.Textarea({"rows": 5, "autocomplete": "off", "spellcheck": "false"}),
        help_text=f"Up to {Invitation.MOST_AT_ONCE}, one a line or with commas between them.",
    )
    role = forms.ChoiceField(
        choices=Role.choices,
        initial=Role.ORGANIZATION_USER,
        help_text="All of them get it; you can change it later for each.",
    )

    def clean_emails(self) -> list[str]:
        """Return the addresses one by one."""
        return [email for email in re.split(r"[\s,;]+", self.cleaned_data["emails"]) if email]


class JoinForm(forms.ModelForm):  # type: ignore[type-arg]
    """Become a user, to accept an invitation."""

    password = forms.CharField(
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text=" ".join(password_validators_help_texts()[:1]),
    )

    class Meta:
        model = User
        fields = ("first_name", "last_name", "slug")
        labels: ClassVar[dict[str, str]] = {"slug": "User ID"}
        help_texts: ClassVar[dict[str, str]] = {"slug": SLUG_HELP}
        widgets: ClassVar[dict[str, forms.Widget]] = {
            "first_name": forms.TextInput({"autocomplete": "given-name"}),
            "last_name": forms.TextInput({"autocomplete": "family-name"}),
            "slug": forms.TextInput({"autocomplete": "off"}),
        }
        error_messages: ClassVar[dict[str, dict[str, str]]] = {
            "slug": {"unique": "Another user has this ID. Choose another one."}
        }

    def __init__(self, data: QueryDict | None, *, email: str) -> None:
        super().__init__(data, instance=User(email=email), initial={"slug": free_slug(email)})
        self.fields["first_name"].required = self.fields["last_name"].required = True

    def clean(self) -> dict[str, Any]:
        """Refuse a password that is easily guessed, by whom it belongs to for one."""
        cleaned = super().clean() or {}
        if password := cleaned.get("password"):
            person = User(
                email=self.instance.email, **{name: cleaned.get(name, "") for name in self._meta.fields or ()}
            )
            try:
                validate_password(password, person)
            except forms.ValidationError as error:
                self.add_error("password", error)
        return cleaned


def free_slug(email: str) -> str:
    """Return a user id to propose for an address: what stands before the @, numbered when somebody has it."""
    stem = slugify(email.partition("@")[0].replace(".", "-").replace("_", "-"))[:56].strip("-") or "user"
    taken = set(User.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    numbered = (f"{stem}-{number}" for number in range(2, len(taken) + 3))
    return stem if stem not in taken else next(slug for slug in numbered if slug not in taken)
