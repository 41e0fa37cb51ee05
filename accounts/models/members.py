"""Who is in an account, with which role."""

from typing import TYPE_CHECKING, ClassVar, Self

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts.roles import Permission, Reach, Role, reach_of
from controlcenter.tracking import TrackedModel, TrackedQuerySet

from .accounts import Account
from .users import User, people_like

if TYPE_CHECKING:
    from .teams import Team
    from .tokens import TokenQuerySet


def roles_like(text: str) -> list[Role]:
    """Return the roles with the text in their label."""
    return [role for role in Role if text.lower() in role.label.lower()]


class MemberQuerySet(TrackedQuerySet["Member"]):
    def for_account(self, account: Account) -> Self:
        """Members of one account, with ``slug``, the user's, to order them by."""
        return self.filter(account=account).select_related("user").annotate(slug=F("user__slug"))

    def inside(self, team: "Team") -> Self:
        """Members who are in a team."""
        return self.filter(teams=team)

    def outside(self, team: "Team") -> Self:
        """Members who are not in a team."""
        return self.exclude(teams=team)

    def matching(self, text: str) -> Self:
        """Members with the text in their name, user id, e-mail address or role; all of them for no text."""
        return self.filter(people_like(text) | Q(role__in=roles_like(text)))

    def administrators(self) -> Self:
        """Members who may do everything, and can sign in to do it."""
        return self.filter(role=Role.ADMINISTRATOR, user__is_active=True)


MemberManager = models.Manager.from_queryset(MemberQuerySet)


class Member(TrackedModel):
    """A user's membership of an account, with a role. The owner of a personal account is its administrator."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="members")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=24, choices=Role)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[MemberManager["Member"]] = MemberManager()

    class Meta(TrackedModel.Meta):
        constraints = (models.UniqueConstraint(fields=("account", "user"), name="member_once_per_account"),)

    def __str__(self) -> str:
        return f"{self.user} in {self.account}"

    def reach(self, permission: Permission) -> Reach:
        """Return how far the member's role carries this permission."""
        return reach_of(Role(self.role), permission)

    def change_role(self, role: Role) -> None:
        """Give the member another role.

        Raises:
            ValidationError: ``last_administrator`` when nobody would be left to administer the organization;
                ``personal_account`` for the owner of one.
        """
        with transaction.atomic():
            self._hold_all()
            if role != Role.ADMINISTRATOR:
                self._refuse_last_administrator()
            self.role = role
            self.save(update_fields=["role"])

    def remove(self) -> None:
        """End the membership, with its places in teams and its tokens. Raises as ``change_role``."""
        with transaction.atomic():
            self._hold_all()
            self._refuse_last_administrator()
            self.living_tokens().update(revoked_at=timezone.now())
            User.objects.filter(pk=self.user_id, home=self.account_id).move_out(self.account)
            self.delete()

    def living_tokens(self) -> "TokenQuerySet":
        """Return the tokens that end with the membership."""
        return self.user.tokens.living().filter(account=self.account_id)

    def _hold_all(self) -> None:
        """Hold the whole account, whose members the rules below are about, until the transaction ends."""
        self.account.hold()
        self.account.require_organization()
        self.hold()

    def _refuse_last_administrator(self) -> None:
        others = Member.objects.filter(account=self.account_id).administrators().exclude(pk=self.pk)
        if self.role == Role.ADMINISTRATOR and not others.exists():
            raise ValidationError(
                f"{self.user} is the last administrator of {self.account}. "
                "Make somebody else an administrator first, or delete the organization.",
                code="last_administrator",
            )
