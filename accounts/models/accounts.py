"""What a customer has bought, and the namespace it is bought for."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models, transaction
from django.utils import timezone

from accounts.roles import Role
from controlcenter.tracking import TrackedModel, TrackedQuerySet

if TYPE_CHECKING:
    from .members import Member
    from .users import User

LONGEST_RETENTION = 50 * 365
"""Days; ids of entries begin in 1970, and nobody keeps a log for longer than its platform has been there."""

LONGEST_HOLD_REASON = 200
NOT_AN_ORGANIZATION = "A personal account has one member, its owner: it has no invitations and can't be deleted."

valid_slug = RegexValidator(
    r"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$",
    "Use 1 to 64 lower-case letters, digits and hyphens, beginning and ending with a letter or digit.",
)


class SlugField(models.CharField):  # type: ignore[type-arg]
    """The public id of a thing, as it stands in addresses and in the log."""

    def __init__(self, *names: Any, **options: Any) -> None:
        super().__init__(*names, **{"max_length": 64, "validators": [valid_slug], **options})


class Plan(TrackedModel):
    """What a customer has bought. Capabilities are columns: code asks the row, never for the plan's name."""

    account_id: ClassVar[int] = 0  # plans belong to the platform: see Account.PLATFORM_ID

    slug = SlugField(unique=True)
    name = models.CharField(max_length=64, unique=True)
    audit_log = models.BooleanField("may read the audit log", default=False)
    retention_days = models.PositiveIntegerField(
        "days entries are kept", validators=[MaxValueValidator(LONGEST_RETENTION)]
    )
    max_apps = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: no limit.")
    rank = models.PositiveSmallIntegerField(default=0, help_text="Order in which plans are offered.")

    class Meta(TrackedModel.Meta):
        ordering = ("rank", "name")

    def __str__(self) -> str:
        return self.name


class AccountQuerySet(TrackedQuerySet["Account"]):
    def on_hold(self) -> Self:
        """Accounts whose log is on legal hold."""
        return self.filter(held_at__isnull=False)


AccountManager = models.Manager.from_queryset(AccountQuerySet)


class Account(TrackedModel):
    """An owner namespace: an organization or one user's own."""

    PLATFORM_ID: ClassVar[int] = 0

    class Kind(models.TextChoices):
        ORGANIZATION = "organization", "Organization"
        PERSONAL = "personal", "Personal"
        PLATFORM = "platform", "Platform"

    slug = SlugField(unique=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.ORGANIZATION)
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="accounts")
    second_factor_required = models.BooleanField("require a second factor of all members", default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    held_at = models.DateTimeField("on legal hold since", null=True, editable=False)
    held_by = models.ForeignKey("User", models.SET_NULL, null=True, editable=False, related_name="+")
    hold_reason = models.CharField(
        "legal hold",
        max_length=LONGEST_HOLD_REASON,
        blank=True,
        help_text="Why nothing of the log may be removed, nor anybody in it erased. Empty: it is not on hold.",
    )

    objects: ClassVar[AccountManager["Account"]] = AccountManager()

    def __str__(self) -> str:
        return self.name

    @property
    def key(self) -> str:
        """What tells it from every account that there is or was, in addresses of support staff."""
        return str(self.slug)

    def kept_since(self, now: datetime) -> datetime:
        """Return the time from which on the plan keeps entries."""
        return now - timedelta(days=min(self.plan.retention_days, LONGEST_RETENTION))

    @property
    def is_organization(self) -> bool:
        """Whether it has members, invitations and teams, and can be deleted."""
        return self.kind == self.Kind.ORGANIZATION

    def require_organization(self) -> None:
        """Raise unless it is an organization."""
        if not self.is_organization:
            raise ValidationError(NOT_AN_ORGANIZATION, code="personal_account")

    @property
    def is_on_hold(self) -> bool:
        """Whether nothing of its log may be removed."""
        return self.held_at is not None

    def put_on_hold(self, reason: str, by: "User") -> None:
        """Keep the whole log until it is released; for another reason than before, when it is on hold already.

        Raises:
            ValidationError: without a reason.
        """
        if not reason:
            raise ValidationError("A legal hold needs a reason.")
        with transaction.atomic():
            self.hold()
            self.held_at, self.held_by, self.hold_reason = self.held_at or timezone.now(), by, reason
            self.save(update_fields=["held_at", "held_by", "hold_reason"])

    def release(self) -> None:
        """Let retention and erasing go on. Raises ``ValidationError`` when it is not on hold."""
        with transaction.atomic():
            self.hold()
            if not self.is_on_hold:
                raise ValidationError(f"{self} is not on legal hold any more.", code="conflict")
            self.held_at, self.held_by, self.hold_reason = None, None, ""
            self.save(update_fields=["held_at", "held_by", "hold_reason"])

    def refuse_on_hold(self) -> None:
        """Raise while it is on hold: what its log is about, and the hold itself, would go with it."""
        if self.is_on_hold:
            raise ValidationError(f"{self} is on legal hold. Release it first.", code="on_hold")

    @classmethod
    def found(cls, by: "User", name: str, slug: str) -> "Account":
        """Create and return an organization on the smallest plan, with its founder as administrator.

        Raises:
            ValidationError: for a name or slug that won't do; ``conflict`` for a slug that is taken.
        """
        organization = cls(name=name, slug=slug, plan=Plan.objects.order_by("rank", "name")[0])
        organization.full_clean(validate_unique=False, validate_constraints=False)
        with transaction.atomic():
            if cls.objects.filter(slug=slug).exists():
                taken = ValidationError(f"The ID {slug} is taken. Choose another.", code="conflict")
                raise ValidationError({"slug": taken})
            organization.save()
            organization.admit(by, Role.ADMINISTRATOR)
        return organization

    def admit(self, user: "User", role: Role) -> "Member":
        """Create and return a membership; who had no home has one now."""
        with transaction.atomic():
            if user.home_id is None:
                user.home = self
                user.save(update_fields=["home"])
            return self.members.create(user=user, role=role)

    def dissolve(self) -> None:
        """Delete an organization with everything in it; its log stays. Whose home it was has another, or none.

        Raises:
            ValidationError: ``personal_account`` for an account that is none; ``on_hold`` for one on legal hold.
        """
        self.require_organization()
        with transaction.atomic():
            self.hold()
            self.refuse_on_hold()
            get_user_model().objects.filter(home=self).move_out(self)
            self.delete()
