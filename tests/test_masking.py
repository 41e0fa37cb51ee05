"""What has the form of a credential becomes no entry; what merely looks long does."""

import json
from time import process_time

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.forms.base import LONGEST_REASON
from accounts.models import User
from auditlog.models import Entry
from auditlog.tracked import TRACKED
from controlcenter.context import LONGEST_NAME, LONGEST_SENTENCE, Where, acting_as, attempting, because
from controlcenter.masking import (
    LONGEST_PART,
    LONGEST_REMEMBERED,
    LOOKED_AT,
    MASK,
    _harmless,
    masked,
    masked_deep,
    masked_start,
)
from controlcenter.middleware import LONGEST_HEADER
from controlcenter.operations import Operation

from . import secrets_drill
from .factories import AppFactory, People, UserFactory, make_people

HEX64, MIXED32 = "ab12" * 16, "aB3" * 10 + "xY"

CREDENTIALS = [
    HEX64,
    f"Key {HEX64}",
    f"Authorization: Bearer {MIXED32}",
    f"token={MIXED32}",
    "password=hunter2",
    '{"password": "hunter2 and more"}',
    "aws_secret_access_key=wJalrXUtnFEMI",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKE1",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "a1B2" * 10,
    "glpat-" + "a1B2" * 5,
    "xoxb-123456789012-abcdef",
    "https://hooks.slack.com/services/T0/B0/abc",
    "sk-ant-api03-" + "a" * 20,
    "sk_live_" + "a1" * 12,
    "hf_" + "a1B2" * 8,
    "npm_" + "a1B2" * 9,
    "AIza" + "a1B2" * 9,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-def",
    "postgresql://app:hunter2@db.example/app",
    "https://ghx0123456789012345678@github.com/acme/x",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\nMIIEpAIBAA",
    "otpauth://totp/Acme:olga?secret=JBSWY3DPEHPK3PXP",
    "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
    "JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP",
    "q9k2m7x0c3v5b8n1z4s6d7f9g0h2j3k5",
    "argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$aGFzaA",
    "WzEsIjIwMjYiXQ:1vNabc:Ab9_Ab9_Ab9_Ab9_Ab9_Ab9_",
    "text=postgresql%3A%2F%2Fapp%3Ahunter2%40db.example",
]
NONE = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
    "clarifai-grpc/12.6.0 python-requests/2.31.0",
    "/v2/users/acme/apps/vision/models/detector/versions/a72af0c91b34",
    "Create workflow version 'a72af0c91b34' for workflow 'workflow-838250'",
    "New password: This password is too common.",
    "The token 'nightly' lacks the scope apps:write: use one with it.",
    "token=5f1c0a9d3b7e4c62&status=failure",
    "from=2026-11-01&to=2026-11-30&tz=Europe%2FBerlin",
    "target=model:detector/app:vision",
    f"sha256:{HEX64}",
    "019a4b1e-5c00-7b7b-8000-3f1c9a52d0e4",
    "9f2c1ab9f2c1ab9f2c1ab9f2c1ab9f2c1ababcde",
    "d41d8cd98f00b204e9800998ecf8427e",
    "olga@acme.example",
    "https://example.com:8080/a@b",
    "Basic image-classification-model-for-everybody",
    "THIS MODEL FINDS LOUD CARS VERY WELL",
    "Only the roles Administrator and Organization contributor may manage teams.",
]


@pytest.mark.parametrize("text", CREDENTIALS)
def test_a_credential_is_masked(text: str) -> None:
    assert MASK in masked(f"see {text} there")
    assert "hunter2" not in masked(text)


@pytest.mark.parametrize("text", NONE)
def test_what_is_none_stays(text: str) -> None:
    assert masked(text) == text


def test_in_json_the_name_of_a_field_tells() -> None:
    node = {"id": "hook", "api_key": "short", "nested": [{"clientSecret": "x", "access-key": "y"}], "sha256": HEX64}
    told = masked_deep(node)
    assert (told["id"], told["api_key"], told["sha256"]) == ("hook", MASK, HEX64)
    assert told["nested"][0]["access-key"] == MASK


# Beginnings of each form, none of which becomes one; and what each looks ahead over, for what it does not find.
# fmt: off
WORST = (
    "-----BEGIN ", "-----BEGIN A B ", "-----BEGIN PRIVATE KEY-----\n-----END A ", "://", "://a:", "://a:b", "password",
    "password: ", "password:\"", "password='", "pass=abc", "token", "token=", "token=a1", "key:", "secret ", "Bearer ",
    "Bearer  a", "Key a ", "Token a-", "abcdefgh:", "abcdefgh:aaaaaa:", "a-", "a_", "a_:", "ghp_", "ghp_-", "glpat-",
    "github_pat_", "xoxb-", "hooks.slack.com/services/", "AKIA", "AKIA ", "AIza", "AIza.", "GOCSPX-", "sk-", "sk-.",
    "hf_", "sk_live_", "whsec_", "npm_", "pypi-", "eyJ", "eyJ-", "eyJabcdefgh-", "eyJabcdefgh.-", "argon2$", "argon2$ ",
    "pbkdf2_sha1", "scrypt$'", "0123456789abcdef", "sha256:", "a1B2", "a1B2+", "/", "aaaaaaaaB ", "a0", "a0-", "abc ",
    "A ", "AB ", "AAAA ", "AAAA BBBB ", "AA22 ", "A2", "A", "2", "a", " ", "-", "=", "%41",
)
# fmt: on


def test_the_time_it_takes_grows_with_the_text() -> None:
    """What grows with the square takes four times as long as this may, or minutes."""
    begun = (credential[: len(credential) * 2 // 3] for credential in CREDENTIALS)
    for worst in (*WORST, *begun):
        text = ("secret: " + worst * 60_000)[:60_000]
        began = process_time()
        masked(text)
        assert process_time() - began < 0.5, worst


def test_only_short_texts_are_remembered() -> None:
    for length in (LONGEST_REMEMBERED, LONGEST_REMEMBERED + 1):
        text = "harmless words of a name " * 100
        masked(text[:length])
        assert (text[:length] in _harmless) is (length == LONGEST_REMEMBERED)


def test_what_is_cut_is_masked_before() -> None:
    for secret in (HEX64, MIXED32, "password=hunter2", "ghp_" + "a1B2" * 9):
        for length in (120, 200, 500, LOOKED_AT, LOOKED_AT - LONGEST_PART):
            for place in range(length - len(secret), length + 2):
                text = ("so " * 1000)[:place] + f" {secret}" + " and more" * 300
                assert secret[10:18] not in masked_start(text, length), (secret, length, place)
    assert "ab12" not in masked_start(f"{HEX64} " * 60, 500)
    assert masked_start("x" * 5000, 500) == "x" * 500


def test_a_field_is_shown_only_when_the_table_says_so() -> None:
    """A new field is masked until somebody has thought about it: this list may only grow knowingly."""
    hidden = {f"{row.model.__name__}.{name}" for row in TRACKED for name in row.masked}
    assert {"User.password", "Token.digest", "SecondFactor.secret"} <= hidden
    for row in TRACKED:
        known = {field.name for field in row.fields}
        assert {*row.shown, *row.personal} <= known, row.model
        assert not {*row.shown} & {*row.personal}, row.model


@pytest.fixture
def people(db: None) -> People:
    return make_people()


def test_an_entry_is_masked_wherever_it_was_typed(people: People) -> None:
    where = Where("192.0.2.7", forwarded_for=HEX64, user_agent=f"x/{HEX64}", request_id="r", path=f"/a/{HEX64}/")
    with acting_as(people.owner.as_actor(), where), because(f"see {HEX64}"):
        AppFactory(account=people.acme, name=HEX64, description=f"the key is {HEX64}")
    entry = Entry.objects.get(app_id__isnull=False)
    assert HEX64 not in bytes(entry.body).decode()
    assert entry.event["sentence"] == f"Create application '{MASK}'"
    assert entry.event["changes"]["description"] == [None, f"the key is {MASK}"]
    assert entry.event["where"]["path"] == f"/a/{MASK}/"


def test_a_secret_across_a_limit_stands_in_no_entry(people: People, client: Client, staff_user: User) -> None:
    def across(limit: int) -> str:
        return "so " * (limit // 3 - 8) + HEX64 + " and more"

    client.force_login(people.owner)
    headers = {"User-Agent": across(LONGEST_HEADER), "X-Forwarded-For": across(LONGEST_HEADER)}
    form = {"name": across(LONGEST_NAME), "slug": "x y", "reason": across(LONGEST_REASON)}
    client.post("/@acme/new-app/", form, headers=headers)
    client.force_login(staff_user)
    client.post(reverse("admin:accounts_plan_add"), {"name": across(LONGEST_NAME)})
    client.post(reverse("admin:accounts_plan_delete", args=[across(LONGEST_NAME)]))
    with attempting(Operation.PLAN_UPDATE, account_id=people.acme.pk) as attempt:
        attempt.refuse("invalid", across(LONGEST_SENTENCE))
    failed = [bytes(entry.body).decode() for entry in Entry.objects.failed()]
    assert len(failed) == 4
    assert all(MASK in body and HEX64[:8] not in body for body in failed)


@pytest.fixture
def staff_user(db: None) -> User:
    user: User = UserFactory(is_staff=True, home=None)
    return user


def test_the_link_of_an_invitation_stands_in_no_entry(people: People, client: Client) -> None:
    client.force_login(people.owner)
    client.post("/@acme/invitations/new/", {"emails": "guest@example.com", "role": "auditor"})
    link = secrets_drill.MAIL_LINK.search(str(mail.outbox[-1].body))
    assert link
    Client().post(f"/invitations/{link[1]}/", {"answer": "decline"})
    entry = Entry.objects.newest_first()[0]
    assert entry.event["where"]["path"].startswith("/invitations/")
    assert link[1] not in bytes(entry.body).decode()


def test_no_planted_secret_is_found(db: None) -> None:
    drill = secrets_drill.rehearse()
    assert len(drill.planted) >= 40
    found = secrets_drill.hits(drill)
    assert found["wrong"] == []
    assert found["kept"], "the names that were typed are looked for in the right place"


def test_a_search_for_a_secret_leaves_one_entry(people: People, client: Client) -> None:
    client.force_login(people.owner)
    for _ in range(2):
        client.get(f"/@acme/teams-and-logs/?range=7d&text={HEX64}", follow=True)
    [view] = Entry.objects.filter(operation=1200)
    assert HEX64 not in json.dumps(view.event)
