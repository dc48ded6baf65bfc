"""Secrets out of what is written down: of the plan, and of what a server sent.

Masked are: the plan's known secrets wherever they stand, the values of headers that carry
credentials, members of JSON bodies and parameters of query strings and forms with such names,
and a password in a URL. A value that is nothing but ${slots} and a scheme's word ("Bearer
${token}") shows no secret and stays.
"""

import json
import re
from collections.abc import Mapping
from urllib.parse import quote, quote_plus

from velroload.plan.steps import Headers

MASK = "***"
SECRET_HEADERS = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-api-key",
        "apikey",
        "x-auth-token",
    }
)
SECRET_NAME = re.compile(
    r"passw|secret|token|api[_-]?key|credential|authorization|^(pwd|sig|signature|key|auth)$",
    re.IGNORECASE,
)
_ONLY_SLOTS = re.compile(r"(?:[A-Za-z]+ )?(?:\$\{[A-Za-z0-9_.]+\})+")
_PAIR = re.compile(r"([^?&=\s]+)=([^&\s]*)")
_PASSWORD = re.compile(r"(?<=://)[^/@\s]*@")
EXCERPT_LETTERS = 256
HEX_BYTES = 64
_SENT_HEADER = re.compile(r"(?m)^([A-Za-z0-9_-]+)([ \t]*:[ \t]*)[^\r\n]+")
_SENT_VALUE = re.compile(
    r"""(?sx) ([A-Za-z0-9_.-]+) (\\*["']?\s*[:=]\s*)
    (?: (\\*["']) .*? (?=(?<!\\)\3|\Z)      # quoted, perhaps as JSON in JSON, perhaps cut off
    | \[ .*? (?:\]|\Z) | \{ .*? (?:\}|\Z) | [^\s"',;&<>}\]\\]+ )"""
)
_CREDENTIALS = re.compile(r"(?i)\b(bearer|basic|digest|token)[ ]+[A-Za-z0-9._~+/=-]+")
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){0,2}")


def clean(text: str) -> str:
    """Text from outside, safe on a terminal: what does not print is shown as an escape."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


class Mask:
    """Knows the plan's secret values; longest first, so that none leaves a tail of another."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        forms = {
            form
            for secret in secrets
            if secret
            for form in (secret, quote(secret, safe=""), quote_plus(secret))
        }
        self.secrets = sorted(forms, key=len, reverse=True)

    def text(self, value: str) -> str:
        for secret in self.secrets:
            value = value.replace(secret, MASK)
        return value

    def pairs(self, value: str) -> str:
        """name=value pairs of a query string or form."""
        return _PAIR.sub(lambda pair: f"{pair[1]}={self.named(pair[1], pair[2])}", value)

    def named(self, name: str, value: str) -> str:
        if SECRET_NAME.search(name) and not _ONLY_SLOTS.fullmatch(value):
            return MASK
        return value

    def headers(self, headers: Headers) -> list[list[str]]:
        return [
            [
                name,
                MASK
                if name.lower() in SECRET_HEADERS and not _ONLY_SLOTS.fullmatch(value)
                else self.text(self.named(name, value)),
            ]
            for name, value in headers
        ]

    def body(self, body: bytes) -> str:
        """The text of a body; one that is not UTF-8 is only measured."""
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return f"{len(body)} bytes"
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            return self.text(self.pairs(text))
        return json.dumps(self.members(document), ensure_ascii=False)

    def members(self, value: object, name: str = "") -> object:
        if isinstance(value, Mapping):
            return {
                self.text(str(key)): self.members(item, str(key)) for key, item in value.items()
            }
        if isinstance(value, list):
            return [self.members(item, name) for item in value]
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.text(self.named(name, value))
        return MASK if SECRET_NAME.search(name) else value

    def url(self, url: str) -> str:
        """Without its password."""
        return _PASSWORD.sub(f"{MASK}@", url)

    def excerpt(self, data: bytes, beginning: bool) -> dict[str, str]:
        """What may be shown of bytes that a server sent: {"text": …}, {"hex": …} where they are
        none, or {} where nothing may.

        `beginning`: they are the first of the answer. Others may begin inside a secret whose name
        is not there; they are shown from their second line on. At most 256 letters, printable.
        """
        if not beginning:
            data = data.partition(b"\n")[2]
        shown = self.sent(data.decode("latin-1")).encode("latin-1")
        odd = sum((byte < 32 and byte not in b"\t\r\n") or byte == 127 for byte in shown)
        odd += 2 * shown.decode("utf-8", "replace").count("\ufffd")
        if not shown:
            return {}
        if 8 * odd > len(shown):
            return {"hex": shown[:HEX_BYTES].hex(" ")}
        text = clean(shown.decode("utf-8", "backslashreplace"))
        if len(text) > EXCERPT_LETTERS:
            text = text[: EXCERPT_LETTERS - 1] + "…"
        return {"text": text}

    def sent(self, text: str) -> str:
        """What went over the wire, masked; `text` is bytes, one letter each."""
        for secret in self.secrets:
            raw = secret.encode().decode("latin-1")
            text = text.replace(raw, MASK)
            for size in range(min(len(raw), len(text)), 3, -1):  # cut off at the end
                if text.endswith(raw[:size]):
                    text = text[:-size] + MASK
                    break
        text = _SENT_HEADER.sub(self._sent_header, _PASSWORD.sub(f"{MASK}@", text))
        text = _SENT_VALUE.sub(_sent_value, text)
        return _JWT.sub(MASK, _CREDENTIALS.sub(rf"\1 {MASK}", text))

    def _sent_header(self, line: re.Match[str]) -> str:
        name = line[1].lower()
        secret = name in SECRET_HEADERS or SECRET_NAME.search(name)
        return f"{line[1]}{line[2]}{MASK}" if secret else line[0]


def _sent_value(pair: re.Match[str]) -> str:
    """A member of JSON, a parameter of a query or a cookie: the value behind a secret's name."""
    if SECRET_NAME.search(pair[1]):
        return f"{pair[1]}{pair[2]}{pair[3] or ''}{MASK}"
    return pair[0]
