"""Forms about compute clusters, their nodepools, and the deployments on those."""

from typing import Any

from django import forms

from accounts.forms.base import SLUG_HELP, EditForm, free_slug
from accounts.models import Account
from controlcenter.resources.models import ComputeCluster, Deployment, ModelVersion, Nodepool

SUGGESTED = 200
"""Newest model versions that are offered while one is typed; any other can be typed out."""


class ClusterForm(forms.ModelForm):  # type: ignore[type-arg]
    """Create a compute cluster."""

    class Meta:
        model = ComputeCluster
        fields = ("name", "slug", "provider", "region")
        labels = {"slug": "Cluster ID"}
        help_texts = {
            "slug": SLUG_HELP,
            "provider": "Who rents out the machines, such as aws or gcp.",
            "region": "Where they stand, as the provider calls it: eu-central-1.",
        }

    def clean_slug(self) -> str:
        """Refuse an id that another cluster of the account has."""
        clusters = ComputeCluster.objects.filter(account=self.instance.account)
        return free_slug(clusters, self.cleaned_data["slug"], "A cluster")


class ClusterEditForm(EditForm):
    """Edit a compute cluster; its id stays."""

    class Meta(ClusterForm.Meta):
        fields = ("name", "provider", "region")  # type: ignore[assignment]


class NodepoolForm(forms.ModelForm):  # type: ignore[type-arg]
    """Create a nodepool in a cluster."""

    class Meta:
        model = Nodepool
        fields = ("slug", "instance_type", "min_instances", "max_instances")
        labels = {"slug": "Nodepool ID", "min_instances": "Minimum instances", "max_instances": "Maximum instances"}
        help_texts = {
            "slug": SLUG_HELP,
            "instance_type": "As the provider calls it, such as g5.xlarge.",
            "min_instances": "Kept running even when there is nothing to do.",
        }

    def clean_slug(self) -> str:
        """Refuse an id that another nodepool of the cluster has."""
        return free_slug(self.instance.cluster.nodepools, self.cleaned_data["slug"], "A nodepool")


class NodepoolEditForm(EditForm):
    """Edit a nodepool; its id stays."""

    class Meta(NodepoolForm.Meta):
        fields = ("instance_type", "min_instances", "max_instances")  # type: ignore[assignment]


class ModelVersionField(forms.CharField):
    """A model version that can be deployed, typed as app/model/version. ``account`` is set by the form."""

    account: Account

    def prepare_value(self, value: Any) -> Any:
        """Return what stands in the field."""
        return value.path if isinstance(value, ModelVersion) else value

    def clean(self, value: Any) -> ModelVersion:
        """Return the version; whether it can be deployed is for the deployment to say."""
        path = super().clean(value)
        parts = path.strip("/").split("/")
        if len(parts) != 3:
            raise forms.ValidationError(
                "Type it as app/model/version, such as vision/detector/3f2a91c04b7e.", code="invalid"
            )
        named = dict(zip(("model__app__slug", "model__slug", "slug"), parts, strict=True))
        versions = ModelVersion.objects.filter(model__app__account=self.account).select_related("model__app")
        version = versions.filter(**named).first()
        if version is None:
            raise forms.ValidationError(
                f"{self.account} has no such model version. Choose one that is suggested.", code="not_found"
            )
        return version

    def suggestions(self) -> list[str]:
        """Return the newest versions that can be deployed."""
        return [version.path for version in Deployment.candidates(self.account)[:SUGGESTED]]


class DeploymentForm(forms.ModelForm):  # type: ignore[type-arg]
    """Deploy a model version on a nodepool."""

    model_version = ModelVersionField(
        max_length=200,
        widget=forms.TextInput({"list": "model-versions", "autocomplete": "off", "class": "mono"}),
        help_text="An uploaded or trained version, as app/model/version. Newest ones are suggested.",
    )

    class Meta:
        model = Deployment
        fields = ("slug", "model_version", "min_replicas", "max_replicas")
        labels = {"slug": "Deployment ID", "min_replicas": "Minimum replicas", "max_replicas": "Maximum replicas"}
        help_texts = {"slug": SLUG_HELP, "min_replicas": "Kept running even when nobody asks."}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["model_version"].account = self.instance.nodepool.cluster.account  # type: ignore[attr-defined]

    def clean_slug(self) -> str:
        """Refuse an id that another deployment on the nodepool has."""
        return free_slug(self.instance.nodepool.deployments, self.cleaned_data["slug"], "A deployment")


class DeploymentEditForm(EditForm, DeploymentForm):
    """Change what a deployment runs, and how much of it."""

    class Meta(DeploymentForm.Meta):
        fields = ("model_version", "min_replicas", "max_replicas")  # type: ignore[assignment]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.initial["model_version"] = self.instance.model_version
