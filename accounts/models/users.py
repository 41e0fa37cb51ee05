"""People who sign in."""

from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Any, ClassVar
from zoneinfo import ZoneInfo

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import check_password
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac

from accounts.time_zones import UTC, valid_zone, zone_named
from controlcenter.context import Actor, ActorType
from controlcenter.tracking import TrackedModel, TrackedQuerySet

from .accounts import Account, SlugField

if TYPE_CHECKING:
    from .members import Member
    from .second_factors import SecondFactor


class Theme(models.TextChoices):
    """How pages are coloured."""

    LIGHT = "light", "Light"
    DARK = "dark", "Dark"
    SYSTEM = "system", "System"


class UserQuerySet(TrackedQuerySet["User"]):
    def move_out(self, account: Account) -> None:
        """Give them the oldest other account they are in as home, or none: the platform keeps their sign-ins then."""
        others = Account.objects.filter(members__user=OuterRef("pk")).exclude(pk=account.pk).order_by("members__pk")
        self.update(home=Subquery(others.values("pk")[:1]))


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
    sessions_ended = models.PositiveIntegerField(default=0, editable=False, help_text="How often all of them were.")
    created_at = models.DateTimeField(auto_now_add=True)
    erased_at = models.DateTimeField(null=True, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    second_factor: "SecondFactor"
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

    @property
    def has_second_factor(self) -> bool:
        """Whether a sign-in asks for a code, too. Of who is signed in, it is known without a query."""
        return hasattr(self, "second_factor")

    def end_sessions(self) -> None:
        """Sign the person out everywhere: each session holds a digest of what it began with."""
        type(self).objects.filter(pk=self.pk).update(sessions_ended=F("sessions_ended") + 1)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Return the digest that a session has to hold: another one after the password, the factor or the count."""
        factor = self.second_factor.pk if self.has_second_factor else ""
        covered = f"{self.password}:{factor}:{self.sessions_ended}"
        return salted_hmac("accounts.sessions", covered, secret=secret, algorithm="sha256").hexdigest()

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
