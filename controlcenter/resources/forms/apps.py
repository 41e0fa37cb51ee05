"""Forms about apps. Each names the field, what is wrong and what would be right; nothing typed is lost."""

from collections.abc import Sequence
from typing import Any

from django import forms

from accounts.forms.base import SLUG_HELP, EditForm, ReasonForm, free_slug
from accounts.models import Account, valid_slug
from controlcenter.resources.models import PARTS, App


class AppForm(forms.ModelForm):  # type: ignore[type-arg]
    """Create an app."""

    class Meta:
        model = App
        fields = ("name", "slug", "description", "visibility")
        labels = {"slug": "App ID"}
        help_texts = {"slug": SLUG_HELP}
        widgets = {"description": forms.Textarea({"rows": 3})}

    def clean_slug(self) -> str:
        """Refuse an id that another app of the account has."""
        return _slug_in(self.instance.account, self.cleaned_data["slug"])


class AppEditForm(EditForm):
    """Edit an app; who may edit it through a team only changes the description."""

    class Meta(AppForm.Meta):
        fields = ("name", "description", "visibility")  # type: ignore[assignment]

    def __init__(self, *args: Any, only_description: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        if only_description:
            del self.fields["name"], self.fields["visibility"]


class AppDuplicateForm(forms.Form):
    """Copy an app under a new id."""

    name = forms.CharField(max_length=120)
    slug = forms.CharField(label="App ID", help_text="The copy's own id.", max_length=64, validators=[valid_slug])
    parts = forms.MultipleChoiceField(
        choices=[(part, part.capitalize()) for part in PARTS],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Copy with it",
        initial=PARTS,
    )

    def __init__(self, *args: Any, account: Account, **options: Any) -> None:
        super().__init__(*args, **options)
        self.account = account

    def clean_slug(self) -> str:
        """Refuse an id that another app of the account has."""
        return _slug_in(self.account, self.cleaned_data["slug"])


class AppTransferForm(ReasonForm):
    """Give an app to one of some accounts."""

    account = forms.ChoiceField(label="New owner", help_text="Accounts that you administer.")
    field_order = ("account", "reason")

    def __init__(self, *args: Any, accounts: Sequence[Account], **options: Any) -> None:
        super().__init__(*args, **options)
        self.accounts = {account.slug: account for account in accounts}
        choices = [(slug, f"{account} ({slug})") for slug, account in self.accounts.items()]
        self.fields["account"].choices = choices  # type: ignore[attr-defined]

    def clean_account(self) -> Account:
        """Return the account itself."""
        return self.accounts[self.cleaned_data["account"]]


def _slug_in(account: Account, slug: str) -> str:
    """Return the id of a new app, where there is room for one."""
    App.require_room(account)
    return free_slug(App.objects.for_account(account), slug, "An app")
