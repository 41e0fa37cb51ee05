"""Compute clusters through the API: list, get, create, patch, delete."""

from typing import Self, TypeVar

from django.db.models import Model, QuerySet
from ninja import P, PathEx, Query, Router
from pydantic import BaseModel

from accounts.access import require
from accounts.models import Account, Member
from accounts.roles import Permission
from accounts.tokens import TokenScope
from controlcenter.api import does
from controlcenter.batches import changing, creating, listed, one, saved
from controlcenter.calls import Call
from controlcenter.operations import Operation as Op
from controlcenter.problems import Problem
from controlcenter.wire import ACTION, AccountId, Action, Answer, Message, Page, Timestamp, about, patched

from ..models import ComputeCluster

router = Router(tags=["Compute clusters"])

ClusterId = PathEx[str, P(description="The cluster's id.", example="frankfurt")]
CLUSTERS = "/users/{account_id}/compute_clusters"
CLUSTER = f"{CLUSTERS}/{{compute_cluster_id}}"
LARGEST = 2_147_483_647
"""The largest number that a row holds."""

Row = TypeVar("Row", bound=Model)
T = TypeVar("T")


class CloudProvider(Message):
    """Who rents out machines."""

    id: str = about("What the provider is called: aws, gcp, local.", "aws", ...)

    @property
    def stored(self) -> str:
        """How it is stored."""
        return self.id


class ClusterMessage(Message):
    """A compute cluster: machines in one place, rented from one provider."""

    columns = {"id": "slug", "name": "name", "cloud_provider": "provider", "region": "region"}

    id: str | None = about("Its id, which stays. Lower-case letters, digits and hyphens.", "frankfurt")
    name: str | None = about(
        "What people call it, an addition of ours. A new cluster that comes without is called by its id.", "Frankfurt"
    )
    cloud_provider: CloudProvider | None = about("Who rents out the machines.", {"id": "aws"})
    region: str | None = about("Where they stand, as the provider calls it.", "eu-central-1")
    user_id: str | None = about("The account it belongs to; read-only.", "acme")
    created_at: Timestamp | None = about("When it was created; read-only.", "2026-11-02T09:30:00.000000Z")

    @classmethod
    def of(cls, cluster: ComputeCluster, account: Account) -> Self:
        """Return a cluster as the wire has it."""
        return cls(
            id=cluster.slug,
            name=cluster.name,
            cloud_provider=CloudProvider(id=cluster.provider),
            region=cluster.region,
            user_id=account.slug,
            created_at=cluster.created_at,
        )


CLUSTER_EXAMPLE = {"id": "frankfurt", "cloud_provider": {"id": "aws"}, "region": "eu-central-1"}


class PostClusters(BaseModel):
    """Clusters to create."""

    compute_clusters: list[ClusterMessage] = about("The new clusters.", [CLUSTER_EXAMPLE], ...)


class PatchClusters(BaseModel):
    """Clusters to change."""

    compute_clusters: list[ClusterMessage] = about(
        "The clusters by their ids, with what is to change.", [CLUSTER_EXAMPLE], ...
    )
    action: Action = ACTION


class ClusterAnswer(Answer):
    """One cluster."""

    compute_cluster: ClusterMessage = about("The cluster.", CLUSTER_EXAMPLE, ...)


class ClustersAnswer(Answer):
    """Several clusters."""

    compute_clusters: list[ClusterMessage] = about("The clusters.", [CLUSTER_EXAMPLE], ...)


class DeleteByIds(BaseModel):
    """Things to delete."""

    ids: list[str] = about("Their ids.", ["frankfurt"], ...)


# What is asked


@router.get(CLUSTERS, **does(TokenScope.COMPUTE_READ, answers=ClustersAnswer))
def list_compute_clusters(request: Call, account_id: AccountId, query: Query[Page]) -> ClustersAnswer:
    """Return compute clusters of an account, by id."""
    account = request.auth.account
    return _told(account, listed(request, account.compute_clusters.order_by("slug"), query))


@router.get(CLUSTER, **does(TokenScope.COMPUTE_READ, answers=ClusterAnswer))
def get_compute_cluster(request: Call, account_id: AccountId, compute_cluster_id: ClusterId) -> ClusterAnswer:
    """Return one compute cluster."""
    cluster = cluster_of(request.auth, compute_cluster_id)
    return ClusterAnswer(compute_cluster=ClusterMessage.of(cluster, request.auth.account))


def cluster_of(member: Member, cluster_id: str) -> ComputeCluster:
    """Return a compute cluster of the member's account. Raises ``Problem``."""
    return one(member.account.compute_clusters.all(), cluster_id)


def _told(account: Account, clusters: list[ComputeCluster]) -> ClustersAnswer:
    return ClustersAnswer(compute_clusters=[ClusterMessage.of(cluster, account) for cluster in clusters])


# What is changed


@router.post(
    CLUSTERS,
    **does(
        TokenScope.COMPUTE_WRITE,
        answers=ClustersAnswer,
        attempts=Op.COMPUTE_CLUSTER_CREATE,
        each="compute_clusters",
    ),
)
def post_compute_clusters(request: Call, account_id: AccountId, body: PostClusters) -> ClustersAnswer:
    """Create compute clusters, all of them or none."""
    member, ids = request.auth, [message.id for message in body.compute_clusters]
    account = member.account
    with creating(member, Op.COMPUTE_CLUSTER_CREATE, ids, account.compute_clusters.all()):
        require(member, Permission.MANAGE_COMPUTE)
        made = [
            saved(ComputeCluster(account=account, name=message.id or ""), message, f"compute_clusters[{number}]")
            for number, message in enumerate(body.compute_clusters)
        ]
    return _told(account, made)


@router.patch(
    CLUSTERS,
    **does(
        TokenScope.COMPUTE_WRITE,
        answers=ClustersAnswer,
        attempts=Op.COMPUTE_CLUSTER_UPDATE,
        each="compute_clusters",
    ),
)
def patch_compute_clusters(request: Call, account_id: AccountId, body: PatchClusters) -> ClustersAnswer:
    """Change compute clusters, all of them or none."""
    member, ids = request.auth, [message.id for message in body.compute_clusters]
    with changing(member, Op.COMPUTE_CLUSTER_UPDATE, ids, member.account.compute_clusters.all()) as clusters:
        require(member, Permission.MANAGE_COMPUTE)
        for number, (cluster, message) in enumerate(zip(clusters, body.compute_clusters, strict=True)):
            saved(cluster, message, f"compute_clusters[{number}]")
    return _told(member.account, clusters)


@router.delete(
    CLUSTERS, **does(TokenScope.COMPUTE_WRITE, answers=Answer, attempts=Op.COMPUTE_CLUSTER_DELETE, each="ids")
)
def delete_compute_clusters(request: Call, account_id: AccountId, body: DeleteByIds) -> Answer:
    """Delete compute clusters with their nodepools and deployments, all of them or none."""
    return delete_compute(
        request.auth, Op.COMPUTE_CLUSTER_DELETE, body.ids, request.auth.account.compute_clusters.all()
    )


# What nodepools and deployments need, too


def delete_compute(
    member: Member, operation: Op, ids: list[str], rows: "QuerySet[Row]", parent: Model | None = None
) -> Answer:
    """Delete some of the rows with all that is on them, all of them or none."""
    with changing(member, operation, ids, rows, parent) as chosen:
        require(member, Permission.MANAGE_COMPUTE)
        rows.filter(pk__in=[row.pk for row in chosen]).delete()
    return Answer()


def only_part(stored: list[T], given: list[T], action: Action, place: str) -> T:
    """Return what a list is after a patch, where rows have room for exactly one part. Raises ``Problem``."""
    left: list[T] = patched(stored, given, action)
    if len(left) != 1:
        sentence = f"{place} would have {len(left)} parts, and has exactly one: replace it with the action overwrite."
        raise Problem("invalid", sentence)
    return left[0]
