"""The API on a live server, called by Olga, who owns acme: `stub` is the real client, `http` plain HTTP."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from clarifai_grpc.grpc.api import resources_pb2
from pytest_django.live_server_helper import LiveServer

if TYPE_CHECKING:  # This file may be read before Django is set up.
    from tests.factories import People

    from .calling import Http, Stub
    from .logs import Log


@pytest.fixture
def people(transactional_db: None) -> "People":
    from tests.factories import make_people

    return make_people()


@pytest.fixture
def secret(people: "People") -> str:
    """The owner's token, which may do everything."""
    from .calling import token_for

    return token_for(people.owner, people.acme)


@pytest.fixture
def stub(live_server: LiveServer, secret: str) -> Iterator["Stub"]:
    from .calling import Stub

    stub = Stub(live_server.url, secret)
    yield stub
    stub.close()  # The server keeps a connection to the database for each of its own that is open.


@pytest.fixture
def http(live_server: LiveServer, secret: str) -> "Http":
    from .calling import Http

    return Http(live_server.url, secret)


@pytest.fixture
def acme() -> resources_pb2.UserAppIDSet:
    return resources_pb2.UserAppIDSet(user_id="acme")


@pytest.fixture
def log(db: None) -> "Log":
    """Acme's log, searched without a server in between."""
    from tests.factories import make_people

    from .logs import Log

    return Log(make_people())
