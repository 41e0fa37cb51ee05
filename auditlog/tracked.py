"""The one table of what is tracked and how. Tracking a new model is one row in ``TRACKED``."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from operator import attrgetter
from typing import Any

from django.db.models import Field, ForeignKey
from django.db.models import Model as DjangoModel

from accounts.models import Account, Invitation, Member, Plan, SecondFactor, Team, TeamMember, Token, User
from controlcenter.operations import Operation as Op
from controlcenter.resources.models import (
    App,
    Collaborator,
    ComputeCluster,
    Deployment,
    Model,
    ModelVersion,
    Module,
    ModuleVersion,
    Nodepool,
    TeamApp,
    Workflow,
    WorkflowVersion,
)
from controlcenter.tracking import BOOKKEEPING

from .saved_views import SavedView

Changes = dict[str, tuple[Any, Any]]
"""Field name → (before, after)."""

Chooser = Callable[[DjangoModel, Changes], Op | None]

EXEMPT = {
    "admin.LogEntry": "Django's own log of the admin; ours records the same changes with more",
    "auth.Permission": "not used: roles are the table in accounts/roles.py",
    "auth.Group": "not used: roles are the table in accounts/roles.py",
    "auth.Group_permissions": "not used: roles are the table in accounts/roles.py",
    "contenttypes.ContentType": "a list of the installed models, written by migrate",
    "accounts.Submission": "which forms were carried out already; what they did is recorded",
    "accounts.TokenMinute": "how often each token asks, counted for the rate limit; what it does is recorded",
    "accounts.Throttle": "how often sign-ins were tried from where; those that failed are recorded",
    "sessions.Session": "sign-in and sign-out are operations; the session is how they are remembered",
    "auditlog.Entry": "the log itself: insert-only, enforced by the database",
    "auditlog.Subject": "how entries name people: part of the log",
    "auditlog.Seal": "the places of entries in the log: part of it",
    "auditlog.Block": "signed blocks of the log: part of it",
    "auditlog.Certificate": "what retention removed, signed: part of the log",
    "auditlog.SealingKey": "public keys that the log was signed with: part of it",
    "auditlog.Anchor": "signed heads of the log: part of it",
    "auditlog.Delivery": "how anchors get to where they are kept; changes nothing anybody does",
    "auditlog.SealerState": "how far the sealer has come",
    "auditlog.Stall": "where the sealer stopped, which is an alarm",
    "auditlog.Verification": "what the last verification found",
    "auditlog.SupportAccess": "opening and ending it are operations of their own",
    "auditlog.DisplayPreference": "how the log looks to one person, which changes nothing for anybody else",
}


@dataclass(frozen=True)
class Tracked:
    """How one model is recorded.

    Paths are dotted attributes of an instance, "" the instance itself.
    """

    model: type[DjangoModel]
    kind: str
    """The target type, as the search API spells it."""
    created: Op
    updated: Op
    deleted: Op
    account: str
    """Path to the id of the account that the entry belongs to."""
    app: str | None = None
    """Path to the app, for what lives in one."""
    targets: tuple[str, ...] = ("",)
    """Paths to the targets: first the thing itself, then what it belongs to."""
    public_id: str = "slug"
    name: str = "name"
    shown: tuple[str, ...] = ()
    """Fields whose values may stand in an entry. Of any other it only says that it changed."""
    personal: tuple[str, ...] = ()
    """Fields that name a person: entries point to a subject instead."""
    silent: tuple[str, ...] = ()
    """Fields whose changes are no operation."""
    choose_created: Chooser | None = None
    """Picks a more precise operation for a creation; None leaves the default."""
    choose: Chooser | None = None
    """Picks a more precise operation for an update; None leaves the default."""

    @cached_property
    def fields(self) -> "tuple[Field[Any, Any], ...]":
        """The fields whose changes are recorded."""
        left_out = {*BOOKKEEPING, *self.silent}
        return tuple(field for field in self.model._meta.concrete_fields if field.name not in left_out)

    @cached_property
    def readers(self) -> tuple[tuple[str, str, Callable[[Any], Any]], ...]:
        """Name and attribute of each field, and what makes a value of it what the database would return."""
        return tuple((field.name, field.attname, field.to_python) for field in self.fields)

    @cached_property
    def related(self) -> "dict[str, ForeignKey[Any, Any]]":
        """The fields that lead to other rows, by name."""
        return {field.name: field for field in self.fields if isinstance(field, ForeignKey)}

    @cached_property
    def masked(self) -> tuple[str, ...]:
        """The fields of which an entry only says that they changed: those that nobody has said may be shown."""
        return tuple(field.name for field in self.fields if field.name not in {*self.shown, *self.personal})

    @cached_property
    def relations(self) -> tuple[str, ...]:
        """What has to be loaded with many instances to record them without a query for each."""
        paths = [*self.targets, self.app or "", self.account]
        found = {relation for path in paths if (relation := self._relation(path))}
        return tuple(sorted(found | {field.name for field in self.fields if isinstance(field, ForeignKey)}))

    def _relation(self, path: str) -> str:
        steps: list[str] = []
        model: Any = self.model
        for step in path.split(".") if path else []:
            field = model._meta.get_field(step) if step in {f.name for f in model._meta.fields} else None
            if not isinstance(field, ForeignKey):
                break
            steps.append(step)
            model = field.related_model
        return "__".join(steps)


def follow(instance: Any, path: str) -> Any:
    """Return what a dotted path leads to from an instance."""
    return _follower(path)(instance)


@cache
def _follower(path: str) -> Callable[[Any], Any]:
    return attrgetter(path) if path else lambda instance: instance


def _account(account: DjangoModel, changes: Changes) -> Op | None:
    if {"held_at", "hold_reason"} & changes.keys():
        return Op.LOG_HOLD if follow(account, "held_at") else Op.LOG_RELEASE
    return Op.ORGANIZATION_PLAN_CHANGE if "plan" in changes else None


def _user(_: DjangoModel, changes: Changes) -> Op | None:
    if "erased_at" in changes:
        return Op.USER_ERASE
    if "password" in changes:
        return Op.USER_PASSWORD_CHANGE
    return Op.USER_SIGN_OUT if "sessions_ended" in changes else None


def _invitation(invitation: DjangoModel, changes: Changes) -> Op | None:
    state = Invitation.State
    answers: dict[Any, Op] = {
        state.ACCEPTED: Op.ORGANIZATION_MEMBER_INVITATION_ACCEPT,
        state.DECLINED: Op.ORGANIZATION_MEMBER_INVITATION_DECLINE,
        state.CANCELLED: Op.ORGANIZATION_MEMBER_INVITATION_CANCEL,
        state.EXPIRED: Op.ORGANIZATION_MEMBER_INVITATION_EXPIRE,
    }
    return answers.get(changes["state"][1]) if "state" in changes else None


def _token(_: DjangoModel, changes: Changes) -> Op | None:
    return Op.USER_TOKEN_REVOKE if changes.get("revoked_at", (None, None))[1] else None


def _app(_: DjangoModel, changes: Changes) -> Op | None:
    return Op.APPLICATION_TRANSFER if "account" in changes else None


def _new_app(app: DjangoModel, _: Changes) -> Op | None:
    return Op.APPLICATION_DUPLICATE if follow(app, "duplicated_from") else None


def _new_model_version(version: DjangoModel, _: Changes) -> Op | None:
    return Op.MODEL_VERSION_TRAIN if follow(version, "state") == ModelVersion.State.TRAINING else None


def _published(published: Op, unpublished: Op) -> Chooser:
    def choose(_: DjangoModel, changes: Changes) -> Op | None:
        before, after = changes.get("published_at", (None, None))
        return published if after and not before else unpublished if before and not after else None

    return choose


NAMED, DESCRIBED = ("slug", "name"), ("slug", "name", "description")
VERSION = ("slug", "description", "published_at")

# fmt: off
TRACKED = (
    Tracked(Plan, "plan", Op.PLAN_CREATE, Op.PLAN_UPDATE, Op.PLAN_DELETE, "account_id",
            shown=(*NAMED, "audit_log", "retention_days", "max_apps", "rank")),
    Tracked(Account, "organization", Op.ORGANIZATION_CREATE, Op.ORGANIZATION_UPDATE, Op.ORGANIZATION_DELETE, "pk",
            shown=(*NAMED, "kind", "plan", "second_factor_required", "held_at", "hold_reason"),
            silent=("held_by",),  # who it is, is who acts in the entry
            choose=_account),
    Tracked(User, "user", Op.USER_CREATE, Op.USER_UPDATE, Op.USER_DELETE, "home_id", name="slug",
            shown=("time_zone", "is_active", "is_staff", "sessions_ended", "erased_at"),
            personal=("slug", "email", "first_name", "last_name"),
            silent=("home", "theme"),  # how pages look to one person changes nothing for anybody else
            choose=_user),
    Tracked(SecondFactor, "second_factor", Op.USER_SECOND_FACTOR_ADD, Op.USER_UPDATE, Op.USER_SECOND_FACTOR_REMOVE,
            "user.home_id", targets=("user",), public_id="user.slug", name="user.slug",
            shown=("user", "codes_left"), silent=("recovery_codes", "last_step")),
    Tracked(Member, "member", Op.ORGANIZATION_MEMBER_ADD, Op.ORGANIZATION_MEMBER_CHANGE, Op.ORGANIZATION_MEMBER_REMOVE,
            "account_id", targets=("user", "role"), public_id="user.slug", name="user.slug",
            shown=("account", "user", "role")),
    Tracked(Invitation, "invitation", Op.ORGANIZATION_MEMBER_INVITATION_CREATE,
            Op.ORGANIZATION_MEMBER_INVITATION_CREATE, Op.ORGANIZATION_MEMBER_INVITATION_CANCEL, "account_id",
            targets=("", "role"), public_id="pk", name="masked_email", personal=("email",), silent=("invited_by",),
            shown=("account", "role", "state", "expires_at"), choose=_invitation),
    Tracked(Team, "team", Op.ORGANIZATION_TEAM_CREATE, Op.ORGANIZATION_TEAM_UPDATE, Op.ORGANIZATION_TEAM_DELETE,
            "account_id", shown=(*DESCRIBED, "account")),
    Tracked(TeamMember, "team_member", Op.ORGANIZATION_TEAM_MEMBER_ADD, Op.ORGANIZATION_TEAM_MEMBER_ADD,
            Op.ORGANIZATION_TEAM_MEMBER_REMOVE, "team.account_id", targets=("member.user", "team"), public_id="pk",
            name="pk", shown=("team", "member")),
    Tracked(TeamApp, "team_app", Op.ORGANIZATION_TEAM_APP_ADD, Op.ORGANIZATION_TEAM_APP_CHANGE,
            Op.ORGANIZATION_TEAM_APP_REMOVE, "team.account_id", "app", ("app", "team"), "pk", "pk",
            shown=("team", "app", "access")),
    Tracked(Token, "token", Op.USER_TOKEN_CREATE, Op.USER_TOKEN_UPDATE, Op.USER_TOKEN_REVOKE, "account_id",
            targets=("", "user"), shown=(*NAMED, "account", "user", "scopes", "revoked_at"), choose=_token),
    Tracked(App, "app", Op.APPLICATION_CREATE, Op.APPLICATION_UPDATE, Op.APPLICATION_DELETE, "account_id", "",
            ("",), shown=(*DESCRIBED, "account", "visibility", "duplicated_from"),
            choose_created=_new_app, choose=_app),
    Tracked(Module, "module", Op.MODULE_CREATE, Op.MODULE_UPDATE, Op.MODULE_DELETE, "app.account_id", "app",
            ("", "app"), shown=(*DESCRIBED, "app")),
    Tracked(ModuleVersion, "module_version", Op.MODULE_VERSION_CREATE, Op.MODULE_VERSION_UPDATE,
            Op.MODULE_VERSION_DELETE, "module.app.account_id", "module.app", ("", "module", "module.app"),
            name="slug", shown=(*VERSION, "module", "git_commit")),
    Tracked(Model, "model", Op.MODEL_CREATE, Op.MODEL_UPDATE, Op.MODEL_DELETE, "app.account_id", "app", ("", "app"),
            shown=(*DESCRIBED, "app", "kind", "visibility")),
    Tracked(ModelVersion, "model_version", Op.MODEL_VERSION_CREATE, Op.MODEL_VERSION_UPDATE, Op.MODEL_VERSION_DELETE,
            "model.app.account_id", "model.app", ("", "model", "model.app"), name="slug",
            shown=(*VERSION, "model", "state", "failure_reason"),
            choose_created=_new_model_version, choose=_published(Op.MODEL_VERSION_PUBLISH, Op.MODEL_VERSION_UNPUBLISH)),
    Tracked(Workflow, "workflow", Op.WORKFLOW_CREATE, Op.WORKFLOW_UPDATE, Op.WORKFLOW_DELETE, "app.account_id", "app",
            ("", "app"), shown=(*DESCRIBED, "app")),
    Tracked(WorkflowVersion, "workflow_version", Op.WORKFLOW_VERSION_CREATE, Op.WORKFLOW_VERSION_UPDATE,
            Op.WORKFLOW_VERSION_DELETE, "workflow.app.account_id", "workflow.app", ("", "workflow", "workflow.app"),
            name="slug", shown=(*VERSION, "workflow", "nodes"),
            choose=_published(Op.WORKFLOW_VERSION_PUBLISH, Op.WORKFLOW_VERSION_UNPUBLISH)),
    Tracked(Collaborator, "collaborator", Op.COLLABORATOR_ADD, Op.COLLABORATOR_UPDATE, Op.COLLABORATOR_REMOVE,
            "app.account_id", "app", ("user", "app"), "user.slug", "user.slug",
            shown=("app", "user", "scopes")),
    Tracked(ComputeCluster, "compute_cluster", Op.COMPUTE_CLUSTER_CREATE, Op.COMPUTE_CLUSTER_UPDATE,
            Op.COMPUTE_CLUSTER_DELETE, "account_id", shown=(*NAMED, "account", "provider", "region")),
    Tracked(Nodepool, "nodepool", Op.NODEPOOL_CREATE, Op.NODEPOOL_UPDATE, Op.NODEPOOL_DELETE, "cluster.account_id",
            targets=("", "cluster"), name="slug",
            shown=("slug", "cluster", "instance_type", "min_instances", "max_instances")),
    Tracked(Deployment, "deployment", Op.DEPLOYMENT_CREATE, Op.DEPLOYMENT_UPDATE, Op.DEPLOYMENT_DELETE,
            "nodepool.cluster.account_id", targets=("", "nodepool", "nodepool.cluster"), name="slug",
            shown=("slug", "nodepool", "model_version", "min_replicas", "max_replicas")),
    Tracked(SavedView, "view", Op.LOG_VIEW_SAVE, Op.LOG_VIEW_SAVE, Op.LOG_VIEW_SAVE, "account_id",
            shown=(*NAMED, "account", "query", "owner", "team", "is_default")),
)
# fmt: on

_BY_MODEL = {row.model: row for row in TRACKED}


def tracked_models() -> list[type[DjangoModel]]:
    """Return all tracked models."""
    return list(_BY_MODEL)


def row_for(model: type[DjangoModel]) -> Tracked:
    """Return how a model is tracked.

    Raises:
        KeyError: for a model that is not.
    """
    return _BY_MODEL[model]
