"""Plans in pieces: what a test leaves out is filled in, behind what it says."""

import re

HEAD = re.compile(r"^([a-z_]+):", re.MULTILINE)


def completed(piece: str) -> str:
    """The piece, with target, load and flow where it has none; its positions stay."""
    given = set(HEAD.findall(piece))
    text = piece if piece.endswith("\n") else piece + "\n"
    if "target" not in given:
        text += "target: embedded\n"
    if not {"load", "scenarios", "phases"} & given:
        text += "load: {users: 50, ramp: 5s, hold: 20s}\n"
    if not {"flow", "scenarios"} & given:
        text += "flow: [GET /health]\n"
    return text
