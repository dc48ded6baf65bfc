"""The dashboard in headless Chromium: drawn, usable, accessible, closed to the outside. Slow."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from velroload.report.as_html import as_html
from velroload.report.as_summary import summary_html
from velroload.report.charts.all import CHART_IDS
from velroload.report.kind import Told

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
HOW = "these tests need chromium (Debian: apt-get install chromium)"
WAIT_MS = 120_000
ALL_DRAWN = """async () => {
  for (const plot of document.querySelectorAll(".plot")) {
    plot.scrollIntoView();
    const done = () => ["drawn", "none"].includes(plot.dataset.state);
    while (!done()) await new Promise(r => setTimeout(r, 30));
  }
  scrollTo(0, 0);
  return [...document.querySelectorAll(".plot")].map(plot => plot.dataset.state);
}"""
RANGES = """() => {
  const ms = (end) => typeof end === "number" ? end : Date.parse(end.replace(" ", "T") + "Z");
  return [...document.querySelectorAll(".plot")]
    .filter(plot => plot.layout && plot.layout.xaxis.type === "date")
    .map(plot => plot.layout.xaxis.range
      .map(end => Math.round((ms(end) - Date.UTC(2000, 0, 1)) / 1000)).join("-"));
}"""

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        assert "CI" not in os.environ, HOW
        pytest.skip(HOW)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def drawn(browser: Browser, rich: Told, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The rich report, every chart drawn; tests leave it as they found it."""
    file = tmp_path_factory.mktemp("drawn") / "report.html"
    file.write_bytes(as_html(rich))
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(WAIT_MS)
    heard: list[str] = []
    page.on("console", lambda message: heard.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: heard.append(f"error: {error}"))
    page.on("request", lambda request: heard.append(f"request: {request.url}"))
    page.goto(file.as_uri())
    assert page.locator('.plot[data-state="drawn"]').count() <= 1  # below the fold they wait
    assert page.evaluate(ALL_DRAWN) == ["drawn"] * len(CHART_IDS)
    yield page
    assert heard == [f"request: {file.as_uri()}"]
    page.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a report; at the end nothing may have been said, asked for or thrown."""
    heard: list[str] = []
    contexts = []

    def opened(content: bytes, width: int = 1440, **more: Any) -> Page:
        file = tmp_path / "report.html"
        file.write_bytes(content)
        context = browser.new_context(viewport={"width": width, "height": 900}, **more)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("console", lambda message: heard.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: heard.append(f"error: {error}"))
        page.on("dialog", lambda dialog: heard.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: heard.append(f"request: {request.url}"))
        page.goto(file.as_uri())
        assert heard.pop(0) == f"request: {file.as_uri()}"
        return page

    yield opened
    for context in contexts:
        context.close()
    assert heard == []


def violations(page: Page) -> list[str]:
    """What axe-core finds, with the element that it found it at."""
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]


def test_all_charts_are_drawn_when_they_are_scrolled_to(drawn: Page) -> None:
    assert drawn.locator(".word").first.inner_text() == "FAIL"
    counts = drawn.evaluate("""() => [...document.querySelectorAll(".plot")]
      .map(plot => plot.querySelectorAll(".scatterlayer .trace, .heatmaplayer image").length)""")
    assert len(counts) == len(CHART_IDS)
    assert all(count > 0 for count in counts)
    assert drawn.locator("#chart-load .annotation-text", has_text="redis_down").count() == 1


def test_charts_zoom_together_and_back(drawn: Page) -> None:
    whole = drawn.evaluate(RANGES)
    assert len(whole) == len(CHART_IDS) - 2  # all that run over time
    assert len(set(whole)) == 1
    drawn.locator("#span").select_option(label="prd_compliance_validation")
    assert set(drawn.evaluate(RANGES)) == {"16-20"}
    assert drawn.locator("#told").inner_text() == "0:00:16 to 0:00:19"
    drawn.locator("#whole").click()
    assert drawn.evaluate(RANGES) == whole
    area = drawn.locator("#chart-response .nsewdrag").first
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box is not None
    drawn.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    drawn.mouse.down()
    drawn.mouse.move(box["x"] + box["width"] * 3 / 4, box["y"] + 64, steps=5)
    drawn.mouse.up()
    expect(drawn.locator("#told")).not_to_be_empty(timeout=WAIT_MS)
    zoomed = drawn.evaluate(RANGES)
    assert len(set(zoomed)) == 1
    assert zoomed != whole
    drawn.locator("#whole").click()
    assert drawn.evaluate(RANGES) == whole


def test_tables_sort_by_mouse_and_by_keyboard(drawn: Page) -> None:
    head = drawn.locator("#endpoints thead th", has_text="p95").first
    table = drawn.locator("#endpoints table")
    column = "table => [...table.tBodies[0].rows].map(row => Number(row.cells[2].dataset.sort))"
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    values = table.evaluate(column)
    assert len(values) == 23
    assert values == sorted(values, reverse=True)
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert table.evaluate(column) == sorted(values)
    drawn.locator("#endpoints thead th button").first.press("Enter")
    names = table.evaluate("t => [...t.tBodies[0].rows].map(row => row.cells[0].textContent)")
    assert [name.strip().lower() for name in names] == sorted(n.strip().lower() for n in names)


def test_a_table_behind_every_chart(drawn: Page) -> None:
    for details in drawn.locator("details[data-table]").all():
        details.locator("summary").press("Enter")
        details.locator("tbody tr").first.wait_for()
    rows = drawn.locator("#chart-load tbody tr").count()
    assert rows == drawn.evaluate(
        "JSON.parse(document.getElementById('data').textContent).charts[0].at.length"
    )
    assert violations(drawn) == []


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (390, "light")])
def test_accessible_and_without_sideways_scroll(
    width: int, scheme: str, rich: Told, open_page: Open
) -> None:
    page = open_page(as_html(rich), width, color_scheme=scheme)
    page.evaluate(ALL_DRAWN)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 22, 28)"}[scheme]
    assert violations(page) == []


def test_light_and_dark_by_hand_and_paper_is_light(rich: Told, open_page: Open) -> None:
    page = open_page(as_html(rich), color_scheme="dark")
    page.evaluate("document.querySelector('.plot').scrollIntoView()")
    page.locator('.plot[data-state="drawn"]').first.wait_for()
    ink = "document.querySelector('#chart-load').querySelector('.plot').layout.font.color"
    assert page.evaluate(ink) == "#e6eaf0"
    page.locator("#theme").click()
    assert page.evaluate(ink) == "#1a2330"
    page.locator("#theme").click()
    assert page.pdf().startswith(b"%PDF")
    assert page.evaluate(ink) == "#e6eaf0"  # as before the print
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_hostile_texts_stay_texts(hostile: Told, open_page: Open) -> None:
    for content in (as_html(hostile), summary_html(hostile)):
        page = open_page(content)
        page.evaluate(ALL_DRAWN)
        for details in page.locator("details").all():
            details.evaluate("each => { each.open = true }")
        page.wait_for_timeout(200)
        assert page.evaluate("window.hit") is None
        assert page.locator("img").count() == 0
        links = page.evaluate("[...document.querySelectorAll('svg a')].length")
        assert links == 0
        page.context.close()


def test_the_policy_holds(rich: Told, browser: Browser, tmp_path: Path) -> None:
    """What somebody might smuggle in does not run, and nothing gets out."""
    file = tmp_path / "report.html"
    smuggled = b"<script>window.hit=1</script><img src=x onerror='window.hit=2'></body>"
    file.write_bytes(as_html(rich).replace(b"</body>", smuggled))
    page = browser.new_page()
    page.goto(file.as_uri())
    page.evaluate("document.querySelector('.plot').scrollIntoView()")
    page.locator('.plot[data-state="drawn"]').first.wait_for(timeout=WAIT_MS)
    assert page.evaluate("window.hit") is None
    fetched = "fetch('http://127.0.0.1:9/').then(() => 'sent', error => error.message)"
    blocked: list[str] = []
    page.on("console", lambda message: blocked.append(message.text))
    assert page.evaluate(fetched) == "Failed to fetch"
    assert any("Content Security Policy" in text for text in blocked)
    page.close()


@pytest.mark.timing
def test_69_minutes_show_their_first_screen_in_three_seconds(long: Told, open_page: Open) -> None:
    page = open_page(as_html(long))
    page.locator(".tiles").wait_for()
    paints = "performance.getEntriesByType('paint').map(entry => entry.startTime)"
    page.wait_for_timeout(100)
    assert max(page.evaluate(paints)) < 3_000


def test_the_summary_is_accessible_and_fits(rich: Told, open_page: Open) -> None:
    for width in (1440, 390):
        page = open_page(summary_html(rich), width)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert violations(page) == []
