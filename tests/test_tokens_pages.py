"""The pages of API tokens: shown once, one's own to edit, and ended by their owners and by administrators."""

import logging
import re
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Submission, Token, digest_of
from accounts.roles import Role
from accounts.tokens import TokenScope
from auditlog.models import Entry
from controlcenter.operations import Operation

from .factories import AccountFactory, MemberFactory, People, TokenFactory, make_people
from .history import entries_of, member_with, sign_in_long_ago, text_of, the_entry

pytestmark = pytest.mark.django_db

TOKENS, NEW = "/@acme/tokens/", "/@acme/tokens/new/"
SCOPES = ["audit_log:read", "models:write"]
SECRET = re.compile(r'<code id="secret">([0-9a-f]{64})</code>')
ONCE = "0191e7a8-0000-7000-8000-000000000001"


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def page(people: People, client: Client) -> Client:
    sign_in_long_ago(client, people.member)
    return client


@pytest.fixture
def administrator(people: People) -> Client:
    client = Client()
    sign_in_long_ago(client, people.owner)
    return client


def create(client: Client, name: str = "nightly", scopes: list[str] = SCOPES, **more: str) -> HttpResponse:
    response: HttpResponse = client.post(NEW, {"name": name, "scopes": scopes, **more})  # type: ignore[assignment]
    return response


def secret_in(response: HttpResponse) -> str:
    match = SECRET.search(response.content.decode())
    assert match
    return match[1]


def names(response: Any) -> list[str]:
    return [token.name for token in response.context["found"].rows]


# Creating


def test_it_creates_a_token_that_works(page: Client, people: People) -> None:
    response = create(page)
    assert response.status_code == 200
    token = Token.objects.get()
    assert (token.user, token.account, token.name, token.scopes) == (people.member, people.acme, "nightly", SCOPES)
    assert token.digest == digest_of(secret_in(response))
    entry = the_entry(people.acme, Operation.USER_TOKEN_CREATE)
    assert entry.targets == [{"type": "token", "id": token.slug}, {"type": "user", "id": "max"}]
    assert entry.event["changes"]["scopes"] == [None, SCOPES]


def test_the_secret_stands_in_that_one_answer_only(
    page: Client, people: People, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        response = create(page)
    secret = secret_in(response)
    assert response["Cache-Control"] == "no-store"
    assert secret not in str(response.headers)
    written = [bytes(entry.body).decode() for entry in Entry.objects.all()]
    written += [str(values) for values in Token.objects.values_list()]
    written += [page.get(url).content.decode() for url in (TOKENS, NEW, f"{TOKENS}{Token.objects.get().slug}/edit/")]
    assert not [text for text in [*written, caplog.text] if secret in text]
    assert digest_of(secret) not in "".join(written[: Entry.objects.count()])


def test_a_second_click_says_that_the_secret_was_shown(page: Client, people: People) -> None:
    create(page, submission=ONCE)
    second = page.post(NEW, {"name": "nightly", "scopes": SCOPES, "submission": ONCE})
    token = Token.objects.get()
    assert second["Location"] == f"{TOKENS}?created={token.slug}"
    text = text_of(page.get(second["Location"]))
    assert "nightly was created already, once. Its secret was shown in the first answer only." in text
    assert len(entries_of(people.acme, Operation.USER_TOKEN_CREATE)) == 1
    assert not Submission.objects.filter(url__contains="secret").exists()


@pytest.mark.parametrize("slug", ["theirs", "nothing", "%00"])
def test_what_was_created_is_told_its_owner_only(slug: str, page: Client, people: People) -> None:
    TokenFactory(account=people.acme, user=people.owner, slug="theirs", name="Theirs")
    assert "was created already" not in text_of(page.get(f"{TOKENS}?created={slug}"))


@pytest.mark.parametrize(
    ("name", "scopes", "fields"),
    [("", SCOPES, ["name"]), ("x" * 121, SCOPES, ["name"]), ("a", [], ["scopes"]), ("a", ["apps:all"], ["scopes"])],
)
def test_a_form_that_will_not_do(name: str, scopes: list[str], fields: list[str], page: Client, people: People) -> None:
    response: Any = create(page, name, scopes)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == fields
    assert not Token.objects.exists()
    entry = the_entry(people.acme, Operation.USER_TOKEN_CREATE)
    assert (entry.success, entry.event["failure"]["code"]) == (False, "invalid")


def test_what_was_typed_is_kept(page: Client) -> None:
    content = create(page, "", ["models:train"]).content.decode()
    assert re.findall(r'value="([\w:]+)"[^>]*checked', content) == ["models:train"]
    assert create(page, "kept", []).content.decode().count('value="kept"') == 1


def test_every_scope_is_offered_under_its_family(page: Client) -> None:
    text = text_of(page.get(NEW))
    assert "Audit log Search and follow the audit log audit_log:read Apps See apps apps:read" in text
    assert all(scope.label in text for scope in TokenScope)
    assert "a token never does more than your role allows" in text


@pytest.mark.parametrize(
    ("scopes", "example"),
    [
        (["audit_log:read"], "curl -X POST http://testserver/v2/users/acme/audit_log/searches"),
        (["apps:read", "models:write"], "curl http://testserver/v2/users/acme/apps"),
        (["models:write"], "Authorization: Key"),
    ],
)
def test_it_shows_how_to_use_it(scopes: list[str], example: str, page: Client) -> None:
    response = create(page, scopes=scopes)
    assert example in text_of(response)
    assert response.content.decode().count(secret_in(response)) == 2


def test_a_person_has_so_many_tokens(page: Client, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Token, "MOST_PER_PERSON", 2)
    TokenFactory(account=people.acme, user=people.member)
    TokenFactory(account=people.acme, user=people.member, revoked_at=timezone.now())
    TokenFactory(account=people.acme, user=people.owner)
    TokenFactory(user=people.member, account=AccountFactory())
    assert create(page).status_code == 200
    response = create(page, "one more")
    assert response.status_code == 422
    assert "There are 2 tokens of yours in Acme already. Revoke one that is not used." in text_of(response)
    [entry] = [entry for entry in entries_of(people.acme, Operation.USER_TOKEN_CREATE) if not entry.success]
    assert entry.event["failure"]["code"] == "limit_reached"


# Editing


def test_it_renames_a_token_and_changes_its_scopes(page: Client, people: People) -> None:
    token = TokenFactory(account=people.acme, user=people.member, name="Old", scopes=["apps:read"])
    url = f"{TOKENS}{token.slug}/edit/"
    version = page.get(url).context["form"]["version"].value()
    response: Any = page.post(url, {"name": "New", "scopes": SCOPES, "version": version})
    assert response["Location"] == TOKENS
    token.refresh_from_db()
    assert (token.name, token.scopes) == ("New", SCOPES)
    changes = the_entry(people.acme, Operation.USER_TOKEN_UPDATE).event["changes"]
    assert changes == {"name": ["Old", "New"], "scopes": [["apps:read"], SCOPES]}


def test_a_token_that_was_used_meanwhile_is_edited_all_the_same(page: Client, people: People) -> None:
    token = TokenFactory(account=people.acme, user=people.member)
    url, used = f"{TOKENS}{token.slug}/edit/", timezone.now()
    version = page.get(url).context["form"]["version"].value()
    Token.objects.filter(pk=token.pk).update(last_used_at=used)
    assert page.post(url, {"name": "New", "scopes": SCOPES, "version": version}).status_code == 302
    token.refresh_from_db()
    assert (token.name, token.last_used_at) == ("New", used)


def test_what_was_changed_meanwhile_is_said(page: Client, people: People) -> None:
    token = TokenFactory(account=people.acme, user=people.member, name="Old")
    url = f"{TOKENS}{token.slug}/edit/"
    version = page.get(url).context["form"]["version"].value()
    Token.objects.filter(pk=token.pk).update(name="Theirs")
    response = page.post(url, {"name": "Mine", "scopes": SCOPES, "version": version})
    assert "Name is “Theirs” now." in text_of(response)


def test_a_revoked_token_is_not_edited(page: Client, people: People) -> None:
    token = TokenFactory(account=people.acme, user=people.member, name="Old", revoked_at=timezone.now())
    url = f"{TOKENS}{token.slug}/edit/"
    version = page.get(url).context["form"]["version"].value()
    response = page.post(url, {"name": "New", "scopes": SCOPES, "version": version})
    assert "Old has been revoked already." in text_of(response)
    assert not the_entry(people.acme, Operation.USER_TOKEN_UPDATE).success


# Revoking


def test_its_owner_revokes_it_with_a_reason(page: Client, people: People) -> None:
    token = TokenFactory(account=people.acme, user=people.member, name="Old")
    assert page.post(f"{TOKENS}{token.slug}/revoke/", {"reason": "It leaked"})["Location"] == TOKENS
    token.refresh_from_db()
    assert token.revoked_at
    entry = the_entry(people.acme, Operation.USER_TOKEN_REVOKE)
    assert (entry.event["reason"], entry.actor_id) == ("It leaked", people.member.pk)
    assert "Old is revoked. See the entry" in text_of(page.get(TOKENS))


def test_an_administrator_revokes_anybody_s(administrator: Client, people: People) -> None:
    token = TokenFactory(account=people.acme, user=people.member)
    url = f"{TOKENS}{token.slug}/revoke/"
    assert "It is a token of Max Member." in text_of(administrator.get(url))
    assert administrator.post(url).status_code == 302
    entry = the_entry(people.acme, Operation.USER_TOKEN_REVOKE)
    assert (entry.actor_id, entry.targets[1]) == (people.owner.pk, {"type": "user", "id": "max"})


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
def test_nobody_else_does(role: Role, people: People, client: Client) -> None:
    token = TokenFactory(account=people.acme, user=people.owner)
    sign_in_long_ago(client, member_with(role, people.acme))
    url = f"{TOKENS}{token.slug}/revoke/"
    assert client.get(url).status_code == client.post(url).status_code == 404
    assert the_entry(people.acme, Operation.USER_TOKEN_REVOKE).event["failure"]["code"] == "not_found"
    assert Token.objects.living().exists()


def test_it_is_revoked_once(page: Client, people: People) -> None:
    token = TokenFactory(account=people.acme, user=people.member, name="Old", revoked_at=timezone.now())
    response = page.post(f"{TOKENS}{token.slug}/revoke/")
    assert "Old has been revoked already." in text_of(response)
    assert the_entry(people.acme, Operation.USER_TOKEN_REVOKE).event["failure"]["code"] == "conflict"


def test_another_account_s_token_is_not_there(administrator: Client, people: People) -> None:
    elsewhere = AccountFactory()
    MemberFactory(account=elsewhere, user=people.owner, role=Role.ADMINISTRATOR)
    token = TokenFactory(account=elsewhere, user=people.owner)
    for page in ("edit", "revoke"):
        assert administrator.get(f"{TOKENS}{token.slug}/{page}/").status_code == 404


# The list


def test_one_sees_one_s_own(page: Client, people: People) -> None:
    TokenFactory(account=people.acme, user=people.member, name="mine")
    TokenFactory(account=people.acme, user=people.owner, name="theirs")
    TokenFactory(user=people.member, name="elsewhere")
    response = page.get(TOKENS)
    assert names(response) == ["mine"]
    assert "Created by" not in text_of(response)


def test_an_administrator_sees_all_and_edits_their_own(administrator: Client, people: People) -> None:
    mine = TokenFactory(account=people.acme, user=people.owner, name="mine")
    theirs = TokenFactory(account=people.acme, user=people.member, name="theirs")
    response = administrator.get(TOKENS)
    content = response.content.decode()
    assert names(response) == ["theirs", "mine"]
    assert [f"{token.slug}/edit/" in content for token in (mine, theirs)] == [True, False]
    assert [f"{token.slug}/revoke/" in content for token in (mine, theirs)] == [True, True]


def test_a_row_says_what_the_token_may_and_when_it_was_used(page: Client, people: People) -> None:
    many = ["apps:read", "apps:write", "models:read", "models:write", "compute:read"]
    TokenFactory(
        account=people.acme, user=people.member, name="busy", slug="b1", scopes=many, last_used_at=timezone.now()
    )
    text = text_of(page.get(TOKENS))
    assert "busy b1 Apps: read Apps: write Models: read and 2 more now now Revoke" in text
    assert "target=token:b1&amp;range=6m" in page.get(TOKENS).content.decode()


def test_revoked_tokens_have_their_own_list(page: Client, people: People) -> None:
    TokenFactory(account=people.acme, user=people.member, name="living")
    TokenFactory(account=people.acme, user=people.member, name="dead", revoked_at=timezone.now())
    assert names(page.get(TOKENS)) == ["living"]
    response = page.get(f"{TOKENS}?show=revoked")
    assert names(response) == ["dead"]
    assert "/revoke/" not in response.content.decode()
    assert '<input type="hidden" name="show" value="revoked">' in response.content.decode()
    assert names(page.get(f"{TOKENS}?show=revoked&q=liv")) == []


@pytest.mark.parametrize(("text", "found"), [("night", True), ("abc1", True), ("MEMBER", True), ("zebra", False)])
def test_it_finds_a_token(text: str, found: bool, administrator: Client, people: People) -> None:
    TokenFactory(account=people.acme, user=people.member, name="nightly", slug="abc123")
    TokenFactory(account=people.acme, user=people.owner, name="other", slug="fff")
    response = administrator.get(f"{TOKENS}?q={text}")
    assert names(response) == (["nightly"] if found else [])
    assert ("No token matches" in text_of(response)) is not found


def test_its_pages_meet_every_token_once(page: Client, people: People) -> None:
    for _ in range(120):
        TokenFactory(account=people.acme, user=people.member)
    seen: list[str] = []
    url = TOKENS
    while url:
        response = page.get(url)
        seen += names(response)
        following = response.context["found"].next_url
        url = f"{TOKENS}{following}" if following else ""
    assert len(seen) == len(set(seen)) == 120


def test_its_cost_does_not_grow(administrator: Client, people: People) -> None:
    counts = []
    for more in (10, 40):
        for _ in range(more):
            TokenFactory(account=people.acme, user=MemberFactory(account=people.acme).user)
        with CaptureQueriesContext(connection) as queries:
            administrator.get(TOKENS)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("url", "says"), [(TOKENS, "No tokens yet"), (f"{TOKENS}?show=revoked", "No token has been revoked")]
)
def test_an_empty_list_says_what_to_do(url: str, says: str, page: Client) -> None:
    assert says in text_of(page.get(url))
