"""What no mouse does: fingers that rest on circles, names that go to the clipboard, pages that go to paper."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from conftest import Opener, Viewer, drawn, here, settled

from plopi.formats import write
from plopi.model import CPU, NATIVE, SAMPLES, ProfileBuilder

SERVER = "busy-server.pb.gz"
NODE = '#graph .node[aria-label^="sales_report,"]'


def graph(viewer: Viewer, opened: Opener, query: str = "") -> Any:
    page = opened(viewer.graph(opened(), SERVER, query))
    drawn(page)
    return page


def touch(page: Any, kind: str, *point: float) -> None:
    """A finger as the browser gets it from the system."""
    if not hasattr(page, "finger"):
        page.finger = page.context.new_cdp_session(page)
    points = [{"x": point[0], "y": point[1]}] if point else []
    page.finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def middle(page: Any, selector: str) -> tuple[float, float]:
    box = page.locator(selector).locator(".hit").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_finger_that_rests_opens_the_menu(viewer: Viewer, opened: Opener) -> None:
    page = graph(viewer, opened)
    x, y = middle(page, NODE)
    touch(page, "touchStart", x, y)
    touch(page, "touchMove", x + 2, y + 1)  # no finger is still
    page.wait_for_selector(".menu .menu-title")
    touch(page, "touchEnd")
    page.wait_for_timeout(200)
    assert page.inner_text(".menu .menu-title") == "sales_report"
    assert page.is_visible(".menu")
    page.click("text=Focus on it")
    drawn(page, 1)
    assert "focus=" in here(page)


@pytest.mark.parametrize("moves", [[], [(60.0, 0.0), (90.0, 0.0)]])
def test_a_finger_that_goes_or_moves_does_not(viewer: Viewer, opened: Opener, moves: list[tuple[float, float]]) -> None:
    """Its time is the page's own, which stands still between a finger's events however slow the machine is."""
    page = graph(viewer, opened)
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    x, y = middle(page, NODE)
    touch(page, "touchStart", x, y)
    page.clock.run_for(400)
    for by, down in moves:
        touch(page, "touchMove", x + by, y + down)
    if not moves:
        touch(page, "touchEnd")
    page.clock.run_for(2000)
    assert not page.is_visible(".menu")
    if moves:
        touch(page, "touchEnd")


def test_a_name_is_copied(viewer: Viewer, opened: Opener) -> None:
    page = graph(viewer, opened)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(NODE).click(button="right")
    page.click("text=Copy its name")
    page.wait_for_function("async () => await navigator.clipboard.readText() === 'sales_report'")


@pytest.mark.parametrize("view", ["graph", "flame", "function", "table"])
def test_paper_has_the_picture_and_no_buttons(viewer: Viewer, opened: Opener, view: str) -> None:
    page = opened()
    page.goto(f"{viewer.url}p/{viewer.id_of(page, SERVER)}/{view}?select=1&focus=sales")
    page.wait_for_selector("#graph[data-ready], #flame[data-ready], .function-view[data-ready], .table-scroller .row[data-id]")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 720, "height": 1018})
    settled(page)
    for gone in ("#tabs", "#tools", "#strips", "#controls .find"):
        assert not page.is_visible(gone), gone
    assert page.is_visible("h1") and page.is_visible("#facts")
    kept = {"graph": "#graph", "flame": "#flame", "function": ".numbers-part", "table": ".table-scroller .row[data-id]"}[view]
    assert page.is_visible(kept)
    assert page.is_visible("text=sales")  # what was selected is said
    assert page.evaluate("document.documentElement.scrollWidth") <= 720
    assert len(page.pdf(format="A4")) > 10_000


def test_a_table_on_paper_has_more_than_the_rows_in_sight_and_says_what_is_left_out(viewer: Viewer, opened: Opener) -> None:
    page = opened()
    page.goto(f"{viewer.url}p/{viewer.id_of(page, 'pydoc.pstats')}/table")
    page.wait_for_selector(".table-scroller .body .row[data-id]")
    seen = page.locator(".table-scroller .body .row").count()
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    printed = page.locator(".table-scroller .body .row[data-id]")
    assert printed.count() == 200 > 2 * seen
    assert page.inner_text(".rest") == "Here are 1 to 200 of 1,452 functions; CSV and Text have more."
    bottom = printed.last.evaluate("row => row.getBoundingClientRect().bottom")
    assert bottom <= page.locator(".rest").evaluate("words => words.getBoundingClientRect().top") + 1
    page.emulate_media(media="screen")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert printed.count() == seen and not page.is_visible(".rest")


def test_the_native_part_is_a_sector_and_a_figure(viewer: Viewer, opened: Opener) -> None:
    """In the picture as a part of the disc's area, on the function's page as a share of the total."""
    rows = ProfileBuilder((SAMPLES, CPU, NATIVE))
    main, work = (rows.location_id(rows.function_id(name, "a.py", 1), 1) for name in ("main", "work"))
    rows.add_sample(rows.stack_of([main, work]), (60, 60 * 10**7, 15 * 10**7))
    rows.add_sample(rows.stack_of([main]), (40, 40 * 10**7, 0))
    path = viewer.datadir / "native.pb.gz"
    with path.open("wb") as out:
        write(rows.build(), "pprof", out)
    page = opened(viewer.graph(opened(), "native", "?type=cpu"))
    drawn(page)
    node = page.locator('#graph .node[aria-label^="work,"]')
    assert "of which native 25%" in node.get_attribute("aria-label")
    x, y, *numbers = map(float, re.findall(r"-?\d+\.?\d*", node.locator(".native-part").get_attribute("d")))
    (ax, ay), (bx, by) = numbers[:2], numbers[-2:]
    turn = (math.atan2(bx - x, y - by) - math.atan2(ax - x, y - ay)) / (2 * math.pi) % 1
    assert turn == pytest.approx(0.25, abs=0.0025)
    assert page.locator('#graph .node[aria-label^="main,"] .native-part').get_attribute("d") == ""
    node.click()
    page.goto(here(page).replace("/graph", "/function"))
    page.wait_for_selector(".function-view[data-ready]")
    settled(page)
    figures = page.locator(".numbers-part .figure").all_inner_texts()
    assert any(re.fullmatch(r"15%\s+native code 150 ms", figure) for figure in figures), figures
    path.unlink()
