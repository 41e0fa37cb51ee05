"""What administrators do with teams, tokens, apps and compute; and who reads the log."""

from accounts.models import Team, TeamMember, Token
from accounts.roles import Permission
from auditlog.events import Event, Target
from auditlog.recorder import record_events
from auditlog.sentences import sentence_for
from controlcenter.context import current
from controlcenter.operations import Operation
from controlcenter.resources.models import App, Collaborator, ComputeCluster, Nodepool, Scope, TeamApp

from . import cast
from .building import another, withdraw_one
from .world import Step, World

# Teams


def create_team(team: cast.Team, world: World, step: Step) -> bool:
    """Create a team without members."""
    with world.doing(step, "teams/"):
        world.add(Team.objects.create(account=world.account(step), slug=team.slug, name=team.name))
    return True


def add_to_team(team: str, person: str, world: World, step: Step) -> bool:
    """Put a member into a team."""
    row = world.team(step.organization, team)
    with world.doing(step, f"teams/{team}/members/"):
        world.add(TeamMember.objects.create(team=row, member=world.members[step.organization, person]))
    return True


def open_app(team: str, app: str, access: TeamApp.Access, world: World, step: Step) -> bool:
    """Give a team access to an app."""
    row, granted = world.team(step.organization, team), world.app(step.organization, app)
    if granted is None:
        return False
    with world.doing(step, f"teams/{team}/apps/"):
        world.add(TeamApp.objects.create(team=row, app=granted, access=access))
    return True


def describe_team(world: World, step: Step) -> bool:
    """Say what a team is for."""
    teams = world.parts(Team, world.account(step))
    if not teams:
        return False
    team = world.rng.choice(teams)
    descriptions = [f"{team.name} at {team.account.name}", f"Everybody who works on {team.name.lower()}", ""]
    with world.doing(step, f"teams/{team.slug}/", "PATCH"):
        team.description = another(world, descriptions, team.description)
        team.save(update_fields=["description"])
    return True


def change_access(world: World, step: Step) -> bool:
    """Change the access of a team that does not have all of it."""
    teams = world.parts(Team, world.account(step))
    rows = [row for team in teams for row in world.parts(TeamApp, team) if row.access != cast.FULL]
    if not rows:
        return False
    row = world.rng.choice(rows)
    with world.doing(step, f"teams/{row.team.slug}/apps/{row.app.slug}/", "PATCH"):
        row.access = another(world, [cast.TRAINER, cast.LEAD, cast.WORKER], row.access)
        row.save(update_fields=["access"])
    return True


def help_out(world: World, step: Step) -> bool:
    """Put a contributor into one more team, or take them out again."""
    teams, organization = world.parts(Team, world.account(step)), step.organization
    contributors = [
        row for (where, _), row in world.members.items() if where == organization and row.role == cast.CONTRIBUTOR
    ]
    if not teams or not contributors:
        return False
    team, member = world.rng.choice(teams), world.rng.choice(contributors)
    place = next((place for place in world.parts(TeamMember, team) if place.member_id == member.pk), None)
    if place is None:
        return add_to_team(team.slug, member.user.slug, world, step)
    world.batch.renew()
    with world.doing(step, f"teams/{team.slug}/members/{member.user.slug}/", "DELETE"):
        world.forget(place)
        place.delete()
    return True


# Tokens


def issue(token: cast.Token, world: World, step: Step) -> bool:
    """Create a token; nobody keeps its secret."""
    with world.doing(step, "tokens/"):
        row, _ = Token.issue(world.users[token.owner], world.account(step), token.name, token.scopes.split())
        world.tokens[token.name] = row
        world.add(row)
    return True


def revoke(token: str, world: World, step: Step) -> bool:
    """Revoke a token, which goes on being used: see ``mishaps.hammer``."""
    row = world.tokens[token]
    with world.doing(step, f"tokens/{row.slug}/revoke/", reason="Leaked in a build log") as time:
        row.revoked_at = time
        row.save(update_fields=["revoked_at"])
    return True


def try_out(world: World, step: Step) -> bool:
    """Create a token for a notebook, or revoke the one from last time."""
    user, account = world.users[step.who], world.account(step)
    mine = [row for row in world.parts(Token, account) if row.user_id == user.pk and row.name.startswith("notebook")]
    open_ones = [row for row in mine if row.revoked_at is None]
    if open_ones:
        with world.doing(step, f"tokens/{open_ones[0].slug}/revoke/") as time:
            open_ones[0].revoked_at = time
            open_ones[0].save(update_fields=["revoked_at"])
        return True
    with world.doing(step, "tokens/"):
        row, _ = Token.issue(user, account, f"notebook-{user.slug}-{len(mine) + 1}", ["apps:read", "models:read"])
        world.add(row)
    return True


# Apps and their collaborators


def create_app(app: cast.App, world: World, step: Step) -> bool:
    """Create an app, or duplicate it from another."""
    original = world.app(step.organization, app.duplicate_of)
    with world.doing(step, f"apps/{app.duplicate_of}/duplicate/" if original else "apps/new/"):
        if original:
            row = original.duplicate(app.slug, app.slug)
            _add_copies(row, world)
        else:
            row = App(account=world.account(step), slug=app.slug, name=app.slug, description=app.description)
            row.visibility = app.visibility
            row.save()
            world.add(row)
    return True


def _add_copies(app: App, world: World) -> None:
    world.add(app)
    for resources in (app.models, app.workflows, app.modules):
        for resource in resources.all():
            world.add(resource)
            for version in resource.versions.all():
                world.add(version)


def delete_app(app: cast.App, world: World, step: Step) -> bool:
    """Delete an app with all that is in it, after what is deployed from it."""
    row = world.app(step.organization, app.slug)
    if row is None:
        return False
    for deployment in world.deployments(row.account):
        if deployment.model_version.model.app_id == row.pk:
            withdraw_one(deployment, world, step)
    world.batch.renew()
    with world.doing(step, f"apps/{app.slug}/delete/", reason=world.rng.choice(cast.REASONS)):
        world.forget(row)
        row.delete()
    return True


def edit_app(world: World, step: Step) -> bool:
    """Write another description of an app, or put back the first."""
    app = world.app_for(step, Permission.EDIT_APPS)
    if app is None:
        return False
    original = next(row.description for row in cast.APPS if row.slug == app.slug)
    member = world.members.get((step.organization, world.rng.choice(list(world.users))))
    owner = f"{original} (ask {member.user.first_name})" if member else original
    with world.doing(step, f"apps/{app.slug}/edit/"):
        app.description = another(world, [original, owner, f"{original}, in production"], app.description)
        app.save(update_fields=["description"])
        world.changed(app)
    return True


def collaborate(app: str, person: str, scopes: str, world: World, step: Step) -> bool:
    """Ask a user from outside into an app."""
    row = world.app(step.organization, app)
    if row is None or person not in world.users:
        return False
    with world.doing(step, f"apps/{app}/collaborators/"):
        collaborator = Collaborator.objects.create(app=row, user=world.users[person], scopes=scopes.split())
        world.add(collaborator)
    return True


def change_scopes(world: World, step: Step) -> bool:
    """Let a collaborator do more, or less."""
    apps = world.parts(App, world.account(step))
    rows = [row for app in apps for row in world.parts(Collaborator, app)]
    if not rows:
        return False
    row = world.rng.choice(rows)
    with world.doing(step, f"apps/{row.app.slug}/collaborators/{row.user.slug}/", "PATCH"):
        chosen = world.rng.choice([scope.value for scope in Scope if scope != Scope.APPS_READ])
        scopes = {*row.scopes} ^ {chosen} | {Scope.APPS_READ.value}
        row.scopes = sorted(scopes)
        row.save(update_fields=["scopes"])
    return True


# Compute


def build_cluster(cluster: cast.Cluster, world: World, step: Step) -> bool:
    """Create a compute cluster with its nodepools."""
    with world.doing(step, "compute/"):
        row = ComputeCluster.objects.create(
            account=world.account(step),
            slug=cluster.slug,
            name=cluster.name,
            provider=cluster.provider,
            region=cluster.region,
        )
        world.add(row)
    for slug, instance_type in cluster.nodepools.items():
        with world.doing(step, f"compute/{cluster.slug}/nodepools/"):
            nodepool = Nodepool.objects.create(cluster=row, slug=slug, instance_type=instance_type, max_instances=4)
            world.add(nodepool)
    return True


def resize(world: World, step: Step) -> bool:
    """Let a nodepool grow or shrink."""
    rows = world.nodepools(world.account(step))
    if not rows:
        return False
    row = world.rng.choice(rows)
    with world.doing(step, f"compute/{row.cluster.slug}/nodepools/{row.slug}/", "PATCH"):
        row.max_instances = another(world, [2, 3, 4, 6, 8, 12], row.max_instances)
        row.min_instances = min(row.min_instances, row.max_instances)
        row.save(update_fields=["max_instances", "min_instances"])
    return True


# The log


def view_log(world: World, step: Step) -> bool:
    """Look at the log through a filter."""
    return _read_log(Operation.LOG_VIEW, world.rng.choice(cast.LOG_QUERIES), world, step)


def export_log(world: World, step: Step) -> bool:
    """Export the log."""
    return _read_log(Operation.LOG_EXPORT, world.rng.choice(cast.LOG_QUERIES), world, step)


def support(world: World, step: Step) -> bool:
    """Open a customer's log as support staff."""
    return _read_log(Operation.LOG_SUPPORT_VIEW, "", world, step)


def _read_log(operation: Operation, query: str, world: World, step: Step) -> bool:
    path = "/admin/auditlog/entry/" if operation is Operation.LOG_SUPPORT_VIEW else "teams-and-logs/"
    targets = [Target("filter", query, query)] if query else []
    with world.doing(step, path, "GET") as time:
        sentence = sentence_for(operation, query)
        record_events([Event(operation, world.account(step).pk, time, current(), targets=targets, sentence=sentence)])
    return True
