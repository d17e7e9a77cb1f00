"""Signals: none is lost to asyncio and uvloop under the highest sampling rate, with the loop blocked for a while now and then.

``python -m tests.proof.signals ENGINE LOOP`` is the program that is sent them; it acknowledges each by a byte on its stdout. The
kernel makes one of two of a kind that wait, so each kind is sent again only when it was acknowledged. Half of the kinds are sent
at once and then the other half, so that an acknowledgement too many is told from the next one.
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
from collections.abc import Iterable, Iterator

from tests.proof import here
from tests.proof.outcome import Outcome, together

SIGNALS = (signal.SIGTERM, signal.SIGCHLD, signal.SIGINT, signal.SIGUSR1)
NAMES = tuple(each.name for each in SIGNALS)
KEPT_BY_UVLOOP = (signal.SIGCHLD,)
"""uvloop takes no handler for it: it has one of its own."""
PATIENCE_SECONDS = 60
"""For one signal: it is lost when the program has had all this time."""
BLOCKED = (0.0,) * 15 + (0.001, 0.01, 0.1, 0.3, 1.0)
"""Of the longest time that the loop may be blocked, so much is drawn at each turn."""
MAY_BE_TWICE = "handled twice by uvloop"
"""uvloop takes a signal from the wakeup descriptor and from its Python handler, so that one which comes while it takes in another
is handled twice now and then. Without plopi, too: 17 of 20,000 beside a timer whose handler does nothing."""


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
    command = [sys.executable, "-m", "tests.proof.signals", engine, loop, str(seed), str(longest)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, **here()
    ) as program:
        if program.stdout is None or program.stdin is None or program.stderr is None or program.stdout.read(1) != b"r":
            return Outcome(findings=(f"{engine}, {loop}: the program did not start",))
        told = Counter(acknowledged(program, batches(loop, seed, size)))
        counts = Counter(
            {f"{what}: {engine}, {loop}": count for what, count in told.items() if what in NAMES or what == MAY_BE_TWICE}
        )
        findings = [what for what in told if what not in NAMES and not (what == MAY_BE_TWICE and loop == "uvloop")]
        if findings:
            program.kill()
        program.stdin.close()  # the program ends
        said = program.stderr.read().decode()
        if not findings and (program.wait() or said):
            findings.append(f"status {program.returncode}, stderr {said[-500:]!r}")
    return Outcome(counts, tuple(f"{engine}, {loop}, seed {seed}: {finding}" for finding in findings))


def batches(loop: str, seed: int, size: int) -> Iterator[tuple[signal.Signals, ...]]:
    """``size`` of each kind: a half of the kinds and the other half, in turn."""
    chance, kinds = random.Random(seed), list(kinds_of(loop))
    chance.shuffle(kinds)
    halves = kinds[: len(kinds) // 2], kinds[len(kinds) // 2 :]
    for _ in range(size):
        for half in halves:
            chance.shuffle(half)
            yield tuple(half)


def acknowledged(program: subprocess.Popen[bytes], sent: Iterable[tuple[signal.Signals, ...]]) -> Iterator[str]:
    """The name of each signal that was acknowledged, or what was wrong."""
    out = program.stdout
    if out is None:
        return
    before: Counter[int] = Counter()
    for number, batch in enumerate(sent):
        for kind in batch:
            program.send_signal(kind)
        waiting = Counter(int(kind) for kind in batch)
        while waiting:
            ready, _, _ = select.select([out], [], [], PATIENCE_SECONDS)
            got = out.read(len(waiting)) if ready else b""
            for each in got:
                if each in waiting:
                    del waiting[each]
                    yield signal.Signals(each).name
                elif each in batch or before[each]:
                    yield MAY_BE_TWICE
                else:
                    yield f"{each} was acknowledged and not sent"
            if not got:
                yield f"{', '.join(signal.Signals(each).name for each in waiting)} of batch {number} was lost"
                return
        before = Counter(int(kind) for kind in batch)


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
        end = time.thread_time() + chance.choice(BLOCKED) * longest
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
