"""Each operation on modules and their versions over plain HTTP: the public client has no messages for them."""

from typing import Any

import pytest
from clarifai_grpc.grpc.api import service_pb2
from pytest_django.live_server_helper import LiveServer

from accounts.models import Member
from accounts.roles import Role
from controlcenter.operations import Operation as Op
from controlcenter.resources.models import App, Module, ModuleVersion
from tests.factories import AppFactory, ModuleFactory, ModuleVersionFactory, People

from .calling import Http, entries, failure_codes, failures, names, token_for

PATH = "/users/acme/apps/vision/modules"
VERSIONS = f"{PATH}/review/versions"


@pytest.fixture
def app(people: People) -> App:
    made: App = AppFactory(account=people.acme, slug="vision", name="Vision")
    return made


@pytest.fixture
def review(app: App) -> Module:
    made: Module = ModuleFactory(app=app, slug="review", name="Review")
    return made


def test_the_public_client_has_no_messages_for_them() -> None:
    methods = service_pb2.DESCRIPTOR.services_by_name["V2"].methods_by_name
    assert [name for name in methods if "Module" in name] == []


# Modules


def test_it_creates_modules(http: Http, app: App) -> None:
    body = {"modules": [{"id": "review", "name": "Review", "description": "Shows."}, {"id": "label"}]}
    first, second = http("POST", PATH, body).json()["modules"]
    assert (first["name"], first["description"], first["app_id"], first["user_id"]) == (
        "Review",
        "Shows.",
        "vision",
        "acme",
    )
    assert second["name"] == "label"
    [entry, _] = entries(Op.MODULE_CREATE)
    assert (names(entry), entry.app_id) == (["Review", "Vision"], app.pk)
    assert entry.event["actor"]["token_name"] == "ci"


def test_it_gets_and_lists_modules(http: Http, review: Module) -> None:
    ModuleFactory(app=review.app, slug="label", name="Label")
    ModuleFactory(slug="elsewhere")
    assert http("GET", f"{PATH}/review").json()["module"]["name"] == "Review"
    assert [module["id"] for module in http("GET", PATH).json()["modules"]] == ["label", "review"]
    assert [module["id"] for module in http("GET", f"{PATH}?search=REV").json()["modules"]] == ["review"]


def test_it_changes_modules(http: Http, review: Module) -> None:
    body = {"modules": [{"id": "review", "name": "Second look"}], "action": "overwrite"}
    assert http("PATCH", PATH, body).json()["modules"][0]["name"] == "Second look"
    [entry] = entries(Op.MODULE_UPDATE)
    assert entry.event["changes"] == {"name": ["Review", "Second look"]}


def test_it_deletes_modules_with_their_versions(http: Http, review: Module) -> None:
    ModuleVersionFactory(module=review, slug="v1")
    for slug in ("label", "chart", "kept"):
        ModuleFactory(app=review.app, slug=slug)
    assert http("DELETE", f"{PATH}/review").ok
    assert [names(entry)[0] for entry in entries(Op.MODULE_DELETE, Op.MODULE_VERSION_DELETE)] == ["v1", "Review"]
    assert http("DELETE", PATH, {"ids": ["label", "chart"]}).ok
    assert [module.slug for module in Module.objects.all()] == ["kept"]
    assert http("DELETE", PATH, {"delete_all": True}).ok
    assert not Module.objects.exists()


# Versions


def test_it_creates_versions(http: Http, review: Module) -> None:
    body = {"module_versions": [{"git_commit": "9f2c1ab", "description": "First."}, {"id": "v2"}]}
    first, second = http("POST", VERSIONS, body).json()["module_versions"]
    assert (first["git_commit"], first["module_id"], first["app_id"], second["id"]) == (
        "9f2c1ab",
        "review",
        "vision",
        "v2",
    )
    assert [names(entry) for entry in entries(Op.MODULE_VERSION_CREATE)] == [
        [first["id"], "Review", "Vision"],
        ["v2", "Review", "Vision"],
    ]


def test_it_gets_and_lists_versions(http: Http, review: Module) -> None:
    for slug in ("v1", "v2"):
        ModuleVersionFactory(module=review, slug=slug)
    assert http("GET", f"{VERSIONS}/v1").json()["module_version"]["id"] == "v1"
    assert [version["id"] for version in http("GET", VERSIONS).json()["module_versions"]] == ["v2", "v1"]


def test_it_changes_versions(http: Http, review: Module) -> None:
    ModuleVersionFactory(module=review, slug="v1")
    body = {"module_versions": [{"id": "v1", "git_commit": "9f2c1ab"}]}
    assert http("PATCH", VERSIONS, body).json()["module_versions"][0]["git_commit"] == "9f2c1ab"
    [entry] = entries(Op.MODULE_VERSION_UPDATE)
    assert entry.event["changes"] == {"git_commit": ["", "9f2c1ab"]}


def test_it_deletes_versions(http: Http, review: Module) -> None:
    for slug in ("v1", "v2", "v3", "kept"):
        ModuleVersionFactory(module=review, slug=slug)
    assert http("DELETE", VERSIONS, {"ids": ["v1", "v2"]}).ok
    assert http("DELETE", f"{VERSIONS}/v3").ok
    assert [version.slug for version in ModuleVersion.objects.all()] == ["kept"]
    assert [names(entry)[0] for entry in entries(Op.MODULE_VERSION_DELETE)] == ["v1", "v2", "v3"]


# Refusals


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", PATH, {"modules": [{"id": "new"}, {"id": "review"}]}, 409, "conflict"),
        ("POST", PATH, {"modules": [{"id": "new"}, {"id": "Not Fine"}]}, 422, "invalid"),
        ("PATCH", PATH, {"modules": [{"id": "review", "name": "X"}, {"id": "ghost"}]}, 404, "not_found"),
        ("DELETE", PATH, {"ids": ["review", "ghost"]}, 404, "not_found"),
        ("POST", VERSIONS, {"module_versions": [{"id": "v2"}, {"id": "v1"}]}, 409, "conflict"),
        ("POST", VERSIONS, {"module_versions": [{}, {"git_commit": "master"}]}, 422, "invalid"),
        ("PATCH", VERSIONS, {"module_versions": [{"id": "v1", "description": "X"}, {"id": "v9"}]}, 404, "not_found"),
        ("DELETE", VERSIONS, {"ids": ["v1", "v9"]}, 404, "not_found"),
    ],
)
def test_one_refused_stops_all(
    http: Http, review: Module, method: str, path: str, body: Any, status: int, code: str
) -> None:
    ModuleVersionFactory(module=review, slug="v1")
    response = http(method, path, body)
    assert (response.status_code, response.json()["status"]["reason"]) == (status, code)
    assert failure_codes() == [code, code]
    assert [(module.slug, module.name) for module in Module.objects.all()] == [("review", "Review")]
    assert [(version.slug, version.description) for version in ModuleVersion.objects.all()] == [("v1", "")]


def test_a_commit_that_is_none_is_named(http: Http, review: Module) -> None:
    told = http("POST", VERSIONS, {"module_versions": [{"git_commit": "master"}]}).json()["status"]["details"]
    assert told.startswith("module_versions[0].git_commit is 'master': A commit is 7 to 40")


def test_a_scope_or_a_role_too_few(live_server: LiveServer, review: Module, people: People) -> None:
    ModuleVersionFactory(module=review, slug="v1")
    reader = Http(live_server.url, token_for(people.owner, people.acme, "modules:read"))
    Member.objects.filter(user=people.member).update(role=Role.ORGANIZATION_USER)
    low = Http(live_server.url, token_for(people.member, people.acme))
    attempts: list[tuple[str, str, Any]] = [
        ("POST", PATH, {"modules": [{"id": "new"}]}),
        ("PATCH", PATH, {"modules": [{"id": "review", "name": "X"}]}),
        ("DELETE", PATH, {"ids": ["review"]}),
        ("POST", VERSIONS, {"module_versions": [{}]}),
        ("PATCH", VERSIONS, {"module_versions": [{"id": "v1", "description": "X"}]}),
        ("DELETE", f"{VERSIONS}/v1", None),
    ]
    for http, reason in ((reader, "scope_missing"), (low, "role_denied")):
        for method, path, body in attempts:
            assert http(method, path, body).json()["status"]["reason"] == reason, (method, path)
    assert reader("GET", PATH).ok
    assert [entry.operation for entry in failures()] == [200, 201, 202, 203, 204, 205] * 2


def test_modules_of_others_do_not_exist(http: Http, people: People, app: App) -> None:
    theirs = ModuleFactory(app__account=people.stranger.home, slug="theirs", app__slug="secret").app.account
    assert http("GET", f"/users/{theirs.slug}/apps/secret/modules/theirs").status_code == 404
    assert http("GET", f"{PATH}/theirs").status_code == 404
    assert http("DELETE", f"/users/{theirs.slug}/apps/secret/modules/theirs").status_code == 404
    assert Module.objects.exists()


def test_the_log_keeps_the_beginning_of_a_long_name(http: Http, app: App) -> None:
    assert http("POST", PATH, {"modules": [{"id": "x" * 10_000}]}).status_code == 422
    assert failures()[0].event["sentence"] == f"Create module '{'x' * 120}'"
