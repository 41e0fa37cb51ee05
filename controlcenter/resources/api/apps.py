"""Apps through the API: list, get, create, patch, delete, duplicate."""

from ninja import P, PathEx, Query, Router
from pydantic import BaseModel

from accounts.access import require
from accounts.models import Account, Member
from accounts.roles import Permission, Reach, RoleDenied
from accounts.tokens import TokenScope
from controlcenter.api import does
from controlcenter.batches import changing, checked, creating, listed, one, saved
from controlcenter.calls import Call
from controlcenter.operations import Operation as Op
from controlcenter.problems import Problem
from controlcenter.wire import ACTION, AccountId, Action, Answer, Message, Page, Status, Timestamp, Visibility, about

from ..models import PARTS, App

router = Router(tags=["Apps"])

AppId = PathEx[str, P(description="The app's id.", example="vision")]
APPS = "/users/{account_id}/apps"
APP = f"{APPS}/{{app_id}}"
DUPLICATED = 25200


class AppMessage(Message):
    """An app: the container of models, workflows and modules."""

    columns = {"id": "slug", "name": "name", "description": "description", "visibility": "visibility"}

    id: str | None = about("Its id, which stays. Lower-case letters, digits and hyphens.", "vision")
    name: str | None = about("What people call it. A new app that comes without is called by its id.", "Vision")
    description: str | None = about("What it is for.", "Looks at pictures of parts.")
    visibility: Visibility | None = about("Who may see it.", {"gettable": "PRIVATE"})
    user_id: str | None = about("The account it belongs to; read-only.", "acme")
    created_at: Timestamp | None = about("When it was created; read-only.", "2026-11-02T09:30:00.000000Z")
    modified_at: Timestamp | None = about("When it was changed last; read-only.", "2026-11-02T09:30:00.000000Z")

    @classmethod
    def of(cls, app: App, account: Account) -> "AppMessage":
        """Return an app as the wire has it."""
        return cls(
            id=app.slug,
            name=app.name,
            description=app.description,
            visibility=Visibility.of(app.visibility),
            user_id=account.slug,
            created_at=app.created_at,
            modified_at=app.updated_at,
        )


APP_EXAMPLE = {"id": "vision", "name": "Vision"}


class PostApps(BaseModel):
    """Apps to create."""

    apps: list[AppMessage] = about("The new apps.", [APP_EXAMPLE], ...)


class PatchApps(BaseModel):
    """Apps to change."""

    apps: list[AppMessage] = about("The apps by their ids, with what is to change.", [APP_EXAMPLE], ...)
    action: Action = ACTION


class PatchApp(BaseModel):
    """What to change in an app."""

    app: AppMessage = about("What is to change; its id may be left out.", {"name": "Vision 2"}, ...)
    action: Action = ACTION


class AppsQuery(Page):
    """Which apps."""

    search: str = about("Only apps with this text in their id, name or description.", "vision", "")
    query: str = about("The same as `search`.", "vision", "")


class AppAnswer(Answer):
    """One app."""

    app: AppMessage = about("The app.", APP_EXAMPLE, ...)


class AppsAnswer(Answer):
    """Several apps."""

    apps: list[AppMessage] = about("The apps.", [APP_EXAMPLE], ...)


class DuplicationFilters(Message):
    """What is copied with an app."""

    copy_models: bool = about("The models, with their versions.", True, False)
    copy_workflows: bool = about("The workflows, with their versions.", True, False)
    copy_modules: bool = about("The modules, with their versions. An addition of ours.", True, False)

    @property
    def parts(self) -> list[str]:
        """The parts to copy."""
        return [part for part in PARTS if getattr(self, f"copy_{part}")]


class Duplication(Message):
    """A copy of an app."""

    id: str | None = about("The id of the duplication, which is the copy's; read-only.", "vision-copy")
    new_app_id: str | None = about("The copy's id; the app's with `-copy`, when it is left out.", "vision-copy")
    new_app_name: str | None = about("The copy's name; its id, when it is left out.", "Vision, a copy")
    filter: DuplicationFilters | None = about("What to copy; everything, when it is left out.", {"copy_models": True})
    existing_app_id: str | None = about("The app that was copied; read-only.", "vision")
    destination_app: AppMessage | None = about("The copy; read-only.", APP_EXAMPLE)
    status: Status | None = about("How it went; read-only.", {"code": DUPLICATED, "description": "Duplicated"})


class PostDuplications(BaseModel):
    """Copies to make of an app."""

    app_duplications: list[Duplication] = about("The copies.", [{"new_app_id": "vision-copy"}], ...)


class DuplicationsAnswer(Answer):
    """Copies of an app."""

    app_duplications: list[Duplication] = about("The copies.", [{"new_app_id": "vision-copy"}], ...)


# What is asked


@router.get(APPS, **does(TokenScope.APPS_READ, answers=AppsAnswer))
def list_apps(request: Call, account_id: AccountId, query: Query[AppsQuery]) -> AppsAnswer:
    """Return apps of an account, by id."""
    account = request.auth.account
    found = App.objects.for_account(account).matching(query.search or query.query).order_by("slug")
    return AppsAnswer(apps=[AppMessage.of(app, account) for app in listed(request, found, query)])


@router.get(APP, **does(TokenScope.APPS_READ, answers=AppAnswer))
def get_app(request: Call, account_id: AccountId, app_id: AppId) -> AppAnswer:
    """Return one app."""
    return AppAnswer(app=AppMessage.of(app_of(request.auth, app_id), request.auth.account))


def app_of(member: Member, app_id: str) -> App:
    """Return an app of the member's account. Raises ``Problem``."""
    return one(App.objects.for_account(member.account), app_id)


# What is changed


@router.post(APPS, **does(TokenScope.APPS_WRITE, answers=AppsAnswer, attempts=Op.APPLICATION_CREATE, each="apps"))
def post_apps(request: Call, account_id: AccountId, body: PostApps) -> AppsAnswer:
    """Create apps, all of them or none."""
    member, ids = request.auth, [message.id for message in body.apps]
    account = member.account
    with creating(member, Op.APPLICATION_CREATE, ids, App.objects.for_account(account)):
        require(member, Permission.MANAGE_APPS)
        App.require_room(account, len(ids))
        made = [
            saved(App(account=account, name=message.id or ""), message, f"apps[{number}]")
            for number, message in enumerate(body.apps)
        ]
    return AppsAnswer(apps=[AppMessage.of(app, account) for app in made])


@router.patch(APPS, **does(TokenScope.APPS_WRITE, answers=AppsAnswer, attempts=Op.APPLICATION_UPDATE, each="apps"))
def patch_apps(request: Call, account_id: AccountId, body: PatchApps) -> AppsAnswer:
    """Change apps, all of them or none."""
    apps = _patch(request.auth, [(message.id, message) for message in body.apps])
    return AppsAnswer(apps=[AppMessage.of(app, request.auth.account) for app in apps])


@router.patch(APP, **does(TokenScope.APPS_WRITE, answers=AppAnswer, attempts=Op.APPLICATION_UPDATE))
def patch_app(request: Call, account_id: AccountId, app_id: AppId, body: PatchApp) -> AppAnswer:
    """Change one app."""
    if body.app.id not in (None, app_id):
        raise Problem("invalid", f"app.id is {body.app.id!r}: leave it out, an id stays as it is.")
    [app] = _patch(request.auth, [(app_id, body.app)])
    return AppAnswer(app=AppMessage.of(app, request.auth.account))


def _patch(member: Member, messages: list[tuple[str | None, AppMessage]]) -> list[App]:
    ids = [app_id for app_id, _ in messages]
    with changing(member, Op.APPLICATION_UPDATE, ids, App.objects.for_account(member.account)) as apps:
        for number, (app, (_, message)) in enumerate(zip(apps, messages, strict=True)):
            _require_edit(app, member, message)
            saved(app, message, f"apps[{number}]")
    return apps


def _require_edit(app: App, member: Member, message: AppMessage) -> None:
    if not app.allows(member, Permission.EDIT_APPS):
        raise RoleDenied(Permission.EDIT_APPS)
    more = message.given().keys() - {"slug", "description"}
    if more and member.reach(Permission.EDIT_APPS) is Reach.TEAM:
        role = member.get_role_display()
        raise Problem("role_denied", f"The role {role} may change the description of an app, not its {min(more)}.")


@router.delete(APP, **does(TokenScope.APPS_WRITE, answers=Answer, attempts=Op.APPLICATION_DELETE))
def delete_app(request: Call, account_id: AccountId, app_id: AppId) -> Answer:
    """Delete an app with all that is in it."""
    member = request.auth
    with changing(member, Op.APPLICATION_DELETE, [app_id], App.objects.for_account(member.account)) as [app]:
        require(member, Permission.MANAGE_APPS)
        app.delete()
    return Answer()


@router.post(
    f"{APP}/duplications",
    **does(
        TokenScope.APPS_WRITE,
        answers=DuplicationsAnswer,
        attempts=Op.APPLICATION_DUPLICATE,
        each="app_duplications",
    ),
)
def post_app_duplications(
    request: Call, account_id: AccountId, app_id: AppId, body: PostDuplications
) -> DuplicationsAnswer:
    """Copy an app in its account, once or several times. The copies are there when the answer is."""
    member = request.auth
    app, wanted = app_of(member, app_id), body.app_duplications
    ids = [copy.new_app_id or f"{app.slug[:59]}-copy" for copy in wanted]
    with creating(member, Op.APPLICATION_DUPLICATE, ids, App.objects.for_account(member.account), parent=app):
        require(member, Permission.MANAGE_APPS)
        App.require_room(member.account, len(ids))
        copies = [
            _duplicate(app, slug, copy, f"app_duplications[{number}]")
            for number, (slug, copy) in enumerate(zip(ids, wanted, strict=True))
        ]
    return DuplicationsAnswer(app_duplications=copies)


def _duplicate(app: App, slug: str, wanted: Duplication, place: str) -> Duplication:
    name = wanted.new_app_name or slug
    checked(App(account=app.account, slug=slug, name=name), place, {"slug": "new_app_id", "name": "new_app_name"})
    copy = app.duplicate(slug, name, wanted.filter.parts if wanted.filter else PARTS)
    return Duplication(
        id=slug,
        new_app_id=slug,
        new_app_name=name,
        existing_app_id=app.slug,
        destination_app=AppMessage.of(copy, app.account),
        status=Status(code=DUPLICATED, description="Duplicated"),
    )
