"""The function table: what stands in its rows against the server's, and that only the rows in sight are elements."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Opener, Viewer, answer, here, put, settled

from plopi import formats
from plopi.model import CPU, ProfileBuilder

SERVER, DUMP = "busy-server.pb.gz", "pydoc.pstats"
ROWS = """() => [...document.querySelectorAll('.table-scroller .body .row[data-id]')].map(row => ({
  id: Number(row.dataset.id), index: Number(row.dataset.index),
  self: row.querySelector('.bar.self').getBoundingClientRect().width, track: row.querySelector('.track').clientWidth,
  text: row.textContent}))"""
SEEN = """() => { const head = document.querySelector('.table-scroller .head').getBoundingClientRect().bottom;
  return [...document.querySelectorAll('.table-scroller .body .row')].filter(row => row.getBoundingClientRect().top >= head - 1)
    .map(row => Number(row.dataset.id)); }"""


def table(viewer: Viewer, opened: Opener, name: str, query: str = "", **options: Any) -> Any:
    page = opened(**options)
    page.goto(f"{viewer.url}p/{viewer.id_of(page, name)}/table{query}")
    ready(page)
    return page


def ready(page: Any, times: int = 1) -> None:
    page.wait_for_function("n => Number(document.querySelector('.table-scroller')?.dataset.ready ?? 0) >= n", arg=times)
    settled(page)


def rows(page: Any, viewer: Viewer, name: str, query: str = "") -> Any:
    return answer(page, f"{viewer.url}api/profiles/{viewer.id_of(page, name)}/table?per=200{query}").json()


@pytest.mark.parametrize("name", [SERVER, DUMP])
def test_rows_and_bars_are_the_numbers(viewer: Viewer, opened: Opener, name: str) -> None:
    page = table(viewer, opened, name)
    expected = rows(page, viewer, name)
    drawn = page.evaluate(ROWS)
    assert [row["id"] for row in drawn] == [row["id"] for row in expected["rows"][: len(drawn)]]
    for row, wanted in zip(drawn, expected["rows"]):
        assert row["self"] == pytest.approx(row["track"] * wanted["self"] / expected["total"], rel=0.01, abs=0.1)
        assert wanted["label"] in row["text"]
    assert ("Calls" in page.inner_text(".table-scroller .head")) == (name == DUMP)


def test_heads_sort_and_the_search_narrows(viewer: Viewer, opened: Opener) -> None:
    page = table(viewer, opened, DUMP)
    page.click(".table-scroller .head button:has-text('Calls')")
    ready(page, 2)
    assert page.evaluate(SEEN)[:5] == [row["id"] for row in rows(page, viewer, DUMP, "&sort=calls")["rows"][:5]]
    page.click(".table-scroller .head button:has-text('Calls')")
    ready(page, 3)
    assert "order=asc" in here(page)
    page.keyboard.press("/")
    page.keyboard.type("doc*")
    ready(page, 4)
    found = rows(page, viewer, DUMP, "&q=doc*&sort=calls&order=asc")
    assert page.inner_text("#controls .about") == f"{found['shown']} of {found['functions']:,} functions"
    assert page.get_attribute("#controls .csv", "href").endswith("format=csv&sort=calls&order=asc&q=doc*")
    shown = page.request.get(page.get_attribute("#controls .text", "href")).text().splitlines()
    assert [line.split()[5] for line in shown[3 : 3 + found["shown"]]] == [row["name"] for row in found["rows"]]
    page.keyboard.type("nothing at all")
    ready(page, 5)
    assert "matches" in page.inner_text(".table-view .none")
    page.click(".table-view .none button")
    ready(page, 6)
    assert "q=" not in here(page) and page.locator(".table-scroller .body .row .name").count() > 10


def test_heads_stand_above_their_columns(viewer: Viewer, opened: Opener) -> None:
    for width in (400, 1280, 2560):
        page = table(viewer, opened, DUMP, size={"width": width, "height": 800})
        places = page.evaluate(
            """() => ['.head', '.body .row'].map(row => [...document.querySelector(`.table-scroller ${row}`).children]
              .map(cell => [cell.getBoundingClientRect().left, cell.getBoundingClientRect().width]))"""
        )
        assert places[0] == [[pytest.approx(value, abs=0.6) for value in place] for place in places[1]]


def test_keys_walk_and_open_a_function(viewer: Viewer, opened: Opener) -> None:
    page = table(viewer, opened, SERVER)
    listed = rows(page, viewer, SERVER)["rows"]
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    assert page.locator(".table-scroller .row.at").get_attribute("data-id") == str(listed[2]["id"])
    page.keyboard.press("End")
    settled(page)
    assert page.get_attribute(".table-scroller .row.at", "data-id") == str(listed[-1]["id"])
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.wait_for_selector(".function-view[data-ready]")
    settled(page)
    assert page.inner_text(".numbers-part h2") == listed[0]["name"]


def test_a_hundred_thousand_rows_are_a_few_elements(viewer: Viewer, opened: Opener) -> None:
    builder = ProfileBuilder((CPU,))
    for i in range(100_000):
        stack = builder.stack_of([builder.location_id(builder.function_id(f"function{i:06}", f"/srv/module{i % 90}.py", i), i)])
        builder.add_sample(stack, (100_000 - i,))
    path = viewer.datadir / "many.pb.gz"
    with path.open("wb") as out:
        formats.write(builder.build(), "pprof", out)
    put(path, path.read_bytes())
    page = table(viewer, opened, "many.pb.gz")
    assert page.inner_text("#controls .about") == "100,000 functions"
    page.evaluate("document.querySelector('.table-scroller').scrollTop = 54321 * 27")
    settled(page)
    assert "function054325" in page.inner_text(".table-scroller .body")
    assert page.locator(".table-scroller .row").count() < 80
    assert "row=54321" in here(page)
    page.reload()
    ready(page)
    assert "function054325" in page.inner_text(".table-scroller .body")
    page.keyboard.press("End")
    settled(page)
    assert "function099999" in page.inner_text(".table-scroller .body")
    path.unlink()
