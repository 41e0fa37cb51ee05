"""What all forms share: what was sent, why it was refused, and whether what they are about is still as it was shown."""

import hashlib
from collections.abc import Collection
from typing import Any, ClassVar

from django import forms
from django.db import models
from django.http import HttpRequest, QueryDict

from controlcenter.masking import masked
from controlcenter.tracking import BOOKKEEPING

SLUG_HELP = "Stands in addresses and in the log, and stays as it is. Lower-case letters, digits and hyphens."
LONGEST_REASON = 200


def posted(request: HttpRequest) -> QueryDict | None:
    """Return what a form was sent with, which may be nothing; None for a page that is only opened."""
    return request.POST if request.method == "POST" else None


def sentence_of(form: forms.BaseForm) -> str:
    """Return all errors of a form as one sentence for a failure entry: the fields' names and what is wrong.

    Django's messages repeat no text that was typed, only a choice that is none."""
    parts = []
    for name, errors in form.errors.as_data().items():
        label = form.fields[name].label or name.replace("_", " ").capitalize() if name in form.fields else ""
        told = [getattr(error, "sentence", "") or " ".join(error.messages) for error in errors]
        parts += [f"{label}: {message}" if label else message for message in told]
    return " ".join(parts)


def free_slug(rows: "models.QuerySet[Any]", slug: str, thing: str) -> str:
    """Return an id that none of the rows has.

    Args:
        thing: what has an id, with its article: "A team".

    Raises:
        ValidationError: for one that is taken.
    """
    if rows.filter(slug=slug).exists():
        raise forms.ValidationError(f"{thing} with the ID {slug} exists already. Choose another.", code="conflict")
    return slug


def version_of(row: models.Model, only: Collection[str] = ()) -> str:
    """Return a digest of what is stored in a row: another one after every change that matters.

    Args:
        only: the fields that matter; all of them by default.
    """
    values = [
        (field.attname, str(getattr(row, field.attname)))
        for field in row._meta.concrete_fields
        if (field.name in only if only else field.name not in BOOKKEEPING)
    ]
    return hashlib.sha256(repr(values).encode()).hexdigest()[:16]


class OutOfDate(forms.ValidationError):
    """Somebody else has saved since the page was opened. Who typed is told what; the log only that."""

    def __init__(self, differences: str) -> None:
        self.sentence = "Somebody else changed this after the page was opened."
        super().__init__(
            f"Somebody else changed this after you opened the page. {differences}"
            "Your text is kept below: save again to replace theirs.",
            code="conflict",
        )


class EditForm(forms.ModelForm):  # type: ignore[type-arg]
    """Edits a row; refuses to overwrite what somebody else has saved since the page was opened."""

    version = forms.CharField(widget=forms.HiddenInput, required=False)
    versioned: ClassVar[Collection[str]] = ()
    """Fields whose change by somebody else matters; all of them by default."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.initial["version"] = version_of(self.instance, self.versioned)
        self._now: models.Model | None = None

    def compare(self, held: models.Model) -> None:
        """Take the row as it is stored now, held until the end, for what the page should have shown."""
        self._now = held

    def clean(self) -> dict[str, Any]:
        """Refuse a form that was opened before the row was last changed."""
        cleaned = super().clean() or {}
        if self._now is not None and cleaned.get("version") != version_of(self._now, self.versioned):
            # The next try is made knowingly: it carries the version that is current now.
            self.data = self.data.copy()  # type: ignore[attr-defined]
            self.data["version"] = version_of(self._now, self.versioned)  # type: ignore[index]
            raise OutOfDate(self._differences())
        return cleaned

    def _differences(self) -> str:
        """Say what is stored now in the fields that were typed into."""
        stored = {
            self.fields[name].label or name.replace("_", " ").capitalize(): _in_words(self._now, name)
            for name in self.fields
            if hasattr(self._now, name) and getattr(self._now, name) != self.cleaned_data.get(name)
        }
        return "".join(f"{label} is “{value}” now. " for label, value in stored.items())


def _in_words(row: models.Model | None, name: str) -> str:
    """Return a stored value as the page shows it."""
    display = getattr(row, f"get_{name}_display", None)
    value = display() if display else getattr(row, name)
    return ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)


def without_credential(text: str) -> str:
    """Return a text that stands in the log; refuse what looks like a credential."""
    if masked(text) != text:
        raise forms.ValidationError("This looks like a password, token or key: leave it out.")
    return text


class NoCredentials(forms.Form):
    """Takes texts that stand in the log, and no credential in any of them."""

    def clean(self) -> dict[str, Any]:
        """Refuse what looks like a credential."""
        cleaned = super().clean() or {}
        for name, text in list(cleaned.items()):
            try:
                without_credential(text)
            except forms.ValidationError as error:
                self.add_error(name, error)
        return cleaned


class ReasonForm(forms.Form):
    """A button with an optional reason, which stands in the entry."""

    reason = forms.CharField(
        max_length=LONGEST_REASON,
        required=False,
        help_text=f"Stands in the log, for whoever wonders why. Up to {LONGEST_REASON} characters.",
    )


class ConfirmForm(ReasonForm):
    """Does what can't be undone, once a given text has been typed."""

    confirm = forms.CharField(widget=forms.TextInput({"autocomplete": "off"}))
    field_order = ("confirm", "reason")

    def __init__(self, *args: Any, typed: str, label: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.typed = typed
        self.fields["confirm"].label = label

    def clean_confirm(self) -> str:
        """Refuse anything but the text."""
        confirmed: str = self.cleaned_data["confirm"]
        if confirmed.strip() != self.typed:
            raise forms.ValidationError(f"Type {self.typed} to go on.", code="not_confirmed")
        return confirmed
