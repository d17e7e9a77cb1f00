"""Following for long: a real program is recorded, and pages of a real browser follow the recording while it grows, for as long as
is wanted: ``python -m tests.proof.follow [--minutes 60]``.

After each period it is noted what the pages and the viewer hold once garbage is collected. In the end that is what it was after
the first third, when the program had shown what it does; a page that is paused keeps its picture; all pages say that the process
has died; and what the viewer then shows is what is in the file.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plopi import formats
from tests.proof import ROOT
from tests.proof.outcome import Outcome
from tests.proof.outside import PATIENCE, Outside, eventually, viewer

VIEWS = ("graph", "table", "flame")
MIB = 1 << 20
GROWTH = {"heap": (1.0, 4.0), "nodes": (1.2, 200), "listeners": (1.2, 50), "viewer": (1.0, 32.0), "descriptors": (1.0, 4)}
"""What may be held in the last third: so many times what was held in the second, and so much more (heap and viewer: MiB)."""
FEWEST = 6
"""Looks, so that each third has two."""
AT_REST = "() => !document.querySelector('[aria-busy=true]')"
READY = "() => Number(document.querySelector('#view [data-ready]')?.dataset.ready ?? 0)"
"""How often a view has drawn an answer."""
Look = dict[str, float]


@dataclass
class Followed:
    """A program that is recorded, the viewer of its recording, a page for each view."""

    program: subprocess.Popen[bytes]
    part: Path
    server: Outside
    pages: dict[str, Any]
    faults: list[str]
    writes: Counter[str] = field(default_factory=Counter)
    """How often the recording was seen to be another."""

    def told(self, kind: str, text: str) -> None:
        """On a page's console. That the viewer still reads (503) a page says in words of its own."""
        if kind == "error" and "status of 503" not in text:
            self.faults.append(f"a page says {text}")

    def look(self) -> Look:
        """What is held now, by ``view heap``, ``view nodes``, ..., and how much has been drawn so far."""
        found: Look = {"writes": self.writes["seen"], "recording": self.part.stat().st_size / MIB}
        for view, page in self.pages.items():
            browser = page.context.new_cdp_session(page)
            page.wait_for_function(AT_REST)
            for _ in range(2):
                browser.send("HeapProfiler.collectGarbage")
            counted = browser.send("Memory.getDOMCounters")
            found[f"{view} heap"] = browser.send("Runtime.getHeapUsage")["usedSize"] / MIB
            found[f"{view} nodes"], found[f"{view} listeners"] = counted["nodes"], counted["jsEventListeners"]
            found[f"{view} updates"] = page.evaluate(READY)
            browser.detach()
        found["viewer"] = self.server.process.memory_info().rss / MIB
        found["readers"] = sum(each.memory_info().rss for each in self.server.workers()) / MIB
        found["descriptors"] = self.server.process.num_fds()
        return found

    def draw(self, view: str, more: int) -> int:
        """Wait until a view has drawn so many times more; how often it has then."""
        page = self.pages[view]
        page.wait_for_function(f"n => ({READY})() >= n", arg=page.evaluate(READY) + more)
        return int(page.evaluate(READY))


def run(minutes: float, folder: Path, period: float = 60.0, views: tuple[str, ...] = VIEWS) -> Outcome:
    """Follow for so long, and look after each ``period`` of seconds."""
    looks: list[Look] = []
    findings: list[str] = []
    with followed(folder, views) as found:
        end = time.monotonic() + minutes * 60
        while time.monotonic() < end or len(looks) < FEWEST:
            found.pages[views[0]].wait_for_timeout(1000 * period)  # sleeps, and hears what the browser has to say
            for view in views:
                found.draw(view, 1)
            looks.append(found.look())
            print(", ".join(f"{what} {value:.5g}" for what, value in looks[-1].items()), file=sys.stderr, flush=True)
        findings += grown(looks)
        for check in (check_pause, check_death, check_sums):
            try:
                findings += check(found)
            except Exception as error:  # Playwright's, in most cases: what was waited for did not come
                findings.append(f"{check.__name__}: {type(error).__name__}: {str(error)[:300]}")
        findings += dict.fromkeys(found.faults)
    counts = Counter({f"updates: {view}": int(looks[-1][f"{view} updates"]) for view in views} | {"looks": len(looks)})
    return Outcome(counts, tuple(findings), tuple(told(looks, period)))


def grown(looks: list[Look]) -> Iterator[str]:
    """What is more in the last third of all looks than in the second, at the least: some looks find a table and its heir."""
    third = len(looks) // 3
    for name in looks[0]:
        factor, more = GROWTH.get(name.split()[-1], (0, 0))
        middle, late = (min(each[name] for each in some) for some in (looks[third : 2 * third], looks[2 * third :]))
        if factor and late > factor * middle + more:
            yield f"{name} grew from {middle:.5g} to {late:.5g}"


def told(looks: list[Look], period: float) -> Iterator[str]:
    """Figures: how often from the end of the first period on; what was held at its end, after each third and at the end."""
    first, last = looks[0], looks[-1]
    seconds = max(1, len(looks) - 1) * period
    rates = {name.removesuffix(" updates"): last[name] - first[name] for name in last if name.endswith(("updates", "writes"))}
    yield f"per second: {', '.join(f'{name} {times / seconds:.2f}' for name, times in rates.items())}"
    third = len(looks) // 3
    for kinds in (("heap",), ("nodes", "listeners"), ("viewer", "readers", "descriptors", "recording")):
        held = {
            name: [each[name] for each in (first, looks[third], looks[2 * third], last)]
            for name in last
            if name.split()[-1] in kinds
        }
        yield "; ".join(f"{name} {', '.join(f'{value:.4g}' for value in values)}" for name, values in held.items())


def check_pause(found: Followed) -> Iterator[str]:
    """The first page is paused while another goes on, and follows again."""
    view, *others = found.pages
    page = found.pages[view]
    page.keyboard.press("p")
    page.wait_for_function("() => document.getElementById('pause').textContent.includes('Follow')")
    with other_page(found, others) as ready:
        ready(2)  # what was asked for before may still come
        before = page.evaluate(READY)
        ready(3)
        if page.evaluate(READY) != before:
            yield f"{view}: draws while it is paused"
    page.keyboard.press("p")
    found.draw(view, 1)


@contextlib.contextmanager
def other_page(found: Followed, others: list[str]) -> Iterator[Any]:
    """Waits for so many drawings of another page, or, where there is none, writes of the recording."""

    def ready(times: int) -> None:
        if others:
            found.draw(others[0], times)
        else:
            goal = found.writes["seen"] + times
            eventually(lambda: found.writes["seen"] >= goal, "the recording growing")

    yield ready


def check_death(found: Followed) -> Iterator[str]:
    found.program.kill()
    found.program.wait()
    for view, page in found.pages.items():
        page.wait_for_function("() => document.querySelector('#facts .chip').textContent === 'ended'")
        said = page.inner_text("#banner")
        if "ended before the profile was finished" not in said:
            yield f"{view}: says {said!r} of a process that was killed"


def check_sums(found: Followed) -> Iterator[str]:
    """All pages show one total, and the graph as many samples as are in the file."""
    profile = formats.read(found.part.read_bytes(), found.part.name)
    samples = f"{int(sum(profile.samples.weights[0])):,}"
    facts = {view: " ".join(page.inner_text("#facts").split()) for view, page in found.pages.items()}
    totals = {text.partition("total ")[2].partition(" samples")[0] for text in facts.values()}
    if len(totals) != 1 or f"samples {samples}" not in facts.get("graph", f"samples {samples}"):
        yield f"the file has {samples} samples, and the pages show {facts}"


def chromium() -> str | None:
    from tests.browser.conftest import CHROMIUM

    return next(filter(None, map(shutil.which, CHROMIUM)), None)


@contextlib.contextmanager
def followed(folder: Path, views: tuple[str, ...]) -> Iterator[Followed]:
    """The demo's busy server under ``python -m plopi.collector``, its viewer, and pages that have drawn it once."""
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import FLAGS, SIZE

    with recorded(folder) as (program, part), viewer(folder) as server, sync_playwright() as playwright:
        row = eventually(
            lambda: next((row for row in server.rows() if row["status"] == "growing"), None), "the recording in the list"
        )
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        found = Followed(program, part, server, {}, [])
        for view in views:
            page = found.pages[view] = browser.new_context(viewport=SIZE).new_page()  # type: ignore[arg-type]
            page.set_default_timeout(1000 * PATIENCE)
            page.on("pageerror", lambda error: found.faults.append(f"a page's error: {error}"))
            page.on("console", lambda said: found.told(said.type, said.text))
            page.goto(f"http://127.0.0.1:{server.port}/p/{row['id']}/{view}")
            found.draw(view, 1)
        ended = threading.Event()
        counting = threading.Thread(target=count_writes, args=(part, found.writes, ended))
        counting.start()
        try:
            yield found
        finally:
            ended.set()
            counting.join()
            browser.close()


def count_writes(part: Path, writes: Counter[str], ended: threading.Event) -> None:
    last = None
    while not ended.wait(0.1):
        with contextlib.suppress(FileNotFoundError):
            stat = part.stat()
            writes["seen"] += last is not None and (stat.st_ino, stat.st_size) != last
            last = stat.st_ino, stat.st_size


@contextlib.contextmanager
def recorded(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """The program, and the recording of it that grows in ``folder``."""
    server = [str(ROOT / "demo/busy_server.py"), "--port", "0", "--customers", "1", "--datadir", str(folder)]
    command = [sys.executable, "-m", "plopi.collector", "-q", "--mode", "both", "--datadir", str(folder), *server]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True) as program:
        try:
            part = eventually(lambda: next(folder.glob("*.pb.part"), None), "the recording")
            yield program, part
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--period", type=float, default=60, help="seconds between two looks (default %(default)g)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(given.minutes, Path(folder), given.period)
    print(*outcome.figures, f"{len(outcome.findings)} findings", *outcome.findings, sep="\n")


if __name__ == "__main__":
    main()
