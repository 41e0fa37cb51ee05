"""Apps and what is in them, and compute, for support staff."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError

from controlcenter.admin import RecordedAdmin
from controlcenter.operations import Operation

from .models import (
    App,
    Collaborator,
    ComputeCluster,
    Deployment,
    Model,
    ModelVersion,
    Module,
    ModuleVersion,
    Nodepool,
    Scope,
    TeamApp,
    Workflow,
    WorkflowVersion,
)


@admin.register(App)
class AppAdmin(RecordedAdmin):
    """Apps of all accounts."""

    creates, updates, deletes = (
        Operation.APPLICATION_CREATE,
        Operation.APPLICATION_UPDATE,
        Operation.APPLICATION_DELETE,
    )
    fixed = ("account",)

    list_display = ("name", "slug", "account", "visibility", "updated_at")
    list_filter = ("visibility",)
    list_select_related = ("account",)
    search_fields = ("slug", "name", "account__slug", "account__name")
    autocomplete_fields = ("account",)


class ResourceAdmin(RecordedAdmin):
    """Models, workflows and modules."""

    belongs_to = "app.account"
    fixed = ("app",)

    list_display = ("name", "slug", "app", "account", "updated_at")
    list_select_related = ("app__account",)
    search_fields = ("slug", "name", "app__slug", "app__account__slug")
    autocomplete_fields = ("app",)

    @admin.display(ordering="app__account__name")
    def account(self, resource: Any) -> str:
        """Whose it is."""
        return str(resource.app.account)


@admin.register(Model)
class ModelAdmin(ResourceAdmin):
    """Machine-learning models."""

    creates, updates, deletes = Operation.MODEL_CREATE, Operation.MODEL_UPDATE, Operation.MODEL_DELETE
    list_filter = ("visibility",)


@admin.register(Workflow)
class WorkflowAdmin(ResourceAdmin):
    """Graphs of models."""

    creates, updates, deletes = (
        Operation.WORKFLOW_CREATE,
        Operation.WORKFLOW_UPDATE,
        Operation.WORKFLOW_DELETE,
    )


@admin.register(Module)
class ModuleAdmin(ResourceAdmin):
    """User interfaces on top of apps."""

    creates, updates, deletes = Operation.MODULE_CREATE, Operation.MODULE_UPDATE, Operation.MODULE_DELETE


class VersionAdmin(RecordedAdmin):
    """Versions of models, workflows and modules."""

    named_by = "slug"

    @admin.display(ordering="published_at", boolean=True)
    def published(self, version: Any) -> bool:
        """Whether everybody can see it."""
        return version.published_at is not None


@admin.register(ModelVersion)
class ModelVersionAdmin(VersionAdmin):
    """States of models."""

    creates = Operation.MODEL_VERSION_CREATE
    updates = Operation.MODEL_VERSION_UPDATE
    deletes = Operation.MODEL_VERSION_DELETE
    belongs_to = "model.app.account"
    fixed = autocomplete_fields = ("model",)

    list_display = ("slug", "model", "state", "published", "created_at")
    list_filter = ("state",)
    list_select_related = ("model",)
    search_fields = ("slug", "model__slug", "model__name", "model__app__slug")


@admin.register(WorkflowVersion)
class WorkflowVersionAdmin(VersionAdmin):
    """States of workflows."""

    creates = Operation.WORKFLOW_VERSION_CREATE
    updates = Operation.WORKFLOW_VERSION_UPDATE
    deletes = Operation.WORKFLOW_VERSION_DELETE
    belongs_to = "workflow.app.account"
    fixed = autocomplete_fields = ("workflow",)

    list_display = ("slug", "workflow", "published", "created_at")
    list_select_related = ("workflow",)
    search_fields = ("slug", "workflow__slug", "workflow__name", "workflow__app__slug")


@admin.register(ModuleVersion)
class ModuleVersionAdmin(VersionAdmin):
    """Releases of modules."""

    creates = Operation.MODULE_VERSION_CREATE
    updates = Operation.MODULE_VERSION_UPDATE
    deletes = Operation.MODULE_VERSION_DELETE
    belongs_to = "module.app.account"
    fixed = autocomplete_fields = ("module",)

    list_display = ("slug", "module", "git_commit", "published", "created_at")
    list_select_related = ("module",)
    search_fields = ("slug", "git_commit", "module__slug", "module__name", "module__app__slug")


class CollaboratorForm(forms.ModelForm):  # type: ignore[type-arg]
    """Scopes to tick."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in Scope.values], widget=forms.CheckboxSelectMultiple
    )


@admin.register(Collaborator)
class CollaboratorAdmin(RecordedAdmin):
    """Users from outside in one app."""

    creates = Operation.COLLABORATOR_ADD
    updates = Operation.COLLABORATOR_UPDATE
    deletes = Operation.COLLABORATOR_REMOVE
    belongs_to = "app.account"
    named_by = "user"
    fixed = autocomplete_fields = ("app", "user")

    form = CollaboratorForm
    list_display = ("user", "app", "scopes", "created_at")
    list_select_related = ("user", "app")
    search_fields = ("=user__email", "user__slug", "app__slug", "app__account__slug")


class TeamAppForm(forms.ModelForm):  # type: ignore[type-arg]
    """Team and app of one account."""

    def clean(self) -> dict[str, Any]:
        """Refuse somebody else's app."""
        cleaned = super().clean() or {}
        team, app = cleaned.get("team"), cleaned.get("app")
        if team and app and team.account_id != app.account_id:
            raise ValidationError("The team and the app belong to different accounts.")
        return cleaned


@admin.register(TeamApp)
class TeamAppAdmin(RecordedAdmin):
    """Which team may use which app, and how."""

    creates = Operation.ORGANIZATION_TEAM_APP_ADD
    updates = Operation.ORGANIZATION_TEAM_APP_CHANGE
    deletes = Operation.ORGANIZATION_TEAM_APP_REMOVE
    belongs_to = "team.account"
    named_by = "app"
    fixed = autocomplete_fields = ("team", "app")

    form = TeamAppForm
    list_display = ("app", "team", "access")
    list_filter = ("access",)
    list_select_related = ("app", "team")
    search_fields = ("app__slug", "app__name", "team__slug", "team__name", "team__account__slug")


@admin.register(ComputeCluster)
class ComputeClusterAdmin(RecordedAdmin):
    """Machines in one place."""

    creates = Operation.COMPUTE_CLUSTER_CREATE
    updates = Operation.COMPUTE_CLUSTER_UPDATE
    deletes = Operation.COMPUTE_CLUSTER_DELETE
    fixed = autocomplete_fields = ("account",)

    list_display = ("name", "slug", "account", "provider", "region")
    list_select_related = ("account",)
    search_fields = ("slug", "name", "account__slug", "account__name")


@admin.register(Nodepool)
class NodepoolAdmin(RecordedAdmin):
    """Machines of one type in a cluster."""

    creates, updates, deletes = (
        Operation.NODEPOOL_CREATE,
        Operation.NODEPOOL_UPDATE,
        Operation.NODEPOOL_DELETE,
    )
    belongs_to = "cluster.account"
    named_by = "slug"
    fixed = autocomplete_fields = ("cluster",)

    list_display = ("slug", "cluster", "instance_type", "min_instances", "max_instances")
    list_select_related = ("cluster",)
    search_fields = ("slug", "cluster__slug", "cluster__name", "cluster__account__slug")


@admin.register(Deployment)
class DeploymentAdmin(RecordedAdmin):
    """Model versions that run."""

    creates, updates, deletes = (
        Operation.DEPLOYMENT_CREATE,
        Operation.DEPLOYMENT_UPDATE,
        Operation.DEPLOYMENT_DELETE,
    )
    belongs_to = "nodepool.cluster.account"
    named_by = "slug"
    fixed = ("nodepool",)
    autocomplete_fields = ("nodepool", "model_version")

    list_display = ("slug", "nodepool", "model_version", "min_replicas", "max_replicas")
    list_select_related = ("nodepool", "model_version")
    search_fields = ("slug", "nodepool__slug", "nodepool__cluster__slug", "nodepool__cluster__account__slug")
