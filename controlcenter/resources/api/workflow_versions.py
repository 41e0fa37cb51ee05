"""Versions of workflows through the API: list, get, create, patch, publish, delete."""

from ninja import Query, Router
from pydantic import BaseModel

from accounts.tokens import TokenScope
from controlcenter.api import does
from controlcenter.batches import changing, creating, listed, one, saved
from controlcenter.calls import Call
from controlcenter.operations import Operation as Op
from controlcenter.wire import ACTION, AccountId, Action, Answer, Page, about

from ..models import WorkflowVersion
from .apps import AppId
from .model_versions import Publications, VersionId
from .nodes import patched_nodes
from .parts import for_each_version, require_resources
from .workflows import (
    WORKFLOW,
    WORKFLOW_VERSION_EXAMPLE,
    WorkflowId,
    WorkflowVersionMessage,
    add_version,
    workflow_of,
)

router = Router(tags=["Workflow versions"])

VERSIONS = f"{WORKFLOW}/versions"
VERSION = f"{VERSIONS}/{{version_id}}"


class PostWorkflowVersions(BaseModel):
    """Versions to create."""

    workflow_versions: list[WorkflowVersionMessage] = about("The new versions.", [WORKFLOW_VERSION_EXAMPLE], ...)


class PatchWorkflowVersions(BaseModel):
    """Versions to change."""

    workflow_versions: list[WorkflowVersionMessage] = about(
        "The versions by their ids, with what is to change.", [WORKFLOW_VERSION_EXAMPLE], ...
    )
    action: Action = ACTION


class DeleteWorkflowVersions(BaseModel):
    """Versions to delete."""

    workflow_version_ids: list[str] = about("Their ids.", ["b81c0d44e7f2"], ...)


class WorkflowVersionAnswer(Answer):
    """One version."""

    workflow_version: WorkflowVersionMessage = about("The version.", WORKFLOW_VERSION_EXAMPLE, ...)


class WorkflowVersionsAnswer(Answer):
    """Several versions."""

    workflow_versions: list[WorkflowVersionMessage] = about("The versions.", [WORKFLOW_VERSION_EXAMPLE], ...)


# What is asked


@router.get(VERSIONS, **does(TokenScope.WORKFLOWS_READ, answers=WorkflowVersionsAnswer))
def list_workflow_versions(
    request: Call, account_id: AccountId, app_id: AppId, workflow_id: WorkflowId, query: Query[Page]
) -> WorkflowVersionsAnswer:
    """Return versions of a workflow, newest first."""
    _, workflow = workflow_of(request.auth, app_id, workflow_id)
    rows = listed(request, workflow.versions.order_by("-pk"), query)
    return _told(request, rows)


@router.get(VERSION, **does(TokenScope.WORKFLOWS_READ, answers=WorkflowVersionAnswer))
def get_workflow_version(
    request: Call, account_id: AccountId, app_id: AppId, workflow_id: WorkflowId, version_id: VersionId
) -> WorkflowVersionAnswer:
    """Return one version."""
    _, workflow = workflow_of(request.auth, app_id, workflow_id)
    [version] = _told(request, [one(workflow.versions.all(), version_id)]).workflow_versions
    return WorkflowVersionAnswer(workflow_version=version)


def _told(request: Call, versions: list[WorkflowVersion]) -> WorkflowVersionsAnswer:
    account = request.auth.account
    messages = [WorkflowVersionMessage.of(version, version.workflow, account) for version in versions]
    return WorkflowVersionsAnswer(workflow_versions=messages)


# What is changed


@router.post(
    VERSIONS,
    **does(
        TokenScope.WORKFLOWS_WRITE,
        answers=WorkflowVersionsAnswer,
        attempts=Op.WORKFLOW_VERSION_CREATE,
        each="workflow_versions",
    ),
)
def post_workflow_versions(
    request: Call, account_id: AccountId, app_id: AppId, workflow_id: WorkflowId, body: PostWorkflowVersions
) -> WorkflowVersionsAnswer:
    """Create versions of a workflow, all of them or none. An addition of ours: the public client patches the workflow.

    A version that comes without nodes has those of the newest one.
    """
    member, messages = request.auth, body.workflow_versions
    app, workflow = workflow_of(member, app_id, workflow_id)
    ids = [message.id for message in messages]
    with creating(member, Op.WORKFLOW_VERSION_CREATE, ids, workflow.versions.all(), parent=workflow):
        require_resources(app, member)
        made = [
            add_version(workflow, message, message.nodes, "overwrite", f"workflow_versions[{number}]")
            for number, message in enumerate(messages)
        ]
    return _told(request, made)


@router.patch(
    VERSIONS,
    **does(
        TokenScope.WORKFLOWS_WRITE,
        answers=WorkflowVersionsAnswer,
        attempts=Op.WORKFLOW_VERSION_UPDATE,
        each="workflow_versions",
    ),
)
def patch_workflow_versions(
    request: Call, account_id: AccountId, app_id: AppId, workflow_id: WorkflowId, body: PatchWorkflowVersions
) -> WorkflowVersionsAnswer:
    """Change versions of a workflow, all of them or none."""
    member, messages = request.auth, body.workflow_versions
    app, workflow = workflow_of(member, app_id, workflow_id)
    ids = [message.id for message in messages]
    with changing(member, Op.WORKFLOW_VERSION_UPDATE, ids, workflow.versions.all(), workflow) as versions:
        require_resources(app, member)
        for number, (version, message) in enumerate(zip(versions, messages, strict=True)):
            nodes = patched_nodes(version.nodes, message.nodes, body.action)
            saved(version, message, f"workflow_versions[{number}]", nodes=nodes)
    return _told(request, versions)


@router.delete(
    VERSIONS,
    **does(
        TokenScope.WORKFLOWS_WRITE,
        answers=Answer,
        attempts=Op.WORKFLOW_VERSION_DELETE,
        each="workflow_version_ids",
    ),
)
def delete_workflow_versions(
    request: Call, account_id: AccountId, app_id: AppId, workflow_id: WorkflowId, body: DeleteWorkflowVersions
) -> Answer:
    """Delete versions of a workflow, all of them or none."""
    app, workflow = workflow_of(request.auth, app_id, workflow_id)
    ids = body.workflow_version_ids
    return for_each_version(request.auth, Op.WORKFLOW_VERSION_DELETE, app, workflow, ids, WorkflowVersion.delete)


@router.post(
    f"{WORKFLOW}/publish",
    **does(TokenScope.WORKFLOWS_WRITE, answers=Answer, attempts=Op.WORKFLOW_VERSION_PUBLISH, each="publications"),
)
def post_workflow_versions_publish(
    request: Call, account_id: AccountId, app_id: AppId, workflow_id: WorkflowId, body: Publications
) -> Answer:
    """Publish versions of a workflow, all of them or none."""
    app, workflow = workflow_of(request.auth, app_id, workflow_id)
    publish = WorkflowVersion.publish
    return for_each_version(request.auth, Op.WORKFLOW_VERSION_PUBLISH, app, workflow, body.ids, publish)


@router.post(
    f"{WORKFLOW}/unpublish",
    **does(TokenScope.WORKFLOWS_WRITE, answers=Answer, attempts=Op.WORKFLOW_VERSION_UNPUBLISH, each="publications"),
)
def post_workflow_versions_un_publish(
    request: Call, account_id: AccountId, app_id: AppId, workflow_id: WorkflowId, body: Publications
) -> Answer:
    """Take versions of a workflow back from the public, all of them or none."""
    app, workflow = workflow_of(request.auth, app_id, workflow_id)
    unpublish = WorkflowVersion.unpublish
    return for_each_version(request.auth, Op.WORKFLOW_VERSION_UNPUBLISH, app, workflow, body.ids, unpublish)
