"""Fixtures of the tests of the reference server."""

from collections.abc import Iterator

import pytest

from conformance.server import ReferenceServer, serving
from tests.server.talking import Talk


@pytest.fixture
def talk() -> Talk:
    """A service that nobody has asked anything yet."""
    return Talk()


@pytest.fixture(scope="session")
def server() -> Iterator[ReferenceServer]:
    """A server on a port."""
    with serving(seed=7) as running:
        yield running
