"""How much is sent and kept: bytes of a request, texts that a user keeps."""

import os

from velroload.plan.body import files_of, texts_of
from velroload.plan.flow import Steps, fills, reads, walk
from velroload.plan.model import Plan
from velroload.plan.scenario import Scenario
from velroload.plan.slots import SLOT
from velroload.plan.steps import Headers, Request

SLOT_TEXT_BYTES = 36
"""What a slot is taken to hold: a UUID's length."""
TOKEN_TEXT_BYTES = 320
"""In an Authorization header: a JWT's."""
HEAD_BYTES = 120
"""Request line, Host, User-Agent and framing beside what the plan says."""


def request_bytes(plan: Plan, scenario: Scenario, request: Request) -> int:
    """About how long a request is on the wire, its slots at their usual length."""
    session = () if scenario.session is None else scenario.session.headers
    size = HEAD_BYTES + _length(request.path)
    for name, value in headers_of(plan.headers, session, request.headers):
        usual = TOKEN_TEXT_BYTES if name.lower() == "authorization" else SLOT_TEXT_BYTES
        size += len(name) + 4 + _length(value, usual)
    size += sum(_length(text) for text in texts_of(request.body))
    return size + sum(_file_bytes(file.path) for file in files_of(request.body))


def headers_of(*layers: Headers) -> Headers:
    """What is sent of the plan's, the session's and the request's own: the later layer wins."""
    found: dict[str, tuple[str, str]] = {}
    for layer in layers:
        found.update({name.lower(): (name, value) for name, value in layer})
    return tuple(found.values())


def _length(text: str | bytes, slot_bytes: int = SLOT_TEXT_BYTES) -> int:
    whole = text.decode("latin-1") if isinstance(text, bytes) else text
    return len(SLOT.sub("x" * slot_bytes, whole))


def _file_bytes(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0  # whoever runs the plan is told


def slot_count(plan: Plan) -> int:
    """How many texts each user keeps."""
    names: set[str] = set()
    for scenario in plan.scenarios:
        parts: list[Steps] = [scenario.setup, scenario.flow]
        if scenario.session is not None:
            renew = scenario.session.renew
            parts += [scenario.session.steps, () if renew is None else renew.steps]
        for step in (step for steps in parts for step in walk(steps)):
            names.update((*reads(step), *fills(step)))
    return sum("." not in name for name in names)  # rows lie in memory that all share
