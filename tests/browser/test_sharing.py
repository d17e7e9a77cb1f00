"""From the list to a comparison, a merged view, tags; from a view to its notes and to files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import PROFILES, Opener, Viewer, drawn, here, put, settled


@pytest.fixture(autouse=True)
def examples(viewer: Viewer) -> Iterator[None]:
    """Two more files while these tests run; and no notes are left for others."""
    names = ("example-program.folded", "example-program.plop")
    for name in names:
        put(viewer.datadir / name, (PROFILES / name).read_bytes())
    yield
    for path in (*viewer.datadir.glob("*.notes.json"), *(viewer.datadir / name for name in names)):
        path.unlink()


def pick(page: Any, *names: str) -> None:
    for name in names:
        page.locator("tr", has_text=name).locator("td.pick input").check()


def test_two_picked_profiles_are_compared(viewer: Viewer, opened: Opener) -> None:
    page = opened(viewer.url)
    pick(page, "busy-server", "example-program.folded")
    ids = {viewer.id_of(page, name) for name in ("busy-server", "example-program.folded")}
    address = page.locator(".picks a.compare").get_attribute("href")
    subject, base = address.split("/p/")[1].split("/graph?base=")
    assert {subject, base} == ids
    back = page.locator(".picks a.compare-back").get_attribute("href")
    assert back.endswith(f"/p/{base}/graph?base={subject}")


def test_several_picked_profiles_are_seen_as_one(viewer: Viewer, opened: Opener) -> None:
    page = opened(viewer.url)
    pick(page, "example-program.folded", "example-program.plop")
    page.click(".picks a.merge")
    page.wait_for_selector("#graph .node")
    settled(page)
    assert "+" in here(page).split("/p/")[1]
    page.go_back()
    page.wait_for_selector("table.profiles")
    assert page.locator(".picks").is_hidden()


def test_picked_profiles_are_tagged_and_the_list_shows_one_tag(viewer: Viewer, opened: Opener) -> None:
    page = opened(viewer.url)
    pick(page, "example-program.folded", "example-program.plop")
    page.fill(".picks form input", "example")
    page.click(".picks form button")
    page.locator("td.name .tag", has_text="example").nth(1).wait_for()
    page.locator("td.name .tag", has_text="example").first.click()
    settled(page)
    assert page.locator("table.profiles tbody tr").count() == 2
    assert here(page).endswith("?tag=example")
    page.click(".find .tag button")
    settled(page)
    assert page.locator("table.profiles tbody tr").count() > 2
    kept = json.loads((viewer.datadir / "example-program.folded.notes.json").read_text())
    assert kept["tags"] == ["example"]


def test_a_view_is_kept_by_name_and_opened_again(viewer: Viewer, opened: Opener) -> None:
    page = opened(viewer.graph(opened(), "busy-server", "?nodes=12&layout=force"))
    drawn(page)
    page.keyboard.press("n")
    page.fill(".notes textarea", "slow since Monday")
    page.fill(".notes .add input", "the force of it")
    page.click(".notes .add-view")
    page.click(".notes .save")
    page.wait_for_selector("text=Saved.")
    page.keyboard.press("Escape")
    page.wait_for_selector(".notes", state="detached")
    page.goto(viewer.graph(page, "busy-server"))
    drawn(page)
    page.click("#notes")
    page.wait_for_selector(".notes textarea")
    assert page.input_value(".notes textarea") == "slow since Monday"
    page.click("text=the force of it")
    page.wait_for_url("**/graph?*nodes=12*")
    assert "layout=force" in here(page)


def test_the_page_and_every_format_can_be_taken_away(viewer: Viewer, opened: Opener, tmp_path: Path) -> None:
    page = opened(viewer.graph(opened(), "busy-server", "?focus=parse"))
    drawn(page)
    page.keyboard.press("s")
    assert page.input_value(".share .address input") == here(page)
    for link in ("pprof", "folded stacks", "CSV", "Save the"):
        with page.expect_download() as download:
            page.locator(".share a", has_text=link).first.click()
        assert download.value.path().stat().st_size > 100
    assert "focus=parse" in page.locator(".share a", has_text="pprof").first.get_attribute("href")


def test_dialogs_are_named_and_nothing_sticks_out_of_a_small_window(viewer: Viewer, opened: Opener) -> None:
    page = opened(viewer.graph(opened(), "busy-server"), size={"width": 400, "height": 700})
    drawn(page)
    for key, name in (("s", "share"), ("n", "notes")):
        page.keyboard.press(key)
        dialog = page.locator(f"dialog.{name}[open]")
        dialog.wait_for()
        assert dialog.get_attribute("aria-label") == name.capitalize()
        box = dialog.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 400
        page.keyboard.press("Escape")
        dialog.wait_for(state="detached")
