"""Invitations through the API: invite, list, resend, cancel. Who is invited answers on the page that the mail links."""

from collections.abc import Iterable
from itertools import groupby
from typing import Annotated, Literal, Self

from django.db import transaction
from django.db.models import CharField, QuerySet
from django.db.models.functions import Cast
from ninja import P, PathEx, Query, Router
from pydantic import BaseModel, StringConstraints

from accounts.access import require
from accounts.invitations import mail
from accounts.models import Account, Invitation, Member
from accounts.roles import Permission, Role
from accounts.tokens import TokenScope
from controlcenter.api import does
from controlcenter.batches import changing, creating, listed, one
from controlcenter.calls import Call
from controlcenter.operations import Operation as Op
from controlcenter.problems import Problem
from controlcenter.wire import AccountId, Answer, Message, Page, Timestamp, about

from .members import RoleName

router = Router(tags=["Invitations"])

InvitationId = PathEx[str, P(description="The invitation's id.", example="42")]
Address = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=1)]
INVITATIONS = "/users/{account_id}/invitations"
INVITATION = f"{INVITATIONS}/{{invitation_id}}"
MOST = Invitation.MOST_AT_ONCE


class InvitationMessage(Message):
    """An e-mail address asked to join an organization."""

    id: str = about("Its id.", "42", ...)
    email: str = about("Who is invited.", "nina@acme.example", ...)
    role: RoleName = about("What they will be.", "organization_user", ...)
    state: str = about("pending, accepted, declined, cancelled or expired.", "pending", ...)
    invited_by: str | None = about("The user id of who invited; missing when they are gone.", "olga")
    created_at: Timestamp = about("When it was made.", "2026-11-02T09:30:00.000000Z", ...)
    expires_at: Timestamp = about("Until when it can be accepted.", "2026-11-16T09:30:00.000000Z", ...)
    mail_sent: bool | None = about(
        "After inviting and resending: whether the mail server took the mail. If not, resend the invitation.", True
    )

    @classmethod
    def of(cls, invitation: Invitation, mail_sent: bool | None = None) -> Self:
        """Return an invitation as the wire has it. The link in its mail is for who is invited, and nobody else."""
        return cls(
            id=str(invitation.pk),
            email=invitation.email,
            role=Role(invitation.role),
            state=invitation.state,
            invited_by=invitation.invited_by.slug if invitation.invited_by else None,
            created_at=invitation.created_at,
            expires_at=invitation.expires_at,
            mail_sent=mail_sent,
        )


EXAMPLE = {"email": "nina@acme.example", "role": "organization_user"}


class NewInvitation(Message):
    """Somebody to invite."""

    email: Address = about("Their e-mail address.", "nina@acme.example", ...)
    role: RoleName = about("What they will be.", "organization_user", Role.ORGANIZATION_USER)


class PostInvitations(BaseModel):
    """People to invite."""

    invitations: list[NewInvitation] = about(f"The people, up to {MOST} at once.", [EXAMPLE], ..., max_length=MOST)


class InvitationsQuery(Page):
    """Which invitations."""

    state: Literal["", "pending", "accepted", "declined", "cancelled", "expired"] = about(
        "Only those in this state; left out, those that can be resent or cancelled: pending and expired.",
        "pending",
        "",
    )
    search: str = about("Only invitations with this text in their address or role.", "acme.example", "")


class InvitationAnswer(Answer):
    """One invitation."""

    invitation: InvitationMessage = about("The invitation.", EXAMPLE, ...)


class InvitationsAnswer(Answer):
    """Several invitations."""

    invitations: list[InvitationMessage] = about("The invitations.", [EXAMPLE], ...)


@router.get(INVITATIONS, **does(TokenScope.MEMBERS_READ, answers=InvitationsAnswer))
def list_invitations(request: Call, account_id: AccountId, query: Query[InvitationsQuery]) -> InvitationsAnswer:
    """Return invitations to an account, newest first."""
    require(request.auth, Permission.MANAGE_MEMBERS)
    rows = Invitation.objects.for_account(request.auth.account)
    rows.expire_overdue()
    wanted = rows.filter(state=query.state) if query.state else rows.open()
    found = wanted.matching(query.search).select_related("invited_by").order_by("-pk")
    return InvitationsAnswer(invitations=[InvitationMessage.of(each) for each in listed(request, found, query)])


@router.get(INVITATION, **does(TokenScope.MEMBERS_READ, answers=InvitationAnswer))
def get_invitation(request: Call, account_id: AccountId, invitation_id: InvitationId) -> InvitationAnswer:
    """Return one invitation."""
    require(request.auth, Permission.MANAGE_MEMBERS)
    Invitation.objects.for_account(request.auth.account).expire_overdue()
    return InvitationAnswer(invitation=InvitationMessage.of(one(_by_id(request.auth.account), invitation_id)))


@router.post(
    INVITATIONS,
    **does(
        TokenScope.MEMBERS_WRITE,
        answers=InvitationsAnswer,
        attempts=Op.ORGANIZATION_MEMBER_INVITATION_CREATE,
        each="invitations",
    ),
)
def post_invitations(request: Call, account_id: AccountId, body: PostInvitations) -> InvitationsAnswer:
    """Invite people by their e-mail addresses, all of them or none. Each gets a mail with a link, good for 14 days."""
    member, unnamed = request.auth, [None] * len(body.invitations)  # The log outlives the right to know who it was.
    with creating(member, Op.ORGANIZATION_MEMBER_INVITATION_CREATE, unnamed, None):
        require(member, Permission.MANAGE_MEMBERS)
        _refuse_twice([new.email for new in body.invitations])
        invited = _invite(member, body.invitations)
    return InvitationsAnswer(invitations=_mailed(request, invited))


def _refuse_twice(emails: list[str]) -> None:
    for number, email in enumerate(emails):
        if email in emails[:number]:
            raise Problem("invalid", f"invitations[{number}].email stands in the list already: send it once.")


def _invite(member: Member, new: list[NewInvitation]) -> list[Invitation]:
    """Invite everybody with their own role, and return the invitations in the order asked for."""
    with transaction.atomic():
        by_role = groupby(sorted(new, key=lambda each: each.role), key=lambda each: each.role)
        invited = {
            invitation.email: invitation
            for role, those in by_role
            for invitation in Invitation.invite_all(member.account, [each.email for each in those], role, member.user)
        }
    return [invited[each.email] for each in new]


def _mailed(request: Call, invitations: Iterable[Invitation]) -> list[InvitationMessage]:
    """Send the mails of what is committed now, and return the invitations as the wire has them."""
    unsent = {invitation.pk for invitation in mail(request, invitations)}
    return [InvitationMessage.of(invitation, invitation.pk not in unsent) for invitation in invitations]


@router.post(
    f"{INVITATION}/resend",
    **does(TokenScope.MEMBERS_WRITE, answers=InvitationAnswer, attempts=Op.ORGANIZATION_MEMBER_INVITATION_CREATE),
)
def post_invitation_resend(request: Call, account_id: AccountId, invitation_id: InvitationId) -> InvitationAnswer:
    """Send an invitation again, for another 14 days. The link in the mail before stops working."""
    member = request.auth
    rows = _by_id(member.account)
    with changing(member, Op.ORGANIZATION_MEMBER_INVITATION_CREATE, [invitation_id], rows) as [invitation]:
        require(member, Permission.MANAGE_MEMBERS)
        invitation.resend()
    [message] = _mailed(request, [invitation])
    return InvitationAnswer(invitation=message)


@router.delete(
    INVITATION,
    **does(TokenScope.MEMBERS_WRITE, answers=InvitationAnswer, attempts=Op.ORGANIZATION_MEMBER_INVITATION_CANCEL),
)
def delete_invitation(request: Call, account_id: AccountId, invitation_id: InvitationId) -> InvitationAnswer:
    """Cancel an invitation; the link in its mail stops working."""
    member = request.auth
    rows = _by_id(member.account)
    with changing(member, Op.ORGANIZATION_MEMBER_INVITATION_CANCEL, [invitation_id], rows) as [invitation]:
        require(member, Permission.MANAGE_MEMBERS)
        invitation.cancel()
    return InvitationAnswer(invitation=InvitationMessage.of(invitation))


def _by_id(account: Account) -> QuerySet[Invitation]:
    """Return the invitations of an account with ``slug``, their id as the wire has it."""
    rows = Invitation.objects.for_account(account).select_related("account", "invited_by")
    return rows.annotate(slug=Cast("pk", CharField()))
