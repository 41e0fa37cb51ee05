"""What does not come about leaves exactly one failure entry, with a code and a sentence, after the rollback."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction
from django.db.models import ProtectedError, RestrictedError
from django.http import Http404
from django.utils.functional import SimpleLazyObject
from psycopg.errors import DeadlockDetected

from accounts.models import User
from accounts.roles import Permission, RoleDenied
from auditlog.models import Entry
from controlcenter.context import CROSSED, Attempt, NotRecorded, acting_as, attempting, attempting_each
from controlcenter.operations import Operation
from controlcenter.resources.models import App

from .factories import AppFactory, DeploymentFactory, People, make_people

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def app(people: People) -> App:
    made: App = AppFactory(account=people.acme, slug="vision", name="Vision")
    return made


def failures() -> list[Entry]:
    return list(Entry.objects.failed().order_by("id"))


def entries_since(start: int) -> int:
    return Entry.objects.count() - start


def attempt_on(app: App, operation: Operation = Operation.APPLICATION_DELETE) -> Any:
    return attempting(operation, account_id=app.account_id, target=app)


def fail(app: App, error: Exception) -> Entry:
    """Change the app, fail with the error, and return the entry that is left."""
    before = Entry.objects.count()
    with pytest.raises(type(error)), attempt_on(app), transaction.atomic():  # noqa: PT012
        App.objects.filter(pk=app.pk).update(name="Changed")
        raise error
    assert App.objects.get(pk=app.pk).name == "Vision"
    assert entries_since(before) == 1
    [entry] = failures()
    return entry


SECRET = "4111-1111"


def deadlock() -> OperationalError:
    error = OperationalError(SECRET)
    error.__cause__ = DeadlockDetected(SECRET)
    return error


ERRORS: dict[str, tuple[Exception, str, str]] = {
    "denial": (RoleDenied(Permission.MANAGE_APPS), "role_denied", ""),
    "plain denial": (PermissionDenied(), "permission_denied", "Permission denied."),
    "invalid": (ValidationError("Choose another id."), "invalid", "Choose another id."),
    "rule": (ValidationError("It is full.", code="limit_reached"), "limit_reached", "It is full."),
    "field": (ValidationError("Too long.", code="max_length"), "invalid", "Too long."),
    "conflict": (IntegrityError(SECRET), "conflict", "It conflicts with something that exists already."),
    "in use": (ProtectedError(SECRET, set()), "in_use", "Other things still use it."),
    "deadlock": (deadlock(), "conflict", CROSSED),
    "gone": (App.DoesNotExist(SECRET), "not_found", "It does not exist."),
    "not found": (Http404(SECRET), "not_found", "It does not exist."),
    "bug": (ZeroDivisionError(SECRET), "internal_error", "An unexpected error stopped it; nothing was changed."),
    "database": (DatabaseError(SECRET), "internal_error", "An unexpected error stopped it; nothing was changed."),
    "log": (NotRecorded(), "not_recorded", NotRecorded.sentence),
}


@pytest.mark.parametrize(("error", "code", "sentence"), ERRORS.values(), ids=ERRORS)
def test_it_leaves_one_failure_with_code_and_sentence(app: App, error: Exception, code: str, sentence: str) -> None:
    entry = fail(app, error)
    assert entry.event["failure"]["code"] == code
    assert entry.event["failure"]["sentence"] == (sentence or getattr(error, "sentence", ""))
    assert SECRET.encode() not in bytes(entry.body)


def test_a_failure_says_who_tried_what_on_what(people: People, app: App) -> None:
    with acting_as(people.member.as_actor()):
        entry = fail(app, RoleDenied(Permission.MANAGE_APPS))
    assert (entry.operation, entry.success) == (Operation.APPLICATION_DELETE, False)
    assert (entry.account_id, entry.app_id, entry.actor_id) == (people.acme.pk, app.pk, people.member.pk)
    assert entry.targets == [{"id": "vision", "type": "app"}]
    assert entry.event["sentence"] == "Delete application 'Vision'"
    assert entry.event["changes"] == {}


def test_a_refusal_leaves_one_failure(app: App) -> None:
    with attempt_on(app) as attempt:
        attempt.refuse("invalid", "Choose another name.")
    [entry] = failures()
    assert entry.event["failure"] == {"code": "invalid", "sentence": "Choose another name."}


def test_a_success_leaves_none_besides_its_own(app: App) -> None:
    before = Entry.objects.count()
    with attempt_on(app):
        app.delete()
    assert entries_since(before) == 1
    assert failures() == []


def test_doing_nothing_is_no_failure(app: App) -> None:
    before = Entry.objects.count()
    with attempt_on(app):
        app.save()
    assert entries_since(before) == 0


def test_a_silent_rollback_leaves_one_failure(app: App) -> None:
    before = Entry.objects.count()
    with attempt_on(app), transaction.atomic():
        app.delete()
        transaction.set_rollback(True)
    assert entries_since(before) == 1
    assert failures()[0].event["failure"]["code"] == "rolled_back"


def test_what_was_saved_in_spite_of_an_inner_rollback_is_no_failure(app: App) -> None:
    with attempt_on(app, Operation.APPLICATION_UPDATE), transaction.atomic():
        app.name = "Sight"
        app.save()
        with pytest.raises(IntegrityError), transaction.atomic():
            AppFactory(account=app.account, slug="vision")
    assert failures() == []
    assert Entry.objects.newest_first()[0].event["changes"] == {"name": ["Vision", "Sight"]}


def test_a_real_conflict_is_one_failure(people: People, app: App) -> None:
    with (
        pytest.raises(IntegrityError),
        attempting(Operation.APPLICATION_CREATE, account_id=people.acme.pk, name="vision"),
        transaction.atomic(),
    ):
        AppFactory(account=people.acme, slug="vision")
    [entry] = failures()
    assert entry.event["sentence"] == "Create application 'vision'"
    assert entry.event["failure"]["code"] == "conflict"
    assert entry.targets == []


def test_what_is_still_used_is_one_failure() -> None:
    deployment = DeploymentFactory()
    model = deployment.model_version.model
    before = Entry.objects.count()
    with (
        pytest.raises((ProtectedError, RestrictedError)),
        attempting(Operation.MODEL_DELETE, account_id=model.app.account_id, target=model),
        transaction.atomic(),
    ):
        model.delete()
    assert entries_since(before) == 1
    assert failures()[0].event["failure"]["code"] == "in_use"
    assert failures()[0].app_id == model.app_id


def test_a_new_thing_names_what_it_would_have_belonged_to(people: People, app: App) -> None:
    with attempting(Operation.MODEL_CREATE, account_id=people.acme.pk, parent=app, name="resnet") as attempt:
        attempt.refuse("invalid", "No.")
    [entry] = failures()
    assert entry.app_id == app.pk
    assert entry.targets == [{"id": "vision", "type": "app"}]
    assert entry.event["sentence"] == "Create model 'resnet'"


def test_nested_attempts_leave_one_failure(people: People, app: App) -> None:
    with (
        pytest.raises(PermissionDenied),
        attempting(Operation.ORGANIZATION_UPDATE, account_id=people.acme.pk, target=people.acme),
        attempt_on(app),
    ):
        raise PermissionDenied
    [entry] = failures()
    assert entry.operation == Operation.APPLICATION_DELETE


def test_the_same_error_twice_is_two_failures(app: App) -> None:
    error = PermissionDenied()
    for _ in range(2):
        with pytest.raises(PermissionDenied), attempt_on(app):
            raise error
    assert len(failures()) == 2


def test_a_form_that_wrote_into_the_row_does_not_rename_what_was_tried(app: App) -> None:
    with attempt_on(app) as attempt:
        app.name, app.slug = "Typed", "typed"
        attempt.refuse("invalid", "No.")
    [entry] = failures()
    assert entry.event["targets"] == [{"id": "vision", "name": "Vision", "type": "app"}]


@pytest.mark.parametrize("seen_before", [True, False])
def test_a_person_can_be_the_lazy_user_of_a_request(people: People, seen_before: bool) -> None:
    lazy: Any = SimpleLazyObject(lambda: User.objects.get(pk=people.member.pk))
    if seen_before:
        assert lazy.pk
    with attempting(Operation.USER_PASSWORD_CHANGE, account_id=people.acme.pk, target=lazy) as attempt:
        attempt.refuse("invalid", "Too short.")
    [entry] = failures()
    assert entry.targets == [{"id": "max", "type": "user"}]


def test_a_name_of_half_a_character_does_not_hide_the_attempt(people: People) -> None:
    with attempting(Operation.APPLICATION_CREATE, account_id=people.acme.pk, name="\ud800\x00") as attempt:
        attempt.refuse("invalid", "No.")
    assert len(failures()) == 1


def test_what_is_attempted_together_fails_together(people: People, app: App) -> None:
    attempts = [
        Attempt(Operation.APPLICATION_DELETE, people.acme.pk, target=app),
        Attempt(Operation.APPLICATION_DELETE, people.acme.pk, name="ghost"),
    ]
    before = Entry.objects.count()
    with pytest.raises(PermissionDenied), attempting_each(attempts), transaction.atomic():  # noqa: PT012
        app.delete()
        raise PermissionDenied
    assert App.objects.exists()
    assert [entry.event["sentence"] for entry in failures()] == [
        "Delete application 'Vision'",
        "Delete application 'ghost'",
    ]
    assert entries_since(before) == 2


def test_what_is_attempted_together_and_taken_back_leaves_a_failure_for_each(people: People, app: App) -> None:
    attempts = [Attempt(Operation.APPLICATION_DELETE, people.acme.pk, name=name) for name in ("one", "two")]
    with attempting_each(attempts), transaction.atomic():
        app.delete()
        transaction.set_rollback(True)
    assert [entry.event["failure"]["code"] for entry in failures()] == ["rolled_back", "rolled_back"]


def test_what_succeeds_together_leaves_no_failure(people: People, app: App) -> None:
    attempts = [Attempt(Operation.APPLICATION_DELETE, people.acme.pk, target=app) for _ in range(2)]
    with attempting_each(attempts), transaction.atomic():
        app.delete()
    assert failures() == []


def test_one_of_several_attempts_can_be_refused(people: People) -> None:
    attempts = [Attempt(Operation.APPLICATION_DELETE, people.acme.pk, name=name) for name in ("one", "two")]
    with attempting_each(attempts):
        attempts[1].refuse("invalid", "No.")
    assert [entry.event["sentence"] for entry in failures()] == ["Delete application 'two'"]


@pytest.mark.django_db(transaction=True)
def test_an_attempt_inside_a_transaction_is_refused(app: App) -> None:
    with (
        pytest.raises(transaction.TransactionManagementError, match="APPLICATION_DELETE"),
        transaction.atomic(),
        attempt_on(app),
    ):
        pass


GHOSTS = """INSERT INTO accounts_team (account_id, slug, name, description, created_at)
            VALUES (-1, 'ghosts', 'Ghosts', '', now())"""


@pytest.mark.django_db(transaction=True)
def test_a_rollback_at_the_very_end_leaves_one_failure(app: App) -> None:
    """The database finds out at COMMIT that an account is missing."""
    before = Entry.objects.count()
    with pytest.raises(IntegrityError), attempt_on(app), transaction.atomic():  # noqa: PT012
        app.delete()
        with connection.cursor() as cursor:
            cursor.execute(GHOSTS)
    assert App.objects.exists()
    assert entries_since(before) == 1
    assert failures()[0].event["failure"]["code"] == "conflict"


@pytest.mark.django_db(transaction=True)
def test_a_committed_success_leaves_none_besides_its_own(app: App) -> None:
    before = Entry.objects.count()
    with attempt_on(app), transaction.atomic():
        app.delete()
    assert entries_since(before) == 1
    assert failures() == []


@pytest.mark.django_db(transaction=True)
def test_a_committed_rollback_leaves_one_failure(app: App) -> None:
    before = Entry.objects.count()
    with attempt_on(app), transaction.atomic():
        app.delete()
        transaction.set_rollback(True)
    assert entries_since(before) == 1
    assert failures()[0].event["failure"]["code"] == "rolled_back"


# When the log can't be written


@pytest.fixture
def log_refuses(app: App) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE auditlog_entry ADD CONSTRAINT full_disk CHECK (id IS NULL) NOT VALID")


WAYS: dict[str, Callable[[App], object]] = {
    "save": lambda app: App(account_id=app.account_id, slug="new", name="New").save(),
    "save a change": lambda app: _renamed(app).save(),
    "create": lambda app: App.objects.create(account_id=app.account_id, slug="new", name="New"),
    "bulk_create": lambda app: App.objects.bulk_create([App(account_id=app.account_id, slug="new", name="New")]),
    "bulk_update": lambda app: App.objects.bulk_update([_renamed(app)], ["name"]),
    "update": lambda app: App.objects.update(name="Changed"),
    "delete": lambda app: app.delete(),
    "QuerySet.delete": lambda app: App.objects.all().delete(),
    "cascade": lambda app: app.account.delete(),
    "duplicate": lambda app: app.duplicate("copy", "Copy"),
}


def _renamed(app: App) -> App:
    app.name = "Changed"
    return app


@pytest.mark.usefixtures("log_refuses")
@pytest.mark.parametrize("way", WAYS)
def test_what_can_t_be_recorded_does_not_happen(app: App, way: str) -> None:
    before = list(App.objects.values())

    with pytest.raises(NotRecorded), transaction.atomic():
        WAYS[way](App.objects.get(pk=app.pk))

    assert list(App.objects.values()) == before


@pytest.mark.usefixtures("log_refuses")
def test_swallowing_the_refusal_does_not_save_the_change(app: App) -> None:
    with transaction.atomic(), pytest.raises(NotRecorded):
        App.objects.update(name="Changed")
    assert App.objects.get().name == "Vision"


@pytest.mark.usefixtures("log_refuses")
def test_a_failure_that_can_t_be_recorded_is_shouted(
    people: People, app: App, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL), attempt_on(app) as attempt:
        attempt.refuse("invalid", "No.")
    assert "APPLICATION_DELETE" in caplog.text
    assert f"account={people.acme.pk}" in caplog.text
