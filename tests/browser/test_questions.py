"""Everyday questions, and how many clicks and keys lie between a profile's page and the answer: never more than three."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from conftest import Opener, Viewer, drawn, put, settled
from gallery import service, written

MOST = 3


@dataclass
class Hand:
    """Somebody before the page: counts what they do."""

    page: Any
    steps: int = 0

    def click(self, selector: str) -> None:
        self.page.locator(selector).first.click()
        self.steps += 1

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.steps += 1

    def choose(self, selector: str, value: str) -> None:
        self.page.select_option(selector, value)
        self.steps += 1

    def reads(self, selector: str, words: str) -> None:
        """The answer stands on the page, in the window."""
        settled(self.page)
        found = self.page.locator(selector, has_text=words).first
        found.wait_for()
        box = found.bounding_box()
        assert box and box["y"] < self.page.viewport_size["height"], f"{words!r} lies below the window"


@pytest.fixture
def hand(viewer: Viewer, opened: Opener) -> Iterator[Hand]:
    page = opened(viewer.graph(opened(), "busy-server"))
    drawn(page)
    found = Hand(page)
    yield found
    assert found.steps <= MOST


def test_what_takes_the_time(hand: Hand) -> None:
    hand.reads("#graph .label", "best_sellers")
    hand.reads("#functions tbody tr", "best_sellers")
    assert hand.steps == 0


def test_who_calls_it_and_what_does_it_call(hand: Hand) -> None:
    hand.click("#functions tbody tr:has-text('make_ring')")
    hand.reads("#details .callers + ul", "Rings")
    hand.reads("#details .callees + ul", "listcomp")
    assert hand.steps == 1


def test_how_much_is_collecting_garbage(hand: Hand) -> None:
    hand.reads("#groups", "garbage collection 14%")
    assert hand.steps == 0


def test_which_line(hand: Hand) -> None:
    hand.click("#functions tbody tr:has-text('best_sellers')")
    hand.reads("#details .line", "line 106")
    assert hand.steps == 1


def test_which_thread(hand: Hand) -> None:
    hand.page.wait_for_selector(".timeline[data-ready]:not([hidden])")
    hand.click(".timeline button:has-text('by thread')")
    hand.reads(".timeline .thread .name", "MainThread")
    assert hand.steps == 1


def test_what_changed_over_time(hand: Hand) -> None:
    hand.page.wait_for_selector(".timeline[data-ready]:not([hidden])")
    hand.reads(".timeline .words", "Over time")
    assert hand.steps == 0


def test_where_is_a_package_in_all_this(hand: Hand) -> None:
    hand.reads("#groups", "tornado 20%")
    hand.choose('#controls select[aria-label="Granularity"]', "package")
    hand.reads("#functions tbody tr", "tornado")
    assert hand.steps == 1


def test_how_to_send_it_to_somebody(hand: Hand) -> None:
    hand.press("s")
    with hand.page.expect_download():
        hand.click("dialog[open] a:has-text('Save the graph as a page')")
    assert hand.steps == 2


def test_what_became_slower_since_yesterday(viewer: Viewer, opened: Opener) -> None:
    put(viewer.datadir / "service-monday.pb.gz", written(service(3)))
    put(viewer.datadir / "service-tuesday.pb.gz", written(service(4, slower=1.8)))
    viewer.id_of(opened(), "service-monday")
    page = opened(viewer.graph(opened(), "service-tuesday"))
    drawn(page)
    hand = Hand(page)
    hand.press("c")
    page.wait_for_selector(".menu:not([hidden])")
    hand.click(".menu [role=menuitem]:has-text('service-monday')")
    page.wait_for_selector("#chips .filter:has-text('service-monday')")
    hand.reads("#graph .label.major", "Template.render")
    change = page.locator("#graph .label", has_text="Template.render").locator(".numbers").first.text_content()
    assert change.startswith("+"), change
    assert hand.steps == 2


def test_only_profiles_of_the_same_kind_are_offered(viewer: Viewer, opened: Opener) -> None:
    page = opened(viewer.graph(opened(), "pydoc"))
    drawn(page)
    page.click("#controls button:has-text('Compare')")
    page.wait_for_selector(".menu:not([hidden])")
    assert "No other profile" in page.inner_text(".menu-title")
    page.keyboard.press("Escape")


def test_arrows_of_the_selected_function_say_their_shares(hand: Hand) -> None:
    before = hand.page.locator("#graph .tag").all_text_contents()
    hand.click("#functions tbody tr:has-text('make_ring')")
    settled(hand.page)
    tags = hand.page.locator("#graph .tag.is-near", has_text="%").all_text_contents()
    listed = hand.page.locator("#details .rows .n").all_inner_texts()
    assert tags and {tag.split(" · ")[0] for tag in tags} <= set(listed)
    hand.press("Escape")
    settled(hand.page)
    assert hand.page.locator("#graph .tag").all_text_contents() == before
