"""What a member may look through, and what can be named there: apps, people, tokens."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db.models import F, OuterRef, Q, QuerySet, Subquery, TextField, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Concat

from accounts.models import Member, Token
from accounts.roles import Permission, Reach
from controlcenter.operations import Operation
from controlcenter.resources.models import App

from .models import Entry, Subject
from .querysets import EntryQuerySet

MOST = 1000
"""Apps, tokens or people that are listed to choose from."""
COLUMNS = ("what", "number", "called", "label", "mail", "gone")


@dataclass(slots=True)
class AppOption:
    """One line of the app picker: an id and every app that bears or bore it."""

    slug: str
    name: str
    deleted: bool
    app_ids: list[int]
    selected: bool = False


class Person(NamedTuple):
    """Somebody who is a member, or has done something that may be read of, by what they are called."""

    slug: str
    name: str
    user_ids: frozenset[int]


class Named(NamedTuple):
    """What an id stands for."""

    id: int
    slug: str
    name: str
    email: str
    gone: bool


class Scope:
    """The entries that a member may read, and what is there to narrow them by."""

    def __init__(self, member: Member, kept_since: datetime, actors: Collection[str] = ()) -> None:
        """``actors`` are all that will be asked for by ``person``: they are looked up in one query."""
        self.member, self.account = member, member.account
        self.kept_since = kept_since
        self._actors = actors

    @property
    def entries(self) -> EntryQuerySet:
        """All entries that the member may read."""
        return Entry.objects.visible_to(self.member).since(self.kept_since)

    @cached_property
    def apps(self) -> dict[str, AppOption]:
        """All apps of the account, then those gone whose end the member may read of in the log."""
        options: dict[str, AppOption] = {}
        for app_id, slug, name, _, deleted in self._named["app"]:
            option = options.setdefault(slug, AppOption(slug, name, deleted, []))
            if app_id not in option.app_ids:
                option.app_ids.append(app_id)
        return options

    @cached_property
    def _named(self) -> dict[str, list[Named]]:
        """The apps of the account and the people asked for: one query."""
        parts = [*self._app_rows(), *self._people_rows()]
        rows = parts[0].union(*parts[1:], all=True)
        found: dict[str, list[Named]] = {"app": [], "person": []}
        for what, *row in sorted(rows, key=lambda row: (row[5], row[2])):
            found[what].append(Named(*row))
        return found

    def _app_rows(self) -> "Iterator[QuerySet[Any, Any]]":
        nothing = Value("", TextField())
        live = App.objects.for_account(self.account).order_by("slug")
        yield live.annotate(
            what=Value("app"), number=F("pk"), called=F("slug"), label=F("name"), mail=nothing, gone=Value(False)
        ).values_list(*COLUMNS)[:MOST]
        gone = self.entries.with_operation(Operation.APPLICATION_DELETE, Operation.APPLICATION_TRANSFER).succeeded()
        slug = KT("targets__0__id")
        yield (
            gone.newest_first()
            .annotate(what=Value("app"), number=F("app_id"), called=slug, label=slug, mail=nothing, gone=Value(True))
            .values_list(*COLUMNS)[:MOST]
        )

    def _people_rows(self) -> "Iterator[QuerySet[Any, Any]]":
        """Who is asked for, by user id or e-mail address; nobody of whom the member could not know."""
        if not (asked := [text.lower() for text in self._actors if "\x00" not in text]):
            return
        # Names are kept once for all accounts: only those that stand in entries the member may read are known here.
        # Not by EXISTS, which reads all of the account's entries first; so the newest of each is found by index.
        acted = self.entries.filter(actor_id=OuterRef("user_id"), subject=OuterRef("pk")).newest_first()
        named = Subject.objects.filter(Q(slug__in=asked) | Q(email__in=asked))
        named = named.alias(acted=Subquery(acted.values("pk")[:1])).filter(acted__isnull=False)
        yield _people(named, "", "user_id").order_by("-pk")[:MOST]
        members = Member.objects.filter(account=self.account)
        yield _people(members.filter(Q(user__slug__in=asked) | Q(user__email__in=asked)), "user__", "user_id")

    def app_ids(self, slugs: Iterable[str]) -> list[int]:
        """Return the ids of every app that bears or bore one of the names."""
        return sorted({app_id for slug in slugs for app_id in self.apps[slug].app_ids})

    def person(self, text: str) -> Person | None:
        """Return who is or was called by a user id or an e-mail address."""
        return self._people.get(text.lower())

    def user_ids(self, slugs: Iterable[str]) -> list[int]:
        """Return the ids of all who bear or bore one of the user ids."""
        return sorted({user_id for slug in slugs if (found := self.person(slug)) for user_id in found.user_ids})

    @cached_property
    def _people(self) -> dict[str, Person]:
        people: dict[str, Person] = {}
        for user_id, slug, name, email, _ in self._named["person"]:
            person = Person(slug, name.strip() or slug, frozenset([user_id]))
            for text in (slug, email):
                known = people.get(text)
                people[text] = known._replace(user_ids=known.user_ids | person.user_ids) if known else person
        return people

    @cached_property
    def nearest_people(self) -> list[str]:
        """Return the user ids of the account's members, to find the one that was meant."""
        return list(self.account.members.order_by("pk").values_list("user__slug", flat=True)[:MOST])

    @cached_property
    def token_names(self) -> dict[str, str]:
        """The names of the account's tokens that the member may read of, by their ids."""
        tokens = Token.objects.filter(account=self.account).order_by("-pk")
        if self.member.reach(Permission.READ_LOG) is not Reach.ALL:
            tokens = tokens.filter(user=self.member.user_id)
        return dict(tokens.values_list("slug", "name")[:MOST])

    def token_named(self, name: str) -> str | None:
        """Return the id of the token with a name. Raises ``ValidationError`` when there are several."""
        found = [slug for slug, known in self.token_names.items() if known.lower() == name.lower()]
        if len(found) > 1:
            raise ValidationError(f"Several tokens are called “{name:.80}”. Write the ID of one: {', '.join(found)}.")
        return found[0] if found else None


def _people(rows: "QuerySet[Any, Any]", user: str, number: str) -> "QuerySet[Any, Any]":
    name = Concat(F(f"{user}first_name"), Value(" "), F(f"{user}last_name"))
    people: QuerySet[Any, Any] = rows.annotate(
        what=Value("person"),
        number=F(number),
        called=F(f"{user}slug"),
        label=name,
        mail=F(f"{user}email"),
        gone=Value(False),
    ).values_list(*COLUMNS)
    return people
