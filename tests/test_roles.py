"""The role table, one test per cell, against a copy of the one that was agreed."""

import pytest
from django.core.exceptions import PermissionDenied

from accounts.roles import Permission, Reach, Role, RoleDenied, reach_of, roles_with

# Written out again on purpose: it must not follow what it checks.
ROLES = ["Administrator", "Organization contributor", "Team contributor", "Organization user", "Auditor"]
ROLES += ["Financial manager"]
AGREED = """
READ_LOG              all  own entries  own entries         own entries  all  no
EXPORT_LOG            all  no           no                  no           all  no
MANAGE_MEMBERS        all  no           no                  no           no   no
MANAGE_TEAMS          all  all          no                  no           no   no
MANAGE_APPS           all  all          no                  no           no   no
TRANSFER_APPS         all  no           no                  no           no   no
EDIT_APPS             all  all          their teams' apps   no           no   no
MANAGE_RESOURCES      all  all          their teams' apps   no           no   no
MANAGE_COLLABORATORS  all  all          no                  no           no   no
MANAGE_COMPUTE        all  all          no                  no           no   no
MANAGE_ACCOUNT        all  no           no                  no           no   no
HOLD_LOG              all  no           no                  no           no   no
SEE_PLAN              all  no           no                  no           no   all
"""
CELLS = [
    (permission, role, reach.strip())
    for permission, *reaches in (
        [part for part in line.split("  ") if part.strip()] for line in AGREED.strip().splitlines()
    )
    for role, reach in zip(ROLES, reaches, strict=True)
]


@pytest.mark.parametrize(("permission", "role", "reach"), CELLS, ids=lambda part: part)
def test_a_role_reaches_as_far_as_agreed(permission: str, role: str, reach: str) -> None:
    [member_role] = [one for one in Role if one.label == role]
    assert reach_of(member_role, Permission[permission]) == reach


def test_every_cell_was_agreed_on() -> None:
    assert {(permission, role) for permission, role, _ in CELLS} == {
        (permission.name, role.label) for permission in Permission for role in Role
    }


def test_a_denial_says_who_may() -> None:
    denied = RoleDenied(Permission.EXPORT_LOG)
    assert isinstance(denied, PermissionDenied)
    assert denied.code == "role_denied"
    assert {role.label for role in Role if role.label in denied.sentence} == {"Administrator", "Auditor"}


def test_a_denial_says_how_far_a_role_goes() -> None:
    assert RoleDenied(Permission.EDIT_APPS).sentence == (
        "Only the roles Administrator, Organization contributor and Team contributor (their teams' apps) may edit apps."
    )


@pytest.mark.parametrize("permission", Permission)
def test_every_permission_is_somebodys(permission: Permission) -> None:
    assert Role.ADMINISTRATOR in roles_with(permission)
    assert RoleDenied(permission).sentence.endswith(".")
    assert all(reach_of(role, permission) is not Reach.NONE for role in roles_with(permission))
