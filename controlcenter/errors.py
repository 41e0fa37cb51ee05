"""Error pages, and what the API says instead. Each shows the request id, by which support finds the request."""

import sys

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from accounts.access import record_turned_away
from accounts.sessions import in_words
from accounts.throttles import Throttled

from .calls import PREFIX, is_call
from .pooling import WAIT, does_not_answer
from .problems import CODE_OF_STATUS, Problem, answer, unavailable
from .replica import NotHere


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: say what the person would need."""
    context = {
        "reason": getattr(exception, "sentence", "") or str(exception) or "You may not do this.",
        "code": getattr(exception, "code", "permission_denied"),
        "recorded": getattr(exception, "attempt_recorded", False),
    }
    return _page(request, "403.html", 403, **context)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: also for what belongs to somebody else."""
    return _page(request, "404.html", 404)


def form_out_of_date(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form that another site made up, or that was opened long ago."""
    record_turned_away(request, "form_out_of_date", "The form was not of this site, or was opened long ago.")
    return _page(request, "403_csrf.html", 403)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400."""
    return _page(request, "400.html", 400)


def no_page(request: HttpRequest, refused: HttpResponse) -> HttpResponse:
    """405: say that an address takes forms only, where Django says nothing at all."""
    response = _page(request, "405.html", 405)
    response["Allow"] = refused["Allow"]
    return response


def too_often(request: HttpRequest, refused: Throttled) -> HttpResponse:
    """429: say when the next try is let through."""
    wait = in_words(refused.seconds)
    response = _page(request, "429.html", 429, until=refused.until, wait=wait, back_url=request.path)
    response["Retry-After"] = str(refused.seconds)
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """500, or 503 without the database: looks nothing up, as whatever it asked might be what is broken."""
    error = sys.exception()
    if does_not_answer(error):
        return database_away(request)
    if isinstance(error, NotHere):
        return database_away(request, str(error))
    if is_call(request):
        return answer(
            request,
            Problem(
                "internal_error", "Something broke on our side: look whether it was carried out before you try again."
            ),
        )
    request_id = getattr(request, "id", "")
    page = render_to_string("500.html", {"request_id": request_id})
    return HttpResponse(page, status=500, headers={"X-Request-ID": request_id})


def database_away(request: HttpRequest, sentence: str = "") -> HttpResponse:
    """503: the database can't be reached, too many pages wait for it, or, as ``sentence`` says, it is the wrong one."""
    if is_call(request):
        return answer(request, unavailable(sentence))
    request_id = getattr(request, "id", "")
    page = render_to_string("database_away.html", {"request_id": request_id, "sentence": sentence})
    headers = {"X-Request-ID": request_id, "Retry-After": str(WAIT), "Cache-Control": "no-store"}
    return HttpResponse(page, status=503, headers=headers)


def _page(request: HttpRequest, template: str, status: int, **context: object) -> HttpResponse:
    if is_call(request):
        return answer(request, Problem(CODE_OF_STATUS[status], f"{request.path}: see the operations at {PREFIX}docs."))
    return render(request, template, {"request_id": getattr(request, "id", ""), **context}, status=status)
