"""Everything about one entry, as its page, an open row and the side panel show it."""

import json
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from .models import Entry
from .presentation import ACTOR_LABELS, ERASED, Row, change_of, person_of, subjects_in


class Target(NamedTuple):
    """One touched resource, in words."""

    type: str
    id: str
    name: str
    position: int
    """Among the targets of its entry."""

    @property
    def type_label(self) -> str:
        """What people call such things."""
        return self.type.replace("_", " ").capitalize()


class Details(Row):
    """Everything about one entry. Costs a query when the entry names people beside who did it."""

    def __init__(self, entry: Entry, zone: ZoneInfo, url: str) -> None:
        super().__init__(entry, zone, url)
        event = entry.event
        actor, where = event["actor"], event["where"]
        subjects = subjects_in([event["changes"], {"targets": [_naming(target) for target in event["targets"]]}])
        self.entry, self.time = entry, self.when
        self.operation_name: str = event["operation"]["name"]
        self.operation_code: int = event["operation"]["code"]
        self.actor_type_label = ACTOR_LABELS[self.actor_type]
        self.actor_name = person_of(entry, actor)
        self.actor_email = entry.subject.email if entry.subject else ""
        self.actor_id: str = actor.get("id", "")
        self.token_id: str = actor.get("token", "")
        self.token_name: str = actor.get("token_name", "")
        self.app_id: str = event["app"]["id"] if event["app"] else ""
        self.app_name = event["app"].get("name", "") if event["app"] else ""
        self.targets = [
            Target(target["type"], target.get("id", ""), _name(target, subjects), position)
            for position, target in enumerate(event["targets"])
            if target["type"] != "app"
        ]
        self.changes = [change_of(field, old, new, subjects) for field, (old, new) in event["changes"].items()]
        self.peer_ip: str = where.get("peer", "")
        self.forwarded_for: str = where.get("forwarded", "")
        self.user_agent: str = where.get("agent", "")
        self.request_id: str = where.get("request", "")
        self.method: str = where.get("method", "")
        self.path: str = where.get("path", "")
        self.reason: str = event["reason"]
        self.facts: Any = None
        """Its lines, for pages of the log; see ``facts``."""
        self.own_url = self.compare_url = ""
        self.raw = json.dumps(event, indent=2, ensure_ascii=False, sort_keys=True)


def _naming(target: dict[str, Any]) -> Any:
    """Return whom a target names, as changed values refer to people; None for a thing."""
    return {"subject": target["subject"], "show": "full_name"} if target.get("subject") else None


def _name(target: dict[str, Any], subjects: dict[str, Any]) -> str:
    """Return what a target was called; of a person the whole name, of an erased one none."""
    if not target.get("subject"):
        return str(target.get("name", ""))
    subject = subjects.get(target["subject"])
    return subject.full_name if subject and subject.full_name else ERASED
