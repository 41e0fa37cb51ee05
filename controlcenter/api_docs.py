"""What the API says of itself: OpenAPI for programs, and a page for people, both from the schemas that validate."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from .calls import PREFIX
from .families import api


@cache
def openapi() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return json.loads(json.dumps(api.get_openapi_schema(path_prefix=PREFIX.strip("/") + "/")))  # type: ignore[no-any-return]


@require_safe
def openapi_json(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document."""
    return JsonResponse(openapi())


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """The page for people: every operation with what it takes and what it answers."""
    families: dict[str, list[dict[str, Any]]] = {}
    for operation in operations():
        families.setdefault(operation["family"], []).append(operation)
    return render(request, "api/docs.html", {"families": families, "base_url": request.build_absolute_uri("/")[:-1]})


@cache
def operations() -> list[dict[str, Any]]:
    """Return all operations as the page shows them, in the order of their definition."""
    return [
        _operation(path, method, described)
        for path, methods in openapi()["paths"].items()
        for method, described in methods.items()
    ]


def _operation(path: str, method: str, described: dict[str, Any]) -> dict[str, Any]:
    body = _schema_of(described.get("requestBody"))
    return {
        "id": described["operationId"],
        "family": described["tags"][0],
        "method": method.upper(),
        "path": path,
        "description": _marked(described["description"]),
        "scopes": described["x-scopes"],
        "parameters": [{**one, "description": _marked(one["description"])} for one in described["parameters"]],
        "fields": list(_fields(body)),
        "example": json.dumps(_example(body), indent=2) if body else "",
        "url": _filled(path, described["parameters"]),
        "answer": list(_fields(_schema_of(described["responses"]["200"]))),
        "failures": [status for status in described["responses"] if status != "200"],
    }


def _marked(text: str) -> SafeString:
    """Return a description with what stands between backticks as code."""
    parts = text.split("`")
    return format_html("".join("<code>{}</code>" if number % 2 else "{}" for number in range(len(parts))), *parts)


def _schema_of(part: dict[str, Any] | None) -> dict[str, Any]:
    """Return the schema of a body or an answer."""
    return _resolved(part["content"]["application/json"]["schema"]) if part else {}


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what a schema refers to, or the schema itself."""
    for choice in [*schema.get("anyOf", []), *schema.get("allOf", [])]:
        if "$ref" in choice:
            return _resolved(choice)
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = openapi()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return found


def _fields(schema: dict[str, Any], before: str = "") -> Iterator[dict[str, Any]]:
    """Yield each field of a schema, those of its parts included, with its whole name."""
    for name, field in schema.get("properties", {}).items():
        part = _resolved(field)
        items = _resolved(part["items"]) if "items" in part else {}
        yield {
            "name": f"{before}{name}",
            "type": _type_of(field),
            "required": name in schema.get("required", []),
            "description": _marked(field.get("description", "")),
            "example": json.dumps(field["examples"][0], ensure_ascii=False) if "examples" in field else "",
        }
        nested, mark = (items, "[].") if items else (part, ".")
        if not (before and part.get("title") == "Status"):  # It stands in full on top.
            yield from _fields(nested, f"{before}{name}{mark}")


def _type_of(field: dict[str, Any]) -> str:
    choices = [choice for choice in field.get("anyOf", [field]) if choice.get("type") != "null"]
    return " or ".join("list" if choice.get("type") == "array" else choice.get("type", "object") for choice in choices)


def _example(schema: dict[str, Any]) -> dict[str, Any]:
    required = schema.get("required") or list(schema["properties"])[:1]
    return {name: schema["properties"][name]["examples"][0] for name in required}


def _filled(path: str, parameters: list[dict[str, Any]]) -> str:
    for parameter in parameters:
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", parameter["example"])
    return path
