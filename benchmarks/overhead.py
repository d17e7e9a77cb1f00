"""What sampling costs the program: CPU time of fixed work with a profiler on against off.

    benchmarks/run overhead [--rate 100] [--pairs 40] [--depth 10 --depth 50 ...] [--profiler plopi] [--parts-only]

Whole runs are too noisy on shared machines. So one process for each profiler does the same piece of work again and again, with
the profiler on and off in turn (on first in every other pair), and the ratio is taken pair by pair from the CPU time of the
whole process: helper threads count. The median of the ratios is shown with its 95 % interval by order statistics. "off, off" is
the same without any profiler: how far from 1.000 chance alone gets.

Where chance hides what is small, the native engine's cost is added up from its parts as well, each measured in one run of the
same work with a recording written: delivery of the signal (to the sampler's own handler, which ignores it, less one that is
ignored by the kernel), the handler, plopi's helper (drain, interning, writing) and the ticker of wall time, by their threads' CPU
clocks. The helper works by elapsed time: on a busy machine, where a CPU second takes long, its share is larger.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from machine import describe, markdown_table


class Switch(Protocol):
    def on(self) -> None: ...
    def off(self) -> None: ...


class Nothing:
    def __init__(self, rate: float) -> None: ...
    def on(self) -> None: ...
    def off(self) -> None: ...


class Plopi:
    def __init__(self, rate: float, engine: str = "python", mode: str = "cpu") -> None:
        from plopi.collector import Collector

        self.collector = Collector(interval=1 / rate, mode=mode, engine=engine)

    def on(self) -> None:
        self.collector.start(duration=3600)

    def off(self) -> None:
        self.collector.stop()


class Plop:
    def __init__(self, rate: float) -> None:
        from plop.collector import Collector

        self.collector = Collector(interval=1 / rate, mode="prof")

    def on(self) -> None:
        self.collector.reset()
        self.collector.start(duration=3600)

    def off(self) -> None:
        self.collector.stop()


class Pyinstrument:
    def __init__(self, rate: float) -> None:
        from pyinstrument import Profiler

        self.make = lambda: Profiler(interval=1 / rate)

    def on(self) -> None:
        self.profiler = self.make()
        self.profiler.start()

    def off(self) -> None:
        self.profiler.stop()


class CProfile:
    def __init__(self, rate: float) -> None:
        import cProfile

        self.make: Callable[[], Any] = cProfile.Profile

    def on(self) -> None:
        self.profiler = self.make()
        self.profiler.enable()

    def off(self) -> None:
        self.profiler.disable()


def step(number: int) -> int:
    return number * 7 % 11


def work(rounds: int) -> int:
    """Ordinary Python: a loop with calls."""
    total = 0
    for number in range(rounds):
        total += step(number)
    return total


def at_depth(depth: int, rounds: int) -> int:
    return work(rounds) if depth <= 3 else at_depth(depth - 1, rounds)


def cpu_of(depth: int, rounds: int) -> float:
    before = time.process_time()
    at_depth(depth, rounds)
    return time.process_time() - before


def rounds_for(seconds: float) -> int:
    rounds = 100_000
    fastest = min(cpu_of(3, rounds) for _ in range(5))
    return max(1000, round(rounds * seconds / fastest))


def ratios(switch: Switch, depth: int, rounds: int, pairs: int) -> list[float]:
    """On by off, pair by pair."""

    def with_profiler() -> float:
        switch.on()
        try:
            return cpu_of(depth, rounds)
        finally:
            switch.off()

    found = []
    for pair in range(pairs):
        if pair % 2:
            off, on = cpu_of(depth, rounds), with_profiler()
        else:
            on, off = with_profiler(), cpu_of(depth, rounds)
        found.append(on / off)
    return found


def median_with_interval(values: list[float]) -> str:
    """Median and the order statistics that hold the true median in 95 of 100 cases."""
    ordered, count = sorted(values), len(values)
    reach = math.ceil(0.98 * math.sqrt(count))
    low, high = ordered[max(0, count // 2 - reach)], ordered[min(count - 1, count // 2 + reach)]
    return f"{statistics.median(values):.4f} ({low:.4f} to {high:.4f})"


MAKERS: dict[str, Callable[[float], Switch]] = {
    "off, off": Nothing,
    "plopi (python, cpu)": Plopi,
    "plopi (python, wall)": lambda rate: Plopi(rate, mode="wall"),
    "plopi (native, cpu)": lambda rate: Plopi(rate, engine="native"),
    "plopi (native, wall)": lambda rate: Plopi(rate, engine="native", mode="wall"),
    "Plop": Plop,
    "pyinstrument": Pyinstrument,
    "cProfile": CProfile,
}


def measure_here(name: str, options: argparse.Namespace) -> list[list[float]]:
    """The ratios for each depth, in this process, which no other profiler has touched; or the parts of the cost, by mode."""
    if name not in MAKERS:
        return parts_of(name, options)
    switch = MAKERS[name](options.rate)
    rounds = rounds_for(options.seconds)
    return [ratios(switch, depth, rounds, options.pairs) for depth in options.depth]


def measure(name: str, options: argparse.Namespace) -> list[list[float]] | None:
    done = subprocess.run([sys.executable, __file__, *sys.argv[1:], "--inside", name], capture_output=True, text=True)
    if done.returncode:
        print(f"{name} left out: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}", file=sys.stderr)
        return None
    return list(json.loads(done.stdout))


# --- the native engine's cost, part by part ---


def delivery_ns() -> float:
    """What the kernel takes to interrupt a thread with a handler and to go on; to be asked while sampling."""

    def of(number: int) -> int:
        before = time.thread_time_ns()
        for _ in range(500):
            signal.raise_signal(number)
        return time.thread_time_ns() - before

    signal.signal(signal.SIGWINCH, signal.SIG_IGN)
    return statistics.median(of(signal.SIGPROF) - of(signal.SIGWINCH) for _ in range(9)) / 500


def helpers_ns() -> int:
    """CPU time of all other threads of this process but the ticker, whose time the sampler's own counter has."""
    total = 0
    for task in Path("/proc/self/task").iterdir():
        if int(task.name) != os.getpid() and "ticker" not in (task / "comm").read_text():
            total += time.clock_gettime_ns((~int(task.name) << 3) | 6)
    return total


PARTS = ("delivery", "handler and ticker", "drain, interning, writing")


def parts_of(mode: str, options: argparse.Namespace) -> list[list[float]]:
    """For each piece of work: what each part took, samples, and the work's own CPU time; nanoseconds."""
    from plopi.collector import Collector, _sampler
    from plopi.collector.recording import Recording

    rounds, found = rounds_for(options.seconds * 2), []
    with tempfile.TemporaryDirectory() as folder:
        recording = Recording(folder, "overhead")
        collector = Collector(interval=1 / options.rate, mode=mode, engine="native", sink=recording)
        collector.start(duration=None)
        each = delivery_ns()
        time.sleep(2)  # until the recording has begun
        for _ in range(options.pairs // 2):
            ticks, own, helper, before = read_parts(_sampler.counters())
            at_depth(options.depth[0], rounds)
            ticks_then, own_then, helper_then, then = read_parts(_sampler.counters())
            parts = [each * (ticks_then - ticks), own_then - own, helper_then - helper]
            found.append([*parts, ticks_then - ticks, then - before - sum(parts)])
        collector.stop()
    return found


def read_parts(counters: dict[str, int]) -> tuple[int, int, int, int]:
    return counters["ticks"] + counters["seen"], counters["cost_ns"], helpers_ns(), time.process_time_ns()


def parts_row(mode: str, found: list[list[float]]) -> list[str]:
    each = [f"{sum(row[i] for row in found) / sum(row[-2] for row in found) / 1e3:.1f}" for i in range(len(PARTS))]
    ratio = median_with_interval([1 + sum(row[: len(PARTS)]) / row[-1] for row in found])
    rate = sum(row[-2] for row in found) / sum(row[-1] for row in found) * 1e9
    return [f"plopi (native, {mode})", f"{rate:.0f}", *each, ratio]


def report_parts(options: argparse.Namespace) -> str:
    rows = []
    for mode in ("cpu", "wall"):
        found = measure(mode, options)
        if found:
            rows.append(parts_row(mode, found))
            print(*rows[-1], sep="  ", file=sys.stderr)
    head = ["added up, us for each sample", "samples in a CPU second", *PARTS, f"CPU time, on by off, depth {options.depth[0]}"]
    return "\n".join([markdown_table(head, rows), ""])


def report(options: argparse.Namespace) -> str:
    head = [
        *describe(),
        f"- {options.rate:g} Hz; {options.pairs} pairs of {options.seconds:g} s of CPU each; median (95 % interval)",
    ]
    rows = []
    for name in () if options.parts_only else MAKERS:
        if name == "off, off" or any(part.lower() in name.lower() for part in options.profiler or [""]):
            found = measure(name, options)
            if found:
                rows.append([name, *map(median_with_interval, found)])
                print(*rows[-1], sep="  ", file=sys.stderr)
    depths = [f"depth {depth}" for depth in options.depth]
    ratios_table = [] if options.parts_only else [markdown_table(["CPU time, on by off", *depths], rows), ""]
    return "\n".join([*head, "", *ratios_table, report_parts(options)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=100, help="samples a second (default %(default)s)")
    parser.add_argument("--pairs", type=int, default=40, help="on-off pairs (default %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=0.4, help="CPU seconds of work in each half of a pair (default %(default)s)"
    )
    parser.add_argument(
        "--depth", type=int, action="append", help="of the stack; may be given several times (default 10, 50, 200)"
    )
    parser.add_argument("--profiler", action="append", help="part of a name; may be given several times (default: all)")
    parser.add_argument("--parts-only", action="store_true", help="only the native engine's cost, added up from its parts")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.depth = options.depth or [10, 50, 200]
    print(json.dumps(measure_here(options.inside, options)) if options.inside else report(options))


if __name__ == "__main__":
    main()
