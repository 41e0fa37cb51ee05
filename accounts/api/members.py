"""Members through the API: list, get, change roles, remove."""

from typing import Annotated, Self

from ninja import P, PathEx, Query, Router
from pydantic import BaseModel, WithJsonSchema

from accounts.access import require
from accounts.models import Member
from accounts.roles import Permission, Role
from accounts.tokens import TokenScope
from controlcenter.api import does
from controlcenter.batches import changing, listed, one
from controlcenter.calls import Call
from controlcenter.operations import Operation as Op
from controlcenter.wire import ACTION, AccountId, Action, Answer, Message, Page, Timestamp, about

router = Router(tags=["Members"])

UserId = PathEx[str, P(description="The member's user id.", example="max")]
RoleName = Annotated[Role, WithJsonSchema({"type": "string", "enum": Role.values})]
MEMBERS = "/users/{account_id}/members"
MEMBER = f"{MEMBERS}/{{user_id}}"


class MemberMessage(Message):
    """Somebody who belongs to an organization."""

    id: str = about("The person's user id.", "max", ...)
    first_name: str = about("First name.", "Max", ...)
    last_name: str = about("Last name.", "Member", ...)
    email: str = about("E-mail address.", "max@acme.example", ...)
    role: RoleName = about("What they may do.", "organization_contributor", ...)
    created_at: Timestamp = about("Since when they belong to it.", "2026-11-02T09:30:00.000000Z", ...)

    @classmethod
    def of(cls, member: Member) -> Self:
        """Return a member, with the user, as the wire has it."""
        user = member.user
        return cls(
            id=user.slug,
            first_name=user.first_name,
            last_name=user.last_name,
            email=user.email,
            role=Role(member.role),
            created_at=member.created_at,
        )


EXAMPLE = {"id": "max", "role": "auditor"}


class MemberRole(Message):
    """Another role for a member."""

    id: str = about("The person's user id.", "max", ...)
    role: RoleName = about("The new role.", "auditor", ...)


class PatchMembers(BaseModel):
    """Members to change."""

    members: list[MemberRole] = about("The members by their user ids, with their new roles.", [EXAMPLE], ...)
    action: Action = ACTION


class DeleteMembers(BaseModel):
    """Members to remove."""

    ids: list[str] = about("Their user ids.", ["max"], ...)


class MembersQuery(Page):
    """Which members."""

    search: str = about("Only members with this text in their name, user id, e-mail address or role.", "max", "")


class MemberAnswer(Answer):
    """One member."""

    member: MemberMessage = about("The member.", EXAMPLE, ...)


class MembersAnswer(Answer):
    """Several members."""

    members: list[MemberMessage] = about("The members.", [EXAMPLE], ...)


@router.get(MEMBERS, **does(TokenScope.MEMBERS_READ, answers=MembersAnswer))
def list_members(request: Call, account_id: AccountId, query: Query[MembersQuery]) -> MembersAnswer:
    """Return members of an account, by user id."""
    found = Member.objects.for_account(request.auth.account).matching(query.search).order_by("slug")
    return MembersAnswer(members=[MemberMessage.of(member) for member in listed(request, found, query)])


@router.get(MEMBER, **does(TokenScope.MEMBERS_READ, answers=MemberAnswer))
def get_member(request: Call, account_id: AccountId, user_id: UserId) -> MemberAnswer:
    """Return one member."""
    return MemberAnswer(member=MemberMessage.of(one(Member.objects.for_account(request.auth.account), user_id)))


@router.patch(
    MEMBERS,
    **does(TokenScope.MEMBERS_WRITE, answers=MembersAnswer, attempts=Op.ORGANIZATION_MEMBER_CHANGE, each="members"),
)
def patch_members(request: Call, account_id: AccountId, body: PatchMembers) -> MembersAnswer:
    """Change the roles of members, all of them or none. An organization keeps an administrator."""
    member, ids = request.auth, [message.id for message in body.members]
    rows = Member.objects.for_account(member.account)
    with changing(member, Op.ORGANIZATION_MEMBER_CHANGE, ids, rows) as members:
        require(member, Permission.MANAGE_MEMBERS)
        roles = [(who, message.role) for who, message in zip(members, body.members, strict=True)]
        for who, role in sorted(roles, key=lambda pair: pair[1] != Role.ADMINISTRATOR):  # First who will be there.
            who.change_role(role)
    return MembersAnswer(members=[MemberMessage.of(who) for who in members])


@router.delete(
    MEMBERS, **does(TokenScope.MEMBERS_WRITE, answers=Answer, attempts=Op.ORGANIZATION_MEMBER_REMOVE, each="ids")
)
def delete_members(request: Call, account_id: AccountId, body: DeleteMembers) -> Answer:
    """Remove members, all of them or none, with their places in teams and their tokens for the account."""
    return _remove(request.auth, body.ids)


@router.delete(MEMBER, **does(TokenScope.MEMBERS_WRITE, answers=Answer, attempts=Op.ORGANIZATION_MEMBER_REMOVE))
def delete_member(request: Call, account_id: AccountId, user_id: UserId) -> Answer:
    """Remove one member. To remove oneself is to leave, which every role may."""
    return _remove(request.auth, [user_id])


def _remove(member: Member, ids: list[str]) -> Answer:
    with changing(member, Op.ORGANIZATION_MEMBER_REMOVE, ids, Member.objects.for_account(member.account)) as members:
        if any(who.pk != member.pk for who in members):
            require(member, Permission.MANAGE_MEMBERS)
        for who in members:
            who.remove()
    return Answer()
