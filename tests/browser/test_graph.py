"""What is drawn agrees with the numbers, can be read, and is the same again from its URL."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest
from conftest import SIZE, Growing, Opener, Viewer, drawn, here, put, recording, settled

from plopi import formats
from plopi.model import CPU, WALL, ProfileBuilder

LAYOUTS = ("layered", "force")
VIEWS = (("busy-server.pb.gz", "layered"), ("pydoc.pstats", "force"), ("pydoc.pstats", "layered"))

PLACES = """() => Object.fromEntries([...document.querySelectorAll('#graph .node')].map(node => {
  const disc = node.querySelector('.disc');
  return [node.dataset.id, [disc.getAttribute('cx'), disc.getAttribute('cy'), disc.getAttribute('r')]];
}))"""
PICTURE = """() => [...document.querySelectorAll('#graph .world, #graph .labels')].map(layer => layer.outerHTML).join()
  .replaceAll(/ tabindex="[^"]*"/g, '')"""
TEXTS = """() => [...document.querySelectorAll('#graph .labels text')].filter(text => text.textContent).map(text => {
  const box = text.getBoundingClientRect();
  const {id, key} = text.parentNode.dataset;
  return {text: text.textContent, owner: id ?? key, size: parseFloat(getComputedStyle(text).fontSize),
          x0: box.left, x1: box.right, y0: box.top, y1: box.bottom};
})"""


def payload_of(page: Any, viewer: Viewer, name: str) -> Any:
    shown = page.evaluate("document.querySelectorAll('#graph .node').length")
    amount = int(page.inner_text("#controls output"))
    payload = page.request.get(f"{viewer.url}api/profiles/{viewer.id_of(page, name)}/graph?nodes={amount}").json()
    assert len(payload["nodes"]) == shown
    return payload


@pytest.mark.parametrize(("name", "layout"), VIEWS[:2])
def test_areas_and_widths_are_the_numbers(viewer: Viewer, opened: Opener, name: str, layout: str) -> None:
    """As they stand on the screen, within 1 %."""
    page = opened()
    page.goto(viewer.graph(page, name, f"?layout={layout}"))
    drawn(page)
    payload = payload_of(page, viewer, name)
    on_screen = page.evaluate(
        "() => Object.fromEntries([...document.querySelectorAll('#graph .node')]"
        ".map(node => [node.dataset.id, node.querySelector('.disc').getBoundingClientRect().width]))"
    )
    widest = max(payload["nodes"], key=lambda node: node["self"])
    scale = on_screen[str(widest["id"])] ** 2 / widest["self"]
    for node in payload["nodes"]:
        area = on_screen[str(node["id"])] ** 2
        assert area == pytest.approx(node["self"] * scale, rel=0.01, abs=0.01), node["name"]
    widths = page.evaluate(
        "() => Object.fromEntries([...document.querySelectorAll('#graph .edge')]"
        ".map(edge => [edge.dataset.key, parseFloat(getComputedStyle(edge.querySelector('.shaft')).strokeWidth)]))"
    )
    heaviest = payload["edges"][0]
    per_weight = widths[f"{heaviest['caller']}>{heaviest['callee']}"] / heaviest["weight"]
    assert len(widths) == len(payload["edges"])
    for edge in payload["edges"]:
        width = widths[f"{edge['caller']}>{edge['callee']}"]
        assert width == pytest.approx(edge["weight"] * per_weight, rel=0.01, abs=0.001)


@pytest.mark.parametrize(("name", "layout", "theme"), [(*VIEWS[0], "dark"), (*VIEWS[1], "light"), (*VIEWS[2], "dark")])
def test_labels_can_be_read(viewer: Viewer, opened: Opener, name: str, layout: str, theme: str) -> None:
    """At 1280 x 800 as it opens: at least 11 px, within the pane, none over another, nearly all there, with contrast."""
    page = opened(theme=theme)
    page.goto(viewer.graph(page, name, f"?layout={layout}"))
    drawn(page)
    texts = page.evaluate(TEXTS)
    pane = page.locator("#pane").bounding_box()
    for text in texts:
        assert text["size"] >= 11, text
        assert pane["x"] <= text["x0"] and text["x1"] <= pane["x"] + pane["width"], text
        assert pane["y"] <= text["y0"] + 1 and text["y1"] - 1 <= pane["y"] + pane["height"], text
    for i, a in enumerate(texts):
        for b in texts[i + 1 :]:
            if a["owner"] != b["owner"]:
                wide = min(a["x1"], b["x1"]) - max(a["x0"], b["x0"])
                high = min(a["y1"], b["y1"]) - max(a["y0"], b["y0"])
                assert wide <= 1 or high <= 3, (a, b)  # 3: boxes of glyphs reach beyond what is inked
    functions = page.locator("#graph .node").count()
    assert page.locator("#graph .label").count() >= 0.85 * functions
    assert contrast(page, ".label .name", "fill") >= 7
    assert contrast(page, ".label .numbers", "fill") >= 4.5
    assert contrast(page, "#left-out", "color") >= 4.5
    assert contrast(page, "#functions td", "color") >= 7


def contrast(page: Any, selector: str, what: str) -> float:
    """Of an element's ink against the page (WCAG)."""
    ink, ground = page.evaluate(
        """([selector, what]) => {
          const rgb = colour => { const c = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
            c.fillStyle = colour; c.fillRect(0, 0, 1, 1); return [...c.getImageData(0, 0, 1, 1).data].slice(0, 3); };
          const ink = getComputedStyle(document.querySelector(selector))[what];
          return [rgb(ink), rgb(getComputedStyle(document.body).backgroundColor)];
        }""",
        [selector, what],
    )

    def luminance(rgb: list[int]) -> float:
        parts = [part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in rgb]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    light, dark = sorted((luminance(ink), luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_circles_do_not_overlap_and_the_window_is_used(viewer: Viewer, opened: Opener, layout: str) -> None:
    page = opened()
    page.goto(viewer.graph(page, "pydoc.pstats", f"?layout={layout}"))
    drawn(page)
    circles = [[float(value) for value in place] for place in page.evaluate(PLACES).values()]
    for i, (ax, ay, ar) in enumerate(circles):
        for bx, by, br in circles[i + 1 :]:
            assert math.hypot(ax - bx, ay - by) >= ar + br
    pane = page.locator("#pane").bounding_box()
    across = max(x for x, _, _ in circles) - min(x for x, _, _ in circles)
    down = max(y for _, y, _ in circles) - min(y for _, y, _ in circles)
    assert across >= 0.6 * pane["width"]
    assert down >= 0.7 * pane["height"]


def test_the_same_view_is_the_same_picture(viewer: Viewer, opened: Opener) -> None:
    """Zoomed, panned, a function dragged, another selected, sorted and searched: from its URL it comes back to the last digit."""
    page = opened()
    page.goto(viewer.graph(page, "busy-server.pb.gz", "?layout=force&nodes=30"))
    drawn(page)
    circle = page.locator("#graph .node .hit").nth(4)
    box = circle.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 45, steps=4)
    page.mouse.up()
    page.locator("#graph .node").nth(2).click()
    page.keyboard.press("+")
    page.mouse.move(300, 500)
    page.mouse.wheel(0, -200)
    page.locator("#functions th.cum button").click()
    page.mouse.move(5, 400)
    settled(page)
    assert all(part in here(page) for part in ("sort=cum", "view=", "moved="))
    before = page.evaluate(PICTURE)

    again = opened(here(page))
    drawn(again)
    again.mouse.move(5, 400)
    settled(again)
    assert again.evaluate(PICTURE) == before
    assert again.inner_text("#details h2") == page.inner_text("#details h2")
    assert again.inner_text("#functions tbody tr") == page.inner_text("#functions tbody tr")


def test_back_and_forward(viewer: Viewer, opened: Opener) -> None:
    page = opened()
    page.goto(viewer.graph(page, "busy-server.pb.gz", "?nodes=30"))
    drawings = drawn(page)
    first = page.evaluate(PLACES)
    page.click("#controls [data-layout=force]")
    drawings = drawn(page, drawings)
    assert page.evaluate(PLACES) != first
    page.locator("#functions tbody tr").nth(1).click()
    settled(page)
    name = page.inner_text("#details h2")
    page.go_back()
    page.wait_for_selector("#details h2", state="detached")
    page.go_forward()
    page.wait_for_selector("#details h2")
    settled(page)
    assert page.inner_text("#details h2") == name
    page.go_back()
    page.go_back()
    drawn(page, drawings)
    assert page.evaluate(PLACES) == first


def test_a_growing_recording_is_followed(viewer: Viewer, opened: Opener, growing: Growing) -> None:
    """Numbers and sizes move; who was there stays; the selection stays; a newcomer finds a place; the end is shown."""
    growing.add(("main;serve;parse", 400), ("main;serve;render", 300), ("main;gc", 50))
    page = opened()
    page.goto(viewer.graph(page, growing.name))
    drawings = drawn(page)
    page.locator("#functions tbody tr", has_text="parse").click()
    settled(page)
    selected = page.get_attribute("#graph .node.is-selected", "data-id")
    before = page.evaluate(PLACES)
    page.locator("#functions th.cum button").focus()
    growing.add(("main;serve;render", 900), ("main;serve;render;escape", 250))
    drawings = drawn(page, drawings)
    page.wait_for_function("n => document.querySelectorAll('#graph .node').length > n", arg=len(before))
    settled(page)
    after = page.evaluate(PLACES)
    for function, (x, y, _) in before.items():
        assert after[function][:2] == [x, y]
    assert len(after) == len(before) + 1
    assert [after[function][2] for function in before] != [before[function][2] for function in before]
    assert page.get_attribute("#graph .node.is-selected", "data-id") == selected
    assert page.locator("#details .figure b").first.inner_text() == "21%"
    assert "growing" in page.inner_text("#facts")
    assert page.locator("#functions tbody tr").count() == 6
    assert page.evaluate("document.activeElement.dataset.focus") == "cum"

    page.keyboard.press("Escape")
    page.keyboard.press("p")
    paused = page.evaluate(PICTURE)
    growing.add(("main;serve;parse", 5000))
    page.wait_for_timeout(1500)
    assert page.evaluate(PICTURE) == paused
    page.keyboard.press("p")
    drawn(page, drawings)
    growing.finish()
    page.wait_for_function("() => document.getElementById('facts').textContent.includes('finished')")
    settled(page)
    assert page.evaluate(PLACES).keys() == after.keys()


def test_a_paused_page_says_that_its_recording_ended(viewer: Viewer, opened: Opener, growing: Growing) -> None:
    """It keeps its picture, and follows to the end when it is told to."""
    growing.add(("main;work", 200))
    page = opened()
    page.goto(viewer.graph(page, growing.name))
    drawn(page)
    page.keyboard.press("p")
    growing.add(("main;other", 5000))
    growing.finish()
    page.wait_for_function("() => document.getElementById('facts').textContent.includes('finished')")
    assert page.locator("#graph .node").count() == 2
    assert page.inner_text("#pause") == "▶ Follow"
    page.keyboard.press("p")
    page.wait_for_function("() => document.querySelectorAll('#graph .node').length === 3")
    page.wait_for_selector("#pause", state="hidden")


def test_an_ended_process(viewer: Viewer, opened: Opener) -> None:
    """Its profile is shown as far as it was written, and the page says that it is not whole."""
    ended = recording(viewer.datadir, "ended", pid=2**22 - 3, process_start="1")
    ended.add(("main;work", 200))
    page = opened()
    page.goto(viewer.graph(page, ended.name))
    drawn(page)
    assert "ended" in page.inner_text("#facts")
    assert "ended before the profile was finished" in page.inner_text("#banner")
    ended.recording.part.unlink()
    page.wait_for_function("() => document.getElementById('banner').textContent.includes('file is gone')")
    assert page.locator("#graph .node").count() == 2


def test_type_thread_and_number_of_functions(viewer: Viewer, opened: Opener) -> None:
    page = opened()
    page.goto(viewer.graph(page, "busy-server.pb.gz"))
    drawings = drawn(page)
    total = page.inner_text("#facts")
    page.select_option("[aria-label='Sample type']", "wall")
    drawings = drawn(page, drawings)
    assert "type=wall" in here(page) and page.inner_text("#facts") != total
    page.select_option("[aria-label=Thread]", label="MainThread")
    drawings = drawn(page, drawings)
    assert "thread=" in here(page)
    page.locator("input[type=range]").focus()
    page.keyboard.press("Home")
    drawings = drawn(page, drawings)
    assert "nodes=5" in here(page)
    assert page.locator("#graph .node").count() <= 8
    assert page.inner_text("#left-out").startswith(f"{page.locator('#graph .node').count()} of ")


def test_a_program_that_only_waited(viewer: Viewer, opened: Opener) -> None:
    """No CPU time: the page offers wall time instead."""
    rows = ProfileBuilder((CPU, WALL))
    function = rows.function_id("wait", "/srv/app/wait.py", 1)
    rows.add_sample(rows.stack_of([rows.location_id(function, 2)]), (0, 5_000_000_000))
    out = io.BytesIO()
    formats.write(rows.build(), "pprof", out)
    put(viewer.datadir / "waiting.pb.gz", out.getvalue())
    page = opened()
    page.goto(viewer.graph(page, "waiting.pb.gz", "?type=cpu"))
    settled(page)
    assert page.inner_text("#message h2") == "No cpu time"
    page.click("text=Look at wall time")
    drawn(page)
    assert page.text_content("#graph .label .name") == "wait"


def test_walking_by_keyboard(viewer: Viewer, opened: Opener, growing: Growing) -> None:
    growing.add(("main;serve;parse", 400), ("main;serve;render", 300), ("main;idle", 50))
    page = opened()
    page.goto(viewer.graph(page, growing.name))
    drawn(page)

    def at() -> str:
        return str(page.evaluate("document.activeElement.getAttribute('aria-label') ?? ''")).partition(",")[0]

    walked = []
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowUp", "ArrowRight"):
        page.keyboard.press(key)
        walked.append(at())
    assert walked == ["main", "serve", "parse", "render", "serve", "idle"]
    page.keyboard.press("Enter")
    settled(page)
    assert page.inner_text("#details h2") == "idle"
    assert "self 6.7%" in page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("+")
    settled(page)
    assert "view=1.3," in here(page)
    page.keyboard.press("0")
    settled(page)
    assert "view=" not in here(page)
    page.keyboard.press("Escape")
    page.wait_for_selector("#details h2", state="detached")
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog[open]", state="detached")
    page.keyboard.press("/")
    page.keyboard.type("rend")
    settled(page)
    assert page.locator("#functions tbody tr").count() == 1


def test_callers_and_callees_of_the_selection(viewer: Viewer, opened: Opener, growing: Growing) -> None:
    growing.add(("main;serve;parse", 400), ("main;serve;render;parse", 100), ("main;serve;render", 300))
    page = opened()
    page.goto(viewer.graph(page, growing.name))
    drawn(page)
    page.locator("#functions tbody tr", has_text="parse").click()
    settled(page)
    assert [line.split() for line in page.locator("#details .rows button").all_inner_texts()] == [
        ["serve", "50%"],
        ["render", "13%"],
    ]
    assert page.locator("#graph .edge.is-caller").count() == 2
    page.locator("#details .rows button", has_text="render").click()
    settled(page)
    assert page.inner_text("#details h2") == "render"
    assert page.locator("#graph .node.is-callee").count() == 1


HOSTILE = (
    "<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "javascript:alert(3)", "\"'`><svg onload=alert(4)>",
    "{{7*7}}${7*7}", "\u202eevil\u202c", "a\nb\tc", "x" * 4000, "&lt;b&gt;", "__proto__", "constructor", "🦀" * 50,
)  # fmt: skip


def test_hostile_names_are_text(viewer: Viewer, opened: Opener, growing: Growing) -> None:
    """In labels, table, details, tooltip and title: no dialog, no report, no element out of a name."""
    growing.add(*((";".join(("main", name.replace(";", ","))), 100 + 10 * i) for i, name in enumerate(HOSTILE)))
    page = opened()
    page.goto(viewer.graph(page, growing.name))
    drawn(page)
    assert page.locator("#graph .node").count() >= len(HOSTILE)
    for node in page.locator("#graph .node").all()[:14]:
        node.hover()
        assert page.inner_text("#tooltip b")
    for row in page.locator("#functions tbody tr").all()[:14]:
        row.click()
        settled(page)
        assert page.locator("#details h2").count() == 1
    assert (
        page.locator(
            "#pane img, #panel img, #tooltip img, script:not([src]), #graph script, #details svg, [onerror], [onload]"
        ).count()
        == 0
    )
    assert page.evaluate("document.querySelector('#functions').textContent.includes('<img src=x onerror=alert(1)>')")


@pytest.mark.parametrize(
    "size", ({"width": 400, "height": 800}, {"width": 2560, "height": 1300}, SIZE), ids=lambda size: str(size["width"])
)
def test_every_width(viewer: Viewer, opened: Opener, size: dict[str, int]) -> None:
    """Nothing runs over the side, the picture fills its pane, names can be read, and are larger in a large window."""
    page = opened(size=size)
    page.goto(viewer.graph(page, "pydoc.pstats"))
    drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    pane = page.locator("#pane").bounding_box()
    assert pane["height"] >= 370 and pane["width"] >= min(380, size["width"])
    for text in page.evaluate(TEXTS):
        assert text["x0"] >= pane["x"] and text["x1"] <= pane["x"] + pane["width"]
        assert text["size"] >= (14.5 if size["width"] > 2000 else 11)
    assert page.locator("#graph .label").count() >= 0.75 * page.locator("#graph .node").count()


def test_what_cannot_be_shown_says_what_to_do(viewer: Viewer, opened: Opener, growing: Growing) -> None:
    page = opened()
    page.goto(viewer.graph(page, "broken.pstats"))
    settled(page)
    assert page.inner_text("#message h2") == "This file cannot be read"
    assert "convert" in page.inner_text("#message p")
    page.goto(f"{viewer.url}p/0000000000000000/graph")
    settled(page)
    assert page.inner_text("#message h2") == "No such profile"
    growing.add()
    page.goto(viewer.graph(page, growing.name))
    settled(page)
    assert page.inner_text("#message h2") == "No samples yet"
