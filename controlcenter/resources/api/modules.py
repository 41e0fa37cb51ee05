"""Modules through the API: list, get, create, patch, delete. The public client has no messages for them."""

from typing import Self

from ninja import P, PathEx, Query, Router
from pydantic import BaseModel

from accounts.models import Account, Member
from accounts.tokens import TokenScope
from controlcenter.api import does
from controlcenter.batches import changing, creating, listed, one, saved
from controlcenter.calls import Call
from controlcenter.operations import Operation as Op
from controlcenter.wire import ACTION, AccountId, Action, Answer, Message, Page, Timestamp, about

from ..models import App, Module
from .apps import APP, AppId, app_of
from .parts import delete_parts, require_resources

router = Router(tags=["Modules"])

ModuleId = PathEx[str, P(description="The module's id.", example="review")]
MODULES = f"{APP}/modules"
MODULE = f"{MODULES}/{{module_id}}"


class ModuleMessage(Message):
    """A module: a user interface on top of an app."""

    columns = {"id": "slug", "name": "name", "description": "description"}

    id: str | None = about("Its id, which stays. Lower-case letters, digits and hyphens.", "review")
    name: str | None = about("What people call it. A new module that comes without is called by its id.", "Review")
    description: str | None = about("What it is for.", "Shows what the model was unsure about.")
    app_id: str | None = about("The app it is in; read-only.", "vision")
    user_id: str | None = about("The account it belongs to; read-only.", "acme")
    created_at: Timestamp | None = about("When it was created; read-only.", "2026-11-02T09:30:00.000000Z")
    modified_at: Timestamp | None = about("When it was changed last; read-only.", "2026-11-02T09:30:00.000000Z")

    @classmethod
    def of(cls, module: Module, account: Account) -> Self:
        """Return a module as the wire has it."""
        return cls(
            id=module.slug,
            name=module.name,
            description=module.description,
            app_id=module.app.slug,
            user_id=account.slug,
            created_at=module.created_at,
            modified_at=module.updated_at,
        )


MODULE_EXAMPLE = {"id": "review", "name": "Review"}


class PostModules(BaseModel):
    """Modules to create."""

    modules: list[ModuleMessage] = about("The new modules.", [MODULE_EXAMPLE], ...)


class PatchModules(BaseModel):
    """Modules to change."""

    modules: list[ModuleMessage] = about("The modules by their ids, with what is to change.", [MODULE_EXAMPLE], ...)
    action: Action = ACTION


class DeleteModules(BaseModel):
    """Modules to delete."""

    ids: list[str] = about("Their ids.", ["review"], [])
    delete_all: bool = about("Delete all modules of the app.", False, False)


class ModulesQuery(Page):
    """Which modules."""

    search: str = about("Only modules with this text in their id, name or description.", "review", "")


class ModuleAnswer(Answer):
    """One module."""

    module: ModuleMessage = about("The module.", MODULE_EXAMPLE, ...)


class ModulesAnswer(Answer):
    """Several modules."""

    modules: list[ModuleMessage] = about("The modules.", [MODULE_EXAMPLE], ...)


# What is asked


@router.get(MODULES, **does(TokenScope.MODULES_READ, answers=ModulesAnswer))
def list_modules(request: Call, account_id: AccountId, app_id: AppId, query: Query[ModulesQuery]) -> ModulesAnswer:
    """Return modules of an app, by id."""
    found = app_of(request.auth, app_id).modules.matching(query.search).order_by("slug")
    return _told(request, listed(request, found, query))


@router.get(MODULE, **does(TokenScope.MODULES_READ, answers=ModuleAnswer))
def get_module(request: Call, account_id: AccountId, app_id: AppId, module_id: ModuleId) -> ModuleAnswer:
    """Return one module."""
    _, module = module_of(request.auth, app_id, module_id)
    return ModuleAnswer(module=ModuleMessage.of(module, request.auth.account))


def module_of(member: Member, app_id: str, module_id: str) -> tuple[App, Module]:
    """Return a module of the member's account and the app it is in. Raises ``Problem``."""
    app = app_of(member, app_id)
    return app, one(app.modules.all(), module_id)


def _told(request: Call, modules: list[Module]) -> ModulesAnswer:
    return ModulesAnswer(modules=[ModuleMessage.of(module, request.auth.account) for module in modules])


# What is changed


@router.post(
    MODULES, **does(TokenScope.MODULES_WRITE, answers=ModulesAnswer, attempts=Op.MODULE_CREATE, each="modules")
)
def post_modules(request: Call, account_id: AccountId, app_id: AppId, body: PostModules) -> ModulesAnswer:
    """Create modules, all of them or none."""
    member, ids = request.auth, [message.id for message in body.modules]
    app = app_of(member, app_id)
    with creating(member, Op.MODULE_CREATE, ids, app.modules.all(), parent=app):
        require_resources(app, member)
        made = [
            saved(Module(app=app, name=message.id or ""), message, f"modules[{number}]")
            for number, message in enumerate(body.modules)
        ]
    return _told(request, made)


@router.patch(
    MODULES, **does(TokenScope.MODULES_WRITE, answers=ModulesAnswer, attempts=Op.MODULE_UPDATE, each="modules")
)
def patch_modules(request: Call, account_id: AccountId, app_id: AppId, body: PatchModules) -> ModulesAnswer:
    """Change modules, all of them or none."""
    member, ids = request.auth, [message.id for message in body.modules]
    app = app_of(member, app_id)
    with changing(member, Op.MODULE_UPDATE, ids, app.modules.all(), app) as modules:
        require_resources(app, member)
        for number, (module, message) in enumerate(zip(modules, body.modules, strict=True)):
            saved(module, message, f"modules[{number}]")
    return _told(request, modules)


@router.delete(MODULES, **does(TokenScope.MODULES_WRITE, answers=Answer, attempts=Op.MODULE_DELETE, each="ids"))
def delete_modules(request: Call, account_id: AccountId, app_id: AppId, body: DeleteModules) -> Answer:
    """Delete modules with their versions, all of them or none."""
    app = app_of(request.auth, app_id)
    return delete_parts(request.auth, Op.MODULE_DELETE, app, app.modules.all(), body.ids, every=body.delete_all)


@router.delete(MODULE, **does(TokenScope.MODULES_WRITE, answers=Answer, attempts=Op.MODULE_DELETE))
def delete_module(request: Call, account_id: AccountId, app_id: AppId, module_id: ModuleId) -> Answer:
    """Delete a module with its versions."""
    app = app_of(request.auth, app_id)
    return delete_parts(request.auth, Op.MODULE_DELETE, app, app.modules.all(), [module_id])
