"""What a worker's Python does with what servers send: redirects, cookies, compressed bodies.

Imported by workers; what a plan does not use is not even imported.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from velroload.protocol.decode import decode
from velroload.protocol.redirect import Redirects

if TYPE_CHECKING:
    from velroload.protocol.cookies import Cookies


@dataclass(frozen=True, slots=True)
class Site:
    """Handed to the engine, which calls it with what servers sent."""

    redirects: Redirects
    cookies: "Cookies | None"

    def hooks(self) -> dict[str, Any]:
        """As the engine wants them, in its program."""
        return {"redirect": self.redirects, "cookies": self.cookies, "decode": decode}

    @classmethod
    def of(cls, settings: dict[str, Any]) -> "Site":
        """From a worker's settings."""
        origins = [(scheme, host, port) for scheme, host, port in settings["origins"]]
        scopes = settings["cookie_scopes"]
        if not scopes:
            return cls(Redirects(origins), None)
        from velroload.protocol.cookies import Cookies, Scope

        jars = Cookies(origins, [Scope(*scope) for scope in scopes], settings["cookie_room"])
        return cls(Redirects(origins), jars)

    def to_json(self) -> dict[str, Any]:
        """What is worth telling at the end."""
        return {
            "refused": self.redirects.refused,
            "cookies_ignored": 0 if self.cookies is None else self.cookies.ignored,
        }
