"""Pages of several profiles, merged or compared, while these grow: in place, on news of their own, and no other."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Growing, Opener, Viewer, drawn, eventually, put, recording

COUNT = """
window.asked = [];
const {fetch} = window;
window.fetch = (...given) => (window.asked.push(String(given[0])), fetch(...given));
"""
WORK = "document.querySelector('#graph .node[aria-label^=\"work,\"]')"


@pytest.fixture
def pair(viewer: Viewer) -> Iterator[tuple[Growing, Growing]]:
    started = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    both = tuple(recording(viewer.datadir, name, os.getpid(), started) for name in ("worker-a", "worker-b"))
    for each in both:
        each.add(("main;load", 400), ("main;work", 600))
    yield both  # type: ignore[misc]
    for each in both:
        for left in (each.recording.part, each.recording.path):
            if left is not None:
                left.unlink(missing_ok=True)


def opened_at(viewer: Viewer, opened: Opener, path: str) -> Any:
    page = opened()
    page.add_init_script(COUNT)
    page.goto(f"{viewer.url}p/{path}")
    drawn(page)
    return page


def asks_nothing(page: Any) -> bool:
    """For a second: whatever was still under way has come."""
    page.evaluate("window.asked.length = 0")
    page.wait_for_timeout(1000)
    return bool(page.evaluate("window.asked.length === 0"))


def total(page: Any) -> str:
    found = re.search(r"total ([\d.]+ m?s)", page.inner_text("#facts").replace("\n", " "))
    assert found is not None
    return found[1]


def test_a_merge_is_followed_in_place(viewer: Viewer, opened: Opener, pair: tuple[Growing, Growing]) -> None:
    first, second = pair
    ids = [viewer.id_of(opened(), each.name) for each in pair]
    page = opened_at(viewer, opened, f"{'+'.join(ids)}/graph")
    assert total(page) == "2.00 s"
    place = f"{WORK}.querySelector('circle').getAttribute('cx')"
    before = page.evaluate(place)
    page.evaluate(f"window.kept = {WORK}")
    times = drawn(page)
    second.add(("main;work;inner", 1000))
    drawn(page, times)
    assert total(page) == "3.00 s"
    assert page.evaluate(place) == before
    assert page.evaluate(f"window.kept.isConnected && window.kept === {WORK}")
    eventually(lambda: asks_nothing(page), "an end of the questions")
    put(viewer.datadir / "stranger.folded", b"main 1\n")
    page.wait_for_timeout(1500)
    assert page.evaluate("asked") == []
    (viewer.datadir / "stranger.folded").unlink()
    first.add(("main;load", 1000))
    page.wait_for_function("() => document.getElementById('facts').textContent.includes('4.00 s')")


def test_a_comparison_follows_its_base_too(viewer: Viewer, opened: Opener, pair: tuple[Growing, Growing]) -> None:
    ids = [viewer.id_of(opened(), each.name) for each in pair]
    page = opened_at(viewer, opened, f"{ids[0]}/graph?base={ids[1]}")
    load = "document.querySelector('#graph .node[aria-label^=\"load,\"]').getAttribute('aria-label')"
    assert "before 400 ms" in page.evaluate(load)
    pair[1].add(("main;load", 8000))
    page.wait_for_function(f"() => {load}.includes('before 933 ms')")  # 8.4 of 9 s, scaled to 1 s
