"""All families of operations of the API, in the order in which its page shows them."""

from .api import api

FAMILIES = (
    "controlcenter.resources.api.apps",
    "controlcenter.resources.api.models",
    "controlcenter.resources.api.model_versions",
    "controlcenter.resources.api.workflows",
    "controlcenter.resources.api.workflow_versions",
    "controlcenter.resources.api.modules",
    "controlcenter.resources.api.module_versions",
    "controlcenter.resources.api.collaborators",
    "controlcenter.resources.api.compute",
    "controlcenter.resources.api.nodepools",
    "controlcenter.resources.api.deployments",
    "controlcenter.resources.api.teams",
    "controlcenter.resources.api.team_members",
    "controlcenter.resources.api.team_apps",
    "accounts.api.organizations",
    "accounts.api.members",
    "accounts.api.invitations",
    "auditlog.api",
)

for family in FAMILIES:
    api.add_router("", f"{family}.router")

__all__ = ["api"]
