"""What a step asks of its answers, as one function: captures first, then checks.

Made by workers of what protocol/ask.py compiled. Nothing heavy is imported, and nothing that the
plan does not use.
"""

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from velroload.sample import ErrorKind

Headers = tuple[bytes | None, ...]
Values = tuple[bytes | None, ...]
Judge = Callable[[int, bytes, int, Headers, int, int, tuple[str, ...]], tuple[int, Values]]
"""(status, body, its size, kept headers, response and service time in ns, slots that it reads) →
(ErrorKind, a value for each slot that it fills; None leaves one as it is)."""
Loaded = tuple[Judge, tuple[int, ...], tuple[int, ...], tuple[int, ...]]
Take = Callable[[int, bytes, Any, Headers], bytes | None]

NOTHING = object()
"""The document of a body that is not JSON: no path leads anywhere in it."""
OK, CAPTURE_FAILED, CHECK_FAILED = (
    int(kind) for kind in (ErrorKind.NONE, ErrorKind.CAPTURE_FAILED, ErrorKind.CHECK_FAILED)
)
_REFERENCE = re.compile(r"\$\{([^}]*)\}")


class Answer(NamedTuple):
    """What checks look at."""

    status: int
    body: bytes
    size: int
    document: Any
    headers: Headers
    response_ns: int
    service_ns: int
    slots: dict[str, str | int]


Test = Callable[[Answer], bool]


def make_judges(settings: dict[str, Any]) -> list[Loaded]:
    """For the engine: each judge with the numbers of what it reads and fills."""
    return [
        (judge_of(row), tuple(row["wanted"]), tuple(row["reads"]), tuple(row["fills"]))
        for row in settings["judges"]
    ]


def judge_of(row: dict[str, Any]) -> Judge:
    """The function of one step. JSON is parsed once, however many look at it."""
    takes = [with_default(TAKES[each["kind"]](each), each) for each in row["captures"]]
    tests = [TESTS[each["kind"]](each) for each in row["checks"]]
    names, filled = row["names"], row["filled"]
    reads_json = any(each["kind"] == "json" for each in (*row["captures"], *row["checks"]))
    parse = parser() if reads_json else _no_document

    def judge(
        status: int,
        body: bytes,
        size: int,
        headers: Headers,
        response_ns: int,
        service_ns: int,
        texts: tuple[str, ...],
    ) -> tuple[int, Values]:
        document = parse(body)
        values = tuple([take(status, body, document, headers) for take in takes])
        if None in values:
            return CAPTURE_FAILED, values
        if not tests:
            return OK, values
        slots: dict[str, str | int] = dict(zip(names, texts, strict=True))
        for name, value in zip(filled, values, strict=True):
            slots[name] = (value or b"").decode("utf-8", "surrogateescape")
        slots["status"] = status
        answer = Answer(status, body, size, document, headers, response_ns, service_ns, slots)
        for test in tests:
            if not test(answer):
                return CHECK_FAILED, values
        return OK, values

    return judge


def _no_document(body: bytes) -> Any:
    return NOTHING


def parser() -> Callable[[bytes], Any]:
    """Bytes to what JSON they are, NOTHING where they are none."""
    import orjson  # only by workers that look into JSON

    loads, wrong = orjson.loads, orjson.JSONDecodeError

    def parse(body: bytes) -> Any:
        try:
            return loads(body)
        except wrong:
            return NOTHING

    return parse


def with_default(take: Take, row: dict[str, Any]) -> Take:
    """What is taken instead where nothing is found."""
    if row["default"] is None:
        return take
    default = row["default"].encode()

    def instead(status: int, body: bytes, document: Any, headers: Headers) -> bytes | None:
        value = take(status, body, document, headers)
        return default if value is None else value

    return instead


def finder(row: dict[str, Any]) -> Callable[[Any], Any]:
    """The value that a path leads to, the first where it leads to several; NOTHING for none."""
    if row["path"] is None:
        return matcher(row["source"])
    path = tuple(row["path"])

    def find(document: Any) -> Any:
        try:
            for step in path:
                if isinstance(document, str):
                    return NOTHING  # Python would take one letter of it
                document = document[step]
        except (LookupError, TypeError):
            return NOTHING
        return document

    return find


def matcher(source: str) -> Callable[[Any], Any]:
    """The same of RFC 9535's other paths."""
    import jsonpath

    compiled = jsonpath.JSONPathEnvironment(strict=True).compile(source)

    def find(document: Any) -> Any:
        if not isinstance(document, dict | list):
            return NOTHING  # a text would be parsed once more
        found = compiled.match(document)
        return NOTHING if found is None else found.obj

    return find


def text_of(value: Any) -> bytes | None:
    """A text itself, a number or a truth value as JSON has it, None for anything else."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (bool, int, float)):
        return json.dumps(value).encode()
    return None


def take_json(row: dict[str, Any]) -> Take:
    find = finder(row)
    return lambda status, body, document, headers: text_of(find(document))


def take_regex(row: dict[str, Any]) -> Take:
    """The first group, where the pattern has one; else the whole match."""
    pattern = re.compile(row["source"].encode())
    group = min(pattern.groups, 1)

    def take(status: int, body: bytes, document: Any, headers: Headers) -> bytes | None:
        found = pattern.search(body)
        return None if found is None else found[group]

    return take


def take_header(row: dict[str, Any]) -> Take:
    """The first line of that name."""
    index: int = row["header"]

    def take(status: int, body: bytes, document: Any, headers: Headers) -> bytes | None:
        value = headers[index]
        return None if value is None else value.partition(b"\n")[0]

    return take


def take_cookie(row: dict[str, Any]) -> Take:
    """The value as it was sent, without what follows it (RFC 6265 section 4.1.1)."""
    index, name = row["header"], row["source"].encode()

    def take(status: int, body: bytes, document: Any, headers: Headers) -> bytes | None:
        for line in (headers[index] or b"").split(b"\n"):
            found, equals, value = line.partition(b";")[0].partition(b"=")
            if equals and found.strip() == name:
                return value.strip()
        return None

    return take


def take_status(row: dict[str, Any]) -> Take:
    return lambda status, body, document, headers: b"%03d" % status


def test_status(row: dict[str, Any]) -> Test:
    ranges = row["ranges"]
    return lambda answer: any(low <= answer.status <= high for low, high in ranges)


def test_header(row: dict[str, Any]) -> Test:
    index = row["header"]
    if row["pattern"] is None:
        return lambda answer: answer.headers[index] is not None
    search = re.compile(row["pattern"].encode()).search

    def test(answer: Answer) -> bool:
        value = answer.headers[index]
        return value is not None and search(value) is not None

    return test


def test_json(row: dict[str, Any]) -> Test:
    find = finder(row)
    if row["equals"] is None:
        return lambda answer: find(answer.document) not in (NOTHING, None)
    wanted = json.loads(row["equals"])
    if _REFERENCE.search(row["equals"]):
        return lambda answer: same(find(answer.document), filled_in(wanted, answer.slots))
    return lambda answer: same(find(answer.document), wanted)


def test_body(row: dict[str, Any]) -> Test:
    search = re.compile(row["pattern"].encode()).search
    return lambda answer: search(answer.body) is not None


def test_size(row: dict[str, Any]) -> Test:
    low, high = row["low"] or 0, row["high"]
    return lambda answer: low <= answer.size and (high is None or answer.size <= high)


def test_time(row: dict[str, Any]) -> Test:
    limit_ns = row["limit_ns"]
    if row["source"] == "service":
        return lambda answer: answer.service_ns <= limit_ns
    return lambda answer: answer.response_ns <= limit_ns


def test_when(row: dict[str, Any]) -> Test:
    from velroload.plan.expression import compile_expression  # only by workers that have one

    evaluate = compile_expression(row["source"], row["constants"])

    def test(answer: Answer) -> bool:
        try:
            return bool(evaluate(answer.slots))
        except ValueError:
            return False

    return test


def same(found: Any, wanted: Any) -> bool:
    """Equal as JSON: 1 is 1.0, and not true."""
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(same(one, other) for one, other in zip(found, wanted, strict=True))
        )
    if isinstance(wanted, dict):
        return (
            isinstance(found, dict)
            and found.keys() == wanted.keys()
            and all(same(found[key], wanted[key]) for key in wanted)
        )
    return bool(found == wanted)


def filled_in(wanted: Any, slots: dict[str, str | int]) -> Any:
    """The same JSON, its texts with what the slots hold."""
    if isinstance(wanted, str):
        return _REFERENCE.sub(lambda found: str(slots.get(found[1], "")), wanted)
    if isinstance(wanted, list):
        return [filled_in(each, slots) for each in wanted]
    if isinstance(wanted, dict):
        return {key: filled_in(value, slots) for key, value in wanted.items()}
    return wanted


TAKES: dict[str, Callable[[dict[str, Any]], Take]] = {
    "json": take_json,
    "regex": take_regex,
    "header": take_header,
    "cookie": take_cookie,
    "status": take_status,
}
TESTS: dict[str, Callable[[dict[str, Any]], Test]] = {
    "status": test_status,
    "header": test_header,
    "json": test_json,
    "body": test_body,
    "size": test_size,
    "time": test_time,
    "when": test_when,
}
