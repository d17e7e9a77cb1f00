"""The index as a question and its answer, and the scan that feeds it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serving import DEADLINE, eventually, pprof, put, viewer

from plopi.errors import UsageError
from plopi.model import About
from plopi.viewer import listing as listing_module
from plopi.viewer import orders
from plopi.viewer.entries import Entry, id_of, name_of, stem_of
from plopi.viewer.listing import FEW, Listing, News, Page, Question, row
from plopi.viewer.processes import Processes, Vital
from plopi.viewer.readers.results import Key, Summary, Unreadable
from plopi.viewer.watch import REST_SECONDS, RUN, Found, Watcher

NOW = 10**18


def entry(name: str, size: int = 1, samples: int | None = 1, age_s: float = 100, **about: object) -> Entry:
    found = Found(name, Key(1, 2, size, NOW - int(age_s * 1e9)), None)
    made = Entry(id_of(name), name_of(name), found, {name: found})
    if samples is not None:
        made.summary = Summary("pprof", "stacks", (("cpu", "nanoseconds"),), samples, 1, (), About(**about))  # type: ignore[arg-type]
        made.summary_key = found.key
    return made


def news_of(entries: list[Entry], since: int = -1, revision: int = 1, changed: list[str] | None = None) -> News:
    by_id = {entry.id: entry for entry in entries}
    pairs = None if changed is None else [(each, revision) for each in changed]
    return News(since, revision, pairs, lambda: list(by_id), by_id.get)


def listing_of(entries: list[Entry]) -> Listing:
    listing = Listing()
    listing.update(news_of(entries), NOW)
    return listing


def page_of(listing: Listing, question: Question, vital: Callable[[Entry], Vital | None] = lambda _: None) -> Page:
    asyncio.run(listing.make(question))
    page = listing.page(question, vital)
    assert page is not None
    return page


def names(entries: list[Entry], **arguments: str) -> list[str]:
    return [entry.name for entry in page_of(listing_of(entries), Question.parse(arguments)).entries]


def test_newest_first_by_start_or_else_by_age() -> None:
    entries = [entry("old", started_ns=1), entry("new", started_ns=NOW), entry("dumped", age_s=50)]
    assert names(entries) == ["new", "dumped", "old"]
    assert names(entries, order="asc") == ["old", "dumped", "new"]


def test_what_is_not_known_comes_last_in_either_order() -> None:
    entries = [entry("a", samples=None), entry("b", samples=5), entry("c", samples=7)]
    assert names(entries, sort="samples") == ["c", "b", "a"]
    assert names(entries, sort="samples", order="asc") == ["b", "c", "a"]


def test_texts_sort_as_people_expect_and_ties_by_name() -> None:
    entries = [entry("b", host="Y"), entry("a", host="x"), entry("C", host="y")]
    assert names(entries, sort="name") == ["a", "b", "C"]
    assert names(entries, sort="host") == ["a", "C", "b"]


def test_every_word_must_be_found_somewhere() -> None:
    entries = [entry("web-1", command="gunicorn app", pid=77), entry("web-2", host="Prod"), entry("job")]
    assert names(entries, q="WEB") == ["web-1", "web-2"]
    assert names(entries, q="web gunicorn") == ["web-1"]
    assert names(entries, q="77") == ["web-1"]
    assert names(entries, q="prod finished") == ["web-2"]
    assert names(entries, q="nothing") == []


def test_pages_and_a_page_past_the_end_is_the_last() -> None:
    entries = [entry(f"{i:02}") for i in range(7)]
    question = {"sort": "name", "per": "3"}
    assert names(entries, **question, page="2") == ["03", "04", "05"]
    assert names(entries, **question, page="99") == ["06"]
    page = page_of(listing_of(entries), Question.parse({**question, "page": "99"}))
    assert (page.page, page.pages, page.matching) == (3, 3, 7)


def test_sorting_by_memory_asks_for_it() -> None:
    entries = [entry("a", pid=1), entry("b", pid=2), entry("c")]
    vitals = {"a": Vital(True, 1.0, 10), "b": Vital(True, 2.0, 20), "c": None}
    page = page_of(listing_of(entries), Question.parse({"sort": "rss"}), lambda entry: vitals[entry.name])
    assert [entry.name for entry in page.entries] == ["b", "a", "c"]


@pytest.mark.parametrize(
    "arguments", [{"sort": "x"}, {"order": "x"}, {"page": "0"}, {"page": "\u0661"}, {"per": "-1"}, {"per": "1e3"}]
)
def test_questions_that_make_no_sense(arguments: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="use"):
        Question.parse(arguments)


def test_a_row_says_everything_even_of_a_file_nobody_has_read() -> None:
    assert row(entry("a", samples=None), NOW, None).keys() == row(entry("a"), NOW, Vital(True)).keys()


def test_ids_last_from_the_recording_to_its_end_and_differ_otherwise() -> None:
    assert id_of("a.pb.part") == id_of("a.pb.gz") != id_of("a.pstats") != id_of("a.folded")
    assert (stem_of(".pb.gz"), name_of("a.pb.part"), name_of("a.pstats")) == (".pb.gz", "a", "a.pstats")


# --- the scan ---------------------------------------------------------------------------------------------------------------


class Scanner:
    """A watcher whose time stands still unless told."""

    def __init__(self, directory: Path) -> None:
        self.now = 0.0
        self.wall = 0
        self.rests: list[float] = []
        self.watcher = Watcher(directory, 2**20, clock=lambda: self.now, now_ns=lambda: self.wall, rest=self.rests.append)

    def scan(self) -> tuple[set[str], set[str]]:
        changes = self.watcher.scan()
        return {found.name for found in changes.changed}, set(changes.gone)


def test_a_scan_says_only_what_changed(tmp_path: Path) -> None:
    scanner = Scanner(tmp_path)
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("1")
    assert scanner.scan() == ({"a", "b"}, set())
    assert scanner.scan() == (set(), set())
    (tmp_path / "a").write_text("22")
    (tmp_path / "b").unlink()
    assert scanner.scan() == ({"a"}, {"b"})


def test_a_dear_full_scan_is_put_off_but_growing_files_are_seen(tmp_path: Path) -> None:
    """The clock makes the full scan take ten seconds; nothing in the directory but one recording changes."""
    scanner = Scanner(tmp_path)
    part, other = tmp_path / "a.pb.part", tmp_path / "b.pb.gz"
    part.write_text("1")
    other.write_text("1")
    for path in (part, other, tmp_path):
        os.utime(path, (0, 0))
    scanner.wall = 10**12
    times = iter([0.0, 10.0])
    scanner.watcher._clock = lambda: next(times, 11.0)
    assert scanner.scan() == ({"a.pb.part", "b.pb.gz"}, set())
    part.write_text("22")
    other.write_text("22")
    os.utime(other, (0, 0))
    assert scanner.scan() == ({"a.pb.part"}, set()), "the old file's turn has not come"
    scanner.watcher._clock = lambda: 1000.0
    assert scanner.scan() == ({"b.pb.gz"}, set())


def test_a_new_name_is_seen_at_once_however_dear_the_scan(tmp_path: Path) -> None:
    scanner = Scanner(tmp_path)
    times = iter([0.0, 100.0])
    scanner.watcher._clock = lambda: next(times, 101.0)
    scanner.scan()
    (tmp_path / "new").write_text("1")
    assert scanner.scan() == ({"new"}, set())


def test_a_scan_of_many_files_rests_now_and_then_but_not_the_first(tmp_path: Path) -> None:
    scanner = Scanner(tmp_path)
    for number in range(2 * RUN + 1):
        (tmp_path / str(number)).touch()
    scanner.scan()
    assert scanner.rests == []
    scanner.scan()
    assert scanner.rests == [REST_SECONDS] * 2


def test_opening_takes_regular_files_of_the_directory_only(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside").write_text("secret")
    (tmp_path / "inside" / "file").write_text("x")
    (tmp_path / "inside" / "link").symlink_to("../outside")
    os.mkfifo(tmp_path / "inside" / "fifo")
    watcher = Watcher(tmp_path / "inside", 10)
    fd, key = watcher.open("file")
    os.close(fd)
    assert key.size == 1
    (tmp_path / "inside" / "file").write_text("x" * 11)
    for name in ("link", "fifo", "nothing", "a\0b", "file", "."):
        with pytest.raises(Unreadable):
            watcher.open(name)


def test_processes_are_told_apart_by_their_start() -> None:
    here = Processes("here")
    me, start = os.getpid(), Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    assert here.alive(About(host="here", pid=me, process_start=start)) is True
    assert here.alive(About(host="here", pid=me, process_start="1")) is False
    assert here.alive(About(host="there", pid=me, process_start=start)) is None
    assert here.alive(About(host="here")) is None
    assert here.alive(About(pid=me)) is None
    assert here.alive(About(host="here", pid=me, started_ns=2**62)) is True, "it began before the profile"
    assert here.alive(About(host="here", pid=me, started_ns=10**9)) is False, "the profile is older than the process"
    assert here.alive(About(host="here", pid=me)) is None
    assert here.alive(About(host="here", pid=2**30)) is False


def test_cpu_is_measured_between_two_looks() -> None:
    now = 0.0
    processes = Processes("here", clock=lambda: now)
    about = About(host="here", pid=os.getpid(), process_start=Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    first = processes.vital(about)
    assert first
    assert (first.alive, first.cpu_percent) == (True, None)
    assert first.rss
    assert processes.vital(about) is first, "not asked again within a second"
    now = 2.0
    second = processes.vital(about)
    assert second
    assert second.cpu_percent is not None


CHANGES = st.lists(
    st.tuples(st.integers(0, 11), st.one_of(st.none(), st.tuples(st.integers(0, 3), st.sampled_from(["", "x", "y"])))), max_size=8
)


def file_of(number: int) -> str:
    """Always two that have the same name for people."""
    return f"p{number // 2:02}{'.pb.gz' if number % 2 else ''}"


@settings(max_examples=100, deadline=None)
@given(st.lists(CHANGES, max_size=6), st.sampled_from(["name", "size", "host", "samples", "started_ns"]), st.booleans())
def test_a_listing_kept_up_is_one_made_anew(steps: list[Any], sort: str, descending: bool) -> None:
    """Profiles come, change and go; whoever has followed that sees what somebody sees who looks for the first time."""
    kept, present = Listing(), dict[str, Entry]()
    questions = [Question(words, "", sort, descending, 1, 5) for words in ((), ("x",))]
    for revision, changes in enumerate(steps, 1):
        for number, state in changes:
            made = entry(file_of(number), *((state[0], state[0] or None) if state else ()), host=state[1] if state else "")
            if state is None:
                present.pop(made.id, None)
            elif made.id in present:  # the same as before, and changed
                was = present[made.id]
                was.found, was.files, was.summary, was.summary_key = made.found, made.files, made.summary, made.summary_key
            else:
                present[made.id] = made
        changed = [id_of(file_of(number)) for number, _ in changes]
        kept.update(news_of(list(present.values()), revision - 1, revision, changed if revision > 1 else None), NOW)
        for question in (*questions, Question(("p",) * revision, "", sort, descending, 1, 5)):  # the last is made anew each time
            for page in (1, 2, 3):
                asked = replace(question, page=page)
                assert page_of(kept, asked) == page_of(listing_of(list(present.values())), asked)


def test_what_another_request_has_brought_is_not_taken_in_again() -> None:
    """Many requests that wait for a thread hold the same news; each may cost only what the ones before did not bring."""
    entries = [entry(f"{number}.pb.gz") for number in range(3)]
    listing, asked = listing_of(entries), []

    def get(profile_id: str) -> Entry:
        asked.append(profile_id)
        return next(each for each in entries if each.id == profile_id)

    first, second, third = (each.id for each in entries)
    listing.update(News(1, 3, [(second, 3), (first, 2)], list, get), NOW)
    listing.update(News(1, 3, [(second, 3), (first, 2)], list, get), NOW)
    listing.update(News(1, 4, [(third, 4), (second, 3), (first, 2)], list, get), NOW)
    assert asked == [second, first, third]
    assert listing.revision == 4
    listing.update(News(-1, 2, None, list, get), NOW)
    assert listing.revision == 4, "old news do not undo newer ones"


@pytest.mark.parametrize("all_new", [False, True])
def test_an_order_in_the_making_holds_up_nobody_and_misses_nothing(all_new: bool) -> None:
    """While one request waits for a new order, others see known ones, and what changes meanwhile is in it at once."""
    listing, known, wanted = listing_of([entry("a"), entry("b", host="x")]), Question(), Question(words=("x",), sort="name")
    page_of(listing, known)
    later = [entry("a", host="x"), entry("c", host="x")]
    fill, made = orders.Order.fill, []

    def filled(order: Any, profiles: Any) -> Iterator[None]:
        made.append(order)
        yield from fill(order, profiles)
        if len(made) > 1:
            return
        assert listing.page(wanted, lambda _: None) is None
        seen = listing.page(known, lambda _: None)
        assert seen and seen.matching == 2
        for revision in (2, 3):
            listing.update(news_of(later, 1, revision, None if all_new else [id_of(name) for name in "abc"]), NOW)

    with mock.patch.object(orders.Order, "fill", filled):
        page = page_of(listing, wanted)
    assert [each.name for each in page.entries] == ["c", "a"]
    assert len(made) == (2 if all_new else 1)


def test_a_known_order_with_little_news_needs_no_thread() -> None:
    listing, known = listing_of([entry("a")]), Question()
    page_of(listing, known)
    few, many = ([id_of(str(number)) for number in range(count)] for count in (FEW, FEW + 1))
    assert listing.is_at_hand(known, news_of([], 1, 2, few))
    assert not listing.is_at_hand(known, news_of([], 1, 2, many))
    assert not listing.is_at_hand(known, news_of([]))
    assert not listing.is_at_hand(Question(words=("x",)), news_of([], 1, 2, few))
    page_of(listing, Question(sort="rss"))
    assert not listing.is_at_hand(Question(sort="rss"), news_of([], 1, 2, few)), "all processes are asked for that"


def test_orders_are_few() -> None:
    """What somebody looked at last stays."""
    listing, asked = listing_of([entry(name) for name in "abc"]), [Question(sort=sort) for sort in ("size", "name", "host")]
    with mock.patch.object(listing_module, "MOST_ORDERS", 2):
        for question in asked:
            page_of(listing, question)
    assert [bool(listing.page(question, lambda _: None)) for question in asked] == [False, True, True]


def test_an_order_that_many_want_is_made_once_and_holds_up_no_other(tmp_path: Path) -> None:
    """While it is made, a list in a known order is answered."""
    put(tmp_path / "a.pb.gz", pprof())
    goes_on, make, made = threading.Event(), Listing.make, []

    async def slowly(listing: Listing, question: Question) -> None:
        if question.words:
            made.append(question)
            while not goes_on.is_set():
                await asyncio.sleep(0.01)
        await make(listing, question)

    with viewer(tmp_path) as running, mock.patch.object(Listing, "make", slowly), ThreadPoolExecutor(4) as clients:
        try:
            running.client.settled("a.pb.gz")
            waiting = [clients.submit(running.client.index, q="a", per="200") for _ in range(4)]
            eventually(lambda: made, "an order being made")
            assert running.client.index(per="200")["shown"] == 1
            assert not any(each.done() for each in waiting)
        finally:
            goes_on.set()
        assert [each.result(DEADLINE)["shown"] for each in waiting] == [1] * 4
    assert len(made) == 1
