"""Forms about an organization itself."""

from typing import Any, ClassVar

from django import forms

from accounts.models import Account, Plan, User

from .base import SLUG_HELP, EditForm


class PlanForm(EditForm):
    """A plain choice among the plans."""

    versioned = ("plan",)

    plan = forms.ModelChoiceField(Plan.objects.all(), to_field_name="slug", empty_label=None)

    class Meta:
        model = Account
        fields = ("plan",)


class OrganizationForm(forms.Form):
    """Create an organization; whether its id is free is for the model to say."""

    name = forms.CharField(max_length=120)
    slug = Account._meta.get_field("slug").formfield(label="Organization ID", help_text=SLUG_HELP)


class AccountForm(EditForm):
    """Rename an account, and say how its members sign in."""

    versioned = ("name", "second_factor_required")

    class Meta:
        model = Account
        fields = ("name", "second_factor_required")
        labels: ClassVar[dict[str, str]] = {"second_factor_required": "Require a second factor of all members"}
        help_texts: ClassVar[dict[str, str]] = {
            "second_factor_required": "Who has none is asked to set one up before anything here opens. "
            "API tokens work as before."
        }

    def __init__(self, *args: Any, person: User, **options: Any) -> None:
        super().__init__(*args, **options)
        self.person = person

    def clean_second_factor_required(self) -> bool:
        """Refuse to require of others what one has not: whoever does is locked out of the account themselves."""
        required: bool = self.cleaned_data["second_factor_required"]
        if required and "second_factor_required" in self.changed_data and not self.person.has_second_factor:
            raise forms.ValidationError("Set up your own second factor first.", code="no_second_factor")
        return required
