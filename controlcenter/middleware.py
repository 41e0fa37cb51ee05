"""Puts every request into its context: who, from where, under which id."""

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from psycopg.errors import QueryCanceled

from .api import finished
from .calls import identify, is_call
from .context import ANONYMOUS, Actor, NotRecorded, Where, acting_as

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
PORT = re.compile(r"^\[(?P<v6>[^\]]+)\](?::\d+)?$|^(?P<v4>[\d.]+):\d+$")
LONGEST_HEADER = 500


class ContextMiddleware:
    """Enters the context of a request, and answers for the log when it refused an entry."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        where = where_of(request)
        request.id = where.request_id  # type: ignore[attr-defined]
        actor = actor_of(request)
        with acting_as(actor, where), timezone.override(zone_of(request)):
            response = self.get_response(request)
        if is_call(request):
            response = finished(request, response)
        response["X-Request-ID"] = where.request_id
        if actor.user_id:
            response.headers.setdefault("Cache-Control", "no-store")  # What one may see, the next may not.
        return response

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> None:
        """Refuse NUL in addresses of the admin, whose own filters would hand it to the database and fail."""
        asked = [value for _, values in request.GET.lists() for value in values]
        if request.resolver_match and "admin" in request.resolver_match.app_names and "\0" in "".join(asked):
            raise BadRequest("There is a NUL in the address.")

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Tell the person that nothing was changed, because the log could not record it; or that it took too long."""
        context = {"request_id": request.id}  # type: ignore[attr-defined]
        if isinstance(exception, NotRecorded):
            return render(request, "503.html", context, status=503)
        if isinstance(exception.__cause__, QueryCanceled):
            return render(request, "too_slow.html", {**context, "back_url": request.path}, status=503)
        return None


def actor_of(request: HttpRequest) -> Actor:
    """Return who makes a request: a call of the API is made by its token, never by who is signed in."""
    who = identify(request) if is_call(request) else request.user if request.user.is_authenticated else None
    return who.as_actor() if who else ANONYMOUS


def zone_of(request: HttpRequest) -> ZoneInfo | None:
    """Return the time zone that a page shows times in; None for the default, also for calls of the API."""
    return None if is_call(request) or not request.user.is_authenticated else request.user.zone


def where_of(request: HttpRequest) -> Where:
    """Return where a request came from, with the address that the trusted proxies vouch for."""
    headers = request.headers
    peer, forwarded = request.META.get("REMOTE_ADDR", ""), headers.get("X-Forwarded-For", "")
    asked_for = headers.get("X-Request-ID", "")
    return Where(
        source_ip=source_ip(peer, forwarded, settings.TRUSTED_PROXIES),
        peer_ip=_address(peer),
        forwarded_for=forwarded[:LONGEST_HEADER],
        user_agent=headers.get("User-Agent", "")[:LONGEST_HEADER],
        request_id=asked_for if REQUEST_ID.fullmatch(asked_for) else uuid4().hex,
        method=request.method or "",
        path=request.path[:LONGEST_HEADER],
    )


def source_ip(peer: str, forwarded_for: str, trusted_proxies: int) -> str | None:
    """Return the address of the client: the last one that no trusted proxy of ours stands for.

    Each proxy appends the address it was called from, so with ``n`` trusted proxies the ``n``-th address from the right
    is the last one we know to be true; what stands left of it anybody could have written. When it is no address, or
    there are fewer of them, the nearest true address to its right counts.
    """
    chain = [part for part in forwarded_for.split(",") if part.strip()] if trusted_proxies else []
    known = [_address(part) for part in [*chain, peer]]
    for address in known[-(trusted_proxies + 1) :]:
        if address:
            return address
    return None


def _address(text: str) -> str | None:
    """Return the canonical text of an address, without port or zone; None for anything else."""
    text = text.strip()
    if match := PORT.match(text):
        text = match["v6"] or match["v4"]
    try:
        address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
