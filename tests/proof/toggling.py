"""Toggling: what a process has is after many starts and stops what it was before, in process and over HTTP.

``python -m tests.proof.toggling HOW SIZE FOLDER`` does one of the ways below in a process of its own.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.proof import here
from tests.proof.outcome import Outcome, together

IN_PROCESS = ("python", "native")
SERVERS = ("tornado", "wsgi", "asgi")
AROUND = ("fork", "asyncio", "uvloop", "gevent")
"""What else may go on in the process; the last two where they are installed."""
WARM_UP = 200
GROWTH_BYTES = 4 << 20
SETTLING_SECONDS = 60
NAP_SECONDS = 0.0002
"""Of the busy threads: they come and go at all moments of a start, and leave CPUs to those who start."""


def run(how: str, size: int, folder: Path) -> Outcome:
    """Nothing where ``how`` needs what is not here."""
    if not can(how):
        return Outcome()
    command = [sys.executable, "-m", "tests.proof.toggling", how, str(size), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, **here())
    if done.returncode or done.stderr:
        return Outcome(findings=(f"toggling, {how}: ended with {done.returncode}, stderr {done.stderr[-1000:]!r}",))
    told = json.loads(done.stdout)
    return Outcome(Counter(told["counts"]), tuple(told["findings"]))


def run_each(sizes: Mapping[str, int], folder: Path) -> Outcome:
    """All of these at the same time, as many as there are CPUs."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return together(pool.map(lambda each: run(*each, folder), sizes.items()))


def can(how: str) -> bool:
    from tests.proof import toggles

    if how == "native":
        return how in toggles.engines()
    return how not in ("uvloop", "gevent") or importlib.util.find_spec(how) is not None


def belongings() -> dict[str, object]:
    """What a process has that a profiler may touch."""
    return {
        "handlers": {
            each.name: repr(signal.getsignal(each)) for each in signal.valid_signals() if isinstance(each, signal.Signals)
        },
        "timers": [signal.getitimer(each)[1] for each in (signal.ITIMER_PROF, signal.ITIMER_REAL, signal.ITIMER_VIRTUAL)],
        "blocked signals": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "recursion limit": sys.getrecursionlimit(),
        "switch interval": sys.getswitchinterval(),
        "os functions": [id(each) for each in (os.execv, os.execve, os.fork, os._exit, signal.set_wakeup_fd)],
        "gc": (gc.isenabled(), gc.get_threshold(), list(map(id, gc.callbacks))),
        "tracing": (sys.gettrace(), sys.getprofile(), threading.gettrace(), threading.getprofile()),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "threads": len(list(Path("/proc/self/task").iterdir())),
        "limits": resource.getrlimit(resource.RLIMIT_NOFILE),
        "working directory": str(Path.cwd()),
    }


def memory() -> int:
    """Bytes resident now."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def compare(toggle: Iterator[str], size: int) -> Outcome:
    """Toggle to warm up, look, toggle ``size`` times, look again."""
    counts: Counter[str] = Counter()
    for _ in range(min(WARM_UP, size)):
        next(toggle)
    before, memory_before = settled(None), memory()
    for _ in range(size):
        counts[next(toggle)] += 1
    after, grown = settled(before), memory() - memory_before
    findings = [f"{name}: {before[name]} before, {after[name]} after" for name in before if before[name] != after[name]]
    if grown > GROWTH_BYTES:
        findings.append(f"memory grew by {grown >> 10} kB over {size} starts and stops")
    return Outcome(counts, tuple(findings))


def settled(wanted: dict[str, object] | None) -> dict[str, object]:
    """The belongings, once they are as ``wanted`` or stay as they are: a thread that was joined is listed for a moment more."""
    deadline, last = time.monotonic() + SETTLING_SECONDS, belongings()
    while time.monotonic() < deadline:
        time.sleep(0.3)
        now = belongings()
        if now == (wanted or last):
            return now
        last = now
    return last


@contextlib.contextmanager
def busy_threads() -> Iterator[None]:
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            sum(range(1000))
            time.sleep(NAP_SECONDS)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def main(how: str, size: int, folder: Path) -> None:
    if how == "gevent":
        from gevent import monkey

        monkey.patch_all()
    from tests.proof import toggles

    with busy_threads():
        if how in toggles.IN_PROCESS:
            outcome = compare(toggles.IN_PROCESS[how](), size)
        else:
            import logging

            from tests.collector.servers import SERVERS

            logging.disable()
            (folder / how).mkdir()
            with SERVERS[how](token=toggles.TOKEN, datadir=folder / how) as port:
                outcome = compare(toggles.over_http(how, port, folder / how), size)
            shutil.rmtree(folder / how)
    print(json.dumps({"counts": outcome.counts, "findings": outcome.findings}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
