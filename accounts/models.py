"""Who there is: plans, accounts, users, members, invitations, teams and tokens."""

import hashlib
import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import check_password
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from controlcenter.context import Actor, ActorType
from controlcenter.tracking import TrackedModel, TrackedQuerySet

from .roles import Permission, Reach, Role, reach_of

LONGEST_RETENTION = 50 * 365
"""Days; ids of entries begin in 1970, and nobody keeps a log for longer than its platform has been there."""

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
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name

    def kept_since(self, now: datetime) -> datetime:
        """Return the time from which on the plan keeps entries."""
        return now - timedelta(days=min(self.plan.retention_days, LONGEST_RETENTION))


class UserManager(BaseUserManager.from_queryset(TrackedQuerySet["User"])):  # type: ignore[misc]
    """Creates users; e-mail addresses are compared without regard to case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create and return a user with a hashed password (None: can't sign in)."""
        user: User = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save()
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create and return a member of the support staff."""
        return self.create_user(email, password, **{**fields, "is_staff": True})

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the user who signs in with this e-mail address."""
        user: User = self.get(email=(username or "").strip().lower())
        return user


class User(AbstractBaseUser, TrackedModel):
    """A person who signs in. Support staff have ``is_staff`` and work in the admin."""

    email = models.EmailField(unique=True)
    slug = SlugField("user id", unique=True)
    first_name = models.CharField(max_length=80, blank=True)
    last_name = models.CharField(max_length=80, blank=True)
    home = models.ForeignKey(
        Account,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="The account whose log shows this person's sign-ins and profile changes.",
    )
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField("support staff", default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()

    loaded_memberships: "list[Member]"
    """All memberships; set on who is signed in, by ``accounts.backends``."""

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["slug"]

    class Meta(TrackedModel.Meta):
        constraints = (models.CheckConstraint(condition=Q(email=Lower("email")), name="user_email_lower_case"),)

    def __str__(self) -> str:
        return self.full_name

    def save(self, *args: Any, **options: Any) -> None:
        """Save with the e-mail address in lower case."""
        self.email = self.email.lower()
        super().save(*args, **options)

    @property
    def full_name(self) -> str:
        """First and last name, or the public id of somebody without."""
        return f"{self.first_name} {self.last_name}".strip() or self.slug

    @property
    def initials(self) -> str:
        """Two letters to draw instead of a picture."""
        return initials_of(self.full_name)

    @property
    def avatar(self) -> str:
        """The CSS class of this person's colour."""
        return avatar_of(self.slug)

    def as_actor(self) -> Actor:
        """Return this person as the actor of operations, named as now."""
        kind = ActorType.SUPPORT_STAFF if self.is_staff else ActorType.USER
        return Actor(kind, self.pk, self.slug, self.first_name, self.last_name, self.email)

    def check_password(self, raw_password: str) -> bool:
        """Say whether this is the password. Unlike Django's, it never re-hashes: nobody changed anything."""
        return check_password(raw_password, self.password)

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Support staff may use all of the admin; what a page forbids, it forbids itself."""
        return self.is_active and self.is_staff

    def has_module_perms(self, app_label: str) -> bool:
        """See ``has_perm``."""
        return self.is_active and self.is_staff


def initials_of(name: str) -> str:
    """Return the first letters of the first and last word of a name."""
    words = name.replace("-", " ").split()
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()


def avatar_of(slug: str) -> str:
    """Return one of six CSS classes, always the same for the same slug."""
    return f"a{sum(slug.encode()) % 6 + 1}"


class Member(TrackedModel):
    """A user's membership of an account, with a role. The owner of a personal account is its administrator."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="members")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=24, choices=Role)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TrackedModel.Meta):
        constraints = (models.UniqueConstraint(fields=("account", "user"), name="member_once_per_account"),)

    def __str__(self) -> str:
        return f"{self.user} in {self.account}"

    def reach(self, permission: Permission) -> Reach:
        """Return how far the member's role carries this permission."""
        return reach_of(Role(self.role), permission)


class Invitation(TrackedModel):
    """An e-mail address asked to join an organization."""

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        ACCEPTED = "accepted", "Accepted"
        DECLINED = "declined", "Declined"
        CANCELLED = "cancelled", "Cancelled"
        EXPIRED = "expired", "Expired"

    account = models.ForeignKey(Account, models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=24, choices=Role)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    class Meta(TrackedModel.Meta):
        constraints = (
            models.UniqueConstraint(
                "account", Lower("email"), condition=Q(state="pending"), name="invitation_once_while_pending"
            ),
        )

    def __str__(self) -> str:
        return f"{self.email} to {self.account}"

    @property
    def masked_email(self) -> str:
        """The address as it may stand in an entry, which outlives the right to know whose it is."""
        local, _, domain = self.email.partition("@")
        return f"{local[:1]}…@{domain}"


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

    class Meta(TrackedModel.Meta):
        constraints = (models.UniqueConstraint(fields=("account", "slug"), name="team_slug_once_per_account"),)

    def __str__(self) -> str:
        return self.name


class TeamMember(TrackedModel):
    """One member's place in a team."""

    team = models.ForeignKey(Team, models.CASCADE)
    member = models.ForeignKey(Member, models.CASCADE)

    class Meta(TrackedModel.Meta):
        constraints = (models.UniqueConstraint(fields=("team", "member"), name="member_once_per_team"),)

    def __str__(self) -> str:
        return f"{self.member} in {self.team}"


class Token(TrackedModel):
    """A personal access token. Only its digest is stored; the token itself is shown once."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="tokens")
    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    slug = SlugField("token id", unique=True)
    name = models.CharField(max_length=120)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=40), default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    def __str__(self) -> str:
        return self.name

    @classmethod
    def issue(cls, user: User, account: Account, name: str, scopes: list[str]) -> tuple["Token", str]:
        """Create a token and return it with its secret, which can't be had again."""
        secret = secrets.token_hex(32)
        digest = hashlib.sha256(secret.encode()).hexdigest()
        token = cls.objects.create(
            account=account, user=user, slug=secrets.token_hex(8), name=name, digest=digest, scopes=scopes
        )
        return token, secret

    def revoke(self) -> None:
        """End the token's use at once."""
        self.revoked_at = timezone.now()
        self.save(update_fields=["revoked_at"])

    def as_actor(self) -> Actor:
        """Return the token's user acting through it."""
        return replace(self.user.as_actor(), type=ActorType.TOKEN, token_id=self.slug, token_name=self.name)
