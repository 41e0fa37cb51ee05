"""Who comes to an app: collaborators from outside, and teams."""

from collections.abc import Collection
from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Prefetch

from accounts.models import Member, Team, TeamMember, TeamQuerySet, User, people_like
from controlcenter.tracking import TrackedModel, TrackedQuerySet

from .apps import App
from .searching import count_of


class Scope(models.TextChoices):
    """What a collaborator may do in an app."""

    APPS_READ = "apps:read", "See the app"
    MODELS_READ = "models:read", "See models"
    MODELS_WRITE = "models:write", "Change models"
    MODELS_TRAIN = "models:train", "Train models"
    WORKFLOWS_READ = "workflows:read", "See workflows"
    WORKFLOWS_WRITE = "workflows:write", "Change workflows"
    MODULES_READ = "modules:read", "See modules"
    MODULES_WRITE = "modules:write", "Change modules"


class CollaboratorQuerySet(TrackedQuerySet["Collaborator"]):
    def for_app(self, app: App) -> Self:
        """Collaborators of one app, with ``slug``, the user's, to order them by."""
        return self.filter(app=app).select_related("user", "app").annotate(slug=F("user__slug"))

    def matching(self, text: str) -> Self:
        """Collaborators with the text in their name, user id or e-mail address; all of them for no text."""
        return self.filter(people_like(text))


CollaboratorManager = models.Manager.from_queryset(CollaboratorQuerySet)


class Collaborator(TrackedModel):
    """A user outside the organization invited to one app, with scopes."""

    app = models.ForeignKey(App, models.CASCADE, related_name="collaborators")
    user = models.ForeignKey(User, models.CASCADE, related_name="collaborations")
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope), default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[CollaboratorManager["Collaborator"]] = CollaboratorManager()

    class Meta(TrackedModel.Meta):
        constraints = (models.UniqueConstraint(fields=("app", "user"), name="collaborator_once_per_app"),)

    def __str__(self) -> str:
        return f"{self.user} on {self.app}"

    @property
    def scope_labels(self) -> list[str]:
        """What the collaborator may do, in words."""
        return [scope.label for scope in Scope if scope in self.scopes]

    @classmethod
    def add(cls, app: App, user: User, scopes: Collection[str]) -> "Collaborator":
        """Let somebody from outside the app's account work on the app.

        Raises:
            ValidationError: for a member of the account, who collaborates already, and for scopes that are none.
        """
        if Member.objects.filter(account=app.account_id, user=user).exists():
            raise ValidationError(
                f"This person is a member of {app.account}, and comes to the app through their role and teams.",
                code="conflict",
            )
        if cls.objects.filter(app=app, user=user).exists():
            raise ValidationError(
                f"This person collaborates on {app} already. Edit their scopes instead.", code="conflict"
            )
        return cls.objects.create(app=app, user=user, scopes=cls.valid(scopes))

    def change_scopes(self, scopes: Collection[str]) -> None:
        """Let the collaborator do this, and nothing else. Raises ``ValidationError`` for scopes that are none."""
        self.scopes = self.valid(scopes)
        self.save(update_fields=["scopes"])

    @staticmethod
    def valid(scopes: Collection[str]) -> list[str]:
        """Return scopes once each, in their order. Raises ``ValidationError`` for none, or one there is not."""
        if unknown := sorted(set(scopes) - set(Scope.values)):
            raise ValidationError(
                f"There is no scope {unknown[0]}. Known are: {', '.join(Scope.values)}.", code="invalid"
            )
        if not scopes:
            raise ValidationError("Choose at least one scope, or remove the collaborator.", code="invalid")
        return [scope.value for scope in Scope if scope in scopes]


class TeamAppQuerySet(TrackedQuerySet["TeamApp"]):
    def for_team(self, team: Team) -> Self:
        """A team's accesses, with ``slug``, the app's, to order them by."""
        return self.filter(team=team).annotate(slug=F("app__slug"))

    def to_models(self) -> Self:
        """Accesses with which models and what belongs to them may be changed."""
        return self.filter(access__in=TeamApp.MAY_CHANGE_MODELS)

    def with_counted_apps(self) -> Self:
        """Accesses with their apps, and how much of what is in each: one query more."""
        return self.prefetch_related(Prefetch("app", App.objects.with_counts()))

    def matching(self, text: str) -> Self:
        """Accesses to apps with the text in their id, name or description; all of them for no text."""
        return self.filter(app__in=App.objects.matching(text)) if text.strip() else self


TeamAppManager = models.Manager.from_queryset(TeamAppQuerySet)


class TeamApp(TrackedModel):
    """A team's access to an app."""

    class Access(models.TextChoices):
        FULL = "full", "Full access"
        MODEL_TRAINER = "model_trainer", "Model trainer"
        LABELER_LEAD = "labeler_lead", "Labeler lead"
        LABELER_WORKER = "labeler_worker", "Labeler worker"

    MAY_CHANGE_MODELS = (Access.FULL, Access.MODEL_TRAINER)

    team = models.ForeignKey(Team, models.CASCADE)
    app = models.ForeignKey(App, models.CASCADE)
    access = models.CharField(max_length=16, choices=Access, default=Access.FULL)

    objects: ClassVar[TeamAppManager["TeamApp"]] = TeamAppManager()

    class Meta(TrackedModel.Meta):
        constraints = (models.UniqueConstraint(fields=("team", "app"), name="app_once_per_team"),)

    def __str__(self) -> str:
        return f"{self.app} for {self.team}"

    @classmethod
    def give(cls, team: Team, apps: Collection[App], access: str) -> None:
        """Give a team the same access to apps of its account, to all of them or to none.

        Raises:
            ValidationError: for an app of another account, or that the team has access to already.
        """
        if any(app.account_id != team.account_id for app in apps):
            raise ValidationError(f"Only apps of {team.account} can be given to {team}.", code="not_found")
        if known := sorted(cls.objects.filter(team=team, app__in=apps).values_list("app__slug", flat=True)):
            raise ValidationError(
                f"{team} has access to {', '.join(known)} already. Change the access there.", code="conflict"
            )
        cls.objects.bulk_create(cls(team=team, app=app, access=access) for app in apps)


def with_counts(teams: TeamQuerySet) -> TeamQuerySet:
    """Annotate how many members and apps each team has, as far as ``COUNTED``."""
    return teams.annotate(members_count=count_of(TeamMember, "team"), apps_count=count_of(TeamApp, "team"))
