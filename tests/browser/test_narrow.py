"""Narrow windows: the picture has the room, the choices come when they are asked for."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Opener, Viewer, drawn, settled

PHONE = {"width": 400, "height": 800}
PICTURES = {"graph": "#pane", "flame": ".flame-view .scroller", "table": ".table-scroller"}


def test_options_stand_beside_the_tabs(viewer: Viewer, opened: Opener) -> None:
    page = opened(viewer.graph(opened(), "busy-server"), size=PHONE)
    drawn(page)
    tabs, options = page.locator("#tabs").bounding_box(), page.locator("#options").bounding_box()
    assert options["y"] < tabs["y"] + tabs["height"] and options["x"] >= tabs["x"] + tabs["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize("view", PICTURES)
def test_the_picture_has_most_of_a_narrow_window(viewer: Viewer, opened: Opener, view: str) -> None:
    page = opened(viewer.graph(opened(), "busy-server").replace("/graph", f"/{view}"), size=PHONE)
    page.wait_for_selector(".timeline[data-ready]:not([hidden])")
    settled(page)
    box = page.locator(PICTURES[view]).bounding_box()
    seen = min(PHONE["height"], box["y"] + box["height"]) - box["y"]
    assert seen >= 0.65 * PHONE["height"], box
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_choices_unfold(viewer: Viewer, opened: Opener) -> None:
    page = opened(viewer.graph(opened(), "busy-server", "?focus=handle"), size=PHONE)
    drawn(page)
    grouping = page.locator('#controls select[aria-label="Granularity"]')
    assert grouping.is_hidden() and page.locator("#facts").is_hidden()
    assert page.locator("#chips .filter").is_visible(), "what is filtered is never hidden"
    page.click("#options")
    assert grouping.is_visible() and page.locator("#facts").is_visible()
    assert page.get_attribute("#options", "aria-expanded") == "true"
    page.click("#options")
    assert grouping.is_hidden()


def test_the_help_sheet_opens_at_its_beginning(viewer: Viewer, opened: Opener) -> None:
    page = opened(viewer.graph(opened(), "busy-server"), size={"width": 400, "height": 500})
    drawn(page)
    page.keyboard.press("?")
    sheet = page.locator("dialog.sheet[open]")
    sheet.wait_for()
    assert page.evaluate("document.querySelector('dialog[open]').scrollTop") == 0
    assert sheet.locator("h2").is_visible()
    page.keyboard.press("Escape")
    sheet.wait_for(state="detached")


def test_an_address_that_is_none_has_the_look_of_the_rest(viewer: Viewer, opened: Opener) -> None:
    def background(theme: str) -> Any:
        page = opened(f"{viewer.url}p/ffffffffffff/graph", theme=theme)
        assert page.locator("a").get_attribute("href") == "/"
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert background("light") == "rgb(255, 255, 255)"
    assert background("dark") == "rgb(18, 23, 31)"


@pytest.mark.parametrize("query", ("", "?focus=handle"))
def test_the_choices_of_the_graph_take_one_row_of_a_usual_window(viewer: Viewer, opened: Opener, query: str) -> None:
    """With a filter, too."""
    page = opened(viewer.graph(opened(), "busy-server", query))
    drawn(page)
    assert page.locator("#controls").bounding_box()["height"] <= 45


def test_a_search_says_in_a_narrow_window_how_much_it_found(viewer: Viewer, opened: Opener) -> None:
    page = opened(viewer.graph(opened(), "busy-server").replace("/graph", "/flame?q=json"), size=PHONE)
    settled(page)
    assert page.locator("#controls .matched").is_visible() and "matched" in page.inner_text("#controls .matched")
