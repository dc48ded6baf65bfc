"""The whole set: every bench once, tables at the end, whatever breaks."""

from pathlib import Path

import pytest

from bench import all as whole
from bench.short import BENCHES


def test_every_bench_has_settings_that_it_understands() -> None:
    assert sorted(whole.SETTINGS) == sorted(BENCHES)


def test_one_that_breaks_costs_only_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    called: list[list[str]] = []

    def good(argv: list[str] | None) -> int:
        called.append(argv or [])
        return 0

    def bad(argv: list[str] | None) -> int:
        raise RuntimeError("nginx is not installed")

    benches = dict.fromkeys(BENCHES, good) | {"steady": bad}
    monkeypatch.setattr(whole, "BENCHES", benches)
    page = tmp_path / "page.md"
    page.write_text("<!-- table: micro -->\nold\n<!-- end -->\n")
    assert whole.main(["--results", str(tmp_path), "--page", str(page)]) == 1
    assert len(called) == len(BENCHES) - 1
    assert called[0] == ["--repeat", "9", "--results", str(tmp_path)]
    assert "not measured" in page.read_text()
    said = capsys.readouterr().out
    assert "takes    about 40.0 min" in said
    assert said.endswith("BROKEN   steady\n")
