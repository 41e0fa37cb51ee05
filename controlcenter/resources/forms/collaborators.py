"""Forms about collaborators: who comes to an app from outside, and what they may do there."""

from typing import Any

from django import forms

from accounts.forms.base import EditForm
from accounts.models import User
from controlcenter.resources.models import Collaborator, Scope

UNKNOWN = "Nobody here has this email address or user ID. Who is to collaborate needs an account of their own first."


class ScopesField(forms.MultipleChoiceField):
    """What a collaborator may do, in words."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, **options: Any) -> None:
        missing = {"required": "Choose at least one."}
        super().__init__(choices=Scope.choices, error_messages=missing, **options)


class CollaboratorForm(forms.Form):
    """Add a collaborator by what people know of them."""

    who = forms.CharField(label="Email or user ID", max_length=254, widget=forms.TextInput({"autocomplete": "off"}))
    scopes = ScopesField(initial=[Scope.APPS_READ])

    def clean_who(self) -> User:
        """Return the person. One who is not there, and one who can't sign in any more, are the same to others."""
        who = self.cleaned_data["who"].lower()
        named = {"email" if "@" in who else "slug": who}
        user: User | None = User.objects.filter(is_active=True, **named).first()
        if user is None:
            raise forms.ValidationError(UNKNOWN, code="not_found")
        return user


class CollaboratorEditForm(EditForm):
    """Change what a collaborator may do."""

    scopes = ScopesField()

    class Meta:
        model = Collaborator
        fields = ("scopes",)
