"""What no report may show, and how it is blotted out.

Masked are: the plan's known secrets wherever they stand, the values of headers that carry
credentials, members of JSON bodies and parameters of query strings and forms with such names,
and a password in a URL. A value that is nothing but ${slots} and a scheme's word
("Bearer ${token}") shows no secret and stays.
"""

import json
import re
from collections.abc import Mapping
from urllib.parse import quote, quote_plus

from velroload.plan.steps import Headers

MASK = "***"
SECRET_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "x-api-key", "apikey", "x-auth-token"}
)
SECRET_NAME = re.compile(
    r"passw|secret|token|api[_-]?key|credential|authorization|^(pwd|sig|signature|key|auth)$",
    re.IGNORECASE,
)
_ONLY_SLOTS = re.compile(r"(?:[A-Za-z]+ )?(?:\$\{[A-Za-z0-9_]+\})+")
_PAIR = re.compile(r"([^?&=\s]+)=([^&\s]*)")
_PASSWORD = re.compile(r"(?<=://)[^/@\s]*@")


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

    def url(self, value: str) -> str:
        """A URL without its password and its secret parameters."""
        return self.text(self.pairs(_PASSWORD.sub(f"{MASK}@", value)))

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
