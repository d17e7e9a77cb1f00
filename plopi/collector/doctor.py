"""``python -m plopi.collector.doctor``: which engine a profile would be made with here, and why not the other.

Nothing is profiled, and nothing of the process is changed.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
import time
from collections.abc import Iterator

from plopi import __version__
from plopi.collector import interpreter, native
from plopi.collector.clock import kernel_tick_ns
from plopi.collector.engine import Plan


def report() -> Iterator[str]:
    """One finding a line."""
    yield f"plopi {__version__}, {platform.python_implementation()} {platform.python_version()}, {platform.platform(terse=True)}"
    yield from _native()
    refusal = interpreter.refusal(measures_wall=False)
    yield f"python engine: {'ready (it needs nothing but Python)' if refusal is None else f'not to be had: {refusal}'}"
    by_cpu, by_wall = _taken_for("cpu"), _taken_for("wall")
    otherwise = "" if by_cpu == by_wall else f" for CPU time, and the {by_wall} engine for wall time"
    yield f"--engine auto takes the {by_cpu} engine here{otherwise}"
    yield from _timers()
    yield from _process()


def _native() -> Iterator[str]:
    reason = native.unavailable()
    if reason is not None:
        yield f"native engine: not to be had: {reason}"
        return
    version = ".".join(map(str, sys.version_info[:2]))
    busy = native.why_not(Plan("cpu", 10_000_000))
    if busy is not None:
        yield f"native engine: built, self-test passed, but now {busy}"
    elif native.is_proven():
        yield f"native engine: ready (self-test passed; proven on CPython {version})"
    else:
        yield f"native engine: ready (self-test passed), but only for --engine native: it is not proven on CPython {version}"


def _taken_for(mode: str) -> str:
    return "native" if native.is_proven() and native.why_not(Plan(mode, 10_000_000)) is None else "Python"


def _timers() -> Iterator[str]:
    tick = kernel_tick_ns() / 1e6
    yield f"the kernel's tick is {tick:g} ms: CPU samples come no faster than one per {tick:g} ms of CPU time"
    if hasattr(signal, "getitimer") and any(signal.getitimer(signal.ITIMER_PROF)):
        yield "ITIMER_PROF is armed by somebody else: CPU time will be sampled from a thread"
    if hasattr(signal, "pthread_sigmask") and signal.SIGPROF in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
        yield "SIGPROF is blocked in this thread: threads that inherit this are not sampled by the timer"
    begin = time.perf_counter_ns()
    for _ in range(1000):
        time.thread_time_ns()
    yield f"reading a thread's CPU clock takes {(time.perf_counter_ns() - begin) / 1e6:.2g} us"


def _process() -> Iterator[str]:
    yield from interpreter.cautions()
    no_signals = interpreter.no_signals()
    if no_signals is not None:
        yield f"{no_signals}: CPU time will be sampled from a thread"
    if sys.gettrace() is not None or sys.getprofile() is not None:
        yield "a trace or profile function is set (debugger, coverage): it will see plopi's Python handler"
    if os.environ.get("PYTHONDEVMODE") or sys.flags.dev_mode:
        yield "development mode is on: the program runs slower than it would"


def main() -> int:
    try:
        print(*report(), sep="\n", flush=True)
    except BrokenPipeError:  # else Python tries again at its exit: https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
