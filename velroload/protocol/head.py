"""The head of a request: its request line and headers, but for what frames the body."""

from dataclasses import replace

from velroload import __version__
from velroload.plan.mask import SECRET_HEADERS
from velroload.plan.model import Plan, Request
from velroload.plan.steps import Headers
from velroload.protocol.address import Target
from velroload.protocol.body import Encoded
from velroload.protocol.decode import CODINGS


def headers_of(plan: Plan, request: Request, body: Encoded | None = None) -> Headers:
    """The request's own headers, the plan's and the body's; each replaces the later ones of its
    name."""
    return joined(joined(request.headers, plan.headers), body.headers if body else ())


def joined(headers: Headers, more: Headers) -> Headers:
    """Both, the second first, but for those of a name that the first have too."""
    known = {name.lower() for name, _ in headers}
    return (*(pair for pair in more if pair[0].lower() not in known), *headers)


def header_lines(plan: Plan, target: Target, request: Request, body: Encoded | None) -> bytes:
    """What follows the path, without the empty line.

    A header that the plan gives replaces the default of the same name.
    """
    headers = headers_of(plan, request, body)
    names = {name.lower() for name, _ in headers}
    lines = [" HTTP/1.1"]
    if "host" not in names:
        lines.append(f"Host: {target.authority}")
    if "user-agent" not in names:
        lines.append(f"User-Agent: velroload/{__version__}")
    if "accept" not in names:
        lines.append("Accept: */*")
    if request.compressed and "accept-encoding" not in names:
        lines.append(f"Accept-Encoding: {CODINGS}")
    if not plan.connecting.keep_alive and "connection" not in names:
        lines.append("Connection: close")
    lines += [f"{name}: {value}" for name, value in headers]
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1")


def without_credentials(headers: Headers) -> Headers:
    """What may be sent to another host than the one it was meant for."""
    private = {*SECRET_HEADERS, "host"}
    return tuple(pair for pair in headers if pair[0].lower() not in private)


def as_get(request: Request) -> Request:
    """The same asked for by GET: no body, and nothing said about one (RFC 9110 §15.4)."""
    headers = tuple(p for p in request.headers if not p[0].lower().startswith("content-"))
    method = "HEAD" if request.method == "HEAD" else "GET"
    return replace(request, method=method, headers=headers, body=None, stream=False)
