"""From flags to the one request of a run by URL, and what of it no report may show."""

import re
from typing import TYPE_CHECKING

from velroload.cli.address import Address
from velroload.cli.bodies import BODY_FLAGS, make_body
from velroload.cli.values import Values, refusal

if TYPE_CHECKING:
    from velroload.plan.steps import Request

SECRET_HEADERS = ("authorization", "cookie", "proxy-authorization", "x-api-key")
"""Headers whose values no report shows."""
REQUEST_FLAGS = ("method", "header", *BODY_FLAGS, "stream", "redirects", "cookies",
                 "compressed", "server_timing")  # fmt: skip


def make_request(values: Values, address: Address) -> "Request":
    """The one request of a run by URL."""
    from velroload.plan.steps import Request, check_headers

    headers = tuple(values.each("header", read_header))
    check_headers(headers)
    body = make_body(values)
    method = values.text("method") or ("GET" if body is None else "POST")
    return Request(method, address.path, headers, body, values.yes("stream"),
                   redirects=values.one("redirects", read_redirects) or 0,
                   compressed=values.yes("compressed"))  # fmt: skip


def read_header(text: str, noun: str) -> tuple[str, str]:
    """ "Name: value"."""
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise refusal(noun, text, "write 'NAME: VALUE'")
    return name, value.strip(" \t")


def read_redirects(text: str, noun: str) -> int:
    """How many are followed."""
    from velroload.plan.steps import REDIRECTS_MAX

    if not re.fullmatch(r"[0-9]{1,3}", text, re.ASCII) or int(text) > REDIRECTS_MAX:
        raise refusal(noun, text, f"write a whole number from 0 to {REDIRECTS_MAX}")
    return int(text)


def secrets_of(request: "Request") -> tuple[str, ...]:
    """Values that no report may show: credentials in headers, whole and what follows a scheme's
    name, and fields of a form with such names."""
    from velroload.plan.body import Form, Multipart
    from velroload.plan.mask import SECRET_NAME

    found = []
    for name, value in request.headers:
        if name.lower() in SECRET_HEADERS:
            found += [value, value.partition(" ")[2]]
    if isinstance(request.body, Form):
        found += [value for name, value in request.body.fields if SECRET_NAME.search(name)]
    if isinstance(request.body, Multipart):
        found += [
            part.content
            for part in request.body.parts
            if isinstance(part.content, str) and SECRET_NAME.search(part.name)
        ]
    return tuple(secret for secret in dict.fromkeys(found) if secret)
