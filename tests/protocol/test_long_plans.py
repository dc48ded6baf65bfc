"""A plan of a thousand steps is read and compiled in less than a second."""

import time
from pathlib import Path

import pytest

from velroload.plan.loader import load_plan
from velroload.protocol.address import Target, pack_address
from velroload.protocol.program import compile_program


def thousand() -> str:
    lines = ["target: http://127.0.0.1:8080", "load: {users: 10, hold: 10s}", "flow:"]
    for i in range(500):
        before = f"${{v{i - 1}}}" if i else "${user}"
        lines.append(f'  - set: {{v{i}: "{before}-{i}"}}')
        body = f'json: {{a: "${{v{i}}}"}}'
        lines.append(f"  - POST /p{i}/${{v{i}}}: {{name: e{i}, {body}, capture: {{c{i}: $.a}}}}")
    return "\n".join(lines) + "\n"


@pytest.mark.timing
def test_a_thousand_steps(tmp_path: Path) -> None:
    path = tmp_path / "long.yaml"
    path.write_text(thousand())
    begun = time.process_time()
    plan = load_plan(str(path))
    read = time.process_time()
    program = compile_program(plan, Target.of(plan.target), pack_address("127.0.0.1", 8080))
    compiled = time.process_time()
    assert compiled - read < 1.0
    assert read - begun < 1.0
    assert len(program.arrays["steps"]) == 1000 * 64
    assert len(program.endpoints) == 501
