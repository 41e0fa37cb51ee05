"""Who there is: plans, accounts, users, members, invitations, teams and tokens."""

import hashlib
import secrets
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce
from operator import and_, or_
from typing import Any, ClassVar, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import check_password
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models, transaction
from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.functions import Lower
from django.http import HttpRequest
from django.utils import timezone

from controlcenter.context import SYSTEM, Actor, ActorType, acting_as, current
from controlcenter.tracking import TrackedModel, TrackedQuerySet

from .roles import Permission, Reach, Role, reach_of
from .time_zones import UTC, valid_zone, zone_named

LONGEST_RETENTION = 50 * 365
"""Days; ids of entries begin in 1970, and nobody keeps a log for longer than its platform has been there."""

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
            return Member.objects.create(account=self, user=user, role=role)

    def dissolve(self) -> None:
        """Delete an organization with everything in it; its log stays. Whose home it was has another, or none.

        Raises:
            ValidationError: ``personal_account`` for an account that is none.
        """
        self.require_organization()
        with transaction.atomic():
            User.objects.filter(home=self).move_out(self)
            self.delete()


class Theme(models.TextChoices):
    """How pages are coloured."""

    LIGHT = "light", "Light"
    DARK = "dark", "Dark"
    SYSTEM = "system", "System"


class UserQuerySet(TrackedQuerySet["User"]):
    def move_out(self, account: Account) -> None:
        """Give them the oldest other account they are in as home, or none: the platform keeps their sign-ins then."""
        others = Member.objects.filter(user=OuterRef("pk")).exclude(account=account).order_by("pk")
        self.update(home=Subquery(others.values("account")[:1]))


class UserManager(BaseUserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]
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
    time_zone = models.CharField(max_length=64, default=UTC, validators=[valid_zone])
    theme = models.CharField(max_length=6, choices=Theme, blank=True, help_text="Empty: never chosen.")
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
    def zone(self) -> ZoneInfo:
        """The time zone that times are shown in."""
        return zone_named(self.time_zone)

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


def people_like(text: str, user: str = "user__") -> Q:
    """Return the condition that each word of a text stands in a person's name, user id or e-mail address.

    Args:
        user: the path from the rows to the person; "" for the people themselves.
    """
    fields = ("slug", "first_name", "last_name", "email")
    words = (reduce(or_, (Q(**{f"{user}{field}__icontains": word}) for field in fields)) for word in text.split())
    return reduce(and_, words, Q())


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
        return Token.objects.living().filter(account=self.account_id, user=self.user_id)

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


class NotInvited(ValidationError):  # noqa: N818
    """Addresses that can't be invited. Who asked is told which; the log only how many, as they are nobody's here."""

    def __init__(self, errors: list[ValidationError], count: int) -> None:
        super().__init__({"emails": errors})
        self.code = errors[0].code
        told = f"{len(errors)} of {count} addresses can't be invited."
        self.sentence = errors[0].message if self.code in {"required", "limit_reached"} else told


class InvitationQuerySet(TrackedQuerySet["Invitation"]):
    def for_account(self, account: Account) -> Self:
        """Invitations to one account."""
        return self.filter(account=account)

    def pending(self) -> Self:
        """Those without an answer; time may have passed over them."""
        return self.filter(state=Invitation.State.PENDING)

    def open(self) -> Self:
        """Those that can be resent or cancelled."""
        return self.filter(state__in=Invitation.OPEN)

    def matching(self, text: str) -> Self:
        """Invitations with the text in their address or role; all of them for no text."""
        return self.filter(Q(email__icontains=text) | Q(role__in=roles_like(text)))

    def expire_overdue(self) -> None:
        """Let time do its work, so that whoever looks at invitations finds them as they are. Nobody does this."""
        with acting_as(SYSTEM):
            self.pending().filter(expires_at__lte=timezone.now()).update(state=Invitation.State.EXPIRED)


InvitationManager = models.Manager.from_queryset(InvitationQuerySet)


class Invitation(TrackedModel):
    """An e-mail address asked to join an organization."""

    VALID_FOR: ClassVar[timedelta] = timedelta(days=14)
    MOST_AT_ONCE: ClassVar[int] = 50

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

    OPEN: ClassVar[tuple[State, ...]] = (State.PENDING, State.EXPIRED)

    objects: ClassVar[InvitationManager["Invitation"]] = InvitationManager()

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

    @property
    def is_expired(self) -> bool:
        """Whether its time has passed without an answer, recorded already or not."""
        overdue = self.state == self.State.PENDING and self.expires_at <= timezone.now()
        return overdue or self.state == self.State.EXPIRED

    @classmethod
    def invite_all(cls, account: Account, emails: Iterable[str], role: Role, by: User) -> "list[Invitation]":
        """Invite all addresses or, when something stands against one, none. Return the invitations.

        Raises:
            NotInvited: with a sentence for each address that can't be; ``limit_reached`` for too many at once.
            ValidationError: ``personal_account`` for an account that has one member only.
        """
        asked = list(dict.fromkeys(email.strip().lower() for email in emails if email.strip()))
        with transaction.atomic():
            account.hold()
            account.require_organization()
            cls.objects.for_account(account).expire_overdue()
            if errors := cls._errors_of(account, asked):
                raise NotInvited(errors, len(asked))
            expires_at = timezone.now() + cls.VALID_FOR
            return cls.objects.bulk_create(
                cls(account=account, email=email, role=role, invited_by=by, expires_at=expires_at) for email in asked
            )

    @classmethod
    def _errors_of(cls, account: Account, emails: list[str]) -> list[ValidationError]:
        if not emails:
            return [ValidationError("Type at least one e-mail address.", code="required")]
        if len(emails) > cls.MOST_AT_ONCE:
            too_many = f"These are {len(emails)} addresses. Invite up to {cls.MOST_AT_ONCE} at once."
            return [ValidationError(too_many, code="limit_reached")]
        known = [email for email in emails if _is_address(email)]
        members = Member.objects.filter(account=account, user__email__in=known).values_list("user__email", flat=True)
        pending = cls.objects.for_account(account).pending().annotate(address=Lower("email"))
        invited = pending.filter(address__in=known).values_list("address", flat=True)
        against = (
            ({*emails} - {*known}, "is not an e-mail address.", "invalid"),
            ({*members}, "is a member already.", "conflict"),
            ({*invited}, "is invited already. Resend or cancel that invitation.", "conflict"),
        )
        return [
            ValidationError(f"{email} {why}", code=code)
            for email in emails
            for those, why, code in against
            if email in those
        ]

    def resend(self) -> None:
        """Make the invitation valid for its whole time again; links sent before lead nowhere any more.

        Raises:
            ValidationError: ``answered`` when it has been; ``conflict`` when the address is a member, or invited anew.
        """
        with transaction.atomic():
            self._hold_in(*self.OPEN)
            if self.account.members.filter(user__email=self.email.lower()).exists():
                raise ValidationError(f"{self.email} is a member already. Cancel the invitation.", code="conflict")
            others = self.account.invitations.pending().exclude(pk=self.pk)
            if others.filter(email__iexact=self.email).exists():
                raise ValidationError(f"{self.email} has a newer invitation. Cancel this one.", code="conflict")
            self.state, self.expires_at = self.State.PENDING, timezone.now() + self.VALID_FOR
            self.save(update_fields=["state", "expires_at"])

    def cancel(self) -> None:
        """Take the invitation back; its link leads nowhere any more. Raises ``answered`` when it has been."""
        self._answer(self.State.CANCELLED, *self.OPEN)

    def decline(self) -> None:
        """Turn the invitation down. Raises ``expired``, and ``answered`` when it has been."""
        self._answer(self.State.DECLINED, self.State.PENDING)

    def accept(self, user: User) -> Member:
        """Make the user a member, and return the membership.

        Raises:
            ValidationError: as ``decline``; ``other_address`` for somebody else; ``conflict`` for a member.
        """
        with transaction.atomic():
            self._hold_in(self.State.PENDING)
            self.refuse_others(user)
            if self.account.members.filter(user=user).exists():
                raise ValidationError(f"You are a member of {self.account} already.", code="conflict")
            self._answer(self.State.ACCEPTED, self.State.PENDING)
            return self.account.admit(user, Role(self.role))

    def accept_anew(self, password: str, **naming: str) -> Member:
        """Create a user with the address, who accepts; return the membership. Raises as ``decline``."""
        with transaction.atomic():
            self._hold_in(self.State.PENDING)
            user = User.objects.create_user(self.email, password, home=self.account, **naming)
            with acting_as(user.as_actor(), current().where):
                return self.accept(user)

    def refuse_others(self, user: User) -> None:
        """Raise ``other_address`` unless it is the user who is invited."""
        if user.email != self.email.lower():
            raise ValidationError("The invitation is for another e-mail address.", code="other_address")

    def _answer(self, state: State, *before: State) -> None:
        with transaction.atomic():
            self._hold_in(*before)
            self.state = state
            self.save(update_fields=["state"])

    def _hold_in(self, *states: State) -> None:
        """Hold the invitation as it is now until the transaction ends; refuse it in any other state."""
        self.hold()
        if self.is_expired and self.State.EXPIRED not in states:
            raise ValidationError("The invitation has expired. Ask for a new one.", code="expired")
        if self.state not in states:
            raise ValidationError(f"The invitation was {self.state} already.", code="answered")


def _is_address(email: str) -> bool:
    try:
        models.EmailField().run_validators(email)
    except ValidationError:
        return False
    return True


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


class TokenQuerySet(TrackedQuerySet["Token"]):
    """Tokens by whose they are and whether they work."""

    def shown_to(self, member: "Member") -> Self:
        """A member's own tokens of the account; all of them to who may remove members, and so ends what they use."""
        tokens = self.filter(account=member.account_id)
        return tokens if member.reach(Permission.MANAGE_MEMBERS) is Reach.ALL else tokens.filter(user=member.user_id)

    def living(self) -> Self:
        """Tokens that work."""
        return self.filter(revoked_at=None)

    def revoked(self) -> Self:
        """Tokens whose use has ended."""
        return self.filter(revoked_at__isnull=False)

    def matching(self, text: str) -> Self:
        """Tokens with the text in their name or id, or in their owner's; all of them for no text."""
        fields = ("name", "slug", "user__slug", "user__first_name", "user__last_name")
        return self.filter(reduce(or_, (Q(**{f"{name}__icontains": text}) for name in fields))) if text else self


TokenManager = models.Manager.from_queryset(TokenQuerySet)


class Token(TrackedModel):
    """A personal access token. Only its digest is stored; the token itself is shown once."""

    MOST_PER_PERSON: ClassVar[int] = 50
    """Living ones, in each account."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="tokens")
    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    slug = SlugField("token id", unique=True)
    name = models.CharField(max_length=120)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=40), default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects: ClassVar[TokenManager["Token"]] = TokenManager()

    def __str__(self) -> str:
        return self.name

    @classmethod
    def issue(cls, user: User, account: Account, name: str, scopes: list[str]) -> tuple["Token", str]:
        """Create a token and return it with its secret, which can't be had again.

        Raises:
            ValidationError: when the person has as many as one may have.
        """
        if cls.objects.living().filter(user=user, account=account).count() >= cls.MOST_PER_PERSON:
            raise ValidationError(
                f"There are {cls.MOST_PER_PERSON} tokens of yours in {account} already. Revoke one that is not used.",
                code="limit_reached",
            )
        secret = secrets.token_hex(32)
        slug, digest = secrets.token_hex(8), digest_of(secret)
        token = cls.objects.create(account=account, user=user, slug=slug, name=name, digest=digest, scopes=scopes)
        return token, secret

    def edit(self, name: str, scopes: list[str]) -> None:
        """Rename the token or change what it may be used for. Raises as ``hold_living``."""
        with transaction.atomic():
            self.hold_living()
            self.name, self.scopes = name, scopes
            self.save(update_fields=["name", "scopes"])

    def revoke(self) -> None:
        """End the token's use at once. Raises as ``hold_living``."""
        with transaction.atomic():
            self.hold_living()
            self.revoked_at = timezone.now()
            self.save(update_fields=["revoked_at"])

    def hold_living(self) -> None:
        """Hold the token until the transaction ends.

        Raises:
            ValidationError: when it has been revoked.
        """
        self.hold()
        if self.revoked_at:
            raise ValidationError(f"{self.name} has been revoked already.", code="conflict")

    @property
    def scope_labels(self) -> list[str]:
        """The scopes as a list shows them: "Audit log: read"."""
        return [scope.replace("_", " ").replace(":", ": ").capitalize() for scope in self.scopes]

    def as_actor(self) -> Actor:
        """Return the token's user acting through it."""
        return replace(self.user.as_actor(), type=ActorType.TOKEN, token_id=self.slug, token_name=self.name)


def digest_of(secret: str) -> str:
    """Return what is stored of a token's secret. It is random and long, so a plain hash keeps it."""
    return hashlib.sha256(secret.encode()).hexdigest()


class TokenMinute(models.Model):
    """How often a token was used in the minute it was used last."""

    token = models.OneToOneField(Token, models.CASCADE, primary_key=True, related_name="+")
    minute = models.BigIntegerField(help_text="Minutes since 1970.")
    requests = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.token}: {self.requests}"


class Submission(models.Model):
    """A form that was carried out, so that one sent twice, by a double click or from an old page, is done once."""

    KEPT_FOR: ClassVar[timedelta] = timedelta(days=1)

    id = models.UUIDField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    url = models.CharField(max_length=500, help_text="Where it led.")
    at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Repeated(Exception):  # noqa: N818
        """The form was carried out before; it led to ``url``."""

        def __init__(self, url: str) -> None:
            super().__init__(url)
            self.url = url

    def __str__(self) -> str:
        return str(self.id)

    @classmethod
    def claim(cls, request: HttpRequest) -> "Submission":
        """Take the form as ours to carry out in this transaction; one sent at the same time waits for its end.

        Raises:
            Repeated: when it was carried out before.
        """
        ours = _form_of(request)
        if ours is None:
            return cls()
        old = cls.objects.filter(at__lt=timezone.now() - cls.KEPT_FOR).select_for_update(skip_locked=True)
        cls.objects.filter(pk__in=old.values("pk")).delete()
        submission, created = cls.objects.get_or_create(**ours)
        if not created:
            raise cls.Repeated(submission.url)
        return submission

    @classmethod
    def of(cls, request: HttpRequest) -> str:
        """Return where the form led when it was carried out before; "" for a new one."""
        ours = _form_of(request)
        return str(cls.objects.filter(**ours).values_list("url", flat=True).first() or "") if ours else ""

    def led_to(self, url: str) -> None:
        """Keep the address for whoever sends the form again."""
        if self.pk:
            self.url = url[:500]
            self.save(update_fields=["url"])


def _form_of(request: HttpRequest) -> dict[str, Any] | None:
    """Return which form was sent by whom; None when either is not known."""
    try:
        form_id = UUID(request.POST.get("submission", ""))
    except ValueError:
        return None
    return {"id": form_id, "user_id": request.user.pk} if request.user.pk else None
