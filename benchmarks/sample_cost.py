"""What one sample costs: plopi's signal handler beside Plop's, in one process, on the same stacks.

    benchmarks/run sample_cost [--depth 10 --depth 50 ...] [--seconds 6] [--interval 0.004]

A program of DEPTH distinct functions does work that fills the caches, while ticks of ITIMER_PROF arrive. Plop's collector and
plopi's take turns every half second, first one, then the other; each run of the handler is timed from outside. The figure is
the median, and the ratio that of the medians; the lower quartile stands beside it, because it suffers least from other programs.
"""

from __future__ import annotations

import argparse
import importlib.util
import signal
import statistics
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from machine import describe, markdown_table

SEGMENT = 0.5
Handler = Callable[[int, "FrameType | None"], Any]


class Timed:
    """A handler in place of ``inner`` that keeps how long each run of it took, in nanoseconds."""

    def __init__(self, inner: Handler) -> None:
        self.inner = inner
        self.costs: list[int] = []

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        begin = time.perf_counter_ns()
        self.inner(signum, frame)
        self.costs.append(time.perf_counter_ns() - begin)


def program(depth: int) -> Callable[[float], None]:
    """A chain of ``depth`` distinct functions; the innermost works until the CPU clock says so."""
    source = ["import time", "def f0(end):", "    while time.process_time() < end:", "        work()"]
    for level in range(1, depth):
        source += [f"def f{level}(end):", f"    x = {level}", f"    return f{level - 1}(end)"]
    names: dict[str, Any] = {"work": work}
    exec(compile("\n".join(source), f"<chain of {depth}>", "exec"), names)
    function: Callable[[float], None] = names[f"f{depth - 1}"]
    return function


def work() -> int:
    table = {}
    for number in range(2000):
        table[number * 7919 % 5003] = str(number)
    return len(table)


def turn(collector: Any, timed: Timed, chain: Callable[[float], None]) -> None:
    signal.signal(signal.SIGPROF, timed.inner)
    collector.start(3600)
    signal.signal(signal.SIGPROF, timed)
    chain(time.process_time() + SEGMENT)
    collector.stop()  # Plop's waits for another tick


def measure(depth: int, seconds: float, interval: float) -> dict[str, Timed]:
    from plopi.collector import Collector, walk

    sides: dict[str, tuple[Any, Timed]] = {"plopi": (Collector(interval, "cpu", "python"), Timed(walk.on_tick))}
    if importlib.util.find_spec("plop") is not None:
        from plop.collector import Collector as Plop

        plop = Plop(interval, "prof")
        sides["Plop"] = (plop, Timed(plop.handler))
    chain = program(depth)
    for _ in range(max(1, round(seconds / SEGMENT / len(sides)))):
        for collector, timed in sides.values():
            turn(collector, timed, chain)
    return {name: timed for name, (_, timed) in sides.items()}


def quartile(costs: list[int]) -> float:
    return statistics.quantiles(costs, n=4)[0] / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depth", type=int, action="append", help="stack depth; may be repeated (10, 50, 200)")
    parser.add_argument("--seconds", type=float, default=6.0, help="CPU seconds per depth")
    parser.add_argument("--interval", type=float, default=0.004)
    options = parser.parse_args()
    print("\n".join(describe()))
    rows = []
    for depth in options.depth or (10, 50, 200):
        sys.setrecursionlimit(max(1000, depth + 200))
        timed = measure(depth, options.seconds, options.interval)
        ours = timed["plopi"].costs
        row = [str(depth), str(len(ours)), f"{statistics.median(ours) / 1e3:.1f}", f"{quartile(ours):.1f}"]
        if "Plop" in timed:
            plops = timed["Plop"].costs
            row += [f"{statistics.median(plops) / 1e3:.1f}", f"{quartile(plops):.1f}"]
            row += [f"{statistics.median(ours) / statistics.median(plops):.2f}", f"{quartile(ours) / quartile(plops):.2f}"]
        else:
            row += ["-"] * 4
        rows.append(row)
    head = ["depth", "samples", "plopi us", "lower quartile", "Plop us", "lower quartile", "ratio", "of quartiles"]
    print(markdown_table(head, rows))
    if importlib.util.find_spec("plop") is None:
        print("\nPlop is not installed here: `pip install plop==0.4.0` puts it beside plopi.")


if __name__ == "__main__":
    main()
