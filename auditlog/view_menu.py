"""The menu of saved views: what comes with the product, then the account's, the teams' and one's own."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from django.urls import reverse

from accounts.models import Member
from accounts.roles import Permission, Reach, RoleDenied
from controlcenter.operations import Operation

from .looks import ALL, frozen_query, kept_query, log_address
from .saved_views import SavedView

if TYPE_CHECKING:
    from .listing import Listing

MOST_SHOWN = 100
"""Saved views in the menu; all of them are on the page of views."""
UNSAVED = "Unsaved view"


def _operations(*names: str) -> frozenset[tuple[str, str]]:
    return frozenset(("operation", name) for name in names)


BUILT_IN: dict[str, frozenset[tuple[str, str]]] = {
    "All activity": frozenset(),
    "Failed operations": frozenset({("status", "failure")}),
    "Token and key changes": _operations("USER_TOKEN_CREATE", "USER_TOKEN_UPDATE", "USER_TOKEN_REVOKE"),
    "Membership changes": _operations("members", "ORGANIZATION_TEAM_MEMBER_ADD", "ORGANIZATION_TEAM_MEMBER_REMOVE"),
    "Deletions": _operations(*(operation.name for operation in Operation if operation.name.endswith("_DELETE"))),
}
"""Views that everybody has, by what they narrow to. They have no dates of their own: those at hand stay."""


class Choice(NamedTuple):
    """One line of the menu."""

    label: str
    url: str
    current: bool


class Group(NamedTuple):
    """Saved views that the same people find."""

    heading: str
    choices: list[Choice]


class ViewMenu:
    """The views that a member finds: one query."""

    def __init__(self, member: Member) -> None:
        self.member = member
        shown = SavedView.objects.shown_to(member).select_related("account", "team")
        self.saved = list(shown.order_by("-is_default", "name", "pk")[:MOST_SHOWN])

    @property
    def default(self) -> SavedView | None:
        """The view that the account opens with, unless that is everything anyway."""
        return next((view for view in self.saved if view.is_default), None)

    @property
    def everything(self) -> str:
        """The query that asks for everything: it has to say so where the address alone leads to another view."""
        return urlencode([ALL]) if self.default else ""

    def context(self, listing: "Listing") -> dict[str, Any]:
        """Return what the templates show."""
        account, filters = self.member.account.slug, listing.filters
        kept = kept_query(filters, listing.display) if listing.valid else ""
        built_in = list(self._built_in(listing))
        groups = self._groups(kept)
        all_choices = [*(choice for group in groups for choice in group.choices), *built_in]
        query = listing.filters.as_query()
        sent = frozen_query(filters) if listing.valid else query
        denied = self.member.reach(Permission.EXPORT_LOG) is Reach.NONE
        return {
            "view_label": next((choice.label for choice in all_choices if choice.current), UNSAVED),
            "built_in_views": built_in,
            "saved_views": groups,
            "views_url": reverse("log-views", args=[account]),
            "save_view_url": f"{reverse('log-view-create', args=[account])}?{kept}" if listing.valid else "",
            "copy_url": f"{reverse('log-copy', args=[account])}?{query}",
            "frozen_address": log_address(self.member, sent),
            "export_url": f"{reverse('log-export', args=[account])}?{query}",
            "export_denied": RoleDenied(Permission.EXPORT_LOG).sentence if denied else "",
        }

    def _built_in(self, listing: "Listing") -> Iterable[Choice]:
        valid = listing.valid
        asked = frozenset(listing.filters.pairs) if valid else None
        dates = listing.period.as_query().items() if valid else ()
        for label, pairs in BUILT_IN.items():
            query = urlencode([*sorted(pairs), *dates]) or self.everything
            yield Choice(label, log_address(self.member, query), asked == pairs)

    def _groups(self, kept: str) -> list[Group]:
        groups: dict[str, list[Choice]] = {}
        for view in sorted(self.saved, key=lambda view: (bool(view.owner_id), view.team.name if view.team else "")):
            choice = Choice(view.name, view.address, bool(kept) and view.query == kept)
            groups.setdefault(_heading(view), []).append(choice)
        return [Group(heading, choices) for heading, choices in groups.items()]


def _heading(view: SavedView) -> str:
    if view.owner_id:
        return "Only you"
    return f"Team {view.team}" if view.team_id else "Everybody"
