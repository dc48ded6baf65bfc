"""Settings of all tests, and the services that some of them need."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.servers.services import HOW, Services, missing
from velroload._core import BUILD

settings.register_profile("house", deadline=None)  # a busy machine must not fail a property
settings.load_profile("house")
if BUILD["profile"] != "release":  # these tests are what such a core is for
    os.environ["VELROLOAD_ALLOW_DEBUG_CORE"] = "1"


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """PostgreSQL and Redis of our own, for the whole session."""
    if missing():
        assert "CI" not in os.environ, HOW
        pytest.skip(HOW)
    with Services() as running:
        yield running
