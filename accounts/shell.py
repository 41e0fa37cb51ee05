"""What the frame around every page shows: account, navigation, theme."""

from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from django.http import HttpRequest
from django.urls import reverse

from .access import memberships_of
from .models import Account, Member
from .roles import Permission, Reach

#           section            label             icon            url name      pages that belong to it, "app-…" by "app"
NAVIGATION = (
    ("Control Center", "Overview", "layout-dashboard", "overview", ("overview",)),
    ("Control Center", "Teams & Logs", "scroll-text", "logs", ("logs", "log")),
    ("Build", "Apps", "boxes", "apps", ("apps", "app", "model", "workflow", "module", "collaborators", "collaborator")),
    ("Build", "Compute", "layers", "compute", ("compute", "cluster", "nodepool", "deployment")),
    ("Organization", "Members", "users", "members", ("members", "member", "invitations", "invitation", "leave")),
    ("Organization", "Teams", "users-round", "teams", ("teams", "team")),
    ("Organization", "API tokens", "key-round", "tokens", ("tokens", "token")),
    ("Organization", "Plan & billing", "credit-card", "plan", ("plan",)),
    ("Organization", "Settings", "sliders-horizontal", "settings", ("settings",)),
)
THEMES = ("light", "dark")
SIDEBARS = ("auto", "expanded", "collapsed")


@dataclass(frozen=True, slots=True)
class Item:
    """A link of the navigation."""

    label: str
    icon: str
    url: str
    current: bool
    locked: bool


@dataclass(frozen=True, slots=True)
class Section:
    """Links under one heading."""

    title: str
    items: list[Item]


@dataclass(frozen=True, slots=True)
class Shell:
    """The frame of one page."""

    theme: str
    sidebar: str
    account: Account | None = None
    member: Member | None = None
    memberships: list[Member] = field(default_factory=list)
    nav: list[Section] = field(default_factory=list)

    @property
    def form_id(self) -> str:
        """Another one at each look: tells one form from the next, so that each is carried out once."""
        return str(uuid4())

    @property
    def reads_log(self) -> bool:
        """Whether the way to the log is open."""
        return self.member is not None and _may_open("logs", self.member)


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor: ``shell``. A page outside of any account is framed by the person's home."""
    theme, sidebar = _theme(request), request.COOKIES.get("sidebar", "")
    frame = Shell(theme if theme in THEMES else "", sidebar if sidebar in SIDEBARS else "auto")
    memberships = memberships_of(request) if hasattr(request, "user") else []
    if not memberships:
        return {"shell": frame}
    member: Member = getattr(request, "member", memberships[0])
    nav = _nav(request, member)
    return {"shell": replace(frame, account=member.account, member=member, memberships=memberships, nav=nav)}


def _theme(request: HttpRequest) -> str:
    """Return what the person chose, in whichever browser; the cookie is for who is not signed in."""
    return getattr(getattr(request, "user", None), "theme", "") or request.COOKIES.get("theme", "")


def _may_open(name: str, member: Member) -> bool:
    match name:
        case "logs":
            return member.account.plan.audit_log and member.reach(Permission.READ_LOG) is not Reach.NONE
        case "plan":
            return member.reach(Permission.SEE_PLAN) is not Reach.NONE
        case "settings":
            return member.reach(Permission.MANAGE_ACCOUNT) is not Reach.NONE
        case _:
            return True


def _nav(request: HttpRequest, member: Member) -> list[Section]:
    here = (request.resolver_match and request.resolver_match.url_name) or ""
    sections: dict[str, list[Item]] = {}
    for title, label, icon, name, pages in NAVIGATION:
        locked = not _may_open(name, member)
        current = here in pages or here.partition("-")[0] in pages
        item = Item(label, icon, reverse(name, args=[member.account.slug]), current, locked)
        sections.setdefault(title, []).append(item)
    return [Section(title, items) for title, items in sections.items()]
