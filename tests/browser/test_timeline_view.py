"""The strip over time: what is drawn against the weights, and that what is brushed is what the views show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import Growing, Opener, Viewer, here, put, settled

from plopi import formats
from plopi.model import CPU, SAMPLES, ProfileBuilder

SECOND = 10**9
LOAD, WORK = 200, 800
"""Milliseconds of CPU time in each of the first and of the last ten seconds."""


@pytest.fixture(scope="module")
def recorded(viewer: Viewer) -> Iterator[str]:
    rows = ProfileBuilder((SAMPLES, CPU))
    main, worker = rows.thread_id("main", 1), rows.thread_id("worker", 2)
    stack = {
        name: rows.stack_of([rows.location_id(rows.function_id(step, f"/srv/{step}.py", 1), 1) for step in ("main", name)])
        for name in ("load", "work")
    }
    for second in range(20):
        window = rows.add_window(second * SECOND, SECOND)
        name, milliseconds = ("load", LOAD) if second < 10 else ("work", WORK)
        rows.add_sample(stack[name], (1, milliseconds * 10**6), worker if second % 2 else main, window)
    path = viewer.datadir / "twenty-seconds.pb.gz"
    with path.open("wb") as out:
        formats.write(rows.build(), "pprof", out)
    put(path, path.read_bytes())
    yield path.name
    path.unlink()


def strip(viewer: Viewer, opened: Opener, name: str, path: str = "table", **options: Any) -> Any:
    page = opened(**options)
    page.goto(f"{viewer.url}p/{viewer.id_of(page, name)}/{path}")
    page.wait_for_selector(".timeline[data-ready]:not([hidden])")
    settled(page)
    return page


def brush(page: Any, start: float, end: float) -> None:
    box = page.locator(".timeline .plot").bounding_box()
    page.mouse.move(box["x"] + start * box["width"], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], box["y"] + 20, steps=4)
    page.mouse.up()


def shown(page: Any, *labels: str) -> None:
    """Waits until just these functions are in the table."""
    page.wait_for_function(
        """labels => JSON.stringify([...document.querySelectorAll('.table-scroller .body .name a')]
        .map(link => link.textContent).sort()) === JSON.stringify(labels)""",
        arg=sorted(labels),
    )
    settled(page)


def test_bars_are_as_high_as_the_weights(viewer: Viewer, opened: Opener, recorded: str) -> None:
    page = strip(viewer, opened, recorded)
    bars = re.findall(r"M([\d.]+) 40V([\d.]+)H([\d.]+)V40Z", page.get_attribute(".timeline .plot .bars", "d"))
    assert [float(left) for left, _, _ in bars] == [50 * second for second in range(20)]
    for second, (left, top, right) in enumerate(bars):
        assert float(right) - float(left) == pytest.approx(50, rel=0.01)
        assert 40 - float(top) == pytest.approx(40 * (LOAD / WORK if second < 10 else 1), rel=0.01)
    assert "10.0 s cpu" in page.inner_text(".timeline .words")


def test_what_is_brushed_is_what_every_view_shows(viewer: Viewer, opened: Opener, recorded: str) -> None:
    page = strip(viewer, opened, recorded)
    shown(page, "main", "load", "work")
    brush(page, 0.12, 0.33)
    shown(page, "main", "load")
    assert "time=2-7" in here(page)
    assert "1.00 s cpu" in page.inner_text(".timeline .words")
    page.keyboard.press("1")
    settled(page)
    assert page.locator("#graph .node").count()
    assert "time=2-7" in here(page)
    page.keyboard.press("4")
    shown(page, "main", "load")
    page.click(".timeline button:has-text('all the time')")
    shown(page, "main", "load", "work")
    assert "time" not in here(page)


def test_ends_are_moved_by_mouse_and_by_keys(viewer: Viewer, opened: Opener, recorded: str) -> None:
    page = strip(viewer, opened, recorded, "table?time=2-7")
    shown(page, "main", "load")
    brush(page, 0.35, 0.58)
    shown(page, "main", "load", "work")
    assert "time=2-12" in here(page)
    brush(page, 0.3, 0.8)
    shown(page, "main", "work")
    assert "time=10-20" in here(page)
    first = page.locator(".timeline [role=slider]").first
    first.focus()
    for _ in range(2):
        page.keyboard.press("ArrowLeft")
    settled(page)
    assert "time=8-20" in here(page)
    assert first.get_attribute("aria-valuetext") == "8 s"
    shown(page, "main", "load", "work")


def test_threads_are_shown_on_demand(viewer: Viewer, opened: Opener, recorded: str) -> None:
    page = strip(viewer, opened, recorded)
    assert not page.locator(".timeline .thread").count()
    page.click(".timeline button:has-text('by thread')")
    assert page.locator(".timeline .thread .name").all_inner_texts() == ["main", "worker"]
    page.click(".timeline .thread .name:has-text('worker')")
    settled(page)
    assert "thread=1" in here(page)
    assert "5.00 s" in page.inner_text(".timeline .words")


def test_with_shift_a_stretch_is_what_is_compared_with(viewer: Viewer, opened: Opener, recorded: str) -> None:
    page = strip(viewer, opened, recorded, "table?time=10-20")
    page.keyboard.down("Shift")
    brush(page, 0.02, 0.48)
    page.keyboard.up("Shift")
    settled(page)
    assert page.locator(".table-scroller .head .delta").count() == 1
    assert "base_time=0-10" in here(page)
    assert "time=10-20" in here(page)


def test_touch_brushes_too(viewer: Viewer, opened: Opener, recorded: str) -> None:
    page = strip(viewer, opened, recorded, size={"width": 400, "height": 800})
    page.evaluate(
        """() => { const plot = document.querySelector('.timeline .plot'); const box = plot.getBoundingClientRect();
          plot.setPointerCapture = () => {};
          for (const [name, part] of [['pointerdown', 0.51], ['pointermove', 0.7], ['pointerup', 0.74]])
            plot.dispatchEvent(new PointerEvent(name, {pointerType: 'touch', pointerId: 5, button: 0, bubbles: true,
              clientX: box.left + part * box.width, clientY: box.top + 9})); }"""
    )
    shown(page, "main", "work")
    assert "time=10-15" in here(page)


def test_without_times_there_is_no_strip(viewer: Viewer, opened: Opener) -> None:
    page = opened()
    page.goto(f"{viewer.url}p/{viewer.id_of(page, 'pydoc.pstats')}/table")
    page.wait_for_selector(".table-scroller[data-ready]")
    settled(page)
    assert page.locator(".timeline:not([hidden])").count() == 0


def test_a_growing_recording_is_live_at_the_right_edge(viewer: Viewer, opened: Opener, growing: Growing) -> None:
    def second(number: int) -> None:
        rows = growing.rows
        stack = rows.stack_of([rows.location_id(rows.function_id("work", "/srv/work.py", 1), 1)])
        rows.add_sample(stack, (1, SECOND // 2), window=rows.add_window(number * SECOND, SECOND))
        growing.recording.flush(rows)

    for number in range(3):
        second(number)
    page = strip(viewer, opened, growing.name)
    assert page.locator(".timeline .live:not([hidden])").count() == 1
    bars = "n => (document.querySelector('.timeline .plot .bars').getAttribute('d').match(/M/g) ?? []).length === n"
    page.wait_for_function(bars, arg=3)
    second(3)
    page.wait_for_function(bars, arg=4)
