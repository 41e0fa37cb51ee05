"""What there is at a moment of the demo's history, in memory: only operations ask the database."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db import connection, models, transaction

from accounts.models import Account, Member, Token, User
from controlcenter.context import ANONYMOUS, Actor, Where, acting_as, attempting, together
from controlcenter.operations import Operation
from controlcenter.resources.models import App, TeamApp, Version
from controlcenter.tracking import BOOKKEEPING

from . import cast

M = TypeVar("M", bound=models.Model)
T = TypeVar("T")

OPERATIONS_AT_ONCE = 200
PROXY = "192.0.2.10"
NOBODY = ""


class NothingThereError(LookupError):
    """There is nothing to do it to."""


class Turn(NamedTuple):
    """Somebody's turn to do something. ``who`` is a person's slug, a token's name, or NOBODY."""

    time: datetime
    organization: str
    who: str
    address: str
    agent: str
    do: "Activity"


Activity = Callable[["World"], None]
"""Raises NothingThereError, before it does anything, when there is nothing to do it to."""


class World:
    """The rows there are, whose turn it is, and the transaction in which operations take place."""

    turn: Turn

    def __init__(self, rng: Random, start: datetime) -> None:
        self.rng, self.time = rng, start
        self.accounts: dict[str, Account] = {}
        self.users: dict[str, User] = {}
        self.members: dict[str, Member] = {}
        self.tokens: dict[str, Token] = {}
        self._rows: list[models.Model] = []
        self._parts: defaultdict[tuple[type[models.Model], int], list[Any]] = defaultdict(list)
        self._batch, self._batch_size = ExitStack(), 0

    def play(self, turns: Iterable[Turn]) -> None:
        """Let everybody have their turn. An exception takes back what is not written yet."""
        with self._batch:
            for self.turn in turns:
                self.turn.do(self)
        self._put_times()

    # Operations

    def add(self, row: M, owner: models.Model | None = None, by: str | None = None) -> M:
        """Save a new row and know it as a part of its owner."""
        with self.doing("POST", _collection(row), by=by):
            row.save()
        return self.know(row, owner)

    def change(self, row: Any, **values: Any) -> None:
        """Change and save some columns."""
        with self.doing("PATCH", _path(row), alone="name" in values or "last_name" in values):
            for name, value in values.items():
                setattr(row, name, value)
            row.save(update_fields=list(values))
        row.updated_at = self.time

    def delete(self, row: models.Model, owner: models.Model, reason: str = "") -> None:
        """Delete a row and forget it; its own parts can't be reached any more."""
        self.parts(type(row), owner).remove(row)
        with self.doing("DELETE", _path(row), reason=reason, alone=True):
            row.delete()

    def fail(self, operation: Operation, path: str, error: Exception, **about: Any) -> None:
        """Attempt an operation that fails; outside of a transaction, as attempts are everywhere."""
        self._write()
        about = {"account_id": self.account.pk, **about}
        with self._acting("POST", path), suppress(type(error)), attempting(operation, **about):
            raise error

    @contextmanager
    def doing(
        self, method: str, path: str, *, by: str | None = None, reason: str = "", alone: bool = False
    ) -> Iterator[None]:
        """Enter the context of an operation, in one transaction with others.

        Args:
            path: below the organization's address; from the root when it begins with a slash.
            by: who does it, unless it is who has the turn.
            alone: for renaming and deleting. What was done before is written first, as entries name things as they
                are called when they are written.
        """
        if alone or self._batch_size >= OPERATIONS_AT_ONCE:
            self._write()
        if not self._batch_size:
            self._batch.enter_context(transaction.atomic())
            self._batch.enter_context(together())
        self._batch_size += 1
        with self._acting(method, path, by, reason):
            yield

    def _write(self) -> None:
        self._batch.close()
        self._batch_size = 0

    def _acting(self, method: str, path: str, by: str | None = None, reason: str = "") -> AbstractContextManager[Any]:
        turn, who = self.turn, self.turn.who if by is None else by
        self.time = max(turn.time, self.time + timedelta(microseconds=self.rng.randrange(900, 30_000)))
        root = f"/v2/users/{turn.organization}/" if who in self.tokens else f"/@{turn.organization}/"
        path = path if path.startswith("/") else root + path
        request_id = UUID(int=self.rng.getrandbits(128), version=4).hex
        where = Where(turn.address, PROXY, turn.address, turn.agent, request_id, method, path)
        return acting_as(self._actor(who), where, at=self.time, reason=reason)

    def _actor(self, who: str) -> Actor:
        if token := self.tokens.get(who):
            token.last_used_at = self.time
            return token.as_actor()
        return self.users[who].as_actor() if who else ANONYMOUS

    # Rows

    def know(self, row: M, owner: models.Model | None = None) -> M:
        """Know a row that was just created as a part of its owner."""
        vars(row).update(created_at=self.time, updated_at=self.time)
        self._rows.append(row)
        if owner is not None:
            self.parts(type(row), owner).append(row)
        return row

    def parts(self, kind: type[M], owner: models.Model) -> list[M]:
        """Return the rows of a kind that are part of ``owner``, oldest first."""
        return self._parts[kind, owner.pk]

    def _put_times(self) -> None:
        """Give the rows the times they have in history. No operation of anybody's, so not through the models."""
        for kind in {type(row) for row in self._rows}:
            columns = [field.name for field in kind._meta.concrete_fields if field.name in BOOKKEEPING[1:]]
            rows = [row for row in self._rows if type(row) is kind]
            values = [(*(getattr(row, column) for column in columns), row.pk) for row in rows]
            assignments = ", ".join(f"{column} = %s" for column in columns)
            with connection.cursor() as cursor:
                if columns:
                    cursor.executemany(f"UPDATE {kind._meta.db_table} SET {assignments} WHERE id = %s", values)  # noqa: S608

    # Choosing

    @property
    def account(self) -> Account:
        """The account that the present turn takes place in."""
        return self.accounts[self.turn.organization]

    def app(self) -> App:
        """Return an app for who has the turn, of their teams' for a team contributor; likelier a popular one."""
        token = self.tokens.get(self.turn.who)
        member = self.members[token.user.slug if token else self.turn.who]
        apps = self.parts(App, self.account)
        if member.role == cast.TEAM_CONTRIBUTOR:
            teams = [team for team in cast.TEAMS if member.user.slug in team.members.split()]
            apps = [app for app in apps if any(team.apps.get(app.slug) in TeamApp.MAY_CHANGE_MODELS for team in teams)]
        return self.choose(apps[: self.rng.randint(1, len(apps) or 1)])

    def choose(self, things: Sequence[T]) -> T:
        """Return one of some things.

        Raises:
            NothingThereError: when there are none.
        """
        if not things:
            raise NothingThereError
        return self.rng.choice(things)


def _collection(row: Any) -> str:
    if isinstance(row, Version):
        return f"{_path(getattr(row, row.OWNER))}versions/"
    kind = str(row._meta.verbose_name_plural).replace(" ", "-")
    return f"apps/{row.app.slug}/{kind}/" if hasattr(row, "app") else f"{kind}/"


def _path(row: Any) -> str:
    return f"{_collection(row)}{getattr(row, 'slug', row.pk)}/"
