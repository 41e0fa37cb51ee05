"""What an account owns: apps with models, workflows and modules in them, their collaborators, and compute."""

import re
from collections.abc import Collection
from functools import reduce
from math import isfinite
from operator import or_
from typing import Any, ClassVar, Self, TypeVar

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, ManyToManyField, OuterRef, Prefetch, Q, Subquery
from django.utils import timezone
from django.utils.crypto import get_random_string

from accounts.models import Account, Member, SlugField, Team, TeamMember, TeamQuerySet, User, people_like
from accounts.roles import Permission, Reach
from controlcenter.context import together
from controlcenter.tracking import TrackedModel, TrackedQuerySet

COMMIT = re.compile("[0-9a-f]{7,40}")
DEEPEST = 50
"""Lists and objects inside of each other in the nodes of a workflow."""


def new_version_slug() -> str:
    """Return a fresh public id for a version."""
    return get_random_string(12, "0123456789abcdef")


class Visibility(models.TextChoices):
    """Who may see a resource."""

    PRIVATE = "private", "Private"
    ORGANIZATION = "organization", "Organization"
    PUBLIC = "public", "Public"


T = TypeVar("T", bound=models.Model)


class SearchedQuerySet(TrackedQuerySet[T]):
    """Rows that people look for by the fields that the model calls ``SEARCHED``."""

    def matching(self, text: str) -> Self:
        """Rows with the text in their id, name or description; all of them for no text."""
        fields: tuple[str, ...] = self.model.SEARCHED  # type: ignore[attr-defined]
        text = text.strip()
        return self.filter(reduce(or_, (Q(**{f"{name}__icontains": text}) for name in fields))) if text else self


class AppQuerySet(SearchedQuerySet["App"]):
    def for_account(self, account: Account) -> Self:
        """Apps of one account."""
        return self.filter(account=account)

    def with_counts(self) -> Self:
        """Annotate how many models, workflows, modules and collaborators each has, as far as ``COUNTED``."""
        parts: dict[str, type[models.Model]] = {
            "models_count": Model,
            "workflows_count": Workflow,
            "modules_count": Module,
            "collaborators_count": Collaborator,
        }
        return self.annotate(**{name: _count_of(part, "app") for name, part in parts.items()})


class _Counted(Subquery):
    template = "(SELECT count(*) FROM (%(subquery)s) AS counted)"
    output_field = models.IntegerField()


COUNTED = 101
"""Rows beyond these are not counted: "100+" is all that anybody wants to know."""


def _count_of(part: type[models.Model], owner: str) -> Subquery:
    return _Counted(part._default_manager.filter(**{owner: OuterRef("pk")}).order_by().values("pk")[:COUNTED])


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
                access = TeamApp.objects.filter(app=self, team__members=member)
                if permission is Permission.MANAGE_RESOURCES:
                    access = access.filter(access__in=TeamApp.MAY_CHANGE_MODELS)
                return access.exists()
            case _:
                return False

    def duplicate(self, slug: str, name: str, parts: Collection[str] = ("models", "workflows", "modules")) -> "App":
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
            for kind in (Model, Workflow, Module):
                if kind.PART in parts:
                    kind.copy_all(self, copy)
        return copy

    def transfer(self, account: Account) -> None:
        """Give the app, with all that is in it, to another account. The old one's teams lose their access.

        Raises:
            ValidationError: when it is deployed, its id is taken there, or that account's plan has no more room.
        """
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
            TeamApp.objects.filter(app=self).delete()
            self.account = account
            self.save(update_fields=["account", "updated_at"])


class ResourceQuerySet(SearchedQuerySet[T]):
    def with_newest_version(self) -> Self:
        """Annotate the id of the newest version as ``newest_version``."""
        version: Any = self.model._meta.get_field("versions").related_model
        rows = version._default_manager.filter(**{version.OWNER: OuterRef("pk")}).order_by("-pk")
        return self.annotate(newest_version=Subquery(rows.values("slug")[:1]))


ResourceManager = models.Manager.from_queryset(ResourceQuerySet)
VersionManager = models.Manager.from_queryset(SearchedQuerySet)


class Resource(TrackedModel):
    """What models, workflows and modules have in common: a place in an app, and versions."""

    PART: str
    SEARCHED = ("slug", "name", "description")
    slug = SlugField()
    name = models.CharField(max_length=120)
    description = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[ResourceManager[Any]] = ResourceManager()

    class Meta(TrackedModel.Meta):
        abstract = True

    def __str__(self) -> str:
        return self.name

    @classmethod
    def copy_all(cls, source: App, destination: App) -> None:
        """Copy all resources of this kind from one app to another, with their versions in the order they have."""
        manager: Any = cls._default_manager
        version: Any = cls._meta.get_field("versions").related_model
        versions = Prefetch("versions", version.copied().order_by("pk"))
        originals = list(manager.filter(app=source).order_by("pk").prefetch_related(versions))
        copies = manager.bulk_create([_copy_of(original, app=destination) for original in originals])
        version._default_manager.bulk_create(
            _copy_of(row, slug=new_version_slug(), published_at=None, **{version.OWNER: copy})
            for original, copy in zip(originals, copies, strict=True)
            for row in original.versions.all()
        )


def _copy_of(row: models.Model, **changed: Any) -> Any:
    fields = {
        field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields if not field.primary_key
    }
    for name in changed:
        fields.pop(row._meta.get_field(name).attname)  # type: ignore[union-attr]
    return type(row)(**fields, **changed)


class Version(TrackedModel):
    """What the versions of models, workflows and modules have in common."""

    OWNER: str
    SEARCHED: ClassVar[tuple[str, ...]] = ("slug", "description")
    slug = SlugField("version id", default=new_version_slug)
    description = models.CharField(max_length=300, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[VersionManager[Any]] = VersionManager()

    class Meta(TrackedModel.Meta):
        abstract = True

    def __str__(self) -> str:
        return str(self.slug)

    @classmethod
    def copied(cls) -> "models.QuerySet[Any]":
        """Versions that go along when their app is duplicated."""
        return cls._default_manager.all()

    @property
    def publishable(self) -> bool:
        """Whether it is in a state to be published."""
        return True

    def require_publishable(self) -> None:
        """Raise ``ValidationError`` unless the version, as it is, may be published."""

    def publish(self) -> None:
        """Make the version public. Raises ``ValidationError`` when it is already, or may not be."""
        with transaction.atomic():
            self.hold()
            if self.published_at:
                raise ValidationError(f"Version {self} is published already.", code="conflict")
            self.require_publishable()
            self.published_at = timezone.now()
            self.save(update_fields=["published_at"])

    def unpublish(self) -> None:
        """Take the version back from the public. Raises ``ValidationError`` when it is not published."""
        with transaction.atomic():
            self.hold()
            if not self.published_at:
                raise ValidationError(f"Version {self} is not published.", code="conflict")
            self.published_at = None
            self.save(update_fields=["published_at"])


class Model(Resource):
    """A machine-learning model."""

    PART = "models"
    app = models.ForeignKey(App, models.CASCADE, related_name="models")
    kind = models.CharField("model type", max_length=60, default="visual-classifier")
    visibility = models.CharField(max_length=12, choices=Visibility, default=Visibility.PRIVATE)

    class Meta(Resource.Meta):
        constraints = (models.UniqueConstraint(fields=("app", "slug"), name="model_slug_once_per_app"),)

    def train(self, description: str = "") -> "ModelVersion":
        """Create a version for the trainer to train, outside this product."""
        return ModelVersion.objects.create(model=self, state=ModelVersion.State.TRAINING, description=description)


class ModelVersion(Version):
    """A trained or training state of a model."""

    class State(models.TextChoices):
        UPLOADED = "uploaded", "Uploaded"
        TRAINING = "training", "Training"
        TRAINED = "trained", "Trained"
        FAILED = "failed", "Failed"

    PUBLISHABLE = (State.UPLOADED, State.TRAINED)
    OWNER = "model"
    model = models.ForeignKey(Model, models.CASCADE, related_name="versions")
    state = models.CharField(max_length=10, choices=State, default=State.UPLOADED)
    failure_reason = models.CharField(max_length=300, blank=True)

    class Meta(Version.Meta):
        constraints = (models.UniqueConstraint(fields=("model", "slug"), name="model_version_slug_once"),)

    @property
    def path(self) -> str:
        """What people call it across apps: app/model/version."""
        return f"{self.model.app.slug}/{self.model.slug}/{self.slug}"

    @classmethod
    def copied(cls) -> "models.QuerySet[Any]":
        """All but those in training: the trainer reports on the original only."""
        return super().copied().exclude(state=cls.State.TRAINING)

    @property
    def publishable(self) -> bool:
        """Whether it is in a state to be published."""
        return self.state in self.PUBLISHABLE

    def require_publishable(self) -> None:
        """Refuse what is not trained: there is nothing to use yet."""
        if not self.publishable:
            raise ValidationError(
                f"The state of version {self} is “{self.State(self.state).label}”. "
                "Only uploaded and trained versions can be published.",
                code="conflict",
            )

    def report(self, state: State, failure_reason: str = "") -> None:
        """Take the trainer's word for how training ended.

        Raises:
            ValidationError: when the version is not in training, and for a failure without a reason.
        """
        if state not in (self.State.TRAINED, self.State.FAILED):
            raise ValidationError("Training ends as trained or failed.", code="invalid")
        if state == self.State.FAILED and not failure_reason.strip():
            raise ValidationError("Say why training failed.", code="invalid")
        with transaction.atomic():
            self.hold()
            if self.state != self.State.TRAINING:
                label = self.State(self.state).label
                raise ValidationError(f"Version {self} is not in training: its state is “{label}”.", code="conflict")
            self.state = state
            self.failure_reason = failure_reason.strip() if state == self.State.FAILED else ""
            self.save(update_fields=["state", "failure_reason"])


class Workflow(Resource):
    """A graph of models."""

    PART = "workflows"
    app = models.ForeignKey(App, models.CASCADE, related_name="workflows")

    class Meta(Resource.Meta):
        constraints = (models.UniqueConstraint(fields=("app", "slug"), name="workflow_slug_once_per_app"),)


class WorkflowVersion(Version):
    """A state of a workflow's graph."""

    OWNER = "workflow"
    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="versions")
    nodes = models.JSONField(default=list, blank=True)

    class Meta(Version.Meta):
        constraints = (models.UniqueConstraint(fields=("workflow", "slug"), name="workflow_version_slug_once"),)

    def clean(self) -> None:
        """Refuse nodes that are no list, or that the database can't store."""
        self.nodes = [] if self.nodes is None else self.nodes
        if not isinstance(self.nodes, list):
            raise ValidationError({"nodes": ValidationError("Nodes are a list: [ … ].", code="no_list")})
        if not _storable(self.nodes):
            sentence = f"Nodes hold something that JSON does not have, or are nested deeper than {DEEPEST} levels."
            raise ValidationError({"nodes": ValidationError(sentence, code="not_storable")})


def _storable(value: Any, depth: int = DEEPEST) -> bool:
    """Say whether PostgreSQL and the log take a value: infinity, null characters and halves of such are not JSON."""
    match value:
        case str():
            return "\0" not in value and value.encode(errors="ignore").decode() == value
        case float():
            return isfinite(value)
        case list():
            return depth > 0 and all(_storable(item, depth - 1) for item in value)
        case dict():
            return depth > 0 and all(_storable(key) and _storable(item, depth - 1) for key, item in value.items())
        case _:
            return True


class Module(Resource):
    """A user interface on top of an app."""

    PART = "modules"
    app = models.ForeignKey(App, models.CASCADE, related_name="modules")

    class Meta(Resource.Meta):
        constraints = (models.UniqueConstraint(fields=("app", "slug"), name="module_slug_once_per_app"),)


class ModuleVersion(Version):
    """A release of a module."""

    OWNER = "module"
    SEARCHED = ("slug", "description", "git_commit")
    module = models.ForeignKey(Module, models.CASCADE, related_name="versions")
    git_commit = models.CharField(max_length=40, blank=True)

    class Meta(Version.Meta):
        constraints = (models.UniqueConstraint(fields=("module", "slug"), name="module_version_slug_once"),)

    def clean(self) -> None:
        """Refuse what can't be a commit of git."""
        if self.git_commit and not COMMIT.fullmatch(self.git_commit):
            sentence = "A commit is 7 to 40 hexadecimal digits, such as 9f2c1ab."
            raise ValidationError({"git_commit": ValidationError(sentence, code="invalid")})


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
    return teams.annotate(members_count=_count_of(TeamMember, "team"), apps_count=_count_of(TeamApp, "team"))


class ComputeClusterQuerySet(SearchedQuerySet["ComputeCluster"]):
    def with_counts(self) -> Self:
        """Annotate how many nodepools each has, as far as ``COUNTED``."""
        return self.annotate(nodepools_count=_count_of(Nodepool, "cluster"))


ComputeClusterManager = models.Manager.from_queryset(ComputeClusterQuerySet)


class ComputeCluster(TrackedModel):
    """Machines in one place, rented from one provider."""

    SEARCHED = ("slug", "name", "provider", "region")
    account = models.ForeignKey(Account, models.CASCADE, related_name="compute_clusters")
    slug = SlugField("cluster id")
    name = models.CharField(max_length=120)
    provider = models.CharField(max_length=60)
    region = models.CharField(max_length=60)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[ComputeClusterManager["ComputeCluster"]] = ComputeClusterManager()

    class Meta(TrackedModel.Meta):
        constraints = (models.UniqueConstraint(fields=("account", "slug"), name="cluster_slug_once_per_account"),)

    def __str__(self) -> str:
        return self.name


class NodepoolQuerySet(SearchedQuerySet["Nodepool"]):
    def with_counts(self) -> Self:
        """Annotate how many deployments each has, as far as ``COUNTED``."""
        return self.annotate(deployments_count=_count_of(Deployment, "nodepool"))


NodepoolManager = models.Manager.from_queryset(NodepoolQuerySet)


class Nodepool(TrackedModel):
    """Machines of one type in a cluster."""

    SEARCHED = ("slug", "instance_type")
    cluster = models.ForeignKey(ComputeCluster, models.CASCADE, related_name="nodepools")
    slug = SlugField("nodepool id")
    instance_type = models.CharField(max_length=60)
    min_instances = models.PositiveIntegerField(default=0)
    max_instances = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[NodepoolManager["Nodepool"]] = NodepoolManager()

    class Meta(TrackedModel.Meta):
        constraints = (
            models.UniqueConstraint(fields=("cluster", "slug"), name="nodepool_slug_once_per_cluster"),
            models.CheckConstraint(condition=Q(max_instances__gte=F("min_instances")), name="nodepool_min_below_max"),
        )

    def __str__(self) -> str:
        return str(self.slug)

    def clean(self) -> None:
        """Refuse a maximum below the minimum."""
        refuse_reversed(self, "min_instances", "max_instances")


def refuse_reversed(row: models.Model, least: str, most: str) -> None:
    """Raise ``ValidationError`` when one field of a row, a maximum, is below another, its minimum."""
    low, high = getattr(row, least), getattr(row, most)
    if low is not None and high is not None and high < low:
        sentence = f"{high} is less than the minimum, {low}. Raise this, or lower the minimum."
        raise ValidationError({most: ValidationError(sentence, code="below_minimum")})


class DeploymentQuerySet(SearchedQuerySet["Deployment"]):
    def running(self, row: "App | Model | ModelVersion") -> Self:
        """Deployments of an app's models, of a model or of one version: none of those can go before them."""
        path = {App: "model_version__model__app", Model: "model_version__model", ModelVersion: "model_version"}
        return self.filter(**{path[type(row)]: row})

    def with_model(self) -> Self:
        """Deployments with the version that they run, its model and app."""
        return self.select_related("model_version__model__app")


DeploymentManager = models.Manager.from_queryset(DeploymentQuerySet)


class Deployment(TrackedModel):
    """A model version that runs on a nodepool."""

    SEARCHED = ("slug", "model_version__slug", "model_version__model__slug", "model_version__model__app__slug")
    nodepool = models.ForeignKey(Nodepool, models.CASCADE, related_name="deployments")
    model_version = models.ForeignKey(ModelVersion, models.RESTRICT, related_name="deployments")
    slug = SlugField("deployment id")
    min_replicas = models.PositiveIntegerField(default=0)
    max_replicas = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[DeploymentManager["Deployment"]] = DeploymentManager()

    class Meta(TrackedModel.Meta):
        constraints = (
            models.UniqueConstraint(fields=("nodepool", "slug"), name="deployment_slug_once_per_nodepool"),
            models.CheckConstraint(condition=Q(max_replicas__gte=F("min_replicas")), name="deployment_min_below_max"),
        )

    def __str__(self) -> str:
        return str(self.slug)

    def clean(self) -> None:
        """Refuse a maximum below the minimum, and a model version that can't run here."""
        refuse_reversed(self, "min_replicas", "max_replicas")
        if not self.model_version_id:
            return
        account, version = self.nodepool.cluster.account, self.model_version
        if version.model.app.account_id != account.pk:
            sentence, code = f"{account} has no such model version.", "not_found"
        elif not version.publishable:
            label = version.State(version.state).label
            sentence = (
                f"The state of version {version} is “{label}”. Only uploaded and trained versions can be deployed."
            )
            code = "conflict"
        else:
            return
        raise ValidationError({"model_version": ValidationError(sentence, code=code)})

    @staticmethod
    def candidates(account: Account) -> "models.QuerySet[ModelVersion]":
        """Return the model versions of an account that can be deployed, newest first."""
        ready = ModelVersion.objects.filter(model__app__account=account, state__in=ModelVersion.PUBLISHABLE)
        return ready.select_related("model__app").order_by("-pk")
