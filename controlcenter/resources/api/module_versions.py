"""Versions of modules through the API: list, get, create, patch, delete."""

from typing import Self

from ninja import Query, Router
from pydantic import BaseModel

from accounts.models import Account
from accounts.tokens import TokenScope
from controlcenter.api import does
from controlcenter.batches import changing, creating, listed, one, saved
from controlcenter.calls import Call
from controlcenter.operations import Operation as Op
from controlcenter.wire import ACTION, AccountId, Action, Answer, Message, Page, Timestamp, about

from ..models import ModuleVersion
from .apps import AppId
from .model_versions import VersionId
from .modules import MODULE, ModuleId, module_of
from .parts import for_each_version, require_resources

router = Router(tags=["Module versions"])

VERSIONS = f"{MODULE}/versions"
VERSION = f"{VERSIONS}/{{version_id}}"


class ModuleVersionMessage(Message):
    """A version of a module: a release of its code."""

    columns = {"id": "slug", "description": "description", "git_commit": "git_commit"}

    id: str | None = about("Its id; a new version that comes without gets one.", "c93e5f10a6d8")
    description: str | None = about("What is new in it.", "Faster.")
    git_commit: str | None = about("The commit that it was built from: 7 to 40 hexadecimal digits.", "9f2c1ab")
    module_id: str | None = about("The module it is a version of; read-only.", "review")
    app_id: str | None = about("The app it is in; read-only.", "vision")
    user_id: str | None = about("The account it belongs to; read-only.", "acme")
    created_at: Timestamp | None = about("When it was created; read-only.", "2026-11-02T09:30:00.000000Z")

    @classmethod
    def of(cls, version: ModuleVersion, account: Account) -> Self:
        """Return a version as the wire has it."""
        return cls(
            id=version.slug,
            description=version.description,
            git_commit=version.git_commit,
            module_id=version.module.slug,
            app_id=version.module.app.slug,
            user_id=account.slug,
            created_at=version.created_at,
        )


MODULE_VERSION_EXAMPLE = {"id": "c93e5f10a6d8", "git_commit": "9f2c1ab"}


class PostModuleVersions(BaseModel):
    """Versions to create."""

    module_versions: list[ModuleVersionMessage] = about("The new versions.", [{"git_commit": "9f2c1ab"}], ...)


class PatchModuleVersions(BaseModel):
    """Versions to change."""

    module_versions: list[ModuleVersionMessage] = about(
        "The versions by their ids, with what is to change.", [MODULE_VERSION_EXAMPLE], ...
    )
    action: Action = ACTION


class DeleteModuleVersions(BaseModel):
    """Versions to delete."""

    ids: list[str] = about("Their ids.", ["c93e5f10a6d8"], ...)


class ModuleVersionAnswer(Answer):
    """One version."""

    module_version: ModuleVersionMessage = about("The version.", MODULE_VERSION_EXAMPLE, ...)


class ModuleVersionsAnswer(Answer):
    """Several versions."""

    module_versions: list[ModuleVersionMessage] = about("The versions.", [MODULE_VERSION_EXAMPLE], ...)


# What is asked


@router.get(VERSIONS, **does(TokenScope.MODULES_READ, answers=ModuleVersionsAnswer))
def list_module_versions(
    request: Call, account_id: AccountId, app_id: AppId, module_id: ModuleId, query: Query[Page]
) -> ModuleVersionsAnswer:
    """Return versions of a module, newest first."""
    _, module = module_of(request.auth, app_id, module_id)
    return _told(request, listed(request, module.versions.order_by("-pk"), query))


@router.get(VERSION, **does(TokenScope.MODULES_READ, answers=ModuleVersionAnswer))
def get_module_version(
    request: Call, account_id: AccountId, app_id: AppId, module_id: ModuleId, version_id: VersionId
) -> ModuleVersionAnswer:
    """Return one version."""
    _, module = module_of(request.auth, app_id, module_id)
    version = one(module.versions.all(), version_id)
    return ModuleVersionAnswer(module_version=ModuleVersionMessage.of(version, request.auth.account))


def _told(request: Call, versions: list[ModuleVersion]) -> ModuleVersionsAnswer:
    messages = [ModuleVersionMessage.of(version, request.auth.account) for version in versions]
    return ModuleVersionsAnswer(module_versions=messages)


# What is changed


@router.post(
    VERSIONS,
    **does(
        TokenScope.MODULES_WRITE,
        answers=ModuleVersionsAnswer,
        attempts=Op.MODULE_VERSION_CREATE,
        each="module_versions",
    ),
)
def post_module_versions(
    request: Call, account_id: AccountId, app_id: AppId, module_id: ModuleId, body: PostModuleVersions
) -> ModuleVersionsAnswer:
    """Create versions of a module, all of them or none."""
    member, ids = request.auth, [message.id for message in body.module_versions]
    app, module = module_of(member, app_id, module_id)
    with creating(member, Op.MODULE_VERSION_CREATE, ids, module.versions.all(), parent=module):
        require_resources(app, member)
        made = [
            saved(ModuleVersion(module=module), message, f"module_versions[{number}]")
            for number, message in enumerate(body.module_versions)
        ]
    return _told(request, made)


@router.patch(
    VERSIONS,
    **does(
        TokenScope.MODULES_WRITE,
        answers=ModuleVersionsAnswer,
        attempts=Op.MODULE_VERSION_UPDATE,
        each="module_versions",
    ),
)
def patch_module_versions(
    request: Call, account_id: AccountId, app_id: AppId, module_id: ModuleId, body: PatchModuleVersions
) -> ModuleVersionsAnswer:
    """Change versions of a module, all of them or none."""
    member, messages = request.auth, body.module_versions
    app, module = module_of(member, app_id, module_id)
    ids = [message.id for message in messages]
    with changing(member, Op.MODULE_VERSION_UPDATE, ids, module.versions.all(), module) as versions:
        require_resources(app, member)
        for number, (version, message) in enumerate(zip(versions, messages, strict=True)):
            saved(version, message, f"module_versions[{number}]")
    return _told(request, versions)


@router.delete(
    VERSIONS, **does(TokenScope.MODULES_WRITE, answers=Answer, attempts=Op.MODULE_VERSION_DELETE, each="ids")
)
def delete_module_versions(
    request: Call, account_id: AccountId, app_id: AppId, module_id: ModuleId, body: DeleteModuleVersions
) -> Answer:
    """Delete versions of a module, all of them or none."""
    app, module = module_of(request.auth, app_id, module_id)
    return for_each_version(request.auth, Op.MODULE_VERSION_DELETE, app, module, body.ids, ModuleVersion.delete)


@router.delete(VERSION, **does(TokenScope.MODULES_WRITE, answers=Answer, attempts=Op.MODULE_VERSION_DELETE))
def delete_module_version(
    request: Call, account_id: AccountId, app_id: AppId, module_id: ModuleId, version_id: VersionId
) -> Answer:
    """Delete a version of a module."""
    app, module = module_of(request.auth, app_id, module_id)
    return for_each_version(request.auth, Op.MODULE_VERSION_DELETE, app, module, [version_id], ModuleVersion.delete)
