"""Markdown for a pull request: the verdict first, nothing foreign that means something."""

from tests.reference.richrun import CANARY
from velroload.report.as_markdown import as_markdown
from velroload.report.kind import Told
from velroload.report.markup import plain as escaped

GOLDEN = """\
### ✅ PASS: synthetic

1 threshold holds

**VALID** all 500 planned iterations started · the generator added at most 0.020 ms at p99 · no \
sample was lost

| Rate | Response p50 | Response p95 | Response p99 | Failed | Users | Ours of it |
| --: | --: | --: | --: | --: | --: | --: |
"""


def test_the_head(plain: Told) -> None:
    found = as_markdown(plain).decode()
    assert found.startswith(GOLDEN)
    assert [line for line in found.splitlines() if line.startswith("#")] == [
        "### ✅ PASS: synthetic",
        "#### Thresholds",
    ]
    assert "| p95(response) &#60; 75ms | **PASS** |" in found


def test_every_part_of_a_rich_run(rich: Told) -> None:
    lines = as_markdown(rich).decode().splitlines()
    assert [line for line in lines if line.startswith("####")] == [
        "#### Requirements of velro-prd",
        "#### Thresholds",
        "#### Phases",
        "#### Failures by kind and endpoint",
        *["#### Bursts"] * bool(rich.result.bursts),
    ]
    widths = {line.count("|") for line in lines if line.startswith("| authentication_check")}
    assert widths == {12}
    assert lines[-1] == "Run folder: runs/one"


def test_hostile_texts_mean_nothing(hostile: Told) -> None:
    found = as_markdown(hostile).decode()
    for bad in ("<script", "<img", "\x1b", "`", "](", "http://", "=cmd|"):
        assert bad not in found
    assert "window.hit=1" in found  # shown, not dropped


def test_escaping() -> None:
    assert escaped("redis_down of a_b: 5 %") == "redis_down of a_b: 5 %"
    assert escaped("_x_ *b* [a](http://e) @me #1 www.e") == (
        "&#95;x&#95; &#42;b&#42; &#91;a&#93;(http&#58;//e) @\u200bme #\u200b1 www.\u200be"
    )
    assert escaped("a|b\n" + CANARY[:8]) == "a&#124;b&#92;n&#60;script&#62;"


def test_poor_runs(poor: Told) -> None:
    found = as_markdown(poor).decode()
    assert found.startswith("### ")
    assert "nan" not in found.lower()
