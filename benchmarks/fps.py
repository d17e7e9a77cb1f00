"""Frames per second in a real browser:  benchmarks/run fps [--nodes 1000000 --seconds 4]

A recording whose stacks are a tree of that many nodes, in a viewer as a user starts it, and Chromium without a window at
1280 x 800. The graph of 80 functions is dragged about, and so is the flame graph, widened four times before; meanwhile the
page counts the frames that it could draw (requestAnimationFrame). Chromium draws at most 60 a second; without a graphics
card, this processor draws them. Wants Playwright and a Chromium.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from flame import recording
from machine import describe, markdown_table
from playwright.sync_api import Page, sync_playwright
from served import Viewer, until, viewer

from plopi import formats

SIZE = {"width": 1280, "height": 800}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
COUNT = """() => {
  window.frames_ = [];
  const frame = (now) => { window.frames_.push(now); window.counting_ = requestAnimationFrame(frame); };
  window.counting_ = requestAnimationFrame(frame);
}"""
STOP = "() => { cancelAnimationFrame(window.counting_); return window.frames_; }"


def dragged(page: Page, x: float, y: float, seconds: float) -> tuple[float, float]:
    """Frames per second while a mouse drags in circles from (x, y), and the longest of 100 gaps but one, in milliseconds."""
    before = page.screenshot()
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 10, y + 10)
    page.evaluate(COUNT)
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        page.mouse.move(x + 120 * math.sin(3 * passed), y + 60 * math.cos(3 * passed))
        time.sleep(0.004)
    frames: list[float] = page.evaluate(STOP)
    if page.screenshot() == before:
        raise SystemExit("the picture was dragged and did not move")
    page.mouse.up()
    gaps = sorted(b - a for a, b in pairwise(frames))
    return 1000 * len(gaps) / (frames[-1] - frames[0]), gaps[int(len(gaps) * 0.99)]


def graph(page: Page, url: str, seconds: float) -> tuple[float, float]:
    page.goto(f"{url}/graph?nodes=80")
    page.wait_for_selector("svg circle", timeout=60_000)
    page.wait_for_timeout(2000)
    x, y = _background(page)
    return dragged(page, x, y, seconds)


def _background(page: Page) -> tuple[float, float]:
    """A place of the picture where no function is."""
    free = """() => {
      for (let y = 200; y < 600; y += 20) for (let x = 200; x < 800; x += 20)
        if (document.elementFromPoint(x, y)?.tagName === "svg") return [x, y];
    }"""
    x, y = page.evaluate(free)
    return x, y


def flame(page: Page, url: str, seconds: float) -> tuple[float, float]:
    page.goto(f"{url}/flame")
    box: Any = page.wait_for_selector("canvas", timeout=60_000).bounding_box()
    page.wait_for_timeout(2000)
    x, y = box["x"] + box["width"] / 2, box["y"] + min(box["height"], 500) / 2
    page.mouse.move(x, y)
    page.keyboard.down("Control")
    for _ in range(4):
        page.mouse.wheel(0, -300)
        page.wait_for_timeout(300)
    page.keyboard.up("Control")
    page.wait_for_timeout(1500)
    return dragged(page, x, y, seconds)


def ready(running: Viewer) -> str:
    """The address of the only profile, once it is read."""
    profile = until(lambda: running.ask("")[1]["profiles"])[0]["id"]
    running.view(f"/{profile}/graph")
    return f"http://127.0.0.1:{running.port}/p/{profile}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=1_000_000, help="of the tree of stacks")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="plopi-fps-") as made:
        datadir = Path(made, "data")
        datadir.mkdir()
        with (datadir / "large.pb.gz").open("wb") as out:
            formats.write(recording(given.nodes), "pprof", out)
        with viewer(datadir, Path(made, "cache")) as running, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=given.chromium, args=FLAGS)
            page, url = browser.new_page(viewport=SIZE), ready(running)
            rows = [
                [name, f"{rate:.0f}", f"{gap:.0f} ms"]
                for name, (rate, gap) in (
                    ("graph of 80 functions, dragged", graph(page, url, given.seconds)),
                    (f"flame graph of {given.nodes:,} nodes, dragged", flame(page, url, given.seconds)),
                )
            ]
            browser.close()
    print("\n".join([*describe(), "", markdown_table(["picture", "frames per second", "99 of 100 frames within"], rows)]))


if __name__ == "__main__":
    main()
