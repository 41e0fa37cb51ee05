"""The admin: what support staff change is recorded, and so is what they don't get to change."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.test import Client
from django.urls import reverse

from accounts.models import Account, Member, Plan, SecondFactor, Team, TeamMember, Token, User
from auditlog.models import Entry
from auditlog.tracked import tracked_models
from controlcenter.admin import RecordedAdmin
from controlcenter.context import ActorType
from controlcenter.operations import Operation
from controlcenter.resources.models import App, Deployment, Model, ModelVersion

from . import PASSWORD
from .factories import (
    FACTORIES,
    AccountFactory,
    AppFactory,
    DeploymentFactory,
    MemberFactory,
    ModelFactory,
    PlanFactory,
    TeamFactory,
    TokenFactory,
    UserFactory,
    make_people,
)
from .support import StaffClient

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "a staple no horse has heard of"


@pytest.fixture
def support() -> User:
    user: User = UserFactory.create(slug="support", email="support@example.com", is_staff=True, home=None)
    return user


@pytest.fixture
def staff(support: User) -> Client:
    return StaffClient(support)


def url(row: Any, page: str) -> str:
    model: Any = row if isinstance(row, type) else type(row)
    args = [] if isinstance(row, type) else [row.pk]
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def post_action(client: Client, action: str, *rows: Any, **data: Any) -> Any:
    selected = {"action": action, ACTION_CHECKBOX_NAME: [row.pk for row in rows], **data}
    return client.post(url(type(rows[0]), "changelist"), selected)


def account_form(account: Account, **changed: Any) -> dict[str, Any]:
    return {"slug": account.slug, "name": account.name, "plan": account.plan_id, **changed}


def app_form(app: App, **changed: Any) -> dict[str, Any]:
    values = {"slug": app.slug, "name": app.name, "description": "", "visibility": "private"}
    return {"account": app.account_id, **values, **changed}


class Seen:
    """What the log has gained since."""

    def __init__(self) -> None:
        self.before = set(Entry.objects.values_list("pk", flat=True))

    def entries(self) -> list[Entry]:
        return list(Entry.objects.exclude(pk__in=self.before).order_by("id"))

    def entry(self) -> Entry:
        (entry,) = self.entries()
        return entry

    def failure(self, operation: Operation, account_id: int, code: str) -> Entry:
        entry = self.entry()
        assert (entry.operation, entry.account_id, entry.success) == (operation, account_id, False)
        assert entry.event["failure"]["code"] == code
        assert entry.actor_type is ActorType.SUPPORT_STAFF
        return entry


def test_every_tracked_model_has_a_recorded_admin() -> None:
    for model in tracked_models():
        assert isinstance(admin.site.get_model_admin(model), RecordedAdmin)


@pytest.mark.parametrize("model", FACTORIES, ids=lambda model: model.__name__)
def test_list_form_and_delete_page_of_every_model_open(staff: Client, model: Any) -> None:
    row = FACTORIES[model]()
    for address in (url(model, "changelist"), url(row, "change")):
        assert staff.get(address).status_code == 200
    assert staff.get(url(row, "delete")).status_code == (403 if model is User else 200)  # People are erased.
    assert staff.get(url(model, "changelist"), {"q": "x"}).status_code == 200
    assert staff.get(url(model, "add")).status_code == (403 if model in {SecondFactor, Token} else 200)


@pytest.mark.parametrize("model", [model for model in FACTORIES if model is not User], ids=lambda model: model.__name__)
def test_deleting_any_row_is_one_request_and_recorded(staff: Client, model: Any) -> None:
    row = FACTORIES[model]()
    seen = Seen()
    staff.post(url(row, "delete"), {"post": "yes"})
    assert not model.objects.filter(pk=row.pk).exists()
    assert {(e.success, e.actor_type) for e in seen.entries()} == {(True, ActorType.SUPPORT_STAFF)}


def test_a_change_is_recorded_in_the_customers_account(staff: Client, support: User) -> None:
    app = AppFactory.create(name="Old")
    seen = Seen()
    staff.post(url(app, "change"), app_form(app, name="New"))
    entry = seen.entry()
    assert (entry.operation, entry.account_id, entry.success) == (Operation.APPLICATION_UPDATE, app.account_id, True)
    assert (entry.actor_type, entry.actor_id) == (ActorType.SUPPORT_STAFF, support.pk)
    assert entry.event["changes"] == {"name": ["Old", "New"]}


def test_a_creation_is_recorded(staff: Client) -> None:
    account = AccountFactory.create()
    seen = Seen()
    staff.post(url(App, "add"), {"account": account.pk, "slug": "one", "name": "One", "visibility": "private"})
    entry = seen.entry()
    assert (entry.operation, entry.account_id) == (Operation.APPLICATION_CREATE, account.pk)


def test_another_plan_is_a_plan_change(staff: Client) -> None:
    account = AccountFactory.create()
    seen = Seen()
    staff.post(url(account, "change"), account_form(account, plan=Plan.objects.get(slug="community").pk))
    assert seen.entry().operation == Operation.ORGANIZATION_PLAN_CHANGE


def test_a_capability_of_a_plan_is_data(staff: Client) -> None:
    plan = Plan.objects.get(slug="community")
    seen = Seen()
    form = {"slug": plan.slug, "name": plan.name, "retention_days": 30, "rank": plan.rank, "audit_log": "on"}
    staff.post(url(plan, "change"), form)
    entry = seen.entry()
    assert (entry.operation, entry.account_id) == (Operation.PLAN_UPDATE, Account.PLATFORM_ID)
    assert entry.event["changes"] == {"audit_log": [False, True]}


def test_saving_without_a_change_is_no_entry(staff: Client) -> None:
    account = AccountFactory.create()
    seen = Seen()
    assert staff.post(url(account, "change"), account_form(account)).status_code == 302
    assert seen.entries() == []


def test_an_invalid_form_is_one_failure_and_no_change(staff: Client) -> None:
    app = AppFactory.create()
    seen = Seen()
    response = staff.post(url(app, "change"), app_form(app, name="New", slug="Not A Slug"))
    assert response.status_code == 200
    entry = seen.failure(Operation.APPLICATION_UPDATE, app.account_id, "invalid")
    assert "App id: Use 1 to 64 lower-case" in entry.event["failure"]["sentence"]
    assert [target["id"] for target in entry.event["targets"]] == [app.slug]
    app.refresh_from_db()
    assert app.name != "New"


def test_an_invalid_creation_belongs_to_the_account_that_was_chosen(staff: Client) -> None:
    app = AppFactory.create()
    seen = Seen()
    staff.post(url(Model, "add"), {"app": app.pk, "slug": "", "name": "Cats", "visibility": "private"})
    entry = seen.failure(Operation.MODEL_CREATE, app.account_id, "invalid")
    assert entry.event["sentence"] == "Create model 'Cats'"
    assert entry.app_id == app.pk


@pytest.mark.parametrize("parent", ["", "x", "999999", "9" * 30, "-1"])
def test_an_invalid_creation_for_nobody_belongs_to_the_platform(staff: Client, parent: str) -> None:
    staff.raise_request_exception = False  # Django's autocomplete widget can't draw a key that is no number.
    seen = Seen()
    staff.post(url(Model, "add"), {"app": parent, "slug": "cats", "name": "Cats", "visibility": "private"})
    seen.failure(Operation.MODEL_CREATE, Account.PLATFORM_ID, "invalid")


def test_an_id_that_is_taken_is_invalid_although_the_account_can_not_be_changed(staff: Client) -> None:
    app = AppFactory.create()
    other = AppFactory.create(account=app.account)
    seen = Seen()
    staff.post(url(app, "change"), app_form(app, slug=other.slug))
    seen.failure(Operation.APPLICATION_UPDATE, app.account_id, "invalid")


def test_an_app_does_not_wander_to_another_account(staff: Client) -> None:
    app, other = AppFactory.create(), AccountFactory.create()
    staff.post(url(app, "change"), app_form(app, account=other.pk))
    assert App.objects.get().account_id == app.account_id


def test_what_does_not_exist_is_a_failure(staff: Client) -> None:
    seen = Seen()
    assert staff.post(reverse("admin:resources_app_change", args=["77"]), {}).status_code == 404
    seen.failure(Operation.APPLICATION_UPDATE, Account.PLATFORM_ID, "not_found")


def test_a_denial_is_one_failure(staff: Client) -> None:
    token = TokenFactory.create()
    seen = Seen()
    assert staff.post(url(token, "change"), {"name": "New"}).status_code == 403
    seen.failure(Operation.USER_TOKEN_UPDATE, token.account_id, "permission_denied")


def test_an_error_is_one_failure_and_no_change(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("secret detail")

    app = AppFactory.create()
    monkeypatch.setattr(RecordedAdmin, "log_change", fail)
    staff.raise_request_exception = False
    seen = Seen()
    assert staff.post(url(app, "change"), app_form(app, name="New")).status_code == 500
    entry = seen.failure(Operation.APPLICATION_UPDATE, app.account_id, "internal_error")
    assert "secret" not in str(entry.event)
    assert App.objects.get().name == app.name


def test_what_can_not_be_recorded_does_not_happen(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    app = AppFactory.create()
    monkeypatch.setattr("auditlog.recorder.INSERT_ONE", "SELECT no_such_function(%s)")
    response = staff.post(url(app, "change"), app_form(app, name="New"))
    assert response.status_code == 503
    assert App.objects.get().name == app.name


def test_deleting_the_selected_is_one_entry_for_each(staff: Client) -> None:
    account = AccountFactory.create()
    apps = [AppFactory.create(account=account) for _ in range(3)]
    seen = Seen()
    assert post_action(staff, "delete_selected", *apps).status_code == 200
    assert seen.entries() == []
    post_action(staff, "delete_selected", *apps, post="yes")
    entries = seen.entries()
    assert [(e.operation, e.success, e.account_id) for e in entries] == [
        (Operation.APPLICATION_DELETE, True, account.pk)
    ] * 3
    assert not App.objects.exists()


def test_a_protected_delete_is_one_failure(staff: Client) -> None:
    deployment: Deployment = DeploymentFactory.create()
    version = deployment.model_version
    seen = Seen()
    assert staff.post(url(version, "delete"), {"post": "yes"}).status_code == 200
    seen.failure(Operation.MODEL_VERSION_DELETE, version.model.app.account_id, "in_use")
    assert ModelVersion.objects.filter(pk=version.pk).exists()


def test_a_protected_delete_of_several_is_one_failure(staff: Client) -> None:
    accounts = [AccountFactory.create(plan=PlanFactory.create()) for _ in range(2)]
    seen = Seen()
    post_action(staff, "delete_selected", *(account.plan for account in accounts))
    seen.failure(Operation.PLAN_DELETE, Account.PLATFORM_ID, "in_use")


def test_the_platform_stays(staff: Client) -> None:
    platform = Account.objects.get(pk=Account.PLATFORM_ID)
    seen = Seen()
    assert staff.post(url(platform, "delete"), {"post": "yes"}).status_code == 403
    seen.failure(Operation.ORGANIZATION_DELETE, Account.PLATFORM_ID, "permission_denied")
    assert post_action(staff, "delete_selected", platform, post="yes").status_code == 403
    staff.post(url(platform, "change"), account_form(platform, kind="organization", name="We"))
    platform.refresh_from_db()
    assert (platform.kind, platform.name) == (Account.Kind.PLATFORM, "We")


def test_there_is_no_second_platform(staff: Client) -> None:
    form = {"slug": "two", "name": "Two", "plan": Plan.objects.first().pk, "kind": "platform"}  # type: ignore[union-attr]
    staff.post(url(Account, "add"), form)
    assert not Account.objects.filter(slug="two").exists()


def test_a_new_user_gets_a_hashed_password(staff: Client) -> None:
    home = AccountFactory.create()
    seen = Seen()
    form = {"email": "New@Example.com", "slug": "new", "home": home.pk, "usable_password": "true"}
    staff.post(url(User, "add"), {**form, "password1": PASSWORD, "password2": PASSWORD})
    user = User.objects.get(slug="new")
    assert user.email == "new@example.com"
    assert user.password != PASSWORD
    assert user.check_password(PASSWORD)
    entry = seen.entry()
    assert (entry.operation, entry.account_id) == (Operation.USER_CREATE, home.pk)


def test_an_address_that_is_taken_is_refused_in_any_case(staff: Client) -> None:
    user = UserFactory.create()
    form = {"email": user.email.upper(), "slug": "new", "usable_password": "false"}
    assert staff.post(url(User, "add"), form).status_code == 200
    assert not User.objects.filter(slug="new").exists()


def test_passwords_stay_out_of_the_log(staff: Client) -> None:
    home = AccountFactory.create()
    seen = Seen()
    form = {"email": "n@example.com", "slug": "new", "home": home.pk, "usable_password": "true"}
    staff.post(url(User, "add"), {**form, "password1": "password", "password2": "password"})
    entry = seen.failure(Operation.USER_CREATE, home.pk, "invalid")
    assert "too common" in entry.event["failure"]["sentence"]
    assert "'password'" not in str(entry.event)


def test_setting_somebodys_password_is_recorded(staff: Client) -> None:
    user: User = UserFactory.create()
    address = reverse("admin:auth_user_password_change", args=[user.pk])
    seen = Seen()
    staff.post(address, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"})
    entry = seen.entry()
    assert (entry.operation, entry.account_id) == (Operation.USER_PASSWORD_CHANGE, user.home_id)
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)


def test_a_wrong_password_form_is_one_failure(staff: Client) -> None:
    user: User = UserFactory.create()
    address = reverse("admin:auth_user_password_change", args=[user.pk])
    seen = Seen()
    staff.post(address, {"password1": NEW_PASSWORD, "password2": "else", "usable_password": "true"})
    assert user.home_id
    seen.failure(Operation.USER_PASSWORD_CHANGE, user.home_id, "invalid")


def test_changing_ones_own_password_is_recorded(staff: Client, support: User) -> None:
    seen = Seen()
    form = {"old_password": "wrong", "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    staff.post(reverse("admin:password_change"), form)
    seen.failure(Operation.USER_PASSWORD_CHANGE, Account.PLATFORM_ID, "invalid")
    seen = Seen()
    staff.post(reverse("admin:password_change"), {**form, "old_password": PASSWORD})
    assert (seen.entry().operation, seen.entry().success) == (Operation.USER_PASSWORD_CHANGE, True)


def test_a_user_form_does_not_change_the_password(staff: Client) -> None:
    user: User = UserFactory.create()
    form = {"email": user.email, "slug": user.slug, "first_name": "New", "is_active": "on", "password": "typed"}
    staff.post(url(user, "change"), form)
    changed = User.objects.get(pk=user.pk)
    assert (changed.first_name, changed.password) == ("New", user.password)


def test_tokens_can_be_revoked_only(staff: Client) -> None:
    account = AccountFactory.create()
    tokens = [TokenFactory.create(account=account) for _ in range(2)]
    page = staff.get(url(tokens[0], "change")).content.decode()
    assert tokens[0].digest not in page
    seen = Seen()
    post_action(staff, "revoke", *tokens)
    entries = seen.entries()
    assert {entry.operation for entry in entries} == {Operation.USER_TOKEN_REVOKE}
    assert [entry.account_id for entry in entries] == [account.pk, account.pk]
    assert not Token.objects.filter(revoked_at=None).exists()


def test_a_team_takes_members_of_its_own_account_only(staff: Client) -> None:
    team: Team = TeamFactory.create()
    own, other = MemberFactory.create(account=team.account), MemberFactory.create()
    seen = Seen()
    staff.post(url(TeamMember, "add"), {"team": team.pk, "member": other.pk})
    seen.failure(Operation.ORGANIZATION_TEAM_MEMBER_ADD, team.account_id, "invalid")
    staff.post(url(TeamMember, "add"), {"team": team.pk, "member": own.pk})
    assert list(team.members.all()) == [own]


def test_a_wrong_role_is_recorded_with_whose_it_is(staff: Client) -> None:
    member: Member = MemberFactory.create()
    seen = Seen()
    staff.post(url(member, "change"), {"role": "king"})
    entry = seen.failure(Operation.ORGANIZATION_MEMBER_CHANGE, member.account_id, "invalid")
    assert member.user.slug in entry.event["sentence"]


def test_a_list_is_not_counted_twice_and_asks_no_row_for_its_relatives(
    client: Client, support: User, django_assert_max_num_queries: Any
) -> None:
    client.force_login(support)
    account = AccountFactory.create()
    models = [ModelFactory.create(app__account=account) for _ in range(10)]
    for model in (Account, App, Model, ModelVersion, Member, Token):
        with django_assert_max_num_queries(7):
            client.get(url(model, "changelist"))
    with django_assert_max_num_queries(7):
        client.get(url(Model, "changelist"), {"q": models[0].slug})


@pytest.mark.parametrize("who", ["owner", "member", "stranger"])
def test_others_than_support_staff_have_no_admin(client: Client, who: str) -> None:
    people = make_people()
    app = AppFactory.create(account=people.acme)
    client.force_login(getattr(people, who))
    client.post(url(app, "change"), app_form(app, name="New"))
    assert App.objects.get().name == app.name
    assert client.get(reverse("admin:index"), follow=True).status_code == 404


def test_the_admin_sends_people_to_the_one_page_that_signs_in(client: Client) -> None:
    response = client.get(reverse("admin:index"), follow=True)
    assert response.request["PATH_INFO"] == reverse("sign-in")


def test_signing_out_of_the_admin_is_recorded(staff: Client) -> None:
    seen = Seen()
    staff.post(reverse("admin:logout"))
    assert seen.entry().operation == Operation.USER_SIGN_OUT


@pytest.mark.parametrize("address", ["accounts/member/?role__exact=%00", "accounts/user/?q=%00"])
def test_a_nul_in_an_address_is_a_bad_request(staff: Client, address: str) -> None:
    assert staff.get(f"/admin/{address}").status_code == 400
