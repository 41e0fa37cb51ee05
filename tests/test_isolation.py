"""Nobody reads or changes what is another customer's: every page × every id it takes × roles × what is in forms.

All that the other customer has carries a canary in its name. None may ever sing in an answer, and nothing of theirs may
change. The API's routes and ids are tried in the same way by ``tests/api/test_fuzz.py``.
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.db import transaction
from django.test import Client
from django.urls import NoReverseMatch, reverse
from pytest_django import DjangoDbBlocker

from accounts.models import Member, Token
from accounts.roles import Role
from auditlog.models import Entry
from auditlog.tracked import tracked_models

from .api.tenants import Tenant, make_tenant
from .factories import SavedViewFactory, TokenFactory
from .test_every_page import CHANGING, PATTERNS, READING, make_world

pytestmark = pytest.mark.django_db

CANARY = "canarybeta"
OWN = "acme"
SHARED = {"part"}
"""Arguments of addresses that name nothing of anybody's."""
ANYBODY = {"home", "sign-in", "sign-out", "preferences", "invitation", "health", "health-log", "log-health"}


class Worlds:
    """Acme, who looks, and Beta, whose canaries must not be heard."""

    def __init__(self) -> None:
        self.people = make_world()
        before = rows()
        self.beta: Tenant = make_tenant("beta")
        member = Member.objects.get(user=self.beta.owner)
        TokenFactory(account=self.beta.account, user=self.beta.owner, slug="beta-token", name=self.beta.canary)
        SavedViewFactory(account=self.beta.account, owner=member, slug="beta-view", name=self.beta.canary)
        SavedViewFactory(account=self.beta.account, slug="beta-shared", name=self.beta.canary)
        self.client = Client(raise_request_exception=True)
        self.client.force_login(self.people.owner)
        self.own_export = self._export(self.client, OWN)
        beta = Client()
        beta.force_login(self.beta.owner)
        self.their_export = self._export(beta, self.beta.account.slug)
        self.theirs = {key: row for key, row in rows().items() if key not in before}
        self.entry, self.other = Entry.objects.for_account(self.people.acme.pk).newest_first()[:2]
        self.their_entry = Entry.objects.for_account(self.beta.account.pk).newest_first()[0]

    @staticmethod
    def _export(client: Client, account: str) -> str:
        answer: Any = client.post(f"/@{account}/teams-and-logs/export/?range=7d", {"format": "csv"})
        b"".join(answer.streaming_content)
        export: str = client.get(f"/@{account}/teams-and-logs/export/").context["exports"][0][0].id
        return export

    def own(self, name: str) -> dict[str, str]:
        """Return the arguments of a page of acme's."""
        at = CHANGING[name].at if name in CHANGING else READING[name][1] if name in READING else {}
        more = {"entry_id": str(self.entry.pk), "other_id": str(self.other.pk), "export_id": self.own_export}
        wanted = PATTERNS[name].pattern.converters
        view = {"view_slug": "0badcafe"}
        return {key: value for key, value in {**view, **more, **at}.items() if key in wanted}

    def foreign(self, name: str, argument: str) -> str:
        """Return Beta's id for an argument of a page's address."""
        of_kind = {"slug": next((kind for kind in ("model", "workflow", "module") if kind in name), "model")}
        return {
            "slug": f"beta-{of_kind['slug']}",
            "app_slug": "beta-app",
            "version_slug": "beta-version",
            "user_slug": "beta-user",
            "team_slug": "beta-team",
            "cluster_slug": "beta-compute-cluster",
            "nodepool_slug": "beta-nodepool",
            "deployment_slug": "beta-deployment",
            "token_slug": "beta-token",
            "view_slug": "beta-shared",
            "invitation_id": str(self.beta.invitation.pk),
            "entry_id": str(self.their_entry.pk),
            "other_id": str(self.their_entry.pk),
            "export_id": self.their_export,
        }[argument]

    def check(self, response: Any, where: str) -> None:
        """Check that an answer holds no canary."""
        content = b"".join(response.streaming_content) if response.streaming else response.content
        told = content.decode(errors="replace") + str(response.headers)
        assert CANARY not in told.lower(), where
        assert response.status_code < 500, where

    def check_untouched(self) -> None:
        """Check that nothing of Beta's has changed, and nothing was added to it."""
        now = rows()
        changed = [key for key, row in self.theirs.items() if now.get(key) != row]
        assert changed == []


def rows() -> dict[tuple[str, Any], dict[str, Any]]:
    """Return all rows whose changes are recorded."""
    return {
        (model.__name__, row["pk"]): row
        for model in tracked_models()
        for row in model._base_manager.values("pk", *(field.attname for field in model._meta.concrete_fields))
    }


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Worlds]:
    """Both customers, made once; what a test changes is rolled back inside."""
    with django_db_blocker.unblock():
        outer = transaction.atomic()
        outer._from_testcase = True  # type: ignore[attr-defined]  # What is inside may begin transactions of its own.
        outer.__enter__()
        worlds = Worlds()
    yield worlds
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        outer.__exit__(None, None, None)


@pytest.fixture
def worlds(made: Worlds, db: None) -> Worlds:
    made.client = Client()
    made.client.force_login(made.people.owner)
    return made


def pages() -> Iterator[str]:
    """Yield the names of all pages of an account."""
    yield from (name for name, pattern in PATTERNS.items() if "account_slug" in pattern.pattern.converters)


def test_every_page_is_tried() -> None:
    of_nobody = {name for name in PATTERNS if name not in set(pages())}
    takes_ids = {name for name in of_nobody if PATTERNS[name].pattern.converters}
    assert takes_ids <= {"invitation", "support-open", "support-end"}, "say here what else takes an id of nobody's"


def test_another_account_is_not_there(worlds: Worlds) -> None:
    """Whoever one is: all that is Beta's under Beta's own addresses."""
    for name in pages():
        at = {key: value if key in SHARED else worlds.foreign(name, key) for key, value in worlds.own(name).items()}
        where = reverse(name, kwargs={"account_slug": worlds.beta.account.slug, **at})
        form = CHANGING[name].form if name in CHANGING else {}
        for response in (worlds.client.get(where), worlds.client.post(where, form)):
            assert response.status_code in {404, 405}, where
            worlds.check(response, where)
    worlds.check_untouched()


def test_an_id_of_another_account_leads_nowhere(worlds: Worlds) -> None:
    """One id of Beta's at a time in an address of acme's, by an administrator of acme."""
    tried = 0
    for name in pages():
        own = worlds.own(name)
        for argument in own.keys() - SHARED:
            try:
                where = reverse(name, kwargs={"account_slug": OWN, **own, argument: worlds.foreign(name, argument)})
            except NoReverseMatch:
                continue
            form = {**(CHANGING[name].form if name in CHANGING else {}), "submission": str(uuid4())}
            for response in (worlds.client.get(where), worlds.client.post(where, form)):
                assert response.status_code in {404, 405}, (where, response.status_code)
                worlds.check(response, where)
            tried += 1
    assert tried > 100
    worlds.check_untouched()


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
def test_no_role_reads_of_another_account(role: Role, worlds: Worlds) -> None:
    """All ids of Beta's at once in addresses of acme's."""
    Member.objects.filter(user=worlds.people.member).update(role=role)
    worlds.client.force_login(worlds.people.member)
    for name in pages():
        own = worlds.own(name)
        at = {key: value if key in SHARED else worlds.foreign(name, key) for key, value in own.items()}
        if at == own:
            continue
        where = reverse(name, kwargs={"account_slug": OWN, **at})
        response = worlds.client.get(where)
        assert response.status_code in {403, 404, 405}, where
        worlds.check(response, where)


FORMS: dict[str, list[dict[str, Any]]] = {
    "team-members-add": [{"members": ["beta-user"]}],
    "team-apps-add": [{"apps": ["beta-app"]}],
    "app-transfer": [{"account": "beta-account"}],
    "deployment-create": [{"slug": "new", "model_version": "beta-app/beta-model/beta-version"}],
    "log-view-create": [{"name": "New", "shown_to": "team:beta-team"}, {"name": "New", "shown_to": "beta-team"}],
    "log-view-edit": [{"name": "New", "shown_to": "team:beta-team"}],
    "invitation-create": [{"emails": "canarybet@invited.example"}],
    "team-app-edit": [{"access": "full", "app": "beta-app", "team": "beta-team"}],
    "member-role": [{"role": "auditor", "user": "beta-user", "account": "beta-account"}],
    "settings": [{"name": "Acme", "slug": "beta-account"}],
}
"""What could be typed into forms of acme's that is Beta's."""


def test_forms_offer_and_take_nothing_of_another_account(worlds: Worlds) -> None:
    worlds.client.force_login(worlds.people.member)
    Member.objects.filter(user=worlds.people.member).update(role=Role.ADMINISTRATOR)
    for name, row in CHANGING.items():
        where = reverse(name, kwargs={"account_slug": OWN, **row.at})
        worlds.check(worlds.client.get(where), where)
        for form in FORMS.get(name, []):
            response = worlds.client.post(where, {**form, "submission": str(uuid4())}, follow=True)
            worlds.check(response, f"{where} {form}")
    worlds.check_untouched()
    assert not Token.objects.filter(account=worlds.beta.account, user=worlds.people.member).exists()


def test_no_query_finds_anything_of_another_account(worlds: Worlds) -> None:
    """A canary is only hummed, so that an echo is no song."""
    entry, hum = str(worlds.their_entry.pk), CANARY[:-1]
    names = {"app": "beta-app", "actor": "beta-user", "target": "model:beta-model", "token": "beta-token", "text": hum}
    places = {
        "before": entry,
        "after": entry,
        "event": entry,
        "entry": entry,
        "view": "beta-shared",
        "from": "beta-app",
    }
    asked: dict[str, list[dict[str, str]]] = {
        "log-results": [{name: value} for name, value in {**names, **places}.items()],
        "logs": [{"app": "beta-app"}, {"view": "beta-shared"}, {"event": entry}],
        "log-suggestions": [{"q": text} for text in ("app:beta", "actor:beta", "token:", "target:model:beta", hum)],
        "log-newer": [{"after": entry}, {"app": "beta-app"}],
        "log-histogram": [{name: value} for name, value in {**names, **places}.items()],
        "log-copy": [names],
        "log-export": [names, places],
        "log-compare-with": [{"with": entry, **places}],
        "tokens": [{"created": "beta-token", "q": hum}],
    }
    lists = ("apps", "app", "members", "invitations", "teams", "team", "compute", "collaborators", "overview")
    for name in (*lists, "team-members-add", "team-apps-add", "deployment-create", "app-transfer", "log-views"):
        asked[name] = [{"q": hum, "apps-q": hum, "people-q": hum, "next": "/@beta-account/"}, {"from": "beta-app"}]
    for name, queries in asked.items():
        address = reverse(name, kwargs={"account_slug": OWN, **worlds.own(name)})
        for query in queries:
            where = f"{address}?{urlencode(query)}"
            worlds.check(worlds.client.get(where, follow=name == "logs"), where)


def test_exports_hold_nothing_of_another_account(worlds: Worlds) -> None:
    address = reverse("log-export", kwargs={"account_slug": OWN})
    for kind in ("csv", "ndjson", "json"):
        for query in ({"range": "7d"}, {"app": "beta-app"}, {"actor": "beta-user"}, {"text": CANARY[:-1]}):
            answer = worlds.client.post(f"{address}?{urlencode(query)}", {"format": kind, "submission": str(uuid4())})
            worlds.check(answer, f"{kind} {query}")


def test_the_search_of_the_api_finds_nothing_of_another_account(worlds: Worlds) -> None:
    _, secret = Token.issue(worlds.people.owner, worlds.people.acme, "x", ["audit_log:read"])
    searches = "/v2/users/{}/audit_log/searches"

    def post(slug: str, body: dict[str, Any], key: str = secret) -> Any:
        headers = {"Authorization": f"Key {key}"}
        return worlds.client.post(searches.format(slug), json.dumps(body), "application/json", headers=headers)

    theirs = post("beta-account", {"pagination": {"per_page": 20}}, worlds.beta.secret).json()
    assert CANARY in json.dumps(theirs).lower(), "the canary sings where it may"
    assert post("beta-account", {}).status_code == 404
    for query in (
        {},
        {"user_ids": ["beta-user", "beta-owner"]},
        {"targets": [{"app": {"id": "beta-app"}}, {"model": {"id": "beta-model"}}]},
    ):
        for paging in ({}, {"cursor": theirs["next_cursor"]}):
            body = {"query": query, "pagination": {"per_page": 1000, **paging}} if query else {"pagination": paging}
            worlds.check(post(OWN, body), str(body))
