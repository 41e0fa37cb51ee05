"""Each operation on apps through the public client, and what it leaves in the log."""

import pytest
from clarifai_grpc.grpc.api import resources_pb2 as r
from clarifai_grpc.grpc.api import service_pb2 as s
from clarifai_grpc.grpc.api.status.status_code_pb2 import APP_DUPLICATION_SUCCESS, SUCCESS

from controlcenter.operations import Operation as Op
from controlcenter.resources.models import App
from tests.factories import AppFactory, ModelVersionFactory, People, WorkflowVersionFactory

from .calling import Stub, entries, names

PUBLIC = r.Visibility(gettable=r.Visibility.PUBLIC)


def vision(people: People) -> App:
    app: App = AppFactory(account=people.acme, slug="vision", name="Vision")
    return app


def in_app(app_id: str = "vision") -> r.UserAppIDSet:
    return r.UserAppIDSet(user_id="acme", app_id=app_id)


def test_it_creates_apps(stub: Stub, people: People, secret: str) -> None:
    apps = [r.App(id="vision", name="Vision", description="Sees.", visibility=PUBLIC), r.App(id="speech")]

    answer = stub.PostApps(s.PostAppsRequest(user_app_id=r.UserAppIDSet(user_id="acme"), apps=apps))

    assert answer.status.code == SUCCESS, answer
    assert [(app.id, app.name, app.user_id) for app in answer.apps] == [
        ("vision", "Vision", "acme"),
        ("speech", "speech", "acme"),
    ]
    assert answer.apps[0].visibility.gettable == r.Visibility.PUBLIC
    assert answer.apps[0].created_at.seconds > 0
    [first, second] = entries(Op.APPLICATION_CREATE)
    assert (names(first), names(second)) == (["Vision"], ["speech"])
    assert first.account_id == people.acme.pk
    assert first.app_id == App.objects.get(slug="vision").pk
    actor = first.event["actor"]
    assert (actor["type"], actor["id"], actor["token_name"]) == ("token", "olga", "ci")
    assert first.event["where"]["request"] == answer.status.req_id
    assert secret.encode() not in b"".join(bytes(entry.body) for entry in (first, second))


def test_it_gets_an_app(stub: Stub, people: People) -> None:
    vision(people)
    answer = stub.GetApp(s.GetAppRequest(user_app_id=in_app()))
    assert (answer.status.code, answer.app.id, answer.app.name) == (SUCCESS, "vision", "Vision")


def test_it_lists_apps_a_page_at_a_time(stub: Stub, people: People, acme: r.UserAppIDSet) -> None:
    for number in range(5):
        AppFactory(account=people.acme, slug=f"app-{number}")
    AppFactory(slug="elsewhere")
    answer = stub.ListApps(s.ListAppsRequest(user_app_id=acme, page=2, per_page=2))
    assert [app.id for app in answer.apps] == ["app-2", "app-3"]


def test_it_searches_apps(stub: Stub, people: People, acme: r.UserAppIDSet) -> None:
    vision(people)
    AppFactory(account=people.acme, slug="speech")
    assert [app.id for app in stub.ListApps(s.ListAppsRequest(user_app_id=acme, search="VIS")).apps] == ["vision"]


@pytest.mark.parametrize("action", ["merge", "overwrite", "remove"])
def test_it_changes_apps(stub: Stub, people: People, acme: r.UserAppIDSet, action: str) -> None:
    vision(people)
    AppFactory(account=people.acme, slug="speech", name="Speech")
    apps = [r.App(id="speech", name="Talk"), r.App(id="vision", description="Sees.", visibility=PUBLIC)]

    answer = stub.PatchApps(s.PatchAppsRequest(user_app_id=acme, apps=apps, action=action))

    assert [(app.id, app.name, app.description) for app in answer.apps] == [
        ("speech", "Talk", ""),
        ("vision", "Vision", "Sees."),
    ]
    assert [entry.event["changes"] for entry in entries(Op.APPLICATION_UPDATE)] == [
        {"name": ["Speech", "Talk"]},
        {"description": ["", "Sees."], "visibility": ["private", "public"]},
    ]


def test_it_changes_one_app(stub: Stub, people: People) -> None:
    vision(people)
    answer = stub.PatchApp(s.PatchAppRequest(user_app_id=in_app(), app=r.App(name="Sight"), action="overwrite"))
    assert answer.app.name == "Sight"
    [entry] = entries(Op.APPLICATION_UPDATE)
    assert entry.event["changes"] == {"name": ["Vision", "Sight"]}


def test_it_deletes_an_app(stub: Stub, people: People) -> None:
    app = vision(people)
    answer = stub.DeleteApp(s.DeleteAppRequest(user_app_id=in_app()))
    assert answer.status.code == SUCCESS
    assert not App.objects.exists()
    [entry] = entries(Op.APPLICATION_DELETE)
    assert (names(entry), entry.app_id) == (["Vision"], app.pk)


def test_it_duplicates_an_app(stub: Stub, people: People) -> None:
    app = vision(people)
    ModelVersionFactory(model__app=app)
    WorkflowVersionFactory(workflow__app=app)
    copies = [
        r.AppDuplication(new_app_id="all", new_app_name="All"),
        r.AppDuplication(new_app_id="models", filter=r.AppDuplicationFilters(copy_models=True)),
    ]

    answer = stub.PostAppDuplications(s.PostAppDuplicationsRequest(user_app_id=in_app(), app_duplications=copies))

    assert [(copy.new_app_id, copy.existing_app_id) for copy in answer.app_duplications] == [
        ("all", "vision"),
        ("models", "vision"),
    ]
    assert answer.app_duplications[0].status.code == APP_DUPLICATION_SUCCESS
    assert answer.app_duplications[0].destination_app.name == "All"
    everything, only_models = (App.objects.get(slug=slug) for slug in ("all", "models"))
    assert (everything.models.count(), everything.workflows.count()) == (1, 1)
    assert (only_models.models.count(), only_models.workflows.count()) == (1, 0)
    assert [entry.event["sentence"] for entry in entries(Op.APPLICATION_DUPLICATE)] == [
        "Duplicate application 'vision' as 'All'",
        "Duplicate application 'vision' as 'models'",
    ]


def test_me_is_the_account_of_the_token(stub: Stub, people: People) -> None:
    vision(people)
    assert [app.id for app in stub.ListApps(s.ListAppsRequest()).apps] == ["vision"]
