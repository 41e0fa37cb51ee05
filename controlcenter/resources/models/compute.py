"""Where models run: clusters, the nodepools in each, and what is deployed there."""

from typing import ClassVar, Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from accounts.models import Account, SlugField
from controlcenter.tracking import TrackedModel

from .apps import App
from .parts import Model, ModelVersion
from .searching import SearchedQuerySet, count_of


class ComputeClusterQuerySet(SearchedQuerySet["ComputeCluster"]):
    def with_counts(self) -> Self:
        """Annotate how many nodepools each has, as far as ``COUNTED``."""
        return self.annotate(nodepools_count=count_of(Nodepool, "cluster"))


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
        return self.annotate(deployments_count=count_of(Deployment, "nodepool"))


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
