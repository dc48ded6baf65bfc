"""The engine's door: every index of a program is checked before anything runs."""

import mmap
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.rig import Rig, iterations, plan_for
from velroload import _core
from velroload.load.schedule import ROW
from velroload.plan.model import Capture, Request, Think
from velroload.protocol.layout import FILL, ORIGIN, SLOT, STEP
from velroload.protocol.parts import PART

FLOW = (
    Request("POST", "/", body=b"${user}", captures=(Capture("t", "$.t"),)),
    Think("constant", (1,)),
)
BODY = "program: the body of step 0 is not its end, or holds its length"
ARRAYS = {
    "steps": STEP,
    "parts": PART,
    "fills": FILL,
    "origins": ORIGIN,
    "vus0": ROW,
    "slots": SLOT,
}


class Forge:
    """The good program of one worker, to be spoiled."""

    def __init__(self) -> None:
        rig = Rig(plan_for("http://127.0.0.1:1", iterations(1, users=2), FLOW))
        rig.close()
        self.settings = rig.job.settings
        self.arrays = dict(rig.job.arrays)
        self.slots = 16
        self.judges: list[Any] = [(print, (), (), ())]
        self.computed: list[Any] = []

    def put(self, array: str, row: int, **fields: float) -> None:
        rows = np.frombuffer(self.arrays[array], ARRAYS[array]).copy()
        for name, value in fields.items():
            rows[row][name] = value
        self.arrays[array] = rows.tobytes()

    def build(self) -> None:
        memory = mmap.mmap(-1, _core.segment_bytes(self.slots))
        _core.format_segment(memory, self.slots)
        for scenario in self.settings["scenarios"]:
            scenario["starts"], scenario["vus"] = self.arrays["starts0"], self.arrays["vus0"]
        program: dict[str, Any] = {
            **self.arrays,
            "settings": self.settings,
            "computed": self.computed,
        }
        engine = _core.Engine(memory, program, self.judges)
        engine.close()
        memory.close()  # BufferError when the engine still held it


@pytest.fixture
def forge() -> Forge:
    return Forge()


def refused(forge: Forge, said: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared whole
        forge.build()
    assert str(caught.value) == said


def test_the_good_one(forge: Forge) -> None:
    forge.build()


@pytest.mark.parametrize(
    ("array", "size"),
    [("steps", 64), ("parts", 16), ("addresses", 128), ("origins", 16), ("slots", 16)],
)
def test_torn_arrays(forge: Forge, array: str, size: int) -> None:
    forge.arrays[array] += b"x"
    n = len(forge.arrays[array])
    refused(forge, f"program: {array} has {n} bytes, not rows of {size}")


def test_torn_expects(forge: Forge) -> None:
    forge.arrays["expects"] += b"x"
    refused(forge, "program: expects has 129 bytes, not rows of 128")


def test_torn_schedule(forge: Forge) -> None:
    forge.arrays["vus0"] += b"x"
    refused(forge, f"settings: a schedule has {len(forge.arrays['vus0'])} bytes")


@pytest.mark.parametrize(
    ("array", "row", "fields", "said"),
    [
        ("parts", 0, {"kind": 4}, "program: part 0 is out of range"),
        ("parts", 0, {"kind": 3, "slot": 1}, "program: part 0 is out of range"),
        ("parts", 0, {"kind": 3}, "program: step 0 has a span and does not say so"),
        ("parts", 0, {"offset": 2**32 - 1, "length": 2}, "program: part 0 is out of range"),
        ("parts", 0, {"length": 10**6}, "program: part 0 is out of range"),
        ("parts", 3, {"slot": 2}, "program: part 3 is out of range"),
        ("slots", 0, {"at": 2}, "program: slot 0 is out of range"),
        ("slots", 0, {"room": 2**32 - 1}, "program: slot 0 is out of range"),
        ("slots", 1, {"room": 19}, "settings: user_slot is out of range"),
        ("slots", 1, {"at": 2**32 - 4}, "program: slot 1 is out of range"),
        ("slots", 1, {"table": 1}, "program: slot 1 is out of range"),
        ("origins", 0, {"address_count": 0}, "program: origin 0 is out of range"),
        ("origins", 0, {"address_first": 1}, "program: origin 0 is out of range"),
        ("origins", 0, {"transport": 9}, "program: origin 0 is out of range"),
        ("steps", 0, {"origin": 1}, "program: step 0 is out of range"),
        ("steps", 0, {"op": 14}, "program: step 0 is out of range"),
        ("steps", 1, {"think": 6}, "program: step 1 is out of range"),
        ("steps", 0, {"expect": 1}, "program: step 0 is out of range"),
        ("steps", 0, {"part_count": 0}, "program: step 0 is out of range"),
        ("steps", 0, {"part_first": 2**32 - 1, "part_count": 2}, "program: step 0 is out of range"),
        ("steps", 0, {"capture_first": 1}, "program: step 0 is out of range"),
        ("steps", 0, {"capture_count": 2}, "program: step 0 is out of range"),
        ("parts", 3, {"kind": 2}, BODY),
        ("steps", 0, {"body_first": 99}, BODY),
        ("steps", 0, {"body_first": 0}, BODY),
        ("steps", 0, {"timeout_ns": -1}, "program: step 0 has an impossible time"),
        ("steps", 0, {"timeout_ns": 2**63 - 1}, "program: step 0 has an impossible time"),
        ("steps", 1, {"think_a": -1.0}, "program: step 1 has an impossible time"),
        ("steps", 1, {"think_a": float("nan")}, "program: step 1 has an impossible time"),
        ("steps", 1, {"think_b": 1e300}, "program: step 1 has an impossible time"),
        ("vus0", 0, {"first_id": 1}, "settings: a schedule has a user that is not there"),
        ("vus0", 0, {"first_id": -1}, "settings: a schedule has a user that is not there"),
        ("vus0", 0, {"count": 3}, "settings: a schedule has a user that is not there"),
        ("vus0", 0, {"kind": 3}, "settings: a schedule has a user that is not there"),
        ("vus0", 0, {"count": -1}, "settings: row 0 of a schedule is out of range"),
        ("vus0", 0, {"kind": 1}, "settings: row 0 of a schedule is out of range"),
        ("vus0", 0, {"kind": 4}, "settings: row 0 of a schedule is out of range"),
        ("vus0", 0, {"start_ns": 5, "end_ns": 4}, "settings: row 0 of a schedule is out of range"),
    ],
)
def test_rows_out_of_range(
    forge: Forge, array: str, row: int, fields: dict[str, float], said: str
) -> None:
    forge.put(array, row, **fields)
    refused(forge, said)


def test_a_request_longer_than_its_buffer(forge: Forge) -> None:
    forge.settings["render_bytes"] -= 1
    refused(forge, "program: the request of step 0 may be longer than render_bytes")


def scenario(**fields: Any) -> Callable[[Forge], None]:
    return lambda forge: forge.settings["scenarios"][0].update(fields)


def setting(**fields: Any) -> Callable[[Forge], None]:
    return lambda forge: forge.settings.update(fields)


OUT = "settings: a scenario is out of range"
NO_REQUEST = "settings: the flow of a scenario has no request"
WORKER = "settings: worker, workers or max_events out of range"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (scenario(setup=(2, 1)), OUT),
        (scenario(setup=(2**32 - 1, 1)), OUT),
        (scenario(flow=(0, 3)), OUT),
        (scenario(flow=(0, 0)), NO_REQUEST),
        (scenario(flow=(1, 1)), NO_REQUEST),
        (scenario(users=(0, 3)), OUT),
        (scenario(users=(1, 2)), OUT),
        (scenario(think=2), OUT),
        (scenario(think=0), OUT),
        (setting(workers=0), WORKER),
        (setting(worker=1), WORKER),
        (setting(max_events=0), WORKER),
        (setting(max_events=65), WORKER),
        (setting(phases=[]), "settings: between 1 and 256 phases are needed"),
        (setting(phases=[0] * 257), "settings: between 1 and 256 phases are needed"),
        (setting(phases=[0, 9, 8]), "settings: phases must follow each other"),
        (setting(scenarios=[]), "settings: between 1 and 256 scenarios are needed"),
        (setting(user_slot=2), "settings: user_slot is out of range"),
        (setting(user_bytes=2), "program: slot 0 is out of range"),
        (setting(user_bytes=1022), "program: users' slots of an odd size"),
    ],
)
def test_settings_out_of_range(forge: Forge, spoil: Callable[[Forge], None], said: str) -> None:
    """A flow without a request would go round for ever; what is between iterations is a pause."""
    spoil(forge)
    refused(forge, said)


def test_no_address(forge: Forge) -> None:
    forge.arrays["addresses"] = b""
    refused(forge, "program: no address")


@pytest.mark.parametrize("size", [0, 100])
def test_a_segment_that_is_too_small(forge: Forge, size: int) -> None:
    program = {**forge.arrays, "settings": forge.settings}
    with pytest.raises(ValueError, match=rf"^a segment of {size} bytes is too small$"):
        _core.Engine(bytearray(size), program, [])


@pytest.mark.parametrize(("at", "word"), [(0, 1), (16, 3), (16, 32)])
def test_not_a_segment(forge: Forge, at: int, word: int) -> None:
    memory = bytearray(_core.segment_bytes(16))
    _core.format_segment(memory, 16)
    struct.pack_into("<Q", memory, at, word)
    program = {**forge.arrays, "settings": forge.settings}
    with pytest.raises(ValueError, match=r"^not a segment of this version of velroload$"):
        _core.Engine(memory, program, [])


def test_a_segment_that_may_not_be_written(forge: Forge) -> None:
    with pytest.raises(BufferError, match=r"^Object is not writable\.$"):
        _core.Engine(bytes(4096), {**forge.arrays, "settings": forge.settings}, [])


def test_start_twice_and_resume_of_nobody() -> None:
    rig = Rig(plan_for("http://127.0.0.1:1", iterations(1), FLOW))
    assert rig.engine.poll() != _core.DONE  # before the start there is nothing to do
    rig.start()
    with pytest.raises(RuntimeError, match=r"^the engine was started before$"):
        rig.engine.start(rig.epoch_ns)
    for user in (0, 1, 2**32 - 1):
        with pytest.raises(ValueError, match=rf"^user {user} is not parked$"):
            rig.engine.resume(user)
    rig.close()
