"""Personal access tokens, and how much they are used."""

import hashlib
import secrets
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.roles import Permission, Reach
from controlcenter.context import Actor, ActorType
from controlcenter.tracking import TrackedModel, TrackedQuerySet

from .accounts import Account, SlugField
from .members import Member
from .users import User


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
