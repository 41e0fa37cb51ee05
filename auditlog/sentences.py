"""One human sentence per operation. {0} is the thing itself, {1} what it belongs to; [parts] may be left out."""

import re
from functools import cache

from controlcenter.logs import UNSEEN
from controlcenter.operations import Operation as Op

SENTENCES: dict[Op, str] = {
    Op.ORGANIZATION_CREATE: "Create organization[ {0}]",
    Op.ORGANIZATION_UPDATE: "Update organization[ {0}]",
    Op.ORGANIZATION_DELETE: "Delete organization[ {0}]",
    Op.ORGANIZATION_PLAN_CHANGE: "Change the plan[ of organization {0}]",
    Op.PLAN_CREATE: "Create plan[ {0}]",
    Op.PLAN_UPDATE: "Update plan[ {0}]",
    Op.PLAN_DELETE: "Delete plan[ {0}]",
    Op.ORGANIZATION_MEMBER_ADD: "Add user[ {0}] to the organization[ as {1}]",
    Op.ORGANIZATION_MEMBER_CHANGE: "Change the role[ of user {0}][ to {1}]",
    Op.ORGANIZATION_MEMBER_REMOVE: "Remove user[ {0}] from the organization",
    Op.ORGANIZATION_MEMBER_INVITATION_CREATE: "Invite[ {0}] to the organization[ as {1}]",
    Op.ORGANIZATION_MEMBER_INVITATION_CANCEL: "Cancel the invitation[ of {0}]",
    Op.ORGANIZATION_MEMBER_INVITATION_ACCEPT: "Accept the invitation[ of {0}]",
    Op.ORGANIZATION_MEMBER_INVITATION_DECLINE: "Decline the invitation[ of {0}]",
    Op.ORGANIZATION_MEMBER_INVITATION_EXPIRE: "Let the invitation[ of {0}] expire",
    Op.ORGANIZATION_TEAM_CREATE: "Create team[ {0}]",
    Op.ORGANIZATION_TEAM_UPDATE: "Update team[ {0}]",
    Op.ORGANIZATION_TEAM_DELETE: "Delete team[ {0}]",
    Op.ORGANIZATION_TEAM_MEMBER_ADD: "Add user[ {0}][ to team {1}]",
    Op.ORGANIZATION_TEAM_MEMBER_REMOVE: "Remove user[ {0}][ from team {1}]",
    Op.ORGANIZATION_TEAM_APP_ADD: "Add application[ {0}][ to team {1}]",
    Op.ORGANIZATION_TEAM_APP_REMOVE: "Remove application[ {0}][ from team {1}]",
    Op.ORGANIZATION_TEAM_APP_CHANGE: "Change the access[ to application {0}][ of team {1}]",
    Op.MODULE_CREATE: "Create module[ {0}]",
    Op.MODULE_UPDATE: "Update module[ {0}]",
    Op.MODULE_DELETE: "Delete module[ {0}]",
    Op.MODULE_VERSION_CREATE: "Create module version[ {0}][ for module {1}]",
    Op.MODULE_VERSION_UPDATE: "Update module version[ {0}][ of module {1}]",
    Op.MODULE_VERSION_DELETE: "Delete module version[ {0}][ of module {1}]",
    Op.MODEL_CREATE: "Create model[ {0}]",
    Op.MODEL_UPDATE: "Update model[ {0}]",
    Op.MODEL_DELETE: "Delete model[ {0}]",
    Op.MODEL_VERSION_CREATE: "Create model version[ {0}][ for model {1}]",
    Op.MODEL_VERSION_UPDATE: "Update model version[ {0}][ of model {1}]",
    Op.MODEL_VERSION_DELETE: "Delete model version[ {0}][ of model {1}]",
    Op.MODEL_VERSION_TRAIN: "Train model version[ {0}][ of model {1}]",
    Op.MODEL_VERSION_PUBLISH: "Publish model version[ {0}][ of model {1}]",
    Op.MODEL_VERSION_UNPUBLISH: "Unpublish model version[ {0}][ of model {1}]",
    Op.WORKFLOW_CREATE: "Create workflow[ {0}]",
    Op.WORKFLOW_UPDATE: "Update workflow[ {0}]",
    Op.WORKFLOW_DELETE: "Delete workflow[ {0}]",
    Op.WORKFLOW_VERSION_CREATE: "Create workflow version[ {0}][ for workflow {1}]",
    Op.WORKFLOW_VERSION_UPDATE: "Update workflow version[ {0}][ of workflow {1}]",
    Op.WORKFLOW_VERSION_DELETE: "Delete workflow version[ {0}][ of workflow {1}]",
    Op.WORKFLOW_VERSION_PUBLISH: "Publish workflow version[ {0}][ of workflow {1}]",
    Op.WORKFLOW_VERSION_UNPUBLISH: "Unpublish workflow version[ {0}][ of workflow {1}]",
    Op.APPLICATION_CREATE: "Create application[ {0}]",
    Op.APPLICATION_UPDATE: "Update application[ {0}]",
    Op.APPLICATION_DELETE: "Delete application[ {0}]",
    Op.APPLICATION_DUPLICATE: "Duplicate application[ {1}][ as {0}]",
    Op.APPLICATION_TRANSFER: "Transfer application[ {0}]",
    Op.COLLABORATOR_ADD: "Add collaborator[ {0}][ to application {1}]",
    Op.COLLABORATOR_UPDATE: "Change the scopes[ of collaborator {0}][ of application {1}]",
    Op.COLLABORATOR_REMOVE: "Remove collaborator[ {0}][ from application {1}]",
    Op.USER_UPDATE: "Update user[ {0}]",
    Op.USER_SIGN_IN: "Sign in[ as {0}]",
    Op.USER_SIGN_OUT: "Sign out[ as {0}]",
    Op.USER_SIGN_IN_FAILED: "Sign in[ as {0}]",
    Op.USER_PASSWORD_CHANGE: "Change the password[ of user {0}]",
    Op.USER_TOKEN_CREATE: "Create API token[ {0}]",
    Op.USER_TOKEN_UPDATE: "Update API token[ {0}]",
    Op.USER_TOKEN_REVOKE: "Revoke API token[ {0}]",
    Op.USER_SECOND_FACTOR_ADD: "Set up a second factor[ of user {0}]",
    Op.USER_SECOND_FACTOR_REMOVE: "Remove the second factor[ of user {0}]",
    Op.USER_CREATE: "Create user[ {0}]",
    Op.USER_DELETE: "Delete user[ {0}]",
    Op.USER_ERASE: "Erase a person",
    Op.COMPUTE_CLUSTER_CREATE: "Create compute cluster[ {0}]",
    Op.COMPUTE_CLUSTER_UPDATE: "Update compute cluster[ {0}]",
    Op.COMPUTE_CLUSTER_DELETE: "Delete compute cluster[ {0}]",
    Op.NODEPOOL_CREATE: "Create nodepool[ {0}][ in compute cluster {1}]",
    Op.NODEPOOL_UPDATE: "Update nodepool[ {0}][ in compute cluster {1}]",
    Op.NODEPOOL_DELETE: "Delete nodepool[ {0}][ from compute cluster {1}]",
    Op.DEPLOYMENT_CREATE: "Create deployment[ {0}][ on nodepool {1}]",
    Op.DEPLOYMENT_UPDATE: "Update deployment[ {0}][ on nodepool {1}]",
    Op.DEPLOYMENT_DELETE: "Delete deployment[ {0}][ from nodepool {1}]",
    Op.LOG_VIEW: "View the log[ filtered by {0}]",
    Op.LOG_EXPORT: "Export the log[ as {1}][, filtered by {0}]",
    Op.LOG_SUPPORT_VIEW: "View the log as support staff[, filtered by {0}]",
    Op.LOG_VIEW_SAVE: "Save the log view[ {0}]",
    Op.SUPPORT_ACCESS: "Open support access[ for ticket {0}]",
    Op.LOG_UNATTRIBUTED_CHANGE: "Change past the application[ of {0}]",
    Op.LOG_EXPIRE: "Remove expired entries of the log",
    Op.LOG_HOLD: "Put the log[ of {0}] on legal hold",
    Op.LOG_RELEASE: "Release the log[ of {0}] from legal hold",
}

OF_ONE_KIND: dict[tuple[Op, str], str] = {
    (Op.LOG_VIEW_SAVE, "updated"): "Change the log view[ {0}]",
    (Op.LOG_VIEW_SAVE, "deleted"): "Delete the log view[ {0}]",
    (Op.SUPPORT_ACCESS, "ended"): "End support access[ for ticket {0}]",
    (Op.USER_SIGN_OUT, "updated"): "Sign out everywhere[ as {0}]",
    (Op.LOG_EXPORT, "ended"): "Hand out the export of the log[ as {1}][, filtered by {0}]",
}
"""Sentences of what has one operation, and happens in more than one way."""

_OPTIONAL = re.compile(r"\[([^\[\]]*)\{(\d)\}\]")


def sentence_for(operation: Op, *names: str, kind: str = "") -> str:
    """Return the operation's sentence with the names in quotes, without the parts whose name is not known."""
    told, parts = _parts(operation, kind)
    for text, place, following in parts:
        name = names[place] if place < len(names) else ""
        told += (f"{text}'{UNSEEN.sub('�', name)}'" if name else "") + following
    return told


@cache
def _parts(operation: Op, kind: str) -> tuple[str, list[tuple[str, int, str]]]:
    """Return how a sentence begins; and for each name what stands before it, which it is, and what follows."""
    start, *rest = _OPTIONAL.split(OF_ONE_KIND.get((operation, kind), SENTENCES[operation]))
    texts, places, following = rest[::3], map(int, rest[1::3]), rest[2::3]
    return start, list(zip(texts, places, following, strict=True))
