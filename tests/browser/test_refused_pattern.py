"""A pattern of focus, ignore or hide that cannot be understood: the reason stands beside its field, and the view stays."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from conftest import Opener, Viewer, answer, settled

SERVER = "busy-server.pb.gz"
INVALID = "sales_("
DRAWN = {
    "graph": "#graph[data-ready] .node",
    "flame": "#flame[data-ready]",
    "table": ".table-scroller .row[data-id]",
    "function": ".function-page .numbers-part h2",
}


def address(viewer: Viewer, page: Any, view: str, query: str) -> str:
    return f"{viewer.url}p/{viewer.id_of(page, SERVER)}/{view}?{query}"


def test_the_form_stays_with_the_reason_and_what_was_seen_is_seen(viewer: Viewer, opened: Opener) -> None:
    page = opened()
    page.goto(address(viewer, page, "graph", ""))
    settled(page)
    page.keyboard.press("f")
    page.keyboard.type(INVALID)
    page.keyboard.press("Enter")
    settled(page)
    assert page.inner_text(".filter-form output").startswith("Not applied: RE2 does not take the regular expression")
    field = page.locator(".filter-form input")
    assert field.evaluate("it => [it.value, it.ariaInvalid, it === document.activeElement]") == [INVALID, "true", True]
    assert not page.is_visible("#message") and page.locator("#graph .node").count() > 20
    page.keyboard.press("Escape")
    assert "missing )" in page.inner_text("#chips > output.refused")
    assert page.locator("#chips .filter.not-applied").count() == 1

    page.click("#chips .filter .words")
    page.fill(".filter-form input", "sales_")
    page.keyboard.press("Enter")
    settled(page)
    assert page.locator("#chips .kept").count() == 1
    assert page.locator("#chips .refused, #chips .not-applied").count() == 0


@pytest.mark.parametrize(("view", "width"), [("graph", 400), ("flame", 1280), ("table", 400), ("function", 1280)])
def test_an_address_with_such_a_pattern_shows_the_rest(viewer: Viewer, opened: Opener, view: str, width: int) -> None:
    """The other filters hold, and so they do in what is saved from there."""
    page = opened(size={"width": width, "height": 800})
    found = answer(page, f"{viewer.url}api/profiles/{viewer.id_of(page, SERVER)}/table?q=sales_").json()["rows"]
    select = f"&select={found[0]['id']}" if view == "function" else ""
    page.goto(address(viewer, page, view, f"hide={quote(INVALID)}&focus=sales_&ignore={quote('[')}{select}"))
    settled(page)
    assert page.is_visible(DRAWN[view])
    reasons = page.locator("#chips output.refused").all_inner_texts()
    assert ["missing ]" in reasons[0], "missing )" in reasons[1]] == [True, True]
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.keyboard.press("s")
    saved = {page.get_attribute("dialog.share .button", "href"), page.get_attribute("dialog.share .formats a", "href")}
    assert all(page.request.get(url).ok for url in saved) and all("focus=sales_" in url for url in saved)


def test_programs_are_told_which_pattern_is_to_blame(viewer: Viewer, opened: Opener) -> None:
    page = opened()
    said = answer(page, f"{viewer.url}api/profiles/{viewer.id_of(page, SERVER)}/table?focus=good&hide={quote(INVALID)}")
    assert (said.status, said.json()["error"]["pattern"]) == (400, INVALID)
