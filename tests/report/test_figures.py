"""PNG and SVG: one chart by name, or the main ones; foreign names are no formulas."""

import dataclasses
import xml.etree.ElementTree as ElementTree

import pytest

from velroload.report.charts.all import CHART_IDS
from velroload.report.figures import MAIN, as_png, as_svg, wanted
from velroload.report.kind import Told


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("heat.png", ("heat",)),
        ("nightly-run-Response.SVG", ("response",)),
        ("lag_1.png", MAIN),
        ("figures.png", MAIN),
        ("heat.map.png", MAIN),
    ],
)
def test_which_charts_a_name_asks_for(name: str, ids: tuple[str, ...]) -> None:
    assert wanted(name) == ids
    assert set(MAIN) <= set(CHART_IDS)


def test_a_chart_is_a_picture(rich: Told, hostile: Told) -> None:
    assert as_png(dataclasses.replace(rich, name="heat.png")).startswith(b"\x89PNG\r\n")
    for told in (rich, hostile):
        for name in ("spectrum.svg", "errors.svg", "capacity.svg"):
            found = as_svg(dataclasses.replace(told, name=name))
            root = ElementTree.fromstring(found)
            assert root.tag == "{http://www.w3.org/2000/svg}svg"
            assert not [each for each in root.iter() if each.tag.endswith("script")]
    again = dataclasses.replace(rich, name="load.svg")
    assert as_svg(again) == as_svg(again)


def test_all_main_charts_on_a_sheet(rich: Told) -> None:
    height = int.from_bytes(as_png(rich)[20:24], "big")
    assert height == round(150 * 3.6 * len(MAIN))


def test_poor_runs(poor: Told) -> None:
    for name in ("response.png", "load.png"):
        assert as_png(dataclasses.replace(poor, name=name)).startswith(b"\x89PNG")
