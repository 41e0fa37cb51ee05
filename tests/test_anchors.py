"""Anchors on their way out: what arrives, what is signed, what is refused, and what happens when nobody takes them."""

import hmac
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from accounts.roles import Role
from auditlog.sealing import deliveries, outgoing
from auditlog.sealing.anchors import document_of, file_name, file_of, make_anchor, receipt_of
from auditlog.sealing.chores import do_chores
from auditlog.sealing.deliveries import deliver_due, dispatch
from auditlog.sealing.health import alarms
from auditlog.sealing.models import Anchor, Delivery
from auditlog.sealing.outgoing import Undelivered, is_public, send, signed_headers
from auditlog.sealing.sealer import seal
from auditlog.sealing.verify import read_anchor

from .factories import People, make_people
from .history import member_with
from .sealing import KEY

pytestmark = pytest.mark.django_db(transaction=True)

Request = tuple[str, str, dict[str, str], bytes]


@pytest.fixture
def people(settings: Settings) -> People:
    settings.SEALING_KEYS, settings.ANCHOR_DIR = [KEY], ""
    people = make_people()
    seal()
    return people


@contextmanager
def server(status: int = 200, **headers: str) -> Iterator[tuple[str, list[Request]]]:
    """Inside, a server answers every request with a status; what it was asked is kept."""
    received: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            sent = {name.lower(): value for name, value in self.headers.items()}
            received.append((self.command, self.path, sent, body))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        do_PUT = do_POST = _answer  # noqa: N815

        def log_message(self, *args: Any) -> None:
            pass

    httpd = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"127.0.0.1:{httpd.server_port}", received
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def deliver() -> tuple[Anchor, list[Delivery]]:
    anchor = make_anchor()
    dispatch(anchor)
    return anchor, deliver_due()


# What an anchor is


def test_it_holds_the_heads_of_all_accounts_and_links_to_the_one_before(people: People) -> None:
    first, second = make_anchor(), make_anchor()
    assert [head[0] for head in first.heads] == sorted({head[0] for head in first.heads})
    assert people.acme.pk in [head[0] for head in first.heads]
    assert document_of(second).says["previous"] == document_of(first).digest
    assert document_of(second).says["number"] == 2


def test_a_receipt_proves_one_account_and_shows_no_other(people: People) -> None:
    anchor = make_anchor()
    receipt = receipt_of(anchor, people.acme.pk)
    assert receipt
    found = read_anchor("receipt", receipt, people.acme.pk)
    assert found
    assert list(found.head) in anchor.heads
    other = next(head for head in anchor.heads if head[0] != people.acme.pk)
    assert other[3].encode() not in receipt
    assert read_anchor("receipt", receipt, other[0]) is None
    assert receipt_of(anchor, 10**9) is None


def test_a_receipt_that_was_changed_is_refused(people: People) -> None:
    receipt = json.loads(receipt_of(make_anchor(), people.acme.pk) or b"")
    receipt["head"][2] += 1
    with pytest.raises(ValueError, match="does not lead to the root"):
        read_anchor("receipt", json.dumps(receipt).encode(), people.acme.pk)


# Folder


def test_the_folder_gets_a_file_that_nobody_writes_to_again(people: People, settings: Settings, tmp_path: Path) -> None:
    settings.ANCHOR_DIR = str(tmp_path / "anchors")
    anchor, [delivery] = deliver()
    path = tmp_path / "anchors" / file_name(anchor)
    assert delivery.delivered_at
    assert path.read_bytes() == file_of(anchor)
    assert path.stat().st_mode & 0o222 == 0
    deliveries.to_folder(anchor)  # Again is no error, …
    path.chmod(0o600)
    path.write_text("forged")
    with pytest.raises(Undelivered, match="something else"):  # … and what is there stays.
        deliveries.to_folder(anchor)
    assert path.read_text() == "forged"
    assert [file.name for file in path.parent.iterdir()] == [path.name]


# Bucket


def test_the_signature_is_that_of_amazon_s_own_example() -> None:
    signed = signed_headers(
        "PUT",
        "https://examplebucket.s3.amazonaws.com/test%24file.text",
        b"Welcome to Amazon S3.",
        {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
        ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        "us-east-1",
        datetime(2013, 5, 24, tzinfo=UTC),
    )
    assert signed["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,"
        "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
    )


def s3_signature(method: str, path: str, headers: dict[str, str], secret: str) -> str:
    """Return the signature of a request as a server computes it, from what it received alone."""
    authorization = headers["authorization"]
    scope = authorization.split("Credential=")[1].split(",")[0].partition("/")[2]
    names = authorization.split("SignedHeaders=")[1].split(",")[0]
    lines = [method, *path.partition("?")[::2], *(f"{name}:{headers[name]}" for name in names.split(";")), "", names]
    request = "\n".join([*lines, headers["x-amz-content-sha256"]])
    text = f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{scope}\n{sha256(request.encode()).hexdigest()}"
    key = ("AWS4" + secret).encode()
    for part in [*scope.split("/"), text]:
        key = hmac.new(key, part.encode(), sha256).digest()
    return key.hex()


def test_the_bucket_gets_a_signed_and_locked_object(people: People, settings: Settings) -> None:
    with server() as (host, received):
        settings.ANCHOR_S3 = f"http://key:se%2Fcret@{host}/bucket/log?region=eu-west-1&days=30"
        anchor, [delivery] = deliver()
    assert delivery.delivered_at, delivery.error
    [(method, path, headers, body)] = received
    assert (method, path, body) == ("PUT", f"/bucket/log/{file_name(anchor)}", file_of(anchor))
    assert headers["x-amz-content-sha256"] == sha256(body).hexdigest()
    assert headers["authorization"].endswith(s3_signature(method, path, headers, "se/cret"))
    assert not headers["authorization"].endswith(s3_signature(method, path, headers, "other"))
    assert headers["x-amz-object-lock-mode"] == "COMPLIANCE"
    until = datetime.fromisoformat(headers["x-amz-object-lock-retain-until-date"])
    assert timedelta(days=29) < until - timezone.now() < timedelta(days=31)


# Mail


def test_auditors_get_the_receipt_of_their_account_once_a_day(people: People, settings: Settings) -> None:
    settings.ANCHOR_EMAIL = True
    auditor = member_with(Role.AUDITOR, people.acme)
    member_with(Role.AUDITOR, people.acme)
    seal()
    anchor, [delivery] = deliver()
    assert delivery.delivered_at, delivery.error
    [message] = mail.outbox
    assert auditor.email in message.bcc
    assert people.owner.email not in message.bcc
    assert message.to == []
    [(name, content, _)] = message.attachments
    assert name.startswith("acme-anchor-")
    assert content == receipt_of(anchor, people.acme.pk)
    deliver()
    assert len(mail.outbox) == 1


# Webhook


def test_the_webhook_gets_it_with_a_mac(people: People, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing.send, "__defaults__", (lambda address: True,))  # The test's server is on this machine.
    with server() as (host, received):
        settings.ANCHOR_WEBHOOK, settings.ANCHOR_WEBHOOK_SECRET = f"http://{host}/anchors?a=b", "secret"
        anchor, [delivery] = deliver()
    assert delivery.delivered_at, delivery.error
    [(method, path, headers, body)] = received
    assert (method, path, body) == ("POST", "/anchors?a=b", file_of(anchor))
    mac = hmac.new(b"secret", headers["x-anchor-time"].encode() + b"." + body, sha256).hexdigest()
    assert headers["x-anchor-signature"] == f"sha256={mac}"


INTERNAL = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "2002:7f00:1::",
    "64:ff9b::a00:1",
]


@pytest.mark.parametrize("address", INTERNAL)
def test_internal_addresses_are_refused_whatever_they_are_called(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[Any] = []
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = [(socket.AF_INET, 1, 6, "", ("93.184.216.34", 443)), (family, 1, 6, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: found)
    monkeypatch.setattr(socket, "create_connection", lambda *args: called.append(args))
    with pytest.raises(Undelivered, match="no public address"):
        send("POST", "https://hook.example/", b"", {})
    assert called == []


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://[::1]/", "http://localhost/", "http://2130706433/"])
def test_internal_addresses_are_refused_as_they_are(url: str) -> None:
    with pytest.raises(Undelivered):
        send("POST", url, b"", {})


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_public_addresses_are_not(address: str) -> None:
    assert is_public(ip_address(address))


def test_the_name_is_asked_once_and_what_was_found_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    with server() as (host, received):
        port = int(host.partition(":")[2])

        def resolve(name: str, *args: Any, **options: Any) -> list[Any]:
            asked.append(name)
            if len(asked) > 1 and name == "hook.example":
                raise AssertionError("the name was asked again")
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        send("POST", f"http://hook.example:{port}/x", b"", {}, lambda address: True)
    assert asked[0] == "hook.example"
    assert received[0][2]["host"] == f"hook.example:{port}"


def test_a_redirect_is_not_followed() -> None:
    with server(302, Location="http://127.0.0.1/") as (host, received):
        with pytest.raises(Undelivered, match="302"):
            send("POST", f"http://{host}/", b"", {}, lambda address: True)
        assert len(received) == 1


@pytest.mark.parametrize("url", ["ftp://example.com/", "https://", "nonsense", "file:///etc/passwd", "http://h:x/"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(Undelivered):
        send("POST", url, b"", {})


# When nobody takes them


def test_what_failed_is_tried_again_and_raises_an_alarm(people: People, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.ANCHOR_DIR = str(tmp_path / "file")
    anchor, [delivery] = deliver()
    assert delivery.error
    assert delivery.next_attempt
    now = delivery.next_attempt
    assert deliver_due(now - timedelta(seconds=1)) == []
    for _ in range(2):
        [delivery] = deliver_due(now)
        now = delivery.next_attempt or now
    assert any("folder" in alarm.sentence for alarm in alarms(timezone.now()))
    assert seal().stalled == set()  # Sealing goes on.
    settings.ANCHOR_DIR = str(tmp_path / "folder")
    [delivery] = deliver_due(now)
    assert delivery.delivered_at
    assert (tmp_path / "folder" / file_name(anchor)).exists()
    assert not any("folder" in alarm.sentence for alarm in alarms(timezone.now()))


def test_anchors_are_made_when_they_are_due(people: People, settings: Settings) -> None:
    do_chores()
    do_chores()
    assert Anchor.objects.count() == 1
    settings.ANCHOR_EVERY = 0
    do_chores()
    assert Anchor.objects.count() == 2


def test_the_command_says_when_an_anchor_stays_at_home(people: People, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="in the database only"):
        call_command("anchor_log")
    settings.ANCHOR_DIR = str(tmp_path)
    call_command("anchor_log")
    assert len(list(tmp_path.glob("*.json"))) == 1
