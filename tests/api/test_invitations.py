"""Each operation on invitations over plain HTTP: the mails, what the log has, and what it has not."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.invitations import link_to
from accounts.models import Invitation
from auditlog.models import Entry
from controlcenter.operations import Operation as Op
from tests.factories import InvitationFactory, People

from .calling import Http, done, entries, failure_codes, failures, refused, token_for

INVITATIONS = "/users/acme/invitations"
CREATE, CANCEL = Op.ORGANIZATION_MEMBER_INVITATION_CREATE, Op.ORGANIZATION_MEMBER_INVITATION_CANCEL
State = Invitation.State


@pytest.fixture
def nina(people: People) -> Invitation:
    made: Invitation = InvitationFactory(account=people.acme, email="nina@new.example", invited_by=people.owner)
    return made


def test_it_invites_people_and_mails_them(http: Http, people: People, live_server: LiveServer) -> None:
    body = {"invitations": [{"email": " Nina@New.example", "role": "auditor"}, {"email": "bo@new.example"}]}
    answer = done(http("POST", INVITATIONS, body))
    assert [(one["email"], one["role"], one["state"], one["mail_sent"]) for one in answer["invitations"]] == [
        ("nina@new.example", "auditor", "pending", True),
        ("bo@new.example", "organization_user", "pending", True),
    ]
    assert {one["invited_by"] for one in answer["invitations"]} == {"olga"}
    assert {tuple(sent.to) for sent in mail.outbox} == {("nina@new.example",), ("bo@new.example",)}
    links = {live_server.url + link_to(invitation) for invitation in Invitation.objects.all()}
    assert all(any(link in sent.body for link in links) for sent in mail.outbox)
    assert len(entries(CREATE)) == 2
    assert entries(CREATE)[0].event["actor"]["token_name"] == "ci"


def test_no_answer_holds_the_link(http: Http, nina: Invitation) -> None:
    """Whoever has it has shown that the address is theirs."""
    path = f"{INVITATIONS}/{nina.pk}"
    bodies = [http("GET", INVITATIONS).text, http("GET", path).text, http("POST", f"{path}/resend").text]
    nina.refresh_from_db()
    assert not [text for text in bodies if link_to(nina) in text or "/invitations/" in text]


def test_a_mail_that_could_not_be_sent_is_told(http: Http, people: People, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    answer = done(http("POST", INVITATIONS, {"invitations": [{"email": "nina@new.example"}]}))
    assert answer["invitations"][0]["mail_sent"] is False
    assert Invitation.objects.get().state == State.PENDING


def test_it_invites_all_or_none_and_tells_the_log_no_address(http: Http, people: People, nina: Invitation) -> None:
    emails = ["good@new.example", "nina@new.example", "max@acme.example", "nobody"]
    body = {"invitations": [{"email": email} for email in emails]}
    told = refused(http("POST", INVITATIONS, body), 409, "conflict")
    for part in ("nina@new.example is invited already", "max@acme.example is a member", "nobody is not an e-mail"):
        assert part in told
    assert Invitation.objects.count() == 1
    assert mail.outbox == []
    assert failure_codes() == ["conflict"] * 4
    assert {entry.event["failure"]["sentence"] for entry in failures()} == {"3 of 4 addresses can't be invited."}
    assert b"new.example" not in b"".join(bytes(entry.body) for entry in failures())


def test_what_one_role_may_not_be_given_stops_the_others(http: Http, people: People) -> None:
    body = {
        "invitations": [
            {"email": "first@new.example", "role": "auditor"},
            {"email": "max@acme.example", "role": "organization_user"},
        ]
    }
    refused(http("POST", INVITATIONS, body), 409, "conflict")
    assert not Invitation.objects.exists()
    assert mail.outbox == []


@pytest.mark.parametrize(
    "wrong",
    [
        [{"email": "nina@new.example"}, {"email": "NINA@new.example", "role": "auditor"}],
        [{"email": "  "}],
        [{"email": "nina@new.example", "role": "king"}],
        [],
        [{"email": f"nina-{number}@new.example"} for number in range(51)],
    ],
    ids=["twice", "blank", "role", "none", "too many"],
)
def test_what_is_wrong_leaves_no_address_in_the_log(http: Http, people: People, wrong: Any) -> None:
    refused(http("POST", INVITATIONS, {"invitations": wrong}), 422, "invalid")
    assert {*failure_codes()} == {"invalid"}
    assert b"new.example" not in b"".join(bytes(entry.body) for entry in failures())
    assert not Invitation.objects.exists()


def test_it_lists_who_has_not_answered(http: Http, people: People, nina: Invitation) -> None:
    overdue = InvitationFactory(account=people.acme, expires_at=timezone.now() - timedelta(days=1))
    cancelled = InvitationFactory(account=people.acme, state=State.CANCELLED)
    InvitationFactory()

    def ids(query: str = "") -> list[str]:
        return [one["id"] for one in done(http("GET", f"{INVITATIONS}{query}"))["invitations"]]

    assert ids() == [str(overdue.pk), str(nina.pk)]
    assert ids("?state=expired") == [str(overdue.pk)]
    assert ids("?state=cancelled") == [str(cancelled.pk)]
    assert ids("?search=nina") == [str(nina.pk)]
    assert done(http("GET", f"{INVITATIONS}/{nina.pk}"))["invitation"]["email"] == "nina@new.example"


def test_it_resends(http: Http, nina: Invitation) -> None:
    before = link_to(nina)
    answer = done(http("POST", f"{INVITATIONS}/{nina.pk}/resend"))
    nina.refresh_from_db()
    assert answer["invitation"]["mail_sent"] is True
    assert [sent.to for sent in mail.outbox] == [["nina@new.example"]]
    assert before not in mail.outbox[0].body
    assert link_to(nina) in mail.outbox[0].body
    assert entries(CREATE)[-1].event["success"]


def test_it_cancels_once(http: Http, nina: Invitation) -> None:
    assert done(http("DELETE", f"{INVITATIONS}/{nina.pk}"))["invitation"]["state"] == "cancelled"
    assert "cancelled already" in refused(http("DELETE", f"{INVITATIONS}/{nina.pk}"), 422, "invalid")
    assert [entry.event["success"] for entry in entries(CANCEL)] == [True, False]
    refused(http("POST", f"{INVITATIONS}/{nina.pk}/resend"), 422, "invalid")
    assert mail.outbox == []


def test_there_is_no_such_invitation(http: Http, nina: Invitation) -> None:
    for unknown in ("0", str(10**30), "x", f"0{nina.pk}", "²"):
        refused(http("GET", f"{INVITATIONS}/{unknown}"), 404, "not_found")
        refused(http("DELETE", f"{INVITATIONS}/{unknown}"), 404, "not_found")
    assert Invitation.objects.get().state == State.PENDING


def calls(nina: Invitation) -> list[tuple[str, str, Any, Op]]:
    return [
        ("POST", INVITATIONS, {"invitations": [{"email": "bo@new.example"}]}, CREATE),
        ("POST", f"{INVITATIONS}/{nina.pk}/resend", None, CREATE),
        ("DELETE", f"{INVITATIONS}/{nina.pk}", None, CANCEL),
    ]


def test_only_administrators_invite(live_server: LiveServer, people: People, nina: Invitation) -> None:
    http = Http(live_server.url, token_for(people.member, people.acme))
    for method, path, body, _ in calls(nina):
        refused(http(method, path, body), 403, "role_denied")
    assert [entry.operation for entry in failures()] == [operation for *_, operation in calls(nina)]
    for path in (INVITATIONS, f"{INVITATIONS}/{nina.pk}"):
        assert "nina" not in refused(http("GET", path), 403, "role_denied")
    assert mail.outbox == []


def test_a_scope_too_few(live_server: LiveServer, people: People, nina: Invitation) -> None:
    http = Http(live_server.url, token_for(people.owner, people.acme, "members:read"))
    for method, path, body, _ in calls(nina):
        assert "members:write" in refused(http(method, path, body), 403, "scope_missing")
    assert [entry.operation for entry in failures()] == [operation for *_, operation in calls(nina)]


def test_invitations_of_others_do_not_exist(live_server: LiveServer, people: People, nina: Invitation) -> None:
    assert people.stranger.home
    http = Http(live_server.url, token_for(people.stranger, people.stranger.home))
    for method, path, body, _ in calls(nina):
        refused(http(method, path, body), 404, "not_found")
    for method, path, body, _ in calls(nina)[1:]:
        refused(http(method, path.replace("acme", "me"), body), 404, "not_found")
    assert Invitation.objects.get().state == State.PENDING
    assert b"nina@" not in b"".join(bytes(entry.body) for entry in Entry.objects.failed())
