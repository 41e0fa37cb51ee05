"""The facts of an entry, one line each: a value, what else there is to say of it, and where it leads."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from accounts.roles import Permission, Reach

from .details import Details, Target
from .fields import TARGET_KINDS
from .naming import KEPT, Live, Thing, actor_of, ended_by, thing_of
from .pivots import Link, Pivots
from .presentation import ERASED


class Fact(NamedTuple):
    """One line: a value under its label. What is ``mono`` is compared and copied by its letters."""

    label: str
    value: str
    note: str = ""
    mono: bool = True
    links: Sequence[Link] = ()
    now: str = ""
    """What has become of what the value names."""


class Facts:
    """The facts of one entry in two lists, with ways to other entries and with today's names."""

    def __init__(self, details: Details, pivots: Pivots, live: Live) -> None:
        self.of, self.pivots, self.live = details, pivots, live

    def about_it(self) -> Iterator[Fact]:
        """Yield what was done, to what, in which request."""
        of, entry = self.of, self.of.entry
        yield Fact("Time", f"{of.time:%Y-%m-%d %H:%M:%S.%f %Z}", mono=False)
        name = of.operation_name
        yield Fact("Operation", name, str(of.operation_code), links=self._to("operation", name, "operation"))
        status = "Success" if of.success else "Failure"
        yield Fact("Status", status, of.failure_code, mono=False, links=self._to("status", status.lower(), "status"))
        for target in of.targets:
            yield self._of_target(target)
        if of.app_id:
            yield self._of_app(Thing("app", of.app_id, "", entry.app_id or 0))
        if of.reason:
            yield Fact("Reason", of.reason, mono=False)
        yield Fact("Entry ID", of.id)
        if of.request_id:
            links = [*self._to("request", of.request_id, "request"), self.pivots.to_request(entry)]
            yield Fact("Request ID", of.request_id, links=links)
        if of.path:
            yield Fact("Request", f"{of.method} {of.path}")

    def about_origin(self) -> Iterator[Fact]:
        """Yield who it was and where it came from."""
        of = self.of
        person = actor_of(of.entry)
        name, value = ("actor", of.actor_id) if person else ("actor_type", of.actor_type.value)
        yield Fact(
            of.actor_type_label,
            of.actor_name,
            of.actor_email,
            mono=False,
            links=self._to(name, value, "actor", "by this actor") if person or not of.actor_id else (),
            now=self._now(person, of.actor_name),
        )
        if of.token_id:
            links = self._to("token", of.token_id, "token", "through this token")
            yield Fact("Token", of.token_name or of.token_id, mono=False, links=links)
        if of.actor_id:
            yield Fact("Actor ID", of.actor_id)
        if of.source_ip:
            yield Fact("IP address", of.source_ip, links=self._to("ip", of.source_ip, "address", "from this address"))
        if of.peer_ip and of.peer_ip != of.source_ip:
            yield Fact("Peer", of.peer_ip)
        if of.forwarded_for:
            yield Fact("Forwarded", of.forwarded_for)
        if of.client:
            yield Fact("Client", of.client, mono=False)
        if of.user_agent:
            yield Fact("User agent", of.user_agent)

    def _of_app(self, app: Thing) -> Fact:
        note = self.of.app_name if self.of.app_name != app.id else ""
        links = [self.pivots.to_history(f"app:{app.id}", "app")]
        if self.live.member.reach(Permission.READ_LOG) is Reach.ALL or not self.live.is_gone(app):
            links = [*self._to("app", app.id, "app"), *links]  # Others are not told which apps there were.
        return Fact("App", app.id, note, links=links, now=self._now(app, self.of.app_name))

    def _of_target(self, target: Target) -> Fact:
        note = target.name if target.name != target.id else ""
        links: Sequence[Link] = ()
        if value := address_of_target(self.of, target):
            what = target.type_label.lower()
            links = [*self._to("target", value, what), self.pivots.to_history(value, what)]
        now = self._now(thing_of(self.of.entry, target.position), target.name)
        return Fact(target.type_label, target.id, note, links=links, now=now)

    def _to(self, name: str, value: str, what: str, around: str = "") -> list[Link]:
        links = self.pivots.to_value(self.of.entry, name, value, what)
        return [*links, self.pivots.around(self.of.entry, name, value, around)] if around else links

    def _now(self, thing: Thing | None, name: str) -> str:
        if thing is None or name == ERASED or (ended_by(self.of.entry) and thing == thing_of(self.of.entry)):
            return ""
        return self.live.became(thing, name)


def address_of_target(of: Details, target: Target) -> str:
    """Return a target as an address asks for it, with what it is in; "" for one that can't be asked for."""
    chain = [(target.type, target.id)]
    if target.type in KEPT:
        rest = of.entry.event["targets"][target.position + 1 :]
        chain += [(inner["type"], inner.get("id", "")) for inner in rest if inner["type"] in KEPT]
    if any(kind not in TARGET_KINDS or not public_id or "/" in public_id for kind, public_id in chain):
        return ""
    return "/".join(f"{kind}:{public_id}" for kind, public_id in chain)
