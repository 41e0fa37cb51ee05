"""Calling the API: the real client, plain HTTP, tokens for both, and what the log has of it."""

import json
from collections.abc import Callable
from typing import Any

import requests
from clarifai_grpc.channel.clarifai_channel import ClarifaiChannel
from clarifai_grpc.grpc.api import service_pb2_grpc

from accounts.models import Account, Token, User
from accounts.tokens import TokenScope
from auditlog.models import Entry
from controlcenter.wire import SUCCESS

NAME = "ci"


class Stub:
    """The public client, unchanged, with one token."""

    def __init__(self, base_url: str, secret: str) -> None:
        channel = ClarifaiChannel.get_json_channel(base_url=base_url)
        self.close = channel.session.close
        self.stub = service_pb2_grpc.V2Stub(channel)
        self.metadata = (("authorization", f"Key {secret}"),)

    def __getattr__(self, method: str) -> Callable[[Any], Any]:
        call = getattr(self.stub, method)
        return lambda request: call(request, metadata=self.metadata)


class Http:
    """Plain HTTP with one token, or with none."""

    def __init__(self, base_url: str, secret: str = "") -> None:
        self.base_url = base_url
        self.headers = {"Authorization": f"Key {secret}"} if secret else {}

    def __call__(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        """Call the API with a JSON body, or with the bytes given."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {**self.headers, "Content-Type": "application/json", **options.pop("headers", {})}
        return requests.request(method, f"{self.base_url}/v2{path}", data=data, headers=headers, timeout=30, **options)


def token_for(user: User, account: Account, *scopes: str) -> str:
    """Issue a token and return its secret; without scopes it has all of them."""
    _, secret = Token.issue(user, account, NAME, list(scopes or TokenScope.values))
    return secret


def done(response: requests.Response) -> dict[str, Any]:
    """Check that an answer is a success in the envelope, and return it."""
    told: dict[str, Any] = response.json()
    assert (response.status_code, told["status"]["code"]) == (200, SUCCESS), told
    return told


def refused(response: requests.Response, status: int, reason: str) -> str:
    """Check that an answer is a refusal in the envelope, and return its sentence."""
    assert response.headers["Content-Type"] == "application/json", response.text[:200]
    told = response.json()["status"]
    assert (response.status_code, told.get("reason")) == (status, reason), told
    assert told["code"] != SUCCESS
    assert told["req_id"] == response.headers.get("X-Request-ID", "")
    assert told["details"].endswith((".", ")"))
    return str(told["details"])


def entries(*operations: int) -> list[Entry]:
    """The entries of these operations, oldest first."""
    return list(Entry.objects.filter(operation__in=operations).order_by("id"))


def failures() -> list[Entry]:
    """All failure entries, oldest first."""
    return list(Entry.objects.failed().order_by("id"))


def failure_codes() -> list[str]:
    """The machine codes of all failure entries, oldest first."""
    return [entry.event["failure"]["code"] for entry in failures()]


def names(entry: Entry) -> list[str]:
    """What an entry calls its targets."""
    return [target["name"] for target in entry.event["targets"]]
