"""What the API says of itself: the same schemas that validate, told to programs and to people."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from clarifai_grpc.grpc.api import service_pb2
from django.test import Client
from google.api import annotations_pb2
from pydantic import BaseModel

from controlcenter.api_docs import openapi, operations

# What issue 4 names, and the reads that go with it.
# fmt: off
BUILT = [
    "PostAuditLogSearches",
    "PostApps", "PatchApps", "PatchApp", "DeleteApp", "PostAppDuplications", "GetApp", "ListApps",
    "PostModels", "PatchModels", "DeleteModel", "DeleteModels", "GetModel", "ListModels",
    "PostModelVersions", "PatchModelVersions", "DeleteModelVersion", "GetModelVersion", "ListModelVersions",
    "PostModelVersionsPublish", "PostModelVersionsUnPublish",
    "PostWorkflows", "PatchWorkflows", "DeleteWorkflow", "DeleteWorkflows", "GetWorkflow", "ListWorkflows",
    "DeleteWorkflowVersions", "PatchWorkflowVersions", "GetWorkflowVersion", "ListWorkflowVersions",
    "PostWorkflowVersionsPublish", "PostWorkflowVersionsUnPublish",
    "PostCollaborators", "PatchCollaborators", "DeleteCollaborators", "ListCollaborators",
    "PostComputeClusters", "PatchComputeClusters", "DeleteComputeClusters", "GetComputeCluster", "ListComputeClusters",
    "PostNodepools", "PatchNodepools", "DeleteNodepools", "GetNodepool", "ListNodepools",
    "PostDeployments", "PatchDeployments", "DeleteDeployments", "GetDeployment", "ListDeployments",
]
# fmt: on
SERVICE = service_pb2.DESCRIPTOR.services_by_name["V2"]


def place_of(method: str) -> tuple[str, str]:
    """Where the public client sends a method; names of arguments left out."""
    rule = SERVICE.methods_by_name[method].GetOptions().Extensions[annotations_pb2.http]
    verb = rule.WhichOneof("pattern")
    return verb, re.sub(r"{.*?}", "{}", getattr(rule, verb))


def places() -> dict[str, tuple[str, str]]:
    return {
        described["operationId"]: (verb, re.sub(r"{.*?}", "{}", path))
        for path, verbs in openapi()["paths"].items()
        for verb, described in verbs.items()
    }


@pytest.mark.parametrize("method", BUILT)
def test_it_is_where_the_public_client_looks_for_it(method: str) -> None:
    assert places()[method] == place_of(method)


def fields() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, schema in openapi()["components"]["schemas"].items():
        yield from ((f"{name}.{field}", told) for field, told in schema.get("properties", {}).items())


def test_every_field_has_a_description_and_an_example() -> None:
    lacking = [name for name, told in fields() if not told.get("description") or "examples" not in told]
    assert lacking == []


def test_every_parameter_has_a_description_and_an_example() -> None:
    lacking = [
        (operation["id"], parameter["name"])
        for operation in operations()
        for parameter in operation["parameters"]
        if not parameter.get("description") or not {"example", "examples"} & parameter.keys()
    ]
    assert lacking == []


def test_every_operation_says_what_it_does_and_needs() -> None:
    assert [one["id"] for one in operations() if not one["description"].endswith(".") or not one["scopes"]] == []


def test_every_schema_says_what_it_is() -> None:
    schemas = openapi()["components"]["schemas"]
    assert [name for name, schema in schemas.items() if not schema.get("description")] == []


def messages(base: type[BaseModel] = BaseModel) -> Iterator[type[BaseModel]]:
    for message in base.__subclasses__():
        yield message
        yield from messages(message)


def test_no_two_messages_share_a_name() -> None:
    """OpenAPI knows them by it: the second one would be described as the first."""
    described = openapi()["components"]["schemas"]
    names = Counter(message.__name__ for message in set(messages()) if message.__name__ in described)
    assert [name for name, times in names.items() if times > 1] == []


def test_openapi_is_for_everybody(client: Client) -> None:
    document = client.get("/v2/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert document["components"]["securitySchemes"]["TokenAuth"]["in"] == "header"


def test_the_page_shows_every_operation(client: Client) -> None:
    response = client.get("/v2/docs")
    page = response.content.decode()
    for operation in operations():
        assert f'href="#{operation["id"]}"' in page
        assert f'id="{operation["id"]}"' in page
    assert "curl -X POST http://testserver/v2/users/acme/apps" in page
    assert "unsafe-inline" not in response["Content-Security-Policy"]
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=", page)
