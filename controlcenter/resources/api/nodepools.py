"""Nodepools of compute clusters through the API: list, get, create, patch, delete."""

from typing import Any, Self

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
from controlcenter.wire import ACTION, AccountId, Action, Answer, Message, Page, Timestamp, about

from ..models import Nodepool
from .compute import (
    CLUSTER,
    CLUSTER_EXAMPLE,
    LARGEST,
    ClusterId,
    ClusterMessage,
    DeleteByIds,
    cluster_of,
    delete_compute,
    only_part,
)

router = Router(tags=["Nodepools"])

NodepoolId = PathEx[str, P(description="The nodepool's id.", example="gpus")]
NODEPOOLS = f"{CLUSTER}/nodepools"
NODEPOOL = f"{NODEPOOLS}/{{nodepool_id}}"


class InstanceType(Message):
    """A type of machine."""

    id: str = about("What the provider calls it.", "g5.xlarge", ...)


class NodepoolMessage(Message):
    """A nodepool: machines of one type in a cluster."""

    columns = {
        "id": "slug",
        "instance_types": "instance_type",
        "min_instances": "min_instances",
        "max_instances": "max_instances",
    }

    id: str | None = about("Its id, which stays. Lower-case letters, digits and hyphens.", "gpus")
    instance_types: list[InstanceType] | None = about("What machines it has: exactly one type.", [{"id": "g5.xlarge"}])
    min_instances: int | None = about(
        "How many machines run even when there is nothing to do; a new nodepool that comes without: 0.",
        0,
        ge=0,
        le=LARGEST,
    )
    max_instances: int | None = about(
        "How many machines run at most; a new nodepool that comes without: 1.", 4, ge=0, le=LARGEST
    )
    compute_cluster: ClusterMessage | None = about(
        "The cluster it is in; read-only, except to say which nodepool a deployment means.", CLUSTER_EXAMPLE
    )
    created_at: Timestamp | None = about("When it was created; read-only.", "2026-11-02T09:30:00.000000Z")

    @classmethod
    def of(cls, nodepool: Nodepool, account: Account) -> Self:
        """Return a nodepool as the wire has it."""
        return cls(
            id=nodepool.slug,
            instance_types=[InstanceType(id=nodepool.instance_type)],
            min_instances=nodepool.min_instances,
            max_instances=nodepool.max_instances,
            compute_cluster=ClusterMessage.of(nodepool.cluster, account),
            created_at=nodepool.created_at,
        )


NODEPOOL_EXAMPLE = {"id": "gpus", "instance_types": [{"id": "g5.xlarge"}], "max_instances": 4}


class PostNodepools(BaseModel):
    """Nodepools to create."""

    nodepools: list[NodepoolMessage] = about("The new nodepools.", [NODEPOOL_EXAMPLE], ...)


class PatchNodepools(BaseModel):
    """Nodepools to change."""

    nodepools: list[NodepoolMessage] = about(
        "The nodepools by their ids, with what is to change.", [NODEPOOL_EXAMPLE], ...
    )
    action: Action = ACTION


class NodepoolAnswer(Answer):
    """One nodepool."""

    nodepool: NodepoolMessage = about("The nodepool.", NODEPOOL_EXAMPLE, ...)


class NodepoolsAnswer(Answer):
    """Several nodepools."""

    nodepools: list[NodepoolMessage] = about("The nodepools.", [NODEPOOL_EXAMPLE], ...)


# What is asked


@router.get(NODEPOOLS, **does(TokenScope.COMPUTE_READ, answers=NodepoolsAnswer))
def list_nodepools(
    request: Call, account_id: AccountId, compute_cluster_id: ClusterId, query: Query[Page]
) -> NodepoolsAnswer:
    """Return nodepools of a compute cluster, by id."""
    found = cluster_of(request.auth, compute_cluster_id).nodepools.order_by("slug")
    return _told(request, listed(request, found, query))


@router.get("/users/{account_id}/nodepools", **does(TokenScope.COMPUTE_READ, answers=NodepoolsAnswer))
def list_nodepools_of_account(request: Call, account_id: AccountId, query: Query[Page]) -> NodepoolsAnswer:
    """Return nodepools of all compute clusters of an account, by cluster and id."""
    found = Nodepool.objects.filter(cluster__account=request.auth.account).select_related("cluster")
    return _told(request, listed(request, found.order_by("cluster__slug", "slug"), query))


@router.get(NODEPOOL, **does(TokenScope.COMPUTE_READ, answers=NodepoolAnswer))
def get_nodepool(
    request: Call, account_id: AccountId, compute_cluster_id: ClusterId, nodepool_id: NodepoolId
) -> NodepoolAnswer:
    """Return one nodepool."""
    nodepool = one(cluster_of(request.auth, compute_cluster_id).nodepools.all(), nodepool_id)
    return NodepoolAnswer(nodepool=NodepoolMessage.of(nodepool, request.auth.account))


def _told(request: Call, nodepools: list[Nodepool]) -> NodepoolsAnswer:
    return NodepoolsAnswer(nodepools=[NodepoolMessage.of(nodepool, request.auth.account) for nodepool in nodepools])


# What is changed


@router.post(
    NODEPOOLS,
    **does(TokenScope.COMPUTE_WRITE, answers=NodepoolsAnswer, attempts=Op.NODEPOOL_CREATE, each="nodepools"),
)
def post_nodepools(
    request: Call, account_id: AccountId, compute_cluster_id: ClusterId, body: PostNodepools
) -> NodepoolsAnswer:
    """Create nodepools in a compute cluster, all of them or none."""
    member, ids = request.auth, [message.id for message in body.nodepools]
    cluster = cluster_of(member, compute_cluster_id)
    with creating(member, Op.NODEPOOL_CREATE, ids, cluster.nodepools.all(), parent=cluster):
        require(member, Permission.MANAGE_COMPUTE)
        made = [
            _saved(Nodepool(cluster=cluster), message, "overwrite", f"nodepools[{number}]")
            for number, message in enumerate(body.nodepools)
        ]
    return _told(request, made)


@router.patch(
    NODEPOOLS,
    **does(TokenScope.COMPUTE_WRITE, answers=NodepoolsAnswer, attempts=Op.NODEPOOL_UPDATE, each="nodepools"),
)
def patch_nodepools(
    request: Call, account_id: AccountId, compute_cluster_id: ClusterId, body: PatchNodepools
) -> NodepoolsAnswer:
    """Change nodepools of a compute cluster, all of them or none."""
    member, ids = request.auth, [message.id for message in body.nodepools]
    cluster = cluster_of(member, compute_cluster_id)
    with changing(member, Op.NODEPOOL_UPDATE, ids, cluster.nodepools.all(), cluster) as nodepools:
        require(member, Permission.MANAGE_COMPUTE)
        for number, (nodepool, message) in enumerate(zip(nodepools, body.nodepools, strict=True)):
            _saved(nodepool, message, body.action, f"nodepools[{number}]")
    return _told(request, nodepools)


def _saved(nodepool: Nodepool, message: NodepoolMessage, action: Action, place: str) -> Nodepool:
    """Write a message into a nodepool, save it and return it. A new one needs its instance type."""
    values: dict[str, Any] = {}
    if message.instance_types is not None or not nodepool.instance_type:
        stored = [nodepool.instance_type] if nodepool.instance_type else []
        given = [instance_type.id for instance_type in message.instance_types or []]
        values["instance_type"] = only_part(stored, given, action, f"{place}.instance_types")
    return saved(nodepool, message, place, **values)


@router.delete(NODEPOOLS, **does(TokenScope.COMPUTE_WRITE, answers=Answer, attempts=Op.NODEPOOL_DELETE, each="ids"))
def delete_nodepools(request: Call, account_id: AccountId, compute_cluster_id: ClusterId, body: DeleteByIds) -> Answer:
    """Delete nodepools of a compute cluster with their deployments, all of them or none."""
    cluster = cluster_of(request.auth, compute_cluster_id)
    return delete_compute(request.auth, Op.NODEPOOL_DELETE, body.ids, cluster.nodepools.all(), cluster)
