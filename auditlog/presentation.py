"""How an entry reads on a page."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.utils import timezone
from ua_parser import parse

from accounts.models import avatar_of, initials_of
from controlcenter.context import ActorType
from controlcenter.operations import Operation

from .differences import Item, Part, marked_items, marked_words
from .models import Entry, Subject

ACTOR_LABELS = {
    ActorType.USER: "User",
    ActorType.TOKEN: "API token",
    ActorType.SERVICE_ACCOUNT: "Service account",
    ActorType.SYSTEM: "System",
    ActorType.SUPPORT_STAFF: "Support staff",
    ActorType.ANONYMOUS: "Anonymous",
}
ACTOR_ICONS = {
    ActorType.TOKEN: "key-round",
    ActorType.SERVICE_ACCOUNT: "terminal",
    ActorType.SYSTEM: "layers",
    ActorType.SUPPORT_STAFF: "shield",
    ActorType.ANONYMOUS: "circle-question-mark",
}
"""What is drawn for actors who are not simply a person."""
ERASED = "Erased person"


class Change(NamedTuple):
    """One changed field, in words; None stands for nothing."""

    field: str
    before: str | None
    after: str | None
    items: Sequence[Item] = ()
    """Of a list: what came, went and stayed."""

    @property
    def words(self) -> tuple[list[Part], list[Part]]:
        """Both values in pieces, with what differs marked."""
        return marked_words(self.before or "", self.after or "")


class Row:
    """One line of the log."""

    def __init__(self, entry: Entry, zone: ZoneInfo, url: str) -> None:
        event = entry.event
        actor, where = event["actor"], event["where"]
        self.id, self.url, self.open = str(entry.id), url, False
        self.fold: Any = None
        """What is drawn in place of this row and the following, when they are folded."""
        self.folded = self.in_panel = False
        self.became = self.actor_became = ""
        """What has become since of what it is about, and of who did it."""
        self.when: datetime = entry.time.astimezone(zone)
        # Written out here: Django's date filter takes as long for a page of rows as all the rest of drawing them.
        self.iso, self.clock = self.when.isoformat(), f"{self.when:%H:%M:%S}"
        self.day = f"{self.when:%b} {self.when.day}"
        self.year = "" if self.when.year == timezone.now().astimezone(zone).year else f"{self.when.year}"
        self.actor_type = ActorType(actor["type"])
        person = person_of(entry, actor)
        self.actor_name = actor.get("token_name") or person
        self.actor_context = self._actor_context(entry, actor, person)
        self.icon = ACTOR_ICONS.get(self.actor_type, "")
        self.initials, self.avatar = initials_of(person), avatar_of(actor.get("id", ""))
        self.label = Operation(entry.operation).label
        self.sentence: str = event["sentence"]
        self.app_name = _app_around(event)
        self.source_ip = entry.source_ip
        self.client = client_of(where.get("agent", ""))
        self.ago = ""
        """How long ago it was, where times are shown so."""
        resource = event["targets"][0] if event["targets"] else {"id": "", "type": ""}
        self.resource, self.resource_kind = resource.get("id", ""), resource["type"].replace("_", " ").capitalize()
        self.app: str = event["app"]["name"] if event["app"] else ""
        self.request_id = entry.request_id
        self.success = entry.success
        failure = event["failure"] or {}
        self.failure_code: str = failure.get("code", "")
        self.failure_sentence: str = failure.get("sentence", "")
        self.failure_label = self.failure_code.replace("_", " ").capitalize()

    def _actor_context(self, entry: Entry, actor: dict[str, Any], person: str) -> str:
        if actor.get("token"):
            return f"API token of {person}"
        if self.actor_type is ActorType.SUPPORT_STAFF:
            return "Support staff"
        return entry.subject.email if entry.subject else ""


def change_of(field: str, before: Any, after: Any, subjects: dict[str, Subject]) -> Change:
    """Return before → after of a field, with names for what names a person."""
    old, new = in_words(before, subjects), in_words(after, subjects)
    lists = [[] if value is None else value for value in (before, after)]
    if not all(isinstance(value, list) for value in lists) or not any(lists):
        return Change(field.replace("_", " "), old, new)
    was, is_now = ([in_words(item, subjects) or "" for item in value] for value in lists)
    return Change(field.replace("_", " "), old, new, marked_items(was, is_now))


def subjects_in(changes: Iterable[dict[str, list[Any]]]) -> dict[str, Subject]:
    """Return the namings that changes refer to, by their digests: one query, or none when there is nobody."""
    values = (value for pairs in changes for pair in pairs.values() for value in pair)
    digests = {value["subject"] for value in values if _is_personal(value)}
    return {subject.digest: subject for subject in Subject.objects.filter(digest__in=digests)} if digests else {}


def named_in(value: Any, subjects: dict[str, Subject]) -> Any:
    """Return a changed value; for one that names a person, what the naming says."""
    if not _is_personal(value):
        return value
    subject = subjects.get(value["subject"])
    return getattr(subject, value["show"]) if subject and (subject.slug or subject.email) else ERASED


def _is_personal(value: Any) -> bool:
    return type(value) is dict and value.keys() == {"subject", "show"}


def in_words(value: Any, subjects: dict[str, Subject]) -> str | None:
    """Return a changed value as people read it; None for nothing."""
    match value:
        case None | "":
            return None
        case bool():
            return "yes" if value else "no"
        case {"subject": _, "show": _}:
            return named_in(value, subjects) or None
        case list() if all(isinstance(item, str) for item in value):
            return ", ".join(value)
        case dict() | list():
            return json.dumps(value, ensure_ascii=False, sort_keys=True)
        case _:
            return str(value)


def _app_around(event: dict[str, Any]) -> str:
    """Return the name of the app that something lies in; "" when the sentence is about the app itself."""
    app, targets = event["app"], event["targets"]
    return app["name"] if app and any(target["type"] != "app" for target in targets[:1]) else ""


def person_of(entry: Entry, actor: dict[str, Any]) -> str:
    """Return the name of who acted, as it was then; for what is nobody, what it is."""
    if entry.subject is None:
        return ACTOR_LABELS[ActorType(actor["type"])]
    return entry.subject.full_name or ERASED


@lru_cache(maxsize=4096)
def client_of(user_agent: str) -> str:
    """Return a program and its system as people call them; "" for an unknown one."""
    if not user_agent:
        return ""
    found = parse(user_agent)
    if found.user_agent is None:
        return user_agent.split(" ")[0].replace("/", " ")[:40]
    name = found.user_agent.family
    system = {"Mac OS X": "macOS"}.get(found.os.family, found.os.family) if found.os else ""
    return f"{name} on {system}" if system else name
