"""Error pages. Each shows the request id, by which support finds the request."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


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


def server_error(request: HttpRequest) -> HttpResponse:
    """500."""
    return _page(request, "500.html", 500)


def _page(request: HttpRequest, template: str, status: int, **context: object) -> HttpResponse:
    return render(request, template, {"request_id": getattr(request, "id", ""), **context}, status=status)
