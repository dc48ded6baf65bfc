"""From a name to its addresses, once, before anything is sent and with a limit of its own."""

import socket
import threading
from collections.abc import Callable

from velroload.errors import PreflightError

Address = tuple[str, int]
Lookup = Callable[..., object]
RESOLVE_S = 10.0
FAMILIES = {None: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}


def resolve(
    host: str,
    port: int,
    *,
    family: int | None = None,
    lookup: Lookup | None = None,
    limit_s: float = RESOLVE_S,
) -> list[Address]:
    """Every address of `host`, each once, in the resolver's order; PreflightError when none.

    `family` 4 or 6 leaves the others out. `lookup` stands in for socket.getaddrinfo.
    """
    found: object = None
    error: Exception | None = None

    def look() -> None:
        nonlocal found, error
        try:
            found = (lookup or socket.getaddrinfo)(
                host, port, type=socket.SOCK_STREAM, family=FAMILIES[family]
            )
        except Exception as caught:
            error = caught

    thread = threading.Thread(target=look, name="resolver", daemon=True)  # may hang for minutes
    thread.start()
    thread.join(limit_s)
    wanted = host if family is None else f"{host} to an IPv{family} address"
    if thread.is_alive():
        raise PreflightError(
            f"cannot resolve {wanted}: no answer within {limit_s:g} s; is the name server up?"
        )
    if isinstance(error, UnicodeError):
        raise PreflightError(f"cannot resolve {wanted}: not a host name") from error
    if isinstance(error, OSError):
        why = (error.strerror or str(error)).lower()
        hint = "is the name right?" if family is None else f"leave -{family} out to use the others"
        raise PreflightError(f"cannot resolve {wanted}: {why}; {hint}") from error
    if error is not None:
        raise error
    return addresses_of(found)


def addresses_of(found: object) -> list[Address]:
    """What getaddrinfo says as (address, port), each once; IPv6 scopes stay."""
    assert isinstance(found, list)
    addresses = []
    for *_, (address, at, *rest) in found:
        scope = f"%{rest[1]}" if len(rest) > 1 and rest[1] and "%" not in address else ""
        addresses.append((f"{address}{scope}", at))
    return list(dict.fromkeys(addresses))
