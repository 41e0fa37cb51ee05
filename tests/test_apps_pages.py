"""The pages of apps: what each does and leaves in the log, for whom, and what happens to bad input."""

from typing import Any

import pytest
from django.db import connection
from django.db.models.signals import pre_save
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, Member, Team, User
from accounts.roles import Role
from auditlog.models import Entry
from controlcenter.operations import Operation
from controlcenter.resources.models import App, Model, TeamApp, Visibility
from controlcenter.resources.views import apps

from .factories import (
    AccountFactory,
    AppFactory,
    CollaboratorFactory,
    ComputeClusterFactory,
    DeploymentFactory,
    MemberFactory,
    ModelFactory,
    ModelVersionFactory,
    ModuleFactory,
    ModuleVersionFactory,
    NodepoolFactory,
    People,
    PlanFactory,
    TeamFactory,
    WorkflowFactory,
    WorkflowVersionFactory,
    make_people,
)
from .history import entries_of, failures_of, home_of, member_with, text_of, the_entry

pytestmark = pytest.mark.django_db

APPS = "/@acme/apps/"
NEW_APP = "/@acme/new-app/"
VISION = f"{APPS}vision/"
NEW = {"name": "Vision", "slug": "vision", "description": "Sees", "visibility": "private"}
FORBIDDEN, OK = 403, 200


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def page(people: People, client: Client) -> Client:
    client.force_login(people.owner)
    return client


@pytest.fixture
def app(people: People) -> App:
    app: App = AppFactory(account=people.acme, slug="vision", name="Vision", description="Sees")
    return app


def url(page: str) -> str:
    return f"{APPS}vision/{page}/"


def edit_of(page: Client, **changed: str) -> dict[str, str]:
    """Return what the edit form is sent with, as a browser would."""
    form = page.get(url("settings")).context["form"]
    return {**{field.html_name: field.value() or "" for field in form}, **changed}


def failure_of(people: People, operation: Operation) -> tuple[str, str]:
    entry = the_entry(people.acme, operation)
    assert not entry.success
    return entry.event["failure"]["code"], entry.event["failure"]["sentence"]


def team_of(user: User, app: App) -> Team:
    team: Team = TeamFactory(account=app.account)
    team.members.add(Member.objects.get(user=user, account=app.account))
    TeamApp.objects.create(team=team, app=app)
    return team


# The list


def test_it_lists_apps_with_what_is_in_them(page: Client, app: App) -> None:
    ModelFactory.create_batch(3, app=app)
    WorkflowFactory.create_batch(2, app=app)
    assert "Vision Sees Private 3 2 – –" in text_of(page.get(APPS))


def test_it_hides_apps_of_other_accounts(page: Client, people: People) -> None:
    AppFactory(account=people.stranger.home, name="Secret plans")
    assert "Secret plans" not in text_of(page.get(APPS))


@pytest.mark.parametrize("query", ["visi", "VISION", "sees", " vision "])
def test_it_finds_apps_by_id_name_and_description(query: str, page: Client, people: People, app: App) -> None:
    AppFactory(account=people.acme, name="Speech")
    text = text_of(page.get(APPS, {"q": query}))
    assert "Vision" in text
    assert "Speech" not in text


def test_it_says_when_nothing_matches(page: Client, app: App) -> None:
    response = page.get(APPS, {"q": "zebra"})
    assert "No app matches “zebra”" in text_of(response)


def test_it_says_when_there_are_none(page: Client) -> None:
    assert "No apps yet" in text_of(page.get(APPS))


@pytest.mark.parametrize("garbage", ["\0", "a\0b", "%", "_", "\\", "'", "🎉", "x" * 5000])
def test_garbage_never_breaks_the_search(garbage: str, page: Client, app: App) -> None:
    response = page.get(APPS, {"q": garbage, "from": garbage}, follow=True)
    assert response.status_code == OK
    assert ("Vision" in text_of(response)) is (garbage == "\0")


def test_its_pages_meet_every_app_once(page: Client, people: People) -> None:
    App.objects.bulk_create(App(account=people.acme, slug=f"a-{n:03}", name=f"App {n:03} & co") for n in range(120))
    seen: list[str] = []
    query = "?q=%26+co"
    while query:
        response = page.get(APPS + query)
        seen += [app.slug for app in response.context["found"].rows]
        query = response.context["found"].next_url
        assert query.replace("&", "&amp;") in response.content.decode()
    assert seen == [f"a-{n:03}" for n in range(120)]
    first = page.get(APPS + response.context["found"].first_url).context["found"]
    assert (first.rows[0].slug, first.query, first.first_url) == ("a-000", "& co", "")


def test_a_page_whose_apps_are_gone_is_the_first(page: Client, app: App) -> None:
    shown = page.get(APPS, {"from": "z"}).context["found"]
    assert ([row.slug for row in shown.rows], shown.next_url) == (["vision"], "")


def test_it_costs_the_same_with_more_apps(page: Client, people: People) -> None:
    counts = []
    for number in (3, 60):
        App.objects.bulk_create(App(account=people.acme, slug=f"b-{number}-{n}", name="B") for n in range(number))
        with CaptureQueriesContext(connection) as captured:
            page.get(APPS)
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 3


# One app


def test_its_page_says_what_is_known_of_it(page: Client, people: People, app: App) -> None:
    team = TeamFactory(account=people.acme, name="Quality")
    TeamApp.objects.create(team=team, app=app)
    ModelFactory.create_batch(3, app=app)
    App.objects.filter(pk=app.pk).update(duplicated_from="sight")
    response = page.get(VISION)
    text, content = text_of(response), response.content.decode()
    assert "Models 3 Workflows 0 Modules 0 Collaborators 0 Settings" in text
    for fact in ("About Sees", "App ID vision", "Teams with access Quality", "Duplicated from sight", "Created"):
        assert fact in text
    assert 'href="/@acme/teams-and-logs/?app=vision&amp;target=app:vision&amp;range=6m"' in content


def test_teams_beyond_a_handful_are_counted(page: Client, people: People, app: App) -> None:
    for number in range(8):
        TeamApp.objects.create(team=TeamFactory(account=people.acme, name=f"T{number}"), app=app)
    assert "T0 , T1 , T2 , T3 , T4 , T5 , and more" in text_of(page.get(VISION))


def test_many_are_not_counted_to_the_end(page: Client, app: App) -> None:
    Model.objects.bulk_create(Model(app=app, slug=f"m-{n}", name="M") for n in range(100))
    assert "Models 100 " in text_of(page.get(VISION))
    ModelFactory.create_batch(2, app=app)
    assert "Models 100+ " in text_of(page.get(VISION))
    assert "Vision Sees Private 100+ – – –" in text_of(page.get(APPS))
    assert "Deleted with it: 100+ models" in text_of(page.get(url("delete")))


def test_the_list_leads_to_it(page: Client, app: App) -> None:
    assert f'<a href="{VISION}">' in page.get(APPS).content.decode()


def test_an_app_of_another_account_does_not_exist(page: Client, people: People) -> None:
    AppFactory(account=people.stranger.home, slug="vision")
    assert page.get(VISION).status_code == 404


def test_an_id_that_is_a_word_of_an_address_is_an_id_like_others(page: Client) -> None:
    for word in ("new", "new-app", "settings"):
        page.post(NEW_APP, {**NEW, "slug": word})
        assert page.get(f"{APPS}{word}/").context["app"].slug == word


# Create


def test_creating_an_app_is_an_entry(page: Client, people: People) -> None:
    response = page.post(NEW_APP, NEW, follow=True)
    assert response.redirect_chain == [(VISION, 302)]
    assert "Vision is created." in text_of(response)
    assert "No models yet" in text_of(response)
    app = App.objects.get(account=people.acme)
    assert (app.slug, app.name, app.description, app.visibility) == ("vision", "Vision", "Sees", Visibility.PRIVATE)
    entry = the_entry(people.acme, Operation.APPLICATION_CREATE)
    assert (entry.success, entry.actor_id, entry.app_id) == (True, people.owner.pk, app.pk)
    assert entry.source_ip == "127.0.0.1"
    assert entry.event["where"]["path"] == NEW_APP


def test_an_id_that_is_taken_is_a_conflict(page: Client, people: People, app: App) -> None:
    AppFactory(account=people.stranger.home, slug="free")
    response = page.post(NEW_APP, NEW)
    assert response.status_code == 422
    assert "An app with the ID vision exists already. Choose another." in text_of(response)
    failures = [entry for entry in entries_of(people.acme, Operation.APPLICATION_CREATE) if not entry.success]
    assert [entry.event["failure"]["code"] for entry in failures] == ["conflict"]
    assert page.post(NEW_APP, {**NEW, "slug": "free"}).status_code == 302


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"slug": "Vision 2"}, "Use 1 to 64 lower-case letters, digits and hyphens"),
        ({"slug": "-vision"}, "Use 1 to 64 lower-case letters, digits and hyphens"),
        ({"slug": "../etc"}, "Use 1 to 64 lower-case letters, digits and hyphens"),
        ({"slug": "a" * 65}, "at most 64 characters"),
        ({"slug": "a\0"}, "Null characters are not allowed."),
        ({"name": ""}, "This field is required."),
        ({"name": "n" * 121}, "at most 120 characters"),
        ({"name": "n\0"}, "Null characters are not allowed."),
        ({"description": "d" * 301}, "at most 300 characters"),
        ({"visibility": "everybody"}, "Select a valid choice."),
    ],
)
def test_bad_input_is_refused_and_kept(changed: dict[str, str], sentence: str, page: Client, people: People) -> None:
    response = page.post(NEW_APP, {**NEW, **changed})
    assert response.status_code == 422
    assert "Nothing was saved." in text_of(response)
    assert sentence in text_of(response)
    form = response.context["form"]
    assert {name: form[name].value() for name in NEW} == {**NEW, **changed}
    code, told = failure_of(people, Operation.APPLICATION_CREATE)
    assert code == "invalid"
    assert sentence in told
    assert not App.objects.exists()


def test_an_empty_form_is_refused_too(page: Client, people: People) -> None:
    assert page.post(NEW_APP).status_code == 422
    assert failure_of(people, Operation.APPLICATION_CREATE)[0] == "invalid"


def test_sending_a_form_twice_creates_one_app(page: Client, people: People) -> None:
    assert [page.post(NEW_APP, NEW).status_code for _ in range(2)] == [302, 422]
    entries = entries_of(people.acme, Operation.APPLICATION_CREATE)
    assert [entry.success for entry in entries] == [True, False]


def test_two_who_create_the_same_at_once_create_one(page: Client, people: People) -> None:
    def be_quicker(instance: App, **_: Any) -> None:
        App.objects.bulk_create([App(account=people.acme, slug=instance.slug, name="Quicker")])

    pre_save.connect(be_quicker, sender=App)
    try:
        response = page.post(NEW_APP, NEW)
    finally:
        pre_save.disconnect(be_quicker, sender=App)
    assert response.status_code == 422
    assert "Somebody else did the same a moment ago." in text_of(response)
    assert failure_of(people, Operation.APPLICATION_CREATE)[0] == "conflict"


# Edit


def test_renaming_an_app_is_an_entry_with_before_and_after(page: Client, people: People, app: App) -> None:
    page.post(url("settings"), edit_of(page, name="Sight"))
    app.refresh_from_db()
    assert app.name == "Sight"
    assert the_entry(people.acme, Operation.APPLICATION_UPDATE).event["changes"] == {"name": ["Vision", "Sight"]}


def test_saving_without_a_change_is_no_entry(page: Client, people: People, app: App) -> None:
    assert page.post(url("settings"), edit_of(page)).status_code == 302
    assert entries_of(people.acme, Operation.APPLICATION_UPDATE) == []


def test_the_id_stays(page: Client, app: App) -> None:
    page.post(url("settings"), edit_of(page, slug="other"))
    app.refresh_from_db()
    assert app.slug == "vision"


def test_a_stale_edit_overwrites_nothing_and_loses_no_text(page: Client, people: People, app: App) -> None:
    mine = edit_of(page, name="Mine", description="My text")
    page.post(url("settings"), edit_of(page, name="Theirs"))
    response = page.post(url("settings"), mine)
    assert response.status_code == 422
    assert "Somebody else changed this after you opened the page." in text_of(response)
    assert (response.context["form"]["name"].value(), response.context["form"]["description"].value()) == (
        "Mine",
        "My text",
    )
    app.refresh_from_db()
    assert app.name == "Theirs"
    [_, refused] = entries_of(people.acme, Operation.APPLICATION_UPDATE)
    assert refused.event["failure"]["code"] == "conflict"


def test_saving_a_stale_edit_again_is_knowing(page: Client, people: People, app: App) -> None:
    mine = edit_of(page, name="Mine")
    page.post(url("settings"), edit_of(page, name="Theirs"))
    form = page.post(url("settings"), mine).context["form"]
    assert page.post(url("settings"), {name: form[name].value() for name in form.fields}).status_code == 302
    app.refresh_from_db()
    assert app.name == "Mine"


@pytest.mark.parametrize("version", ["", "garbage", "\0", "2026-01-01T00:00:00+00:00"])
def test_an_edit_that_does_not_know_its_version_overwrites_nothing(version: str, page: Client, app: App) -> None:
    assert page.post(url("settings"), edit_of(page, name="Mine", version=version)).status_code == 422
    app.refresh_from_db()
    assert app.name == "Vision"


# Duplicate


def test_duplicating_an_app_copies_what_is_chosen_and_is_an_entry(page: Client, people: People, app: App) -> None:
    ModelFactory(app=app)
    ModuleFactory(app=app)
    assert page.get(url("duplicate")).context["form"]["slug"].value() == "vision-copy"
    page.post(url("duplicate"), {"name": "Copy", "slug": "copy", "parts": ["models"]})
    copy = App.objects.get(slug="copy")
    assert (copy.models.count(), copy.modules.count()) == (1, 0)
    entry = the_entry(people.acme, Operation.APPLICATION_DUPLICATE)
    assert (entry.success, entry.app_id) == (True, copy.pk)
    assert entry.event["sentence"] == "Duplicate application 'vision' as 'Copy'"


@pytest.mark.parametrize(
    "chosen", [[], ["models"], ["workflows"], ["modules"], ["models", "modules"], ["models", "workflows", "modules"]]
)
def test_a_copy_has_what_was_chosen_and_nothing_else(chosen: list[str], page: Client, app: App) -> None:
    model, workflow, module = ModelFactory(app=app), WorkflowFactory(app=app), ModuleFactory(app=app)
    for number in range(3):
        ModelVersionFactory(model=model, description=f"{number}").publish()
        WorkflowVersionFactory(workflow=workflow, description=f"{number}", nodes=[{"id": number}])
        ModuleVersionFactory(module=module, description=f"{number}", git_commit=f"9f2c1a{number}")
    CollaboratorFactory(app=app)
    response = page.post(url("duplicate"), {"name": "Copy", "slug": "copy", "parts": chosen})
    assert response["Location"] == f"{APPS}copy/"
    copy = App.objects.get(slug="copy")
    made: dict[str, Any] = {"models": copy.models, "workflows": copy.workflows, "modules": copy.modules}
    assert [name for name, parts in made.items() if parts.exists()] == chosen
    for parts in made.values():
        for part in parts.all():
            assert [version.description for version in part.versions.order_by("pk")] == ["0", "1", "2"]
            assert not part.versions.exclude(published_at=None).exists()
    assert (copy.collaborators.count(), copy.teams.count(), copy.duplicated_from) == (0, 0, "vision")
    assert App.objects.get(slug="vision").models.get().versions.count() == 3


def test_a_copy_has_the_contents_of_versions(page: Client, app: App) -> None:
    WorkflowVersionFactory(workflow=WorkflowFactory(app=app), nodes=[{"id": 7}])
    ModuleVersionFactory(module=ModuleFactory(app=app), git_commit="9f2c1ab")
    ModelVersionFactory(model=ModelFactory(app=app, kind="embedder"), state="failed", failure_reason="no data")
    page.post(url("duplicate"), {"name": "Copy", "slug": "copy", "parts": ["models", "workflows", "modules"]})
    copy = App.objects.get(slug="copy")
    assert copy.workflows.get().versions.get().nodes == [{"id": 7}]
    assert copy.modules.get().versions.get().git_commit == "9f2c1ab"
    version = copy.models.get().versions.get()
    assert (version.model.kind, version.state, version.failure_reason) == ("embedder", "failed", "no data")


def test_what_is_in_training_is_not_copied(page: Client, people: People, app: App) -> None:
    ModelFactory(app=app).train()
    page.post(url("duplicate"), {"name": "Copy", "slug": "copy", "parts": ["models"]})
    assert not App.objects.get(slug="copy").models.get().versions.exists()
    assert the_entry(people.acme, Operation.MODEL_VERSION_TRAIN).success


def test_a_copy_needs_an_id_of_its_own(page: Client, people: People, app: App) -> None:
    response = page.post(url("duplicate"), {"name": "Copy", "slug": "vision"})
    assert (response.status_code, App.objects.count()) == (422, 1)
    assert failure_of(people, Operation.APPLICATION_DUPLICATE)[0] == "conflict"


@pytest.mark.parametrize("slug", ["Vision", "my vision", "-", "<b>", "\u0645", "a" * 65])
def test_a_copy_needs_a_proper_id(slug: str, page: Client, people: People, app: App) -> None:
    response = page.post(url("duplicate"), {"name": "Copy", "slug": slug})
    assert (response.status_code, App.objects.count()) == (422, 1)
    assert response.context["form"]["slug"].value() == slug
    assert failure_of(people, Operation.APPLICATION_DUPLICATE)[0] == "invalid"


def test_a_long_id_can_be_copied(page: Client, people: People) -> None:
    long = AppFactory(account=people.acme, slug="a" * 58 + "-" + "b" * 5)
    form = page.get(f"{APPS}{long.slug}/duplicate/").context["form"]
    data = {"name": form["name"].value(), "slug": form["slug"].value()}
    assert page.post(f"{APPS}{long.slug}/duplicate/", data).status_code == 302


# Transfer


@pytest.fixture
def globex(people: People) -> Account:
    """Another account that Olga administers."""
    member: Member = MemberFactory(account=AccountFactory(slug="globex"), user=people.owner, role=Role.ADMINISTRATOR)
    return member.account


def test_transferring_an_app_is_an_entry_of_both_accounts(
    page: Client, people: People, app: App, globex: Account
) -> None:
    model = ModelFactory(app=app)
    collaborator = CollaboratorFactory(app=app)
    access = team_of(people.member, app)
    response = page.post(url("transfer"), {"account": "globex", "reason": "Sold"}, follow=True)
    assert response.redirect_chain == [("/@globex/apps/vision/", 302)]
    app.refresh_from_db()
    assert (app.account, app.models.get(), app.collaborators.get()) == (globex, model, collaborator)
    for account in (people.acme, globex):
        entry = the_entry(account, Operation.APPLICATION_TRANSFER)
        assert (entry.success, entry.app_id, entry.event["reason"]) == (True, app.pk, "Sold")
        assert entry.event["changes"] == {"account": ["acme", "globex"]}
    assert not TeamApp.objects.exists()
    removed = the_entry(people.acme, Operation.ORGANIZATION_TEAM_APP_REMOVE)
    assert [target["id"] for target in removed.event["targets"]] == ["vision", access.slug]
    assert page.get(VISION).status_code == 404


def assert_stays(page: Client, people: People, app: App, code: str, sentence: str, account: str = "globex") -> None:
    response = page.post(url("transfer"), {"account": account, "reason": "Sold"})
    assert response.status_code == 422
    assert sentence in text_of(response)
    assert failure_of(people, Operation.APPLICATION_TRANSFER)[0] == code
    app.refresh_from_db()
    assert app.account == people.acme
    assert TeamApp.objects.exists()


@pytest.fixture
def shared(people: People, app: App) -> App:
    """The app, with a team that has access."""
    team_of(people.member, app)
    return app


def test_an_id_that_is_taken_there_is_a_conflict(page: Client, people: People, shared: App, globex: Account) -> None:
    AppFactory(account=globex, slug="vision")
    sentence = f"{globex} has an app with the ID vision already. Duplicate this one under another ID"
    assert_stays(page, people, shared, "conflict", sentence)
    assert sentence in failure_of(people, Operation.APPLICATION_TRANSFER)[1]


def test_a_refused_transfer_keeps_what_was_typed(page: Client, shared: App, globex: Account) -> None:
    AppFactory(account=globex, slug="vision")
    form = page.post(url("transfer"), {"account": "globex", "reason": "Sold"}).context["form"]
    assert (form["account"].value(), form["reason"].value()) == ("globex", "Sold")


def test_the_plan_of_who_gets_it_is_kept_to(page: Client, people: People, shared: App, globex: Account) -> None:
    globex.plan = PlanFactory(name="Small", max_apps=1)
    globex.save()
    AppFactory(account=globex)
    assert_stays(page, people, shared, "limit_reached", "The Small plan has room for 1 app.")


def test_what_is_deployed_is_not_transferred(page: Client, people: People, shared: App, globex: Account) -> None:
    nodepool = NodepoolFactory(cluster=ComputeClusterFactory(account=people.acme))
    version = ModelVersionFactory(model=ModelFactory(app=shared))
    DeploymentFactory(nodepool=nodepool, model_version=version, slug="line-3")
    sentence = "A model of Vision runs as deployment line-3, on compute of Acme. Delete the app's deployments first."
    assert_stays(page, people, shared, "in_use", sentence)
    assert f"Delete these deployments first: line-3 on {nodepool} Back" in text_of(page.get(url("transfer")))


def test_an_app_given_away_meanwhile_is_out_of_reach(
    page: Client, people: People, app: App, globex: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = apps.app_or_404

    def find_and_lose(*which: Any) -> App:
        found = find(*which)
        App.objects.get(pk=app.pk).transfer(globex)
        return found

    monkeypatch.setattr(apps, "app_or_404", find_and_lose)
    assert page.post(url("delete"), {"confirm": "vision"}).status_code == 404
    assert App.objects.get(account=globex) == app
    assert [code for code, _ in failures_of(people.acme, Operation.APPLICATION_DELETE)] == ["not_found"]


@pytest.mark.parametrize("role", Role)
def test_it_offers_accounts_that_one_administers(
    role: Role, page: Client, people: People, app: App, globex: Account
) -> None:
    MemberFactory(account=AccountFactory(slug="initech"), user=people.owner, role=role)
    offered = {slug for slug, _ in page.get(url("transfer")).context["form"].fields["account"].choices}
    assert offered == ({"globex", "initech"} if role is Role.ADMINISTRATOR else {"globex"})


@pytest.mark.parametrize("elsewhere", ["initech", "acme", "somebody-elses", "nowhere"])
def test_to_other_accounts_it_is_not_transferred(
    elsewhere: str, page: Client, people: People, shared: App, globex: Account
) -> None:
    contributes = MemberFactory(account=AccountFactory(slug="initech"), user=people.owner)
    assert contributes.role == Role.ORGANIZATION_CONTRIBUTOR
    AccountFactory(slug="somebody-elses")
    assert_stays(page, people, shared, "invalid", "Select a valid choice.", elsewhere)


def test_without_another_account_it_says_so(page: Client, people: People, shared: App) -> None:
    assert "No account to transfer it to" in text_of(page.get(url("transfer")))
    assert_stays(page, people, shared, "invalid", "No account to transfer it to", "acme")


def test_only_administrators_transfer(people: People, client: Client, app: App) -> None:
    MemberFactory(account=AccountFactory(slug="globex"), user=people.member, role=Role.ADMINISTRATOR)
    client.force_login(people.member)  # An organization contributor of acme.
    assert client.post(url("transfer"), {"account": "globex"}).status_code == FORBIDDEN
    assert failure_of(people, Operation.APPLICATION_TRANSFER) == (
        "role_denied",
        "Only the role Administrator may transfer apps.",
    )


# Delete


def test_deleting_an_app_is_an_entry_with_the_reason(page: Client, people: People, app: App) -> None:
    response = page.post(url("delete"), {"confirm": "vision", "reason": "No longer needed"}, follow=True)
    assert "Vision is deleted. Its entries stay in Teams & Logs." in text_of(response)
    assert not App.objects.exists()
    entry = the_entry(people.acme, Operation.APPLICATION_DELETE)
    assert (entry.success, entry.event["reason"]) == (True, "No longer needed")


def test_it_says_what_goes_with_an_app(page: Client, app: App) -> None:
    ModelFactory.create_batch(2, app=app)
    assert "Deleted with it: 2 models" in text_of(page.get(url("delete")))


def test_what_goes_with_an_app_is_recorded_too(page: Client, people: People, app: App) -> None:
    ModelFactory(app=app)
    page.post(url("delete"), {"confirm": "vision"})
    assert the_entry(people.acme, Operation.MODEL_DELETE).success


@pytest.mark.parametrize("typed", ["", "Vision", "visio", "vision\0"])
def test_without_its_id_typed_nothing_is_deleted(typed: str, page: Client, people: People, app: App) -> None:
    response = page.post(url("delete"), {"confirm": typed, "reason": "Because"})
    assert response.status_code == 422
    assert response.context["form"]["reason"].value() == "Because"
    assert App.objects.exists()
    expected = "not_confirmed" if typed in ("Vision", "visio") else "invalid"
    assert failure_of(people, Operation.APPLICATION_DELETE)[0] == expected


def test_deleting_twice_deletes_once(page: Client, people: People, app: App) -> None:
    statuses = [page.post(url("delete"), {"confirm": "vision"}).status_code for _ in range(2)]
    assert statuses == [302, 404]
    assert [entry.success for entry in entries_of(people.acme, Operation.APPLICATION_DELETE)] == [True, False]


# Who may


ALLOWED = {
    #                               create  edit   duplicate delete
    Role.ADMINISTRATOR: (OK, OK, OK, OK),
    Role.ORGANIZATION_CONTRIBUTOR: (OK, OK, OK, OK),
    Role.TEAM_CONTRIBUTOR: (FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN),
    Role.ORGANIZATION_USER: (FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN),
    Role.AUDITOR: (FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN),
    Role.FINANCIAL_MANAGER: (FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN),
}
PAGES = {
    NEW_APP: (Operation.APPLICATION_CREATE, {**NEW, "slug": "new"}),
    url("settings"): (Operation.APPLICATION_UPDATE, {"name": "Changed"}),
    url("duplicate"): (Operation.APPLICATION_DUPLICATE, {"name": "Copy", "slug": "copy"}),
    url("delete"): (Operation.APPLICATION_DELETE, {"confirm": "vision"}),
}


@pytest.mark.parametrize("role", Role)
def test_each_role_opens_what_it_may(role: Role, people: People, client: Client, app: App) -> None:
    client.force_login(member_with(role, people.acme))
    assert client.get(APPS).status_code == OK
    assert tuple(client.get(address).status_code for address in PAGES) == ALLOWED[role]


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("role", [role for role in Role if FORBIDDEN in ALLOWED[role]])
def test_what_a_role_may_not_is_refused_and_recorded_once(
    role: Role, method: str, people: People, client: Client, app: App
) -> None:
    user = member_with(role, people.acme)
    client.force_login(user)
    for address, (operation, data) in PAGES.items():
        response: Any = getattr(client, method)(address, data if method == "post" else None)
        assert response.status_code == FORBIDDEN
        [refused] = [entry for entry in entries_of(people.acme, operation) if entry.actor_id == user.pk]
        assert (refused.success, refused.event["failure"]["code"]) == (False, "role_denied")
    assert [(app.slug, app.name) for app in App.objects.all()] == [("vision", "Vision")]


def test_a_team_contributor_edits_the_description_of_their_teams_apps(people: People, client: Client, app: App) -> None:
    user = member_with(Role.TEAM_CONTRIBUTOR, people.acme)
    team_of(user, app)
    client.force_login(user)
    data = {**edit_of(client), "description": "Sees better", "name": "Mine now", "visibility": "public"}
    assert client.post(url("settings"), data).status_code == 302
    app.refresh_from_db()
    assert (app.description, app.name, app.visibility) == ("Sees better", "Vision", Visibility.PRIVATE)


def test_a_team_contributor_edits_no_app_of_another_team(people: People, client: Client, app: App) -> None:
    user = member_with(Role.TEAM_CONTRIBUTOR, people.acme)
    team_of(user, AppFactory(account=people.acme))
    client.force_login(user)
    assert client.get(url("settings")).status_code == FORBIDDEN


@pytest.mark.parametrize("address", [APPS, *PAGES])
def test_the_pages_do_not_exist_for_a_stranger(address: str, people: People, client: Client, app: App) -> None:
    client.force_login(people.stranger)
    assert client.get(address).status_code == 404
    assert client.get(address.replace("@acme", f"@{home_of(people.stranger).slug}")).status_code in (200, 404)


@pytest.mark.parametrize("address", [APPS, *PAGES])
def test_the_pages_ask_who_is_signed_out_to_sign_in(address: str, people: People, client: Client, app: App) -> None:
    assert client.get(address)["Location"] == f"/sign-in/?next={address.replace('@', '%40')}"


@pytest.mark.parametrize("slug", ["nope", "Vision", "a" * 300])
def test_an_app_that_there_is_not_is_not_found(slug: str, page: Client, app: App) -> None:
    for name in ("settings", "duplicate", "transfer", "delete"):
        assert page.get(f"{APPS}{slug}/{name}/").status_code == 404


def test_it_refuses_more_apps_than_the_plan_has_room_for(people: People, page: Client) -> None:
    people.acme.plan = PlanFactory(max_apps=1)
    people.acme.save()
    AppFactory(account=people.acme)
    refused = page.post(NEW_APP, NEW)
    assert refused.status_code == 422
    assert "has room for 1 app" in text_of(refused)
    [entry] = Entry.objects.for_account(people.acme.pk).failed()
    assert entry.event["failure"]["code"] == "limit_reached"


def test_posting_to_an_app_that_is_gone_is_a_failed_attempt(people: People, page: Client) -> None:
    assert page.post(url("delete"), {"confirm": "vision"}).status_code == 404
    [entry] = Entry.objects.for_account(people.acme.pk).failed()
    assert entry.event["failure"]["code"] == "not_found"
    assert entry.event["sentence"] == "Delete application 'vision'"


def test_a_long_complaint_is_cut_in_the_log(people: People, page: Client) -> None:
    assert page.post(NEW_APP, {**NEW, "visibility": "A" * 100_000}).status_code == 422
    [entry] = Entry.objects.for_account(people.acme.pk).failed()
    assert len(entry.body) < 3_000


def test_who_loses_an_app_is_told(people: People, app: App) -> None:
    app.account = home_of(people.stranger)
    app.save()
    [told] = entries_of(people.acme, Operation.APPLICATION_TRANSFER)
    [told_too] = entries_of(app.account, Operation.APPLICATION_TRANSFER)
    assert told.event["changes"] == told_too.event["changes"]
