"""What an address of the log asks for, as other programs are asked for it."""

import json
import shlex
from datetime import timedelta
from typing import Any

from django.http import HttpRequest

from controlcenter.operations import Operation

from .canonical import timestamp
from .exact import EXACTLY
from .fields import targets_of
from .looks import Look, log_address
from .messages import KINDS
from .searches import REPORTED_AS

PER_PAGE = 1000


class Copies:
    """One look, four ways."""

    def __init__(self, look: Look, request: HttpRequest) -> None:
        account = look.member.account
        self.address = request.build_absolute_uri(log_address(look.member, look.to_send))
        self.text = look.filters.text
        self.json = json.dumps(search_of(look), indent=2, ensure_ascii=False)
        url = request.build_absolute_uri(f"/v2/users/{account.slug}/audit_log/searches")
        self.curl = (
            f'curl -X POST {shlex.quote(url)} \\\n  -H "Authorization: Key $TOKEN" \\\n'
            f"  -H 'Content-Type: application/json' \\\n  -d {shlex.quote(self.json)}"
        )


def search_of(look: Look) -> dict[str, Any]:
    """Return the body of a search of the API that finds the same entries in the same order."""
    query: dict[str, Any] = {
        "timestamp_from": timestamp(look.period.begins),
        "timestamp_to": timestamp(look.period.ends - timedelta(microseconds=1)),
    }
    excluded: dict[str, list[str]] = {}
    for parameter, values in look.filters.narrowing.items():
        if parameter.startswith("-"):
            excluded[EXACTLY[parameter[1:]]] = values
        else:
            query |= _included(parameter, values)
    if excluded:
        query["exclude"] = excluded
    search: dict[str, Any] = {"query": query, "pagination": {"per_page": PER_PAGE}}
    return {**search, "sort_ascending": True} if look.display.ascending else search


def _included(parameter: str, values: list[str]) -> dict[str, Any]:
    """Return a filter in the reference's own words where these say exactly the same, else in ours."""
    match parameter, values:
        case "status", [status]:
            return {"success": status == "success"}
        case "operation", names if _all_reported_so(names):
            return {"operations": names}
        case "target", paths if all(_is_plain_target(path) for path in paths):
            return {"targets": [{kind: {"id": public_id}} for path in paths for kind, public_id in targets_of(path)]}
        case _:
            return {EXACTLY[parameter]: values}


def _all_reported_so(names: list[str]) -> bool:
    """Whether nothing else is reported under the codes of some operations."""
    chosen = {Operation[name] for name in names if name in Operation.__members__}
    return len(chosen) == len(names) and all({*REPORTED_AS.get(int(own), [own])} <= chosen for own in chosen)


def _is_plain_target(path: str) -> bool:
    targets = targets_of(path)
    return len(targets) == 1 and targets[0][0] in KINDS
