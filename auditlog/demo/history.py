"""The demo's history: what happens once, and on top of it the work of every day, played in the order of time."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import cache, partial
from random import Random
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import connection

from accounts.models import Account, Invitation, Member, Plan, Team, TeamMember, Token, User
from accounts.roles import Role
from auditlog.partitions import make_partitions
from controlcenter.resources.models import App, Collaborator, ComputeCluster, Nodepool, TeamApp

from . import cast, everyday
from .world import NOBODY, Activity, Turn, World

SEED = 1956
PEOPLE = (*cast.PEOPLE, cast.STAFF, cast.CONTRACTOR)
SLUGS, EMAILS = [person.slug for person in PEOPLE], [person.email for person in PEOPLE]
ENERGY = {cast.ADMINISTRATOR: 8, cast.CONTRIBUTOR: 10, cast.TEAM_CONTRIBUTOR: 9}  # of the others: 1
NEWS = range(2650, 0, -120)  # seconds before now: the demo is never without news


def is_seeded() -> bool:
    """Say whether the whole demo is there: the users' last sign-ins are written when everything else is. One query."""
    return bool(User.objects.filter(email=cast.STAFF.email, last_login__isnull=False).exists())


def is_begun() -> bool:
    """Say whether a part of the demo is there."""
    return bool(User.objects.filter(email__in=EMAILS).exists())


def holds_others() -> bool:
    """Say whether there is anybody else's account or user, who must not live beside people with a known password."""
    ours = [organization.slug for organization in cast.ORGANIZATIONS]
    accounts = Account.objects.exclude(pk=Account.PLATFORM_ID).exclude(slug__in=ours)
    return bool(accounts.exists() or User.objects.exclude(email__in=EMAILS).exists())


def seed(entries: int, now: datetime, progress: Callable[[list[Turn]], Iterable[Turn]] = iter) -> None:
    """Play the history that ends at ``now`` and leaves about ``entries`` entries."""
    start = (now - timedelta(days=cast.DAYS)).replace(hour=6, minute=0, second=0, microsecond=0)
    make_partitions(start.date(), now.date())
    with connection.cursor() as cursor:  # Each failure is a commit; a crash may forget the last ones.
        cursor.execute("SET synchronous_commit TO off")
    rng = Random(SEED)  # noqa: S311  (the same demo every time)
    turns: list[Turn] = []
    for organization in cast.ORGANIZATIONS:
        turns += Story(rng, organization, start, now).turns(
            int(entries * organization.share * 0.97)
        )  # deletions take others along
    World(rng, start).play(progress(sorted((turn for turn in turns if turn.time < now), key=lambda turn: turn.time)))


class Story:
    """Whose turn it is when in one organization. Days count from the first one's opening hour."""

    def __init__(self, rng: Random, organization: Any, start: datetime, now: datetime) -> None:
        self.rng, self.organization, self.now = rng, organization, now
        self.opening = start.replace(hour=organization.opens)
        self.staff = [person for person in cast.PEOPLE if person.organization == organization.slug]
        self.leader = self.staff[0].slug
        self.tokens = {token.name: token for token in self._own(cast.TOKENS)}

    def turns(self, count: int) -> list[Turn]:
        """Return about ``count`` turns, in no order."""
        planned = [*self._founding(), *self._people(), *self._apps(), *self._tokens()]
        needed = [self._turn(self._at(day), who, do) for day, who, do in planned]
        needed += [*self._news(), *self._bursts(count), *self._trainings(count // 12)]
        return [*needed, *self._sittings(count - len(needed))]

    # What happens once: day, who, what

    def _founding(self) -> Iterator[tuple[float, str, Activity]]:
        yield 0, cast.STAFF.slug, partial(found, self.organization, self.staff[0])
        for cluster in self._own(cast.CLUSTERS):
            yield 6.1, self.leader, partial(build_cluster, cluster)
        plan = self.organization.plan
        yield 20.3, self.leader, lambda world: world.change(world.account, plan=Plan.objects.get(slug=plan))
        for day in (61.4, 118.6, 179.6):
            yield day, cast.STAFF.slug, everyday.sign_in
            yield day + 0.001, cast.STAFF.slug, everyday.support_view

    def _people(self) -> Iterator[tuple[float, str, Activity]]:
        for person in self.staff[1:]:
            yield person.day, self.leader, partial(invite, person.email, person.role)
            yield person.day + 0.1, person.slug, partial(join, person, self.leader)
        for _, email, role, day in self._own(cast.PENDING_INVITATIONS):
            yield day, self.leader, partial(invite, email, role)
        if self.organization.slug == "acme":
            yield -0.02, NOBODY, partial(sign_up, cast.STAFF)
            yield cast.CONTRACTOR.day, NOBODY, partial(sign_up, cast.CONTRACTOR)
            slug, day = cast.LEAVES
            yield day, self.leader, lambda world: world.delete(world.members[slug], world.account, "Left the company")
            who, last_name, day = cast.MARRIES
            yield day, who, lambda world: world.change(world.users[who], last_name=last_name)

    def _apps(self) -> Iterator[tuple[float, str, Activity]]:
        for app in self._own(cast.APPS):
            makers = [person.slug for person in self.staff if person.role in cast.MAKERS and person.day + 1 < app.day]
            yield app.day, self.rng.choice([self.leader, *makers]), partial(create_app, app)
            if app.last_day:
                yield app.last_day, self.leader, partial(delete_app, app.slug)
        for _, slug, person, scopes, day in self._own(cast.COLLABORATORS):
            yield day, self.leader, partial(collaborate, slug, person, scopes)

    def _tokens(self) -> Iterator[tuple[float, str, Activity]]:
        for token in self.tokens.values():
            yield token.day, token.owner, partial(issue_token, token)
        if cast.REVOKED in self.tokens:
            yield cast.REVOKED_ON, self.leader, revoke_token
            for day in (cast.REVOKED_ON + 0.04, cast.DAYS - 3.3):
                yield from ((day + number / 7000, cast.REVOKED, everyday.hammer) for number in range(60))

    # What happens every day

    def _sittings(self, count: int) -> Iterator[Turn]:
        """Yield about ``count`` turns of people who sit down to work, mostly in office hours."""
        weights = [ENERGY.get(person.role, 1) for person in self.staff]
        while count > 0:
            person = self.rng.choices(self.staff, weights)[0]
            last = cast.LEAVES[1] - 1 if person.slug == cast.LEAVES[0] else cast.DAYS
            for turn in self._sitting(person, self._working_time(person.day + 1.5, last)):
                count -= 1
                yield turn

    def _working_time(self, first: float, last: float) -> datetime:
        """Return some time between two days, likeliest in office hours."""
        while True:
            time = self._at(self.rng.uniform(first, last))
            hour = (time.hour - self.organization.opens) % 24
            busy = 1.0 if hour < 9 else 0.2 if hour < 14 else 0.02
            if self.rng.random() < (busy if time.weekday() < 5 else busy / 10):
                return time

    def _sitting(self, person: cast.Person, time: datetime) -> Iterator[Turn]:
        if self.rng.random() < 0.05:
            yield self._turn(time, NOBODY, partial(everyday.fail_to_sign_in, person.slug))
        activities: list[Activity] = [everyday.sign_in]
        activities += [*[everyday.WORK[person.role]] * self.rng.randint(3, 24), everyday.sign_out]
        for activity in activities[: None if self.rng.random() < 0.4 else -1]:
            time += timedelta(seconds=8 + self.rng.expovariate(1 / 90))
            if time < self.now - timedelta(seconds=NEWS[0]):
                yield self._turn(time, person.slug, activity)

    def _news(self) -> Iterator[Turn]:
        """Yield what happened in the last minutes, whatever the hour."""
        for number, seconds in enumerate(NEWS):
            person = self.staff[number % min(4, len(self.staff))]
            do = everyday.WORK[person.role] if number >= 4 else everyday.sign_in
            yield self._turn(self.now - timedelta(seconds=seconds), person.slug, do)

    def _bursts(self, count: int) -> Iterator[Turn]:
        """Yield the work of tokens at night: releases after working days, ingestion daily."""
        for day in range(3, cast.DAYS) if "ci-deploy" in self.tokens else ():
            evening = (self.opening + timedelta(days=day)).replace(hour=21)
            if evening.weekday() < 5:
                time = evening + timedelta(hours=self.rng.uniform(0, 6))
                yield from self._burst(time, "ci-deploy", everyday.RELEASING, count // 500)
            yield from self._burst(evening + timedelta(hours=5.1), "nightly-ingest", everyday.INGESTING, count // 1000)

    def _burst(self, time: datetime, token: str, do: Activity, most: int) -> Iterator[Turn]:
        for _ in range(self.rng.randint(0, most)):
            time += timedelta(seconds=self.rng.uniform(2, 20))
            yield self._turn(time, token, do)

    def _trainings(self, count: int) -> Iterator[Turn]:
        """Yield reports on how trainings ended."""
        trainer = next(token.name for token in self.tokens.values() if "models:train" in token.scopes)
        for _ in range(count):
            yield self._turn(self._working_time(3, cast.DAYS), trainer, everyday.REPORTING)

    # Turns

    def _own(self, rows: Iterable[Any]) -> list[Any]:
        return [row for row in rows if row[0] == self.organization.slug]

    def _at(self, day: float) -> datetime:
        return self.opening + timedelta(days=day, seconds=self.rng.uniform(0, 1))

    def _turn(self, time: datetime, who: str, do: Activity) -> Turn:
        """Return the turn of a person or token, from where they are at that time."""
        slug = self.organization.slug
        if token := self.tokens.get(who):
            return Turn(time, slug, who, token.address, token.agent, do)
        number = SLUGS.index(who) if who else 0
        at_work = 0 <= time.hour - self.organization.opens < 9
        address = self.organization.office if at_work else f"2001:db8:900:{number:x}::7"
        return Turn(time, slug, who, address, cast.AGENTS[number % len(cast.AGENTS)], do)


# Organizations and people


def found(organization: Any, leader: cast.Person, world: World) -> None:
    """Create an organization and its first administrator."""
    plan = Plan.objects.get(slug=organization.first_plan)
    account = world.add(Account(slug=organization.slug, name=organization.name, plan=plan))
    world.accounts[organization.slug] = account
    sign_up(leader, world)
    become_member(leader, world)
    for team in cast.TEAMS:
        if team.organization == organization.slug:
            world.add(Team(account=account, slug=team.slug, name=team.name), account, by=leader.slug)


def sign_up(person: cast.Person, world: World) -> None:
    """Create a user; most of them can't sign in."""
    password = _password() if person.signs_in else make_password(None)
    row = User(email=person.email, password=password, slug=person.slug, is_staff=person == cast.STAFF)
    row.first_name, row.last_name = person.first_name, person.last_name
    row.home = world.accounts.get(person.organization)
    world.users[person.slug] = world.add(row, by=NOBODY)


@cache
def _password() -> str:
    return make_password(cast.DEMO_PASSWORD)  # slow on purpose


def become_member(person: cast.Person, world: World) -> None:
    """Make a user a member of their organization."""
    row = Member(account=world.account, user=world.users[person.slug], role=person.role)
    world.members[person.slug] = world.add(row, world.account)


def invite(email: str, role: Role, world: World) -> None:
    """Ask an address to join."""
    row = Invitation(account=world.account, email=email, role=role, invited_by=world.users[world.turn.who])
    row.expires_at = world.turn.time + timedelta(days=14)
    world.add(row, row.account)


def join(person: cast.Person, leader: str, world: World) -> None:
    """Sign up, accept the invitation, and be put into teams."""
    sign_up(person, world)
    invitation = next(row for row in world.parts(Invitation, world.account) if row.email == person.email)
    world.change(invitation, state=Invitation.State.ACCEPTED)
    become_member(person, world)
    for team, row in teams(world):
        if person.slug in team.members.split():
            world.add(TeamMember(team=row, member=world.members[person.slug]), by=leader)


def teams(world: World) -> list[tuple[Any, Team]]:
    """Return the organization's teams, each with its line in the cast."""
    return [(team, row) for row in world.parts(Team, world.account) for team in cast.TEAMS if team.slug == row.slug]


# Apps, tokens and compute


def create_app(app: Any, world: World) -> None:
    """Create an app, or duplicate it from another one without what is in that; open it to its teams."""
    if app.duplicate_of:
        with world.doing("POST", f"apps/{app.duplicate_of}/duplicate/"):
            row = world.know(find_app(app.duplicate_of, world).duplicate(app.slug, app.slug, parts=()), world.account)
    else:
        row = App(account=world.account, slug=app.slug, name=app.slug, description=app.description)
        row.visibility = app.visibility
        world.add(row, world.account)
    for team, team_row in teams(world):
        if app.slug in team.apps:
            world.add(TeamApp(team=team_row, app=row, access=team.apps[app.slug]))


def find_app(slug: str, world: World) -> App:
    """Return an app by its id."""
    return next(app for app in world.parts(App, world.account) if app.slug == slug)


def delete_app(slug: str, world: World) -> None:
    """Delete an app with all that is in it, after what is deployed from it."""
    app = find_app(slug, world)
    for row in [row for row in everyday.deployments(world) if row.model_version.model.app == app]:
        world.delete(row, world.account)
    world.delete(app, world.account, "Nobody has used it for weeks")


def collaborate(slug: str, person: str, scopes: str, world: World) -> None:
    """Ask a user from outside into an app."""
    world.add(Collaborator(app=find_app(slug, world), user=world.users[person], scopes=scopes.split()))


def issue_token(token: Any, world: World) -> None:
    """Create a token; nobody keeps its secret."""
    with world.doing("POST", "tokens/"):
        row, _ = Token.issue(world.users[token.owner], world.account, token.name, token.scopes.split())
    world.tokens[token.name] = world.know(row)


def revoke_token(world: World) -> None:
    """Revoke the token that goes on being used."""
    world.change(world.tokens[cast.REVOKED], revoked_at=world.turn.time)


def build_cluster(cluster: Any, world: World) -> None:
    """Create a compute cluster with its nodepools."""
    _, slug, name, provider, region, nodepools = cluster
    row = world.add(ComputeCluster(account=world.account, slug=slug, name=name, provider=provider, region=region))
    for pool, instance_type in nodepools.items():
        world.add(Nodepool(cluster=row, slug=pool, instance_type=instance_type, max_instances=4), world.account)
