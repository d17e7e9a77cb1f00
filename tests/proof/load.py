"""A viewer under load, and what it answered: ``python -m tests.proof.load [--seconds 60] [--files 100000] ...``

Clients that read pages of the list, websockets that follow it, connections that never finish their request, and files that are
rewritten in place, half at a time, while the viewer looks; then the same with a server that has nothing to do, for comparison.
Everything goes to this machine's loopback address.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from plopi import formats
from plopi.model import CPU, SAMPLES, ProfileBuilder
from tests.proof import ROOT
from tests.proof.outcome import Outcome

REWRITTEN = 20
"""Files that are rewritten in turn."""
TRUTHS = (3, 500)
"""How many samples a rewritten file holds, before and after."""
MOST_BYTES = 300 << 20
FLOOR_SECONDS = 15.0
ASK_SECONDS = 5.0
MOST_ASK_SECONDS = 20.0
"""A client reads a page of the list so often, on average and at least: who is silent for longer than 30 s is thrown out."""


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Load:
    seconds: float = 60.0
    clients: int = 500
    sockets: int = 200
    stalled: int = 800
    files: int = 100_000
    rewrites: int = 50


@dataclass
class Seen:
    """What the clients saw: latencies in seconds, statuses, and rows that told something which was never in a file."""

    began: float = field(default_factory=time.monotonic)
    latency: list[float] = field(default_factory=list)
    slowest: list[tuple[float, float]] = field(default_factory=list)
    """Five answers that took longest: latency, and how many seconds after the beginning they came."""
    status: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    news: int = 0
    dropped: int = 0
    """Connections of clients that the viewer closed."""
    rss: int = 0
    cpu: float = 0.0
    own_cpu: float = 0.0
    """Seconds of CPU: the server's (without its readers) and the clients' together."""

    def note(self, seconds: float) -> None:
        self.latency.append(seconds)
        self.slowest = sorted([*self.slowest, (seconds, time.monotonic() - self.began)])[-5:]

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latency)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


def profile(samples: int) -> bytes:
    builder = ProfileBuilder((SAMPLES, CPU))
    for i in range(samples):
        leaf = builder.stack_of([builder.location_id(builder.function_id(f"f{i}", "x.py", 1), 1)])
        builder.add_sample(leaf, (1, 10**7))
    out = io.BytesIO()
    formats.write(builder.build(), "pprof", out)
    return out.getvalue()


def fill(folder: Path, files: int) -> None:
    """Small files, as if they had lain there for an hour."""
    then = time.time() - 3600
    content = profile(1)
    for i in range(files):
        path = folder / f"run-{i:06}.pb.gz"
        path.write_bytes(content)
        os.utime(path, (then - i, then - i))
    for i in range(REWRITTEN):
        (folder / f"rewritten-{i:02}.pb.gz").write_bytes(profile(TRUTHS[0]))


async def run(load: Load, floor: bool = False) -> tuple[Seen, Seen | None]:
    """What clients saw of the viewer and then, with ``floor``, of a server that has nothing to do."""
    allow_descriptors()
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as beside:
        folder, page = Path(name), Path(beside) / "page"
        await asyncio.to_thread(fill, folder, load.files)
        options = ["--datadir", name, "--host", "127.0.0.1", "--port", "0", "-q", "--no-cache"]
        async with _server("plopi.viewer", *options) as (port, process):
            await _ask_until_listed(port, load.files)
            seen = await _under(load, port, folder, process)
            page.write_bytes((await _get(port, "/api/profiles?per=50"))[1])
        if not floor:
            return seen, None
        short = replace(load, seconds=min(load.seconds, FLOOR_SECONDS))
        async with _server("tests.proof.floor", str(page)) as (port, process):
            return seen, await _under(short, port, folder, process)


def allow_descriptors() -> None:
    """As many as this user may have: every connection is one, here and in the viewer."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextlib.asynccontextmanager
async def _server(module: str, *arguments: str) -> AsyncIterator[tuple[int, psutil.Process]]:
    """A server that says its address on stderr."""
    process = subprocess.Popen([sys.executable, "-m", module, *arguments], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        url = (await asyncio.to_thread(process.stderr.readline)).strip()
        yield int(url.rsplit(":", 1)[1].strip("/")), psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


async def _under(load: Load, port: int, folder: Path, process: psutil.Process) -> Seen:
    seen, end = Seen(), time.monotonic() + load.seconds
    cpu, own = sum(process.cpu_times()[:2]), time.process_time()
    stalled = [asyncio.create_task(_stall(port, end)) for _ in range(load.stalled)]
    tasks = [asyncio.create_task(_follow(port, end, seen)) for _ in range(load.sockets)]
    tasks += [asyncio.create_task(_client(port, end, seen, number)) for number in range(load.clients)]
    tasks += [asyncio.create_task(_rewrite(folder, end, load.rewrites)), asyncio.create_task(_weigh(process, end, seen))]
    await asyncio.gather(*tasks)
    for task in stalled:
        task.cancel()
    await asyncio.gather(*stalled, return_exceptions=True)
    seen.cpu, seen.own_cpu = sum(process.cpu_times()[:2]) - cpu, time.process_time() - own
    return seen


async def _ask_until_listed(port: int, files: int) -> None:
    for _ in range(600):
        status, body = await _get(port, "/api/profiles?per=1")
        if status == 200 and json.loads(body)["total"] >= files:
            return
        await asyncio.sleep(0.2)
    raise TimeoutError("the files were not listed within two minutes")


async def _get(
    port: int, path: str, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
) -> tuple[int, bytes]:
    own = streams is None
    reader, writer = streams or await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    body = await reader.readexactly(length)
    if own:
        writer.close()
    return int(head.split()[1]), body


async def _client(port: int, end: float, seen: Seen, number: int) -> None:
    """Reads pages of the list, with pauses, over one connection; each client at times of its own."""
    chance = random.Random(number)
    await asyncio.sleep(chance.uniform(0, ASK_SECONDS))
    streams: Streams | None = None
    while time.monotonic() < end:
        query = chance.choice(("", "&q=rewritten", "&q=run-0000", f"&page={chance.randint(1, 40)}", "&sort=size"))
        try:
            streams = streams or await asyncio.open_connection("127.0.0.1", port)
            began = time.monotonic()
            status, body = await _get(port, f"/api/profiles?per=50{query}", streams)
        except (OSError, asyncio.IncompleteReadError):  # it was idle for too long, or was refused
            seen.dropped += 1
            if streams is None:
                await asyncio.sleep(0.1)
            else:
                streams[1].close()
            streams = None
            continue
        seen.note(time.monotonic() - began)
        seen.status[status] += 1
        if status == 200 and "rewritten" in query:
            seen.wrong += [row for row in map(_wrong, json.loads(body)["profiles"]) if row]
        pause = min(chance.expovariate(1 / ASK_SECONDS), MOST_ASK_SECONDS)
        await asyncio.sleep(min(pause, max(0.0, end - time.monotonic())))
    if streams is not None:
        streams[1].close()


def _wrong(row: dict[str, object]) -> str:
    """What a row says of a rewritten file that was never whole in it."""
    if not str(row["file"]).startswith("rewritten") or (row["samples"] in (None, *TRUTHS) and row["status"] != "broken"):
        return ""
    return f"{row['file']}: {row['samples']} samples, {row['status']}, {row['reason']}"


async def _follow(port: int, end: float, seen: Seen) -> None:
    request = HTTPRequest(f"ws://127.0.0.1:{port}/live", headers={"Origin": f"http://127.0.0.1:{port}"})
    socket = await websocket_connect(request)
    while (left := end - time.monotonic()) > 0:
        with contextlib.suppress(asyncio.TimeoutError):
            if await asyncio.wait_for(socket.read_message(), left) is None:
                seen.wrong.append("a websocket was closed")
                return
            seen.news += 1
    socket.close()


async def _stall(port: int, end: float) -> None:
    """Connects and never ends its request; again whenever it is thrown out."""
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: ")
            await reader.read()
            writer.close()
        await asyncio.sleep(1.0)


async def _rewrite(folder: Path, end: float, rate: int) -> None:
    """In place and in two halves, as a careless program would."""
    contents, turn = [profile(samples) for samples in TRUTHS], 0
    while time.monotonic() < end:
        content = contents[turn // REWRITTEN % 2]
        with open(folder / f"rewritten-{turn % REWRITTEN:02}.pb.gz", "wb", buffering=0) as out:
            out.write(content[: len(content) // 2])
            await asyncio.sleep(0.5 / rate)
            out.write(content[len(content) // 2 :])
        turn += 1
        await asyncio.sleep(0.5 / rate)


async def _weigh(process: psutil.Process, end: float, seen: Seen) -> None:
    while time.monotonic() < end:
        seen.rss = max(seen.rss, process.memory_info().rss)
        await asyncio.sleep(0.5)


def report(load: Load, seen: Seen, floor: Seen | None = None) -> str:
    told = (
        f"{load.seconds:g} s, {load.clients} clients, {load.sockets} websockets, {load.stalled} stalled, {load.files} files, "
        f"{load.rewrites} rewrites/s: {_figures(seen)}; wrong: {seen.wrong[:3] or 'nothing'}"
    )
    return told if floor is None else f"{told}\nfloor, a server that has nothing to do: {_figures(floor)}"


def _figures(seen: Seen) -> str:
    milliseconds = ", ".join(f"p{share * 100:g} {seen.percentile(share) * 1000:.0f} ms" for share in (0.5, 0.95, 0.99, 1.0))
    slowest = ", ".join(f"{at:.0f}" for _, at in seen.slowest)
    return (
        f"{len(seen.latency)} lists, {milliseconds} (the slowest after {slowest} s); statuses {dict(seen.status)}; "
        f"{seen.news} news; {seen.dropped} dropped; "
        f"{seen.rss / 2**20:.0f} MiB; {seen.cpu:.1f} s of CPU, the clients' {seen.own_cpu:.1f} s"
    )


def judged(load: Load) -> Outcome:
    seen, floor = asyncio.run(run(load, floor=True))
    findings = [f"wrong: {each}" for each in dict.fromkeys(seen.wrong)]
    findings += [f"{count} answers were {status}" for status, count in seen.status.items() if status != 200]
    if seen.rss >= MOST_BYTES:
        findings.append(f"{seen.rss >> 20} MiB")
    counts = Counter({"pages of the list": len(seen.latency), "news": seen.news})
    return Outcome(counts, tuple(findings), (report(load, seen, floor).replace("\n", "; "),))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in Load().__dict__.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    load = Load(**vars(parser.parse_args()))
    print(report(load, *asyncio.run(run(load, floor=True))))


if __name__ == "__main__":
    main()
