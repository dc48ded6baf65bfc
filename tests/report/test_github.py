"""Annotations: one line each, and no text that can begin another command."""

from velroload.report.github import MOST, annotations, command
from velroload.report.kind import Told


def test_a_run_that_passes_is_a_notice(plain: Told) -> None:
    assert annotations(plain) == ["::notice title=velroload%3A PASS::synthetic: 1 threshold holds"]


def test_what_does_not_pass(rich: Told) -> None:
    found = annotations(rich)
    assert found[0].startswith("::error title=velroload%3A FAIL::velro-prd: ")
    assert len(found) <= MOST
    assert all(line.startswith(("::error title=", "::warning title=")) for line in found)


def test_no_command_in_a_text(hostile: Told) -> None:
    assert command("error", "a:b,c", "50 %\n::set-output name=x::y\x1b[0m") == (
        "::error title=a%3Ab%2Cc::50 %25%0A::set-output name=x::y\\x1b[0m"
    )
    for line in annotations(hostile):
        assert "\n" not in line
        assert "\x1b" not in line
