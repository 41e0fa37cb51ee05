"""Puts every request into its context: who, from where, under which id."""

import re
from collections.abc import Callable
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.utils import timezone
from psycopg.errors import QueryCanceled

from accounts.sessions import keep_up
from accounts.throttles import Throttled
from auditlog.support import ReasonNeeded, SeveralCustomers
from auditlog.support_pages import ask_first

from .addresses import address_in, source_ip
from .api import finished
from .calls import identify, is_call
from .context import ANONYMOUS, Actor, NotRecorded, Where, acting_as
from .errors import no_page, too_often
from .fence import outside
from .logs import UNSEEN
from .masking import masked, masked_start

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
LONGEST_HEADER = 500
UNUSED = ", ".join(f"{power}=()" for power in ("camera", "geolocation", "microphone", "payment", "usb"))
"""What no page of ours asks a browser for, so that nothing slipped into one can."""


class ContextMiddleware:
    """Enters the context of a request, and answers for the log when it refused an entry."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        where = where_of(request)
        request.id = where.request_id  # type: ignore[attr-defined]
        actor = actor_of(request)
        with acting_as(actor, where), outside(), timezone.override(zone_of(request)):
            response = self.get_response(request)
            if isinstance(response, HttpResponseNotAllowed) and request.method == "GET" and not is_call(request):
                response = no_page(request, response)
        if is_call(request):
            response = finished(request, response)
        response["X-Request-ID"] = where.request_id
        response["Permissions-Policy"] = UNUSED
        if actor.user_id or not is_call(request):
            response.headers.setdefault("Cache-Control", "no-store")  # What one may see, the next may not.
        return response

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> None:
        """Keep up the session; refuse NUL in addresses of the admin, whose own filters would fail on the database."""
        keep_up(request)
        asked = [value for _, values in request.GET.lists() for value in values]
        if request.resolver_match and "admin" in request.resolver_match.app_names and "\0" in "".join(asked):
            raise BadRequest("There is a NUL in the address.")

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Tell why nothing was done: the log could not record it, it took too long, was too often, had no reason."""
        context = {"request_id": request.id}  # type: ignore[attr-defined]
        if isinstance(exception, ReasonNeeded | SeveralCustomers):
            return ask_first(request, exception)
        if isinstance(exception, NotRecorded):
            return render(request, "503.html", context, status=503)
        if isinstance(exception, Throttled):
            return too_often(request, exception)
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
    usable = REQUEST_ID.fullmatch(asked_for) and masked(asked_for) == asked_for
    return Where(
        source_ip=source_ip(peer, forwarded, settings.TRUSTED_PROXIES),
        peer_ip=address_in(peer),
        forwarded_for=_told(forwarded),
        user_agent=_told(headers.get("User-Agent", "")),
        request_id=asked_for if usable else uuid4().hex,
        method=request.method or "",
        path=_told(request.path),
    )


def _told(text: str) -> str:
    """Return text of a request as it may be kept: no credential, nothing that is not seen, and not too long."""
    return UNSEEN.sub("\N{REPLACEMENT CHARACTER}", masked_start(text, LONGEST_HEADER))
