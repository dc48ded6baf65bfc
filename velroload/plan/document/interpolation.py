"""What is put in place when a plan is read: ${VAR:-default}, ${env:NAME}, ${file:PATH}, variables.

${VAR:-text}        the environment's VAR (capitals), or the text where it is unset or empty
${VAR:?}            the same, refused where it is unset or empty
${env:NAME}         a secret from the environment; ${env:NAME:-text} with a default
${file:PATH}        a secret from a file beside the plan, without its last line break
${name}             a variable of the plan; any other name is a slot and stays as it is
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from velroload.errors import ConfigError

FILE_MAX_BYTES = 1 << 20
_PIECE = re.compile(r"\$\{([^{}]*)\}")
_VARIABLE = re.compile(r"([A-Z][A-Z0-9_]*):([-?])(.*)", re.DOTALL)
_SOURCE = re.compile(r"([a-z]+):(.*)", re.DOTALL)
_ENV = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


@dataclass
class Interpolation:
    """Knows the environment, the plan's folder and its variables: name → (text, secret).

    `secrets` collects every secret that was put in place.
    """

    environ: Mapping[str, str]
    folder: Path
    variables: dict[str, tuple[str, bool]] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)

    def fill(self, text: str) -> tuple[str, bool]:
        """(the text with everything in place, whether a secret is in it). ConfigError."""
        if "${" not in text:
            return text, False
        secret = False

        def put(found: re.Match[str]) -> str:
            nonlocal secret
            value, is_secret = self._piece(found[1], found[0])
            if "${" in value and value != found[0]:
                raise ConfigError(f"the value of {found[0]} has ${{ in it, which is sent nowhere")
            secret |= is_secret
            return value

        return _PIECE.sub(put, text), secret

    def _piece(self, inside: str, whole: str) -> tuple[str, bool]:
        if inside in self.variables:
            return self.variables[inside]
        variable = _VARIABLE.fullmatch(inside)
        if variable:
            value = self.environ.get(variable[1]) or ("" if variable[2] == "?" else variable[3])
            if variable[2] == "?" and not value:
                raise ConfigError(f"{variable[1]} is not set in the environment; set it")
            return value, False
        source = _SOURCE.fullmatch(inside)
        if source and source[1] in ("env", "file"):
            value = self._env(source[2]) if source[1] == "env" else self._file(source[2])
            self.secrets.add(value)
            return value, True
        return whole, False

    def _env(self, text: str) -> str:
        found = _ENV.fullmatch(text)
        if found is None:
            raise ConfigError(f"${{env:{text}}}: write ${{env:NAME}} or ${{env:NAME:-default}}")
        value = self.environ.get(found[1]) or found[2]
        if not value:
            raise ConfigError(
                f"{found[1]} is not set in the environment; "
                f"set it, or write ${{env:{found[1]}:-default}}"
            )
        return value

    def _file(self, name: str) -> str:
        try:
            with open(self.folder / name, "rb") as file:
                content = file.read(FILE_MAX_BYTES + 1)
            text = content.decode()
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it is no UTF-8 text"
            raise ConfigError(f"file {name!r} cannot be read: {why.lower()}") from None
        if len(content) > FILE_MAX_BYTES:
            raise ConfigError(f"file {name!r} is larger than 1 MiB: too long for a secret")
        value = text.removesuffix("\n").removesuffix("\r")
        if not value:
            raise ConfigError(f"file {name!r} is empty")
        return value
