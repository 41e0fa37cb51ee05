"""What apps a team comes to, and what it may do there, through the API: list, add, patch, remove."""

from itertools import groupby
from typing import Annotated, Self

from ninja import Query, Router
from pydantic import BaseModel, WithJsonSchema

from accounts.access import require
from accounts.models import Member, Team
from accounts.roles import Permission
from accounts.tokens import TokenScope
from controlcenter.api import does
from controlcenter.batches import changing, creating, listed, saved, several
from controlcenter.calls import Call
from controlcenter.operations import Operation as Op
from controlcenter.wire import ACTION, AccountId, Action, Answer, Message, Page, about

from ..models import App, TeamApp, TeamAppQuerySet
from .teams import TEAM, TeamId, team_of

router = Router(tags=["Teams"])

Access = Annotated[TeamApp.Access, WithJsonSchema({"type": "string", "enum": TeamApp.Access.values})]
TEAM_APPS = f"{TEAM}/apps"
LEVELS = "`full` and `model_trainer` may change models, workflows and modules."


class TeamAppMessage(Message):
    """A team's access to an app."""

    columns = {"id": "slug", "access": "access"}

    id: str = about("The app's id.", "vision", ...)
    access: Access | None = about(f"What the team may do there; a new one that comes without: full. {LEVELS}", "full")
    name: str | None = about("The app's name; read-only.", "Vision")

    @classmethod
    def of(cls, given: TeamApp) -> Self:
        """Return an access, with its app, as the wire has it."""
        return cls(id=given.app.slug, name=given.app.name, access=TeamApp.Access(given.access))


EXAMPLE = {"id": "vision", "access": "full"}


class PostTeamApps(BaseModel):
    """Apps to give a team access to."""

    apps: list[TeamAppMessage] = about("The apps, with the access to each.", [EXAMPLE], ...)


class PatchTeamApps(BaseModel):
    """Accesses to change."""

    apps: list[TeamAppMessage] = about("The apps by their ids, with the new access to each.", [EXAMPLE], ...)
    action: Action = ACTION


class DeleteTeamApps(BaseModel):
    """Apps to take from a team."""

    ids: list[str] = about("The apps' ids.", ["vision"], ...)


class TeamAppsQuery(Page):
    """Which apps of a team."""

    search: str = about("Only apps with this text in their id, name or description.", "vision", "")


class TeamAppsAnswer(Answer):
    """Apps that a team has access to."""

    apps: list[TeamAppMessage] = about("The apps, with the access to each.", [EXAMPLE], ...)


@router.get(TEAM_APPS, **does(TokenScope.TEAMS_READ, answers=TeamAppsAnswer))
def list_team_apps(
    request: Call, account_id: AccountId, team_id: TeamId, query: Query[TeamAppsQuery]
) -> TeamAppsAnswer:
    """Return the apps that a team has access to, by id."""
    found = _accesses(team_of(request.auth, team_id)).matching(query.search).order_by("slug")
    return TeamAppsAnswer(apps=[TeamAppMessage.of(given) for given in listed(request, found, query)])


@router.post(
    TEAM_APPS,
    **does(TokenScope.TEAMS_WRITE, answers=TeamAppsAnswer, attempts=Op.ORGANIZATION_TEAM_APP_ADD, each="apps"),
)
def post_team_apps(request: Call, account_id: AccountId, team_id: TeamId, body: PostTeamApps) -> TeamAppsAnswer:
    """Give a team access to apps of the account, to all of them or none."""
    member, team, ids = request.auth, team_of(request.auth, team_id), [message.id for message in body.apps]
    with creating(member, Op.ORGANIZATION_TEAM_APP_ADD, ids, None, parent=team):
        require(member, Permission.MANAGE_TEAMS)
        team.hold()
        _give(member, team, body.apps)
    return TeamAppsAnswer(apps=[TeamAppMessage.of(given) for given in several(_accesses(team), ids)])


def _give(member: Member, team: Team, messages: list[TeamAppMessage]) -> None:
    apps = several(App.objects.for_account(member.account), [message.id for message in messages])
    pairs = [(app, message.access or TeamApp.Access.FULL) for app, message in zip(apps, messages, strict=True)]
    for access, those in groupby(sorted(pairs, key=lambda pair: pair[1]), key=lambda pair: pair[1]):
        TeamApp.give(team, [app for app, _ in those], access)


@router.patch(
    TEAM_APPS,
    **does(TokenScope.TEAMS_WRITE, answers=TeamAppsAnswer, attempts=Op.ORGANIZATION_TEAM_APP_CHANGE, each="apps"),
)
def patch_team_apps(request: Call, account_id: AccountId, team_id: TeamId, body: PatchTeamApps) -> TeamAppsAnswer:
    """Change what a team may do in apps, in all of them or none."""
    member, team, ids = request.auth, team_of(request.auth, team_id), [message.id for message in body.apps]
    with changing(member, Op.ORGANIZATION_TEAM_APP_CHANGE, ids, _accesses(team), team) as accesses:
        require(member, Permission.MANAGE_TEAMS)
        for number, (given, message) in enumerate(zip(accesses, body.apps, strict=True)):
            saved(given, message, f"apps[{number}]")
    return TeamAppsAnswer(apps=[TeamAppMessage.of(given) for given in accesses])


@router.delete(
    TEAM_APPS,
    **does(TokenScope.TEAMS_WRITE, answers=Answer, attempts=Op.ORGANIZATION_TEAM_APP_REMOVE, each="ids"),
)
def delete_team_apps(request: Call, account_id: AccountId, team_id: TeamId, body: DeleteTeamApps) -> Answer:
    """Take apps from a team, all of them or none. The apps themselves stay."""
    member, team = request.auth, team_of(request.auth, team_id)
    with changing(member, Op.ORGANIZATION_TEAM_APP_REMOVE, body.ids, _accesses(team), team) as accesses:
        require(member, Permission.MANAGE_TEAMS)
        TeamApp.objects.filter(pk__in=[given.pk for given in accesses]).delete()
    return Answer()


def _accesses(team: Team) -> TeamAppQuerySet:
    return TeamApp.objects.for_team(team).select_related("app", "team")
