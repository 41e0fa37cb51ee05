"""The form of a saved view: what it is called, and who finds it."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from accounts.forms.base import EditForm
from accounts.models import Member, Team

from .saved_views import MOST_ALIKE, SavedView, decides_for_all, teams_of

OWN, ALL, DEFAULT, TEAM = "own", "all", "default", "team:"


class ViewForm(EditForm):
    """Names a view and says who finds it."""

    shown_to = forms.ChoiceField(
        label="Who sees it",
        widget=forms.RadioSelect,
        error_messages={
            "invalid_choice": "A view is for you, or for a team that you are in or manage. "
            "What everybody sees is for administrators to decide."
        },
    )

    class Meta:
        model = SavedView
        fields = ("name",)

    def __init__(self, *args: Any, member: Member, **options: Any) -> None:
        super().__init__(*args, **options)
        self.member = member
        self.teams = {f"{TEAM}{team.slug}": team for team in teams_of(member)}
        field: Any = self.fields["shown_to"]
        field.choices = [(OWN, "Only you"), *((value, f"Team {team}") for value, team in self.teams.items())]
        if decides_for_all(member):
            account = member.account
            field.choices += [
                (ALL, f"Everybody in {account}"),
                (DEFAULT, "Everybody, and Teams & Logs opens with it"),
            ]
        field.initial = self._shown_to_now()

    def _shown_to_now(self) -> str:
        view = self.instance
        if view.team_id:
            return f"{TEAM}{view.team.slug}"
        return OWN if view.owner_id or not view.pk else DEFAULT if view.is_default else ALL

    def clean(self) -> dict[str, Any]:
        """Refuse a name that is taken among those who find it, and one view too many."""
        cleaned = super().clean()
        if "shown_to" not in cleaned or "name" not in cleaned:
            return cleaned
        beside = SavedView.objects.for_account(self.member.account).exclude(pk=self.instance.pk)
        alike = beside.filter(**self._shown_to())
        if alike.filter(name__iexact=cleaned["name"]).exists():
            raise ValidationError(
                f"There is a view called “{cleaned['name']}” for the same people. Choose another name, or replace it.",
                code="conflict",
            )
        if alike.count() >= MOST_ALIKE:
            raise ValidationError(
                f"There are {MOST_ALIKE} views for the same people. Delete one of them first.", code="limit_reached"
            )
        return cleaned

    def _shown_to(self) -> dict[str, "Member | Team | None"]:
        chosen = self.cleaned_data["shown_to"]
        return {"owner": self.member if chosen == OWN else None, "team": self.teams.get(chosen)}

    def keep(self, query: str | None = None) -> None:
        """Save the view; with a query, as one that shows that."""
        view: SavedView = self.instance
        for name, value in self._shown_to().items():
            setattr(view, name, value)
        view.is_default = self.cleaned_data["shown_to"] == DEFAULT
        if query is not None:
            view.query = query
        view.keep()
