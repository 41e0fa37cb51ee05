"""Apps: what contains models, workflows and modules."""

from collections.abc import Collection
from typing import Any, ClassVar, Self

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import ManyToManyField

from accounts.models import Account, Member, SlugField, Team
from accounts.roles import Permission, Reach
from controlcenter.context import together
from controlcenter.tracking import TrackedModel

from .searching import SearchedQuerySet, count_of

PARTS = ("models", "workflows", "modules")
"""What an app contains, by the names under which it does."""


class Visibility(models.TextChoices):
    """Who may see a resource."""

    PRIVATE = "private", "Private"
    ORGANIZATION = "organization", "Organization"
    PUBLIC = "public", "Public"


class AppQuerySet(SearchedQuerySet["App"]):
    def for_account(self, account: Account) -> Self:
        """Apps of one account."""
        return self.filter(account=account)

    def with_counts(self) -> Self:
        """Annotate how many models, workflows, modules and collaborators each has, as far as ``COUNTED``."""
        counted = (*PARTS, "collaborators")
        return self.annotate(**{f"{name}_count": count_of(_model_of(name), "app") for name in counted})


def _model_of(name: str) -> Any:
    """The model of what belongs to an app under a name: all of them know apps, and so build on this file."""
    return App._meta.get_field(name).related_model


AppManager = models.Manager.from_queryset(AppQuerySet)


class App(TrackedModel):
    """The container of models, workflows and modules."""

    SEARCHED = ("slug", "name", "description")
    account = models.ForeignKey(Account, models.CASCADE, related_name="apps")
    slug = SlugField("app id")
    name = models.CharField(max_length=120)
    description = models.CharField(max_length=300, blank=True)
    visibility = models.CharField(max_length=12, choices=Visibility, default=Visibility.PRIVATE)
    duplicated_from = models.CharField(max_length=64, blank=True, editable=False)
    teams: "ManyToManyField[Team, Any]" = ManyToManyField(Team, through="TeamApp", related_name="apps")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[AppManager["App"]] = AppManager()

    class Meta(TrackedModel.Meta):
        constraints = (models.UniqueConstraint(fields=("account", "slug"), name="app_slug_once_per_account"),)

    def __str__(self) -> str:
        return self.name

    @classmethod
    def require_room(cls, account: Account, wanted: int = 1) -> None:
        """Raise ``ValidationError`` unless the account's plan has room for more apps, and keep it until the end.

        The account is held: two who create at the same time would both find the last place free.
        """
        account.hold()
        limit = account.plan.max_apps
        if limit is not None and cls.objects.for_account(account)[:limit].count() + wanted > limit:
            room = f"{limit} app{'' if limit == 1 else 's'}"
            raise ValidationError(
                f"The {account.plan} plan has room for {room}. Delete one, or change the plan.",
                code="limit_reached",
            )

    def allows(self, member: Member, permission: Permission) -> bool:
        """Say whether the member may do this to this app, by role or through one of their teams."""
        match member.reach(permission):
            case Reach.ALL:
                return True
            case Reach.TEAM:
                access = self.teamapp_set.filter(team__members=member)
                return (access.to_models() if permission is Permission.MANAGE_RESOURCES else access).exists()
            case _:
                return False

    def duplicate(self, slug: str, name: str, parts: Collection[str] = PARTS) -> "App":
        """Create and return a copy in the same account, with the chosen parts and their versions."""
        with transaction.atomic(), together():
            copy = App.objects.create(
                account=self.account,
                slug=slug,
                name=name,
                description=self.description,
                visibility=self.visibility,
                duplicated_from=self.slug,
            )
            for part in PARTS:
                if part in parts:
                    _model_of(part).copy_all(self, copy)
        return copy

    def transfer(self, account: Account) -> None:
        """Give the app, with all that is in it, to another account. The old one's teams lose their access.

        Raises:
            ValidationError: when it is deployed, its id is taken there, or that account's plan has no more room.
        """
        from .compute import Deployment

        with transaction.atomic(), together():
            self.hold()
            if account.pk == self.account_id:
                raise ValidationError(f"{self} belongs to {account} already.", code="conflict")
            deployed = Deployment.objects.running(self).order_by("slug").first()
            if deployed:
                raise ValidationError(
                    f"A model of {self} runs as deployment {deployed}, on compute of {self.account}. "
                    "Delete the app's deployments first.",
                    code="in_use",
                )
            if App.objects.for_account(account).filter(slug=self.slug).exists():
                raise ValidationError(
                    f"{account} has an app with the ID {self.slug} already. "
                    "Duplicate this one under another ID, and transfer the copy.",
                    code="conflict",
                )
            App.require_room(account)
            self.teamapp_set.all().delete()
            self.account = account
            self.save(update_fields=["account", "updated_at"])
