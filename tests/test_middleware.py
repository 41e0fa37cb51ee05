"""Where a request came from: the address that counts, and the ids that tie things together."""

import pytest
from django.test import Client

from controlcenter.addresses import source_ip

PEER = "10.0.0.9"
ADDRESSES = {
    # forwarded chain as received: (no proxy, one trusted proxy, two trusted proxies)
    "": (PEER, PEER, PEER),
    "203.0.113.7": (PEER, "203.0.113.7", "203.0.113.7"),
    "198.51.100.1, 203.0.113.7": (PEER, "203.0.113.7", "198.51.100.1"),
    "1.1.1.1, 198.51.100.1, 203.0.113.7": (PEER, "203.0.113.7", "198.51.100.1"),
    "unknown": (PEER, PEER, PEER),
    "203.0.113.7, unknown": (PEER, PEER, "203.0.113.7"),
    "unknown, 203.0.113.7": (PEER, "203.0.113.7", "203.0.113.7"),
    "203.0.113.7:4711": (PEER, "203.0.113.7", "203.0.113.7"),
    "2001:db8::1": (PEER, "2001:db8::1", "2001:db8::1"),
    "[2001:db8::1]:4711": (PEER, "2001:db8::1", "2001:db8::1"),
    "2001:DB8:0:0::1": (PEER, "2001:db8::1", "2001:db8::1"),
    "fe80::1%eth0": (PEER, "fe80::1", "fe80::1"),
    "::ffff:203.0.113.7": (PEER, "203.0.113.7", "203.0.113.7"),
    " , ,203.0.113.7": (PEER, "203.0.113.7", "203.0.113.7"),
    "'; DROP TABLE auditlog_entry": (PEER, PEER, PEER),
    "999.1.1.1": (PEER, PEER, PEER),
    "a" * 5000: (PEER, PEER, PEER),
}


@pytest.mark.parametrize("proxies", [0, 1, 2])
@pytest.mark.parametrize("chain", ADDRESSES)
def test_it_believes_only_trusted_proxies(chain: str, proxies: int) -> None:
    assert source_ip(PEER, chain, proxies) == ADDRESSES[chain][proxies]


def test_it_knows_no_address_on_a_unix_socket() -> None:
    assert source_ip("", "", 0) is None
    assert source_ip("", "203.0.113.7", 1) == "203.0.113.7"


@pytest.mark.django_db
def test_it_hands_the_request_id_through(client: Client) -> None:
    assert client.get("/sign-in/", headers={"X-Request-ID": "abc-123"})["X-Request-ID"] == "abc-123"


@pytest.mark.django_db
@pytest.mark.parametrize("bad", ["", "two words", "x" * 65, "<script>", "new\nline"])
def test_it_makes_a_request_id_for_a_bad_one(client: Client, bad: str) -> None:
    made = client.get("/sign-in/", headers={"X-Request-ID": bad.replace("\n", "%0a")})["X-Request-ID"]
    assert len(made) == 32
    assert int(made, 16)
