"""The pages of models, workflows, modules and their versions: what each does and leaves in the log."""

from typing import Any, NamedTuple

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Member, User
from accounts.roles import Role
from auditlog.models import Entry
from controlcenter.operations import Operation as Op
from controlcenter.resources.models import (
    App,
    Deployment,
    Model,
    ModelVersion,
    Module,
    TeamApp,
    Version,
    Workflow,
    WorkflowVersion,
)

from .factories import (
    AppFactory,
    ComputeClusterFactory,
    DeploymentFactory,
    ModelFactory,
    ModelVersionFactory,
    ModuleFactory,
    ModuleVersionFactory,
    NodepoolFactory,
    People,
    TeamFactory,
    WorkflowFactory,
    WorkflowVersionFactory,
    make_people,
)
from .history import entries_of, member_with, text_of, the_entry

pytestmark = pytest.mark.django_db

VISION = "/@acme/apps/vision/"
State = ModelVersion.State


class Kind(NamedTuple):
    """A kind of part, and what differs between them."""

    name: str
    tab: str
    model: Any
    factory: Any
    version_factory: Any
    create: Op
    update: Op
    delete: Op
    version_create: Op
    version_update: Op
    version_delete: Op
    version: dict[str, str]
    """What a form about a version is sent with, and the recorded changes it leads to."""
    changes: dict[str, Any]

    def url(self, page: str = "") -> str:
        return f"{VISION}{self.name}s/it/{page}"


KINDS = (
    Kind(
        "model",
        VISION,
        Model,
        ModelFactory,
        ModelVersionFactory,
        Op.MODEL_CREATE,
        Op.MODEL_UPDATE,
        Op.MODEL_DELETE,
        Op.MODEL_VERSION_CREATE,
        Op.MODEL_VERSION_UPDATE,
        Op.MODEL_VERSION_DELETE,
        {"description": "Better"},
        {"description": [None, "Better"]},
    ),
    Kind(
        "workflow",
        f"{VISION}workflows/",
        Workflow,
        WorkflowFactory,
        WorkflowVersionFactory,
        Op.WORKFLOW_CREATE,
        Op.WORKFLOW_UPDATE,
        Op.WORKFLOW_DELETE,
        Op.WORKFLOW_VERSION_CREATE,
        Op.WORKFLOW_VERSION_UPDATE,
        Op.WORKFLOW_VERSION_DELETE,
        {"description": "", "nodes": '[{"id": "a", "weight": 0.5}]'},
        {"nodes": [None, [{"id": "a", "weight": "0.5"}]]},
    ),
    Kind(
        "module",
        f"{VISION}modules/",
        Module,
        ModuleFactory,
        ModuleVersionFactory,
        Op.MODULE_CREATE,
        Op.MODULE_UPDATE,
        Op.MODULE_DELETE,
        Op.MODULE_VERSION_CREATE,
        Op.MODULE_VERSION_UPDATE,
        Op.MODULE_VERSION_DELETE,
        {"description": "", "git_commit": "9f2c1ab"},
        {"git_commit": [None, "9f2c1ab"]},
    ),
)
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
published_kinds = pytest.mark.parametrize("kind", KINDS[:2], ids=lambda kind: kind.name)


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def page(people: People, client: Client) -> Client:
    client.force_login(people.owner)
    return client


@pytest.fixture
def app(people: People) -> App:
    app: App = AppFactory(account=people.acme, slug="vision", name="Vision")
    return app


def part_of(app: App, kind: Kind, **fields: Any) -> Any:
    return kind.factory(app=app, slug="it", name="It", **fields)


def version_of(app: App, kind: Kind, **fields: Any) -> Any:
    return kind.version_factory(**{kind.name: part_of(app, kind)}, slug="v1", **fields)


def form_of(response: Any, **changed: str) -> dict[str, str]:
    """Return what a form is sent with, as a browser would."""
    return {**{field.html_name: field.value() or "" for field in response.context["form"]}, **changed}


def failures_of(people: People, operation: Op) -> list[tuple[str, str]]:
    failures = [entry.event["failure"] for entry in entries_of(people.acme, operation) if not entry.success]
    return [(failure["code"], failure["sentence"]) for failure in failures]


def targets_of(entry: Entry) -> list[tuple[str, str]]:
    return [(target["type"], target["id"]) for target in entry.event["targets"]]


# Tabs of an app


@each_kind
def test_a_tab_lists_what_is_in_the_app(kind: Kind, page: Client, app: App) -> None:
    version = version_of(app, kind)
    newest = kind.version_factory(**{kind.name: getattr(version, kind.name)}, slug="v2")
    kind.factory(name="Elsewhere")
    text = text_of(page.get(kind.tab))
    assert "It" in text
    assert newest.slug in text
    assert version.slug not in text
    assert "Elsewhere" not in text


@each_kind
def test_an_empty_tab_says_what_to_do_first(kind: Kind, page: Client, app: App) -> None:
    response = page.get(kind.tab)
    assert f"No {kind.name}s yet" in text_of(response)
    assert f'href="{VISION}new-{kind.name}/"' in response.content.decode()


@each_kind
def test_a_tab_is_searched(kind: Kind, page: Client, app: App) -> None:
    part_of(app, kind, description="Sees & tells")
    kind.factory(app=app, name="Other")
    assert [row.slug for row in page.get(kind.tab, {"q": "sees & T"}).context["found"].rows] == ["it"]
    assert f"No {kind.name} matches “zebra”" in text_of(page.get(kind.tab, {"q": "zebra"}))


@each_kind
def test_its_pages_meet_every_row_once(kind: Kind, page: Client, app: App) -> None:
    kind.model.objects.bulk_create(kind.model(app=app, slug=f"a-{n:03}", name="A") for n in range(120))
    seen: list[str] = []
    query = "?q=a"
    while query:
        found = page.get(kind.tab + query).context["found"]
        seen += [row.slug for row in found.rows]
        query = found.next_url
    assert seen == [f"a-{n:03}" for n in range(120)]


@each_kind
def test_a_tab_costs_the_same_with_more_in_it(kind: Kind, page: Client, app: App) -> None:
    counts = []
    for number in (2, 40):
        for part in kind.factory.create_batch(number, app=app):
            kind.version_factory(**{kind.name: part})
        TeamApp.objects.create(app=app, team=TeamFactory(account=app.account))
        with CaptureQueriesContext(connection) as captured:
            page.get(kind.tab)
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 5


# Create


@each_kind
def test_creating_is_an_entry(kind: Kind, page: Client, people: People, app: App) -> None:
    address = f"{VISION}new-{kind.name}/"
    response = page.post(address, form_of(page.get(address), name="It", slug="it", description="Sees"))
    assert response["Location"] == kind.url()
    part = kind.model.objects.get(app=app)
    assert (part.slug, part.name, part.description) == ("it", "It", "Sees")
    entry = the_entry(people.acme, kind.create)
    assert (entry.success, entry.actor_id, entry.app_id) == (True, people.owner.pk, app.pk)
    assert targets_of(entry) == [(kind.name, "it"), ("app", "vision")]


@each_kind
@pytest.mark.parametrize(
    ("changed", "code", "sentence"),
    [
        ({"slug": "taken"}, "conflict", "with the ID taken exists already in Vision"),
        ({"slug": "Not an id"}, "invalid", "Use 1 to 64 lower-case letters"),
        ({"name": ""}, "invalid", "This field is required."),
        ({"description": "d" * 301}, "invalid", "at most 300 characters"),
        ({"name": "n\0"}, "invalid", "Null characters are not allowed."),
    ],
    ids=["taken", "no id", "no name", "long", "null"],
)
def test_bad_input_is_refused_and_kept(
    kind: Kind, changed: dict[str, str], code: str, sentence: str, page: Client, people: People, app: App
) -> None:
    kind.factory(app=app, slug="taken")
    kind.factory(slug="it")
    address = f"{VISION}new-{kind.name}/"
    data = form_of(page.get(address), **{"name": "It", "slug": "it", "description": "Sees", **changed})
    response = page.post(address, data)
    assert response.status_code == 422
    assert sentence in text_of(response)
    assert {name: response.context["form"][name].value() for name in data} == data
    [(told, why)] = failures_of(people, kind.create)
    assert told == code
    assert sentence in why
    assert kind.model.objects.filter(app=app).count() == 1


def test_a_model_has_a_type_and_a_visibility(page: Client, app: App) -> None:
    address = f"{VISION}new-model/"
    data = form_of(page.get(address), name="It", slug="it", kind="text-embedder", visibility="public")
    page.post(address, data)
    model = Model.objects.get()
    assert (model.kind, model.visibility) == ("text-embedder", "public")
    text = text_of(page.get(VISION))
    assert "text-embedder" in text
    assert "Public" in text


# One of them


@each_kind
def test_its_page_leads_back_and_on(kind: Kind, page: Client, app: App) -> None:
    version_of(app, kind)
    response = page.get(kind.url())
    content = response.content.decode()
    assert response.context["crumbs"] == [("Apps", "/@acme/apps/"), ("Vision", kind.tab)]
    assert f'href="{kind.url("versions/v1/")}"' in content
    assert f"?app=vision&amp;target={kind.name}:it&amp;range=6m" in content
    assert response.context["shell"].nav
    of_version = page.get(kind.url("versions/v1/"))
    assert f"target={kind.name}_version:v1/{kind.name}:it&amp;range=6m" in of_version.content.decode()
    crumbs = of_version.context["crumbs"]
    assert crumbs == [("Apps", "/@acme/apps/"), ("Vision", kind.tab), ("It", kind.url())]
    assert page.get(kind.url("versions/v1/edit/")).context["crumbs"] == [*crumbs, ("v1", kind.url("versions/v1/"))]


@each_kind
def test_versions_are_newest_first_and_each_met_once(kind: Kind, page: Client, app: App) -> None:
    part = part_of(app, kind)
    for number in range(60):
        kind.version_factory(**{kind.name: part}, slug=f"v{number}")
    seen: list[str] = []
    query = "?q=v"
    while query:
        found = page.get(kind.url() + query).context["found"]
        seen += [row.slug for row in found.rows]
        query = found.next_url
    assert seen == [f"v{number}" for number in reversed(range(60))]


@each_kind
def test_versions_are_searched(kind: Kind, page: Client, app: App) -> None:
    part = getattr(version_of(app, kind, description="Good one"), kind.name)
    kind.version_factory(**{kind.name: part}, slug="v2")
    assert [row.slug for row in page.get(kind.url(), {"q": "good"}).context["found"].rows] == ["v1"]
    assert "No version matches “zebra”" in text_of(page.get(kind.url(), {"q": "zebra"}))


def test_a_version_of_a_module_is_found_by_its_commit(page: Client, app: App) -> None:
    version_of(app, KINDS[2], git_commit="9f2c1abc")
    assert [row.slug for row in page.get(KINDS[2].url(), {"q": "9f2c"}).context["found"].rows] == ["v1"]


@each_kind
def test_a_part_without_versions_says_what_to_do_first(kind: Kind, page: Client, app: App) -> None:
    part_of(app, kind)
    assert "No versions yet" in text_of(page.get(kind.url()))


@each_kind
def test_its_page_costs_the_same_with_more_versions(kind: Kind, page: Client, app: App) -> None:
    part, counts = part_of(app, kind), []
    for number in (2, 40):
        kind.version_factory.create_batch(number, **{kind.name: part})
        with CaptureQueriesContext(connection) as captured:
            page.get(kind.url())
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 5


@each_kind
def test_what_is_elsewhere_does_not_exist(kind: Kind, page: Client, people: People, app: App) -> None:
    version = version_of(AppFactory(account=people.stranger.home, slug="vision"), kind)
    kind.factory(app=app, slug="other")
    for address in (kind.url(), kind.url("versions/v1/"), f"{VISION}{kind.name}s/other/versions/{version}/"):
        assert page.get(address).status_code == 404


# Edit and delete


@each_kind
def test_editing_is_an_entry_with_before_and_after(kind: Kind, page: Client, people: People, app: App) -> None:
    part_of(app, kind)
    response = page.post(kind.url("edit/"), form_of(page.get(kind.url("edit/")), name="That", slug="that"))
    assert response["Location"] == kind.url()
    entry = the_entry(people.acme, kind.update)
    assert entry.event["changes"] == {"name": ["It", "That"]}
    assert kind.model.objects.get().slug == "it"


@each_kind
def test_a_stale_edit_overwrites_nothing(kind: Kind, page: Client, people: People, app: App) -> None:
    part_of(app, kind)
    mine = form_of(page.get(kind.url("edit/")), name="Mine")
    page.post(kind.url("edit/"), form_of(page.get(kind.url("edit/")), name="Theirs"))
    response = page.post(kind.url("edit/"), mine)
    assert response.status_code == 422
    assert "Somebody else changed this after you opened the page. Name is “Theirs” now." in text_of(response)
    assert response.context["form"]["name"].value() == "Mine"
    assert kind.model.objects.get().name == "Theirs"
    assert [code for code, _ in failures_of(people, kind.update)] == ["conflict"]


@each_kind
def test_deleting_takes_the_versions_along(kind: Kind, page: Client, people: People, app: App) -> None:
    version_of(app, kind)
    assert "Deleted with it: 1 version " in text_of(page.get(kind.url("delete/")))
    response = page.post(kind.url("delete/"), {"confirm": "it", "reason": "Never used"})
    assert response["Location"] == kind.tab
    assert not kind.model.objects.exists()
    entry = the_entry(people.acme, kind.delete)
    assert (entry.success, entry.event["reason"]) == (True, "Never used")
    assert the_entry(people.acme, kind.version_delete).success


@each_kind
def test_without_its_id_typed_nothing_is_deleted(kind: Kind, page: Client, people: People, app: App) -> None:
    part_of(app, kind)
    response = page.post(kind.url("delete/"), {"confirm": "That", "reason": "Because"})
    assert response.status_code == 422
    assert response.context["form"]["reason"].value() == "Because"
    assert kind.model.objects.exists()
    assert [code for code, _ in failures_of(people, kind.delete)] == ["not_confirmed"]


@pytest.fixture
def deployment(people: People, app: App) -> Deployment:
    nodepool = NodepoolFactory(cluster=ComputeClusterFactory(account=people.acme))
    version = version_of(app, KINDS[0], state=State.TRAINED)
    deployment: Deployment = DeploymentFactory(nodepool=nodepool, model_version=version, slug="line-3")
    return deployment


@pytest.mark.parametrize(
    ("address", "confirm", "operation"),
    [
        (KINDS[0].url("delete/"), "it", Op.MODEL_DELETE),
        (KINDS[0].url("versions/v1/delete/"), "", Op.MODEL_VERSION_DELETE),
        (f"{VISION}delete/", "vision", Op.APPLICATION_DELETE),
    ],
    ids=["model", "version", "app"],
)
def test_what_is_deployed_stays(
    address: str, confirm: str, operation: Op, page: Client, people: People, deployment: Deployment
) -> None:
    response = page.post(address, {"confirm": confirm})
    assert response.status_code == 422
    assert "It is still used by deployment line-3. Delete that first." in text_of(response)
    assert [code for code, _ in failures_of(people, operation)] == ["in_use"]
    assert ModelVersion.objects.exists()


@pytest.mark.parametrize("address", [KINDS[0].url("delete/"), KINDS[0].url("versions/v1/delete/"), f"{VISION}delete/"])
def test_what_is_deployed_says_so_beforehand(address: str, page: Client, deployment: Deployment) -> None:
    response = page.get(address)
    assert f"Delete these deployments first: line-3 on {deployment.nodepool} Back" in text_of(response)
    [(_, way)] = response.context["in_use"]
    assert page.get(way).context["deployment"] == deployment
    deployment.delete()
    assert "Reason" in text_of(page.get(address))


def test_a_version_says_where_it_is_deployed(page: Client, deployment: Deployment) -> None:
    assert "line-3" in text_of(page.get(KINDS[0].url("versions/v1/")))


# Versions


@each_kind
def test_a_version_is_created(kind: Kind, page: Client, people: People, app: App) -> None:
    part_of(app, kind)
    response = page.post(kind.url("new-version/"), kind.version, follow=True)
    version = kind.version_factory._meta.model.objects.get()
    assert response.redirect_chain == [(kind.url(f"versions/{version}/"), 302)]
    entry = the_entry(people.acme, kind.version_create)
    assert targets_of(entry) == [(f"{kind.name}_version", version.slug), (kind.name, "it"), ("app", "vision")]
    assert entry.event["changes"].items() >= kind.changes.items()


@each_kind
def test_a_version_is_edited(kind: Kind, page: Client, people: People, app: App) -> None:
    version_of(app, kind)
    address = kind.url("versions/v1/edit/")
    response = page.post(address, form_of(page.get(address), **kind.version))
    assert response["Location"] == kind.url("versions/v1/")
    changes = the_entry(people.acme, kind.version_update).event["changes"]
    assert {name: after for name, (_, after) in changes.items()} == {
        name: after for name, (_, after) in kind.changes.items()
    }


@each_kind
def test_saving_a_version_without_a_change_is_no_entry(kind: Kind, page: Client, people: People, app: App) -> None:
    version_of(app, kind)
    address = kind.url("versions/v1/edit/")
    assert page.post(address, form_of(page.get(address))).status_code == 302
    assert entries_of(people.acme, kind.version_update) == []


@each_kind
def test_a_version_is_deleted_for_a_reason(kind: Kind, page: Client, people: People, app: App) -> None:
    version_of(app, kind)
    response = page.post(kind.url("versions/v1/delete/"), {"reason": "Broken"})
    assert response["Location"] == kind.url()
    entry = the_entry(people.acme, kind.version_delete)
    assert (entry.success, entry.event["reason"]) == (True, "Broken")


@published_kinds
def test_a_version_is_published_and_taken_back(kind: Kind, page: Client, people: People, app: App) -> None:
    version: Version = version_of(app, kind)
    publish, unpublish = (kind.url(f"versions/v1/{verb}/") for verb in ("publish", "unpublish"))
    published, unpublished = (Op[f"{kind.name.upper()}_VERSION_{verb}"] for verb in ("PUBLISH", "UNPUBLISH"))
    assert page.get(publish).status_code == 200
    assert page.post(publish)["Location"] == kind.url("versions/v1/")
    version.refresh_from_db()
    assert version.published_at
    assert list(the_entry(people.acme, published).event["changes"]) == ["published_at"]

    assert f"Version {version} is published already." in text_of(page.post(publish))
    assert [code for code, _ in failures_of(people, published)] == ["conflict"]

    page.post(unpublish, {"reason": "Wrong labels"})
    version.refresh_from_db()
    assert version.published_at is None
    assert the_entry(people.acme, unpublished).event["reason"] == "Wrong labels"
    assert f"Version {version} is not published." in text_of(page.post(unpublish))


@pytest.mark.parametrize("state", State)
def test_only_what_is_trained_or_uploaded_is_published(state: State, page: Client, people: People, app: App) -> None:
    version = version_of(app, KINDS[0], state=state)
    usable = state in (State.TRAINED, State.UPLOADED)
    address = KINDS[0].url("versions/v1/publish/")
    assert (f'action="{address}"' in page.get(KINDS[0].url("versions/v1/")).content.decode()) is usable
    response = page.post(address)
    version.refresh_from_db()
    assert bool(version.published_at) is usable
    if not usable:
        sentence = "Only uploaded and trained versions can be published."
        assert sentence in text_of(response)
        [(code, why)] = failures_of(people, Op.MODEL_VERSION_PUBLISH)
        assert code == "conflict"
        assert sentence in why


def test_two_buttons_of_a_page_are_two_forms(page: Client, app: App) -> None:
    """Publishing one version must not count as having published the other one."""
    model = version_of(app, KINDS[0]).model
    ModelVersionFactory(model=model, slug="v2")
    content = page.get(KINDS[0].url()).content.decode()
    forms = [part.split("</form>")[0] for part in content.split("<form")[1:] if "publish/" in part.split("</form>")[0]]
    ids = [form.split('name="submission" value="')[1].split('"')[0] for form in forms]
    for version, submission in zip(("v2", "v1"), ids, strict=True):
        page.post(KINDS[0].url(f"versions/{version}/publish/"), {"submission": submission})
    assert not ModelVersion.objects.filter(published_at=None).exists()


# Training


def test_training_creates_a_version_in_training(page: Client, people: People, app: App) -> None:
    part_of(app, KINDS[0])
    response = page.post(KINDS[0].url("train/"), {"description": "With more data"})
    version = ModelVersion.objects.get()
    assert response["Location"] == KINDS[0].url(f"versions/{version}/")
    assert (version.state, version.description) == (State.TRAINING, "With more data")
    assert the_entry(people.acme, Op.MODEL_VERSION_TRAIN).success


@pytest.mark.parametrize(
    ("state", "reason", "kept"), [("trained", "", ""), ("failed", "no data", "no data"), ("trained", "ignored", "")]
)
def test_the_trainer_reports_how_it_ended(
    state: str, reason: str, kept: str, page: Client, people: People, app: App
) -> None:
    version = version_of(app, KINDS[0], state=State.TRAINING)
    page.post(KINDS[0].url("versions/v1/report/"), {"state": state, "failure_reason": reason})
    version.refresh_from_db()
    assert (version.state, version.failure_reason) == (state, kept)
    entry = the_entry(people.acme, Op.MODEL_VERSION_UPDATE)
    assert entry.event["changes"]["state"] == ["training", state]
    assert kept in text_of(page.get(KINDS[0].url("versions/v1/")))


@pytest.mark.parametrize("state", [state for state in State if state != State.TRAINING])
def test_a_report_on_what_is_not_in_training_is_a_conflict(
    state: State, page: Client, people: People, app: App
) -> None:
    version = version_of(app, KINDS[0], state=state)
    response = page.post(KINDS[0].url("versions/v1/report/"), {"state": "trained"})
    assert response.status_code == 422
    assert f"Version v1 is not in training: its state is “{state.label}”." in text_of(response)
    assert [code for code, _ in failures_of(people, Op.MODEL_VERSION_UPDATE)] == ["conflict"]
    version.refresh_from_db()
    assert version.state == state


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"state": "failed"}, "Say why training failed."),
        ({"state": "failed", "failure_reason": "   "}, "Say why training failed."),
        ({"state": "failed", "failure_reason": "x" * 301}, "at most 300 characters"),
        ({"state": "uploaded"}, "Select a valid choice."),
        ({}, "This field is required."),
    ],
)
def test_half_a_report_is_refused(data: dict[str, str], sentence: str, page: Client, people: People, app: App) -> None:
    version = version_of(app, KINDS[0], state=State.TRAINING)
    response = page.post(KINDS[0].url("versions/v1/report/"), data)
    assert response.status_code == 422
    assert sentence in text_of(response)
    assert [code for code, _ in failures_of(people, Op.MODEL_VERSION_UPDATE)] == ["invalid"]
    version.refresh_from_db()
    assert version.state == State.TRAINING


def test_a_report_is_about_what_is_stored(app: App) -> None:
    """Two trainers, or a retry: the second finds the first one's report, whatever it read before."""
    version = version_of(app, KINDS[0], state=State.TRAINING)
    stale = ModelVersion.objects.get(pk=version.pk)
    version.report(State.FAILED, "no data")
    with pytest.raises(Exception, match="is not in training"):
        stale.report(State.TRAINED)
    version.refresh_from_db()
    assert version.state == State.FAILED


# Nodes and commits


@pytest.mark.parametrize(
    "nodes",
    [
        "{",
        '{"a": 1}',
        '"text"',
        "1",
        "[NaN]",
        "[1e999]",
        '["\\u0000"]',
        '["\\ud800"]',
        '[{"\\u0000": 1}]',
        "[" * 60 + "]" * 60,
        "[" * 100_000,
        "[" + "9" * 5000 + "]",
    ],
    ids=lambda nodes: nodes[:12],
)
def test_nodes_that_are_none_are_refused_and_kept(nodes: str, page: Client, people: People, app: App) -> None:
    part_of(app, KINDS[1])
    response = page.post(KINDS[1].url("new-version/"), {"description": "Kept", "nodes": nodes})
    assert response.status_code == 422
    form = response.context["form"]
    assert (form["description"].value(), form["nodes"].value()) == ("Kept", nodes)
    assert list(form.errors) == ["nodes"]
    assert [code for code, _ in failures_of(people, Op.WORKFLOW_VERSION_CREATE)] == ["invalid"]
    assert not WorkflowVersion.objects.exists()


def test_nodes_that_are_no_list_are_told_so(page: Client, app: App) -> None:
    part_of(app, KINDS[1])
    response = page.post(KINDS[1].url("new-version/"), {"nodes": '{"id": "a"}'})
    assert "Nodes are a list" in text_of(response)
    assert "That is not JSON" not in text_of(response)


@pytest.mark.parametrize(
    ("typed", "stored"), [("", []), ("[]", []), ("null", []), ('[{"id": "é🎉"}, 2]', [{"id": "é🎉"}, 2])]
)
def test_nodes_are_a_list(typed: str, stored: Any, page: Client, app: App) -> None:
    part_of(app, KINDS[1])
    response = page.post(KINDS[1].url("new-version/"), {"nodes": typed}, follow=True)
    assert WorkflowVersion.objects.get().nodes == stored
    assert all(node["id"] in text_of(response) for node in stored if isinstance(node, dict))


@pytest.mark.parametrize("commit", ["master", "9f2c1a", "9F2C1AB", "g" * 40, "9" * 41, "9f2c1ab\n"])
def test_what_is_no_commit_is_refused_and_kept(commit: str, page: Client, app: App) -> None:
    part_of(app, KINDS[2])
    response = page.post(KINDS[2].url("new-version/"), {"git_commit": commit})
    if commit.strip() != commit:
        assert response.status_code == 302
        return
    assert response.status_code == 422
    assert response.context["form"]["git_commit"].value() == commit
    assert list(response.context["form"].errors) == ["git_commit"]


# Who may


def team_member(people: People, app: App, access: TeamApp.Access) -> User:
    user = member_with(Role.TEAM_CONTRIBUTOR, people.acme)
    team = TeamFactory(account=people.acme)
    team.members.add(Member.objects.get(user=user, account=people.acme))
    TeamApp.objects.create(team=team, app=app, access=access)
    return user


@each_kind
@pytest.mark.parametrize("access", TeamApp.Access)
def test_a_team_contributor_changes_what_their_team_may(
    access: TeamApp.Access, kind: Kind, people: People, client: Client, app: App
) -> None:
    version_of(app, kind)
    client.force_login(team_member(people, app, access))
    allowed = access in (TeamApp.Access.FULL, TeamApp.Access.MODEL_TRAINER)
    assert client.get(kind.url()).status_code == 200
    assert ("(not in your role)" in text_of(client.get(kind.url()))) is not allowed
    for address in (f"{VISION}new-{kind.name}/", kind.url("edit/"), kind.url("versions/v1/edit/")):
        assert client.get(address).status_code == (200 if allowed else 403)
    assert client.post(kind.url("versions/v1/delete/")).status_code == (302 if allowed else 403)


@each_kind
def test_a_team_contributor_changes_nothing_in_apps_of_other_teams(
    kind: Kind, people: People, client: Client, app: App
) -> None:
    part_of(app, kind)
    client.force_login(team_member(people, AppFactory(account=people.acme), TeamApp.Access.FULL))
    assert client.post(kind.url("delete/"), {"confirm": "it"}).status_code == 403
    assert [code for code, _ in failures_of(people, kind.delete)] == ["role_denied"]


@published_kinds
def test_who_may_not_publish_sees_a_lock(kind: Kind, people: People, client: Client, app: App) -> None:
    version_of(app, kind)
    client.force_login(member_with(Role.AUDITOR, people.acme))
    content = client.get(kind.url("versions/v1/")).content.decode()
    assert "Publish" in content
    assert f'action="{kind.url("versions/v1/publish/")}"' not in content
    assert f'href="{kind.url("versions/v1/publish/")}"' in content
