"""What apps contain: models, workflows, modules, and the versions of each."""

import re
from math import isfinite
from typing import Any, ClassVar, Self

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import OuterRef, Prefetch, Subquery
from django.utils import timezone
from django.utils.crypto import get_random_string

from accounts.models import SlugField
from controlcenter.tracking import TrackedModel

from .apps import App, Visibility
from .searching import SearchedQuerySet, T

COMMIT = re.compile("[0-9a-f]{7,40}")
DEEPEST = 50
"""Lists and objects inside of each other in the nodes of a workflow."""


def new_version_slug() -> str:
    """Return a fresh public id for a version."""
    return get_random_string(12, "0123456789abcdef")


class ResourceQuerySet(SearchedQuerySet[T]):
    def with_newest_version(self) -> Self:
        """Annotate the id of the newest version as ``newest_version``."""
        version: Any = self.model._meta.get_field("versions").related_model
        rows = version._default_manager.filter(**{version.OWNER: OuterRef("pk")}).order_by("-pk")
        return self.annotate(newest_version=Subquery(rows.values("slug")[:1]))


ResourceManager = models.Manager.from_queryset(ResourceQuerySet)


class VersionQuerySet(SearchedQuerySet[T]):
    """Versions of models, workflows or modules."""


VersionManager = models.Manager.from_queryset(VersionQuerySet)


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
