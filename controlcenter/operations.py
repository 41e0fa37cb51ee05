"""The catalogue of operations: the vocabulary that every part of the product shares.

Codes 100 to 1102 are the reference product's published numbers and must stay. The others are our extensions; the
compatible API reports those under ``reported_as``, their base code.
"""

from enum import IntEnum, StrEnum
from typing import Self


class Family(StrEnum):
    """The heading under which operations are grouped for people."""

    ORGANIZATION = "Organization"
    MEMBERS = "Members"
    TEAMS = "Teams"
    MODULES = "Modules"
    MODELS = "Models"
    WORKFLOWS = "Workflows"
    APPLICATIONS = "Applications"
    COLLABORATORS = "Collaborators"
    USERS = "Users"
    COMPUTE = "Compute"
    LOG = "The log itself"


class Operation(IntEnum):
    """One tracked operation: its code, family, label and, for an extension, the code it is reported as."""

    family: Family
    label: str
    reported_as: int

    # The defaults let a type checker see that Operation(300) looks an operation up.
    def __new__(cls, code: int, family: Family = Family.LOG, label: str = "", reported_as: int | None = None) -> Self:
        operation = int.__new__(cls, code)
        operation._value_ = code
        operation.family = family
        operation.label = label
        operation.reported_as = reported_as or code
        return operation

    ORGANIZATION_CREATE = 150, Family.ORGANIZATION, "Organizations created", 100
    ORGANIZATION_UPDATE = 151, Family.ORGANIZATION, "Organizations updated", 101
    ORGANIZATION_DELETE = 152, Family.ORGANIZATION, "Organizations deleted", 102
    ORGANIZATION_PLAN_CHANGE = 153, Family.ORGANIZATION, "Organization plans changed", 101
    PLAN_CREATE = 154, Family.ORGANIZATION, "Plans created", 100
    PLAN_UPDATE = 155, Family.ORGANIZATION, "Plans updated", 101
    PLAN_DELETE = 156, Family.ORGANIZATION, "Plans deleted", 102

    ORGANIZATION_MEMBER_ADD = 100, Family.MEMBERS, "Organization members added"
    ORGANIZATION_MEMBER_CHANGE = 101, Family.MEMBERS, "Organization member roles changed"
    ORGANIZATION_MEMBER_REMOVE = 102, Family.MEMBERS, "Organization members removed"
    ORGANIZATION_MEMBER_INVITATION_CREATE = 103, Family.MEMBERS, "Organization member invitations created"
    ORGANIZATION_MEMBER_INVITATION_CANCEL = 104, Family.MEMBERS, "Organization member invitations cancelled"
    ORGANIZATION_MEMBER_INVITATION_ACCEPT = 105, Family.MEMBERS, "Organization member invitations accepted"
    ORGANIZATION_MEMBER_INVITATION_DECLINE = 106, Family.MEMBERS, "Organization member invitations declined"
    ORGANIZATION_MEMBER_INVITATION_EXPIRE = 157, Family.MEMBERS, "Organization member invitations expired", 104

    ORGANIZATION_TEAM_CREATE = 107, Family.TEAMS, "Organization teams created"
    ORGANIZATION_TEAM_UPDATE = 108, Family.TEAMS, "Organization teams updated"
    ORGANIZATION_TEAM_DELETE = 109, Family.TEAMS, "Organization teams deleted"
    ORGANIZATION_TEAM_MEMBER_ADD = 110, Family.TEAMS, "Organization team members added"
    ORGANIZATION_TEAM_MEMBER_REMOVE = 111, Family.TEAMS, "Organization team members removed"
    ORGANIZATION_TEAM_APP_ADD = 112, Family.TEAMS, "Organization team apps added"
    ORGANIZATION_TEAM_APP_REMOVE = 113, Family.TEAMS, "Organization team apps removed"
    ORGANIZATION_TEAM_APP_CHANGE = 114, Family.TEAMS, "Organization team app access changed", 108

    MODULE_CREATE = 200, Family.MODULES, "Modules created"
    MODULE_UPDATE = 201, Family.MODULES, "Modules updated"
    MODULE_DELETE = 202, Family.MODULES, "Modules deleted"
    MODULE_VERSION_CREATE = 203, Family.MODULES, "Module versions created"
    MODULE_VERSION_UPDATE = 204, Family.MODULES, "Module versions updated"
    MODULE_VERSION_DELETE = 205, Family.MODULES, "Module versions deleted"

    MODEL_CREATE = 300, Family.MODELS, "Models created"
    MODEL_UPDATE = 301, Family.MODELS, "Models updated"
    MODEL_DELETE = 302, Family.MODELS, "Models deleted"
    MODEL_VERSION_CREATE = 303, Family.MODELS, "Model versions created"
    MODEL_VERSION_UPDATE = 304, Family.MODELS, "Model versions updated"
    MODEL_VERSION_DELETE = 305, Family.MODELS, "Model versions deleted"
    MODEL_VERSION_TRAIN = 350, Family.MODELS, "Model versions trained", 303
    MODEL_VERSION_PUBLISH = 351, Family.MODELS, "Model versions published", 304
    MODEL_VERSION_UNPUBLISH = 352, Family.MODELS, "Model versions unpublished", 304

    WORKFLOW_CREATE = 400, Family.WORKFLOWS, "Workflows created"
    WORKFLOW_UPDATE = 401, Family.WORKFLOWS, "Workflows updated"
    WORKFLOW_DELETE = 402, Family.WORKFLOWS, "Workflows deleted"
    WORKFLOW_VERSION_CREATE = 403, Family.WORKFLOWS, "Workflow versions created"
    WORKFLOW_VERSION_UPDATE = 404, Family.WORKFLOWS, "Workflow versions updated"
    WORKFLOW_VERSION_DELETE = 405, Family.WORKFLOWS, "Workflow versions deleted"
    WORKFLOW_VERSION_PUBLISH = 451, Family.WORKFLOWS, "Workflow versions published", 404
    WORKFLOW_VERSION_UNPUBLISH = 452, Family.WORKFLOWS, "Workflow versions unpublished", 404

    APPLICATION_CREATE = 600, Family.APPLICATIONS, "Applications created"
    APPLICATION_UPDATE = 601, Family.APPLICATIONS, "Applications updated"
    APPLICATION_DELETE = 602, Family.APPLICATIONS, "Applications deleted"
    APPLICATION_DUPLICATE = 650, Family.APPLICATIONS, "Applications duplicated", 600
    APPLICATION_TRANSFER = 651, Family.APPLICATIONS, "Applications transferred", 601

    COLLABORATOR_ADD = 700, Family.COLLABORATORS, "Collaborators added"
    COLLABORATOR_UPDATE = 701, Family.COLLABORATORS, "Collaborators updated"
    COLLABORATOR_REMOVE = 702, Family.COLLABORATORS, "Collaborators removed"

    USER_UPDATE = 800, Family.USERS, "Users updated"
    USER_SIGN_IN = 850, Family.USERS, "Users signed in", 800
    USER_SIGN_OUT = 851, Family.USERS, "Users signed out", 800
    USER_SIGN_IN_FAILED = 852, Family.USERS, "Sign-ins failed", 800
    USER_PASSWORD_CHANGE = 853, Family.USERS, "Passwords changed", 800
    USER_TOKEN_CREATE = 854, Family.USERS, "API tokens created", 800
    USER_TOKEN_REVOKE = 855, Family.USERS, "API tokens revoked", 800
    USER_CREATE = 856, Family.USERS, "Users created", 800
    USER_DELETE = 857, Family.USERS, "Users deleted", 800
    USER_TOKEN_UPDATE = 858, Family.USERS, "API tokens updated", 800
    USER_SECOND_FACTOR_ADD = 859, Family.USERS, "Second factors added", 800
    USER_SECOND_FACTOR_REMOVE = 860, Family.USERS, "Second factors removed", 800
    USER_ERASE = 861, Family.USERS, "Users erased", 800

    COMPUTE_CLUSTER_CREATE = 900, Family.COMPUTE, "Compute clusters created"
    COMPUTE_CLUSTER_DELETE = 901, Family.COMPUTE, "Compute clusters deleted"
    COMPUTE_CLUSTER_UPDATE = 902, Family.COMPUTE, "Compute clusters updated"
    NODEPOOL_CREATE = 1000, Family.COMPUTE, "Nodepools created"
    NODEPOOL_UPDATE = 1001, Family.COMPUTE, "Nodepools updated"
    NODEPOOL_DELETE = 1002, Family.COMPUTE, "Nodepools deleted"
    DEPLOYMENT_CREATE = 1100, Family.COMPUTE, "Deployments created"
    DEPLOYMENT_UPDATE = 1101, Family.COMPUTE, "Deployments updated"
    DEPLOYMENT_DELETE = 1102, Family.COMPUTE, "Deployments deleted"

    LOG_VIEW = 1200, Family.LOG, "Audit log viewed"
    LOG_EXPORT = 1201, Family.LOG, "Audit log exported"
    LOG_SUPPORT_VIEW = 1202, Family.LOG, "Audit log viewed by support"
    LOG_VIEW_SAVE = 1203, Family.LOG, "Audit log views saved"
    LOG_EXPIRE = 1204, Family.LOG, "Audit log entries expired"
    LOG_UNATTRIBUTED_CHANGE = 1205, Family.LOG, "Changes past the application"
    SUPPORT_ACCESS = 1206, Family.LOG, "Support access opened or ended"
    LOG_HOLD = 1207, Family.LOG, "Audit logs put on legal hold"
    LOG_RELEASE = 1208, Family.LOG, "Audit logs released from legal hold"
