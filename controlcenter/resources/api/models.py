"""Models through the API: list, get, create, patch, delete."""

from typing import Self

from ninja import P, PathEx, Query, Router
from pydantic import BaseModel

from accounts.models import Account, Member
from accounts.tokens import TokenScope
from controlcenter.api import does
from controlcenter.batches import changing, creating, listed, one, saved
from controlcenter.calls import Call
from controlcenter.operations import Operation as Op
from controlcenter.wire import ACTION, AccountId, Action, Answer, Message, Page, Timestamp, Visibility, about

from ..models import App, Model
from .apps import APP, AppId, app_of
from .parts import delete_parts, require_resources

router = Router(tags=["Models"])

ModelId = PathEx[str, P(description="The model's id.", example="resnet")]
MODELS = f"{APP}/models"
MODEL = f"{MODELS}/{{model_id}}"


class ModelMessage(Message):
    """A machine-learning model."""

    columns = {
        "id": "slug",
        "name": "name",
        "model_type_id": "kind",
        "description": "description",
        "visibility": "visibility",
    }

    id: str | None = about("Its id, which stays. Lower-case letters, digits and hyphens.", "resnet")
    name: str | None = about("What people call it. A new model that comes without is called by its id.", "ResNet")
    model_type_id: str | None = about("What kind of model it is.", "visual-classifier")
    description: str | None = about("What it is for.", "Tells bolts from screws.")
    visibility: Visibility | None = about("Who may see it.", {"gettable": "PRIVATE"})
    app_id: str | None = about("The app it is in; read-only.", "vision")
    user_id: str | None = about("The account it belongs to; read-only.", "acme")
    created_at: Timestamp | None = about("When it was created; read-only.", "2026-11-02T09:30:00.000000Z")
    modified_at: Timestamp | None = about("When it was changed last; read-only.", "2026-11-02T09:30:00.000000Z")

    @classmethod
    def of(cls, model: Model, app: App, account: Account) -> Self:
        """Return a model as the wire has it."""
        return cls(
            id=model.slug,
            name=model.name,
            model_type_id=model.kind,
            description=model.description,
            visibility=Visibility.of(model.visibility),
            app_id=app.slug,
            user_id=account.slug,
            created_at=model.created_at,
            modified_at=model.updated_at,
        )


MODEL_EXAMPLE = {"id": "resnet", "model_type_id": "visual-classifier"}


class PostModels(BaseModel):
    """Models to create: one in `model`, or several in `models`."""

    model: ModelMessage | None = about("One new model.", MODEL_EXAMPLE)
    models: list[ModelMessage] = about("Several new models.", [MODEL_EXAMPLE], [])

    @property
    def all(self) -> list[ModelMessage]:
        """The new models, wherever they stand."""
        return [*([self.model] if self.model else []), *self.models]


class PatchModels(BaseModel):
    """Models to change."""

    models: list[ModelMessage] = about("The models by their ids, with what is to change.", [MODEL_EXAMPLE], ...)
    action: Action = ACTION


class DeleteModels(BaseModel):
    """Models to delete."""

    ids: list[str] = about("Their ids.", ["resnet"], [])
    delete_all: bool = about("Delete all models of the app.", False, False)


class ModelsQuery(Page):
    """Which models."""

    model_type_id: str = about("Only models of this kind.", "visual-classifier", "")


class ModelAnswer(Answer):
    """One model."""

    model: ModelMessage = about("The model.", MODEL_EXAMPLE, ...)
    models: list[ModelMessage] | None = about("All models that were created, an addition of ours.", [MODEL_EXAMPLE])


class ModelsAnswer(Answer):
    """Several models."""

    models: list[ModelMessage] = about("The models.", [MODEL_EXAMPLE], ...)


# What is asked


@router.get(MODELS, **does(TokenScope.MODELS_READ, answers=ModelsAnswer))
def list_models(request: Call, account_id: AccountId, app_id: AppId, query: Query[ModelsQuery]) -> ModelsAnswer:
    """Return models of an app, by id."""
    app = app_of(request.auth, app_id)
    found = app.models.order_by("slug")
    if query.model_type_id:
        found = found.filter(kind=query.model_type_id)
    return ModelsAnswer(
        models=[ModelMessage.of(row, app, request.auth.account) for row in listed(request, found, query)]
    )


@router.get(MODEL, **does(TokenScope.MODELS_READ, answers=ModelAnswer))
def get_model(request: Call, account_id: AccountId, app_id: AppId, model_id: ModelId) -> ModelAnswer:
    """Return one model."""
    app = app_of(request.auth, app_id)
    return ModelAnswer(model=ModelMessage.of(one(app.models.all(), model_id), app, request.auth.account))


def model_of(member: Member, app_id: str, model_id: str) -> tuple[App, Model]:
    """Return a model of the member's account and the app it is in. Raises ``Problem``."""
    app = app_of(member, app_id)
    return app, one(app.models.all(), model_id)


# What is changed


@router.post(MODELS, **does(TokenScope.MODELS_WRITE, answers=ModelAnswer, attempts=Op.MODEL_CREATE, each="models"))
def post_models(request: Call, account_id: AccountId, app_id: AppId, body: PostModels) -> ModelAnswer:
    """Create models, all of them or none."""
    member, ids = request.auth, [message.id for message in body.all]
    app = app_of(member, app_id)
    with creating(member, Op.MODEL_CREATE, ids, app.models.all(), parent=app):
        require_resources(app, member)
        made = [
            saved(Model(app=app, name=message.id or ""), message, f"models[{number}]")
            for number, message in enumerate(body.all)
        ]
    models = [ModelMessage.of(model, app, member.account) for model in made]
    return ModelAnswer(model=models[0], models=models)


@router.patch(MODELS, **does(TokenScope.MODELS_WRITE, answers=ModelsAnswer, attempts=Op.MODEL_UPDATE, each="models"))
def patch_models(request: Call, account_id: AccountId, app_id: AppId, body: PatchModels) -> ModelsAnswer:
    """Change models, all of them or none."""
    member = request.auth
    app = app_of(member, app_id)
    with changing(member, Op.MODEL_UPDATE, [message.id for message in body.models], app.models.all(), app) as models:
        require_resources(app, member)
        for number, (model, message) in enumerate(zip(models, body.models, strict=True)):
            saved(model, message, f"models[{number}]")
    return ModelsAnswer(models=[ModelMessage.of(model, app, member.account) for model in models])


@router.delete(MODELS, **does(TokenScope.MODELS_WRITE, answers=Answer, attempts=Op.MODEL_DELETE, each="ids"))
def delete_models(request: Call, account_id: AccountId, app_id: AppId, body: DeleteModels) -> Answer:
    """Delete models with their versions, all of them or none."""
    app = app_of(request.auth, app_id)
    return delete_parts(request.auth, Op.MODEL_DELETE, app, app.models.all(), body.ids, every=body.delete_all)


@router.delete(MODEL, **does(TokenScope.MODELS_WRITE, answers=Answer, attempts=Op.MODEL_DELETE))
def delete_model(request: Call, account_id: AccountId, app_id: AppId, model_id: ModelId) -> Answer:
    """Delete a model with its versions."""
    app = app_of(request.auth, app_id)
    return delete_parts(request.auth, Op.MODEL_DELETE, app, app.models.all(), [model_id])
