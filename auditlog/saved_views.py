"""Views of the log that are kept under a name: one's own, a team's, or an account's."""

import secrets
from typing import ClassVar, Self

from django.db import models, transaction
from django.db.models import Q
from django.urls import reverse

from accounts.models import Account, Member, SlugField, Team
from accounts.roles import Permission, Reach
from controlcenter.tracking import TrackedModel, TrackedQuerySet

LONGEST_NAME = 60
LONGEST_QUERY = 4000
MOST_ALIKE = 50
"""Views that the same people find."""


def new_view_id() -> str:
    """Return eight characters that nobody guesses and anybody can read out."""
    return secrets.token_hex(4)


def decides_for_all(member: Member) -> bool:
    """Whether the member decides what everybody finds."""
    return member.reach(Permission.MANAGE_ACCOUNT) is Reach.ALL


def teams_of(member: Member) -> "models.QuerySet[Team]":
    """Return the teams for which the member may keep views, by their names."""
    teams = Team.objects.for_account(member.account).order_by("name")
    return teams if _manages_teams(member) else teams.filter(members=member)


class SavedViewQuerySet(TrackedQuerySet["SavedView"]):
    """Who finds which views, and who may change them."""

    def for_account(self, account: Account) -> Self:
        """Views of one account."""
        return self.filter(account=account)

    def shown_to(self, member: Member) -> Self:
        """The account's views, those of the member's teams, and the member's own; all teams' for who manages teams."""
        teams = Q(team__isnull=False) if _manages_teams(member) else Q(team__members=member)
        return self._reached(member, Q(owner=None, team=None) | teams)

    def changed_by(self, member: Member) -> Self:
        """The views that the member may rename, replace or delete."""
        teams = Q(team__isnull=False) if _manages_teams(member) else Q(team__members=member)
        return self._reached(member, teams | Q(owner=None, team=None) if decides_for_all(member) else teams)

    def matching(self, text: str) -> Self:
        """Views with the text in their name or id; all of them for no text."""
        text = text.strip()
        return self.filter(Q(slug__icontains=text) | Q(name__icontains=text))

    def _reached(self, member: Member, others: Q) -> Self:
        # A subquery, so that a row can be held: joins to teams would need DISTINCT, which can't be.
        reached = self.model._base_manager.filter(Q(owner=member) | others).values("pk")
        return self.filter(account=member.account, pk__in=reached)


SavedViewManager = models.Manager.from_queryset(SavedViewQuerySet)


class SavedView(TrackedModel):
    """A look at the log, kept as the address that leads to it, under a name and a short address."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    slug = SlugField("view id", unique=True, default=new_view_id)
    name = models.CharField(max_length=LONGEST_NAME)
    query = models.CharField(
        max_length=LONGEST_QUERY, blank=True, help_text="Filters, dates, zone and display as they stand in an address."
    )
    owner = models.ForeignKey(
        Member, models.CASCADE, null=True, blank=True, related_name="+", help_text="Who alone sees it."
    )
    team = models.ForeignKey(
        Team, models.CASCADE, null=True, blank=True, related_name="+", help_text="Whose members see it."
    )
    is_default = models.BooleanField(default=False, help_text="Whether Teams & Logs opens with it.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[SavedViewManager["SavedView"]] = SavedViewManager()

    class Meta(TrackedModel.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=("account",), condition=Q(is_default=True), name="one_default_view_per_account"
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def shown_to_label(self) -> str:
        """Who finds it."""
        if self.team_id:
            return f"Team {self.team}"
        if self.owner_id:
            return "Only you"
        return "Everybody, as the first view" if self.is_default else "Everybody"

    @property
    def address(self) -> str:
        """The short address that opens it."""
        return reverse("log-view", args=[self.account.slug, self.slug])

    def keep(self) -> None:
        """Save it. There is one default: the one before stays, as a view for everybody."""
        with transaction.atomic():
            if self.is_default:
                others = SavedView.objects.filter(account=self.account, is_default=True).exclude(pk=self.pk)
                others.update(is_default=False)
            self.save()


def _manages_teams(member: Member) -> bool:
    return member.reach(Permission.MANAGE_TEAMS) is Reach.ALL
