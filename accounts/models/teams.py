"""Groups of members."""

from collections.abc import Collection
from typing import Any, ClassVar, Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from controlcenter.tracking import TrackedModel, TrackedQuerySet

from .accounts import Account, SlugField
from .members import Member
from .users import avatar_of, initials_of


class TeamQuerySet(TrackedQuerySet["Team"]):
    def for_account(self, account: Account) -> Self:
        """Teams of one account."""
        return self.filter(account=account)

    def matching(self, text: str) -> Self:
        """Teams with the text in their id, name or description; all of them for no text."""
        text = text.strip()
        return self.filter(Q(slug__icontains=text) | Q(name__icontains=text) | Q(description__icontains=text))


TeamManager = models.Manager.from_queryset(TeamQuerySet)


class Team(TrackedModel):
    """A named group of members; its apps and their access levels are in ``controlcenter.resources``."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="teams")
    slug = SlugField()
    name = models.CharField(max_length=120)
    description = models.CharField(max_length=300, blank=True)
    members: "models.ManyToManyField[Member, Any]" = models.ManyToManyField(
        Member, through="TeamMember", related_name="teams"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[TeamManager["Team"]] = TeamManager()

    class Meta(TrackedModel.Meta):
        constraints = (models.UniqueConstraint(fields=("account", "slug"), name="team_slug_once_per_account"),)

    def __str__(self) -> str:
        return self.name

    @property
    def initials(self) -> str:
        """Two letters to draw instead of a picture."""
        return initials_of(self.name) if " " in self.name.strip() else self.name[:2].upper()

    @property
    def avatar(self) -> str:
        """The CSS class of the team's colour."""
        return avatar_of(self.slug)

    def take_in(self, members: Collection[Member]) -> None:
        """Take members of the team's account in, all of them or none.

        Raises:
            ValidationError: for somebody of another account, or in the team already.
        """
        if any(member.account_id != self.account_id for member in members):
            raise ValidationError(f"Only members of {self.account} can be in {self}.", code="not_a_member")
        places = TeamMember.objects.filter(team=self, member__in=members).values_list("member__user__slug", flat=True)
        if known := sorted(places):
            are = "is" if len(known) == 1 else "are"
            raise ValidationError(f"{', '.join(known)} {are} in {self} already.", code="conflict")
        TeamMember.objects.bulk_create(TeamMember(team=self, member=member) for member in members)


class TeamMember(TrackedModel):
    """One member's place in a team."""

    team = models.ForeignKey(Team, models.CASCADE)
    member = models.ForeignKey(Member, models.CASCADE)

    class Meta(TrackedModel.Meta):
        constraints = (models.UniqueConstraint(fields=("team", "member"), name="member_once_per_team"),)

    def __str__(self) -> str:
        return f"{self.member} in {self.team}"
