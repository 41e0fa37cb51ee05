"""How an entry reads on a page."""

import json
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.utils import timezone
from ua_parser import parse

from accounts.models import avatar_of, initials_of
from controlcenter.context import ActorType
from controlcenter.operations import Operation

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


class Target(NamedTuple):
    """One touched resource, in words."""

    type_label: str
    id: str
    name: str


class Row:
    """One line of the log."""

    def __init__(self, entry: Entry, zone: ZoneInfo, url: str) -> None:
        event = entry.event
        actor, where = event["actor"], event["where"]
        self.id, self.url, self.open = entry.id, url, False
        self.details: Details | None = None
        self.when: datetime = entry.time.astimezone(zone)
        # Written out here: Django's date filter takes as long for a page of rows as all the rest of drawing them.
        self.iso, self.clock = self.when.isoformat(), f"{self.when:%H:%M:%S}"
        self.day = f"{self.when:%b} {self.when.day}"
        self.year = "" if self.when.year == timezone.now().astimezone(zone).year else f"{self.when.year}"
        self.actor_type = ActorType(actor["type"])
        person = _person(entry, actor)
        self.actor_name = actor.get("token_name") or person
        self.actor_context = self._actor_context(entry, actor, person)
        self.icon = ACTOR_ICONS.get(self.actor_type, "")
        self.initials, self.avatar = initials_of(person), avatar_of(actor.get("id", ""))
        self.label = Operation(entry.operation).label
        self.sentence: str = event["sentence"]
        self.app_name = _app_around(event)
        self.source_ip = entry.source_ip
        self.client = client_of(where.get("agent", ""))
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


class Details(Row):
    """Everything about one entry."""

    def __init__(self, entry: Entry, zone: ZoneInfo, url: str) -> None:
        super().__init__(entry, zone, url)
        event = entry.event
        actor, where = event["actor"], event["where"]
        self.time = self.when
        self.operation_name: str = event["operation"]["name"]
        self.operation_code: int = event["operation"]["code"]
        self.actor_type_label = ACTOR_LABELS[self.actor_type]
        self.actor_name = _person(entry, actor)
        self.actor_email = entry.subject.email if entry.subject else ""
        self.actor_id: str = actor.get("id", "")
        self.token_name: str = actor.get("token_name", "")
        self.app_id: str = event["app"]["id"] if event["app"] else ""
        self.app_name = event["app"]["name"] if event["app"] else ""
        self.targets = [
            Target(target["type"].replace("_", " ").capitalize(), target["id"], target["name"])
            for target in event["targets"]
            if target["type"] != "app"
        ]
        self.changes = changes_of(event)
        self.peer_ip: str = where.get("peer", "")
        self.forwarded_for: str = where.get("forwarded", "")
        self.user_agent: str = where.get("agent", "")
        self.request_id: str = where.get("request", "")
        self.method: str = where.get("method", "")
        self.path: str = where.get("path", "")
        self.reason: str = event["reason"]
        self.raw = json.dumps(event, indent=2, ensure_ascii=False, sort_keys=True)


def changes_of(event: dict[str, Any]) -> list[Change]:
    """Return before → after of each changed field, with names looked up for those that name a person: one query."""
    pairs: dict[str, list[Any]] = event["changes"]
    subjects = subjects_in([pairs])
    return [
        Change(name.replace("_", " "), *(_in_words(value, subjects) for value in pair)) for name, pair in pairs.items()
    ]


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


def _in_words(value: Any, subjects: dict[str, Subject]) -> str | None:
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


def _person(entry: Entry, actor: dict[str, Any]) -> str:
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
