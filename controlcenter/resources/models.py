"""What an account owns: apps with models, workflows and modules in them, their collaborators, and compute."""

from collections.abc import Collection
from typing import Any, ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.db.models import Count, F, ManyToManyField, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.crypto import get_random_string

from accounts.models import Account, Member, SlugField, Team, User
from accounts.roles import Permission, Reach
from controlcenter.context import together
from controlcenter.tracking import TrackedModel, TrackedQuerySet


def new_version_slug() -> str:
    """Return a fresh public id for a version."""
    return get_random_string(12, "0123456789abcdef")


class Visibility(models.TextChoices):
    """Who may see a resource."""

    PRIVATE = "private", "Private"
    ORGANIZATION = "organization", "Organization"
    PUBLIC = "public", "Public"


class AppQuerySet(TrackedQuerySet["App"]):
    def for_account(self, account: Account) -> Self:
        """Apps of one account."""
        return self.filter(account=account)

    def matching(self, text: str) -> Self:
        """Apps with the text in their id, name or description; all of them for no text."""
        text = text.strip()
        return (
            self.filter(Q(slug__icontains=text) | Q(name__icontains=text) | Q(description__icontains=text))
            if text
            else self
        )

    def with_counts(self) -> Self:
        """Annotate how many models, workflows, modules and collaborators each has, without multiplying rows."""
        parts: dict[str, type[models.Model]] = {
            "models_count": Model,
            "workflows_count": Workflow,
            "modules_count": Module,
            "collaborators_count": Collaborator,
        }
        return self.annotate(**{name: _count_of(part) for name, part in parts.items()})


def _count_of(part: type[models.Model]) -> Coalesce:
    rows = part._default_manager.filter(app=OuterRef("pk")).order_by().values("app")
    return Coalesce(Subquery(rows.annotate(count=Count("pk")).values("count")), 0)


AppManager = models.Manager.from_queryset(AppQuerySet)


class App(TrackedModel):
    """The container of models, workflows and modules."""

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


class Resource(TrackedModel):
    """What models, workflows and modules have in common: a place in an app, and versions."""

    PART: str
    slug = SlugField()
    name = models.CharField(max_length=120)
    description = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TrackedModel.Meta):
        abstract = True

    def __str__(self) -> str:
        return self.name

    @classmethod
    def copy_all(cls, source: App, destination: App) -> None:
        """Copy all resources of this kind from one app to another, with their versions."""
        manager: Any = cls._default_manager
        originals = list(manager.filter(app=source).prefetch_related("versions"))
        copies = manager.bulk_create([_copy_of(original, app=destination) for original in originals])
        version: Any = cls._meta.get_field("versions").related_model
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
    slug = SlugField("version id", default=new_version_slug)
    description = models.CharField(max_length=300, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TrackedModel.Meta):
        abstract = True

    def __str__(self) -> str:
        return str(self.slug)

    def publish(self) -> None:
        """Make the version public."""
        self.published_at = timezone.now()
        self.save(update_fields=["published_at"])

    def unpublish(self) -> None:
        """Take the version back from the public."""
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

    OWNER = "model"
    model = models.ForeignKey(Model, models.CASCADE, related_name="versions")
    state = models.CharField(max_length=10, choices=State, default=State.UPLOADED)
    failure_reason = models.CharField(max_length=300, blank=True)

    class Meta(Version.Meta):
        constraints = (models.UniqueConstraint(fields=("model", "slug"), name="model_version_slug_once"),)

    def report(self, state: State, failure_reason: str = "") -> None:
        """Take the trainer's word for how training ended."""
        self.state, self.failure_reason = state, failure_reason
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


class Module(Resource):
    """A user interface on top of an app."""

    PART = "modules"
    app = models.ForeignKey(App, models.CASCADE, related_name="modules")

    class Meta(Resource.Meta):
        constraints = (models.UniqueConstraint(fields=("app", "slug"), name="module_slug_once_per_app"),)


class ModuleVersion(Version):
    """A release of a module."""

    OWNER = "module"
    module = models.ForeignKey(Module, models.CASCADE, related_name="versions")
    git_commit = models.CharField(max_length=40, blank=True)

    class Meta(Version.Meta):
        constraints = (models.UniqueConstraint(fields=("module", "slug"), name="module_version_slug_once"),)


class Scope(models.TextChoices):
    """What a collaborator may do in an app."""

    APPS_READ = "apps:read"
    MODELS_READ = "models:read"
    MODELS_WRITE = "models:write"
    MODELS_TRAIN = "models:train"
    WORKFLOWS_READ = "workflows:read"
    WORKFLOWS_WRITE = "workflows:write"
    MODULES_READ = "modules:read"
    MODULES_WRITE = "modules:write"


class Collaborator(TrackedModel):
    """A user outside the organization invited to one app, with scopes."""

    app = models.ForeignKey(App, models.CASCADE, related_name="collaborators")
    user = models.ForeignKey(User, models.CASCADE, related_name="collaborations")
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope), default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TrackedModel.Meta):
        constraints = (models.UniqueConstraint(fields=("app", "user"), name="collaborator_once_per_app"),)

    def __str__(self) -> str:
        return f"{self.user} on {self.app}"


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

    class Meta(TrackedModel.Meta):
        constraints = (models.UniqueConstraint(fields=("team", "app"), name="app_once_per_team"),)

    def __str__(self) -> str:
        return f"{self.app} for {self.team}"


class ComputeCluster(TrackedModel):
    """Machines in one place, rented from one provider."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="compute_clusters")
    slug = SlugField("cluster id")
    name = models.CharField(max_length=120)
    provider = models.CharField(max_length=60)
    region = models.CharField(max_length=60)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TrackedModel.Meta):
        constraints = (models.UniqueConstraint(fields=("account", "slug"), name="cluster_slug_once_per_account"),)

    def __str__(self) -> str:
        return self.name


class Nodepool(TrackedModel):
    """Machines of one type in a cluster."""

    cluster = models.ForeignKey(ComputeCluster, models.CASCADE, related_name="nodepools")
    slug = SlugField("nodepool id")
    instance_type = models.CharField(max_length=60)
    min_instances = models.PositiveIntegerField(default=0)
    max_instances = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TrackedModel.Meta):
        constraints = (
            models.UniqueConstraint(fields=("cluster", "slug"), name="nodepool_slug_once_per_cluster"),
            models.CheckConstraint(condition=Q(max_instances__gte=F("min_instances")), name="nodepool_min_below_max"),
        )

    def __str__(self) -> str:
        return str(self.slug)


class Deployment(TrackedModel):
    """A model version that runs on a nodepool."""

    nodepool = models.ForeignKey(Nodepool, models.CASCADE, related_name="deployments")
    model_version = models.ForeignKey(ModelVersion, models.RESTRICT, related_name="deployments")
    slug = SlugField("deployment id")
    min_replicas = models.PositiveIntegerField(default=0)
    max_replicas = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TrackedModel.Meta):
        constraints = (
            models.UniqueConstraint(fields=("nodepool", "slug"), name="deployment_slug_once_per_nodepool"),
            models.CheckConstraint(condition=Q(max_replicas__gte=F("min_replicas")), name="deployment_min_below_max"),
        )

    def __str__(self) -> str:
        return str(self.slug)
