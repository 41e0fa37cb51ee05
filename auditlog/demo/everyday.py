"""What people and tokens do every day, each through the models, and what they attempt in vain."""

from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

from accounts.roles import Permission, Role, RoleDenied
from auditlog.events import Event, Target, event_of_person
from auditlog.recorder import record_events
from auditlog.sentences import sentence_for
from auditlog.support import SupportAccess
from controlcenter.context import current
from controlcenter.operations import Operation as Op
from controlcenter.resources.models import (
    Deployment,
    Model,
    ModelVersion,
    Module,
    ModuleVersion,
    Nodepool,
    Resource,
    Version,
    Workflow,
    WorkflowVersion,
)

from . import cast
from .world import Activity, NothingThereError, World

Kind = type[Resource]
VERSIONS: dict[Kind, type[Version]] = {Model: ModelVersion, Workflow: WorkflowVersion, Module: ModuleVersion}
ABOUT = {app.slug: app for app in cast.APPS}
State = ModelVersion.State

# Models, workflows, modules and their versions


def create(kind: Kind, world: World) -> None:
    """Create a resource, named after what its app is about."""
    app = world.app()
    about, present = ABOUT[app.slug], {row.slug for row in world.parts(kind, app)}
    ends = cast.ENDS[about.reads if kind is Model else kind.PART]
    pairs = [(word, end) for word in about.words.split() for end in ends if f"{word}-{end}" not in present]
    word, end = world.choose(pairs)
    row: Any = kind(slug=f"{word}-{end}", name=f"{word}-{end}")
    row.app = app
    if kind is Model:
        row.kind = f"{about.reads}-{end}"
    world.add(row, app)


def describe(kind: Kind, world: World) -> None:
    """Give a resource another description."""
    row = _any(kind, world)
    world.change(row, description=world.choose([text for text in cast.DESCRIPTIONS if text != row.description]))


def rename(kind: Kind, world: World) -> None:
    """Give a resource another name for people."""
    row = _any(kind, world)
    names = [f"{row.slug.replace('-', ' ').capitalize()}, {end}" for end in cast.NAME_ENDS]
    world.change(row, name=world.choose([name for name in names if name != row.name]))


def remove(kind: Kind, world: World) -> None:
    """Delete a resource with few versions that nothing is deployed from; apps keep some."""
    row = _any(kind, world)
    deployed = [deployment.model_version.model for deployment in deployments(world)]
    if row in deployed or len(world.parts(VERSIONS[kind], row)) > 5 or len(world.parts(kind, row.app)) < 4:
        raise NothingThereError
    world.delete(row, row.app, world.choose(cast.REASONS))


def add_version(kind: Kind, world: World, **values: Any) -> None:
    """Upload a version, or train one: see ``report`` for how that went."""
    row, version = _any(kind, world), VERSIONS[kind]
    values = values or {"description": world.choose(cast.DESCRIPTIONS)}
    world.add(version(slug=f"{world.rng.getrandbits(48):012x}", **{version.OWNER: row}, **values), row)


def report(world: World) -> None:
    """Report how a training ended that began some time ago."""
    begun = world.turn.time - timedelta(minutes=12)
    models = world.parts(Model, world.app())
    newest: list[Any] = [version for model in models for version in world.parts(ModelVersion, model)[-4:]]
    version = world.choose([row for row in newest if row.state == State.TRAINING and row.created_at < begun])
    reason = world.choose(cast.TRAINING_FAILURES) if world.rng.random() < 0.1 else ""
    world.change(version, state=State.FAILED if reason else State.TRAINED, failure_reason=reason)


def publish(kind: Kind, world: World) -> None:
    """Publish one of the newest versions."""
    world.change(_any_version(kind, world, published=False), published_at=world.turn.time)


def unpublish(kind: Kind, world: World) -> None:
    """Take a version back."""
    world.change(_any_version(kind, world, published=True), published_at=None)


def _any(kind: Kind, world: World) -> Any:
    return world.choose(world.parts(kind, world.app()))


def _any_version(kind: Kind, world: World, published: bool) -> Any:
    """Return one of the newest usable versions of some resource."""
    newest: list[Any] = world.parts(VERSIONS[kind], _any(kind, world))[-4:]
    usable = [row for row in newest if getattr(row, "state", "") not in (State.TRAINING, State.FAILED)]
    return world.choose([row for row in usable if bool(row.published_at) == published])


# Deployments and apps


def deployments(world: World) -> list[Deployment]:
    """Return the organization's deployments."""
    return world.parts(Deployment, world.account)


def deploy(world: World) -> None:
    """Deploy a published version of a model, or roll the model's deployment over to it."""
    version = _any_version(Model, world, published=True)
    same = [row for row in deployments(world) if row.model_version.model == version.model]
    if not same:
        row = Deployment(model_version=version, slug=f"{version.model.slug}-{version.slug[:4]}", max_replicas=2)
        row.nodepool = world.choose(world.parts(Nodepool, world.account))
        world.add(row, world.account)
    elif same[0].model_version != version:
        world.change(same[0], model_version=version)
    else:
        raise NothingThereError


def scale(world: World) -> None:
    """Let a deployment grow or shrink."""
    row = world.choose(deployments(world))
    world.change(row, max_replicas=row.max_replicas % 6 + 1)


def edit_app(world: World) -> None:
    """Write another description of an app, or put back the first."""
    app = world.app()
    first = ABOUT[app.slug].description
    world.change(app, description=first if app.description != first else f"{first}, in production")


# Signing in and reading the log


def sign(operation: Op, path: str, world: World) -> None:
    """Sign in or out."""
    user = world.users[world.turn.who]
    if operation is Op.USER_SIGN_IN:
        user.last_login = world.turn.time
    with world.doing("POST", path):
        record_events([event_of_person(operation, user, world.time)])


def read_log(operation: Op, path: str, world: World, reason: str = "") -> None:
    """View or export the log through a filter; support staff open it in the admin."""
    if operation is not Op.LOG_SUPPORT_VIEW and not world.account.plan.audit_log:
        raise NothingThereError
    query = "" if operation is Op.LOG_SUPPORT_VIEW else world.choose(cast.LOG_QUERIES)
    targets = [Target("filter", query, query)] if query else []
    with world.doing("GET", path, reason=reason):
        event = Event(operation, world.account.pk, world.time, current(), targets=targets)
        event.sentence = sentence_for(operation, query)
        record_events([event])


def support_view(world: World) -> None:
    """Open a support access, look at the log, and end the access."""
    staff, time = world.users[world.turn.who], world.turn.time
    with world.doing("POST", f"/admin/support/{world.account.slug}/"):
        access = SupportAccess.open(staff, world.account.pk, cast.SUPPORT_REASON, f"CC-{time:%j%H}")
    read_log(Op.LOG_SUPPORT_VIEW, "/admin/auditlog/entry/", world, access.as_reason)
    with world.doing("POST", f"/admin/support/{world.account.pk}/end/"):
        access.end()


# What does not come about


class RefusedError(Exception):
    """A form or a token that is not accepted, with code and sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        self.code, self.sentence = code, sentence


def fail(operation: Op, path: str, error: Exception, world: World) -> None:
    """Attempt something about an app, or in it, that fails."""
    app = world.app()
    about = {"target" if operation in (Op.APPLICATION_DELETE, Op.APPLICATION_UPDATE) else "parent": app}
    world.fail(operation, path.format(app.slug), error, **(about if "{}" in path else {}))


def fail_to_sign_in(person: str, world: World) -> None:
    """Sign in with a wrong password."""
    user = world.users[person]
    error = RefusedError("invalid_credentials", "E-mail address and password do not go together.")
    world.fail(Op.USER_SIGN_IN_FAILED, "/sign-in/", error, target=user)


# Who does what, how often


def one_of(*choices: tuple[int, Activity]) -> Activity:
    """Return the activity of doing one of some, by weight; another one when there is nothing to do it to."""
    weights, activities = [weight for weight, _ in choices], [activity for _, activity in choices]

    def do(world: World) -> None:
        for activity in world.rng.choices(activities, weights, k=10):
            with suppress(NothingThereError):
                activity(world)
                break

    return do


# fmt: off
SLUG_RULE = "Use 1 to 64 lower-case letters, digits and hyphens, beginning and ending with a letter or digit."
STALE = "Somebody else changed this app after you opened the page. Your text is kept below."
slip = one_of(
    (1, partial(fail, Op.MODEL_CREATE, "apps/{}/models/", RefusedError("invalid", f"Model ID: {SLUG_RULE}"))),
    (1, partial(fail, Op.WORKFLOW_CREATE, "apps/{}/workflows/", RefusedError("invalid", f"Workflow ID: {SLUG_RULE}"))),
    (1, partial(fail, Op.MODEL_CREATE, "apps/{}/models/", RefusedError("conflict", "Model ID: It exists already."))),
    (1, partial(fail, Op.APPLICATION_UPDATE, "apps/{}/settings/", RefusedError("conflict", STALE))),
    (2, partial(fail, Op.WORKFLOW_CREATE, "apps/{}/workflows/", TimeoutError())),
)
denied = one_of(  # to all but administrators and organization contributors
    (2, partial(fail, Op.APPLICATION_DELETE, "apps/{}/delete/", RoleDenied(Permission.MANAGE_APPS))),
    (1, partial(fail, Op.APPLICATION_DUPLICATE, "apps/{}/duplicate/", RoleDenied(Permission.MANAGE_APPS))),
    (1, partial(fail, Op.COLLABORATOR_ADD, "apps/{}/collaborators/", RoleDenied(Permission.MANAGE_COLLABORATORS))),
)
hammer = partial(fail, Op.MODEL_CREATE, "apps/{}/models/", RefusedError("token_revoked", "This API token was revoked."))
sign_in, sign_out = partial(sign, Op.USER_SIGN_IN, "/sign-in/"), partial(sign, Op.USER_SIGN_OUT, "/sign-out/")
view, export = partial(read_log, Op.LOG_VIEW, "teams-and-logs/"), partial(read_log, Op.LOG_EXPORT, "teams-and-logs/")

BUILDING: tuple[tuple[int, Activity], ...] = (
    (10, partial(add_version, Model, state=State.TRAINING)),
    (9, partial(add_version, Model)), (12, partial(add_version, Workflow)), (6, partial(add_version, Module)),
    (6, partial(publish, Model)), (4, partial(publish, Workflow)), (1, partial(unpublish, Model)),
    (5, partial(create, Model)), (4, partial(create, Workflow)), (1, partial(create, Module)),
    (3, partial(describe, Model)), (2, partial(describe, Workflow)), (1, partial(rename, Model)),
    (1, partial(remove, Model)), (1, partial(remove, Workflow)), (2, edit_app), (2, view), (2, slip),
)
WORK: dict[Role, Activity] = {
    cast.ADMINISTRATOR: one_of(*BUILDING, (4, deploy), (2, scale), (6, view), (1, export)),
    cast.CONTRIBUTOR: one_of(*BUILDING, (4, deploy), (2, scale)),
    cast.TEAM_CONTRIBUTOR: one_of(*BUILDING, (3, denied)),
    cast.USER: one_of((1, view), (1, denied)),
    cast.AUDITOR: one_of((12, view), (2, export), (1, denied)),
    cast.FINANCE: partial(fail, Op.LOG_VIEW, "teams-and-logs/", RoleDenied(Permission.READ_LOG)),
}
REPORTING = one_of((9, report), (1, partial(add_version, Model)))
RELEASING = one_of((12, partial(add_version, Model)), (7, partial(publish, Model)), (4, deploy), (2, scale), (1, slip))
INGESTING = one_of((5, partial(add_version, Workflow)), (2, partial(add_version, Module)))
# fmt: on
