"""System calls that the kernel refuses, for real: a seccomp filter in a child of its own.

    python -m tests.servers.refusing CALL ERRNO TARGET

runs three requests against TARGET while every CALL (socket, connect, send or receive) fails with
ERRNO, and prints their ErrorKinds and the counters as JSON. The filter cannot be taken off again:
hence a process.
"""

import ctypes
import json
import os
import platform
import struct
import subprocess
import sys
from typing import Any

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD_NUMBER = struct.pack("HBBI", 0x20, 0, 0, 0)
RETURN_ERRNO, RETURN_ALLOW = 0x00050000, 0x7FFF0000
CALLS = {
    "x86_64": {"socket": 41, "connect": 42, "send": 44, "receive": 47},
    "aarch64": {"socket": 198, "connect": 203, "send": 206, "receive": 212},
}


def refuse(call: str, number: int) -> None:
    """Let a system call fail with an errno from now on, in this process and its children."""
    system_call = CALLS[platform.machine()][call]
    program = LOAD_NUMBER
    program += struct.pack("HBBI", 0x15, 0, 1, system_call)
    program += struct.pack("HBBI", 0x06, 0, 0, RETURN_ERRNO | number)
    program += struct.pack("HBBI", 0x06, 0, 0, RETURN_ALLOW)
    code = ctypes.create_string_buffer(program)
    rows = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    given = ctypes.create_string_buffer(rows)
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    for words in (
        (PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero),
        (PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), given, zero, zero),
    ):
        if libc.prctl(*words) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


def outcome(call: str, number: int, url: str) -> dict[str, Any]:
    """What three requests come to in such a process: errors, errnos of the examples, counters."""
    command = [sys.executable, "-m", "tests.servers.refusing", call, str(number), url]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main(call: str, number: str, url: str) -> None:
    import numpy as np

    from tests.core.balance import balanced
    from tests.rig import Rig, iterations, plan_for
    from velroload.engine.examples import EXAMPLE

    rig = Rig(plan_for(url, iterations(3)))
    refuse(call, int(number))
    rig.run()
    examples = np.frombuffer(rig.reader.examples(), EXAMPLE)
    found = {
        "errors": rig.samples["error"].tolist(),
        "errnos": examples["number"].tolist(),
        "counters": balanced(rig),
    }
    print(json.dumps(found), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
