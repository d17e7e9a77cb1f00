"""Makes the pictures in docs/images:  PYTHONPATH=. python tests/browser/screenshots.py DATADIR [PROFILE...]

DATADIR, which must not exist yet and goes again, and the host's name can be seen in them: ``unshare -u`` lets one choose.
``pngquant``, where it is installed, makes them a third as large.

Graph, flame graph, function and table are those of the demo's busy server. In the list stand the PROFILEs given, a file that
cannot be read, and the demo's example program, which is being profiled meanwhile.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from conftest import FLAGS, PROFILES, ROOT, SIZE, Viewer, drawn, start_viewer
from playwright.sync_api import sync_playwright

IMAGES = ROOT / "docs/images"
BUSY_SERVER = PROFILES / "busy-server.pb.gz"
VIEWS = (
    ("flame", "flame", "#flame[data-ready]"),
    ("function", "function?select=FUNCTION", ".around-graph[data-ready]"),
    ("table", "table", ".table-scroller .body .row .name"),
)
FUNCTION = "sales_report"


def shoot(browser: Any, viewer: Viewer) -> None:
    def page(theme: str, path: str) -> Any:
        context = browser.new_context(viewport=SIZE, color_scheme=theme, reduced_motion="reduce")
        opened = context.new_page()
        opened.goto(viewer.url + path)
        return opened

    index = page("light", "")
    index.wait_for_selector("tr.growing td.samples:not(:empty)")
    index.wait_for_function("() => !document.querySelector('.chip.unread')")
    index.screenshot(path=IMAGES / "index.png")
    shutil.copy(BUSY_SERVER, viewer.datadir)
    profile = viewer.id_of(index, BUSY_SERVER.name)
    for theme, query in (("light", ""), ("dark", "?layout=force")):
        graph = page(theme, f"p/{profile}/graph{query}")
        drawn(graph)
        if theme == "dark":
            graph.locator('#graph .node[aria-label^="<gc>,"]').click()
            graph.wait_for_selector("#details h2")
            graph.mouse.move(640, 795)
        graph.wait_for_timeout(300)
        graph.screenshot(path=IMAGES / f"graph-{theme}.png")
    for name, query, ready in VIEWS:
        rows = index.request.get(f"{viewer.url}api/profiles/{profile}/table?q={FUNCTION}").json()["rows"]
        view = page("light", f"p/{profile}/{query}".replace("FUNCTION", str(rows[0]["id"])))
        view.wait_for_selector(ready)
        view.mouse.move(640, 3)
        view.wait_for_timeout(500)
        view.screenshot(path=IMAGES / f"{name}.png")


def compress() -> None:
    if shutil.which("pngquant"):
        subprocess.run(["pngquant", "--ext", ".png", "--force", "--strip", "128", *IMAGES.glob("*.png")], check=True)


def main(files: list[str]) -> int:
    IMAGES.mkdir(parents=True, exist_ok=True)
    profiles, *others = map(Path, files)
    profiles.mkdir()
    with sync_playwright() as playwright:
        for file in others:
            shutil.copy2(file, profiles)
        (profiles / "notes.pstats").write_text("not a profile\n")
        running = subprocess.Popen(
            [sys.executable, "-m", "plopi.collector", "-q", "--datadir", str(profiles), "example_program.py", "30"],
            cwd=ROOT / "demo",
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
        )
        viewer = start_viewer(profiles)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        try:
            shoot(browser, viewer)
        finally:
            browser.close()
            viewer.process.terminate()
            viewer.process.wait()
            running.kill()
            running.wait()
            shutil.rmtree(profiles)
    compress()
    print(f"wrote {', '.join(sorted(image.name for image in IMAGES.iterdir()))} to {IMAGES}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
