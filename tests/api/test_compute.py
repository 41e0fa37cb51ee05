"""Each operation on clusters, nodepools and deployments through the public client, and what it leaves in the log."""

from typing import Any

import pytest
from clarifai_grpc.grpc.api import resources_pb2 as r
from clarifai_grpc.grpc.api import service_pb2 as s
from clarifai_grpc.grpc.api.status import status_code_pb2 as codes
from pytest_django.live_server_helper import LiveServer

from accounts.models import Member
from accounts.roles import Role
from controlcenter.operations import Operation as Op
from controlcenter.resources.models import ComputeCluster, Deployment, ModelVersion, Nodepool
from tests.factories import (
    ComputeClusterFactory,
    DeploymentFactory,
    ModelFactory,
    ModelVersionFactory,
    NodepoolFactory,
    People,
)

from .calling import Http, Stub, entries, failure_codes, failures, names, token_for

ACME = r.UserAppIDSet(user_id="acme")
CLUSTERS = "/users/acme/compute_clusters"
NODEPOOLS = f"{CLUSTERS}/frankfurt/nodepools"
DEPLOYMENTS = "/users/acme/deployments"


@pytest.fixture
def frankfurt(people: People) -> ComputeCluster:
    made: ComputeCluster = ComputeClusterFactory(account=people.acme, slug="frankfurt", name="Frankfurt")
    return made


@pytest.fixture
def gpus(frankfurt: ComputeCluster) -> Nodepool:
    made: Nodepool = NodepoolFactory(cluster=frankfurt, slug="gpus", max_instances=4)
    return made


@pytest.fixture
def v1(people: People) -> ModelVersion:
    """A version of acme's only model."""
    made: ModelVersion = ModelVersionFactory(
        model__app__account=people.acme, model__app__slug="vision", model__slug="resnet", slug="v1"
    )
    return made


@pytest.fixture
def live(gpus: Nodepool, v1: ModelVersion) -> Deployment:
    made: Deployment = DeploymentFactory(nodepool=gpus, model_version=v1, slug="live", min_replicas=1, max_replicas=3)
    return made


# Clusters


def cluster(slug: str, region: str = "eu-central-1") -> r.ComputeCluster:
    return r.ComputeCluster(id=slug, cloud_provider=r.CloudProvider(id="aws"), region=region)


def test_it_creates_clusters(stub: Stub, people: People) -> None:
    clusters = [cluster("frankfurt"), cluster("ohio", "us-east-2")]
    answer = stub.PostComputeClusters(s.PostComputeClustersRequest(user_app_id=ACME, compute_clusters=clusters))
    assert answer.status.code == codes.SUCCESS, answer
    first, second = answer.compute_clusters
    assert (first.id, first.cloud_provider.id, first.region, first.user_id) == (
        "frankfurt",
        "aws",
        "eu-central-1",
        "acme",
    )
    assert second.region == "us-east-2"
    [entry, _] = entries(Op.COMPUTE_CLUSTER_CREATE)
    assert (names(entry), entry.account_id) == (["frankfurt"], people.acme.pk)
    assert entry.event["actor"]["token_name"] == "ci"


def test_it_gets_and_lists_clusters(stub: Stub, frankfurt: ComputeCluster, people: People) -> None:
    ComputeClusterFactory(account=people.acme, slug="dublin")
    ComputeClusterFactory(slug="elsewhere")
    one = stub.GetComputeCluster(s.GetComputeClusterRequest(user_app_id=ACME, compute_cluster_id="frankfurt"))
    assert one.compute_cluster.region == "eu-central-1"
    every = stub.ListComputeClusters(s.ListComputeClustersRequest(user_app_id=ACME))
    assert [found.id for found in every.compute_clusters] == ["dublin", "frankfurt"]


def test_it_changes_clusters(stub: Stub, frankfurt: ComputeCluster) -> None:
    change = r.ComputeCluster(id="frankfurt", cloud_provider=r.CloudProvider(id="gcp"), region="europe-west3")
    answer = stub.PatchComputeClusters(
        s.PatchComputeClustersRequest(user_app_id=ACME, compute_clusters=[change], action="overwrite")
    )
    assert answer.compute_clusters[0].cloud_provider.id == "gcp"
    [entry] = entries(Op.COMPUTE_CLUSTER_UPDATE)
    assert entry.event["changes"] == {"provider": ["aws", "gcp"], "region": ["eu-central-1", "europe-west3"]}


def test_it_deletes_a_cluster_with_what_is_on_it(stub: Stub, live: Deployment, people: People) -> None:
    ComputeClusterFactory(account=people.acme, slug="kept")
    stub.DeleteComputeClusters(s.DeleteComputeClustersRequest(user_app_id=ACME, ids=["frankfurt"]))
    assert [found.slug for found in ComputeCluster.objects.all()] == ["kept"]
    gone = entries(Op.COMPUTE_CLUSTER_DELETE, Op.NODEPOOL_DELETE, Op.DEPLOYMENT_DELETE)
    assert {names(entry)[0] for entry in gone} == {"Frankfurt", "gpus", "live"}
    assert ModelVersion.objects.exists()


# Nodepools


def test_it_creates_nodepools(stub: Stub, frankfurt: ComputeCluster) -> None:
    pools = [
        r.Nodepool(id="gpus", instance_types=[r.InstanceType(id="g5.xlarge")], min_instances=1, max_instances=4),
        r.Nodepool(id="cpus", instance_types=[r.InstanceType(id="c5.large")]),
    ]
    answer = stub.PostNodepools(
        s.PostNodepoolsRequest(user_app_id=ACME, compute_cluster_id="frankfurt", nodepools=pools)
    )
    assert answer.status.code == codes.SUCCESS, answer
    first, second = answer.nodepools
    assert (first.id, first.instance_types[0].id, first.min_instances, first.max_instances) == (
        "gpus",
        "g5.xlarge",
        1,
        4,
    )
    assert (first.compute_cluster.id, first.compute_cluster.cloud_provider.id) == ("frankfurt", "aws")
    assert (second.min_instances, second.max_instances) == (0, 1)
    assert [names(entry) for entry in entries(Op.NODEPOOL_CREATE)] == [["gpus", "Frankfurt"], ["cpus", "Frankfurt"]]


def test_it_gets_and_lists_nodepools(stub: Stub, gpus: Nodepool, people: People) -> None:
    NodepoolFactory(cluster=gpus.cluster, slug="cpus")
    NodepoolFactory(cluster__account=people.acme, cluster__slug="dublin", slug="other")
    NodepoolFactory(slug="elsewhere")
    place = {"user_app_id": ACME, "compute_cluster_id": "frankfurt"}
    assert stub.GetNodepool(s.GetNodepoolRequest(**place, nodepool_id="gpus")).nodepool.max_instances == 4
    assert [pool.id for pool in stub.ListNodepools(s.ListNodepoolsRequest(**place)).nodepools] == ["cpus", "gpus"]
    every = stub.ListNodepools(s.ListNodepoolsRequest(user_app_id=ACME)).nodepools
    assert [(pool.compute_cluster.id, pool.id) for pool in every] == [
        ("dublin", "other"),
        ("frankfurt", "cpus"),
        ("frankfurt", "gpus"),
    ]


def patched_nodepool(stub: Stub, action: str, **values: Any) -> Any:
    return stub.PatchNodepools(
        s.PatchNodepoolsRequest(
            user_app_id=ACME,
            compute_cluster_id="frankfurt",
            nodepools=[r.Nodepool(id="gpus", **values)],
            action=action,
        )
    )


def test_it_changes_nodepools(stub: Stub, gpus: Nodepool) -> None:
    [told] = patched_nodepool(
        stub, "overwrite", instance_types=[r.InstanceType(id="p4d.24xlarge")], max_instances=8
    ).nodepools
    assert (told.instance_types[0].id, told.max_instances) == ("p4d.24xlarge", 8)
    [entry] = entries(Op.NODEPOOL_UPDATE)
    assert entry.event["changes"] == {"instance_type": ["g5.xlarge", "p4d.24xlarge"], "max_instances": [4, 8]}


@pytest.mark.parametrize(("action", "instance_type", "left"), [("merge", "c5.large", 2), ("remove", "g5.xlarge", 0)])
def test_a_nodepool_has_one_instance_type(
    stub: Stub, gpus: Nodepool, action: str, instance_type: str, left: int
) -> None:
    details = patched_nodepool(stub, action, instance_types=[r.InstanceType(id=instance_type)]).status.details
    assert details.startswith(f"nodepools[0].instance_types would have {left} parts")
    assert failure_codes() == ["invalid"]


def test_the_same_instance_type_merges(stub: Stub, gpus: Nodepool) -> None:
    answer = patched_nodepool(stub, "merge", instance_types=[r.InstanceType(id="g5.xlarge")], max_instances=5)
    assert answer.nodepools[0].max_instances == 5


def test_it_deletes_nodepools_with_what_runs_there(stub: Stub, live: Deployment) -> None:
    NodepoolFactory(cluster=live.nodepool.cluster, slug="kept")
    stub.DeleteNodepools(s.DeleteNodepoolsRequest(user_app_id=ACME, compute_cluster_id="frankfurt", ids=["gpus"]))
    assert [pool.slug for pool in Nodepool.objects.all()] == ["kept"]
    assert {names(entry)[0] for entry in entries(Op.NODEPOOL_DELETE, Op.DEPLOYMENT_DELETE)} == {"gpus", "live"}


# Deployments


def on(nodepool: str, compute_cluster: str = "") -> list[r.Nodepool]:
    cluster = r.ComputeCluster(id=compute_cluster) if compute_cluster else None
    return [r.Nodepool(id=nodepool, compute_cluster=cluster)]


def worker(version: str = "v1", model: str = "resnet", **where: str) -> r.Worker:
    model_version = r.ModelVersion(id=version) if version else None
    return r.Worker(model=r.Model(id=model, model_version=model_version, **where))


def deployed(stub: Stub, *deployments: r.Deployment) -> Any:
    return stub.PostDeployments(s.PostDeploymentsRequest(user_app_id=ACME, deployments=deployments))


def patched(stub: Stub, action: str, **values: Any) -> Any:
    deployment = r.Deployment(id="live", **values)
    return stub.PatchDeployments(s.PatchDeploymentsRequest(user_app_id=ACME, deployments=[deployment], action=action))


def test_it_deploys_model_versions(stub: Stub, gpus: Nodepool, v1: ModelVersion) -> None:
    answer = deployed(
        stub,
        r.Deployment(
            id="live",
            worker=worker(app_id="vision", user_id="acme"),
            nodepools=on("gpus", "frankfurt"),
            autoscale_config=r.AutoscaleConfig(min_replicas=1, max_replicas=3),
        ),
        r.Deployment(id="trial", worker=worker(), nodepools=on("gpus")),
    )
    assert answer.status.code == codes.SUCCESS, answer
    first, second = answer.deployments
    assert (first.id, first.user_id, first.worker.model.id, first.worker.model.app_id) == (
        "live",
        "acme",
        "resnet",
        "vision",
    )
    assert first.worker.model.model_version.id == "v1"
    assert (first.nodepools[0].id, first.nodepools[0].compute_cluster.id) == ("gpus", "frankfurt")
    assert (first.autoscale_config.min_replicas, first.autoscale_config.max_replicas) == (1, 3)
    assert (second.autoscale_config.min_replicas, second.autoscale_config.max_replicas) == (0, 1)
    [entry, _] = entries(Op.DEPLOYMENT_CREATE)
    assert names(entry) == ["live", "gpus", "Frankfurt"]


def test_without_a_version_the_newest_that_can_is_deployed(stub: Stub, gpus: Nodepool, v1: ModelVersion) -> None:
    ModelVersionFactory(model=v1.model, slug="v2")
    ModelVersionFactory(model=v1.model, slug="v3", state=ModelVersion.State.TRAINING)
    ModelVersionFactory(model__app=v1.model.app, slug="v4")
    [told] = deployed(stub, r.Deployment(id="live", worker=worker(""), nodepools=on("gpus"))).deployments
    assert told.worker.model.model_version.id == "v2"


def test_it_gets_and_lists_deployments(stub: Stub, live: Deployment, people: People) -> None:
    DeploymentFactory(nodepool__cluster__account=people.acme, nodepool__cluster__slug="dublin", slug="other")
    DeploymentFactory(slug="elsewhere")
    one = stub.GetDeployment(s.GetDeploymentRequest(user_app_id=ACME, deployment_id="live")).deployment
    assert (one.autoscale_config.max_replicas, one.worker.model.id) == (3, "resnet")

    def listed(**query: Any) -> list[str]:
        answer = stub.ListDeployments(s.ListDeploymentsRequest(user_app_id=ACME, **query))
        assert answer.status.code == codes.SUCCESS, answer
        return [deployment.id for deployment in answer.deployments]

    assert listed() == ["live", "other"]
    assert listed(nodepool_id="gpus") == listed(model_version_ids=["v1", "v9"]) == ["live"]
    assert listed(compute_cluster_id="dublin") == ["other"]
    assert listed(page=2, per_page=1) == ["other"]


def test_it_changes_what_runs_where_and_how_much(stub: Stub, live: Deployment) -> None:
    ModelVersionFactory(model=live.model_version.model, slug="v2")
    NodepoolFactory(cluster=live.nodepool.cluster, slug="cpus")
    scale = r.AutoscaleConfig(min_replicas=2, max_replicas=5)
    answer = patched(stub, "overwrite", worker=worker("v2"), nodepools=on("cpus"), autoscale_config=scale)
    [told] = answer.deployments
    assert (told.worker.model.model_version.id, told.nodepools[0].id) == ("v2", "cpus")
    [entry] = entries(Op.DEPLOYMENT_UPDATE)
    assert entry.event["changes"] == {
        "model_version": ["v1", "v2"],
        "nodepool": ["gpus", "cpus"],
        "min_replicas": [1, 2],
        "max_replicas": [3, 5],
    }


@pytest.mark.parametrize(("action", "left"), [("merge", (1, 5)), ("overwrite", (0, 5)), ("remove", (1, 5))])
def test_what_is_left_out_of_the_scale(stub: Stub, live: Deployment, action: str, left: tuple[int, int]) -> None:
    """The public client does not send a zero: where `overwrite` replaces the scale, none is meant."""
    patched(stub, action, autoscale_config=r.AutoscaleConfig(max_replicas=5))
    live.refresh_from_db()
    assert (live.min_replicas, live.max_replicas) == left


def test_it_deletes_deployments(stub: Stub, live: Deployment) -> None:
    DeploymentFactory(nodepool=live.nodepool, model_version=live.model_version, slug="kept")
    stub.DeleteDeployments(s.DeleteDeploymentsRequest(user_app_id=ACME, ids=["live"]))
    assert [found.slug for found in Deployment.objects.all()] == ["kept"]
    [entry] = entries(Op.DEPLOYMENT_DELETE)
    assert names(entry) == ["live", "gpus", "Frankfurt"]
    assert ModelVersion.objects.exists()


# Refusals


@pytest.mark.parametrize(
    ("deployment", "told", "code"),
    [
        (r.Deployment(id="new", nodepools=on("gpus")), "deployments[1].worker is missing", "invalid"),
        (r.Deployment(id="new", worker=worker()), "deployments[1].nodepools would have 0 parts", "invalid"),
        (r.Deployment(id="new", worker=worker(), nodepools=on("gpus") + on("cpus")), "would have 2 parts", "invalid"),
        (r.Deployment(id="new", worker=worker(), nodepools=on("ghost")), "there is no nodepool 'ghost'", "not_found"),
        (r.Deployment(id="new", worker=worker(), nodepools=on("gpus", "ohio")), "there is no nodepool", "not_found"),
        (r.Deployment(id="new", worker=worker(), nodepools=on("same")), "say which with compute_cluster.id", "invalid"),
        (r.Deployment(id="new", worker=worker("v9"), nodepools=on("gpus")), "model version 'v9'", "not_found"),
        (r.Deployment(id="new", worker=worker("v1", "theirs"), nodepools=on("gpus")), "no model 'theirs'", "not_found"),
        (r.Deployment(id="new", worker=worker(user_id="sam"), nodepools=on("gpus")), "no model 'resnet'", "not_found"),
        (r.Deployment(id="new", worker=worker("", "twice"), nodepools=on("gpus")), "say which with app_id", "invalid"),
        (r.Deployment(id="new", worker=worker("", "raw"), nodepools=on("gpus")), "can be deployed", "conflict"),
        (r.Deployment(id="new", worker=worker("t1"), nodepools=on("gpus")), "Only uploaded and trained", "conflict"),
        (r.Deployment(id="live", worker=worker(), nodepools=on("gpus")), "'live' exists already", "conflict"),
        (r.Deployment(id="No", worker=worker(), nodepools=on("gpus")), "deployments[1].id is 'No'", "invalid"),
    ],
)
def test_one_that_can_t_be_deployed_stops_all(
    stub: Stub, live: Deployment, people: People, deployment: r.Deployment, told: str, code: str
) -> None:
    ModelVersionFactory(model=live.model_version.model, slug="t1", state=ModelVersion.State.TRAINING)
    ModelFactory(app=live.model_version.model.app, slug="raw")
    NodepoolFactory(cluster=live.nodepool.cluster, slug="cpus")
    for number in (1, 2):
        NodepoolFactory(cluster__account=people.acme, slug="same")
        ModelFactory(app__account=people.acme, app__slug=f"app-{number}", slug="twice")
    ModelVersionFactory(model__slug="theirs", slug="v1")
    answer = deployed(stub, r.Deployment(id="fine", worker=worker(), nodepools=on("gpus")), deployment)
    assert told in answer.status.details
    assert failure_codes() == [code, code]
    assert [found.slug for found in Deployment.objects.all()] == ["live"]


def test_a_maximum_below_the_minimum(http: Http, live: Deployment) -> None:
    for path, body in (
        (NODEPOOLS, {"nodepools": [{"id": "gpus", "min_instances": 5}]}),
        (DEPLOYMENTS, {"deployments": [{"id": "live", "autoscale_config": {"max_replicas": 0}}]}),
    ):
        answer = http("PATCH", path, body)
        assert (answer.status_code, "less than the minimum" in answer.json()["status"]["details"]) == (422, True)
    assert failure_codes() == ["invalid", "invalid"]


@pytest.mark.parametrize("number", [-1, 2**31, 1.5, "many"])
def test_a_number_out_of_range_is_named(http: Http, gpus: Nodepool, number: Any) -> None:
    answer = http("PATCH", NODEPOOLS, {"nodepools": [{"id": "gpus", "max_instances": number}]})
    assert answer.status_code == 422
    assert answer.json()["status"]["details"].startswith(f"nodepools[0].max_instances is {number!r}")


def test_what_is_missing_is_named(http: Http, people: People) -> None:
    sentence = http("POST", CLUSTERS, {"compute_clusters": [{"id": "new"}]}).json()["status"]["details"]
    assert "compute_clusters[0].cloud_provider is ''" in sentence
    assert "compute_clusters[0].region is ''" in sentence


def test_what_is_not_kept_is_named(stub: Stub, frankfurt: ComputeCluster) -> None:
    pool = r.Nodepool(
        id="gpus",
        description="Fast.",
        node_capacity_type=r.NodeCapacityType(capacity_types=[r.NodeCapacityType.CapacityType.SPOT_TYPE]),
        instance_types=[r.InstanceType(id="g5.xlarge", compute_info=r.ComputeInfo(cpu_limit="4"))],
    )
    answer = stub.PostNodepools(
        s.PostNodepoolsRequest(user_app_id=ACME, compute_cluster_id="frankfurt", nodepools=[pool])
    )
    assert answer.status.details == "Not kept here: compute_info, description, node_capacity_type."


def test_an_id_that_two_nodepools_have_a_deployment_of(stub: Stub, live: Deployment, people: People) -> None:
    DeploymentFactory(nodepool__cluster__account=people.acme, slug="live")
    for answer in (
        stub.GetDeployment(s.GetDeploymentRequest(user_app_id=ACME, deployment_id="live")),
        patched(stub, "merge", autoscale_config=r.AutoscaleConfig(max_replicas=9)),
        stub.DeleteDeployments(s.DeleteDeploymentsRequest(user_app_id=ACME, ids=["live"])),
    ):
        assert answer.status.details.startswith("There are 2 deployments 'live'")
    assert failure_codes() == ["conflict", "conflict"]
    assert Deployment.objects.count() == 2


@pytest.mark.parametrize(
    ("method", "path", "each"),
    [("PATCH", CLUSTERS, "compute_clusters"), ("PATCH", NODEPOOLS, "nodepools"), ("PATCH", DEPLOYMENTS, "deployments")]
    + [("DELETE", path, "ids") for path in (CLUSTERS, NODEPOOLS, DEPLOYMENTS)],
)
def test_an_unknown_one_stops_all(http: Http, live: Deployment, method: str, path: str, each: str) -> None:
    known = {CLUSTERS: "frankfurt", NODEPOOLS: "gpus", DEPLOYMENTS: "live"}[path]
    ids = [known, "ghost"]
    answer = http(method, path, {each: ids if each == "ids" else [{"id": one} for one in ids]})
    assert (answer.status_code, "'ghost'" in answer.json()["status"]["details"]) == (404, True)
    assert failure_codes() == ["not_found", "not_found"]
    assert Deployment.objects.count() == 1


def test_a_scope_or_a_role_too_few(live_server: LiveServer, live: Deployment, people: People) -> None:
    reader = Http(live_server.url, token_for(people.owner, people.acme, "compute:read"))
    Member.objects.filter(user=people.member).update(role=Role.TEAM_CONTRIBUTOR)
    low = Http(live_server.url, token_for(people.member, people.acme))
    new = {"cloud_provider": {"id": "aws"}, "region": "x"}
    attempts: list[tuple[str, str, Any]] = [
        ("POST", CLUSTERS, {"compute_clusters": [{"id": "new", **new}]}),
        ("DELETE", CLUSTERS, {"ids": ["frankfurt"]}),
        ("PATCH", CLUSTERS, {"compute_clusters": [{"id": "frankfurt", "region": "x"}]}),
        ("POST", NODEPOOLS, {"nodepools": [{"id": "new", "instance_types": [{"id": "x"}]}]}),
        ("PATCH", NODEPOOLS, {"nodepools": [{"id": "gpus", "max_instances": 9}]}),
        ("DELETE", NODEPOOLS, {"ids": ["gpus"]}),
        ("POST", DEPLOYMENTS, {"deployments": [{"id": "new"}]}),
        ("PATCH", DEPLOYMENTS, {"deployments": [{"id": "live"}]}),
        ("DELETE", DEPLOYMENTS, {"ids": ["live"]}),
    ]
    for http, reason in ((reader, "scope_missing"), (low, "role_denied")):
        for method, path, body in attempts:
            assert http(method, path, body).json()["status"]["reason"] == reason, (method, path)
    assert all(reader("GET", path).ok for path in (CLUSTERS, NODEPOOLS, DEPLOYMENTS))
    assert [entry.operation for entry in failures()] == [900, 901, 902, 1000, 1001, 1002, 1100, 1101, 1102] * 2


def test_compute_of_others_does_not_exist(http: Http, people: People, gpus: Nodepool) -> None:
    theirs = DeploymentFactory(
        nodepool__cluster__account=people.stranger.home,
        nodepool__cluster__slug="far",
        nodepool__slug="pool",
        slug="run",
    )
    for path in (
        f"{CLUSTERS}/far",
        f"{CLUSTERS}/far/nodepools",
        f"{CLUSTERS}/far/nodepools/pool",
        f"{DEPLOYMENTS}/run",
    ):
        assert http("GET", path).status_code == 404, path
    assert http("GET", f"/users/{people.stranger.home}/deployments").status_code == 404
    assert http("DELETE", DEPLOYMENTS, {"ids": ["run"]}).status_code == 404
    theirs.refresh_from_db()
