"""Forms about teams, their members and what apps they come to."""

from typing import Any

from django import forms

from accounts.forms.base import SLUG_HELP, EditForm, free_slug
from accounts.models import Account, Member, Team
from controlcenter.resources.models import App, TeamApp

ACCESS_HELP = "Full access and Model trainer let the team's contributors change models, workflows and modules there."


class TeamForm(forms.ModelForm):  # type: ignore[type-arg]
    """Create a team."""

    class Meta:
        model = Team
        fields = ("name", "slug", "description")
        labels = {"slug": "Team ID"}
        help_texts = {"slug": SLUG_HELP}
        widgets = {"description": forms.Textarea({"rows": 3})}

    def clean_slug(self) -> str:
        """Refuse an id that another team of the account has."""
        return free_slug(Team.objects.for_account(self.instance.account), self.cleaned_data["slug"], "A team")


class TeamEditForm(EditForm):
    """Rename or describe a team."""

    class Meta(TeamForm.Meta):
        fields = ("name", "description")  # type: ignore[assignment]


class TeamMembersForm(forms.Form):
    """Choose members for a team, by their user ids."""

    members = forms.ModelMultipleChoiceField(
        Member.objects.none(),
        to_field_name="slug",
        error_messages={
            "required": "Choose at least one member.",
            "invalid_choice": "“%(value)s” is no member of the organization, or not any more. Choose from the list.",
        },
    )

    def __init__(self, *args: Any, account: Account, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["members"].queryset = Member.objects.for_account(account).order_by("slug")  # type: ignore[attr-defined]


class TeamAppsForm(forms.Form):
    """Choose apps for a team, by their ids, and what the team may do there."""

    apps = forms.ModelMultipleChoiceField(
        App.objects.none(),
        to_field_name="slug",
        error_messages={
            "required": "Choose at least one app.",
            "invalid_choice": "There is no app “%(value)s”, or not any more. Choose from the list.",
        },
    )
    access = forms.ChoiceField(choices=TeamApp.Access.choices, initial=TeamApp.Access.FULL, help_text=ACCESS_HELP)

    def __init__(self, *args: Any, account: Account, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["apps"].queryset = App.objects.for_account(account).order_by("slug")  # type: ignore[attr-defined]


class TeamAppForm(EditForm):
    """Change what a team may do in an app."""

    class Meta:
        model = TeamApp
        fields = ("access",)
        help_texts = {"access": ACCESS_HELP}
