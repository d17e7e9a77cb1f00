"""Garbage collection is told at a glance: one colour, whatever else is in the picture."""

from __future__ import annotations

import pytest
from conftest import Opener, Viewer, drawn, settled

COLOURS = """() => ({
  node: getComputedStyle(document.querySelector('.node.kind-gc .disc')).fill,
  legend: getComputedStyle([...document.querySelectorAll('#groups .group, .legend .group')]
    .find(group => group.textContent.includes('garbage collection')).querySelector('.swatch')).backgroundColor,
})"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_has_one_colour_in_all_views_whatever_its_rank(viewer: Viewer, opened: Opener, theme: str) -> None:
    page = opened(theme=theme)
    found, ranks = set(), []
    for query in ("", "?focus=make_ring", "?by=module"):
        page.goto(viewer.graph(page, "busy-server.pb.gz", query))
        drawn(page)
        found |= set(page.evaluate(COLOURS).values())
        graph = page.request.get(page.url.replace("/p/", "/api/profiles/")).json()
        ranks.append([group["name"] for group in graph["groups"]].index("garbage collection"))
    base = page.url.partition("/graph")[0]
    rows = page.request.get(f"{base.replace('/p/', '/api/profiles/')}/table?q=make_ring").json()["rows"]
    wanted = next(row["id"] for row in rows if row["name"] == "make_ring")
    page.goto(f"{base}/function?select={wanted}")
    page.wait_for_selector(".callees-part .wedge")
    page.locator(".callees-part .slices a:text-is('make_ring.<listcomp>')").click()
    page.wait_for_selector(".callees-part .wedge.g8")
    found.add(page.locator(".callees-part .wedge.g8").evaluate("wedge => getComputedStyle(wedge).fill"))
    assert len(set(ranks)) > 1 and found == {"rgb(90, 60, 0)" if theme == "light" else "rgb(139, 107, 63)"}


def test_the_legend_of_a_flame_graph_names_it_once(viewer: Viewer, opened: Opener) -> None:
    page = opened()
    page.goto(viewer.graph(page, "busy-server.pb.gz").replace("/graph", "/flame"))
    page.wait_for_selector("#flame[data-ready]")
    settled(page)
    entries = page.locator(".flame-key .group").all_inner_texts()
    assert sum("garbage collection" in entry for entry in entries) == 1
