"""What somebody waits for at the viewer, and what others wait meanwhile:  benchmarks/run served [--scale 0.1 --only pstats ...]

A real viewer, asked over HTTP. For each of the large files of ``large.py``: from the request for a profile that was never seen to
the graph, the same after a restart, and what follows (focus on a function, a page of the table, a search), while another client
asks for the index and its slowest answers are noted; the server's memory against its columns. Then a directory of 10,000 files,
and a recording that grows.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import large
import psutil
from machine import describe, markdown_table
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from plopi import formats
from plopi.formats.pprof import encode_header, encode_rows
from plopi.model import CPU, SAMPLES, About, ProfileBuilder

LONGEST = 300.0
SMALL_FILES = 10_000


class Viewer:
    """One that was started as a user starts it."""

    def __init__(self, datadir: Path, cache: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [sys.executable, "-m", "plopi.viewer", "--datadir", str(datadir), "--port", str(self.port), "-q"]
        self.process = subprocess.Popen([*command, "--cache-dir", str(cache), "--host", "127.0.0.1"], stderr=subprocess.DEVNULL)
        self.peak = 0
        until(lambda: self.answers())

    def answers(self) -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False

    def ask(self, path: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONGEST)
        with contextlib.closing(connection):
            connection.request("GET", f"/api/profiles{path}")
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def view(self, path: str) -> Any:
        """A view, waited for as a page does."""
        deadline = time.monotonic() + LONGEST
        while time.monotonic() < deadline:
            status, content = self.ask(path)
            if status == 200:
                return content
            if status != 503:
                raise SystemExit(f"{path}: {status} {content}")
            time.sleep(0.02)
        raise SystemExit(f"{path}: not within {LONGEST} s")

    def memory(self) -> tuple[int, int]:
        """Resident now: all of it, and what is this process's alone."""
        found = psutil.Process(self.process.pid).memory_full_info()
        return found.rss, found.uss

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(30)


@contextlib.contextmanager
def viewer(datadir: Path, cache: Path) -> Iterator[Viewer]:
    running = Viewer(datadir, cache)
    try:
        yield running
    finally:
        running.close()


class Others:
    """Another client: asks for the index all the time and keeps how long each answer took; looks at the server's memory, too."""

    def __init__(self, running: Viewer) -> None:
        self.seconds: list[float] = []
        self.rss, self.uss = 0, 0
        self._running = running
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Others:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._ended.wait(0.02):
            self.seconds.append(timed(lambda: self._running.ask("?per=20"))[0])
            rss, uss = self._running.memory()
            self.rss, self.uss = max(self.rss, rss), max(self.uss, uss)

    def p99(self) -> float:
        return sorted(self.seconds)[int(len(self.seconds) * 0.99) - 1] if self.seconds else 0.0


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def until(look: Callable[[], Any], seconds: float = LONGEST) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise SystemExit(f"it did not happen within {seconds:g} s")
        time.sleep(0.005)
    return found


def large_file(path: Path, folder: Path) -> list[list[str]]:
    """The rows of one file: first seen, after a restart, and at rest."""
    datadir, cache = folder / f"{path.name}-data", folder / f"{path.name}-cache"
    datadir.mkdir()
    with viewer(datadir, cache) as running:
        running.view("")
        idle = running.memory()[1]
        os.link(path, datadir / path.name)
        time.sleep(0.2)
        profile = f"/{until(lambda: running.ask('')[1]['profiles'])[0]['id']}"
        with Others(running) as others:
            first, graph = timed(lambda: running.view(f"{profile}/graph"))
        kept = until(lambda: list(cache.glob("*.columns")))[0].stat().st_size  # only what took 0.2 s to read is kept
        rest = at_rest(running, profile, graph)
    with viewer(datadir, cache) as running:
        running.ask("")
        again, _ = timed(lambda: running.view(f"{profile}/graph"))
        mapped = running.memory()
    name, mega = path.name, 2**20
    rows = [
        [name, "request to first graph, never seen", f"{first:.2f} s"],
        [name, "the same after a restart", f"{again:.2f} s"],
        [name, "others' slowest answers meanwhile (99 of 100)", f"{1000 * others.p99():.0f} ms"],
        [name, "columns", f"{kept / mega:.0f} MiB"],
        [name, "server at most: resident", f"{others.rss / mega:.0f} MiB, {others.rss / kept:.1f} times the columns"],
        [name, "of it private, less what an idle one has", f"{(others.uss - idle) / mega:.0f} MiB"],
        [name, "server after the restart: resident, private", f"{mapped[0] / mega:.0f}, {mapped[1] / mega:.0f} MiB"],
    ]
    return rows + [[name, what, f"{1000 * seconds:.0f} ms"] for what, seconds in rest.items()]


def at_rest(running: Viewer, profile: str, graph: Any) -> dict[str, float]:
    """Server times of what somebody does next; the second time where the first one makes something for all later ones."""
    some = graph["nodes"][len(graph["nodes"]) // 2]
    word = quote(some["name"][:8])
    asked = {
        "one function": f"/function/{some['id']}",
        "graph around a function": f"/graph?around={some['id']}",
        "page 100 of the table": "/table?page=100",
        "table by name": "/table?sort=name",
        "search": f"/table?q={word}",
        "graph of 200": "/graph?nodes=200",
    }
    found: dict[str, float] = {}
    for what, path in asked.items():
        found[what] = timed(partial(running.view, profile + path))[0]
        found[f"{what}, again"] = timed(partial(running.view, profile + path))[0]
    return found


def directory(folder: Path, count: int) -> list[list[str]]:
    """A directory of many small profiles."""
    datadir, out = folder / "many", io.BytesIO()
    builder = ProfileBuilder((SAMPLES, CPU), About(host="elsewhere"))
    builder.add_sample(builder.stack_of([builder.location_id(builder.function_id("main", "app.py", 1), 1)]), (1, 10_000_000))
    formats.write(builder.build(), "pprof", out)
    datadir.mkdir()
    for number in range(count):
        (datadir / f"{number:06}.pb.gz").write_bytes(out.getvalue())
    with viewer(datadir, folder / "many-cache") as running:
        first, _ = timed(lambda: running.ask(""))
        later = sorted(timed(partial(running.ask, f"?page={page}&sort=name"))[0] for page in range(1, 60))
        until(lambda: not running.ask("?per=1")[1]["unread"])
        calm = sorted(timed(partial(running.ask, f"?page={page}&q={page}"))[0] for page in range(1, 60))
        told = asyncio.run(news_of_the_index(running, datadir))
    name = f"{count:,} profiles"
    return [
        [name, "index, first request", f"{1000 * first:.0f} ms"],
        [name, "pages while files are still read, slowest of 59", f"{1000 * later[-1]:.0f} ms"],
        [name, "searches, median and slowest of 59", f"{1000 * calm[29]:.0f}, {1000 * calm[-1]:.0f} ms"],
        [name, "one file changes: pushed to an open page after", f"{1000 * told:.0f} ms"],
    ]


async def news_of_the_index(running: Viewer, datadir: Path) -> float:
    connection = await opened(running)
    while (message := await said(connection, 1.5)) is not None:
        del message
    path = datadir / "000123.pb.gz"
    began = time.perf_counter()
    path.write_bytes(path.read_bytes())
    await said(connection, LONGEST)
    took = time.perf_counter() - began
    connection.close()
    return took


async def opened(running: Viewer) -> Any:
    headers = {"Origin": f"http://127.0.0.1:{running.port}"}
    return await websocket_connect(HTTPRequest(f"ws://127.0.0.1:{running.port}/live", headers=headers))


async def said(connection: Any, seconds: float) -> Any:
    with contextlib.suppress(asyncio.TimeoutError):
        return json.loads(await asyncio.wait_for(asyncio.shield(reading(connection)), seconds))
    return None


def reading(connection: Any) -> Any:
    """One read at a time: what was not waited for is waited for the next time."""
    if getattr(connection, "pending", None) is None or connection.pending.done():
        connection.pending = asyncio.ensure_future(connection.read_message())
    return connection.pending


def growth(folder: Path, scale: float) -> list[list[str]]:
    """A recording of very many stacks gains a window of 100 new ones."""
    datadir = folder / "grows"
    datadir.mkdir()
    part = datadir / "grows-20260101-120000-1.pb.part"
    builder = ProfileBuilder((SAMPLES, CPU), About(host="elsewhere", complete=False))
    header, state = encode_header(builder.about, builder.sample_types)
    paths = large.stacks(int(500_000 * scale) + 1000, 40, 20_000)

    def place(number: int) -> int:
        file, line, name = large.function(number)
        return builder.location_id(builder.function_id(name, file, line), line)

    def flush(count: int, window: int) -> bytes:
        nonlocal state
        row = builder.add_window(window * 10**9, 10**9)
        for _, path in zip(range(count), paths):
            places = [
                builder.location_id(builder.function_id(*(lambda f: (f[2], f[0], f[1]))(large.function(at))), 1) for at in path
            ]
            builder.add_sample(builder.stack_of(places), (1, 10_000_000), window=row)
        rows, state = encode_rows(builder, state)
        return rows

    part.write_bytes(header + flush(int(500_000 * scale), 0))
    with viewer(datadir, folder / "grows-cache") as running:
        profile = f"/{until(lambda: running.ask('')[1]['profiles'])[0]['id']}"
        first, _ = timed(lambda: running.view(f"{profile}/graph"))
        told, served = asyncio.run(followed(running, profile, part, [flush(100, window) for window in range(1, 8)]))
    name = f"recording of {int(500_000 * scale):,} stacks"
    return [
        [name, "request to first graph", f"{first:.2f} s"],
        [name, "100 new stacks: notice pushed after, median and slowest of 7", pair(told)],
        [name, "new graph served after", pair(served)],
    ]


def pair(seconds: list[float]) -> str:
    return f"{1000 * sorted(seconds)[len(seconds) // 2]:.0f}, {1000 * max(seconds):.0f} ms"


async def followed(running: Viewer, profile: str, part: Path, windows: list[bytes]) -> tuple[list[float], list[float]]:
    connection = await opened(running)
    await connection.write_message(json.dumps({"watch": profile[1:]}))
    told, served = [], []
    for rows in windows:
        while await said(connection, 1.5) is not None:
            pass
        began = time.perf_counter()
        with part.open("ab") as file:
            file.write(rows)
        while (await said(connection, LONGEST)).get("profile") is None:
            pass
        told.append(time.perf_counter() - began)
        await asyncio.to_thread(running.view, f"{profile}/graph")
        served.append(time.perf_counter() - began)
    connection.close()
    return told, served


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--scale", type=float, default=1.0, help="of the large files (default 1; below 0.1 they are not worth keeping)"
    )
    parser.add_argument("--files", type=Path, help="a folder with the large files, made if they are not there")
    parser.add_argument("--count", type=int, default=SMALL_FILES, help="files of the directory (default 10,000)")
    parser.add_argument("--only", nargs="*", default=["pstats", "pprof", "plop", "directory", "growth"])
    given = parser.parse_args()
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="plopi-served-", dir=given.files) as made:
        folder = Path(made)
        wanted = [name for name in given.only if name in large.FILES]
        files = large.make(given.files or folder, given.scale, wanted) if wanted else {}
        for name in wanted:
            rows += large_file(files[name], folder)
        if "directory" in given.only:
            rows += directory(folder, given.count)
        if "growth" in given.only:
            rows += growth(folder, given.scale)
    print("\n".join([*describe(), "", markdown_table(["of", "what", "measured"], rows)]))


if __name__ == "__main__":
    main()
