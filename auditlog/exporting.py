"""Taking the log away: as a file with its manifest, or as a question to the API."""

from typing import Any, cast

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import account_page, require
from accounts.models import Member
from accounts.roles import Permission
from controlcenter.context import attempting
from controlcenter.operations import Operation

from .copies import Copies
from .export_formats import Format
from .exports import COME_BACK, Export, TooMany
from .listing import count_label
from .looks import Look
from .manifests import manifests_of
from .models import Entry
from .view_pages import closed_to, told

EXPORTS_SHOWN = 20


@account_page()
@require_safe
def copy(request: HttpRequest, member: Member) -> HttpResponse:
    """What the address asks for, in forms to copy: address, query text, API JSON, curl."""
    if closed := closed_to(member):
        return closed
    look = Look(request, member)
    context = {"account": member.account, "look": look, "back_url": look.address, "errors": look.filters.sentences}
    if look.valid:
        context |= {"copies": Copies(look, request), "shows": told(look.to_keep)}
    return render(request, "auditlog/copy.html", context, status=200 if look.valid else 422)


@account_page(attempts=Operation.LOG_EXPORT)
@require_http_methods(["GET", "HEAD", "POST"])
def export(request: HttpRequest, member: Member) -> HttpResponse:
    """Hand out, as a file, what the address asks for; and show what was handed out before.

    Only a form of ours starts an export: a link or an image on somebody's page could do so in another's name.
    """
    with attempting(Operation.LOG_EXPORT, account_id=member.account_id) as attempt:
        require(member, Permission.EXPORT_LOG)
        if not member.account.plan.audit_log:
            attempt.refuse("plan_required", f"The {member.account.plan} plan does not include exporting the log.")
            return redirect("logs", member.account.slug)
        look = Look(request, member)
        wanted = request.POST.get("format", "")
        if request.method != "POST":
            return _export_page(request, look)
        if problems := _problems(look, wanted):
            attempt.refuse("invalid", " ".join(problems))
            return _export_page(request, look, *problems)
        file = Export(
            member,
            Format(wanted),
            look.filters.entries,
            look.filters.as_query(),
            look.begins,
            look.period.ends,
            look.display.ascending,
        )
        try:
            pieces = file.begin()
        except TooMany as refused:
            attempt.refuse(refused.code, refused.sentence)
            return _come_back(_export_page(request, look, refused.sentence))
    response = StreamingHttpResponse(pieces, content_type=file.format.content_type)
    response["Content-Disposition"] = f'attachment; filename="{file.file_name}"'
    response["Content-Encoding"] = "identity"  # To compress takes longer than all the rest.
    response["X-Accel-Buffering"] = "no"
    return cast("HttpResponse", response)  # A page is one; the type of what is streamed knows nothing of that.


def _problems(look: Look, wanted: str) -> list[str]:
    problems = list(look.filters.sentences)
    if wanted not in list(Format):
        problems.append(f"There is no format “{wanted:.40}”. Choose one of {', '.join(Format)}.")
    return problems


def _come_back(page: HttpResponse) -> HttpResponse:
    page.status_code, page["Retry-After"] = 503, str(COME_BACK)
    return page


def _export_page(request: HttpRequest, look: Look, *problems: str) -> HttpResponse:
    """The form, and the last exports with what became of them."""
    problems = problems or tuple(look.filters.sentences)
    exports = _exports(look.member).newest_first()[: EXPORTS_SHOWN * 2]
    context: dict[str, Any] = {
        "account": look.member.account,
        "look": look,
        "back_url": look.address,
        "errors": problems,
        "query": request.GET.urlencode(),
        "exports": [
            (made, told(made.query)) for made in manifests_of(exports.select_related("subject"))[:EXPORTS_SHOWN]
        ],
    }
    if look.valid:
        context |= {"count_label": count_label(look.filters.entries.count_capped()), "shows": told(look.to_keep)}
    return render(request, "auditlog/export.html", context, status=422 if problems else 200)


@account_page()
@require_safe
def manifest(request: HttpRequest, member: Member, export_id: str) -> HttpResponse:
    """What the log says of one export: what it holds, and the SHA-256 of its bytes."""
    if closed := closed_to(member):
        return closed
    entries = _exports(member).with_target("export", export_id).newest_first().select_related("subject")
    if not (found := manifests_of(entries[:2])):
        raise Http404
    response = JsonResponse(found[0].as_json(), json_dumps_params={"indent": 2, "ensure_ascii": False})
    response["Content-Disposition"] = f'attachment; filename="{export_id}-manifest.json"'
    return response


def _exports(member: Member) -> Any:
    kept_since = member.account.kept_since(timezone.now())
    return Entry.objects.visible_to(member).since(kept_since).with_operation(Operation.LOG_EXPORT)
