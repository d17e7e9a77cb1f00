"""The list of profiles shows what is there and changes by itself."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

from conftest import Growing, Opener, Viewer, here, put, settled, start_viewer


def names(page: object) -> list[str]:
    return page.locator("table.profiles td.name a, table.profiles td.name .plain").all_inner_texts()  # type: ignore[attr-defined,no-any-return]


def test_the_list_shows_what_is_there(viewer: Viewer, opened: Opener) -> None:
    page = opened(viewer.url)
    page.wait_for_selector("tr.broken .reason")
    settled(page)
    assert {"pydoc.pstats", "broken.pstats", "busy-server"} <= {name.removesuffix(".pb.gz") for name in names(page)}
    assert page.locator("tr.broken a").count() == 0
    assert "convert" in page.inner_text("tr.broken .reason")
    page.click("text=pydoc.pstats")
    page.wait_for_selector("#graph .node")


def test_it_changes_by_itself(viewer: Viewer, opened: Opener, growing: Growing) -> None:
    page = opened(viewer.url)
    page.wait_for_selector("table.profiles tbody tr")
    growing.add(("main;work", 100))
    row = page.locator("tr.growing")
    row.locator("td.samples", has_text="10").wait_for()
    assert "python server.py" in row.inner_text()
    assert row.locator(".life").inner_text()
    for column, value in {"host": socket.gethostname(), "pid": str(os.getpid()), "mode": "cpu", "engine": "python"}.items():
        assert row.locator(f"td.{column}").inner_text().startswith(value)
    growing.add(("main;work", 500))
    row.locator("td.samples", has_text="60").wait_for()
    growing.finish()
    page.wait_for_selector("tr.growing", state="detached")
    assert growing.recording.path is not None
    growing.recording.path.unlink()
    page.wait_for_function("name => !document.querySelector('table.profiles').textContent.includes(name)", arg=growing.name)


def test_it_changes_without_websockets_too(viewer: Viewer, opened: Opener, growing: Growing) -> None:
    page = opened()
    page.route_web_socket("**/live", lambda socket: socket.close())
    page.goto(viewer.url)
    page.wait_for_selector("table.profiles tbody tr")
    growing.add(("main;work", 100))
    page.wait_for_selector("tr.growing")


def test_a_list_that_could_not_be_had_is_asked_for_again_without_any_news(viewer: Viewer, opened: Opener) -> None:
    page = opened()
    page.route_web_socket("**/live", lambda socket: None)  # open, and silent
    failed = []

    def fail_once(route: Any) -> None:
        if failed:
            route.continue_()
        else:
            failed.append(route.request.url)
            route.fulfill(status=503, json={"v": 1, "error": {"message": "Not now."}})

    page.route("**/api/profiles?*", fail_once)
    page.goto(viewer.url)
    page.wait_for_selector("#banner .bad")
    assert page.inner_text("#banner .bad") == "Not now. The list is asked for again within 1 s."
    page.wait_for_selector("table.profiles tbody tr")
    assert failed and page.locator("#banner .bad").count() == 0


def test_search_and_sort_are_in_the_address(viewer: Viewer, opened: Opener) -> None:
    page = opened(viewer.url)
    page.wait_for_selector("tr.broken")
    page.keyboard.press("/")
    page.keyboard.type("pydoc")
    settled(page)
    assert "q=pydoc" in here(page) and page.locator("table.profiles tbody tr").count() == 1
    page.keyboard.press("Escape")
    settled(page)
    assert page.locator("table.profiles tbody tr").count() > 1
    page.locator("th.c-name button").focus()
    page.keyboard.press("Enter")
    settled(page)
    assert page.get_attribute("th.c-name", "aria-sort") == "ascending"
    assert names(page) == sorted(names(page), key=str.casefold)
    again = opened(here(page))
    settled(again)
    assert names(again) == names(page)


def test_no_profiles_yet(opened: Opener, tmp_path: Path) -> None:
    """The commands that make one; and the first one appears without a reload."""
    running = start_viewer(tmp_path)
    try:
        page = opened(running.url)
        page.wait_for_selector(".empty pre")
        assert f"python -m plopi.collector --datadir {tmp_path}" in page.inner_text(".empty")
        put(tmp_path / "first.folded", b"main;work 10\n")
        page.wait_for_selector("text=first.folded")
        page.close()  # before its viewer: it would say that it lost that
    finally:
        running.process.terminate()
        running.process.wait()


def test_small_screens(viewer: Viewer, opened: Opener) -> None:
    page = opened(viewer.url, size={"width": 400, "height": 800})
    page.wait_for_selector("tr.broken .reason")
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    widths = page.eval_on_selector_all("table.profiles tbody tr", "all => all.map(row => row.getBoundingClientRect().width)")
    assert widths and max(widths) <= 400
