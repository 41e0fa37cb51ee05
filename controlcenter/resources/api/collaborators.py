"""Collaborators of an app through the API: list, add, change their scopes, remove."""

from typing import Annotated, Self

from django.db.models import Q, QuerySet
from ninja import Query, Router
from pydantic import BaseModel, WithJsonSchema

from accounts.access import require
from accounts.models import User
from accounts.roles import Permission
from accounts.tokens import TokenScope
from controlcenter.api import does
from controlcenter.batches import changing, creating, listed
from controlcenter.calls import Call
from controlcenter.operations import Operation as Op
from controlcenter.problems import Problem
from controlcenter.wire import ACTION, AccountId, Action, Answer, Message, Page, Timestamp, about, patched

from ..models import App, Collaborator, Scope
from .apps import APP, AppId, AppMessage, app_of

router = Router(tags=["Collaborators"])

COLLABORATORS = f"{APP}/collaborators"
CollaboratorScope = Annotated[str, WithJsonSchema({"type": "string", "enum": Scope.values})]


class Person(Message):
    """Who somebody is."""

    id: str | None = about("Their user id.", "sam")
    primary_email: str | None = about("Their e-mail address.", "sam@globex.example")
    first_name: str | None = about("Their first name; read-only.", "Sam")
    last_name: str | None = about("Their last name; read-only.", "Stranger")

    @property
    def key(self) -> str:
        """What they are looked up by: the id or, without one, the e-mail address."""
        return self.id or (self.primary_email or "").strip().lower()


People = dict[str, Person]
"""People by their places in a body: ``collaborators[0].user``."""


class CollaboratorMessage(Message):
    """Somebody from outside the account, invited to one of its apps; the scopes say what for."""

    id: str | None = about("The collaborator's id, which is that of the user.", "sam")
    user: Person | None = about("Who it is: a new collaborator by user id or by e-mail address.", {"id": "sam"})
    scopes: list[CollaboratorScope] | None = about("What they may do in the app.", ["apps:read", "models:read"])
    app: AppMessage | None = about("The app; read-only.", {"id": "vision"})
    created_at: Timestamp | None = about("When they were added; read-only.", "2026-11-02T09:30:00.000000Z")

    @property
    def person(self) -> Person:
        """Who it is, wherever that stands."""
        return Person(id=self.id) if self.id else self.user or Person()

    @classmethod
    def of(cls, collaborator: Collaborator, app: App) -> Self:
        """Return a collaborator as the wire has it."""
        user = collaborator.user
        return cls(
            id=user.slug,
            user=Person(id=user.slug, primary_email=user.email, first_name=user.first_name, last_name=user.last_name),
            scopes=list(collaborator.scopes),
            app=AppMessage(id=app.slug, user_id=app.account.slug),
            created_at=collaborator.created_at,
        )


COLLABORATOR_EXAMPLE = {"user": {"id": "sam"}, "scopes": ["apps:read", "models:read"]}


class Collaborators(BaseModel):
    """Collaborators, each with a person."""

    collaborators: list[CollaboratorMessage] = about("The collaborators.", [COLLABORATOR_EXAMPLE], ...)

    @property
    def people(self) -> People:
        """Who they are."""
        return {f"collaborators[{place}].user": message.person for place, message in enumerate(self.collaborators)}


class PostCollaborators(Collaborators):
    """Collaborators to add."""

    collaborators: list[CollaboratorMessage] = about("The new collaborators.", [COLLABORATOR_EXAMPLE], ...)


class PatchCollaborators(Collaborators):
    """Collaborators whose scopes are to change."""

    collaborators: list[CollaboratorMessage] = about(
        "The collaborators by their ids, with the scopes.", [{"id": "sam", "scopes": ["models:read"]}], ...
    )
    action: Action = ACTION


class DeleteCollaborators(BaseModel):
    """Collaborators to remove."""

    collaborator_ids: list[str] = about("Their ids.", ["sam"], [])
    user_emails: list[str] = about("Their e-mail addresses, for those not named by id.", ["sam@globex.example"], [])

    @property
    def people(self) -> People:
        """Who they are."""
        named = {f"collaborator_ids[{place}]": Person(id=one) for place, one in enumerate(self.collaborator_ids)}
        mailed = {f"user_emails[{place}]": Person(primary_email=one) for place, one in enumerate(self.user_emails)}
        return {**named, **mailed}


class CollaboratorsAnswer(Answer):
    """Collaborators of an app."""

    collaborators: list[CollaboratorMessage] = about("The collaborators.", [COLLABORATOR_EXAMPLE], ...)
    app_owner: Person = about("The account that the app belongs to.", {"id": "acme"}, ...)


@router.get(COLLABORATORS, **does(TokenScope.COLLABORATORS_READ, answers=CollaboratorsAnswer))
def list_collaborators(request: Call, account_id: AccountId, app_id: AppId, query: Query[Page]) -> CollaboratorsAnswer:
    """Return collaborators of an app, by id."""
    app = app_of(request.auth, app_id)
    return _told(app, listed(request, Collaborator.objects.for_app(app).order_by("slug"), query))


def _told(app: App, collaborators: list[Collaborator]) -> CollaboratorsAnswer:
    messages = [CollaboratorMessage.of(collaborator, app) for collaborator in collaborators]
    return CollaboratorsAnswer(collaborators=messages, app_owner=Person(id=app.account.slug))


@router.post(
    COLLABORATORS,
    **does(
        TokenScope.COLLABORATORS_WRITE,
        answers=CollaboratorsAnswer,
        attempts=Op.COLLABORATOR_ADD,
        each="collaborators",
    ),
)
def post_collaborators(
    request: Call, account_id: AccountId, app_id: AppId, body: PostCollaborators
) -> CollaboratorsAnswer:
    """Add collaborators to an app, all of them or none. Members of the account can't be collaborators, too."""
    member, app = request.auth, app_of(request.auth, app_id)
    found = _found(User.objects.filter(is_active=True), body.people)
    with creating(member, Op.COLLABORATOR_ADD, _ids(found, body.people), None, parent=app):
        require(member, Permission.MANAGE_COLLABORATORS)
        made = [
            Collaborator.add(app, _known(found, person, place), message.scopes or [])
            for message, (place, person) in zip(body.collaborators, body.people.items(), strict=True)
        ]
    return _told(app, made)


@router.patch(
    COLLABORATORS,
    **does(
        TokenScope.COLLABORATORS_WRITE,
        answers=CollaboratorsAnswer,
        attempts=Op.COLLABORATOR_UPDATE,
        each="collaborators",
    ),
)
def patch_collaborators(
    request: Call, account_id: AccountId, app_id: AppId, body: PatchCollaborators
) -> CollaboratorsAnswer:
    """Change the scopes of collaborators, all of them or none."""
    member, app = request.auth, app_of(request.auth, app_id)
    rows, ids = Collaborator.objects.for_app(app), _ids(_found(_collaborating(app), body.people), body.people)
    with changing(member, Op.COLLABORATOR_UPDATE, ids, rows, app, by="user__slug") as collaborators:
        require(member, Permission.MANAGE_COLLABORATORS)
        for collaborator, message in zip(collaborators, body.collaborators, strict=True):
            if message.scopes is not None:
                collaborator.change_scopes(patched(list(collaborator.scopes), message.scopes, body.action))
    return _told(app, collaborators)


@router.delete(
    COLLABORATORS,
    **does(
        TokenScope.COLLABORATORS_WRITE,
        answers=Answer,
        attempts=Op.COLLABORATOR_REMOVE,
        each="collaborator_ids",
    ),
)
def delete_collaborators(request: Call, account_id: AccountId, app_id: AppId, body: DeleteCollaborators) -> Answer:
    """Remove collaborators from an app, all of them or none."""
    member, app = request.auth, app_of(request.auth, app_id)
    rows, ids = Collaborator.objects.for_app(app), _ids(_found(_collaborating(app), body.people), body.people)
    with changing(member, Op.COLLABORATOR_REMOVE, ids, rows, app, by="user__slug") as collaborators:
        require(member, Permission.MANAGE_COLLABORATORS)
        Collaborator.objects.filter(pk__in=[collaborator.pk for collaborator in collaborators]).delete()
    return Answer()


# Who is meant


def _collaborating(app: App) -> "QuerySet[User]":
    users: QuerySet[User] = User.objects.filter(collaborations__app=app)
    return users


def _found(users: "QuerySet[User]", people: People) -> dict[str, User]:
    """Return the users who are meant, by id and by e-mail address: one query."""
    keys = [person.key for person in people.values()]
    found = users.filter(Q(slug__in=keys) | Q(email__in=keys))
    return {key: user for user in found for key in (user.slug, user.email)}


def _ids(found: dict[str, User], people: People) -> list[str]:
    """Return everybody's id; for an unknown e-mail address its place in the body: the log keeps no such addresses."""
    return [found[one.key].slug if one.key in found else one.id or place for place, one in people.items()]


def _known(found: dict[str, User], person: Person, place: str) -> User:
    if person.key not in found:
        sentence = "is nobody with an account of their own here: check the id or the e-mail address."
        raise Problem("not_found", f"{place} {sentence}")
    return found[person.key]
