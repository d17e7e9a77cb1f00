"""A real viewer on real files, and a real browser in front of it.

Whatever a page writes to its console, any dialog and any breach of the security policy fails the test it happens in.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from plopi.collector.recording import Recording
from plopi.model import CPU, SAMPLES, About, ProfileBuilder

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install 'plopi[test]'")

ROOT = Path(__file__).parents[2]
PROFILES = ROOT / "demo/profiles"
DEADLINE = 90.0
"""Only against waiting for ever: how long things take is said by the benchmarks."""
THROTTLE = float(os.environ.get("PLOPI_THROTTLE", 1))
"""So many times slower runs every page, for hunting what a test does not wait for."""
SIZE = {"width": 1280, "height": 800}
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
EXPECTED = ("status of 4", "status of 503")
"""What the browser itself says of an answer that is no success: pages show these in words of their own."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The last belt, for what a browser shows and nothing else: one more try. Elsewhere a failure in ten runs is a finding."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.flaky(reruns=1))


@dataclass
class Viewer:
    """A running ``python -m plopi.viewer`` and its data directory."""

    url: str
    datadir: Path
    process: subprocess.Popen[bytes]

    def id_of(self, page: Any, name: str) -> str:
        """The id of the profile in a file, once the viewer has looked at it."""

        def look() -> str | None:
            rows = page.request.get(f"{self.url}api/profiles?per=200").json()["profiles"]
            return next((row["id"] for row in rows if row["file"].startswith(name) and row["status"] != "unread"), None)

        return eventually(look, f"{name} in the list")

    def graph(self, page: Any, name: str, query: str = "") -> str:
        return f"{self.url}p/{self.id_of(page, name)}/graph{query}"


def eventually(look: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + DEADLINE
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what} did not happen within {DEADLINE:g} s"
        time.sleep(0.05)
    return found


def answer(page: Any, url: str) -> Any:
    """What the viewer says, once it has read what is asked about; until then it says how far it is (503)."""

    def ask() -> Any:
        response = page.request.get(url)
        return response.status != 503 and response

    return eventually(ask, f"an answer to {url}")


def start_viewer(datadir: Path, *options: str) -> Viewer:
    """On a free port; ready when it says its address."""
    command = [sys.executable, "-m", "plopi.viewer", "--datadir", str(datadir), "--host", "127.0.0.1", "--port", "0", *options]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=said)

        def address() -> str | None:
            words = os.pread(said.fileno(), 100_000, 0).decode()
            assert process.poll() is None, f"the viewer ended with {process.returncode}: {words}"
            found = re.search(r"^(http://\S+)\n", words, re.MULTILINE)
            return found and found[1]

        return Viewer(eventually(address, "the viewer's start"), datadir, process)


@pytest.fixture(scope="session")
def viewer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewer]:
    datadir = tmp_path_factory.mktemp("profiles")
    for name in ("pydoc.pstats", "busy-server.pb.gz"):
        put(datadir / name, (PROFILES / name).read_bytes())
    put(datadir / "broken.pstats", b"this is no profile\n")
    running = start_viewer(datadir)
    yield running
    running.process.terminate()
    running.process.wait(DEADLINE)


def put(path: Path, content: bytes) -> None:
    """As if the file had lain there for a minute: nobody takes it for half-written."""
    path.write_bytes(content)
    then = time.time() - 60
    os.utime(path, (then, then))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    chromium = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if chromium is None:
        pytest.skip(f"no browser: none of {', '.join(CHROMIUM)} is installed")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield running
        running.close()


@dataclass
class Opener:
    """Opens pages and collects what goes wrong in them."""

    browser: Any
    contexts: list[Any] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __call__(self, url: str | None = None, size: dict[str, int] = SIZE, theme: str = "light") -> Any:
        context = self.browser.new_context(viewport=size, color_scheme=theme, reduced_motion="reduce")
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(DEADLINE * 1000)
        if THROTTLE > 1:
            context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": THROTTLE})
        page.on("console", self.console)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (self.faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        if url:
            page.goto(url)
        return page

    def console(self, message: Any) -> None:
        if message.type in ("error", "warning") and not any(words in message.text for words in EXPECTED):
            self.faults.append(f"{message.type}: {message.text}")


@pytest.fixture
def opened(browser: Any) -> Iterator[Opener]:
    opener = Opener(browser)
    yield opener
    for context in opener.contexts:
        context.close()
    assert opener.faults == []


SETTLED = """() => new Promise(done => {
  let still = 0;
  const look = () => {
    still = document.querySelector('[aria-busy=true]') ? 0 : still + 1;
    if (still > 1) done(true);
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""


def settled(page: Any) -> None:
    """Waits until the page says that it is what it will be: nothing is asked for, laid out, moved or still being typed.

    Whatever somebody does to a page makes it busy at once, so that after a click or a key this is all there is to wait for. What
    comes from elsewhere, a recording that grows, has to be waited for by itself.
    """
    page.wait_for_function(SETTLED)


def here(page: Any) -> str:
    """The page's address as it is; ``page.url`` is what the browser has told of it so far, which may be a change behind."""
    return str(page.evaluate("location.href"))


def drawn(page: Any, after: int = 0) -> int:
    """Waits until the graph has been drawn more than ``after`` times and stands; the number of drawings so far."""
    page.wait_for_function("n => Number(document.getElementById('graph')?.dataset.ready ?? 0) > n", arg=after)
    settled(page)
    return int(page.evaluate("Number(document.getElementById('graph').dataset.ready)"))


@dataclass
class Growing:
    """A recording of this process that grows when told to."""

    recording: Recording
    rows: ProfileBuilder
    name: str

    def add(self, *stacks: tuple[str, int]) -> None:
        """``("main;work", milliseconds)``: samples of that weight, flushed at once."""
        for stack, milliseconds in stacks:
            functions = [self.rows.function_id(name, f"/srv/app/{name}.py", 10) for name in stack.split(";")]
            leaf = self.rows.stack_of(self.rows.location_id(function, 11) for function in functions)
            self.rows.add_sample(leaf, (max(1, milliseconds // 10), milliseconds * 1_000_000))
        self.recording.flush(self.rows)

    def finish(self) -> None:
        self.recording.finish(self.rows)


def recording(datadir: Path, name: str, pid: int, process_start: str) -> Growing:
    about = About(
        command="python server.py",
        python="3.11",
        engine="python",
        mode="cpu",
        complete=False,
        host=socket.gethostname(),
        pid=pid,
        process_start=process_start,
    )
    return Growing(Recording(datadir, name), ProfileBuilder((SAMPLES, CPU), about), name)


@pytest.fixture
def growing(viewer: Viewer, request: pytest.FixtureRequest) -> Iterator[Growing]:
    """What a collector in this very process would write, so that its process is alive."""
    started = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    growing = recording(viewer.datadir, request.node.name.replace("_", "-"), os.getpid(), started)
    yield growing
    for left in (growing.recording.part, growing.recording.path):
        if left is not None:
            left.unlink(missing_ok=True)
