"""What does not come about: denied, refused, failed. Each leaves one failure entry and changes nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ObjectDoesNotExist
from django.db import Error, models, transaction

from accounts.models import Account
from accounts.roles import Permission, Reach, RoleDenied
from controlcenter.context import Attempt, attempting
from controlcenter.operations import Operation as Op
from controlcenter.resources.models import App, Model, ModelVersion, Module, Workflow

from .building import one_of
from .world import Activity, Step, World

SLUG_RULE = "Use 1 to 64 lower-case letters, digits and hyphens, beginning and ending with a letter or digit."


class UnavailableError(Exception):
    """Something outside did not answer."""


@contextmanager
def _failing(
    world: World,
    step: Step,
    operation: Op,
    path: str,
    *,
    method: str = "POST",
    target: models.Model | None = None,
    parent: models.Model | None = None,
    name: str = "",
) -> Iterator[Attempt]:
    """Attempt an operation, and go on when it fails."""
    account = world.account(step)
    with world.doing(step, path, method):
        try:
            with attempting(operation, account_id=account.pk, target=target, parent=parent, name=name) as attempt:
                yield attempt
        except (RoleDenied, UnavailableError, ObjectDoesNotExist, Error):
            pass  # recorded by attempting(), which is all that was wanted


# Denied

# Operation, permission, address; in {} the app.
DENIALS = (
    (Op.APPLICATION_DELETE, Permission.MANAGE_APPS, "apps/{}/delete/"),
    (Op.APPLICATION_DUPLICATE, Permission.MANAGE_APPS, "apps/{}/duplicate/"),
    (Op.APPLICATION_UPDATE, Permission.EDIT_APPS, "apps/{}/edit/"),
    (Op.MODEL_CREATE, Permission.MANAGE_RESOURCES, "apps/{}/models/"),
    (Op.WORKFLOW_CREATE, Permission.MANAGE_RESOURCES, "apps/{}/workflows/"),
    (Op.COLLABORATOR_ADD, Permission.MANAGE_COLLABORATORS, "apps/{}/collaborators/"),
    (Op.ORGANIZATION_TEAM_CREATE, Permission.MANAGE_TEAMS, "teams/"),
    (Op.ORGANIZATION_MEMBER_INVITATION_CREATE, Permission.MANAGE_MEMBERS, "members/invitations/"),
    (Op.ORGANIZATION_PLAN_CHANGE, Permission.MANAGE_ACCOUNT, "plan/"),
    (Op.LOG_EXPORT, Permission.EXPORT_LOG, "teams-and-logs/export/"),
    (Op.LOG_VIEW, Permission.READ_LOG, "teams-and-logs/"),
)
_NEW = {Op.APPLICATION_DUPLICATE, Op.MODEL_CREATE, Op.WORKFLOW_CREATE, Op.COLLABORATOR_ADD}


def denied(world: World, step: Step) -> bool:
    """Try something that the role does not carry."""
    member = world.member(step)
    app = world.any_app(world.parts(App, world.account(step)))
    refused = [row for row in DENIALS if member and member.reach(row[1]) is Reach.NONE]
    if app is None or not refused:
        return False
    operation, permission, path = world.rng.choice(refused)
    about_app = app if "{}" in path else None
    parent = about_app if operation in _NEW else None
    with _failing(world, step, operation, path.format(app.slug), target=None if parent else about_app, parent=parent):
        raise RoleDenied(permission)


def trespass(world: World, step: Step) -> bool:
    """Try to change a model in an app of somebody else's team."""
    app = world.any_app(world.parts(App, world.account(step)))
    member = world.member(step)
    if app is None or member is None or member.reach(Permission.MANAGE_RESOURCES) is not Reach.TEAM:
        return False
    if app.allows(member, Permission.MANAGE_RESOURCES) or not (rows := world.parts(Model, app)):
        return False
    row = world.rng.choice(rows)
    with _failing(world, step, Op.MODEL_UPDATE, f"apps/{app.slug}/models/{row.slug}/", method="PATCH", target=row):
        raise RoleDenied(Permission.MANAGE_RESOURCES)


# Refused

# fmt: off
# Operation, what was typed, address; code, sentence; in {} the app.
REFUSALS = (
    (Op.APPLICATION_CREATE, "Visual Inspection 2", "apps/new/",
        "invalid", f"App ID: {SLUG_RULE}"),
    (Op.APPLICATION_CREATE, "Ticket sorter", "apps/new/",
        "conflict", "App ID: An app with the ID {} exists already. Choose another."),
    (Op.APPLICATION_DELETE, "", "apps/{}/delete/",
        "invalid", "App ID: Type {} to delete this app."),
    (Op.APPLICATION_UPDATE, "", "apps/{}/edit/",
        "conflict", "Somebody else changed this app after you opened the page. Your text is kept below: compare it "
        "with the app as it is now, then save again."),
    (Op.MODEL_CREATE, "Défaut détecteur", "apps/{}/models/",
        "invalid", f"Model ID: {SLUG_RULE}"),
    (Op.WORKFLOW_CREATE, "ocr pipeline", "apps/{}/workflows/",
        "invalid", f"Workflow ID: {SLUG_RULE}"),
    (Op.MODULE_CREATE, "label board", "apps/{}/modules/",
        "invalid", f"Module ID: {SLUG_RULE}"),
    (Op.ORGANIZATION_MEMBER_INVITATION_CREATE, "", "members/invitations/",
        "invalid", "Email: Enter a valid email address."),
    (Op.DEPLOYMENT_CREATE, "night-shift", "compute/deployments/",
        "invalid", "Max replicas: Ensure this value is at least the minimum."),
)
# fmt: on
_ON_APP = {Op.APPLICATION_DELETE, Op.APPLICATION_UPDATE}


def refused(world: World, step: Step) -> bool:
    """Send a form that is not accepted."""
    app = world.app_for(step)
    if app is None:
        return False
    operation, name, path, code, sentence = world.rng.choice(REFUSALS)
    with _failing(
        world,
        step,
        operation,
        path.format(app.slug),
        target=app if operation in _ON_APP else None,
        parent=app if "{}" in path and operation not in _ON_APP else None,
        name=name,
    ) as attempt:
        attempt.refuse(code, sentence.format(app.slug))
    return True


def taken(world: World, step: Step) -> bool:
    """Create a model a second time: the database refuses it."""
    app = world.app_for(step)
    rows = world.parts(Model, app) if app else []
    if app is None or not rows:
        return False
    slug = world.rng.choice(rows).slug
    with (
        _failing(world, step, Op.MODEL_CREATE, f"apps/{app.slug}/models/", parent=app, name=slug),
        transaction.atomic(),
    ):
        Model(app=app, slug=slug, name=slug).save()
    return True


def in_use(world: World, step: Step) -> bool:
    """Delete a model that is deployed."""
    deployments = world.deployments(world.account(step))
    if not deployments:
        return False
    row = world.rng.choice(deployments).model_version.model
    with (
        _failing(world, step, Op.MODEL_DELETE, f"apps/{row.app.slug}/models/{row.slug}/", method="DELETE", target=row),
        transaction.atomic(),
    ):
        row.delete()
    return True


# Failed


def broken(world: World, step: Step) -> bool:
    """Meet an error of ours, or of what we depend on."""
    app = world.app_for(step)
    kind, operation = world.rng.choice(
        ((Model, Op.MODEL_VERSION_CREATE), (Workflow, Op.WORKFLOW_VERSION_CREATE), (Module, Op.MODULE_VERSION_CREATE))
    )
    rows = world.parts(kind, app) if app else []
    if app is None or not rows:
        return False
    row = world.rng.choice(rows)
    path = f"apps/{app.slug}/{kind.PART}/{row.slug}/versions/"
    with _failing(world, step, operation, path, parent=row):
        raise UnavailableError


def gone(world: World, step: Step) -> bool:
    """Delete a version that somebody else deleted a moment ago."""
    app = world.app_for(step)
    rows = world.parts(Model, app) if app else []
    if app is None or not rows:
        return False
    row, slug = world.rng.choice(rows), f"{world.rng.getrandbits(48):012x}"
    path = f"apps/{app.slug}/models/{row.slug}/versions/{slug}/"
    with _failing(world, step, Op.MODEL_VERSION_DELETE, path, method="DELETE", parent=row, name=slug):
        raise ModelVersion.DoesNotExist


def hammer(world: World, step: Step) -> bool:
    """Go on using a revoked token."""
    app = world.app(step.organization, "visual-inspection")
    rows = world.parts(Model, app) if app else []
    if app is None or not rows:
        return False
    row = world.rng.choice(rows)
    path = f"apps/{app.slug}/models/{row.slug}/versions/"
    with _failing(world, step, Op.MODEL_VERSION_CREATE, path, parent=row) as attempt:
        attempt.refuse("token_revoked", "This API token was revoked.")
    return True


def fail_to_sign_in(person: str, world: World, step: Step) -> bool:
    """Sign in with a wrong password."""
    user = world.users.get(person)
    account_id = (user and user.home_id) or Account.PLATFORM_ID
    with (
        world.doing(step, "/sign-in/"),
        attempting(Op.USER_SIGN_IN_FAILED, account_id=account_id, target=user) as attempt,
    ):
        attempt.refuse("invalid_credentials", "E-mail address and password do not go together.")
    return True


MISHAPS: Activity = one_of((8, refused), (3, taken), (3, in_use), (5, broken), (3, gone), (4, denied), (4, trespass))
