"""The source of a function with the weight of each line, as a browser draws it: text, numbers, bars, tints, places."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import DEADLINE, Opener, Viewer, answer, here, put, recording, settled, start_viewer

from plopi.formats import write
from plopi.model import CPU, SAMPLES, About, ProfileBuilder

HEAD = [
    "def work(items):",
    '    """<b>No markup</b> & a line that is longer than any window is wide: ' + "x" * 600 + '"""',
    "\ttotal = 0",
]
BODY = [f"    total += len(items[{i}])  # step {i}" for i in range(120)]
TEXT = [*HEAD, *BODY, "    return total"]
HOT, WARM, CALLS = 90, 40, 60
"""Lines of the function; what the last one calls is somebody else's time."""
SIZES = {400: 800, 1280: 800, 2560: 1440}

COLOURS = """() => {
  const context = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = colour => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  };
  return [...document.querySelectorAll('.listing tbody td')].filter(cell => cell.textContent)
    .map(cell => [rgb(getComputedStyle(cell).color), rgb(getComputedStyle(cell).backgroundColor)]);
}"""


@dataclass
class Sourced:
    """A viewer that may show what lies in ``root``, and what of it is there."""

    viewer: Viewer
    file: Path

    def rows(self, hot: int = 60) -> ProfileBuilder:
        rows = ProfileBuilder((SAMPLES, CPU), About(started_ns=time.time_ns(), complete=True))
        self.add(rows, hot)
        return rows

    def add(self, rows: ProfileBuilder, hot: int) -> None:
        work = rows.function_id("work", str(self.file), 1)
        called = rows.location_id(rows.function_id("called", "/elsewhere/called.py", 1), 1)
        for line, count in ((HOT, hot), (WARM, 20)):
            rows.add_sample(rows.stack_of([rows.location_id(work, line)]), (count, count * 10**7))
        rows.add_sample(rows.stack_of([rows.location_id(work, CALLS), called]), (80, 80 * 10**7))

    def write(self, name: str, hot: int = 60) -> None:
        path = self.viewer.datadir / name
        with path.open("wb") as out:
            write(self.rows(hot).build(), "pprof", out)
        put(path, path.read_bytes())

    def open(self, opened: Opener, name: str, query: str = "", **options: Any) -> Any:
        page = opened(**options)
        address = f"{self.viewer.url}p/{self.viewer.id_of(page, name)}"
        table = f"{address.replace('/p/', '/api/profiles/')}/table?q=work"
        page.goto(f"{address}/function?select={answer(page, table).json()['rows'][0]['id']}{query}")
        page.wait_for_selector(".listing td.code")
        settled(page)
        return page


@pytest.fixture(scope="module")
def sourced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sourced]:
    root, datadir = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("profiles")
    file = root / "work.py"
    put(file, ("\n".join(TEXT) + "\n\n\nother = 1\n").encode())
    viewer = start_viewer(datadir, "--source-root", str(root))
    found = Sourced(viewer, file)
    found.write("now.pb.gz")
    found.write("then.pb.gz", hot=140)
    yield found
    viewer.process.terminate()
    viewer.process.wait(DEADLINE)


def test_every_line_stands_there_with_its_weight(sourced: Sourced, opened: Opener) -> None:
    page = sourced.open(opened, "now.pb.gz")
    lines = page.locator(".listing tbody tr").all()
    assert [line.locator("code").evaluate("code => code.textContent") for line in lines] == TEXT
    assert page.locator(".listing code *").count() == 0
    shown = {}
    for line in lines:
        number, own, cum = (line.locator(f"td.{kind}").inner_text() for kind in ("number", "self", "cum"))
        if own or cum:
            shown[int(number)] = (own, cum)
    assert shown == {HOT: ("38%", "38%"), WARM: ("13%", "13%"), CALLS: ("", "50%")}
    assert page.locator(".lines-part .doubt").count() == 0


def test_bars_are_as_long_as_the_weights(sourced: Sourced, opened: Opener) -> None:
    """Of the line with the largest cum; self before what is called."""
    page = sourced.open(opened, "now.pb.gz")
    for line, own, cum in ((HOT, 60, 60), (WARM, 20, 20), (CALLS, 0, 80)):
        row = page.locator(f'.listing tr[data-line="{line}"]')
        width = {
            part: row.locator(part).evaluate("it => it.getBoundingClientRect().width")
            for part in (".track", ".bar.self", ".bar.cum")
        }
        assert width[".bar.self"] == pytest.approx(width[".track"] * own / 80, rel=0.01, abs=0.1)
        assert width[".bar.cum"] == pytest.approx(width[".track"] * cum / 80, rel=0.01, abs=0.1)
    assert page.locator(".listing .track").count() == 3


def test_a_long_function_opens_where_its_time_goes(sourced: Sourced, opened: Opener) -> None:
    page = sourced.open(opened, "now.pb.gz")
    inside = page.evaluate(
        """line => {
          const [row, list] = [document.querySelector(`.listing tr[data-line="${line}"]`), document.querySelector('.listing')];
          const [a, b] = [row.getBoundingClientRect(), list.getBoundingClientRect()];
          return a.top > b.top && a.bottom < b.bottom && list.scrollTop > 0;
        }""",
        HOT,
    )
    assert inside


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", SIZES)
def test_it_can_be_read_at_any_width(sourced: Sourced, opened: Opener, width: int, theme: str) -> None:
    page = sourced.open(opened, "now.pb.gz", size={"width": width, "height": SIZES[width]}, theme=theme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('.listing code')).fontSize)") >= 11

    def luminance(colour: list[int]) -> float:
        parts = [part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    for ink, back in page.evaluate(COLOURS):
        dark, light = sorted((luminance(ink), luminance(back)))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, back)
    page.evaluate("document.querySelector('.listing').scrollLeft = 1000")
    left = "it => it.getBoundingClientRect().left"
    number, listing = (page.locator(it).first.evaluate(left) for it in (".listing td.number", ".listing"))
    assert 0 <= number - listing <= 2  # the numbers of lines stay when the text is scrolled


def test_a_comparison_has_the_numbers_of_the_later_one(sourced: Sourced, opened: Opener) -> None:
    page = sourced.open(opened, "now.pb.gz", f"&base={sourced.viewer.id_of(opened(), 'then.pb.gz')}")
    row = page.locator(f'.listing tr[data-line="{HOT}"]')
    assert (row.locator("td.self").inner_text(), row.locator("td.self").get_attribute("title")) == ("38%", "600 ms")


def test_a_file_that_was_changed_since_is_said_to_be(sourced: Sourced, opened: Opener) -> None:
    status = sourced.file.stat()
    os.utime(sourced.file, (time.time(), time.time()))
    page = sourced.open(opened, "now.pb.gz")
    assert page.inner_text(".lines-part .doubt") == "the file was changed after the profile was begun"
    os.utime(sourced.file, (status.st_atime, status.st_mtime))


def test_a_growing_recording_keeps_the_place_and_the_focus(sourced: Sourced, opened: Opener) -> None:
    started = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    growing = recording(sourced.viewer.datadir, "growing", os.getpid(), started)
    sourced.add(growing.rows, 60)
    growing.recording.flush(growing.rows)
    page = sourced.open(opened, "growing")
    page.locator(".listing").focus()
    page.evaluate("document.querySelector('.listing').scrollTo(100, 300)")
    sourced.add(growing.rows, 600)
    growing.recording.flush(growing.rows)
    page.wait_for_function(f"() => document.querySelector('.listing tr[data-line=\"{HOT}\"] td.self').textContent === '77%'")
    settled(page)
    assert page.evaluate(
        "(list => [list.scrollLeft, list.scrollTop, document.activeElement === list])(document.querySelector('.listing'))"
    ) == [100, 300, True]
    address = here(page)
    page.keyboard.press("ArrowRight")  # scrolls; it does not go to a callee
    page.wait_for_timeout(200)
    assert here(page) == address
    growing.finish()
