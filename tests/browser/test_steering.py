"""Steering the graph: filters, a function's menu, what is not drawn, the hot path, files of the picture, comparing."""

from __future__ import annotations

import json
import math
import re
import struct
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from conftest import Growing, Opener, Viewer, drawn, here, recording, settled

STACKS = (
    ("main;serve;parse;decode", 300),
    ("main;serve;parse", 200),
    ("main;serve;render;escape", 250),
    ("main;serve;render;escape;serve;render", 60),
    ("main;serve;render", 100),
    ("main;idle", 90),
)
PLACES = """() => Object.fromEntries([...document.querySelectorAll('#graph .node')].map(
  node => [node.dataset.id, ['cx', 'cy'].map(name => node.querySelector('.disc').getAttribute(name))]))"""
LOOK = """key => { const group = document.querySelector(`#graph .edge[data-key="${key}"]`);
  return [...group.classList].concat(getComputedStyle(group.querySelector('.shaft')).stroke); }"""


def node(page: Any, name: str) -> Any:
    return page.locator(f'#graph .node[aria-label^="{name},"]')


def names(page: Any) -> set[str]:
    return {
        str(label).partition(",")[0]
        for label in page.eval_on_selector_all("#graph .node", "all => all.map(one => one.ariaLabel)")
    }


def id_of(page: Any, name: str) -> str:
    return str(node(page, name).get_attribute("data-id"))


def chips(page: Any) -> list[str]:
    return [" ".join(text.split()) for text in page.locator("#chips .filter .words").all_inner_texts()]


def choose(page: Any, words: str) -> None:
    page.locator(".menu button", has_text=words).click()


def shows(page: Any, functions: int) -> None:
    """Waits until the picture stands; it has so many functions."""
    settled(page)
    assert page.locator("#graph .node").count() == functions


@pytest.fixture
def server(viewer: Viewer, opened: Opener, growing: Growing) -> Any:
    growing.add(*STACKS)
    page = opened()
    page.goto(viewer.graph(page, growing.name))
    drawn(page)
    return page


def test_filters_are_chips(server: Any) -> None:
    """Added by keyboard, changed by a click on their words, removed; each is in the address and says what is left."""
    page = server
    page.keyboard.press("f")
    page.keyboard.type("parse|escape")
    page.keyboard.press("Enter")
    shows(page, 6)
    assert chips(page) == ["focus parse|escape"]
    assert "focus=parse%7Cescape" in here(page)
    assert page.inner_text("#chips .kept") == "81% left"
    page.click("#chips .filter .words")
    assert page.input_value(".filter-form input") == "parse|escape"
    page.fill(".filter-form input", "escape")
    page.keyboard.press("Enter")
    shows(page, 4)
    assert page.inner_text("#chips .kept").startswith("31%")
    assert chips(page) == ["focus escape"]
    assert "parse" not in names(page)
    page.click("#chips .remove")
    shows(page, 7)
    assert chips(page) == [] and "focus" not in here(page)


def test_filters_that_leave_nothing_say_so(server: Any) -> None:
    page = server
    page.keyboard.press("f")
    page.keyboard.type("nowhere")
    page.keyboard.press("Enter")
    settled(page)
    assert page.inner_text("#message h2") == "Nothing is left"
    page.click("#message button")
    shows(page, 7)
    assert page.is_hidden("#message")


def test_a_functions_menu_by_keyboard(server: Any) -> None:
    """m opens it, arrows walk it, Enter chooses; the pattern fits this name only; Escape gives the focus back."""
    page = server
    node(page, "parse").focus()
    page.keyboard.press("m")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "menuitem"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.ariaLabel").startswith("parse,")
    page.keyboard.press("m")
    page.locator(".menu button", has_text="Ignore it").focus()
    page.keyboard.press("Enter")
    shows(page, 5)
    assert chips(page) == ["ignore ^parse$"]
    assert names(page) == {"main", "serve", "render", "escape", "idle"}


def test_hide_and_leave_out(server: Any) -> None:
    """Hidden: its callers call its callees. Left out of the picture: still counted, and brought back by its chip."""
    page = server
    node(page, "render").click(button="right")
    choose(page, "Hide it")
    shows(page, 6)
    assert page.evaluate(LOOK, f"{id_of(page, 'serve')}>{id_of(page, 'escape')}")
    page.click("#chips .remove")
    shows(page, 7)
    node(page, "decode").click(button="right")
    choose(page, "Leave it out")
    shows(page, 6)
    assert chips(page) == ["left out 1 function"]
    assert "hidden ones own 30% of self" in page.inner_text("#left-out")
    page.click("#chips .remove")
    shows(page, 7)


def test_in_place(viewer: Viewer, opened: Opener) -> None:
    """Callees are shown besides what is drawn; everybody stays where they were; the address brings the same picture back."""
    page = opened()
    page.goto(viewer.graph(page, "busy-server.pb.gz", "?nodes=12"))
    drawings = drawn(page)
    before = page.evaluate(PLACES)
    # The answer comes after the chip has taken room from the picture.
    page.route("**/graph?*keep=*", lambda route: (time.sleep(0.6), route.continue_()))
    node(page, "RequestHandler._execute").focus()
    page.keyboard.press("m")
    choose(page, "Show its callees")
    drawn(page, drawings)
    assert "keep=" in here(page) and "moved=" in here(page)
    after = page.evaluate(PLACES)
    assert len(after) > len(before)
    stayed = before.keys() & after.keys()
    assert len(stayed) >= 0.8 * len(before)
    assert {key: after[key] for key in stayed} == {key: before[key] for key in stayed}
    pane = page.locator("#pane").bounding_box()
    for circle in page.locator("#graph .node .disc").all():
        box = circle.bounding_box()
        assert box["y"] >= pane["y"] and box["y"] + box["height"] <= pane["y"] + pane["height"]
    again = opened(here(page))
    drawn(again)
    assert again.evaluate(PLACES) == after


def test_a_neighbourhood(viewer: Viewer, opened: Opener) -> None:
    """Of a function that is not drawn, found by searching; its chip leads back."""
    page = opened()
    page.goto(viewer.graph(page, "pydoc.pstats", "?nodes=10"))
    drawings = drawn(page)
    first = names(page)
    page.keyboard.press("/")
    page.keyboard.type("getdoc")
    settled(page)
    assert "getdoc" in page.locator("#functions tbody tr").first.inner_text()
    page.keyboard.press("Enter")
    page.locator("#details .absent button", has_text="Look around it").click()
    drawings = drawn(page, drawings)
    assert page.locator("#graph .node.is-selected").count() == 1
    assert chips(page)[0].startswith("around ")
    page.click("#chips .words")
    drawings = drawn(page, drawings)
    assert "radius=3" in here(page)
    page.click("#chips .remove")
    drawn(page, drawings)
    assert names(page) == first


def test_what_is_not_drawn_can_be_added(viewer: Viewer, opened: Opener) -> None:
    page = opened()
    page.goto(viewer.graph(page, "pydoc.pstats", "?nodes=10"))
    drawings = drawn(page)
    first = names(page)
    page.locator("#left-out button", has_text="which").click()
    assert re.fullmatch(r"[<\d.]+% · [<\d.]+%", page.locator(".menu .hint").first.inner_text())
    page.keyboard.press("Enter")
    drawn(page, drawings)
    added = re.search(r"keep=(\d+)", here(page))
    assert added and page.locator(f'#graph .node[data-id="{added[1]}"]').count() == 1
    assert names(page) > first


def test_modules_and_collapsing(viewer: Viewer, opened: Opener) -> None:
    page = opened()
    page.goto(viewer.graph(page, "busy-server.pb.gz"))
    drawings = drawn(page)
    node(page, "RequestHandler._execute").focus()
    page.keyboard.press("m")
    choose(page, "Make tornado one circle")
    drawings = drawn(page, drawings)
    assert chips(page) == ["collapsed tornado"]
    assert "tornado" in names(page) and not any(name.startswith("RequestHandler.") for name in names(page))
    page.click("#chips .remove")
    drawings = drawn(page, drawings)
    page.select_option("[aria-label=Granularity]", "module")
    drawn(page, drawings)
    assert "by=module" in here(page)
    assert "tornado.web" in names(page)


def test_hot_path_and_calls_back_up(server: Any) -> None:
    page = server
    page.keyboard.press("h")
    settled(page)
    hot = page.eval_on_selector_all("#graph .node.is-hot", "all => all.map(one => one.ariaLabel.split(',')[0])")
    assert set(hot) == {"main", "serve", "parse", "decode"}
    assert page.locator("#graph .edge.is-hot").count() == 3
    assert "hot=on" in here(page)
    up = f"{id_of(page, 'escape')}>{id_of(page, 'serve')}"
    page.keyboard.press("h")
    settled(page)
    assert page.locator("#graph.has-path").count() == 0
    classes = page.evaluate(LOOK, up)
    assert "back" in classes
    assert classes[-1] != page.evaluate(LOOK, f"{id_of(page, 'main')}>{id_of(page, 'serve')}")[-1]
    assert "calls back up" in page.inner_text("#groups")


@pytest.mark.parametrize("theme", ("light", "dark"))
def test_saved_pictures(viewer: Viewer, opened: Opener, tmp_path: Path, theme: str) -> None:
    """SVG: what is drawn, looking the same without any stylesheet; PNG: twice as sharp as the screen."""
    page = opened(theme=theme)
    page.goto(viewer.graph(page, "busy-server.pb.gz", "?nodes=20"))
    drawn(page)
    files = {}
    for kind in ("svg", "png"):
        with page.expect_download() as download:
            page.click("#controls .picture")
            page.click(f".menu [role=menuitem]:has-text('{kind.upper()}')")
        files[kind] = tmp_path / f"picture.{kind}"
        download.value.save_as(files[kind])
    svg = files["svg"].read_text("utf-8")
    assert not re.search(r'class=|style=|var\(|<script|href=|url\("?http', svg)
    colours = "all => all.map(one => getComputedStyle(one).fill + one.getAttribute('r')).sort()"
    here = page.eval_on_selector_all("#graph .disc", colours)
    texts = page.eval_on_selector_all("#graph .labels text", "all => all.map(one => one.textContent).filter(Boolean)")
    plain = opened()
    plain.goto(files["svg"].as_uri())
    there = plain.eval_on_selector_all("circle", colours)
    assert set(here) <= set(there)
    drawn_texts = plain.eval_on_selector_all("text", "all => all.map(one => one.textContent)")
    assert set(texts) <= set(drawn_texts)
    assert any("busy-server" in text for text in drawn_texts)
    width, height = struct.unpack(">II", files["png"].read_bytes()[16:24])
    pane = page.locator("#pane").bounding_box()
    assert (width, height) == (2 * pane["width"], 2 * (pane["height"] + 64))


def test_a_diff(viewer: Viewer, opened: Opener, growing: Growing) -> None:
    """Disc: after, dashed circle: before, both to one scale; colour by direction; what is within the noise is grey."""
    growing.add(("main;slower", 9000), ("main;same", 4000), ("main;faster", 1000))
    earlier = recording(viewer.datadir, f"earlier-{growing.name}", pid=2**22 - 5, process_start="1")
    earlier.add(("main;slower", 3000), ("main;same", 4000), ("main;faster", 7000))
    page = opened()
    base = viewer.id_of(page, earlier.name)
    page.goto(viewer.graph(page, growing.name, f"?base={base}&scale=absolute"))
    drawn(page)
    radius = {
        (name, part): float(node(page, name).locator(f".{part}").get_attribute("r"))
        for name in ("slower", "faster", "same")
        for part in ("disc", "before")
    }
    scale = radius["slower", "disc"] ** 2 / 9000
    assert radius["faster", "disc"] ** 2 == pytest.approx(1000 * scale, rel=0.01)
    assert radius["faster", "before"] ** 2 == pytest.approx(7000 * scale, rel=0.01)
    assert radius["slower", "before"] ** 2 == pytest.approx(3000 * scale, rel=0.01)
    look = {name: node(page, name).get_attribute("class").split() for name in ("slower", "faster", "same")}
    assert "more3" in look["slower"] and "less3" in look["faster"] and "c0" in look["same"]
    assert chips(page)[0].startswith("compared with")
    assert page.locator("#groups .swatch").count() >= 7
    places = page.evaluate(PLACES)
    page.goto(viewer.graph(page, earlier.name, f"?base={viewer.id_of(page, growing.name)}&scale=absolute"))
    drawn(page)
    assert "less3" in node(page, "slower").get_attribute("class").split()
    swapped = page.evaluate(PLACES)
    for function, place in places.items():  # but for what the banner of an ended process takes of the window
        assert [float(each) for each in swapped[function]] == pytest.approx([float(each) for each in place], abs=25)
    page.click("#chips .remove")
    settled(page)
    assert page.locator("#graph .less3").count() == 0
    earlier.recording.part.unlink()


def test_tabs_keep_what_is_selected(server: Any) -> None:
    """Another view of the same samples without a reload; back finds the graph as it was."""
    page = server
    tabs = page.locator("#tabs a")
    if tabs.count() < 2:
        pytest.skip("there is one view only")
    page.keyboard.press("f")
    page.keyboard.type("parse")
    page.keyboard.press("Enter")
    settled(page)
    assert "focus=parse" in here(page)
    page.evaluate("window.same = true")
    page.click("#graph ~ *, #controls [data-layout=force]")
    settled(page)
    page.keyboard.press("2")
    settled(page)
    assert "/graph" not in here(page)
    assert "focus=parse" in here(page) and "layout" not in here(page)
    assert chips(page) == ["focus parse"]
    page.keyboard.press("1")
    shows(page, 3)
    assert "layout=force" in here(page) and page.evaluate("window.same")


def test_hostile_names_in_menu_and_chips(viewer: Viewer, opened: Opener, growing: Growing) -> None:
    name = "<img src=x onerror=alert(1)>.*(["
    growing.add((f"main;{name}", 500), ("main;other", 100))
    page = opened()
    page.goto(viewer.graph(page, growing.name))
    drawn(page)
    page.locator("#graph .node").nth(1).click(button="right")
    assert page.locator(".menu img").count() == 0
    choose(page, "Focus on it")
    settled(page)
    assert page.locator("#chips img").count() == 0
    assert len(names(page)) == 2
    assert math.isclose(float(page.inner_text("#chips .kept").split("%")[0]), 83)
    assert r"\.\*\(\[" in unquote(here(page))


def test_following_for_long_does_not_grow(viewer: Viewer, opened: Opener) -> None:
    """Elements and listeners, counted by the browser after collecting garbage: after 15 pieces of news as many as after 5."""
    page = opened()
    sockets: list[Any] = []
    page.route_web_socket("**/live", lambda socket: sockets.append(socket))
    page.goto(viewer.graph(page, "busy-server.pb.gz", "?nodes=30"))
    drawings = drawn(page)
    browser = page.context.new_cdp_session(page)
    browser.send("Performance.enable")
    profile = viewer.id_of(page, "busy-server.pb.gz")

    def follow(pieces: int) -> dict[str, float]:
        nonlocal drawings
        for _ in range(pieces):
            sockets[-1].send(json.dumps({"v": 1, "profile": profile, "revision": f"r{drawings}", "status": "growing"}))
            drawings = drawn(page, drawings)
        for _ in range(2):
            browser.send("HeapProfiler.collectGarbage")
        return {each["name"]: each["value"] for each in browser.send("Performance.getMetrics")["metrics"]}

    early, late = follow(5), follow(10)
    for what in ("Nodes", "JSEventListeners"):
        assert late[what] <= 1.15 * early[what], what
    assert late["JSHeapUsedSize"] <= early["JSHeapUsedSize"] + 4e6
