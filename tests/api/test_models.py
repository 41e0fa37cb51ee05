"""Each operation on models and their versions through the public client, and what it leaves in the log."""

import pytest
from clarifai_grpc.grpc.api import resources_pb2 as r
from clarifai_grpc.grpc.api import service_pb2 as s
from clarifai_grpc.grpc.api.status import status_code_pb2 as codes
from clarifai_grpc.grpc.api.status.status_pb2 import Status
from google.protobuf.struct_pb2 import Struct

from controlcenter.operations import Operation as Op
from controlcenter.resources.models import App, Model, ModelVersion
from controlcenter.wire import MOST_AT_ONCE
from tests.factories import AppFactory, DeploymentFactory, ModelFactory, ModelVersionFactory, People

from .calling import Stub, entries, failure_codes, names

IN_VISION = r.UserAppIDSet(user_id="acme", app_id="vision")
State = ModelVersion.State


@pytest.fixture
def app(people: People) -> App:
    made: App = AppFactory(account=people.acme, slug="vision", name="Vision")
    return made


@pytest.fixture
def resnet(app: App) -> Model:
    made: Model = ModelFactory(app=app, slug="resnet", name="ResNet")
    return made


def version_of(model: Model, slug: str, state: State = State.TRAINED) -> ModelVersion:
    made: ModelVersion = ModelVersionFactory(model=model, slug=slug, state=state)
    return made


def test_it_creates_a_model(stub: Stub, app: App) -> None:
    model = r.Model(
        id="resnet",
        name="ResNet",
        model_type_id="visual-detector",
        visibility=r.Visibility(gettable=r.Visibility.ORG),
    )
    answer = stub.PostModels(s.PostModelsRequest(user_app_id=IN_VISION, models=[model]))

    assert answer.status.code == codes.SUCCESS, answer
    assert (answer.model.id, answer.model.model_type_id, answer.model.app_id) == ("resnet", "visual-detector", "vision")
    assert answer.model.visibility.gettable == r.Visibility.ORG
    [entry] = entries(Op.MODEL_CREATE)
    assert (names(entry), entry.app_id) == (["ResNet", "Vision"], app.pk)
    assert entry.event["actor"]["token_name"] == "ci"


def test_it_creates_a_model_that_stands_alone(stub: Stub, app: App) -> None:
    answer = stub.PostModels(s.PostModelsRequest(user_app_id=IN_VISION, model=r.Model(id="one")))
    assert (answer.model.id, answer.model.name) == ("one", "one")
    assert len(entries(Op.MODEL_CREATE)) == 1


def test_it_gets_and_lists_models(stub: Stub, resnet: Model) -> None:
    ModelFactory(app=resnet.app, slug="bert", kind="text-classifier")
    ModelFactory(slug="elsewhere")
    assert stub.GetModel(s.GetModelRequest(user_app_id=IN_VISION, model_id="resnet")).model.name == "ResNet"
    assert [m.id for m in stub.ListModels(s.ListModelsRequest(user_app_id=IN_VISION)).models] == ["bert", "resnet"]
    texts = stub.ListModels(s.ListModelsRequest(user_app_id=IN_VISION, model_type_id="text-classifier", per_page=5))
    assert [model.id for model in texts.models] == ["bert"]


def test_it_changes_models(stub: Stub, resnet: Model) -> None:
    patch = s.PatchModelsRequest(
        user_app_id=IN_VISION, models=[r.Model(id="resnet", description="Sees.")], action="merge"
    )
    assert stub.PatchModels(patch).models[0].description == "Sees."
    [entry] = entries(Op.MODEL_UPDATE)
    assert entry.event["changes"] == {"description": ["", "Sees."]}


def test_it_deletes_a_model_with_its_versions(stub: Stub, resnet: Model) -> None:
    version_of(resnet, "v1")
    stub.DeleteModel(s.DeleteModelRequest(user_app_id=IN_VISION, model_id="resnet"))
    assert not Model.objects.exists()
    assert [names(entry)[0] for entry in entries(Op.MODEL_DELETE, Op.MODEL_VERSION_DELETE)] == ["v1", "ResNet"]


def test_it_deletes_models(stub: Stub, resnet: Model) -> None:
    for slug in ("bert", "kept"):
        ModelFactory(app=resnet.app, slug=slug, name=slug)
    stub.DeleteModels(s.DeleteModelsRequest(user_app_id=IN_VISION, ids=["resnet", "bert"]))
    assert [model.slug for model in Model.objects.all()] == ["kept"]
    assert {names(entry)[0] for entry in entries(Op.MODEL_DELETE)} == {"ResNet", "bert"}


def test_it_deletes_all_models_of_an_app_however_many(stub: Stub, resnet: Model) -> None:
    elsewhere = ModelFactory()
    ModelFactory.create_batch(MOST_AT_ONCE, app=resnet.app)
    stub.DeleteModels(s.DeleteModelsRequest(user_app_id=IN_VISION, delete_all=True))
    assert [*Model.objects.all()] == [elsewhere]


# Versions


def posted(stub: Stub, *versions: r.ModelVersion) -> r.Model:
    answer = stub.PostModelVersions(
        s.PostModelVersionsRequest(user_app_id=IN_VISION, model_id="resnet", model_versions=versions)
    )
    assert answer.status.code == codes.SUCCESS, answer
    model: r.Model = answer.model
    return model


def reported(stub: Stub, version: str, code: int, details: str = "") -> r.ModelVersion:
    message = r.ModelVersion(id=version, status=Status(code=code, details=details))
    answer = stub.PatchModelVersions(
        s.PatchModelVersionsRequest(
            user_app_id=IN_VISION, model_id="resnet", model_versions=[message], action="overwrite"
        )
    )
    return answer.model_versions[0] if answer.model_versions else answer


def test_a_version_starts_training(stub: Stub, resnet: Model) -> None:
    params = Struct()
    params.update({"epochs": 10})
    version = posted(stub, r.ModelVersion(description="Ten.", train_info=r.TrainInfo(params=params))).model_version
    assert version.status.code == codes.MODEL_TRAINING
    assert version.description == "Ten."
    [entry] = entries(Op.MODEL_VERSION_TRAIN)
    assert names(entry) == [version.id, "ResNet", "Vision"]


def test_a_version_that_comes_trained_does_not_train(stub: Stub, resnet: Model) -> None:
    config = r.PretrainedModelConfig(model_zip_url="https://models.example/a.zip")
    version = posted(stub, r.ModelVersion(id="v1", pretrained_model_config=config)).model_version
    assert (version.id, version.status.code) == ("v1", codes.MODEL_TRAINED)
    assert len(entries(Op.MODEL_VERSION_CREATE)) == 1


def test_the_trainer_reports_the_end(stub: Stub, resnet: Model) -> None:
    version_of(resnet, "v1", State.TRAINING)
    assert reported(stub, "v1", codes.MODEL_TRAINED).status.code == codes.MODEL_TRAINED
    [entry] = entries(Op.MODEL_VERSION_UPDATE)
    assert entry.event["changes"] == {"state": ["training", "trained"]}


def test_the_trainer_reports_a_failure_with_its_reason(stub: Stub, resnet: Model) -> None:
    version_of(resnet, "v1", State.TRAINING)
    version = reported(stub, "v1", codes.MODEL_TRAINING_FAILED, "No data.")
    assert (version.status.code, version.status.details) == (codes.MODEL_TRAINING_FAILED, "No data.")
    [entry] = entries(Op.MODEL_VERSION_UPDATE)
    assert entry.event["changes"] == {"state": ["training", "failed"], "failure_reason": ["", "No data."]}


def test_what_is_trained_is_not_reported_again(stub: Stub, resnet: Model) -> None:
    version_of(resnet, "v1", State.TRAINED)
    reported(stub, "v1", codes.MODEL_TRAINING_FAILED, "No data.")
    assert failure_codes() == ["conflict"]


def test_it_describes_a_version(stub: Stub, resnet: Model) -> None:
    version_of(resnet, "v1")
    message = r.ModelVersion(id="v1", description="Better.")
    stub.PatchModelVersions(
        s.PatchModelVersionsRequest(user_app_id=IN_VISION, model_id="resnet", model_versions=[message], action="merge")
    )
    [entry] = entries(Op.MODEL_VERSION_UPDATE)
    assert entry.event["changes"] == {"description": ["", "Better."]}


def test_it_gets_and_lists_versions(stub: Stub, resnet: Model) -> None:
    for slug in ("v1", "v2"):
        version_of(resnet, slug)
    one = s.GetModelVersionRequest(user_app_id=IN_VISION, model_id="resnet", version_id="v1")
    assert stub.GetModelVersion(one).model_version.id == "v1"
    every = stub.ListModelVersions(s.ListModelVersionsRequest(user_app_id=IN_VISION, model_id="resnet"))
    assert [version.id for version in every.model_versions] == ["v2", "v1"]


def test_it_deletes_a_version(stub: Stub, resnet: Model) -> None:
    version_of(resnet, "v1")
    stub.DeleteModelVersion(s.DeleteModelVersionRequest(user_app_id=IN_VISION, model_id="resnet", version_id="v1"))
    assert not ModelVersion.objects.exists()
    assert names(entries(Op.MODEL_VERSION_DELETE)[0])[0] == "v1"


def test_a_deployed_version_stays(stub: Stub, resnet: Model) -> None:
    DeploymentFactory(model_version=version_of(resnet, "v1"))
    answer = stub.DeleteModelVersion(
        s.DeleteModelVersionRequest(user_app_id=IN_VISION, model_id="resnet", version_id="v1")
    )
    assert answer.status.code == codes.CONN_INVALID_REQUEST
    assert failure_codes() == ["in_use"]


def test_it_publishes_and_takes_back(stub: Stub, resnet: Model) -> None:
    version = version_of(resnet, "v1")
    stub.PostModelVersionsPublish(
        s.PostModelVersionsPublishRequest(
            user_app_id=IN_VISION, model_id="resnet", publications=[s.ModelVersionPublishRequest(version_id="v1")]
        )
    )
    version.refresh_from_db()
    assert version.published_at is not None
    stub.PostModelVersionsUnPublish(
        s.PostModelVersionsUnPublishRequest(
            user_app_id=IN_VISION, model_id="resnet", publications=[s.ModelVersionUnpublishRequest(version_id="v1")]
        )
    )
    version.refresh_from_db()
    assert version.published_at is None
    assert [names(entry)[0] for entry in entries(Op.MODEL_VERSION_PUBLISH, Op.MODEL_VERSION_UNPUBLISH)] == ["v1", "v1"]


def test_what_is_in_training_is_not_published(stub: Stub, resnet: Model) -> None:
    version_of(resnet, "v1", State.TRAINING)
    stub.PostModelVersionsPublish(
        s.PostModelVersionsPublishRequest(
            user_app_id=IN_VISION, model_id="resnet", publications=[s.ModelVersionPublishRequest(version_id="v1")]
        )
    )
    assert failure_codes() == ["conflict"]
