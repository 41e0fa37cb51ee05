"""Requests that leave this machine: to public addresses only, unless the operator named the machine; no redirects."""

import hashlib
import hmac
import http.client
import socket
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import quote, urlsplit

TIMEOUT = 10  # seconds

NAT64 = IPv6Network("64:ff9b::/96")

Address = IPv4Address | IPv6Address


class Undelivered(Exception):  # noqa: N818
    """It could not be sent, or was not taken; the message says why."""


def is_public(address: Address) -> bool:
    """Say whether an address is anybody's: none of this machine, of its network, or of a cloud's metadata."""
    inner = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    if address.version == 6 and address in NAT64:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return address.is_global and not address.is_multicast and (inner is None or is_public(inner))


def send(
    method: str, url: str, body: bytes, headers: Mapping[str, str], may: Callable[[Address], bool] = is_public
) -> None:
    """Send a request to an address that ``may`` allows. What the name stands for is asked once, and that is called.

    Raises:
        Undelivered: when it may not be sent, could not be sent, or the answer is no success. A redirect is none.
    """
    parts = urlsplit(url)
    try:
        port = parts.port or {"https": 443, "http": 80}[parts.scheme]
        host = parts.hostname or ""
        found = {ip_address(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        if refused := [address for address in found if not may(address)]:
            raise Undelivered(f"{host} is {refused[0]}, which is no public address.")
        connection = _connect(parts.scheme, host, port, str(min(found, key=lambda address: address.version)))
        with connection.sock:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, body, dict(headers))
            status = connection.getresponse().status
    except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
        raise Undelivered(f"{type(error).__name__}: {error}") from error
    if not 200 <= status < 300:
        raise Undelivered(f"The answer was {status}.")


def _connect(scheme: str, host: str, port: int, address: str) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    connection.sock = socket.create_connection((address, port), TIMEOUT)
    if scheme == "https":
        connection.sock = ssl.create_default_context().wrap_socket(connection.sock, server_hostname=host)
        connection.default_port = 443
    return connection


# Amazon's Signature Version 4, for one PUT: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html


def signed_headers(
    method: str, url: str, body: bytes, headers: Mapping[str, str], key: tuple[str, str], region: str, now: datetime
) -> dict[str, str]:
    """Return the headers of a request to S3, with its signature; ``key`` is the access key and its secret."""
    parts, moment = urlsplit(url), now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(body).hexdigest()
    sent = {name.lower(): value.strip() for name, value in headers.items()}
    sent |= {"host": parts.netloc, "x-amz-content-sha256": digest, "x-amz-date": moment}
    names = ";".join(sorted(sent))
    lines = "".join(f"{name}:{sent[name]}\n" for name in sorted(sent))
    request = "\n".join((method, quote(parts.path, safe="/-_.~%"), parts.query, lines, names, digest))
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    to_sign = "\n".join(("AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()))
    signing = f"AWS4{key[1]}".encode()
    for part in scope.split("/"):
        signing = hmac.digest(signing, part.encode(), "sha256")
    signature = hmac.digest(signing, to_sign.encode(), "sha256").hex()
    credential = f"Credential={key[0]}/{scope}"
    sent["authorization"] = f"AWS4-HMAC-SHA256 {credential},SignedHeaders={names},Signature={signature}"
    return sent
