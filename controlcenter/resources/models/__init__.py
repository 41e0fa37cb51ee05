"""What an account owns: apps with models, workflows and modules in them, who comes to these, and compute."""

from .access import Collaborator, Scope, TeamApp, TeamAppQuerySet, with_counts
from .apps import PARTS, App, Visibility
from .compute import ComputeCluster, Deployment, Nodepool
from .parts import (
    Model,
    ModelVersion,
    Module,
    ModuleVersion,
    Resource,
    Version,
    Workflow,
    WorkflowVersion,
    new_version_slug,
)
from .searching import COUNTED

__all__ = [
    "COUNTED",
    "PARTS",
    "App",
    "Collaborator",
    "ComputeCluster",
    "Deployment",
    "Model",
    "ModelVersion",
    "Module",
    "ModuleVersion",
    "Nodepool",
    "Resource",
    "Scope",
    "TeamApp",
    "TeamAppQuerySet",
    "Version",
    "Visibility",
    "Workflow",
    "WorkflowVersion",
    "new_version_slug",
    "with_counts",
]
