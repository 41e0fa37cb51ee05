"""The pages of compute: clusters, nodepools and deployments, each created, edited and deleted, with its entries."""

from typing import Any, NamedTuple

import pytest
from django.test import Client

from accounts.roles import Role
from controlcenter.operations import Operation as Op
from controlcenter.resources.models import ComputeCluster, Deployment, ModelVersion, Nodepool

from .factories import (
    ComputeClusterFactory,
    DeploymentFactory,
    ModelVersionFactory,
    NodepoolFactory,
    People,
    make_people,
)
from .history import (
    entries_of,
    failures_of,
    form_of,
    member_with,
    queries_for,
    slugs_met,
    targets_of,
    text_of,
    the_entry,
)

pytestmark = pytest.mark.django_db

COMPUTE, CLUSTER = "/@acme/compute/", "/@acme/compute/gpu/"
POOL, DEPLOYMENT = f"{CLUSTER}nodepools/pool/", f"{CLUSTER}nodepools/pool/deployments/it/"
State = ModelVersion.State


class Kind(NamedTuple):
    """A cluster, a nodepool or a deployment, and what differs between them."""

    name: str
    model: Any
    factory: Any
    listed: str
    """Where those of one kind are listed."""
    new: str
    at: str
    form: dict[str, str]
    change: tuple[str, str, Any, Any]
    """A field, what is typed into it, and the recorded change."""
    create: Op
    update: Op
    delete: Op
    targets: list[tuple[str, str]]


KINDS = (
    Kind(
        "cluster",
        ComputeCluster,
        ComputeClusterFactory,
        COMPUTE,
        "/@acme/new-cluster/",
        CLUSTER,
        {"name": "Gpu", "slug": "gpu", "provider": "aws", "region": "eu-central-1"},
        ("region", "eu-west-1", "eu-central-1", "eu-west-1"),
        Op.COMPUTE_CLUSTER_CREATE,
        Op.COMPUTE_CLUSTER_UPDATE,
        Op.COMPUTE_CLUSTER_DELETE,
        [("compute_cluster", "gpu")],
    ),
    Kind(
        "nodepool",
        Nodepool,
        NodepoolFactory,
        CLUSTER,
        f"{CLUSTER}new-nodepool/",
        POOL,
        {"slug": "pool", "instance_type": "g5.xlarge", "min_instances": "0", "max_instances": "1"},
        ("max_instances", "8", 1, 8),
        Op.NODEPOOL_CREATE,
        Op.NODEPOOL_UPDATE,
        Op.NODEPOOL_DELETE,
        [("nodepool", "pool"), ("compute_cluster", "gpu")],
    ),
    Kind(
        "deployment",
        Deployment,
        DeploymentFactory,
        POOL,
        f"{POOL}new-deployment/",
        DEPLOYMENT,
        {"slug": "it", "model_version": "vision/detector/v1", "min_replicas": "0", "max_replicas": "1"},
        ("min_replicas", "1", 0, 1),
        Op.DEPLOYMENT_CREATE,
        Op.DEPLOYMENT_UPDATE,
        Op.DEPLOYMENT_DELETE,
        [("deployment", "it"), ("nodepool", "pool"), ("compute_cluster", "gpu")],
    ),
)
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def page(people: People, client: Client) -> Client:
    client.force_login(people.owner)
    return client


@pytest.fixture(autouse=True)
def version(people: People) -> ModelVersion:
    version: ModelVersion = ModelVersionFactory(
        slug="v1", model__slug="detector", model__app__slug="vision", model__app__account=people.acme
    )
    return version


def around(kind: Kind, people: People) -> dict[str, Any]:
    """Create what one of the kind stands in, and return it as its factory takes it."""
    if kind.name == "cluster":
        return {"account": people.acme}
    cluster = ComputeClusterFactory(account=people.acme, slug="gpu", name="Gpu", provider="aws", region="eu-central-1")
    if kind.name == "nodepool":
        return {"cluster": cluster}
    pool = NodepoolFactory(cluster=cluster, slug="pool")
    return {"nodepool": pool, "model_version": ModelVersion.objects.get(slug="v1")}


def make(kind: Kind, people: People, **fields: Any) -> Any:
    """Create the one of the kind that its address names."""
    return kind.factory(**{**around(kind, people), "slug": kind.form["slug"], **fields})


# Lists


@each_kind
def test_it_lists_what_there_is(kind: Kind, page: Client, people: People) -> None:
    row = make(kind, people)
    kind.factory(slug="elsewhere")
    found = page.get(kind.listed).context["found"]
    assert found.rows == [row]
    assert f'href="{kind.at}"' in page.get(kind.listed).content.decode()


@each_kind
def test_an_empty_list_says_what_to_do_first(kind: Kind, page: Client, people: People) -> None:
    around(kind, people)
    response = page.get(kind.listed)
    said = {
        "cluster": "No compute clusters yet",
        "nodepool": "No nodepools yet",
        "deployment": "Nothing is deployed here",
    }
    assert said[kind.name] in text_of(response)
    assert f'href="{kind.new}"' in response.content.decode()


@each_kind
def test_a_list_is_searched(kind: Kind, page: Client, people: People) -> None:
    inside = around(kind, people)
    for slug in ("fast", "slow"):
        kind.factory(**inside, slug=slug)
    assert [row.slug for row in page.get(kind.listed, {"q": "FAS"}).context["found"].rows] == ["fast"]
    assert f"No {kind.name} matches “zebra”" in text_of(page.get(kind.listed, {"q": "zebra"}))


def test_a_deployment_is_found_by_what_it_runs(page: Client, people: People) -> None:
    deployment = make(KINDS[2], people)
    assert page.get(POOL, {"q": "detect"}).context["found"].rows == [deployment]


@each_kind
def test_its_pages_meet_every_row_once(kind: Kind, page: Client, people: People) -> None:
    inside = around(kind, people)
    kind.model.objects.bulk_create(kind.model(**inside, slug=f"a-{n:03}") for n in range(120))
    assert slugs_met(page, kind.listed, query="?q=a-") == [f"a-{n:03}" for n in range(120)]


@each_kind
def test_a_list_costs_the_same_with_more_in_it(kind: Kind, page: Client, people: People) -> None:
    inside, counts = around(kind, people), []
    for number in (2, 30):
        for row in kind.factory.create_batch(number, **inside):
            if kind.name == "deployment":
                row.model_version = ModelVersionFactory(model__app__account=people.acme)
                row.save()
        counts.append(queries_for(page, kind.listed))
    assert counts[0] == counts[1] <= 5


# Create


@each_kind
def test_creating_is_an_entry(kind: Kind, page: Client, people: People) -> None:
    around(kind, people)
    response = page.post(kind.new, form_of(page.get(kind.new), **kind.form))
    assert response["Location"] == kind.at
    assert kind.model.objects.get().slug == kind.form["slug"]
    entry = the_entry(people.acme, kind.create)
    assert (entry.success, targets_of(entry)) == (True, kind.targets)


@each_kind
@pytest.mark.parametrize(
    ("slug", "code", "sentence"),
    [
        ("taken", "conflict", "with the ID taken exists already. Choose another."),
        ("Not an id", "invalid", "Use 1 to 64 lower-case letters"),
        ("", "invalid", "This field is required."),
        ("a\0", "invalid", "Null characters are not allowed."),
    ],
)
def test_a_bad_id_is_refused_and_all_is_kept(
    kind: Kind, slug: str, code: str, sentence: str, page: Client, people: People
) -> None:
    kind.factory(**around(kind, people), slug="taken")
    data = {**kind.form, "slug": slug}
    response = page.post(kind.new, data)
    assert response.status_code == 422
    assert sentence in text_of(response)
    assert {name: response.context["form"][name].value() for name in data} == data
    [(told, why)] = failures_of(people.acme, kind.create)
    assert (told, sentence in why) == (code, True)


@pytest.mark.parametrize("kind", KINDS[1:], ids=lambda kind: kind.name)
@pytest.mark.parametrize(
    ("least", "most", "sentence"),
    [
        ("3", "2", "2 is less than the minimum, 3. Raise this, or lower the minimum."),
        ("-1", "2", "Ensure this value is greater than or equal to 0."),
        ("0", "99999999999", "Ensure this value is less than or equal to 2147483647."),
        ("some", "2", "Enter a whole number."),
    ],
)
def test_numbers_that_can_not_be_are_refused(
    kind: Kind, least: str, most: str, sentence: str, page: Client, people: People
) -> None:
    around(kind, people)
    part = "instances" if kind.name == "nodepool" else "replicas"
    response = page.post(kind.new, {**kind.form, f"min_{part}": least, f"max_{part}": most})
    assert response.status_code == 422
    assert text_of(response).count(sentence) == 2  # above the form, and at the field
    assert "Constraint" not in text_of(response)
    assert not kind.model.objects.exists()


# What is deployed


@pytest.mark.parametrize(
    ("path", "code", "sentence"),
    [
        ("detector", "invalid", "Type it as app/model/version, such as"),
        ("vision/detector/v1/more", "invalid", "Type it as app/model/version, such as"),
        ("vision/detector/v9", "not_found", "Acme has no such model version."),
        ("secret/detector/v1", "not_found", "Acme has no such model version."),
        ("vision/detector/busy", "conflict", "The state of version busy is “Training”."),
        ("vision/detector/broken", "conflict", "Only uploaded and trained versions can be deployed."),
        ("", "invalid", "This field is required."),
    ],
)
def test_only_a_version_of_ours_that_is_ready_is_deployed(
    path: str, code: str, sentence: str, page: Client, people: People, version: ModelVersion
) -> None:
    around(KINDS[2], people)
    ModelVersionFactory(slug="v1", model__slug="detector", model__app__slug="secret")
    ModelVersionFactory(model=version.model, slug="busy", state=State.TRAINING)
    ModelVersionFactory(model=version.model, slug="broken", state=State.FAILED)
    response = page.post(KINDS[2].new, {**KINDS[2].form, "model_version": path})
    assert response.status_code == 422
    assert sentence in text_of(response)
    assert response.context["form"]["model_version"].value() == path
    assert not Deployment.objects.exists()
    [(told, why)] = failures_of(people.acme, Op.DEPLOYMENT_CREATE)
    assert (told, sentence in why) == (code, True)


def test_what_can_be_deployed_is_suggested_newest_first(page: Client, people: People, version: ModelVersion) -> None:
    around(KINDS[2], people)
    ModelVersionFactory(model=version.model, slug="v2", state=State.TRAINED)
    ModelVersionFactory(model=version.model, slug="busy", state=State.TRAINING)
    ModelVersionFactory(slug="secret")
    content = page.get(KINDS[2].new).content.decode()
    suggested = '<option value="vision/detector/v2"></option><option value="vision/detector/v1"></option></datalist>'
    assert suggested in content
    assert "busy" not in content
    assert "secret" not in content


def test_suggestions_cost_one_query_however_many_there_are(page: Client, people: People) -> None:
    around(KINDS[2], people)
    counts = []
    for number in (2, 30):
        ModelVersionFactory.create_batch(number, model__app__account=people.acme)
        counts.append(queries_for(page, KINDS[2].new))
    assert counts[0] == counts[1] <= 5


def test_a_deployed_version_is_not_deleted(page: Client, people: People) -> None:
    make(KINDS[2], people)
    response = page.post("/@acme/apps/vision/models/detector/versions/v1/delete/", {})
    assert "It is still used by deployment it." in text_of(response)
    assert failures_of(people.acme, Op.MODEL_VERSION_DELETE)[0][0] == "in_use"


def test_another_version_is_said_by_its_id(page: Client, people: People, version: ModelVersion) -> None:
    make(KINDS[2], people)
    ModelVersionFactory(model=version.model, slug="v2", state=State.TRAINED)
    data = form_of(page.get(f"{DEPLOYMENT}edit/"))
    assert data["model_version"] == "vision/detector/v1"
    page.post(f"{DEPLOYMENT}edit/", {**data, "model_version": "vision/detector/v2"})
    assert the_entry(people.acme, Op.DEPLOYMENT_UPDATE).event["changes"] == {"model_version": ["v1", "v2"]}


# One of them


@each_kind
def test_its_page_leads_back_and_to_its_history(kind: Kind, page: Client, people: People) -> None:
    make(kind, people)
    response = page.get(kind.at)
    assert response.context["crumbs"][-1][1] == kind.listed
    itself_and_around = "/".join(":".join(target) for target in kind.targets)
    assert f"?target={itself_and_around}&amp;range=6m" in response.content.decode()
    assert page.get(f"{kind.at}edit/").context["crumbs"][-1][1] == kind.at


def test_a_deployment_says_what_runs_where(page: Client, people: People) -> None:
    make(KINDS[2], people)
    response = page.get(DEPLOYMENT)
    assert "Runs vision/detector/v1 Replicas 0 to 1 On pool , g5.xlarge" in text_of(response)
    assert 'href="/@acme/apps/vision/models/detector/versions/v1/"' in response.content.decode()


@each_kind
def test_editing_says_before_and_after(kind: Kind, page: Client, people: People) -> None:
    make(kind, people)
    field, typed, before, after = kind.change
    address = f"{kind.at}edit/"
    assert page.post(address, form_of(page.get(address), **{field: typed}))["Location"] == kind.at
    assert the_entry(people.acme, kind.update).event["changes"] == {field: [before, after]}


@each_kind
def test_a_stale_page_overwrites_nothing(kind: Kind, page: Client, people: People) -> None:
    make(kind, people)
    field, _, _, after = kind.change
    address = f"{kind.at}edit/"
    mine = form_of(page.get(address))
    kind.model.objects.update(**{field: after})
    response = page.post(address, mine)
    assert response.status_code == 422
    assert "Somebody else changed this after you opened the page." in text_of(response)
    assert getattr(kind.model.objects.get(), field) == after
    assert [code for code, _ in failures_of(people.acme, kind.update)] == ["conflict"]


@each_kind
def test_deleting_is_an_entry_with_the_reason(kind: Kind, page: Client, people: People) -> None:
    row = make(kind, people)
    response = page.post(f"{kind.at}delete/", {"confirm": row.slug, "reason": "Too dear"})
    assert response["Location"] == kind.listed
    assert not kind.model.objects.exists()
    entry = the_entry(people.acme, kind.delete)
    assert (targets_of(entry), entry.event["reason"]) == (kind.targets, "Too dear")


@each_kind
def test_without_its_id_typed_nothing_is_deleted(kind: Kind, page: Client, people: People) -> None:
    make(kind, people)
    response = page.post(f"{kind.at}delete/", {"confirm": "no", "reason": "Because"})
    assert response.status_code == 422
    assert response.context["form"]["reason"].value() == "Because"
    assert kind.model.objects.exists()
    assert len(failures_of(people.acme, kind.delete)) == 1


def test_what_goes_with_a_cluster_is_said_and_recorded(page: Client, people: People) -> None:
    deployment = make(KINDS[2], people)
    DeploymentFactory(nodepool=deployment.nodepool)
    assert "Deleted with it: 1 nodepool 2 deployments What runs there stops." in text_of(page.get(f"{CLUSTER}delete/"))
    assert "Deleted with it: 2 deployments" in text_of(page.get(f"{POOL}delete/"))
    page.post(f"{CLUSTER}delete/", {"confirm": "gpu"})
    assert len(entries_of(people.acme, Op.DEPLOYMENT_DELETE)) == 2
    assert the_entry(people.acme, Op.NODEPOOL_DELETE).success
    assert ModelVersion.objects.filter(slug="v1").exists()


# Who may


@each_kind
def test_who_may_not_manage_compute_sees_locks_and_who_may(kind: Kind, page: Client, people: People) -> None:
    make(kind, people)
    page.force_login(member_with(Role.TEAM_CONTRIBUTOR, people.acme))
    for address in (kind.listed, kind.at):
        assert "(not in your role)" in text_of(page.get(address))
    assert "Only the roles Administrator and Organization contributor may manage compute." in text_of(
        page.get(kind.new)
    )


@each_kind
def test_those_of_others_are_not_there(kind: Kind, page: Client, people: People) -> None:
    cluster = ComputeClusterFactory(slug="gpu")
    DeploymentFactory(nodepool=NodepoolFactory(cluster=cluster, slug="pool"), slug="it")
    assert page.get(kind.at).status_code == 404
    assert page.post(f"{kind.at}delete/", {"confirm": kind.form["slug"]}).status_code == 404
    assert Deployment.objects.exists()
