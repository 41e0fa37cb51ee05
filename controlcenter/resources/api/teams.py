"""Teams through the API: list, get, create, patch, delete."""

from typing import Self

from ninja import P, PathEx, Query, Router
from pydantic import BaseModel

from accounts.access import require
from accounts.models import Account, Member, Team
from accounts.roles import Permission
from accounts.tokens import TokenScope
from controlcenter.api import does
from controlcenter.batches import changing, creating, listed, one, saved
from controlcenter.calls import Call
from controlcenter.operations import Operation as Op
from controlcenter.wire import ACTION, AccountId, Action, Answer, Message, Page, Timestamp, about

router = Router(tags=["Teams"])

TeamId = PathEx[str, P(description="The team's id.", example="research")]
TEAMS = "/users/{account_id}/teams"
TEAM = f"{TEAMS}/{{team_id}}"


class TeamMessage(Message):
    """A named group of members."""

    columns = {"id": "slug", "name": "name", "description": "description"}

    id: str | None = about("Its id, which stays. Lower-case letters, digits and hyphens.", "research")
    name: str | None = about("What people call it. A new team that comes without is called by its id.", "Research")
    description: str | None = about("What it is for.", "Tries things out.")
    user_id: str | None = about("The account it belongs to; read-only.", "acme")
    created_at: Timestamp | None = about("When it was created; read-only.", "2026-11-02T09:30:00.000000Z")

    @classmethod
    def of(cls, team: Team, account: Account) -> Self:
        """Return a team as the wire has it."""
        return cls(
            id=team.slug,
            name=team.name,
            description=team.description,
            user_id=account.slug,
            created_at=team.created_at,
        )


EXAMPLE = {"id": "research", "name": "Research"}


class PostTeams(BaseModel):
    """Teams to create."""

    teams: list[TeamMessage] = about("The new teams.", [EXAMPLE], ...)


class PatchTeams(BaseModel):
    """Teams to change."""

    teams: list[TeamMessage] = about("The teams by their ids, with what is to change.", [EXAMPLE], ...)
    action: Action = ACTION


class DeleteTeams(BaseModel):
    """Teams to delete."""

    ids: list[str] = about("Their ids.", ["research"], ...)


class TeamsQuery(Page):
    """Which teams."""

    search: str = about("Only teams with this text in their id, name or description.", "research", "")


class TeamAnswer(Answer):
    """One team."""

    team: TeamMessage = about("The team.", EXAMPLE, ...)


class TeamsAnswer(Answer):
    """Several teams."""

    teams: list[TeamMessage] = about("The teams.", [EXAMPLE], ...)


@router.get(TEAMS, **does(TokenScope.TEAMS_READ, answers=TeamsAnswer))
def list_teams(request: Call, account_id: AccountId, query: Query[TeamsQuery]) -> TeamsAnswer:
    """Return teams of an account, by id."""
    account = request.auth.account
    found = Team.objects.for_account(account).matching(query.search).order_by("slug")
    return TeamsAnswer(teams=[TeamMessage.of(team, account) for team in listed(request, found, query)])


@router.get(TEAM, **does(TokenScope.TEAMS_READ, answers=TeamAnswer))
def get_team(request: Call, account_id: AccountId, team_id: TeamId) -> TeamAnswer:
    """Return one team."""
    return TeamAnswer(team=TeamMessage.of(team_of(request.auth, team_id), request.auth.account))


def team_of(member: Member, team_id: str) -> Team:
    """Return a team of the member's account. Raises ``Problem``."""
    return one(Team.objects.for_account(member.account), team_id)


@router.post(
    TEAMS, **does(TokenScope.TEAMS_WRITE, answers=TeamsAnswer, attempts=Op.ORGANIZATION_TEAM_CREATE, each="teams")
)
def post_teams(request: Call, account_id: AccountId, body: PostTeams) -> TeamsAnswer:
    """Create teams, all of them or none."""
    member, ids = request.auth, [message.id for message in body.teams]
    account = member.account
    with creating(member, Op.ORGANIZATION_TEAM_CREATE, ids, Team.objects.for_account(account)):
        require(member, Permission.MANAGE_TEAMS)
        made = [
            saved(Team(account=account, name=message.id or ""), message, f"teams[{number}]")
            for number, message in enumerate(body.teams)
        ]
    return TeamsAnswer(teams=[TeamMessage.of(team, account) for team in made])


@router.patch(
    TEAMS, **does(TokenScope.TEAMS_WRITE, answers=TeamsAnswer, attempts=Op.ORGANIZATION_TEAM_UPDATE, each="teams")
)
def patch_teams(request: Call, account_id: AccountId, body: PatchTeams) -> TeamsAnswer:
    """Change teams, all of them or none."""
    member, ids = request.auth, [message.id for message in body.teams]
    with changing(member, Op.ORGANIZATION_TEAM_UPDATE, ids, Team.objects.for_account(member.account)) as teams:
        require(member, Permission.MANAGE_TEAMS)
        for number, (team, message) in enumerate(zip(teams, body.teams, strict=True)):
            saved(team, message, f"teams[{number}]")
    return TeamsAnswer(teams=[TeamMessage.of(team, member.account) for team in teams])


@router.delete(TEAMS, **does(TokenScope.TEAMS_WRITE, answers=Answer, attempts=Op.ORGANIZATION_TEAM_DELETE, each="ids"))
def delete_teams(request: Call, account_id: AccountId, body: DeleteTeams) -> Answer:
    """Delete teams, all of them or none. Their members and apps stay; what the teams gave them goes."""
    return _delete(request.auth, body.ids)


@router.delete(TEAM, **does(TokenScope.TEAMS_WRITE, answers=Answer, attempts=Op.ORGANIZATION_TEAM_DELETE))
def delete_team(request: Call, account_id: AccountId, team_id: TeamId) -> Answer:
    """Delete one team. Its members and apps stay; what the team gave them goes."""
    return _delete(request.auth, [team_id])


def _delete(member: Member, ids: list[str]) -> Answer:
    rows = Team.objects.for_account(member.account)
    with changing(member, Op.ORGANIZATION_TEAM_DELETE, ids, rows) as teams:
        require(member, Permission.MANAGE_TEAMS)
        rows.filter(pk__in=[team.pk for team in teams]).delete()
    return Answer()
