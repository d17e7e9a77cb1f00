"""Where a flame graph is lower than its window, the heaviest functions stand below it."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Opener, Viewer, here, put, settled
from gallery import service, written

LIST = ".heaviest li button"


def flame(viewer: Viewer, page: Any, name: str, query: str = "") -> Any:
    page.goto(f"{viewer.url}p/{viewer.id_of(page, name)}/flame{query}")
    page.wait_for_selector("#flame[data-ready]")
    settled(page)
    return page


@pytest.fixture
def shallow(viewer: Viewer) -> str:
    put(viewer.datadir / "shallow.folded", b"main;parse;read 60\nmain;parse;write 30\nmain;a.b 10\n")
    return "shallow.folded"


def test_below_a_low_picture_stand_the_heaviest_functions(viewer: Viewer, opened: Opener, shallow: str) -> None:
    page = flame(viewer, opened(), shallow)
    assert page.locator(f"{LIST} .name").all_inner_texts() == ["read", "write", "a.b", "main", "parse"]
    widths = [page.locator(f"{LIST} .bar").nth(i).bounding_box()["width"] for i in range(3)]
    assert widths[1] / widths[0] == pytest.approx(1 / 2, rel=0.01) and widths[2] / widths[0] == pytest.approx(1 / 6, rel=0.01)
    picture, below = page.locator(".flame-view .scroller").bounding_box(), page.locator(".heaviest").bounding_box()
    assert picture["y"] + picture["height"] <= below["y"] + 1
    page.locator(LIST).nth(2).click()
    settled(page)
    assert page.inner_text("#controls .matched") == "10% matched"
    page.locator(LIST).nth(2).click()
    settled(page)
    assert "q=" not in here(page)
    page.click("#flame", position={"x": 20, "y": 40})
    settled(page)
    assert "zoom=" in here(page)
    assert page.locator(".flame-view .scroller").bounding_box() == picture, "a zoom moves nothing"


def test_in_a_comparison_it_is_what_grew_most(viewer: Viewer, opened: Opener) -> None:
    for name, profile in (("service-monday", service(3)), ("service-tuesday", service(4, slower=1.8))):
        put(viewer.datadir / f"{name}.pb.gz", written(profile))
    page = opened()
    base = viewer.id_of(page, "service-monday")
    flame(viewer, page, "service-tuesday", f"?base={base}")
    assert page.locator(f"{LIST} .name").first.inner_text() == "Template.render"
    assert page.locator(f"{LIST} .change").first.inner_text().startswith("+")


def test_a_picture_that_fills_the_window_has_it_to_itself(viewer: Viewer, opened: Opener) -> None:
    page = flame(viewer, opened(size={"width": 1280, "height": 700}), "busy-server")
    assert page.locator(".heaviest").is_hidden()
