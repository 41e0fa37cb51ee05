"""Each operation on workflows and their versions through the public client, and what it leaves in the log."""

from typing import Any

import pytest
from clarifai_grpc.grpc.api import resources_pb2 as r
from clarifai_grpc.grpc.api import service_pb2 as s
from clarifai_grpc.grpc.api.status import status_code_pb2 as codes
from pytest_django.live_server_helper import LiveServer

from accounts.models import Member
from accounts.roles import Role
from controlcenter.operations import Operation as Op
from controlcenter.resources.models import App, Workflow, WorkflowVersion
from tests.factories import AppFactory, People, WorkflowFactory, WorkflowVersionFactory

from .calling import Http, Stub, entries, failure_codes, failures, names, token_for

IN_VISION = r.UserAppIDSet(user_id="acme", app_id="vision")
PATH = "/users/acme/apps/vision/workflows"


@pytest.fixture
def app(people: People) -> App:
    made: App = AppFactory(account=people.acme, slug="vision", name="Vision")
    return made


@pytest.fixture
def sorting(app: App) -> Workflow:
    made: Workflow = WorkflowFactory(app=app, slug="sorting", name="Sorting")
    return made


def version_of(workflow: Workflow, slug: str, *nodes: Any) -> WorkflowVersion:
    made: WorkflowVersion = WorkflowVersionFactory(workflow=workflow, slug=slug, nodes=list(nodes))
    return made


def node(node_id: str, model: str = "resnet", *inputs: str) -> r.WorkflowNode:
    return r.WorkflowNode(
        id=node_id,
        model=r.Model(id=model, app_id="vision", model_version=r.ModelVersion(id="v1")),
        node_inputs=[r.NodeInput(node_id=given) for given in inputs],
    )


def patched(stub: Stub, workflow: r.Workflow, action: str = "overwrite") -> r.Workflow:
    answer = stub.PatchWorkflows(s.PatchWorkflowsRequest(user_app_id=IN_VISION, workflows=[workflow], action=action))
    assert answer.status.code == codes.SUCCESS, answer
    found: r.Workflow = answer.workflows[0]
    return found


# Workflows


def test_it_creates_a_workflow_with_its_first_version(stub: Stub, app: App) -> None:
    nodes = [node("detect"), node("classify", "bert", "detect")]
    workflow = r.Workflow(
        id="sorting", description="Sorts.", nodes=nodes, version=r.WorkflowVersion(id="v1", description="First.")
    )
    answer = stub.PostWorkflows(s.PostWorkflowsRequest(user_app_id=IN_VISION, workflows=[workflow]))

    assert answer.status.code == codes.SUCCESS, answer
    [made] = answer.workflows
    assert (made.id, made.description, made.app_id, made.user_id) == ("sorting", "Sorts.", "vision", "acme")
    assert list(made.nodes) == nodes
    assert (made.version.id, made.version.description, made.version.workflow_id) == ("v1", "First.", "sorting")
    assert list(made.version.nodes) == nodes
    [workflow_entry, version_entry] = entries(Op.WORKFLOW_CREATE, Op.WORKFLOW_VERSION_CREATE)
    assert (names(workflow_entry), names(version_entry)) == (["sorting", "Vision"], ["v1", "sorting", "Vision"])
    assert version_entry.event["actor"]["token_name"] == "ci"


def test_a_workflow_without_nodes_has_no_version(stub: Stub, app: App) -> None:
    [made] = stub.PostWorkflows(
        s.PostWorkflowsRequest(user_app_id=IN_VISION, workflows=[r.Workflow(id="empty")])
    ).workflows
    assert (made.id, made.HasField("version")) == ("empty", False)
    assert not WorkflowVersion.objects.exists()


def test_it_gets_and_lists_workflows_with_their_newest_versions(stub: Stub, sorting: Workflow) -> None:
    version_of(sorting, "v1", {"id": "old"})
    version_of(sorting, "v2", {"id": "new"})
    WorkflowFactory(app=sorting.app, slug="counting", name="Counting")
    WorkflowFactory(slug="elsewhere")
    one = stub.GetWorkflow(s.GetWorkflowRequest(user_app_id=IN_VISION, workflow_id="sorting")).workflow
    assert (one.version.id, [node.id for node in one.nodes]) == ("v2", ["new"])
    every = stub.ListWorkflows(s.ListWorkflowsRequest(user_app_id=IN_VISION)).workflows
    assert [(workflow.id, workflow.version.id) for workflow in every] == [("counting", ""), ("sorting", "v2")]
    found = stub.ListWorkflows(s.ListWorkflowsRequest(user_app_id=IN_VISION, search="SORT")).workflows
    assert [workflow.id for workflow in found] == ["sorting"]


def test_it_lists_the_workflows_of_all_apps(stub: Stub, sorting: Workflow, people: People) -> None:
    WorkflowFactory(app__account=people.acme, app__slug="audio", slug="hearing")
    WorkflowFactory(slug="elsewhere")
    every = stub.ListWorkflows(s.ListWorkflowsRequest(user_app_id=r.UserAppIDSet(user_id="acme"))).workflows
    assert [(workflow.app_id, workflow.id) for workflow in every] == [("audio", "hearing"), ("vision", "sorting")]


def test_nodes_of_another_shape_do_not_break_the_client(stub: Stub, sorting: Workflow) -> None:
    version_of(sorting, "v1", {"id": 7, "model": "resnet"}, "text", {"id": "fine", "weight": 0.5})
    one = stub.GetWorkflow(s.GetWorkflowRequest(user_app_id=IN_VISION, workflow_id="sorting"))
    assert one.status.code == codes.SUCCESS, one
    assert [node.id for node in one.workflow.nodes] == ["7", "", "fine"]


def test_it_changes_a_workflow_without_a_new_version(stub: Stub, sorting: Workflow) -> None:
    version_of(sorting, "v1", {"id": "detect"})
    assert patched(stub, r.Workflow(id="sorting", description="Sorts."), "merge").description == "Sorts."
    [entry] = entries(Op.WORKFLOW_UPDATE)
    assert entry.event["changes"] == {"description": ["", "Sorts."]}
    assert WorkflowVersion.objects.count() == 1


@pytest.mark.parametrize(
    ("action", "left"),
    [
        ("merge", {"a": "resnet", "b": "bert", "c": "bert"}),
        ("overwrite", {"b": "bert", "c": "bert"}),
        ("remove", {"a": "resnet"}),
    ],
)
def test_nodes_make_a_new_version(stub: Stub, sorting: Workflow, action: str, left: dict[str, str]) -> None:
    old = version_of(sorting, "v1", *({"id": name, "model": {"id": "resnet"}} for name in "ab"))
    made = patched(stub, r.Workflow(id="sorting", nodes=[node("b", "bert"), node("c", "bert")]), action)
    assert {one.id: one.model.id for one in made.nodes} == left
    assert made.version.id != "v1"
    [_, entry] = entries(Op.WORKFLOW_VERSION_CREATE)
    assert names(entry) == [made.version.id, "Sorting", "Vision"]
    assert entries(Op.WORKFLOW_UPDATE) == []
    old.refresh_from_db()
    assert [one["id"] for one in old.nodes] == ["a", "b"]


def test_a_version_without_nodes_has_those_of_the_newest(stub: Stub, sorting: Workflow) -> None:
    version_of(sorting, "v1", {"id": "a"})
    made = patched(stub, r.Workflow(id="sorting", version=r.WorkflowVersion(id="v2", description="Second.")))
    assert (made.version.id, made.version.description, [one.id for one in made.nodes]) == ("v2", "Second.", ["a"])


def test_it_deletes_a_workflow_with_its_versions(stub: Stub, sorting: Workflow) -> None:
    version_of(sorting, "v1")
    stub.DeleteWorkflow(s.DeleteWorkflowRequest(user_app_id=IN_VISION, workflow_id="sorting"))
    assert not Workflow.objects.exists()
    assert [names(entry)[0] for entry in entries(Op.WORKFLOW_DELETE, Op.WORKFLOW_VERSION_DELETE)] == ["v1", "Sorting"]


def test_it_deletes_workflows_by_their_ids_or_all(stub: Stub, sorting: Workflow) -> None:
    for slug in ("counting", "kept"):
        WorkflowFactory(app=sorting.app, slug=slug)
    stub.DeleteWorkflows(s.DeleteWorkflowsRequest(user_app_id=IN_VISION, ids=["sorting", "counting"]))
    assert [workflow.slug for workflow in Workflow.objects.all()] == ["kept"]
    stub.DeleteWorkflows(s.DeleteWorkflowsRequest(user_app_id=IN_VISION, delete_all=True))
    assert not Workflow.objects.exists()
    assert len(entries(Op.WORKFLOW_DELETE)) == 3


# Versions


def test_it_gets_and_lists_versions(stub: Stub, sorting: Workflow) -> None:
    for slug in ("v1", "v2"):
        version_of(sorting, slug, {"id": slug})
    one = s.GetWorkflowVersionRequest(user_app_id=IN_VISION, workflow_id="sorting", workflow_version_id="v1")
    assert [node.id for node in stub.GetWorkflowVersion(one).workflow_version.nodes] == ["v1"]
    every = stub.ListWorkflowVersions(s.ListWorkflowVersionsRequest(user_app_id=IN_VISION, workflow_id="sorting"))
    assert [(version.id, version.workflow_id) for version in every.workflow_versions] == [
        ("v2", "sorting"),
        ("v1", "sorting"),
    ]


def test_it_changes_a_version(stub: Stub, sorting: Workflow) -> None:
    version_of(sorting, "v1", {"id": "a"})
    version = r.WorkflowVersion(id="v1", description="Better.", nodes=[node("b")])
    answer = stub.PatchWorkflowVersions(
        s.PatchWorkflowVersionsRequest(
            user_app_id=IN_VISION, workflow_id="sorting", workflow_versions=[version], action="merge"
        )
    )
    [told] = answer.workflow_versions
    assert (told.description, [one.id for one in told.nodes]) == ("Better.", ["a", "b"])
    [entry] = entries(Op.WORKFLOW_VERSION_UPDATE)
    assert set(entry.event["changes"]) == {"description", "nodes"}


def test_a_version_is_created_on_its_own_too(http: Http, sorting: Workflow) -> None:
    """The public client has no message for it; the failure entry says what was attempted."""
    body = {"workflow_versions": [{"id": "v1", "nodes": [{"id": "a", "model": {"id": "resnet"}}]}]}
    assert http("POST", f"{PATH}/sorting/versions", body).json()["workflow_versions"][0]["nodes"][0]["id"] == "a"
    assert [names(entry)[0] for entry in entries(Op.WORKFLOW_VERSION_CREATE)] == ["v1"]
    assert http("POST", f"{PATH}/sorting/versions", body).status_code == 409
    assert [entry.event["sentence"] for entry in failures()] == ["Create workflow version 'v1' for workflow 'Sorting'"]


def test_it_deletes_versions_all_of_them_or_none(stub: Stub, sorting: Workflow) -> None:
    for slug in ("v1", "v2", "kept"):
        version_of(sorting, slug)

    def deleted(*ids: str) -> int:
        request = s.DeleteWorkflowVersionsRequest(
            user_app_id=IN_VISION, workflow_id="sorting", workflow_version_ids=ids
        )
        return int(stub.DeleteWorkflowVersions(request).status.code)

    assert deleted("kept", "ghost") == codes.CONN_DOES_NOT_EXIST
    assert failure_codes() == ["not_found", "not_found"]
    assert deleted("v1", "v2") == codes.SUCCESS
    assert [version.slug for version in WorkflowVersion.objects.all()] == ["kept"]
    assert [names(entry)[0] for entry in entries(Op.WORKFLOW_VERSION_DELETE)][2:] == ["v1", "v2"]


def test_it_publishes_and_takes_back(stub: Stub, sorting: Workflow) -> None:
    version = version_of(sorting, "v1")
    publish = s.PostWorkflowVersionsPublishRequest(
        user_app_id=IN_VISION, workflow_id="sorting", publications=[s.WorkflowVersionPublishRequest(version_id="v1")]
    )
    assert stub.PostWorkflowVersionsPublish(publish).status.code == codes.SUCCESS
    version.refresh_from_db()
    assert version.published_at is not None
    assert stub.PostWorkflowVersionsPublish(publish).status.code == codes.CONN_INVALID_REQUEST
    take_back = s.PostWorkflowVersionsUnPublishRequest(
        user_app_id=IN_VISION, workflow_id="sorting", publications=[s.WorkflowVersionUnPublishRequest(version_id="v1")]
    )
    assert stub.PostWorkflowVersionsUnPublish(take_back).status.code == codes.SUCCESS
    version.refresh_from_db()
    assert version.published_at is None
    told = entries(Op.WORKFLOW_VERSION_PUBLISH, Op.WORKFLOW_VERSION_UNPUBLISH)
    assert [(entry.operation, entry.success) for entry in told] == [(451, True), (451, False), (452, True)]
    assert failure_codes() == ["conflict"]


# Refusals


def test_a_conflict_leaves_one_failure_for_each_and_no_version(stub: Stub, sorting: Workflow) -> None:
    workflows = [r.Workflow(id="new", nodes=[node("a")]), r.Workflow(id="sorting", nodes=[node("a")])]
    answer = stub.PostWorkflows(s.PostWorkflowsRequest(user_app_id=IN_VISION, workflows=workflows))
    assert answer.status.code == codes.CONN_INVALID_REQUEST
    assert (Workflow.objects.count(), WorkflowVersion.objects.count()) == (1, 0)
    assert [entry.event["sentence"] for entry in failures()] == ["Create workflow 'new'", "Create workflow 'sorting'"]


def test_an_unknown_workflow_keeps_the_others(stub: Stub, sorting: Workflow) -> None:
    workflows = [r.Workflow(id="sorting", nodes=[node("a")]), r.Workflow(id="ghost", nodes=[node("a")])]
    answer = stub.PatchWorkflows(s.PatchWorkflowsRequest(user_app_id=IN_VISION, workflows=workflows, action="merge"))
    assert answer.status.code == codes.CONN_DOES_NOT_EXIST
    assert not WorkflowVersion.objects.exists()
    assert failure_codes() == ["not_found", "not_found"]


def test_the_id_of_a_version_is_taken_once(stub: Stub, sorting: Workflow) -> None:
    version_of(sorting, "v1")
    workflow = r.Workflow(id="sorting", description="New.", version=r.WorkflowVersion(id="v1"))
    answer = stub.PatchWorkflows(s.PatchWorkflowsRequest(user_app_id=IN_VISION, workflows=[workflow], action="merge"))
    assert "'v1' exists already" in answer.status.details
    sorting.refresh_from_db()
    assert (sorting.description, failure_codes()) == ("", ["conflict"])


@pytest.mark.parametrize(
    ("nodes", "told"),
    [
        ([{"id": "a"}, {"id": "a"}], "workflows[0].nodes: the id 'a' stands twice"),
        ([{}], "workflows[0].nodes[0].id: field required"),
        ("all", "workflows[0].nodes is 'all'"),
        ([{"id": "a", "model": "resnet"}], "workflows[0].nodes[0].model is 'resnet'"),
    ],
)
def test_nodes_that_are_none_are_named(http: Http, app: App, nodes: Any, told: str) -> None:
    response = http("POST", PATH, {"workflows": [{"id": "sorting", "nodes": nodes}]})
    assert (response.status_code, response.json()["status"]["reason"]) == (422, "invalid")
    assert told in response.json()["status"]["details"]
    assert [entry.event["sentence"] for entry in failures()] == ["Create workflow 'sorting'"]


def test_what_is_not_kept_is_named(http: Http, app: App) -> None:
    nodes = [{"id": "a", "output_info_override": {"params": {}}}]
    response = http("POST", PATH, {"workflows": [{"id": "sorting", "notes": "…", "nodes": nodes}]}).json()
    assert response["status"]["details"] == "Not kept here: notes, output_info_override."
    assert WorkflowVersion.objects.get().nodes == [{"id": "a"}]


def test_reading_takes_its_scope_and_writing_another(
    live_server: LiveServer, sorting: Workflow, people: People
) -> None:
    reader = Http(live_server.url, token_for(people.owner, people.acme, "workflows:read"))
    assert reader("GET", f"{PATH}/sorting").ok
    assert reader("DELETE", f"{PATH}/sorting").json()["status"]["reason"] == "scope_missing"
    writer = Http(live_server.url, token_for(people.owner, people.acme, "workflows:write"))
    assert writer("GET", f"{PATH}/sorting").json()["status"]["reason"] == "scope_missing"
    assert failure_codes() == ["scope_missing"]


@pytest.mark.parametrize("role", [Role.TEAM_CONTRIBUTOR, Role.ORGANIZATION_USER, Role.AUDITOR])
def test_a_role_too_low_changes_nothing(live_server: LiveServer, sorting: Workflow, people: People, role: Role) -> None:
    Member.objects.filter(user=people.member).update(role=role)
    version_of(sorting, "v1")
    http = Http(live_server.url, token_for(people.member, people.acme))
    publications = {"publications": [{"version_id": "v1"}]}
    attempts: list[tuple[str, str, Any]] = [
        ("POST", PATH, {"workflows": [{"id": "new"}]}),
        ("PATCH", PATH, {"workflows": [{"id": "sorting", "nodes": [{"id": "a"}]}]}),
        ("DELETE", PATH, {"ids": ["sorting"]}),
        ("DELETE", f"{PATH}/sorting", None),
        ("POST", f"{PATH}/sorting/versions", {"workflow_versions": [{}]}),
        ("PATCH", f"{PATH}/sorting/versions", {"workflow_versions": [{"id": "v1", "description": "New."}]}),
        ("DELETE", f"{PATH}/sorting/versions", {"workflow_version_ids": ["v1"]}),
        ("POST", f"{PATH}/sorting/publish", publications),
        ("POST", f"{PATH}/sorting/unpublish", publications),
    ]
    for method, path, body in attempts:
        assert http(method, path, body).json()["status"]["reason"] == "role_denied", (method, path)
    assert [entry.operation for entry in failures()] == [400, 401, 402, 402, 403, 404, 405, 451, 452]
    assert (Workflow.objects.count(), WorkflowVersion.objects.count()) == (1, 1)


def test_workflows_of_others_do_not_exist(http: Http, people: People, app: App) -> None:
    theirs = WorkflowFactory(app__account=people.stranger.home, slug="theirs", app__slug="secret")
    for path in (f"/users/{people.stranger.home}/apps/secret/workflows/theirs", f"{PATH}/theirs"):
        assert http("GET", path).status_code == 404
    assert http("PATCH", PATH, {"workflows": [{"id": theirs.slug, "description": "Mine."}]}).status_code == 404
    assert failure_codes() == ["not_found"]
