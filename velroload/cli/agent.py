"""`velroload agent`: tells a velroload elsewhere what this machine does, until it is stopped."""

import asyncio
import re

from velroload.cli.values import Values, refusal
from velroload.errors import ConfigError, Exit

TOKEN = "VELROLOAD_AGENT_TOKEN"


def main(values: Values) -> int:
    """Serve; one line says where."""
    token = values.one("token_file", read_token) or values.environ.get(TOKEN)
    host, port = values.text("host"), values.one("port", read_port)
    from velroload.probe.agent import LOOPBACK, PORT, Settings, serve

    settings = Settings(host or LOOPBACK, PORT if port is None else port, token)
    asyncio.run(serve(settings, lambda url: print(f"agent: {url}", flush=True)))
    return Exit.PASS


def read_port(text: str, noun: str) -> int:
    """A port; 0 is a free one."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65_535:
        raise refusal(noun, text, "write a port from 0 to 65535")
    return int(text)


def read_token(text: str, noun: str) -> str:
    """The first line of a file."""
    try:
        with open(text, encoding="utf-8") as file:
            token = file.readline().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfigError(f"{noun} {text}: {why.lower()}") from None
    if not token:
        raise refusal(noun, text, "its first line is empty; put a token there")
    return token
