"""Versions of models through the API: list, get, create, train, report, patch, publish, delete."""

from typing import Any

from ninja import P, PathEx, Query, Router
from pydantic import BaseModel

from accounts.models import Account
from accounts.tokens import TokenScope
from controlcenter.api import does
from controlcenter.batches import changing, creating, listed, one, saved
from controlcenter.calls import Call, require_scope
from controlcenter.operations import Operation as Op
from controlcenter.problems import Problem
from controlcenter.wire import ACTION, AccountId, Action, Answer, Message, Page, Timestamp, Visibility, about

from ..models import App, Model, ModelVersion
from .apps import AppId
from .models import MODEL, MODEL_EXAMPLE, ModelId, ModelMessage, model_of
from .parts import for_each_version, require_resources

router = Router(tags=["Model versions"])

VersionId = PathEx[str, P(description="The version's id.", example="a72af0c91b34")]
VERSIONS = f"{MODEL}/versions"
VERSION = f"{VERSIONS}/{{version_id}}"

State = ModelVersion.State
STATES = {
    State.UPLOADED: (21100, "Model is ready"),
    State.TRAINED: (21100, "Model is trained"),
    State.TRAINING: (21101, "Model is training"),
    State.FAILED: (21106, "Training failed"),
}
REPORTS: dict[int | str, State] = {
    21100: State.TRAINED,
    "MODEL_TRAINED": State.TRAINED,
    21106: State.FAILED,
    "MODEL_TRAINING_FAILED": State.FAILED,
}


class VersionStatus(Message):
    """How a version's training stands."""

    code: int | str = about(
        "21100 MODEL_TRAINED, 21101 MODEL_TRAINING or 21106 MODEL_TRAINING_FAILED, by number or by name.", 21100, ...
    )
    description: str | None = about("The code in words; read-only.", "Model is trained")
    details: str | None = about("Why training failed.", "The data set is empty.")


class VersionMessage(Message):
    """A version of a model: uploaded, or trained outside of this product."""

    columns = {"id": "slug", "description": "description"}

    id: str | None = about("Its id; a new version that comes without gets one.", "a72af0c91b34")
    description: str | None = about("What is new in it.", "Twice the data.")
    status: VersionStatus | None = about(
        "How its training stands. The trainer reports here, with the scope `models:train`.", {"code": 21100}
    )
    train_info: dict[str, Any] | None = about("Starts training; not kept.", {"params": {"epochs": 10}})
    pretrained_model_config: dict[str, Any] | None = about(
        "Says that the version comes trained, so that training does not start; not kept.",
        {"model_zip_url": "https://…"},
    )
    visibility: Visibility | None = about("PUBLIC once it is published; read-only.", {"gettable": "PRIVATE"})
    state: str | None = about("uploaded, training, trained or failed; read-only, an addition of ours.", "trained")
    app_id: str | None = about("The app it is in; read-only.", "vision")
    user_id: str | None = about("The account it belongs to; read-only.", "acme")
    created_at: Timestamp | None = about("When it was created; read-only.", "2026-11-02T09:30:00.000000Z")
    published_at: Timestamp | None = about(
        "When it was published; read-only, an addition of ours.", "2026-11-02T09:30:00.000000Z"
    )

    @property
    def trains(self) -> bool:
        """Whether a new version starts training: unless it says that it comes trained."""
        return self.train_info is not None or self.pretrained_model_config is None

    @classmethod
    def of(cls, version: ModelVersion, app: App, account: Account) -> "VersionMessage":
        """Return a version as the wire has it."""
        code, description = STATES[State(version.state)]
        return cls(
            id=version.slug,
            description=version.description,
            status=VersionStatus(code=code, description=description, details=version.failure_reason or None),
            visibility=Visibility(gettable="PUBLIC" if version.published_at else "PRIVATE"),
            state=version.state,
            app_id=app.slug,
            user_id=account.slug,
            created_at=version.created_at,
            published_at=version.published_at,
        )


VERSION_EXAMPLE = {"id": "a72af0c91b34", "description": "Twice the data."}


class ModelWithVersion(ModelMessage):
    """A model with the version that was just created."""

    model_version: VersionMessage | None = about("The version just created.", VERSION_EXAMPLE)


class PostVersions(BaseModel):
    """Versions to create."""

    model_versions: list[VersionMessage] = about("The new versions.", [{"train_info": {}}], ...)
    description: str | None = about("What is new in versions that do not say so themselves.", "Twice the data.")


class PatchVersions(BaseModel):
    """Versions to change, or whose training is over."""

    model_versions: list[VersionMessage] = about(
        "The versions by their ids, with what is to change.", [VERSION_EXAMPLE], ...
    )
    action: Action = ACTION


class Publication(Message):
    """A version to publish, or to take back."""

    version_id: str = about("The version's id.", "a72af0c91b34", ...)


class Publications(BaseModel):
    """Versions to publish, or to take back."""

    publications: list[Publication] = about("The versions.", [{"version_id": "a72af0c91b34"}], ...)

    @property
    def ids(self) -> list[str]:
        """The versions' ids."""
        return [publication.version_id for publication in self.publications]


class ModelWithVersionAnswer(Answer):
    """A model with the version that was just created."""

    model: ModelWithVersion = about("The model.", {**MODEL_EXAMPLE, "model_version": VERSION_EXAMPLE}, ...)


class VersionAnswer(Answer):
    """One version."""

    model_version: VersionMessage = about("The version.", VERSION_EXAMPLE, ...)


class VersionsAnswer(Answer):
    """Several versions."""

    model_versions: list[VersionMessage] = about("The versions.", [VERSION_EXAMPLE], ...)


# What is asked


@router.get(VERSIONS, **does(TokenScope.MODELS_READ, answers=VersionsAnswer))
def list_model_versions(
    request: Call, account_id: AccountId, app_id: AppId, model_id: ModelId, query: Query[Page]
) -> VersionsAnswer:
    """Return versions of a model, newest first."""
    app, model = model_of(request.auth, app_id, model_id)
    rows = listed(request, model.versions.order_by("-pk"), query)
    return VersionsAnswer(model_versions=[VersionMessage.of(row, app, request.auth.account) for row in rows])


@router.get(VERSION, **does(TokenScope.MODELS_READ, answers=VersionAnswer))
def get_model_version(
    request: Call, account_id: AccountId, app_id: AppId, model_id: ModelId, version_id: VersionId
) -> VersionAnswer:
    """Return one version."""
    app, model = model_of(request.auth, app_id, model_id)
    version = one(model.versions.all(), version_id)
    return VersionAnswer(model_version=VersionMessage.of(version, app, request.auth.account))


# What is changed


@router.post(
    VERSIONS,
    **does(
        TokenScope.MODELS_TRAIN,
        TokenScope.MODELS_WRITE,
        answers=ModelWithVersionAnswer,
        attempts=Op.MODEL_VERSION_CREATE,
        each="model_versions",
    ),
)
def post_model_versions(
    request: Call, account_id: AccountId, app_id: AppId, model_id: ModelId, body: PostVersions
) -> ModelWithVersionAnswer:
    """Create versions of a model. One that does not come trained starts training.

    A version with `pretrained_model_config` and without `train_info` comes trained, and needs the scope
    `models:write`; any other starts training, and needs `models:train`.
    """
    member, ids = request.auth, [message.id for message in body.model_versions]
    app, model = model_of(member, app_id, model_id)
    trains = any(message.trains for message in body.model_versions)
    operation = Op.MODEL_VERSION_TRAIN if trains else Op.MODEL_VERSION_CREATE
    with creating(member, operation, ids, model.versions.all(), parent=model):
        require_resources(app, member)
        made = [
            _new_version(request, model, message, body.description, f"model_versions[{number}]")
            for number, message in enumerate(body.model_versions)
        ]
    answer = ModelWithVersion.of(model, app, member.account)
    answer.model_version = VersionMessage.of(made[-1], app, member.account)
    return ModelWithVersionAnswer(model=answer)


def _new_version(
    request: Call, model: Model, message: VersionMessage, description: str | None, place: str
) -> ModelVersion:
    require_scope(request, TokenScope.MODELS_TRAIN if message.trains else TokenScope.MODELS_WRITE)
    version = ModelVersion(model=model, description=description or "")
    return saved(version, message, place, state=State.TRAINING if message.trains else State.UPLOADED)


@router.patch(
    VERSIONS,
    **does(
        TokenScope.MODELS_TRAIN,
        TokenScope.MODELS_WRITE,
        answers=VersionsAnswer,
        attempts=Op.MODEL_VERSION_UPDATE,
        each="model_versions",
    ),
)
def patch_model_versions(
    request: Call, account_id: AccountId, app_id: AppId, model_id: ModelId, body: PatchVersions
) -> VersionsAnswer:
    """Change versions of a model, or report how their training ended.

    A `status` is the trainer's report and needs the scope `models:train`; everything else needs `models:write`.
    """
    member, messages = request.auth, body.model_versions
    app, model = model_of(member, app_id, model_id)
    ids = [message.id for message in messages]
    with changing(member, Op.MODEL_VERSION_UPDATE, ids, model.versions.all(), model) as versions:
        require_resources(app, member)
        for number, (version, message) in enumerate(zip(versions, messages, strict=True)):
            _patch_version(request, version, message, f"model_versions[{number}]")
    return VersionsAnswer(model_versions=[VersionMessage.of(row, app, member.account) for row in versions])


def _patch_version(request: Call, version: ModelVersion, message: VersionMessage, place: str) -> None:
    if message.status:
        require_scope(request, TokenScope.MODELS_TRAIN)
    if message.given().keys() - {"slug"} or not message.status:
        require_scope(request, TokenScope.MODELS_WRITE)
    saved(version, message, place)
    if message.status:
        version.report(_reported(message.status, place), message.status.details or "")


def _reported(status: VersionStatus, place: str) -> State:
    if status.code not in REPORTS:
        known = "21100 (MODEL_TRAINED) or 21106 (MODEL_TRAINING_FAILED)"
        raise Problem("invalid", f"{place}.status.code is {status.code!r}: report {known}.")
    return REPORTS[status.code]


@router.delete(VERSION, **does(TokenScope.MODELS_WRITE, answers=Answer, attempts=Op.MODEL_VERSION_DELETE))
def delete_model_version(
    request: Call, account_id: AccountId, app_id: AppId, model_id: ModelId, version_id: VersionId
) -> Answer:
    """Delete a version of a model. One that is deployed stays."""
    app, model = model_of(request.auth, app_id, model_id)
    return for_each_version(request.auth, Op.MODEL_VERSION_DELETE, app, model, [version_id], ModelVersion.delete)


@router.post(
    f"{MODEL}/publish",
    **does(TokenScope.MODELS_WRITE, answers=Answer, attempts=Op.MODEL_VERSION_PUBLISH, each="publications"),
)
def post_model_versions_publish(
    request: Call, account_id: AccountId, app_id: AppId, model_id: ModelId, body: Publications
) -> Answer:
    """Publish versions of a model that are ready, all of them or none."""
    app, model = model_of(request.auth, app_id, model_id)
    return for_each_version(request.auth, Op.MODEL_VERSION_PUBLISH, app, model, body.ids, ModelVersion.publish)


@router.post(
    f"{MODEL}/unpublish",
    **does(TokenScope.MODELS_WRITE, answers=Answer, attempts=Op.MODEL_VERSION_UNPUBLISH, each="publications"),
)
def post_model_versions_un_publish(
    request: Call, account_id: AccountId, app_id: AppId, model_id: ModelId, body: Publications
) -> Answer:
    """Take versions of a model back from the public, all of them or none."""
    app, model = model_of(request.auth, app_id, model_id)
    return for_each_version(request.auth, Op.MODEL_VERSION_UNPUBLISH, app, model, body.ids, ModelVersion.unpublish)
