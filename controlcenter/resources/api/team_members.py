"""Who is in a team, through the API: list, add, remove."""

from django.db.models import F, QuerySet
from ninja import Query, Router
from pydantic import BaseModel

from accounts.access import require
from accounts.api.members import MemberMessage, MembersAnswer, MembersQuery
from accounts.models import Member, Team, TeamMember
from accounts.roles import Permission
from accounts.tokens import TokenScope
from controlcenter.api import does
from controlcenter.batches import changing, creating, listed, several
from controlcenter.calls import Call
from controlcenter.operations import Operation as Op
from controlcenter.wire import AccountId, Answer, Message, about

from .teams import TEAM, TeamId, team_of

router = Router(tags=["Teams"])

TEAM_MEMBERS = f"{TEAM}/members"


class MemberId(Message):
    """A member of the account."""

    id: str = about("Their user id.", "max", ...)


class PostTeamMembers(BaseModel):
    """Members to add to a team."""

    members: list[MemberId] = about("The members.", [{"id": "max"}], ...)


class DeleteTeamMembers(BaseModel):
    """Members to take out of a team."""

    ids: list[str] = about("Their user ids.", ["max"], ...)


@router.get(TEAM_MEMBERS, **does(TokenScope.TEAMS_READ, answers=MembersAnswer))
def list_team_members(
    request: Call, account_id: AccountId, team_id: TeamId, query: Query[MembersQuery]
) -> MembersAnswer:
    """Return the members of a team, by user id."""
    inside = Member.objects.for_account(request.auth.account).inside(team_of(request.auth, team_id))
    found = inside.matching(query.search).order_by("slug")
    return MembersAnswer(members=[MemberMessage.of(member) for member in listed(request, found, query)])


@router.post(
    TEAM_MEMBERS,
    **does(TokenScope.TEAMS_WRITE, answers=MembersAnswer, attempts=Op.ORGANIZATION_TEAM_MEMBER_ADD, each="members"),
)
def post_team_members(request: Call, account_id: AccountId, team_id: TeamId, body: PostTeamMembers) -> MembersAnswer:
    """Add members of the account to a team, all of them or none."""
    member, team, ids = request.auth, team_of(request.auth, team_id), [message.id for message in body.members]
    with creating(member, Op.ORGANIZATION_TEAM_MEMBER_ADD, ids, None, parent=team):
        require(member, Permission.MANAGE_TEAMS)
        team.hold()
        added = several(Member.objects.for_account(member.account), ids)
        team.take_in(added)
    return MembersAnswer(members=[MemberMessage.of(who) for who in added])


@router.delete(
    TEAM_MEMBERS,
    **does(TokenScope.TEAMS_WRITE, answers=Answer, attempts=Op.ORGANIZATION_TEAM_MEMBER_REMOVE, each="ids"),
)
def delete_team_members(request: Call, account_id: AccountId, team_id: TeamId, body: DeleteTeamMembers) -> Answer:
    """Take members out of a team, all of them or none. They stay members of the account."""
    member, rows = request.auth, _places(team := team_of(request.auth, team_id))
    with changing(member, Op.ORGANIZATION_TEAM_MEMBER_REMOVE, body.ids, rows, team) as places:
        require(member, Permission.MANAGE_TEAMS)
        TeamMember.objects.filter(pk__in=[place.pk for place in places]).delete()
    return Answer()


def _places(team: Team) -> QuerySet[TeamMember]:
    """Return the places in a team with ``slug``, the user's."""
    return TeamMember.objects.filter(team=team).annotate(slug=F("member__user__slug"))
