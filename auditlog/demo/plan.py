"""Who does what when: the demo's history as steps, before anybody knows what exactly there will be to do it to."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from random import Random

from accounts.models import Invitation
from accounts.roles import Role
from controlcenter.resources.models import Model, Module, Workflow

from . import building, cast, managing, mishaps, people
from .building import one_of
from .rhythm import Rhythm
from .world import NOBODY, PLATFORM, Activity, Step

BUILDING = (
    (14, building.train),
    (5, partial(building.add_version, Model)),
    (9, partial(building.publish, Model)),
    (2, partial(building.unpublish, Model)),
    (5, partial(building.describe_version, Model)),
    (2, partial(building.remove_version, Model)),
    (4, partial(building.create, Model)),
    (4, partial(building.describe, Model)),
    (1, partial(building.rename, Model)),
    (1, building.share),
    (1, partial(building.remove, Model)),
    (10, partial(building.add_version, Workflow)),
    (6, partial(building.publish, Workflow)),
    (1, partial(building.unpublish, Workflow)),
    (3, partial(building.describe_version, Workflow)),
    (1, partial(building.remove_version, Workflow)),
    (3, partial(building.create, Workflow)),
    (3, partial(building.describe, Workflow)),
    (1, partial(building.rename, Workflow)),
    (1, partial(building.remove, Workflow)),
    (4, partial(building.add_version, Module)),
    (2, partial(building.describe_version, Module)),
    (1, partial(building.create, Module)),
    (1, partial(building.describe, Module)),
)
RUNNING = (
    (5, building.deploy),
    (4, building.scale),
    (1, building.withdraw),
    (1, managing.resize),
    (2, managing.edit_app),
    (1, managing.change_scopes),
    (1, managing.help_out),
    (1, managing.change_access),
    (1, managing.try_out),
)
LEADING = ((6, managing.view_log), (1, managing.export_log), (1, managing.describe_team))

WORK: dict[Role, Activity] = {
    cast.ADMINISTRATOR: one_of(*BUILDING, *RUNNING, *LEADING),
    cast.CONTRIBUTOR: one_of(*BUILDING, *RUNNING, (2, managing.view_log)),
    cast.TEAM_CONTRIBUTOR: one_of(*BUILDING, (3, managing.edit_app), (2, managing.view_log)),
    cast.USER: managing.view_log,
    cast.AUDITOR: one_of((6, managing.view_log), (1, managing.export_log)),
    cast.FINANCE: people.change_password,
}
RELEASE = one_of(
    (8, partial(building.add_version, Model)),
    (9, partial(building.publish, Model)),
    (6, building.deploy),
    (2, building.scale),
    (3, partial(building.publish, Workflow)),
)
INGEST = one_of((5, partial(building.add_version, Workflow)), (2, partial(building.add_version, Module)))

# How many of a person's steps fail.
FAILING = {cast.USER: 0.5, cast.FINANCE: 0.8, cast.AUDITOR: 0.06, cast.TEAM_CONTRIBUTOR: 0.06}
FAILING_OTHERS = 0.035
PAUSE = 95.0  # seconds between two operations of one sitting, on average
BREAK = 60.0
# Seconds before now: the demo is never without news.
NEWS = (2710, 2588, 2301, 2144, 1980, 1603, 1377, 1130, 902, 871, 640, 512, 431, 377, 240, 166, 103, 58, 31, 12, 4)
NEWS_FAILING = (7, 13, 18)


@dataclass
class Planner:
    """Plans one organization."""

    rng: Random
    organization: cast.Organization
    start: datetime
    now: datetime

    def __post_init__(self) -> None:
        self.staff = [person for person in cast.PEOPLE if person.organization == self.organization.slug]
        self.administrator = self.staff[0]
        self.tokens = [token for token in cast.TOKENS if token.organization == self.organization.slug]

    # What has to happen

    def milestones(self) -> Iterator[Step]:
        """Yield what the organization's story is made of."""
        slug, administrator = self.organization.slug, self.administrator.slug
        yield self.staff_step(0.002, partial(people.found, self.organization))
        yield self.staff_step(0.004, partial(people.appoint, self.administrator))
        yield from self._people()
        if self.organization.plan != self.organization.first_plan:
            yield self.step(20.3, administrator, partial(people.change_plan, self.organization.plan))
        for token in self.tokens:
            yield self.step(token.day, token.owner, partial(managing.issue, token))
        for cluster in cast.CLUSTERS:
            if cluster.organization == slug:
                yield self.step(6.1, administrator, partial(managing.build_cluster, cluster))
        yield from self._apps()
        yield from self._teams()
        for day in (61.4, 118.6, 150.3, 179.6):
            yield self.staff_step(day, managing.support)

    def _people(self) -> Iterator[Step]:
        inviter = self.administrator.slug
        for person in self.staff[1:]:
            yield self.step(person.day, inviter, partial(people.invite, person.email, person.role))
            joined = self.step(person.day + 0.06, person.slug, partial(people.accept, person))
            yield Step(joined.time - timedelta(seconds=48), joined.organization, NOBODY, joined.address, joined.agent,
                       partial(people.sign_up, person))  # fmt: skip
            yield joined
            if person.slug in cast.LEAVES:
                yield self.step(cast.LEAVES[person.slug], inviter, partial(people.leave, person.slug))
        for organization, email, role, state, day in cast.INVITATIONS:
            if organization != self.organization.slug:
                continue
            yield self.step(day, inviter, partial(people.invite, email, role))
            if state:
                who = inviter if state == Invitation.State.CANCELLED else NOBODY
                yield self.step(day + 2.2, who, partial(people.end_invitation, email, state))

    def _apps(self) -> Iterator[Step]:
        makers = [person for person in self.staff if person.role in (cast.ADMINISTRATOR, cast.CONTRIBUTOR)]
        for app in cast.APPS:
            if app.organization != self.organization.slug:
                continue
            present = [person for person in makers if person.day + 0.3 < app.day and person.slug not in cast.LEAVES]
            maker = self.rng.choice(present).slug
            yield self.step(app.day, maker, partial(managing.create_app, app))
            if app.last_day:
                yield self.step(app.last_day, self.administrator.slug, partial(managing.delete_app, app))
        own = {app.slug for app in cast.APPS if app.organization == self.organization.slug}
        for app_slug, person_slug, scopes, day in cast.COLLABORATORS:
            if app_slug in own:
                collaborate = partial(managing.collaborate, app_slug, person_slug, scopes)
                yield self.step(day, self.administrator.slug, collaborate)

    def _teams(self) -> Iterator[Step]:
        leader = self.administrator.slug
        days = {person.slug: person.day for person in self.staff} | {app.slug: app.day for app in cast.APPS}
        for team in cast.TEAMS:
            if team.organization != self.organization.slug:
                continue
            yield self.step(3.0, leader, partial(managing.create_team, team))
            for slug in team.members.split():
                day = max(3.01, days[slug] + 0.2)
                yield self.step(day, leader, partial(managing.add_to_team, team.slug, slug))
            for slug, access in team.apps.items():
                day = max(3.02, days[slug] + 0.1)
                yield self.step(day, leader, partial(managing.open_app, team.slug, slug, access))

    # What happens anyway

    def sittings(self, count: int) -> Iterator[Step]:
        """Yield about ``count`` steps of people at work, some of which fail."""
        rhythm = Rhythm(self.start, self.now, self.organization.hour)
        while count > 0:
            person = self.rng.choices(self.staff, [person.energy for person in self.staff])[0]
            begin = rhythm.draw(self.rng)
            day = (begin - self.start) / timedelta(days=1)
            if not person.day + 1.5 < day < cast.LEAVES.get(person.slug, cast.DAYS + 1):
                continue
            for step in self._sitting(person, begin):
                if step.time < self.now - timedelta(seconds=NEWS[0]):
                    count -= 1
                    yield step

    def _sitting(self, person: cast.Person, time: datetime) -> Iterator[Step]:
        address, agent = self._origin(person, time)

        def step(do: Activity, fails: bool = False) -> Step:
            return Step(time, self.organization.slug, person.slug, address, agent, do, fails)

        if self.rng.random() < 0.7:
            if self.rng.random() < 0.06:
                yield Step(time, self.organization.slug, NOBODY, address, agent,
                           partial(mishaps.fail_to_sign_in, person.slug), fails=True)  # fmt: skip
                time += timedelta(seconds=self.rng.uniform(7, 25))
            yield step(people.sign_in)
        for _ in range(1 + int(self.rng.expovariate(1 / 9))):
            time += timedelta(seconds=4 + self.rng.expovariate(1 / PAUSE))
            fails = self.rng.random() < FAILING.get(person.role, FAILING_OTHERS)
            yield step(self._mishap(person) if fails else WORK[person.role], fails)
        if self.rng.random() < 0.3:
            time += timedelta(seconds=self.rng.expovariate(1 / BREAK))
            yield step(people.sign_out)

    def _mishap(self, person: cast.Person) -> Activity:
        return mishaps.denied if person.role in (cast.USER, cast.FINANCE, cast.AUDITOR) else mishaps.MISHAPS

    def machines(self, count: int) -> Iterator[Step]:
        """Yield about ``count`` steps of tokens: releases in bursts on the nights of working days, ingestion daily."""
        names = {token.name for token in self.tokens}
        if not names >= {"ci-deploy", "nightly-ingest"}:
            return
        for day in range(3, cast.DAYS):
            midnight = (self.start + timedelta(days=day)).replace(hour=0, minute=0, second=0, microsecond=0)
            nights = count / (cast.DAYS - 3)
            if midnight.weekday() not in (5, 6):
                yield from self._burst("ci-deploy", midnight, (21, 27), nights * 0.98, 8.0, RELEASE)
            yield from self._burst("nightly-ingest", midnight, (2.1, 2.3), nights * 0.3, 40.0, INGEST)

    def _burst(
        self, token: str, midnight: datetime, hours: tuple[float, float], size: float, pause: float, do: Activity
    ) -> Iterator[Step]:
        time = midnight + timedelta(hours=self.rng.uniform(*hours))
        for _ in range(int(size * self.rng.uniform(0.4, 1.6) + self.rng.random())):
            time += timedelta(seconds=1 + self.rng.expovariate(1 / pause))
            broken = self.rng.random() < 0.02
            if time < self.now:
                yield self.token_step(token, time, mishaps.broken if broken else do, broken)

    def attacks(self, count: int) -> Iterator[Step]:
        """Yield a revoked token that goes on knocking, twice, and somebody who tries passwords."""
        if cast.REVOKED not in {token.name for token in self.tokens}:
            return
        yield self.step(cast.REVOKED_ON, self.administrator.slug, partial(managing.revoke, cast.REVOKED))
        lately = self.now.replace(hour=19, minute=41, second=7) - timedelta(days=3)
        for time in (self.at(cast.REVOKED_ON + 0.05), lately):
            for number in range(count // 2):
                moment = time + timedelta(seconds=number * 480 / count + self.rng.random())
                yield self.token_step(cast.REVOKED, moment, mishaps.hammer, fails=True)
        time = self.at(158.9)
        for number in range(count // 4):
            time += timedelta(seconds=2 + self.rng.random())
            guessed = self.staff[number % len(self.staff)].slug
            yield Step(time, self.organization.slug, NOBODY, "2001:db8:dead:1::66", "python-requests/2.32.3",
                       partial(mishaps.fail_to_sign_in, guessed), fails=True)  # fmt: skip

    def news(self) -> Iterator[Step]:
        """Yield what happened in the last minutes, whatever the hour."""
        busy = self.staff[:4]
        origins = [self._origin(person, self.now) for person in busy]
        for number, seconds in enumerate(NEWS):
            turn = number % len(busy)
            time, person = self.now - timedelta(seconds=seconds), busy[turn]
            fails = number in NEWS_FAILING
            do = people.sign_in if number < len(busy) else self._mishap(person) if fails else WORK[person.role]
            yield Step(time, self.organization.slug, person.slug, *origins[turn], do, fails)

    # Steps

    def at(self, day: float) -> datetime:
        """Return the time of a day of the story; its fraction counts from the beginning of the working day."""
        whole = int(day)
        begins = (self.start + timedelta(days=whole)).replace(hour=self.organization.hour)
        return begins + timedelta(days=day - whole, microseconds=self.rng.randrange(60_000_000))

    def step(self, day: float, who: str, do: Activity) -> Step:
        """Return a step of the story, by a person (or NOBODY) from where they work."""
        person = next((person for person in self.staff if person.slug == who), self.administrator)
        time = self.at(day)
        return Step(time, self.organization.slug, who, *self._origin(person, time), do)

    def staff_step(self, day: float, do: Activity) -> Step:
        """Return a step by support staff."""
        return Step(self.at(day), self.organization.slug, cast.SUPPORT, "192.0.2.150", cast.AGENTS[1], do)

    def token_step(self, name: str, time: datetime, do: Activity, fails: bool) -> Step:
        """Return a step by a token, from where it always works."""
        token = next(token for token in self.tokens if token.name == name)
        return Step(time, self.organization.slug, name, token.address, token.agent, do, fails)

    def _origin(self, person: cast.Person, time: datetime) -> tuple[str, str]:
        """Return address and program: in the office, at home, or now and then on the way."""
        number = cast.PEOPLE.index(person) + 1
        agent, at_work = cast.AGENTS[number % len(cast.AGENTS)], 0 <= (time.hour - self.organization.hour) % 24 < 10
        chance = self.rng.random()
        if chance < 0.07:
            address = f"2001:db8:c0a8:{self.rng.randrange(1, 400):x}::{number:x}"
            return address, cast.PHONES[number % 2]
        if at_work and chance < 0.75:
            return (self.organization.office if chance < 0.5 else f"{self.organization.network}::{number:x}"), agent
        return (f"203.0.113.{10 + 4 * number}" if number % 2 else f"2001:db8:900:{number:x}::7"), agent


def plan(rng: Random, start: datetime, now: datetime, entries: int) -> list[Step]:
    """Return the steps of about ``entries`` entries, in the order of time."""
    steps = list(_prologue(start))
    for organization in cast.ORGANIZATIONS:
        planner = Planner(rng, organization, start, now)
        share = int(entries * organization.share)
        needed = [*planner.milestones(), *planner.news(), *planner.attacks(max(12, share // 50))]
        machines = list(planner.machines(share // 5))
        # Of the rest people do all but what follows from it: training reports, and deletions that take others along.
        rest = max(0, share - len(needed) - len(machines))
        steps += needed + machines + list(planner.sittings(int(rest * OWN_SHARE)))
    return sorted((step for step in steps if start <= step.time < now), key=lambda step: step.time)


OWN_SHARE = 0.75


def _prologue(start: datetime) -> Iterator[Step]:
    """Yield what happens on the platform itself."""
    yield Step(start, "", PLATFORM, None, "", partial(people.sign_up, cast.STAFF))
    settled = start + timedelta(days=cast.CONTRACTOR.day)
    agent = cast.AGENTS[2]
    yield Step(settled, "contractor", NOBODY, "203.0.113.201", agent, partial(people.settle, cast.CONTRACTOR))
    person, last_name, day = cast.MARRIES
    yield Step(start + timedelta(days=day, hours=9), "acme", person, "198.51.100.24", agent,
               partial(people.marry, person, last_name))  # fmt: skip
