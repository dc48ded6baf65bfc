"""curl commands → a plan whose flow sends what they send.

What curl's own manual says of its flags; the `$'…'` that browsers copy is bash's ANSI-C quoting.
"""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from velroload.errors import ConfigError
from velroload.plan.importers.imported import Imported

SECRET_HEADERS = ("authorization", "cookie", "proxy-authorization", "x-api-key", "apikey")
QUIET = (
    "-s", "--silent", "-S", "--show-error", "-v", "--verbose", "-i", "--include", "--http1.1",
    "-N", "--no-buffer", "-f", "--fail", "--fail-with-body", "-#", "--progress-bar", "-O",
    "--remote-name", "-g", "--globoff",
)  # fmt: skip
"""Flags that change what curl shows or writes, not what it sends."""
QUIET_WITH_VALUE = ("-o", "--output", "-w", "--write-out", "-D", "--dump-header", "--trace")
UNMAPPED_WITH_VALUE = (
    "-x", "--proxy", "--resolve", "--retry", "--limit-rate", "-r", "--range", "-T", "--upload-file",
    "--aws-sigv4", "--interface", "-K", "--config", "-c", "--cookie-jar",
)  # fmt: skip
SEPARATORS = (";", "&&", "&")
_ANSI_C = re.compile(r"\$'((?:[^'\\]|\\.)*)'")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "'": "'", '"': '"', "\\": "\\"}
_ESCAPED = re.compile(r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|(.))", re.DOTALL)


@dataclass
class Command:
    """One curl command, as it is read."""

    url: str | None = None
    method: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    data: list[str] = field(default_factory=list)
    fields: list[tuple[str, str]] = field(default_factory=list)
    parts: dict[str, Any] = field(default_factory=dict)
    json: str | None = None
    file: str | None = None
    query: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def import_curl(text: str, name: str) -> Imported:
    """The plan of one or several commands to the same place. ConfigError when there is none."""
    commands = [read_command(words) for words in _commands(text)]
    if not commands:
        raise ConfigError("import curl: no curl command is there; write it in quotes, or a file")
    places = [_place(command) for command in commands]
    for place, _ in places:
        if place != places[0][0]:
            raise ConfigError(
                f"import curl: {place} is another place than {places[0][0]}; a plan has one target"
            )
    secrets: dict[str, str] = {}
    steps = [_step(command, path, secrets) for command, (_, path) in zip(commands, places,
                                                                       strict=True)]  # fmt: skip
    document: dict[str, Any] = {"name": "imported", "target": places[0][0]}
    defaults = {key: value for command in commands for key, value in command.options.items()}
    if defaults:
        document["defaults"] = defaults
    document |= {
        "load": {"users": 10, "hold": "10s"},
        "flow": steps,
        "thresholds": ["errors < 1%"],
    }
    notes = [note for command in commands for note in command.notes]
    notes += [
        f"{variable}: set it in the environment to what the command had: a plan holds no secrets"
        for variable in secrets
    ]
    plural = "s" * (len(commands) > 1)
    return Imported(document, f"Made of {len(commands)} curl command{plural}.", tuple(notes))


def _commands(text: str) -> list[list[str]]:
    """The words of each command, the first being what follows `curl`."""
    plain = _ANSI_C.sub(lambda found: shlex.quote(_unescaped(found[1])), text)
    plain = plain.replace("\\\r\n", " ").replace("\\\n", " ")
    found: list[list[str]] = []
    for line in _lines(plain):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise ConfigError(f"import curl: {str(error).lower()}: check the quotes") from None
        current: list[str] | None = None
        for word in words:
            if word in SEPARATORS:
                current = None
            elif current is None:
                if word.rpartition("/")[2] != "curl":
                    raise ConfigError(f"import curl: {word!r} is no curl command")
                current = []
                found.append(current)
            else:
                current.append(word.rstrip(";") if word.endswith("';") else word)
    return found


def _lines(text: str) -> list[str]:
    """Commands stand one a line; a quote that is open goes on in the next line."""
    lines: list[str] = []
    open_line = ""
    for line in text.splitlines(keepends=True):
        open_line += line
        try:
            shlex.split(open_line, comments=True)
        except ValueError:
            continue
        lines.append(open_line.rstrip("\n"))
        open_line = ""
    return [*lines, open_line] if open_line.strip() else lines


def _unescaped(text: str) -> str:
    def put(found: re.Match[str]) -> str:
        code = found[1] or found[2]
        return chr(int(code, 16)) if code else _ESCAPES.get(found[3], found[0])

    return _ESCAPED.sub(put, text)


def read_command(words: list[str]) -> Command:
    """What the words after `curl` say. ConfigError for a flag whose value is missing."""
    command = Command()
    rest = [each for word in words for each in _apart(word)]
    while rest:
        word = rest.pop(0)
        flag, value = _split(word)
        if word in QUIET:
            continue
        if flag in SWITCHES:
            SWITCHES[flag](command)
        elif flag in TAKES or flag in QUIET_WITH_VALUE or flag in UNMAPPED_WITH_VALUE:
            if value is None:
                if not rest:
                    raise ConfigError(f"import curl: {flag}: its value is missing")
                value = rest.pop(0)
            if flag in TAKES:
                TAKES[flag](command, value)
            elif flag in UNMAPPED_WITH_VALUE:
                command.notes.append(f"not mapped: {flag}")
        elif word.startswith("-") and word != "-":
            command.notes.append(f"not mapped: {word}")
        elif command.url is None:
            command.url = word
        else:
            raise ConfigError(f"import curl: {word!r}: one URL per command is understood")
    return command


def _apart(word: str) -> list[str]:
    """-skL as -s -k -L; -sXPOST as -s -XPOST."""
    if not re.fullmatch(r"-[A-Za-z46#].+", word, re.DOTALL):
        return [word]
    found: list[str] = []
    for place, letter in enumerate(word[1:], 1):
        flag = f"-{letter}"
        if flag not in QUIET and flag not in SWITCHES:
            return [*found, f"-{word[place:]}"]
        found.append(flag)
    return found


def _split(word: str) -> tuple[str, str | None]:
    """-XPOST and --request=POST as flag and value."""
    if word.startswith("--"):
        flag, equals, value = word.partition("=")
        return flag, value if equals else None
    if word.startswith("-") and len(word) > 2 and word[:2] in TAKES:
        return word[:2], word[2:]
    return word, None


def _header(command: Command, text: str) -> None:
    name, colon, value = text.partition(":")
    if colon and value.strip():
        command.headers[name.strip()] = value.strip()
    else:
        command.notes.append(f"not mapped: header {name.strip(' ;')} without a value")


def _user(command: Command, text: str) -> None:
    command.headers["Authorization"] = "Basic …"
    command.notes.append("AUTHORIZATION is Basic and the base64 of USER:PASSWORD")


def _data(command: Command, text: str) -> None:
    if text.startswith("@"):
        command.file = text[1:]
    else:
        command.data.append(text)


def _encoded(command: Command, text: str) -> None:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ConfigError(f"import curl: --data-urlencode {text!r}: write NAME=VALUE")
    command.fields.append((name, value))


def _part(command: Command, text: str) -> None:
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"import curl: -F {text!r}: write NAME=VALUE")
    if value.startswith(("@", "<")):
        path, _, more = value[1:].partition(";")
        part = {"file": path}
        for option in filter(None, more.split(";")):
            key, _, said = option.strip().partition("=")
            if key in ("type", "filename"):
                part[key] = said
        command.parts[name] = part
    else:
        command.parts[name] = value


def _set(name: str) -> Callable[[Command, str], None]:
    def put(command: Command, text: str) -> None:
        setattr(command, name, text)

    return put


def _named(name: str) -> Callable[[Command, str], None]:
    return lambda command, text: command.headers.__setitem__(name, text)


def _time(name: str) -> Callable[[Command, str], None]:
    def put(command: Command, text: str) -> None:
        if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
            raise ConfigError(f"import curl: {text!r}: a time in seconds is needed")
        command.options[name] = f"{text}s"

    return put


def _tls(name: str) -> Callable[[Command, str], None]:
    return lambda command, text: command.options.setdefault("tls", {}).__setitem__(name, text)


TAKES: dict[str, Callable[[Command, str], None]] = {
    **dict.fromkeys(("-X", "--request"), _set("method")),
    **dict.fromkeys(("-H", "--header"), _header),
    **dict.fromkeys(("-d", "--data", "--data-raw", "--data-binary", "--data-ascii"), _data),
    "--data-urlencode": _encoded,
    **dict.fromkeys(("-F", "--form", "--form-string"), _part),
    "--json": _set("json"),
    **dict.fromkeys(("-u", "--user"), _user),
    "--oauth2-bearer": lambda command, text: _header(command, f"Authorization: Bearer {text}"),
    **dict.fromkeys(("-b", "--cookie"), _named("Cookie")),
    **dict.fromkeys(("-A", "--user-agent"), _named("User-Agent")),
    **dict.fromkeys(("-e", "--referer"), _named("Referer")),
    **dict.fromkeys(("-m", "--max-time"), _time("timeout")),
    "--connect-timeout": _time("connect_timeout"),
    "--cacert": _tls("ca"),
    **dict.fromkeys(("-E", "--cert"), _tls("cert")),
    "--key": _tls("key"),
    "--url": _set("url"),
    "--max-redirs": lambda command, text: command.options.__setitem__("redirects", int(text)),
    "--connect-to": lambda command, text: command.options.setdefault("connecting", {}).__setitem__(
        "connect_to", text
    ),
}
"""Flags with a value."""


def _switch(name: str, value: Any) -> Callable[[Command], None]:
    return lambda command: command.options.__setitem__(name, value)


SWITCHES: dict[str, Callable[[Command], None]] = {
    **dict.fromkeys(("-I", "--head"), lambda command: setattr(command, "method", "HEAD")),
    **dict.fromkeys(("-G", "--get"), lambda command: setattr(command, "query", True)),
    **dict.fromkeys(("-L", "--location"), lambda c: c.options.setdefault("redirects", 10)),
    "--compressed": _switch("compressed", True),
    **dict.fromkeys(("-k", "--insecure"), _switch("tls", {"verify": False})),
    **dict.fromkeys(("-4", "--ipv4"), _switch("connecting", {"family": 4})),
    **dict.fromkeys(("-6", "--ipv6"), _switch("connecting", {"family": 6})),
}
"""Flags without one."""


def _place(command: Command) -> tuple[str, str]:
    """(target, path with query) of a command's URL."""
    url = command.url
    if url is None:
        raise ConfigError("import curl: the command has no URL")
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ConfigError(f"import curl: {url!r} is no http URL")
    if "@" in parts.netloc:
        raise ConfigError("import curl: credentials do not belong in a URL; use -u or a header")
    path = parts.path or "/"
    return f"{parts.scheme}://{parts.netloc}", f"{path}?{parts.query}" if parts.query else path


def _step(command: Command, path: str, secrets: dict[str, str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    body = _body(command)
    if command.query:
        pairs = [*parse_qsl("&".join(command.data), keep_blank_values=True), *command.fields]
        options["query"] = dict(pairs)
        body = {}
    headers = {}
    for name, value in command.headers.items():
        if name.lower() in ("host", "content-length", "connection", "accept-encoding"):
            continue  # ours to write
        if name.lower() in SECRET_HEADERS:
            variable = name.upper().replace("-", "_")
            secrets[variable] = value
            value = f"${{env:{variable}}}"
        headers[name] = value
    if any(name.lower() == "content-type" for name in headers) and "body" not in body:
        headers = {n: v for n, v in headers.items() if n.lower() != "content-type"}
    if headers:
        options["headers"] = headers
    method = command.method or ("POST" if body else "GET")
    line = f"{method.upper()} {path}"
    options |= body
    return {line: options} if options else {line: {"expect": "200-399"}}


def _body(command: Command) -> dict[str, Any]:
    """The body as the plan writes it."""
    if command.parts:
        return {"multipart": dict(command.parts)}
    if command.json is not None:
        return {"json": command.json}
    if command.file is not None:
        return {"file": command.file}
    kind = next((v for n, v in command.headers.items() if n.lower() == "content-type"), "")
    text = "&".join(command.data)
    if command.data and kind.startswith("application/json"):
        return {"json": text}
    if command.data and kind:
        return {"body": text}
    if command.data or command.fields:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=False)
        if command.data and not pairs:
            command.headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
            return {"body": text}
        return {"form": dict([*pairs, *command.fields])}
    return {}
