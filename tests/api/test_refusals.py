"""What the API refuses: each answer names the thing, and each attempt to change something leaves its failure entry."""

from typing import Any

import pytest
from clarifai_grpc.grpc.api import resources_pb2 as r
from clarifai_grpc.grpc.api import service_pb2 as s
from clarifai_grpc.grpc.api.status import status_code_pb2 as codes
from django.db import connection
from pytest_django.live_server_helper import LiveServer

from accounts.models import Member, Token
from accounts.roles import Role
from auditlog.models import Entry
from controlcenter.operations import Operation as Op
from controlcenter.replica import NotHere
from controlcenter.resources.models import App, Model, TeamApp
from tests.factories import (
    AppFactory,
    ModelFactory,
    People,
    PlanFactory,
    TeamAppFactory,
    TeamFactory,
    TeamMemberFactory,
)

from .calling import Http, Stub, failure_codes, failures, names, refused, token_for

NEW = {"apps": [{"id": "new"}]}


@pytest.fixture
def app(people: People) -> App:
    made: App = AppFactory(account=people.acme, slug="vision", name="Vision")
    return made


# Tokens


def test_who_is_unknown_leaves_one_failure_that_names_no_parent(live_server: LiveServer, app: App) -> None:
    body = {"models": [{"id": "one"}, {"id": "two"}]}
    refused(Http(live_server.url)("POST", "/users/acme/apps/vision/models", body), 401, "no_token")
    assert [entry.event["sentence"] for entry in failures()] == ["Create model"]


def test_without_a_token_nothing_is_done(live_server: LiveServer, people: People) -> None:
    response = Http(live_server.url)("POST", "/users/acme/apps", NEW)
    refused(response, 401, "no_token")
    assert response.headers["WWW-Authenticate"].startswith("Key ")
    assert not App.objects.exists()
    [entry] = failures()
    assert entry.event["failure"]["code"] == "no_token"
    assert (entry.account_id, entry.operation) == (people.acme.pk, Op.APPLICATION_CREATE)
    assert entry.event["actor"]["type"] == "anonymous"


def test_an_unknown_token_is_named_nowhere(live_server: LiveServer, people: People) -> None:
    response = Http(live_server.url, "guessed" * 8)("POST", "/users/acme/apps", NEW)
    assert "guessed" not in refused(response, 401, "token_unknown")
    assert b"guessed" not in bytes(failures()[0].body)


def test_a_revoked_token_ends_at_once_and_is_named(http: Http, people: People) -> None:
    assert http("GET", "/users/acme/apps").ok
    Token.objects.get(account=people.acme).revoke()
    refused(http("POST", "/users/acme/apps", NEW), 401, "token_revoked")
    [entry] = failures()
    assert entry.event["actor"]["token_name"] == "ci"


def test_the_token_of_who_may_not_sign_in_is_refused(http: Http, people: People) -> None:
    people.owner.is_active = False
    people.owner.save()
    refused(http("GET", "/users/acme/apps"), 401, "user_inactive")


def test_bearer_will_do(live_server: LiveServer, secret: str) -> None:
    assert Http(live_server.url)("GET", "/users/acme/apps", headers={"Authorization": f"Bearer {secret}"}).ok


def test_neither_the_address_nor_a_session_carries_a_token(
    live_server: LiveServer, people: People, secret: str, client: Any
) -> None:
    client.force_login(people.owner)
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    response = Http(live_server.url)("POST", f"/users/acme/apps?token={secret}", NEW, cookies=cookies)
    refused(response, 401, "no_token")
    assert failures()[0].event["actor"]["type"] == "anonymous"


def test_a_scope_too_few(live_server: LiveServer, people: People) -> None:
    http = Http(live_server.url, token_for(people.owner, people.acme, "apps:read"))
    assert "apps:write" in refused(http("POST", "/users/acme/apps", NEW), 403, "scope_missing")
    [entry] = failures()
    assert entry.event["failure"]["code"] == "scope_missing"
    assert entry.event["sentence"] == "Create application 'new'"
    assert entry.event["actor"]["token_name"] == "ci"


def test_training_needs_its_own_scope(live_server: LiveServer, app: App, people: People) -> None:
    ModelFactory(app=app, slug="resnet")
    http = Http(live_server.url, token_for(people.owner, people.acme, "models:write"))
    path = "/users/acme/apps/vision/models/resnet/versions"
    assert "models:train" in refused(http("POST", path, {"model_versions": [{}]}), 403, "scope_missing")
    assert http("POST", path, {"model_versions": [{"pretrained_model_config": {}}]}).ok
    assert failure_codes() == ["scope_missing"]


def test_a_token_is_of_no_use_elsewhere(http: Http, people: People) -> None:
    """Sam's account and one that does not exist look alike from outside; Sam's log tells who tried."""
    theirs = people.stranger.home
    assert theirs
    there, nowhere = (http("POST", f"/users/{slug}/apps", NEW) for slug in (theirs.slug, "nowhere"))
    assert refused(there, 404, "not_found").replace(theirs.slug, "nowhere") == refused(nowhere, 404, "not_found")
    [entry] = failures()
    assert (entry.account_id, entry.event["failure"]["code"]) == (theirs.pk, "not_a_member")
    assert entry.event["actor"]["id"] == "olga"


def test_who_left_is_out(http: Http, people: People) -> None:
    Member.objects.get(user=people.owner).delete()
    refused(http("GET", "/users/acme/apps"), 404, "not_found")


# Roles and plans


def token_of(role: Role, people: People, live_server: LiveServer) -> Http:
    Member.objects.filter(user=people.member).update(role=role)
    return Http(live_server.url, token_for(people.member, people.acme))


def test_a_role_too_low(live_server: LiveServer, people: People, app: App) -> None:
    http = token_of(Role.ORGANIZATION_USER, people, live_server)
    assert "Administrator" in refused(http("DELETE", "/users/acme/apps/vision"), 403, "role_denied")
    [entry] = failures()
    assert (entry.operation, names(entry), entry.app_id) == (Op.APPLICATION_DELETE, ["Vision"], app.pk)
    assert App.objects.exists()


def test_a_team_contributor_changes_what_the_team_may(live_server: LiveServer, people: People, app: App) -> None:
    http = token_of(Role.TEAM_CONTRIBUTOR, people, live_server)
    change = {"app": {"description": "Sees."}}
    refused(http("PATCH", "/users/acme/apps/vision", change), 403, "role_denied")
    team = TeamFactory(account=people.acme)
    TeamMemberFactory(team=team, member=Member.objects.get(user=people.member))
    access = TeamAppFactory(team=team, app=app)
    assert http("PATCH", "/users/acme/apps/vision", change).ok
    refused(http("PATCH", "/users/acme/apps/vision", {"app": {"name": "Sight"}}), 403, "role_denied")
    assert http("POST", "/users/acme/apps/vision/models", {"model": {"id": "resnet"}}).ok
    access.access = TeamApp.Access.LABELER_LEAD
    access.save()
    refused(http("POST", "/users/acme/apps/vision/models", {"model": {"id": "bert"}}), 403, "role_denied")


def test_a_full_plan(http: Http, people: People) -> None:
    people.acme.plan = PlanFactory(max_apps=1)
    people.acme.save()
    two = {"apps": [{"id": "one"}, {"id": "two"}]}
    assert "room for 1 app" in refused(http("POST", "/users/acme/apps", two), 403, "limit_reached")
    assert failure_codes() == ["limit_reached", "limit_reached"]
    assert http("POST", "/users/acme/apps", NEW).ok


# All or nothing


def test_a_conflict_leaves_one_failure_for_each(stub: Stub, app: App, acme: r.UserAppIDSet) -> None:
    before = Entry.objects.count()
    apps = [r.App(id="first"), r.App(id="vision"), r.App(id="last")]
    answer = stub.PostApps(s.PostAppsRequest(user_app_id=acme, apps=apps))
    assert answer.status.code == codes.CONN_INVALID_REQUEST
    assert "'vision' exists already" in answer.status.details
    assert [one.slug for one in App.objects.all()] == ["vision"]
    assert [entry.event["sentence"] for entry in failures()] == [
        "Create application 'first'",
        "Create application 'vision'",
        "Create application 'last'",
    ]
    assert set(failure_codes()) == {"conflict"}
    assert Entry.objects.count() == before + 3


def test_an_unknown_one_stops_all(stub: Stub, app: App, acme: r.UserAppIDSet) -> None:
    apps = [r.App(id="vision", name="Sight"), r.App(id="ghost", name="Boo")]
    answer = stub.PatchApps(s.PatchAppsRequest(user_app_id=acme, apps=apps, action="merge"))
    assert answer.status.code == codes.CONN_DOES_NOT_EXIST
    assert "'ghost'" in answer.status.details
    app.refresh_from_db()
    assert app.name == "Vision"
    first, second = failures()
    assert (names(first), first.app_id) == (["Vision"], app.pk)
    assert second.event["sentence"] == "Update application 'ghost'"
    assert failure_codes() == ["not_found", "not_found"]


def test_an_invalid_one_stops_all(http: Http, app: App) -> None:
    body = {"apps": [{"id": "fine"}, {"id": "Not Fine"}]}
    sentence = refused(http("POST", "/users/acme/apps", body), 422, "invalid")
    assert sentence.startswith("apps[1].id is 'Not Fine': Use 1 to 64 lower-case letters")
    assert App.objects.count() == 1
    assert failure_codes() == ["invalid", "invalid"]


def test_what_is_no_message_leaves_one_failure_for_each(http: Http, app: App) -> None:
    body = {"apps": [{"id": "one"}, {"id": "two", "visibility": {"gettable": "SECRET"}}]}
    sentence = refused(http("POST", "/users/acme/apps", body), 422, "invalid")
    assert sentence == "apps[1].visibility.gettable is 'SECRET': input should be 'PRIVATE', 'ORG' or 'PUBLIC'."
    assert [entry.event["sentence"] for entry in failures()] == ["Create application 'one'", "Create application 'two'"]


def test_a_deleted_model_that_is_not_there_keeps_the_others(stub: Stub, app: App) -> None:
    ModelFactory(app=app, slug="kept")
    place = r.UserAppIDSet(user_id="acme", app_id="vision")
    stub.DeleteModels(s.DeleteModelsRequest(user_app_id=place, ids=["kept", "ghost"]))
    assert Model.objects.count() == 1
    assert failure_codes() == ["not_found", "not_found"]


def test_an_unknown_app_leaves_one_failure_for_each(http: Http, people: People) -> None:
    body = {"models": [{"id": "one"}, {"id": "two"}]}
    assert "'ghost'" in refused(http("POST", "/users/acme/apps/ghost/models", body), 404, "not_found")
    assert [(entry.operation, entry.event["sentence"]) for entry in failures()] == [
        (Op.MODEL_CREATE, "Create model 'one'"),
        (Op.MODEL_CREATE, "Create model 'two'"),
    ]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"apps": []}, "0 parts"),
        ({"apps": [{"id": f"app-{number}"} for number in range(129)]}, "129 parts"),
        ({"apps": [{"name": "No id"}]}, "apps[0].id is ''"),
        ({"apps": [{"id": "same"}, {"id": "same"}]}, "'same' stands twice"),
        ({"apps": [{"id": "long", "name": "x" * 121}]}, "at most 120 characters"),
        ({"apps": "all"}, "apps is 'all'"),
        ({}, "apps: field required"),
        ([], "The body"),
        (None, "The body"),
    ],
)
def test_an_invalid_body_is_named(http: Http, people: People, body: Any, told: str) -> None:
    assert told in refused(http("POST", "/users/acme/apps", body), 422, "invalid")
    assert not App.objects.exists()
    assert set(failure_codes()) == {"invalid"}


def test_an_unknown_action_names_the_three(http: Http, app: App) -> None:
    body = {"apps": [{"id": "vision", "name": "Sight"}], "action": "append"}
    sentence = refused(http("PATCH", "/users/acme/apps", body), 422, "invalid")
    assert sentence == "action is 'append': input should be 'merge', 'overwrite' or 'remove'."
    assert len(failures()) == 1


def test_an_id_does_not_change(http: Http, app: App) -> None:
    refused(http("PATCH", "/users/acme/apps/vision", {"app": {"id": "sight"}}), 422, "invalid")
    assert App.objects.get().slug == "vision"


def test_what_is_not_kept_is_named(http: Http, people: People) -> None:
    body = {"apps": [{"id": "new", "default_workflow_id": "Universal"}]}
    assert http("POST", "/users/acme/apps", body).json()["status"]["details"] == "Not kept here: default_workflow_id."


# Bodies that are none


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"{", 400, "malformed"),
        (b"\xff\xfe{}", 400, "malformed"),
        (b'{"apps": [{"id": "a\\u0000b"}]}', 400, "malformed"),
        (b'{"apps": [{"id": "\\ud800"}]}', 400, "malformed"),
        (b'{"apps": NaN}', 400, "malformed"),
        (b'{"apps": ' + b"9" * 5000 + b"}", 400, "malformed"),
        (b'{"apps": ' + b"[" * 500 + b"]" * 500 + b"}", 400, "malformed"),
        (b"[" * 100_000, 400, "malformed"),
        (b'"' + b"x" * 1_000_000 + b'"', 413, "too_large"),
    ],
    ids=["broken", "not UTF-8", "NUL", "half a character", "NaN", "long number", "deep", "deeper", "large"],
)
def test_what_can_t_be_read_is_refused(http: Http, people: People, body: bytes, status: int, reason: str) -> None:
    refused(http("POST", "/users/acme/apps", body), status, reason)
    assert failure_codes() == [reason]


def test_a_form_is_no_json(http: Http, people: People) -> None:
    response = http(
        "POST", "/users/acme/apps", b"apps=1", headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    refused(response, 415, "unsupported_media_type")


# Addresses


@pytest.mark.parametrize(
    "path", ["", "/", "/nothing", "/users/acme/apps/", "/users/acme/apps/a/b/c", "/docs/", "/%00", "/%ff"]
)
def test_an_unknown_path_is_answered_in_the_envelope(http: Http, people: People, path: str) -> None:
    refused(http("GET", path), 404, "not_found")


@pytest.mark.parametrize("path", ["/users/acme/apps/%00", "/users/%00/apps", "/users/acme/apps?search=%00"])
def test_a_nul_in_the_address(http: Http, people: People, path: str) -> None:
    refused(http("GET", path), 400, "malformed")


def test_a_nul_in_the_address_of_a_change(http: Http, people: People) -> None:
    refused(http("DELETE", "/users/acme/apps/a%00b"), 400, "malformed")
    assert len(failures()) == 1


def test_a_method_that_is_not_for_a_path(http: Http, people: People) -> None:
    response = http("PUT", "/users/acme/apps", NEW)
    assert "PUT" in refused(response, 405, "method_not_allowed")
    assert "POST" in response.headers["Allow"]


@pytest.mark.parametrize(
    ("query", "status", "told"),
    [
        ("page=0", 422, "page is '0'"),
        ("per_page=1001", 422, "per_page is '1001'"),
        ("page=many", 422, "page is 'many'"),
        ("page=11&per_page=1000", 400, "beyond 10,000"),
        ("sort_by_star_count=true", 422, "'sort_by_star_count' is unknown"),
    ],
)
def test_a_page_out_of_range(http: Http, people: People, query: str, status: int, told: str) -> None:
    reason = "out_of_range" if status == 400 else "invalid"
    assert told in refused(http("GET", f"/users/acme/apps?{query}"), status, reason)
    assert failures() == []  # Who only asks attempts no change.


def test_a_bad_host_is_answered_in_the_envelope(http: Http, people: People) -> None:
    refused(http("GET", "/users/acme/apps", headers={"Host": "evil.example"}), 400, "malformed")


def test_no_other_site_may_read(http: Http, people: People) -> None:
    response = http("GET", "/users/acme/apps", headers={"Origin": "https://evil.example"})
    assert not [name for name in response.headers if name.lower().startswith("access-control")]


# What breaks on our side


def test_what_can_t_be_recorded_does_not_happen(http: Http, people: People) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE auditlog_entry ADD CONSTRAINT full_disk CHECK (id IS NULL) NOT VALID")
    try:
        refused(http("POST", "/users/acme/apps", NEW), 503, "not_recorded")
        assert not App.objects.exists()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE auditlog_entry DROP CONSTRAINT full_disk")


def test_what_can_not_be_done_in_this_database_says_so(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise NotHere("This database is a replica: count on the primary.")

    monkeypatch.setattr(App, "require_room", refuse)
    assert "count on the primary" in refused(http("POST", "/users/acme/apps", NEW), 503, "unavailable")


def test_a_bug_is_answered_in_the_envelope(http: Http, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("4111-1111")

    monkeypatch.setattr(App, "require_room", fail)
    assert "4111" not in refused(http("POST", "/users/acme/apps", NEW), 500, "internal_error")
    assert failure_codes() == ["internal_error"]
