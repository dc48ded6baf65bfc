"""One target for the tests that only ask it something."""

from collections.abc import Iterator

import pytest

from tests.servers.target_client import Client
from velroload.target.process import TargetProcess


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """A client of a target with 25 accounts; it must have written nothing to stderr."""
    with TargetProcess().start(users=25) as target:
        yield Client(target)
        said = target.stderr()
    assert said == ""
    assert target.stop() == 0
