"""What there is at a moment of the demo's history: kept in memory, so that only operations ask the database."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID

from django.db import connection, models, transaction

from accounts.models import Account, Invitation, Member, Team, TeamMember, Token, User
from accounts.roles import Permission, Reach
from controlcenter.context import ANONYMOUS, SYSTEM, Actor, Where, acting_as, together
from controlcenter.resources.models import (
    App,
    Collaborator,
    ComputeCluster,
    Deployment,
    Model,
    ModelVersion,
    Module,
    ModuleVersion,
    Nodepool,
    TeamApp,
    Workflow,
    WorkflowVersion,
)

from . import cast

M = TypeVar("M", bound=models.Model)

OPERATIONS_AT_ONCE = 200
PROXY = "192.0.2.10"
NOBODY, PLATFORM = "nobody", "system"

# What each kind of row is a part of.
OWNERS: dict[type[models.Model], str] = {
    Invitation: "account",
    Team: "account",
    TeamMember: "team",
    Token: "account",
    App: "account",
    Model: "app",
    ModelVersion: "model",
    Workflow: "app",
    WorkflowVersion: "workflow",
    Module: "app",
    ModuleVersion: "module",
    Collaborator: "app",
    TeamApp: "team",
    ComputeCluster: "account",
    Nodepool: "cluster",
    Deployment: "nodepool",
}


@dataclass(frozen=True, slots=True)
class Step:
    """Something somebody will do at a time. ``who`` is a person's slug, a token's name, NOBODY or PLATFORM."""

    time: datetime
    organization: str
    who: str
    address: str | None
    agent: str
    do: "Activity"
    fails: bool = False


Activity = Callable[["World", Step], bool]
"""Does it and returns True, or False when there is nothing to do it to."""


class Batch:
    """Operations that share a transaction and one INSERT of entries. Failures need a transaction of their own."""

    def __init__(self) -> None:
        self._stack, self._size = ExitStack(), 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, _)

    def open(self) -> None:
        """Make sure that a transaction is open for one more operation."""
        if self._size >= OPERATIONS_AT_ONCE:
            self.close()
        if not self._size:
            self._stack.enter_context(transaction.atomic())
            self._stack.enter_context(together())
        self._size += 1

    def close(self) -> None:
        """Write what is collected and commit."""
        self._stack.close()
        self._size = 0

    def renew(self) -> None:
        """Write what is collected before a row changes its name or goes: collected changes read it when written."""
        self.close()
        self.open()


class World:
    """The rows there are, by what they are a part of."""

    def __init__(self, rng: Random, start: datetime) -> None:
        self.rng, self.time = rng, start
        self.batch = Batch()
        self.accounts: dict[str, Account] = {}
        self.users: dict[str, User] = {}
        self.members: dict[tuple[str, str], Member] = {}
        self.tokens: dict[str, Token] = {}
        self.later: list[Step] = []
        self.used_at: dict[str, datetime] = {}
        self._parts: defaultdict[tuple[type[models.Model], int], list[Any]] = defaultdict(list)
        self._made_at: defaultdict[type[models.Model], dict[int, datetime]] = defaultdict(dict)
        self._changed_at: defaultdict[type[models.Model], dict[int, datetime]] = defaultdict(dict)

    # Who and where

    @contextmanager
    def doing(self, step: Step, path: str, method: str = "POST", reason: str = "") -> Iterator[datetime]:
        """Enter the context of one operation, later than all before it; give its time.

        Args:
            path: below the organization's address; from the root when it begins with a slash.
        """
        self.time = max(step.time, self.time + timedelta(microseconds=self.rng.randrange(900, 30_000)))
        self.used_at[step.who] = self.time
        root = f"/v2/users/{step.organization}/" if step.who in self.tokens else f"/@{step.organization}/"
        where = Where(
            source_ip=step.address,
            peer_ip=PROXY if step.address else None,
            forwarded_for=step.address or "",
            user_agent=step.agent,
            request_id=UUID(int=self.rng.getrandbits(128), version=4).hex if step.address else "",
            method=method if step.address else "",
            path=(path if path.startswith("/") else root + path) if step.address else "",
        )
        with acting_as(self.actor(step.who), where, at=self.time, reason=reason):
            yield self.time

    def actor(self, who: str) -> Actor:
        """Return somebody as an actor, named as they are now."""
        if who in self.tokens:
            return self.tokens[who].as_actor()
        return {NOBODY: ANONYMOUS, PLATFORM: SYSTEM}.get(who) or self.users[who].as_actor()

    def account(self, step: Step) -> Account:
        """Return the account that a step takes place in."""
        return self.accounts[step.organization]

    def member(self, step: Step) -> Member | None:
        """Return the membership of who takes a step, with a token or without."""
        token = self.tokens.get(step.who)
        return self.members.get((step.organization, token.user.slug if token else step.who))

    # What there is

    def add(self, row: models.Model) -> None:
        """Know a row that was just created."""
        if type(row) in OWNERS:
            owner = getattr(row, OWNERS[type(row)])
            self._parts[type(row), owner.pk].append(row)
        self._made_at[type(row)][row.pk] = self.time

    def changed(self, row: models.Model) -> None:
        """Note that a row was changed just now."""
        self._changed_at[type(row)][row.pk] = self.time

    def replace(self, row: M, newer: M) -> None:
        """Know a row by another instance from now on."""
        parts = self._parts[type(row), getattr(row, OWNERS[type(row)]).pk]
        parts[parts.index(row)] = newer

    def forget(self, row: models.Model) -> None:
        """Forget a row, with all that is part of it, before it is deleted."""
        self._parts[type(row), getattr(row, OWNERS[type(row)]).pk].remove(row)
        self._forget_parts(row)
        if isinstance(row, App):
            for team in self.parts(Team, row.account):
                access = self._parts[TeamApp, team.pk]
                access[:] = [entry for entry in access if entry.app_id != row.pk]

    def _forget_parts(self, row: models.Model) -> None:
        for kind, owner in OWNERS.items():
            if kind._meta.get_field(owner).related_model is type(row):
                for part in self._parts.pop((kind, row.pk), []):
                    self._forget_parts(part)

    def parts(self, kind: type[M], owner: models.Model) -> list[M]:
        """Return the rows of a kind that are part of ``owner``, oldest first."""
        return self._parts[kind, owner.pk]

    def app(self, organization: str, slug: str) -> App | None:
        """Return an app by its id."""
        return next((app for app in self.parts(App, self.accounts[organization]) if app.slug == slug), None)

    def team(self, organization: str, slug: str) -> Team:
        """Return a team by its id."""
        return next(team for team in self.parts(Team, self.accounts[organization]) if team.slug == slug)

    def app_for(self, step: Step, permission: Permission = Permission.MANAGE_RESOURCES) -> App | None:
        """Return an app that who takes the step may do this to, likelier a popular one."""
        member = self.member(step)
        if member is None:
            return None
        apps = self.parts(App, member.account)
        match member.reach(permission):
            case Reach.TEAM:
                allowed = self._team_apps(member)
                apps = [app for app in apps if app.pk in allowed]
            case Reach.NONE:
                return None
        return self.any_app(apps)

    def any_app(self, apps: list[App]) -> App | None:
        """Return one of some apps, likelier a popular one."""
        return self.rng.choices(apps, [_POPULARITY.get(app.slug, 3) for app in apps])[0] if apps else None

    def _team_apps(self, member: Member) -> set[int]:
        return {
            access.app_id
            for team in self.parts(Team, member.account)
            if any(place.member_id == member.pk for place in self.parts(TeamMember, team))
            for access in self.parts(TeamApp, team)
            if access.access in TeamApp.MAY_CHANGE_MODELS
        }

    def nodepools(self, account: Account) -> list[Nodepool]:
        """Return all nodepools of an account."""
        clusters = self.parts(ComputeCluster, account)
        return [nodepool for cluster in clusters for nodepool in self.parts(Nodepool, cluster)]

    def deployments(self, account: Account) -> list[Deployment]:
        """Return all deployments of an account."""
        return [part for nodepool in self.nodepools(account) for part in self.parts(Deployment, nodepool)]

    # Afterwards

    def backdate(self) -> None:
        """Give rows the times at which history has them created and changed; no operation of anybody's."""
        for kind, made_at in self._made_at.items():
            columns = {field.name for field in kind._meta.fields}
            if "created_at" in columns:
                _set_times(kind, "created_at", made_at)
            if "updated_at" in columns:
                _set_times(kind, "updated_at", made_at | self._changed_at[kind])


_POPULARITY = {app.slug: app.popularity for app in cast.APPS}


def _set_times(kind: type[models.Model], column: str, times: dict[int, datetime]) -> None:
    """Set a column that Django fills with the present whenever it is asked to save; raw, as no query set would."""
    table = connection.ops.quote_name(kind._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {column} = history.time"  # noqa: S608  (names of ours, not of a request)
            f" FROM unnest(%s::bigint[], %s::timestamptz[]) AS history(id, time) WHERE {table}.id = history.id",
            [list(times), list(times.values())],
        )
