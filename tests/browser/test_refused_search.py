"""A search that cannot be understood: the reason stands beside its field, and the view stays."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from conftest import Opener, Viewer, answer, settled

SERVER = "busy-server.pb.gz"
INVALID, CATASTROPHIC, GOOD = "re:(", "re:((a{1,100}){1,100}){1,100}", "re:^sales_"

VIEWS = {
    "flame": ("#controls .find", "#controls .matched", "#flame[data-ready]"),
    "table": ("#controls .find", "#controls .about", ".table-scroller .row[data-id]"),
    "graph": ("#functions .search input", "#functions .search output", "#functions tbody tr"),
}


def refused(page: Any, output: str) -> str:
    settled(page)
    page.wait_for_selector(f"{output}.refused:not(:empty)")
    return str(page.inner_text(output))


@pytest.mark.parametrize("view", VIEWS)
def test_the_reason_stands_beside_the_field_and_the_view_stays(viewer: Viewer, opened: Opener, view: str) -> None:
    field, output, drawn = VIEWS[view]
    page = opened()
    page.goto(f"{viewer.url}p/{viewer.id_of(page, SERVER)}/{view}")
    page.wait_for_selector(drawn)
    for pattern in (INVALID, CATASTROPHIC):
        page.fill(field, pattern)
        said = refused(page, output)
        assert page.evaluate("new URLSearchParams(location.search).get('q')") == pattern
        assert said.startswith("RE2 does not take the regular expression") and pattern[3:] in said
        assert page.is_visible(drawn) and not page.is_visible("#message")
        assert page.get_attribute(field, "aria-invalid") == "true"
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.fill(field, GOOD)
    settled(page)
    assert page.locator(f"{output}.refused").count() == 0
    assert page.get_attribute(field, "aria-invalid") == "false"


@pytest.mark.parametrize("view", VIEWS)
def test_an_address_with_such_a_search_opens(viewer: Viewer, opened: Opener, view: str) -> None:
    field, output, drawn = VIEWS[view]
    page = opened()
    page.goto(f"{viewer.url}p/{viewer.id_of(page, SERVER)}/{view}?q={quote(INVALID)}")
    assert "missing )" in refused(page, output)
    assert page.locator(drawn).count()
    assert page.input_value(field) == INVALID


def test_programs_are_told_which_argument_is_to_blame(viewer: Viewer, opened: Opener) -> None:
    page = opened()
    ask = f"{viewer.url}api/profiles/{viewer.id_of(page, SERVER)}/table"
    said = answer(page, f"{ask}?q={quote(INVALID)}")
    assert (said.status, said.json()["error"]["argument"]) == (400, "q")
    assert "argument" not in page.request.get(f"{ask}?focus=(").json()["error"]
