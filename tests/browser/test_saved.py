"""A view saved as one file, opened from the disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Opener, Viewer, answer, drawn, settled


@pytest.mark.parametrize("redact", ["0", "1"])
def test_a_saved_graph_is_drawn_without_a_server(viewer: Viewer, opened: Opener, tmp_path: Path, redact: str) -> None:
    page = opened()
    where = f"{viewer.url}api/profiles/{viewer.id_of(page, 'busy-server')}"
    saved = tmp_path / "saved.html"
    saved.write_bytes(answer(page, f"{where}/share?view=graph&nodes=20&redact={redact}").body())
    graph = answer(page, f"{where}/graph?nodes=20").json()
    page.goto(saved.as_uri())
    drawn(page)
    assert page.locator("#graph .node").count() == len(graph["nodes"])
    mine = next(node["label"] for node in graph["nodes"] if node["kind"] == "python")
    assert (mine in page.inner_text("body")) == (redact == "0")
    page.locator("#functions tbody tr").first.click()
    settled(page)
    assert page.locator("#details h2").count() == 1
