"""What contributors and their tokens do all day: models, workflows and modules, their versions, and deployments."""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from controlcenter.resources.models import (
    App,
    Deployment,
    Model,
    ModelVersion,
    Module,
    ModuleVersion,
    Resource,
    Version,
    Workflow,
    WorkflowVersion,
)

from . import cast
from .world import Activity, Step, World

T = TypeVar("T")

MOST: dict[type[Resource], int] = {Model: 14, Workflow: 11, Module: 4}
MOST_VERSIONS, MOST_DEPLOYMENTS = 90, 6
VERSIONS: dict[type[Resource], type[Version]] = {
    Model: ModelVersion,
    Workflow: WorkflowVersion,
    Module: ModuleVersion,
}
_WORDS = {app.slug: app.words.split() for app in cast.APPS}
_SENSES = {app.slug: cast.KINDS[app.senses] for app in cast.APPS}


def one_of(*choices: tuple[int, Activity]) -> Activity:
    """Return the activity of doing one of some, by weight; another one when there is nothing to do it to."""
    weights, activities = [weight for weight, _ in choices], [activity for _, activity in choices]

    def do(world: World, step: Step) -> bool:
        return any(activity(world, step) for activity in world.rng.choices(activities, weights, k=8))

    return do


# Models, workflows and modules


def create(kind: type[Resource], world: World, step: Step) -> bool:
    """Create a resource in some app."""
    app = world.app_for(step)
    return app is not None and create_in(app, kind, world, step)


def create_in(app: App, kind: type[Resource], world: World, step: Step) -> bool:
    """Create a resource in this app, unless it has enough of them."""
    present = {row.slug for row in world.parts(kind, app)}
    free = [(slug, model_type) for slug, model_type in _names(kind, app) if slug not in present]
    if len(present) >= MOST[kind] or not free:
        return False
    slug, model_type = world.rng.choice(free)
    row: Any = kind(slug=slug, name=slug)
    row.app = app
    if isinstance(row, Model):
        row.kind = model_type
    with world.doing(step, f"apps/{app.slug}/{kind.PART}/"):
        row.save()
        world.add(row)
    return True


def _names(kind: type[Resource], app: App) -> list[tuple[str, str]]:
    words = _WORDS[app.slug]
    if kind is Model:
        return [(f"{word}-{end}", model_type) for word in words for end, model_type in _SENSES[app.slug]]
    if kind is Workflow:
        return [(f"{word}-{end}", "") for word in words for end in cast.WORKFLOW_ENDS]
    return [(name, "") for name in cast.MODULES]


def describe(kind: type[Resource], world: World, step: Step) -> bool:
    """Give a resource another description."""
    row = _any_resource(kind, world, step)
    if row is None:
        return False
    with world.doing(step, _path(row), "PATCH"):
        row.description = another(world, cast.DESCRIPTIONS, row.description)
        row.save(update_fields=["description"])
        world.changed(row)
    return True


def rename(kind: type[Resource], world: World, step: Step) -> bool:
    """Give a resource a name for people."""
    row = _any_resource(kind, world, step)
    if row is None:
        return False
    world.batch.renew()
    with world.doing(step, _path(row), "PATCH"):
        spoken = row.slug.replace("-", " ").capitalize()
        row.name = another(world, [f"{spoken}, {end}" for end in cast.NAME_ENDS], row.name)
        row.save(update_fields=["name"])
        world.changed(row)
    return True


def share(world: World, step: Step) -> bool:
    """Change who may see a model."""
    row = _any_resource(Model, world, step)
    if row is None:
        return False
    with world.doing(step, _path(row), "PATCH"):
        row.visibility = another(world, [cast.PRIVATE, cast.ORGANIZATION, cast.PUBLIC], row.visibility)
        row.save(update_fields=["visibility"])
        world.changed(row)
    return True


def remove(kind: type[Resource], world: World, step: Step) -> bool:
    """Delete a resource that nothing is deployed from; apps keep a few."""
    row = _any_resource(kind, world, step)
    if row is None or len(world.parts(kind, row.app)) < 4 or _deployed(world, row):
        return False
    world.batch.renew()
    with world.doing(step, f"{_path(row)}delete/", "DELETE", reason_for(world)):
        world.forget(row)
        row.delete()
    return True


# Versions


def add_version(kind: type[Resource], world: World, step: Step) -> bool:
    """Upload a version."""
    row = _any_resource(kind, world, step)
    if row is None or len(_versions(world, row)) >= MOST_VERSIONS:
        return False
    _create_version(row, world, step)
    return True


def train(world: World, step: Step) -> bool:
    """Train a version of a model; the trainer will report how it went."""
    row = _any_resource(Model, world, step)
    if (
        row is None
        or len(_versions(world, row)) >= MOST_VERSIONS
        or cast.TRAINERS[step.organization] not in world.tokens
    ):
        return False
    version = _create_version(row, world, step, ModelVersion.State.TRAINING)
    trainer = next(token for token in cast.TOKENS if token.name == cast.TRAINERS[step.organization])
    world.later.append(
        replace(
            step,
            time=step.time + timedelta(minutes=world.rng.uniform(12, 200)),
            who=trainer.name,
            address=trainer.address,
            agent=trainer.agent,
            do=partial(report, version),
        )
    )
    return True


def report(version: ModelVersion, world: World, step: Step) -> bool:
    """Report how training ended, unless the version is gone by now."""
    if version not in world.parts(ModelVersion, version.model):
        return False
    ended = copy(version)  # what is collected about its creation must go on to read "training"
    world.replace(version, ended)
    ended.state = ModelVersion.State.TRAINED
    if world.rng.random() < 0.12:
        ended.state = ModelVersion.State.FAILED
        ended.failure_reason = world.rng.choice(cast.TRAINING_FAILURES)
    with world.doing(
        step, f"apps/{version.model.app.slug}/models/{version.model.slug}/versions/{version.slug}/", "PATCH"
    ):
        ended.save(update_fields=["state", "failure_reason"])
    return True


def publish(kind: type[Resource], world: World, step: Step) -> bool:
    """Publish one of the newest versions."""
    version = _any_version(kind, world, step, published=False)
    if version is None:
        return False
    with world.doing(step, f"{_version_path(version)}publish/") as time:
        version.published_at = time
        version.save(update_fields=["published_at"])
    return True


def unpublish(kind: type[Resource], world: World, step: Step) -> bool:
    """Take a version back."""
    version = _any_version(kind, world, step, published=True)
    if version is None:
        return False
    with world.doing(step, f"{_version_path(version)}unpublish/"):
        version.published_at = None
        version.save(update_fields=["published_at"])
    return True


def describe_version(kind: type[Resource], world: World, step: Step) -> bool:
    """Note what is new in a version."""
    version = _any_version(kind, world, step)
    if version is None:
        return False
    with world.doing(step, _version_path(version), "PATCH"):
        version.description = another(world, cast.DESCRIPTIONS, version.description)
        version.save(update_fields=["description"])
    return True


def remove_version(kind: type[Resource], world: World, step: Step) -> bool:
    """Delete an old version that is neither published nor deployed."""
    row = _any_resource(kind, world, step)
    deployed = _deployed(world, row) if row else set()
    old = [version for version in _versions(world, row)[:-3] if version.pk not in deployed] if row else []
    old = [version for version in old if not version.published_at]
    if not old:
        return False
    world.batch.renew()
    with world.doing(step, _version_path(old[0]), "DELETE", reason_for(world)):
        world.forget(old[0])
        old[0].delete()
    return True


# Deployments


def deploy(world: World, step: Step) -> bool:
    """Deploy a published model version to a nodepool, or roll a deployment over to a newer one."""
    version = _any_version(Model, world, step, published=True)
    nodepools = world.nodepools(world.account(step))
    if not isinstance(version, ModelVersion) or not nodepools:
        return False
    deployments = world.deployments(world.account(step))
    same = next((row for row in deployments if row.model_version.model_id == version.model_id), None)
    if same:
        return _roll(same, version, world, step)
    nodepool = world.rng.choice(nodepools)
    if len(world.parts(Deployment, nodepool)) >= MOST_DEPLOYMENTS:
        return False
    row = Deployment(
        nodepool=nodepool, model_version=version, slug=f"{version.model.slug}-{version.slug[:4]}", max_replicas=2
    )
    with world.doing(step, _compute_path(row)):
        row.save()
        world.add(row)
    return True


def _roll(row: Deployment, version: ModelVersion, world: World, step: Step) -> bool:
    if row.model_version_id == version.pk:
        return False
    rolled = copy(row)  # see report()
    world.replace(row, rolled)
    rolled.model_version = version
    with world.doing(step, f"{_compute_path(row)}{row.slug}/", "PATCH"):
        rolled.save(update_fields=["model_version"])
    return True


def scale(world: World, step: Step) -> bool:
    """Let a deployment grow or shrink."""
    rows = world.deployments(world.account(step))
    if not rows:
        return False
    row = world.rng.choice(rows)
    with world.doing(step, f"{_compute_path(row)}{row.slug}/", "PATCH"):
        row.max_replicas = another(world, [1, 2, 3, 4, 6, 8], row.max_replicas)
        row.min_replicas = min(row.min_replicas, row.max_replicas)
        row.save(update_fields=["max_replicas", "min_replicas"])
    return True


def withdraw(world: World, step: Step) -> bool:
    """Delete a deployment."""
    rows = world.deployments(world.account(step))
    if not rows:
        return False
    withdraw_one(world.rng.choice(rows), world, step)
    return True


def withdraw_one(row: Deployment, world: World, step: Step) -> None:
    """Delete this deployment."""
    world.batch.renew()
    with world.doing(step, f"{_compute_path(row)}{row.slug}/", "DELETE"):
        world.forget(row)
        row.delete()


# Choosing


def _any_resource(kind: type[Resource], world: World, step: Step) -> Any:
    app = world.app_for(step)
    rows = world.parts(kind, app) if app else []
    return world.rng.choice(rows) if rows else None


def _any_version(kind: type[Resource], world: World, step: Step, published: bool | None = None) -> Any:
    """Return one of the newest usable versions of some resource."""
    row = _any_resource(kind, world, step)
    unusable = (ModelVersion.State.TRAINING, ModelVersion.State.FAILED)
    usable = [
        version
        for version in (_versions(world, row)[-4:] if row else [])
        if (published is None or published == bool(version.published_at))
        and getattr(version, "state", "") not in unusable
    ]
    return world.rng.choice(usable) if usable else None


def _versions(world: World, row: Resource) -> list[Any]:
    return world.parts(VERSIONS[type(row)], row)


def _deployed(world: World, row: Any) -> set[int]:
    """Return the versions of a model that are deployed."""
    deployments = world.deployments(row.app.account) if isinstance(row, Model) else []
    return {part.model_version_id for part in deployments if part.model_version.model_id == row.pk}


def _create_version(row: Any, world: World, step: Step, state: ModelVersion.State | None = None) -> Any:
    kind = VERSIONS[type(row)]
    version = kind(slug=f"{world.rng.getrandbits(48):012x}", **{kind.OWNER: row})
    match version:
        case ModelVersion():
            version.state = state or ModelVersion.State.UPLOADED
        case ModuleVersion():
            version.git_commit = f"{world.rng.getrandbits(160):040x}"
        case WorkflowVersion():
            version.nodes = _nodes(world, row.app)
    with world.doing(step, f"{_path(row)}versions/"):
        version.save()
        world.add(version)
    return version


def _nodes(world: World, app: App) -> list[dict[str, str]]:
    models = world.parts(Model, app)
    chosen = world.rng.sample(models, min(len(models), world.rng.randint(1, 3)))
    return [{"id": f"node-{number}", "model": model.slug} for number, model in enumerate(chosen, 1)]


def _path(row: Any) -> str:
    return f"apps/{row.app.slug}/{row.PART}/{row.slug}/"


def _version_path(version: Any) -> str:
    return f"{_path(getattr(version, version.OWNER))}versions/{version.slug}/"


def _compute_path(row: Deployment) -> str:
    return f"compute/{row.nodepool.cluster.slug}/nodepools/{row.nodepool.slug}/deployments/"


def another(world: World, choices: Sequence[T], present: T) -> T:
    """Return one of the choices that differs from what is there."""
    return world.rng.choice([choice for choice in choices if choice != present])


def reason_for(world: World) -> str:
    """Return the reason that a person typed; most type none."""
    return world.rng.choice(cast.REASONS) if world.rng.random() < 0.3 else ""
