"""Workflows through the API: list, get, create, patch, delete. What changes the nodes creates a version."""

from collections.abc import Sequence
from typing import Self

from ninja import P, PathEx, Query, Router
from pydantic import BaseModel

from accounts.models import Account, Member
from accounts.tokens import TokenScope
from controlcenter.api import does
from controlcenter.batches import changing, creating, listed, one, refuse_taken, saved
from controlcenter.calls import Call
from controlcenter.operations import Operation as Op
from controlcenter.wire import ACTION, AccountId, Action, Answer, Message, Page, Timestamp, Visibility, about

from ..models import App, Workflow, WorkflowVersion
from .apps import APP, AppId, app_of
from .nodes import NODE_EXAMPLE, Node, Nodes, patched_nodes
from .parts import delete_parts, require_resources

router = Router(tags=["Workflows"])

WorkflowId = PathEx[str, P(description="The workflow's id.", example="sorting")]
WORKFLOWS = f"{APP}/workflows"
WORKFLOW = f"{WORKFLOWS}/{{workflow_id}}"


class WorkflowVersionMessage(Message):
    """A version of a workflow: its nodes as they were at one time."""

    columns = {"id": "slug", "description": "description"}

    id: str | None = about("Its id; a new version that comes without gets one.", "b81c0d44e7f2")
    description: str | None = about("What is new in it.", "Sorts bolts, too.")
    nodes: Nodes | None = about("The steps of the workflow.", [NODE_EXAMPLE])
    workflow_id: str | None = about("The workflow it is a version of; read-only.", "sorting")
    visibility: Visibility | None = about("PUBLIC once it is published; read-only.", {"gettable": "PRIVATE"})
    app_id: str | None = about("The app it is in; read-only.", "vision")
    user_id: str | None = about("The account it belongs to; read-only.", "acme")
    created_at: Timestamp | None = about("When it was created; read-only.", "2026-11-02T09:30:00.000000Z")
    published_at: Timestamp | None = about(
        "When it was published; read-only, an addition of ours.", "2026-11-02T09:30:00.000000Z"
    )

    @classmethod
    def of(cls, version: WorkflowVersion, workflow: Workflow, account: Account) -> Self:
        """Return a version as the wire has it."""
        return cls(
            id=version.slug,
            description=version.description,
            nodes=[Node.of(node) for node in version.nodes],
            workflow_id=workflow.slug,
            visibility=Visibility(gettable="PUBLIC" if version.published_at else "PRIVATE"),
            app_id=workflow.app.slug,
            user_id=account.slug,
            created_at=version.created_at,
            published_at=version.published_at,
        )


WORKFLOW_VERSION_EXAMPLE = {"id": "b81c0d44e7f2", "nodes": [NODE_EXAMPLE]}


class WorkflowMessage(Message):
    """A workflow: models that work one after the other."""

    columns = {"id": "slug", "name": "name", "description": "description"}

    id: str | None = about("Its id, which stays. Lower-case letters, digits and hyphens.", "sorting")
    name: str | None = about(
        "What people call it, an addition of ours. A new workflow that comes without is called by its id.", "Sorting"
    )
    description: str | None = about("What it is for.", "Sorts parts.")
    nodes: Nodes | None = about(
        "Its steps, which are those of its newest version. Sending them creates a version.", [NODE_EXAMPLE]
    )
    version: WorkflowVersionMessage | None = about(
        "Its newest version. Sending one creates it; its own `nodes` count where the workflow comes without.",
        WORKFLOW_VERSION_EXAMPLE,
    )
    app_id: str | None = about("The app it is in; read-only.", "vision")
    user_id: str | None = about("The account it belongs to; read-only.", "acme")
    created_at: Timestamp | None = about("When it was created; read-only.", "2026-11-02T09:30:00.000000Z")
    modified_at: Timestamp | None = about("When it was changed last; read-only.", "2026-11-02T09:30:00.000000Z")

    @classmethod
    def of(cls, workflow: Workflow, account: Account, newest: WorkflowVersion | None) -> Self:
        """Return a workflow with its newest version as the wire has it."""
        version = WorkflowVersionMessage.of(newest, workflow, account) if newest else None
        return cls(
            id=workflow.slug,
            name=workflow.name,
            description=workflow.description,
            nodes=version.nodes if version else None,
            version=version,
            app_id=workflow.app.slug,
            user_id=account.slug,
            created_at=workflow.created_at,
            modified_at=workflow.updated_at,
        )


WORKFLOW_EXAMPLE = {"id": "sorting", "nodes": [NODE_EXAMPLE]}


class PostWorkflows(BaseModel):
    """Workflows to create."""

    workflows: list[WorkflowMessage] = about("The new workflows.", [WORKFLOW_EXAMPLE], ...)


class PatchWorkflows(BaseModel):
    """Workflows to change."""

    workflows: list[WorkflowMessage] = about(
        "The workflows by their ids, with what is to change.", [WORKFLOW_EXAMPLE], ...
    )
    action: Action = ACTION


class DeleteWorkflows(BaseModel):
    """Workflows to delete."""

    ids: list[str] = about("Their ids.", ["sorting"], [])
    delete_all: bool = about("Delete all workflows of the app.", False, False)


class WorkflowsQuery(Page):
    """Which workflows."""

    search: str = about("Only workflows with this text in their id, name or description.", "sort", "")
    query: str = about("The same as `search`.", "sort", "")


class WorkflowAnswer(Answer):
    """One workflow."""

    workflow: WorkflowMessage = about("The workflow.", WORKFLOW_EXAMPLE, ...)


class WorkflowsAnswer(Answer):
    """Several workflows."""

    workflows: list[WorkflowMessage] = about("The workflows.", [WORKFLOW_EXAMPLE], ...)


# What is asked


@router.get(WORKFLOWS, **does(TokenScope.WORKFLOWS_READ, answers=WorkflowsAnswer))
def list_workflows(
    request: Call, account_id: AccountId, app_id: AppId, query: Query[WorkflowsQuery]
) -> WorkflowsAnswer:
    """Return workflows of an app, by id."""
    found = app_of(request.auth, app_id).workflows.matching(query.search or query.query).order_by("slug")
    return _told(listed(request, found, query), request.auth.account)


@router.get("/users/{account_id}/workflows", **does(TokenScope.WORKFLOWS_READ, answers=WorkflowsAnswer))
def list_workflows_of_account(request: Call, account_id: AccountId, query: Query[WorkflowsQuery]) -> WorkflowsAnswer:
    """Return workflows of all apps of an account, by app and id."""
    found = Workflow.objects.filter(app__account=request.auth.account).select_related("app")
    found = found.matching(query.search or query.query).order_by("app__slug", "slug")
    return _told(listed(request, found, query), request.auth.account)


@router.get(WORKFLOW, **does(TokenScope.WORKFLOWS_READ, answers=WorkflowAnswer))
def get_workflow(request: Call, account_id: AccountId, app_id: AppId, workflow_id: WorkflowId) -> WorkflowAnswer:
    """Return one workflow."""
    _, workflow = workflow_of(request.auth, app_id, workflow_id)
    return WorkflowAnswer(workflow=_told([workflow], request.auth.account).workflows[0])


def workflow_of(member: Member, app_id: str, workflow_id: str) -> tuple[App, Workflow]:
    """Return a workflow of the member's account and the app it is in. Raises ``Problem``."""
    app = app_of(member, app_id)
    return app, one(app.workflows.all(), workflow_id)


def _told(workflows: Sequence[Workflow], account: Account) -> WorkflowsAnswer:
    """Return workflows with their newest versions, which takes one query."""
    versions = WorkflowVersion.objects.filter(workflow__in=workflows).order_by("workflow", "-pk").distinct("workflow")
    newest = {version.workflow_id: version for version in versions}
    return WorkflowsAnswer(
        workflows=[WorkflowMessage.of(workflow, account, newest.get(workflow.pk)) for workflow in workflows]
    )


# What is changed


@router.post(
    WORKFLOWS,
    **does(TokenScope.WORKFLOWS_WRITE, answers=WorkflowsAnswer, attempts=Op.WORKFLOW_CREATE, each="workflows"),
)
def post_workflows(request: Call, account_id: AccountId, app_id: AppId, body: PostWorkflows) -> WorkflowsAnswer:
    """Create workflows, all of them or none. One that comes with nodes gets its first version."""
    member, ids = request.auth, [message.id for message in body.workflows]
    app = app_of(member, app_id)
    with creating(member, Op.WORKFLOW_CREATE, ids, app.workflows.all(), parent=app):
        require_resources(app, member)
        made = [
            _written(Workflow(app=app, name=message.id or ""), message, "overwrite", f"workflows[{number}]")
            for number, message in enumerate(body.workflows)
        ]
    return _told(made, member.account)


@router.patch(
    WORKFLOWS,
    **does(TokenScope.WORKFLOWS_WRITE, answers=WorkflowsAnswer, attempts=Op.WORKFLOW_UPDATE, each="workflows"),
)
def patch_workflows(request: Call, account_id: AccountId, app_id: AppId, body: PatchWorkflows) -> WorkflowsAnswer:
    """Change workflows, all of them or none. With `nodes` or a `version` each gets a new version.

    The new version has the nodes of the newest one, changed by the given ones as `action` says. Older versions stay
    as they are.
    """
    member, ids = request.auth, [message.id for message in body.workflows]
    app = app_of(member, app_id)
    with changing(member, Op.WORKFLOW_UPDATE, ids, app.workflows.all(), app) as workflows:
        require_resources(app, member)
        for number, (workflow, message) in enumerate(zip(workflows, body.workflows, strict=True)):
            _written(workflow, message, body.action, f"workflows[{number}]")
    return _told(workflows, member.account)


def _written(workflow: Workflow, message: WorkflowMessage, action: Action, place: str) -> Workflow:
    """Write a message into a workflow, with a new version when it brings one, and return the workflow."""
    saved(workflow, message, place)
    if message.nodes is not None or message.version is not None:
        version = message.version or WorkflowVersionMessage()
        given = version.nodes if message.nodes is None else message.nodes
        add_version(workflow, version, given, action, f"{place}.version")
    return workflow


def add_version(
    workflow: Workflow, message: WorkflowVersionMessage, nodes: list[Node] | None, action: Action, place: str
) -> WorkflowVersion:
    """Create and return a version of a workflow, whose nodes are those of the newest one, patched."""
    refuse_taken(workflow.versions.all(), [message.id] if message.id else [])
    newest = workflow.versions.order_by("-pk").first()
    patched = patched_nodes(newest.nodes if newest else [], nodes, action)
    return saved(WorkflowVersion(workflow=workflow), message, place, nodes=patched)


@router.delete(WORKFLOWS, **does(TokenScope.WORKFLOWS_WRITE, answers=Answer, attempts=Op.WORKFLOW_DELETE, each="ids"))
def delete_workflows(request: Call, account_id: AccountId, app_id: AppId, body: DeleteWorkflows) -> Answer:
    """Delete workflows with their versions, all of them or none."""
    app = app_of(request.auth, app_id)
    return delete_parts(request.auth, Op.WORKFLOW_DELETE, app, app.workflows.all(), body.ids, every=body.delete_all)


@router.delete(WORKFLOW, **does(TokenScope.WORKFLOWS_WRITE, answers=Answer, attempts=Op.WORKFLOW_DELETE))
def delete_workflow(request: Call, account_id: AccountId, app_id: AppId, workflow_id: WorkflowId) -> Answer:
    """Delete a workflow with its versions."""
    app = app_of(request.auth, app_id)
    return delete_parts(request.auth, Op.WORKFLOW_DELETE, app, app.workflows.all(), [workflow_id])
