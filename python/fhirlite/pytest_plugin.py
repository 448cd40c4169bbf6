"""Fixtures for pytest. The report of a test that fails has the log of its servers and their requests."""

from __future__ import annotations

from typing import Any, Generator, List, Protocol

import pytest

from ._control import FhirliteError
from ._server import Server

_SERVERS = pytest.StashKey[List[Server]]()


class Factory(Protocol):
    """Starts a server; the arguments are those of ``fhirlite.Server``."""

    def __call__(self, *sources: Any, **options: Any) -> Server: ...


def _note(request: pytest.FixtureRequest, server: Server) -> None:
    """Notes a server for the report of the test that uses it."""
    request.node.stash.setdefault(_SERVERS, []).append(server)


@pytest.fixture
def fhirlite_factory(request: pytest.FixtureRequest) -> Generator[Factory, None, None]:
    """A function that starts servers, such as ``fhirlite_factory(sample=True, auth=True)``; they end with the test."""
    servers: list[Server] = []

    def start(*sources: Any, **options: Any) -> Server:
        server = Server(*sources, **options)
        servers.append(server)
        _note(request, server)
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def fhirlite(fhirlite_factory: Factory) -> Server:
    """A server of this test alone, with an empty store."""
    return fhirlite_factory()


@pytest.fixture(scope="session")
def _fhirlite_of_session() -> Generator[Server, None, None]:
    with Server() as server:
        yield server


@pytest.fixture
def fhirlite_session(request: pytest.FixtureRequest, _fhirlite_of_session: Server) -> Server:
    """The server of the session, as it was at its start. With pytest-xdist, each worker has one."""
    _fhirlite_of_session.reset()
    _note(request, _fhirlite_of_session)
    return _fhirlite_of_session


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Adds log and requests to the report of a test that failed, while its servers still run."""
    outcome = yield
    report = outcome.get_result()
    if report.when in ("setup", "call") and report.failed:
        for server in item.stash.get(_SERVERS, []):
            report.sections.append((f"fhirlite log, {server.url}", server.log))
            report.sections.append((f"fhirlite requests, {server.url}", _requests(server)))


def _requests(server: Server) -> str:
    try:
        return repr(server.requests())
    except FhirliteError as error:
        return str(error)
