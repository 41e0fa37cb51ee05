"""Forms about API tokens."""

from collections.abc import Iterator
from itertools import groupby
from typing import ClassVar

from django import forms
from django.forms.boundfield import BoundField, BoundWidget

from accounts.models import Token
from accounts.tokens import TokenScope

from .base import EditForm


class ScopesBoundField(BoundField):
    """Scopes as a page shows them: by what they are about."""

    @property
    def families(self) -> Iterator[tuple[str, list[BoundWidget]]]:
        """Each family of scopes, with its boxes."""
        for family, boxes in groupby(self.subwidgets, lambda box: str(box.data["value"]).partition(":")[0]):
            yield family.replace("_", " ").capitalize(), list(boxes)


class ScopesField(forms.MultipleChoiceField):
    """What a token may be used for, as a box for each scope."""

    bound_field_class = ScopesBoundField
    widget = forms.CheckboxSelectMultiple
    template = "accounts/_scopes.html"


class TokenForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a token is called and may be used for."""

    scopes = ScopesField(
        choices=TokenScope.choices,
        help_text="Choose as few as will do. Whatever the scopes, a token never does more than your role allows.",
        error_messages={"required": "Choose at least one scope."},
    )

    class Meta:
        model = Token
        fields = ("name", "scopes")
        help_texts: ClassVar[dict[str, str]] = {"name": "What will use it: the log calls it by this name."}


class TokenEditForm(TokenForm, EditForm):
    """Another name or other scopes for a token."""
