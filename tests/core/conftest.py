"""Kernel stamps for engines in this process, as a worker holds them for its own."""

from collections.abc import Iterator

import pytest

from velroload.engine.worker import switch_on_stamps


@pytest.fixture(scope="session", autouse=True)
def stamps() -> Iterator[None]:
    """The kernel begins to stamp a moment after the first socket asks, and ends with the last."""
    pair = switch_on_stamps()
    yield
    for each in pair or ():
        each.close()
