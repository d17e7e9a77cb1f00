"""Signals: none is lost to asyncio and uvloop under the highest sampling rate, with the loop blocked for a while now and then.

``python -m tests.proof.signals ENGINE LOOP`` is the program that is sent them; it acknowledges each by a byte on its stdout. The
next signal is sent when the one before was acknowledged, since the kernel makes one of two that wait.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections import Counter

from tests.proof import here
from tests.proof.outcome import Outcome, together

SIGNALS = (signal.SIGTERM, signal.SIGCHLD, signal.SIGINT, signal.SIGUSR1)
KEPT_BY_UVLOOP = (signal.SIGCHLD,)
"""uvloop takes no handler for it: it has one of its own."""
PATIENCE_SECONDS = 60
"""For one signal: it is lost when the program has had all this time."""


def run(seed: int, size: int, longest: float = 0.05) -> Outcome:
    """``size`` of each signal to each engine and loop; the loop is blocked for up to ``longest`` seconds at a time."""
    loops = ["asyncio", *(["uvloop"] if importlib.util.find_spec("uvloop") else [])]
    engines = ["python", *(["native"] if native_is_there() else [])]
    return together(sent(engine, loop, seed, size, longest) for engine in engines for loop in loops)


def native_is_there() -> bool:
    from plopi.collector import Collector

    try:
        Collector(mode="cpu", engine="native")
    except Exception:
        return False
    return True


def sent(engine: str, loop: str, seed: int, size: int, longest: float) -> Outcome:
    counts: Counter[str] = Counter()
    command = [sys.executable, "-m", "tests.proof.signals", engine, loop, str(seed), str(longest)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, **here()
    ) as program:
        acknowledged = program.stdout
        if acknowledged is None or program.stdin is None or program.stderr is None or acknowledged.read(1) != b"r":
            return Outcome(findings=(f"{engine}, {loop}: the program did not start",))
        kinds = list(kinds_of(loop)) * size
        random.Random(seed).shuffle(kinds)
        findings = []
        for number, kind in enumerate(kinds):
            program.send_signal(kind)
            ready, _, _ = select.select([acknowledged], [], [], PATIENCE_SECONDS)
            got = acknowledged.read(1) if ready else b""
            if got != bytes((kind,)):
                findings.append(f"{engine}, {loop}, seed {seed}: {kind.name}, signal {number}, was lost: {got!r}")
                break
            counts[f"{kind.name}: {engine}, {loop}"] += 1
        program.stdin.close()  # the program ends
        said = program.stderr.read().decode() if not findings else ""
        if findings:
            program.kill()
        elif program.wait() or said:
            findings.append(f"{engine}, {loop}, seed {seed}: status {program.returncode}, stderr {said[-500:]!r}")
    return Outcome(counts, tuple(findings))


def kinds_of(loop: str) -> tuple[signal.Signals, ...]:
    return tuple(kind for kind in SIGNALS if loop != "uvloop" or kind not in KEPT_BY_UVLOOP)


async def receive(engine: str, kinds: tuple[signal.Signals, ...], chance: random.Random, longest: float) -> None:
    from plopi.collector import Collector

    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for kind in kinds:
        loop.add_signal_handler(kind, os.write, 1, bytes((kind,)))
    loop.add_reader(0, ended.set)
    collector = Collector(0.001, "both", engine)
    collector.start(None)
    os.write(1, b"r")
    while not ended.is_set():
        end = time.thread_time() + chance.choice((0.0, 0.001, 0.01, 0.2, 1.0)) * longest
        while time.thread_time() < end:
            sum(range(1000))
        await asyncio.sleep(chance.choice((0, 0, 0.001)))
    collector.stop()


def main(engine: str, loop: str, seed: str, longest: str) -> None:
    work = receive(engine, kinds_of(loop), random.Random(seed), float(longest))
    if loop == "uvloop":
        import uvloop

        uvloop.run(work)
    else:
        asyncio.run(work)


if __name__ == "__main__":
    main(*sys.argv[1:])
