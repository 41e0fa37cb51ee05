"""What has the form of a credential becomes no entry; what merely looks long does."""

import json

import pytest
from django.core import mail
from django.test import Client

from auditlog.models import Entry
from auditlog.tracked import TRACKED
from controlcenter.context import Where, acting_as, because
from controlcenter.masking import MASK, masked, masked_deep

from . import secrets_drill
from .factories import AppFactory, People, make_people

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


def test_it_takes_no_longer_than_the_text_is_long() -> None:
    from time import perf_counter

    for text in ("a_" * 50_000, "password" * 10_000, "a-" * 50_000 + ":", "-----BEGIN " * 5_000, "://" * 30_000):
        began = perf_counter()
        masked(text)
        assert perf_counter() - began < 5, text[:20]


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
