"""What starts and stops plopi in a process, over and over: each yields what it has just done, for ``toggling`` to count."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, product
from pathlib import Path

from plopi.collector import Collector

MODES = ("cpu", "wall", "both")
INTERVAL = 0.004
TOKEN = "a token of the proof programme"


def engines() -> list[str]:
    """Those that can be had here."""
    with contextlib.suppress(Exception):
        Collector(mode="cpu", engine="native")
        return ["python", "native"]
    return ["python"]


def in_process(*names: str) -> Iterator[str]:
    """Mode by mode, with a wakeup descriptor that must stay."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.set_blocking(reader, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for engine, mode in cycle(product(names, MODES)):
        collector = Collector(INTERVAL, mode, engine)
        collector.start(None)
        collector.stop()
        kept = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        if kept != writer:
            raise SystemExit(f"the wakeup descriptor is {kept} and was {writer}")
        with contextlib.suppress(BlockingIOError):
            os.read(reader, 65536)
        yield f"in process: {engine}, {mode}"


def forking() -> Iterator[str]:
    """A child is forked while plopi runs; nothing runs there, and it can be profiled as well."""
    for engine, mode in cycle(product(engines(), MODES)):
        collector = Collector(INTERVAL, mode, engine)
        collector.start(None)
        child = os.fork()
        if not child:
            status = 1
            try:
                if not collector.running:
                    own = Collector(INTERVAL, mode, engine)
                    own.start(None)
                    own.stop()
                    collector.stop()
                    status = 0
            finally:
                os._exit(status)
        status = os.waitpid(child, 0)[1]
        collector.stop()
        if status:
            raise SystemExit(f"{engine}, {mode}: the child's status was {status}")
        yield f"around a fork: {engine}, {mode}"


def in_loop(name: str) -> Iterator[str]:
    """Started and stopped by a task among others, every other time stopped in a thread; a signal comes meanwhile."""
    if name == "uvloop":
        import uvloop

        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    else:
        loop = asyncio.new_event_loop()
    told = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, told.set)
    loop.set_default_executor(ThreadPoolExecutor(1))

    async def busy() -> None:
        while True:
            sum(range(100))
            await asyncio.sleep(0.0005)

    async def once(collector: Collector, in_thread: bool) -> None:
        told.clear()
        collector.start(None)
        os.kill(os.getpid(), signal.SIGUSR1)
        await asyncio.wait_for(told.wait(), 60)
        if in_thread:
            await loop.run_in_executor(None, collector.stop)
        else:
            collector.stop()

    tasks = [loop.create_task(busy()) for _ in range(2)]
    try:
        for number, (engine, mode) in enumerate(cycle(product(engines(), MODES))):
            loop.run_until_complete(once(Collector(INTERVAL, mode, engine), number % 2 == 1))
            yield f"in {name}: {engine}, {mode}"
    finally:
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.wait(tasks))
        loop.close()


def in_gevent() -> Iterator[str]:
    """All of the standard library is patched (``toggling.main``), the busy threads are greenlets, and they have their turn."""
    for name in in_process(*engines()):
        time.sleep(0)
        yield name.replace("in process", "in gevent")


def over_http(kind: str, port: int, folder: Path) -> Iterator[str]:
    """POST start, POST stop, and between them the application's own answer, which stays the same byte for byte."""
    from http.client import HTTPConnection

    def ask(method: str, path: str) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request(method, path, headers={"Authorization": f"Bearer {TOKEN}"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    for mode in cycle(MODES):
        answers = [ask("POST", f"/debug/pprof/start?mode={mode}"), ask("GET", "/hello"), ask("POST", "/debug/pprof/stop")]
        if [status for status, _ in answers] != [200] * 3 or answers[1][1] != b"hello":
            raise SystemExit(f"the answers were {answers}")
        for path in folder.iterdir():
            path.unlink()
        yield f"over HTTP: {kind}, {mode}"


IN_PROCESS: dict[str, Callable[[], Iterator[str]]] = {
    "python": lambda: in_process("python"),
    "native": lambda: in_process("native"),
    "fork": forking,
    "asyncio": lambda: in_loop("asyncio"),
    "uvloop": lambda: in_loop("uvloop"),
    "gevent": in_gevent,
}
