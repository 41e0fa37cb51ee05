"""Drill 7: whatever a request says about where it comes from, the address that counts is the right one, and none fails.

A row is what arrives, and the address that is believed with no proxy of ours before the server, with one, and with two.
P is whoever is connected to us: the client itself, or the proxy nearest to us.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from controlcenter.middleware import where_of

P = "10.0.0.9"
C, D, E = "203.0.113.7", "198.51.100.1", "192.0.2.44"
V6 = "2001:db8::1"
LONG = ", ".join([D] * 1000)

# fmt: off
TABLE: list[tuple[str, str, str, str]] = [
    # X-Forwarded-For                        none  one  two  proxies of ours
    ("",                                     P, P, P),
    (" ",                                    P, P, P),
    ("\t",                                   P, P, P),
    (",",                                    P, P, P),
    (" , \t, ",                              P, P, P),
    (C,                                      P, C, C),
    (f"  {C}  ",                             P, C, C),
    (f"\t{C}\t",                             P, C, C),
    (f"{D}, {C}",                            P, C, D),
    (f"{D},{C}",                             P, C, D),
    (f"{D} ,\t{C}",                          P, C, D),
    (f"{E}, {D}, {C}",                       P, C, D),
    (f"127.0.0.1, {D}, {C}",                 P, C, D),
    (f"{C}, ",                               P, C, C),
    (f" ,{C}",                               P, C, C),
    (f"{D},, {C}",                           P, C, D),
    (f"{LONG}, {C}",                         P, C, D),
    # with a port
    (f"{C}:4711",                            P, C, C),
    (f"{D}:1, {C}:65535",                    P, C, D),
    (f"{C}:",                                P, P, P),
    (f"{C}:port",                            P, P, P),
    (f"{C}:4711:1",                          P, P, P),
    # IPv6
    (V6,                                     P, V6, V6),
    ("2001:DB8:0:0::1",                      P, V6, V6),
    ("2001:0db8:0000:0000:0000:0000:0000:1", P, V6, V6),
    (f"[{V6}]",                              P, V6, V6),
    (f"[{V6}]:4711",                         P, V6, V6),
    (f"{D}, [{V6}]:4711",                    P, V6, D),
    (f"[{V6}",                               P, P, P),
    (f"{V6}]",                               P, P, P),
    ("[]",                                   P, P, P),
    ("::1",                                  P, "::1", "::1"),
    ("fe80::1%eth0",                         P, "fe80::1", "fe80::1"),
    ("[fe80::1%25eth0]:80",                  P, "fe80::1", "fe80::1"),
    ("fe80::1%eth0, fe80::2%<script>",       P, "fe80::2", "fe80::1"),
    (f"::ffff:{C}",                          P, C, C),
    (f"::FFFF:{C}",                          P, C, C),
    (f"[::ffff:{C}]:4711",                   P, C, C),
    ("::ffff:cb00:7107",                     P, C, C),
    # what proxies write when they don't know, or don't tell
    ("unknown",                              P, P, P),
    (f"unknown, {C}",                        P, C, C),
    (f"{C}, unknown",                        P, P, C),
    (f"{D}, {C}, unknown",                   P, P, C),
    ("_hidden",                              P, P, P),
    (f"_SEVKISEK, {C}",                      P, C, C),
    ("unix:",                                P, P, P),
    ("unix:/run/proxy.sock",                 P, P, P),
    (f"{C}, unix:",                          P, P, C),
    ("-",                                    P, P, P),
    ("null",                                 P, P, P),
    # no addresses
    ("999.1.1.1",                            P, P, P),
    ("203.0.113",                            P, P, P),
    ("203.0.113.007",                        P, P, P),
    ("0313.0.0161.07",                       P, P, P),
    ("0xCB007107",                           P, P, P),
    ("3405803783",                           P, P, P),
    ("203.0.113.7/24",                       P, P, P),
    ("203.0.113.7.",                         P, P, P),
    ("localhost",                            P, P, P),
    ("２０３.0.113.7",                        P, P, P),
    (f"for={C}",                             P, P, P),
    (f'"{C}"',                               P, P, P),
    (f"{C};{D}",                             P, P, P),
    (f"{D} {C}",                             P, P, P),
    ("'; DROP TABLE auditlog_entry; --",     P, P, P),
    ("<script>alert(1)</script>",            P, P, P),
    ("${jndi:ldap://evil.example/a}",        P, P, P),
    (f"{C}\x00",                             P, P, P),
    (f"{D}\x00, {C}",                        P, C, C),
    (f"{C}\r\nX-Injected: 1",                P, P, P),
    ("\x1b[31m203.0.113.7",                  P, P, P),
    ("\xff\xfe, \xe9",                       P, P, P),
    ("a" * 5000,                             P, P, P),
    ("," * 5000,                             P, P, P),
]
# fmt: on


def test_there_are_sixty_combinations() -> None:
    assert len({row[0] for row in TABLE}) == len(TABLE) >= 60


@pytest.mark.parametrize("proxies", [0, 1, 2])
def test_the_right_address_is_believed(proxies: int, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = proxies
    wrong = {}
    for row in TABLE:
        request = RequestFactory().get("/", REMOTE_ADDR=P, headers={"X-Forwarded-For": row[0]})
        where = where_of(request)
        if (where.source_ip, where.peer_ip) != (row[1 + proxies], P):
            wrong[row[0]] = where.source_ip
        assert len(where.forwarded_for) <= 500
        assert not any(ord(sign) < 32 or ord(sign) == 127 for sign in where.forwarded_for), row[0]
    assert wrong == {}


@pytest.mark.parametrize("proxies", [0, 1, 2])
def test_other_headers_are_believed_by_nobody(proxies: int, settings: Settings) -> None:
    """Only one header is ours to read: a client can write all others, and no proxy of ours takes them away."""
    settings.TRUSTED_PROXIES = proxies
    others = {
        "Forwarded": f'for={E};proto=https, for="[{V6}]:4711"',
        "X-Real-IP": E,
        "Client-IP": E,
        "True-Client-IP": E,
        "CF-Connecting-IP": E,
        "X-Client-IP": E,
        "X-Cluster-Client-IP": E,
        "X-Originating-IP": E,
        "Via": f"1.1 {E}",
    }
    assert where_of(RequestFactory().get("/", REMOTE_ADDR=P, headers=others)).source_ip == P
    both = {**others, "X-Forwarded-For": f"{D}, {C}"}
    assert where_of(RequestFactory().get("/", REMOTE_ADDR=P, headers=both)).source_ip == (P, C, D)[proxies]


@pytest.mark.parametrize(
    ("peer", "believed"),
    [("", None), ("unix:", None), (f"::ffff:{P}", P), ("fe80::1%eth0", "fe80::1"), ("[::1]:80", "::1")],
)
def test_the_peer_may_be_no_address_itself(peer: str, believed: str | None, settings: Settings) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR=peer)
    assert (where_of(request).source_ip, where_of(request).peer_ip) == (believed, believed)
    settings.TRUSTED_PROXIES = 1
    assert where_of(RequestFactory().get("/", REMOTE_ADDR=peer, headers={"X-Forwarded-For": C})).source_ip == C


# Over a socket: what gunicorn makes of headers before they come to us

ECHO = """
import json
from django.conf import settings
settings.configure(TRUSTED_PROXIES=1, ALLOWED_HOSTS=["*"], SECRET_KEY="x", ROOT_URLCONF=None, INSTALLED_APPS=[])
from django.core.handlers.wsgi import WSGIRequest
from controlcenter.addresses import source_ip

def application(environ, start_response):
    request = WSGIRequest(environ)
    chain = request.headers.get("X-Forwarded-For", "")
    told = {"ip": source_ip(request.META.get("REMOTE_ADDR", ""), chain, 1), "chain": chain}
    body = json.dumps(told).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
LOCAL = "127.0.0.1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Gunicorn, serving what the product says of a request's address."""
    folder = tmp_path_factory.mktemp("echo")
    (folder / "echo_address.py").write_text(ECHO)
    with socket.socket() as free:
        free.bind((LOCAL, 0))
        port = int(free.getsockname()[1])
    root = str(Path(__file__).parent.parent)
    command = [sys.executable, "-m", "gunicorn", "--chdir", str(folder), "-b", f"{LOCAL}:{port}", "echo_address"]
    process = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": root}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(1200):
            try:
                socket.create_connection((LOCAL, port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def ask(port: int, *lines: bytes) -> tuple[int, dict[str, Any]]:
    """Send header lines as they are, and return the status and what was understood."""
    with socket.create_connection((LOCAL, port), timeout=10) as connection:
        head = b"\r\n".join([b"GET / HTTP/1.1", b"Host: localhost", b"Connection: close", *lines])
        connection.sendall(head + b"\r\n\r\n")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        body = answer.read()
    return answer.status, json.loads(body) if answer.status == 200 else {}


F = b"X-Forwarded-For: "
OVER_A_SOCKET: dict[str, tuple[tuple[bytes, ...], int, str]] = {
    "one line": ((F + C.encode(),), 200, C),
    "two lines": ((F + D.encode(), F + C.encode()), 200, C),
    "two lines, spelled differently": ((b"x-forwarded-for: " + D.encode(), F + C.encode()), 200, C),
    "an empty line last": ((F + C.encode(), F), 200, C),
    "no space": ((b"X-Forwarded-For:" + C.encode(),), 200, C),
    "a tab": ((b"X-Forwarded-For:\t" + C.encode() + b"\t",), 200, C),
    "underscores are another header": ((b"X_Forwarded_For: " + C.encode(),), 200, LOCAL),
    "latin-1": ((F + b"\xe9\xff, " + C.encode(),), 200, C),
    "latin-1 last": ((F + C.encode() + b", \xe9",), 200, LOCAL),
    "an escape sequence": ((F + b"\x1b[31mred",), 400, ""),
    "NUL": ((F + C.encode() + b"\x00",), 400, ""),
    "a folded line": ((F + D.encode() + b",", b" " + C.encode()), 400, ""),
    "a name with a space": ((b"X-Forwarded-For : " + C.encode(),), 400, ""),
    "400 hops": ((F + b", ".join([D.encode()] * 400) + b", " + C.encode(),), 200, C),
    "1,000 hops": ((F + b", ".join([D.encode()] * 1000) + b", " + C.encode(),), 431, ""),
}


@pytest.mark.parametrize("name", OVER_A_SOCKET)
def test_over_a_socket(name: str, server: int) -> None:
    lines, status, believed = OVER_A_SOCKET[name]
    answered, told = ask(server, *lines)
    assert answered == status
    assert not believed or told["ip"] == believed
