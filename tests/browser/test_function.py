"""The page of one function: pies, tables and walks, against the numbers of the server."""

from __future__ import annotations

import math
import os
import re
from typing import Any

import pytest
from conftest import Growing, Opener, Viewer, answer, here, recording, settled

SERVER, DUMP = "busy-server.pb.gz", "pydoc.pstats"
MINUS = "\N{MINUS SIGN}"
NESTED = "make_ring.<locals>.<listcomp>"

WITHIN = """() => [...document.querySelectorAll('.function-page > section')]
  .every(part => part.scrollWidth <= part.clientWidth + 1)"""


def function_id(page: Any, viewer: Viewer, name: str, label: str) -> int:
    table = f"{viewer.url}api/profiles/{viewer.id_of(page, name)}/table?q={label}&per=500"
    return int(next(row["id"] for row in answer(page, table).json()["rows"] if row["name"] == label))


def function(viewer: Viewer, opened: Opener, name: str, label: str, **options: Any) -> tuple[Any, Any]:
    """The page of a function, and the server's answer about it."""
    page = opened(**options)
    base, wanted = viewer.id_of(page, name), function_id(page, viewer, name, label)
    page.goto(f"{viewer.url}p/{base}/function?select={wanted}")
    ready(page)
    return page, page.request.get(f"{viewer.url}api/profiles/{base}/function/{wanted}").json()


def ready(page: Any, times: int = 1) -> None:
    page.wait_for_function("n => Number(document.querySelector('.function-view')?.dataset.ready ?? 0) >= n", arg=times)
    settled(page)


def turns(outline: str) -> float:
    """How far around a wedge goes, from its outline."""
    numbers = [float(number) for number in re.findall(r"-?\d+\.?\d*", outline)]
    if outline.startswith("M0 0L"):
        (ax, ay), large, (bx, by) = numbers[2:4], numbers[7], numbers[-2:]
        turn = (math.atan2(bx, -by) - math.atan2(ax, -ay)) / (2 * math.pi) % 1
        assert (turn > 0.5) == bool(large)
        return turn
    return 1.0


@pytest.mark.parametrize(("name", "label"), [(SERVER, "sales_report"), (SERVER, NESTED), (DUMP, "replace")])
@pytest.mark.parametrize("side", ["callers", "callees"])
def test_angles_are_shares_of_cum(viewer: Viewer, opened: Opener, name: str, label: str, side: str) -> None:
    page, answer = function(viewer, opened, name, label)
    split, cum = answer["split"][side], answer["function"]["cum"]
    expected = {str(each["id"]): each["weight"] / cum for each in split["slices"]}
    if split["alone"]:
        expected["alone"] = split["alone"] / cum
    drawn = page.evaluate(
        "side => [...document.querySelectorAll(`.${side}-part .wedge`)].map(each => [each.dataset.key, each.getAttribute('d')])",
        side,
    )
    found = {key: turns(outline) for key, outline in drawn}
    if len(expected) == 1:
        assert not found, "a disc of one slice says nothing that its line does not"
        return
    assert sum(found.values()) == pytest.approx(1, abs=0.001)
    for key, turn in found.items():
        if key != "others":
            assert turn == pytest.approx(expected[key], rel=0.01, abs=1e-4)
    listed = page.evaluate(
        "side => [...document.querySelectorAll(`.${side}-part tr[data-key]`)].map(line => line.dataset.key)", side
    )
    assert set(found) - {"others"} <= set(listed)
    assert len(listed) == min(12, len(expected))


def test_numbers_paths_and_what_is_around_it(viewer: Viewer, opened: Opener) -> None:
    page, answer = function(viewer, opened, SERVER, "sales_report")
    figures = page.locator(".numbers-part .figure").all_inner_texts()
    assert figures[0].startswith("1.0%") and figures[1].startswith("8.1%")
    assert page.locator(".paths li").count() == len(answer["paths"])
    assert page.locator(".around-graph .node.is-selected").count() == 1
    assert page.locator(".listing tbody tr").count() == len([line for line in answer["lines"] if line["line"]])


def test_clicks_and_keys_walk_from_function_to_function(viewer: Viewer, opened: Opener) -> None:
    page, answer = function(viewer, opened, SERVER, "sales_report")
    page.click(".callees-part .slices a >> nth=0")
    ready(page, 2)
    below = answer["split"]["callees"]["slices"][0]
    assert page.inner_text(".numbers-part h2") == below["name"]
    assert f"select={below['id']}" in here(page)
    page.go_back()
    ready(page, 3)
    page.keyboard.press("ArrowLeft")
    ready(page, 4)
    assert page.inner_text(".numbers-part h2") == answer["split"]["callers"]["slices"][0]["name"]
    page.keyboard.press("o")
    page.wait_for_selector("#flame[data-ready]")
    settled(page)
    assert f"root={answer['split']['callers']['slices'][0]['id']}" in here(page)


def test_a_function_is_found_by_typing(viewer: Viewer, opened: Opener) -> None:
    page, _ = function(viewer, opened, SERVER, "sales_report")
    page.keyboard.press("/")
    page.keyboard.type("best_sell")
    page.wait_for_selector("#found button")
    page.keyboard.press("Enter")
    ready(page, 2)
    assert page.inner_text(".numbers-part h2") == "best_sellers"


def test_enter_before_the_answer_means_what_was_typed(viewer: Viewer, opened: Opener) -> None:
    page, _ = function(viewer, opened, SERVER, "sales_report")
    page.keyboard.press("/")
    page.keyboard.type("s")
    page.wait_for_selector("#found button")
    page.keyboard.press("Backspace")
    page.keyboard.type("best_sell")
    page.keyboard.press("Enter")
    ready(page, 2)
    assert page.inner_text(".numbers-part h2") == "best_sellers"


def test_without_a_function_the_one_with_the_most_self_is_shown(viewer: Viewer, opened: Opener) -> None:
    page = opened()
    base = viewer.id_of(page, DUMP)
    page.goto(f"{viewer.url}p/{base}/function")
    ready(page)
    row = page.request.get(f"{viewer.url}api/profiles/{base}/table?per=1").json()["rows"][0]
    assert page.inner_text(".numbers-part h2") == row["name"]
    assert any("calls" in text for text in page.locator(".numbers-part .figure").all_inner_texts())


@pytest.mark.parametrize("width", [400, 1280, 2560])
def test_nothing_reaches_beyond_the_page(viewer: Viewer, opened: Opener, width: int) -> None:
    page, _ = function(viewer, opened, SERVER, NESTED, size={"width": width, "height": 900}, theme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(WITHIN)


def test_a_comparison_says_what_changed(viewer: Viewer, opened: Opener) -> None:
    page = opened()
    base, wanted = viewer.id_of(page, SERVER), function_id(page, viewer, SERVER, "sales_report")
    page.goto(f"{viewer.url}p/{base}/function?select={wanted}&base={base}")
    ready(page)
    figures = page.locator(".numbers-part .figure").all_inner_texts()
    assert sum("±0" in figure and "before" in figure for figure in figures) == 2


def test_callers_callees_and_lines_of_a_comparison_have_both_sides(viewer: Viewer, opened: Opener, growing: Growing) -> None:
    """What came and what went is listed; what chance may have made stands in brackets; a pie is of what is there."""
    growing.add(("main;serve;render", 300), ("main;serve;render;old", 300), ("main;serve;parse", 200))
    growing.add(("main;serve", 200))
    before = recording(viewer.datadir, "before-" + growing.name, os.getpid(), "0")
    before.add(("main;serve;render", 290), ("main;serve;render;old", 9000), ("main;serve;gone", 900), ("main;serve", 190))
    page = opened()
    after, base = viewer.id_of(page, growing.name), viewer.id_of(page, before.name)
    wanted = function_id(page, viewer, growing.name, "serve")
    page.goto(f"{viewer.url}p/{after}/function?select={wanted}&base={base}&scale=absolute")
    ready(page)
    rows = page.locator(".callees-part tbody tr").evaluate_all(
        "all => all.map(row => [...row.cells].map(cell => cell.innerText))"
    )
    found = {name: (weight, change) for _, name, _, weight, change in rows}
    assert found["render"] == ("600 ms", f"{MINUS}8.69 s") and found["gone"] == ("0 s", f"{MINUS}900 ms")
    assert found["parse"] == ("200 ms", "+200 ms") and found["self"] == ("200 ms", "(+10.0 ms)")
    assert page.locator(".callees-part .wedge").count() == 3
    assert page.locator(".lines-part tbody td.delta .change").all_inner_texts() == ["(+1.0%)", f"{MINUS}938%"]
    title = page.locator(".callees-part td .change").first.get_attribute("title")
    assert title.startswith(f"before 9.29 s; {MINUS}8.69 s ({MINUS}869% of all); more than chance explains")
    assert page.evaluate(WITHIN)


def test_a_function_without_source_is_no_error(viewer: Viewer, opened: Opener) -> None:
    page = opened()
    failed: list[str] = []
    page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
    page.goto(f"{viewer.url}p/{viewer.id_of(page, SERVER)}/function?select={function_id(page, viewer, SERVER, 'sales_report')}")
    ready(page)
    assert "--source-root" in page.inner_text(".lines-part") and failed == []


def test_a_function_without_weight_is_not_called_a_root(viewer: Viewer, opened: Opener) -> None:
    page = opened()
    base, wanted = viewer.id_of(page, SERVER), function_id(page, viewer, SERVER, "sales_report")
    page.goto(f"{viewer.url}p/{base}/function?select={wanted}&ignore=sales_report")
    ready(page)
    assert page.inner_text(".callers-part p") == "It has no weight in what is shown."
