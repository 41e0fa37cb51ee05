"""Deployments of model versions through the API: list, get, create, patch, delete."""

from collections.abc import Sequence
from typing import Any, Self, TypeVar

from django.db.models import Count, QuerySet
from django.db.models import Model as DjangoModel
from ninja import P, PathEx, Query, Router
from pydantic import BaseModel

from accounts.access import require
from accounts.models import Account
from accounts.roles import Permission
from accounts.tokens import TokenScope
from controlcenter.api import does
from controlcenter.batches import changing, creating, listed, one, saved
from controlcenter.calls import Call
from controlcenter.operations import Operation as Op
from controlcenter.problems import Problem
from controlcenter.wire import ACTION, AccountId, Action, Answer, Message, Page, Timestamp, about

from ..models import Deployment, Model, ModelVersion, Nodepool
from .compute import LARGEST, DeleteByIds, only_part
from .nodepools import NodepoolMessage
from .parts import ModelReference, VersionReference

Row = TypeVar("Row", bound=DjangoModel)

router = Router(tags=["Deployments"])

DeploymentId = PathEx[str, P(description="The deployment's id.", example="resnet-live")]
DEPLOYMENTS = "/users/{account_id}/deployments"
DEPLOYMENT = f"{DEPLOYMENTS}/{{deployment_id}}"


class AutoscaleConfig(Message):
    """How much of something runs. Where `overwrite` replaces it, what is left out is as in a new deployment."""

    columns = {"min_replicas": "min_replicas", "max_replicas": "max_replicas"}

    min_replicas: int | None = about(
        "Replicas that run even when nobody asks; in a new deployment that comes without: 0.", 0, ge=0, le=LARGEST
    )
    max_replicas: int | None = about(
        "Replicas that run at most; in a new deployment that comes without: 1.", 3, ge=0, le=LARGEST
    )

    def values(self, action: Action) -> dict[str, Any]:
        """Return what to write into a deployment."""
        new = Deployment()
        replaced = {column: getattr(new, column) for column in self.columns.values()} if action == "overwrite" else {}
        return {**replaced, **self.given()}


class Worker(Message):
    """What runs."""

    model: ModelReference = about(
        "The model. Without a `model_version`, the newest one that can be deployed.",
        {"id": "resnet", "app_id": "vision", "model_version": {"id": "a72af0c91b34"}},
        ...,
    )


class DeploymentMessage(Message):
    """A deployment: a model version that runs on a nodepool."""

    columns = {"id": "slug", "worker": "model_version", "nodepools": "nodepool"}

    id: str | None = about("Its id, which stays. Lower-case letters, digits and hyphens.", "resnet-live")
    worker: Worker | None = about("What runs.", {"model": {"id": "resnet", "app_id": "vision"}})
    nodepools: list[NodepoolMessage] | None = about(
        "Where it runs: on exactly one nodepool, by id. Where several clusters have one of this id, the cluster's too.",
        [{"id": "gpus", "compute_cluster": {"id": "frankfurt"}}],
    )
    autoscale_config: AutoscaleConfig | None = about("How much of it runs.", {"min_replicas": 1, "max_replicas": 3})
    user_id: str | None = about("The account it belongs to; read-only.", "acme")
    created_at: Timestamp | None = about("When it was created; read-only.", "2026-11-02T09:30:00.000000Z")

    @classmethod
    def of(cls, deployment: Deployment, account: Account) -> Self:
        """Return a deployment as the wire has it."""
        version = deployment.model_version
        model = ModelReference(
            id=version.model.slug,
            app_id=version.model.app.slug,
            user_id=account.slug,
            model_version=VersionReference(id=version.slug),
        )
        return cls(
            id=deployment.slug,
            worker=Worker(model=model),
            nodepools=[NodepoolMessage.of(deployment.nodepool, account)],
            autoscale_config=AutoscaleConfig(
                min_replicas=deployment.min_replicas, max_replicas=deployment.max_replicas
            ),
            user_id=account.slug,
            created_at=deployment.created_at,
        )


DEPLOYMENT_EXAMPLE = {
    "id": "resnet-live",
    "worker": {"model": {"id": "resnet", "app_id": "vision"}},
    "nodepools": [{"id": "gpus"}],
}


class PostDeployments(BaseModel):
    """Deployments to create."""

    deployments: list[DeploymentMessage] = about("The new deployments.", [DEPLOYMENT_EXAMPLE], ...)


class PatchDeployments(BaseModel):
    """Deployments to change."""

    deployments: list[DeploymentMessage] = about(
        "The deployments by their ids, with what is to change.", [DEPLOYMENT_EXAMPLE], ...
    )
    action: Action = ACTION


class DeploymentsQuery(Page):
    """Which deployments."""

    nodepool_id: str = about("Only deployments on nodepools of this id.", "gpus", "")
    compute_cluster_id: str = about("Only deployments in this cluster.", "frankfurt", "")
    model_version_ids: list[str] = about("Only deployments of these versions.", ["a72af0c91b34"], [])


class DeploymentAnswer(Answer):
    """One deployment."""

    deployment: DeploymentMessage = about("The deployment.", DEPLOYMENT_EXAMPLE, ...)


class DeploymentsAnswer(Answer):
    """Several deployments."""

    deployments: list[DeploymentMessage] = about("The deployments.", [DEPLOYMENT_EXAMPLE], ...)


# What is asked


@router.get(DEPLOYMENTS, **does(TokenScope.COMPUTE_READ, answers=DeploymentsAnswer))
def list_deployments(request: Call, account_id: AccountId, query: Query[DeploymentsQuery]) -> DeploymentsAnswer:
    """Return deployments of an account, by id."""
    found = _deployments(request.auth.account).order_by("slug", "pk")
    if query.nodepool_id:
        found = found.filter(nodepool__slug=query.nodepool_id)
    if query.compute_cluster_id:
        found = found.filter(nodepool__cluster__slug=query.compute_cluster_id)
    if query.model_version_ids:
        found = found.filter(model_version__slug__in=query.model_version_ids)
    return _told(request, listed(request, found, query))


@router.get(DEPLOYMENT, **does(TokenScope.COMPUTE_READ, answers=DeploymentAnswer))
def get_deployment(request: Call, account_id: AccountId, deployment_id: DeploymentId) -> DeploymentAnswer:
    """Return one deployment."""
    found = _deployments(request.auth.account)
    _refuse_ambiguous(found, [deployment_id])
    deployment = one(found, deployment_id)
    return DeploymentAnswer(deployment=DeploymentMessage.of(deployment, request.auth.account))


def _deployments(account: Account) -> "QuerySet[Deployment]":
    rows = Deployment.objects.filter(nodepool__cluster__account=account)
    return rows.select_related("nodepool__cluster", "model_version__model__app")


def _refuse_ambiguous(rows: "QuerySet[Deployment]", ids: Sequence[str | None]) -> None:
    """Raise ``Problem`` for an id that several nodepools have a deployment of: pages can tell them apart."""
    counted = rows.filter(slug__in=ids).order_by("slug").values("slug").annotate(times=Count("pk"))
    if twice := counted.filter(times__gt=1).first():
        sentence = f"There are {twice['times']} deployments {twice['slug']!r}, on several nodepools: use their pages."
        raise Problem("conflict", sentence)


def _told(request: Call, deployments: list[Deployment]) -> DeploymentsAnswer:
    account = request.auth.account
    return DeploymentsAnswer(deployments=[DeploymentMessage.of(deployment, account) for deployment in deployments])


# What is changed


@router.post(
    DEPLOYMENTS,
    **does(TokenScope.COMPUTE_WRITE, answers=DeploymentsAnswer, attempts=Op.DEPLOYMENT_CREATE, each="deployments"),
)
def post_deployments(request: Call, account_id: AccountId, body: PostDeployments) -> DeploymentsAnswer:
    """Deploy model versions, all of them or none."""
    member, ids = request.auth, [message.id for message in body.deployments]
    with creating(member, Op.DEPLOYMENT_CREATE, ids, _deployments(member.account)):
        require(member, Permission.MANAGE_COMPUTE)
        made = [
            _saved(Deployment(), message, "overwrite", member.account, f"deployments[{number}]")
            for number, message in enumerate(body.deployments)
        ]
    return _told(request, made)


@router.patch(
    DEPLOYMENTS,
    **does(TokenScope.COMPUTE_WRITE, answers=DeploymentsAnswer, attempts=Op.DEPLOYMENT_UPDATE, each="deployments"),
)
def patch_deployments(request: Call, account_id: AccountId, body: PatchDeployments) -> DeploymentsAnswer:
    """Change deployments, all of them or none: what runs, where, and how much of it."""
    member, ids = request.auth, [message.id for message in body.deployments]
    rows = _deployments(member.account)
    with changing(member, Op.DEPLOYMENT_UPDATE, ids, rows) as deployments:
        require(member, Permission.MANAGE_COMPUTE)
        _refuse_ambiguous(rows, ids)
        for number, (deployment, message) in enumerate(zip(deployments, body.deployments, strict=True)):
            _saved(deployment, message, body.action, member.account, f"deployments[{number}]")
    return _told(request, deployments)


@router.delete(DEPLOYMENTS, **does(TokenScope.COMPUTE_WRITE, answers=Answer, attempts=Op.DEPLOYMENT_DELETE, each="ids"))
def delete_deployments(request: Call, account_id: AccountId, body: DeleteByIds) -> Answer:
    """Delete deployments, all of them or none. The model versions stay."""
    member, rows = request.auth, _deployments(request.auth.account)
    with changing(member, Op.DEPLOYMENT_DELETE, body.ids, rows) as deployments:
        require(member, Permission.MANAGE_COMPUTE)
        _refuse_ambiguous(rows, body.ids)
        Deployment.objects.filter(pk__in=[deployment.pk for deployment in deployments]).delete()
    return Answer()


def _saved(
    deployment: Deployment, message: DeploymentMessage, action: Action, account: Account, place: str
) -> Deployment:
    """Write a message into a deployment, save it and return it. A new one needs a nodepool and a worker."""
    new, values = deployment._state.adding, message.autoscale_config.values(action) if message.autoscale_config else {}
    if message.nodepools is not None or new:
        stored = [] if new else [deployment.nodepool]
        given = [_nodepool(one, account, f"{place}.nodepools") for one in message.nodepools or []]
        values["nodepool"] = only_part(stored, given, action, f"{place}.nodepools")
    if message.worker:
        values["model_version"] = _version(message.worker.model, account, f"{place}.worker.model")
    elif new:
        raise Problem("invalid", f"{place}.worker is missing: say which model is to run.")
    return saved(deployment, message, place, **values)


def _nodepool(message: NodepoolMessage, account: Account, place: str) -> Nodepool:
    """Return the nodepool that a deployment means."""
    found = Nodepool.objects.filter(cluster__account=account, slug=message.id).select_related("cluster__account")
    if message.compute_cluster and message.compute_cluster.id:
        found = found.filter(cluster__slug=message.compute_cluster.id)
    return _only(found, place, f"nodepool {message.id!r}", "compute_cluster.id")


def _version(wanted: ModelReference, account: Account, place: str) -> ModelVersion:
    """Return the model version that a deployment means: the named one, or the newest that can be deployed."""
    found = Model.objects.filter(app__account=account, slug=wanted.id)
    if wanted.app_id:
        found = found.filter(app__slug=wanted.app_id)
    if wanted.user_id not in (None, "", "me", account.slug):
        found = found.none()
    model = _only(found, place, f"model {wanted.id!r}", "app_id")
    if wanted.model_version and wanted.model_version.id:
        return one(model.versions.select_related("model__app"), wanted.model_version.id)
    newest = Deployment.candidates(account).filter(model=model).first()
    if newest is None:
        raise Problem("conflict", f"{place}: no version of model {wanted.id!r} can be deployed: train or upload one.")
    return newest


def _only(rows: "QuerySet[Row]", place: str, what: str, more: str) -> Row:
    """Return the one row that is meant. Raises ``Problem`` for none, and for several, which ``more`` tells apart."""
    found = list(rows[:2])
    if not found:
        raise Problem("not_found", f"{place}: there is no {what}: check the id.")
    if found[1:]:
        raise Problem("invalid", f"{place}: there are several {what}: say which with {more}.")
    return found[0]
