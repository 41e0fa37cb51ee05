"""Forms about an organization itself."""

from django import forms

from accounts.models import Account, Plan

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
    """Rename an account."""

    versioned = ("name",)

    class Meta:
        model = Account
        fields = ("name",)
