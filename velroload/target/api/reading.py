"""Reading requests: JSON bodies, forms, query numbers; 422 for what cannot be read."""

import ipaddress
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import hdrs, web

from velroload.target.api import form
from velroload.target.failure import Failure

NUMBER_DIGITS_MAX = 10


async def read_object(request: web.BaseRequest) -> dict[str, Any]:
    """The body as a JSON object."""
    await let_it_come(request)
    try:
        body = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        raise Failure(422, "body: not valid JSON") from None
    if not isinstance(body, dict):
        raise Failure(422, "body: a JSON object is needed")
    return body


async def read_form(request: web.BaseRequest) -> dict[str, str]:
    """The text fields of a multipart/form-data body; files are ignored."""
    if request.content_type != "multipart/form-data":
        raise Failure(422, "body: multipart/form-data is needed")
    await let_it_come(request)
    return form.read(await request.read(), request.headers[hdrs.CONTENT_TYPE])


async def let_it_come(request: web.BaseRequest) -> None:
    """Answer a client that asks before it sends its body."""
    if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def text(body: Mapping[str, Any], key: str, lengths: tuple[int, int]) -> str:
    """A string of the body with a length in `lengths` (both included)."""
    value = body.get(key)
    if not isinstance(value, str):
        raise Failure(422, f"{key}: a string is needed")
    if not lengths[0] <= len(value) <= lengths[1]:
        raise Failure(422, f"{key}: {lengths[0]} to {lengths[1]} characters are needed")
    return value


def amount(body: Mapping[str, Any], key: str, default: int, limits: tuple[int, int]) -> int:
    """A whole number of the body within `limits` (both included)."""
    value = body.get(key, default)
    if type(value) is not int or not limits[0] <= value <= limits[1]:
        raise Failure(422, f"{key}: a whole number from {limits[0]} to {limits[1]} is needed")
    return value


def whole(request: web.BaseRequest, key: str, default: int, limits: tuple[int, int]) -> int:
    """A whole number of the query within `limits` (both included)."""
    given = request.query.get(key)
    if given is None:
        return default
    # isdecimal admits other scripts' digits, and int() refuses 4,300 of them
    if given.isascii() and given.isdecimal() and len(given) <= NUMBER_DIGITS_MAX:
        value = int(given)
        if limits[0] <= value <= limits[1]:
            return value
    raise Failure(422, f"{key}: a whole number from {limits[0]} to {limits[1]} is needed")


def is_loopback(address: str | None) -> bool:
    """True for the addresses of this machine's loopback, IPv4 written as IPv6 included."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback
