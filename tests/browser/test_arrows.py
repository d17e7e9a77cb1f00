"""Arrows that carry much can be seen at a glance, and say how much, where there is room."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Opener, Viewer, drawn

ARROWS = """() => {
  const page = getComputedStyle(document.body).backgroundColor;
  const light = colour => colour.match(/\\d+/g).slice(0, 3).map(value => value / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0.05);
  return [...document.querySelectorAll('#graph .edge')].map(edge => {
    const pair = [light(getComputedStyle(edge.querySelector('.shaft')).stroke), light(page)].sort((a, b) => b - a);
    const tag = document.querySelector(`#graph .tag[data-key="${edge.dataset.key}"]`);
    return {key: edge.dataset.key, back: edge.classList.contains('back'),
      contrast: pair[0] / pair[1], tag: tag?.textContent ?? '',
      size: tag && parseFloat(getComputedStyle(tag.querySelector('text')).fontSize)};
  });
}"""


def share(part: float) -> str:
    percent = 100 * part
    return f"{percent:.0f}%" if 9.95 <= percent < 99 else f"{percent:.1f}%"


@pytest.mark.parametrize(("name", "theme"), [("busy-server", "light"), ("pydoc", "dark")])
def test_heavy_arrows_stand_out_and_say_their_shares(viewer: Viewer, opened: Opener, name: str, theme: str) -> None:
    page: Any = opened(theme=theme)
    page.goto(viewer.graph(page, name, "?nodes=40"))
    drawn(page)
    graph = page.request.get(page.url.replace("/p/", "/api/profiles/")).json()
    weight = {f"{edge['caller']}>{edge['callee']}": edge["weight"] / graph["total"] for edge in graph["edges"]}
    arrows = page.evaluate(ARROWS)
    heavy = [arrow for arrow in arrows if weight[arrow["key"]] >= 0.05]
    assert all(arrow["contrast"] >= 3 for arrow in heavy)
    assert all(arrow["contrast"] < 2.5 for arrow in arrows if weight[arrow["key"]] < 0.05 and not arrow["back"])
    said = [arrow for arrow in arrows if "%" in arrow["tag"]]
    assert 3 <= len(said) <= 12
    for arrow in said:
        assert arrow["size"] >= 11 and arrow["tag"].split(" · ")[0] == share(weight[arrow["key"]])
    assert min(weight[arrow["key"]] for arrow in said) >= sorted(weight.values())[-12]
