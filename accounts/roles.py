"""The role table: who may do what in an account. Deny by default."""

from enum import StrEnum

from django.core.exceptions import PermissionDenied
from django.db.models import TextChoices


class Role(TextChoices):
    """A member's role, most powerful first."""

    ADMINISTRATOR = "administrator", "Administrator"
    ORGANIZATION_CONTRIBUTOR = "organization_contributor", "Organization contributor"
    TEAM_CONTRIBUTOR = "team_contributor", "Team contributor"
    ORGANIZATION_USER = "organization_user", "Organization user"
    AUDITOR = "auditor", "Auditor"
    FINANCIAL_MANAGER = "financial_manager", "Financial manager"


class Permission(StrEnum):
    """Something that a role may or may not do; the value completes "Only … may"."""

    READ_LOG = "read the log"
    EXPORT_LOG = "export or verify the log"
    MANAGE_MEMBERS = "invite, change or remove members"
    MANAGE_TEAMS = "manage teams"
    MANAGE_APPS = "create, duplicate or delete apps"
    TRANSFER_APPS = "transfer apps"
    EDIT_APPS = "edit apps"
    MANAGE_RESOURCES = "change models, workflows and modules"
    MANAGE_COLLABORATORS = "manage collaborators"
    MANAGE_COMPUTE = "manage compute"
    MANAGE_ACCOUNT = "change settings and plan, or delete the organization"
    HOLD_LOG = "put the log on legal hold or release it"
    SEE_PLAN = "see plan and billing"


class Reach(StrEnum):
    """How far a permission goes."""

    NONE = "no"
    OWN = "own entries"
    TEAM = "their teams' apps"
    ALL = "all"


NO, OWN, TEAM, ALL = Reach.NONE, Reach.OWN, Reach.TEAM, Reach.ALL

# fmt: off
#                                  Admini- Organization  Team         Organization  Auditor  Financial
#                                  strator contributor   contributor  user                   manager
TABLE: dict[Permission, tuple[Reach, ...]] = {
    Permission.READ_LOG:             (ALL,   OWN,          OWN,         OWN,          ALL,     NO),
    Permission.EXPORT_LOG:           (ALL,   NO,           NO,          NO,           ALL,     NO),
    Permission.MANAGE_MEMBERS:       (ALL,   NO,           NO,          NO,           NO,      NO),
    Permission.MANAGE_TEAMS:         (ALL,   ALL,          NO,          NO,           NO,      NO),
    Permission.MANAGE_APPS:          (ALL,   ALL,          NO,          NO,           NO,      NO),
    Permission.TRANSFER_APPS:        (ALL,   NO,           NO,          NO,           NO,      NO),
    Permission.EDIT_APPS:            (ALL,   ALL,          TEAM,        NO,           NO,      NO),
    Permission.MANAGE_RESOURCES:     (ALL,   ALL,          TEAM,        NO,           NO,      NO),
    Permission.MANAGE_COLLABORATORS: (ALL,   ALL,          NO,          NO,           NO,      NO),
    Permission.MANAGE_COMPUTE:       (ALL,   ALL,          NO,          NO,           NO,      NO),
    Permission.MANAGE_ACCOUNT:       (ALL,   NO,           NO,          NO,           NO,      NO),
    Permission.HOLD_LOG:             (ALL,   NO,           NO,          NO,           NO,      NO),
    Permission.SEE_PLAN:             (ALL,   NO,           NO,          NO,           NO,      ALL),
}
# fmt: on


def reach_of(role: Role, permission: Permission) -> Reach:
    """Return how far ``role`` carries ``permission``."""
    return TABLE[permission][list(Role).index(role)]


def table() -> list[tuple[Permission, list[Reach]]]:
    """Return the role table as people read it: for each permission how far each role carries it."""
    return [(permission, list(TABLE[permission])) for permission in Permission]


def roles_with(permission: Permission) -> list[Role]:
    """Return the roles that carry the permission, as far as it goes."""
    return [role for role in Role if reach_of(role, permission) is not Reach.NONE]


class RoleDenied(PermissionDenied):
    """A member's role does not carry a permission."""

    code = "role_denied"

    def __init__(self, permission: Permission) -> None:
        labels = [
            f"{role.label} ({reach})" if (reach := reach_of(role, permission)) is Reach.TEAM else role.label
            for role in roles_with(permission)
        ]
        who = f"the roles {', '.join(labels[:-1])} and {labels[-1]}" if labels[1:] else f"the role {labels[0]}"
        self.sentence = f"Only {who} may {permission}."
        super().__init__(self.sentence)
