"""Forms about apps. Each names the field, what is wrong and what would be right; nothing typed is lost."""

from typing import Any

from django import forms

from accounts.models import Account

from .models import App

PARTS = (("models", "Models"), ("workflows", "Workflows"), ("modules", "Modules"))


class AppForm(forms.ModelForm):  # type: ignore[type-arg]
    """Create an app, or edit one."""

    class Meta:
        model = App
        fields = ("name", "slug", "description", "visibility")
        labels = {"slug": "App ID"}
        help_texts = {
            "slug": "Stands in addresses and in the log, and stays as it is. Lower-case letters, digits and hyphens."
        }
        widgets = {"description": forms.Textarea({"rows": 3})}

    def clean_slug(self) -> str:
        """Refuse an id that another app of the account has."""
        return _free_slug(self.instance.account, self.cleaned_data["slug"])


class AppEditForm(AppForm):
    """Edit an app; notices when somebody else has edited it meanwhile."""

    version = forms.CharField(widget=forms.HiddenInput, required=False)

    class Meta(AppForm.Meta):
        fields = ("name", "description", "visibility")  # type: ignore[assignment]

    def __init__(self, *args: Any, only_description: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self.current_version = self.instance.updated_at.isoformat()
        self.initial["version"] = self.current_version
        if only_description:
            del self.fields["name"], self.fields["visibility"]

    def clean(self) -> dict[str, Any]:
        """Refuse to overwrite what somebody else has saved since the page was opened."""
        cleaned = super().clean() or {}
        if cleaned.get("version") != self.current_version:
            # The next try is made knowingly: it carries the version that is current now.
            self.data = {**dict(self.data.items()), "version": self.current_version}
            raise forms.ValidationError(
                "Somebody else changed this app after you opened the page. Your text is kept below: "
                "compare it with the app as it is now, then save again.",
                code="conflict",
            )
        return cleaned


class AppDuplicateForm(forms.Form):
    """Copy an app under a new id."""

    name = forms.CharField(max_length=120)
    slug = App._meta.get_field("slug").formfield(label="App ID", help_text="The copy's own id.")
    parts = forms.MultipleChoiceField(
        choices=PARTS,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Copy with it",
        initial=[name for name, _ in PARTS],
    )

    def __init__(self, *args: Any, account: Account, **options: Any) -> None:
        super().__init__(*args, **options)
        self.account = account

    def clean_slug(self) -> str:
        """Refuse an id that another app of the account has."""
        return _free_slug(self.account, self.cleaned_data["slug"])


class AppDeleteForm(forms.Form):
    """Delete an app: its id has to be typed."""

    confirm = forms.CharField(label="App ID", widget=forms.TextInput({"autocomplete": "off"}))
    reason = forms.CharField(
        max_length=200, required=False, help_text="Stands in the log, for whoever wonders why. Up to 200 characters."
    )

    def __init__(self, *args: Any, app: App, **options: Any) -> None:
        super().__init__(*args, **options)
        self.app = app

    def clean_confirm(self) -> str:
        """Refuse anything but the app's id."""
        typed: str = self.cleaned_data["confirm"]
        if typed.strip() != self.app.slug:
            raise forms.ValidationError(f"Type {self.app.slug} to delete this app.", code="not_confirmed")
        return typed


def _free_slug(account: Account, slug: str) -> str:
    limit = account.plan.max_apps
    if limit is not None and App.objects.for_account(account)[:limit].count() == limit:
        raise forms.ValidationError(
            f"The {account.plan} plan has room for {limit} apps. Delete one, or change the plan.", code="limit_reached"
        )
    if App.objects.for_account(account).filter(slug=slug).exists():
        raise forms.ValidationError(f"An app with the ID {slug} exists already. Choose another.", code="conflict")
    return slug
