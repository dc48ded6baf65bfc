"""Which operation a method and path mean."""

import pytest

from velroload.target.failure import Failure
from velroload.target.router import Call, Route, Router


async def _handler(call: Call) -> bytes:
    return call.item.encode()


ITEM = Route("GET", "/things/{id}", _handler)
EXACT = Route("GET", "/things/stats", _handler)
PART = Route("GET", "/things/{id}/parts", _handler)
ROUTER = Router([ITEM, EXACT, PART])


def test_exact_paths_come_first() -> None:
    assert ROUTER.find("GET", "/things/stats") == (EXACT, "")
    assert ROUTER.find("GET", "/things/7") == (ITEM, "7")
    assert ROUTER.find("GET", "/things/7/parts") == (PART, "7")


@pytest.mark.parametrize(
    "path", ["/things", "/things/", "/things/7/8", "/things//parts", "/parts", "/", ""]
)
def test_no_such_path(path: str) -> None:
    with pytest.raises(Failure) as caught:
        ROUTER.find("GET", path)
    assert caught.value.status == 404


def test_a_wrong_method() -> None:
    with pytest.raises(Failure) as caught:
        ROUTER.find("POST", "/things/7")
    assert (caught.value.status, caught.value.headers) == (405, {"Allow": "GET"})
