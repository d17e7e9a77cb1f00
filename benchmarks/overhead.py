"""What sampling costs the program: CPU time of fixed work with a profiler on against off.

    benchmarks/run overhead [--rate 100] [--pairs 40] [--depth 10 --depth 50 ...] [--profiler plopi]

Whole runs are too noisy on shared machines. So one process for each profiler does the same piece of work again and again, with
the profiler on and off in turn (on first in every other pair), and the ratio is taken pair by pair from the CPU time of the
whole process: helper threads count. The median of the ratios is shown with its 95 % interval by order statistics. "off, off" is
the same without any profiler: how far from 1.000 chance alone gets.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
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
    """The ratios for each depth, in this process, which no other profiler has touched."""
    switch = MAKERS[name](options.rate)
    rounds = rounds_for(options.seconds)
    return [ratios(switch, depth, rounds, options.pairs) for depth in options.depth]


def measure(name: str, options: argparse.Namespace) -> list[list[float]] | None:
    done = subprocess.run([sys.executable, __file__, *sys.argv[1:], "--inside", name], capture_output=True, text=True)
    if done.returncode:
        print(f"{name} left out: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}", file=sys.stderr)
        return None
    return list(json.loads(done.stdout))


def report(options: argparse.Namespace) -> str:
    head = [
        *describe(),
        f"- {options.rate:g} Hz; {options.pairs} pairs of {options.seconds:g} s of CPU each; median (95 % interval)",
    ]
    rows = []
    for name in MAKERS:
        if name == "off, off" or any(part.lower() in name.lower() for part in options.profiler or [""]):
            found = measure(name, options)
            if found:
                rows.append([name, *map(median_with_interval, found)])
                print(*rows[-1], sep="  ", file=sys.stderr)
    depths = [f"depth {depth}" for depth in options.depth]
    return "\n".join([*head, "", markdown_table(["CPU time, on by off", *depths], rows), ""])


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
    parser.add_argument("--inside", choices=MAKERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.depth = options.depth or [10, 50, 200]
    print(json.dumps(measure_here(options.inside, options)) if options.inside else report(options))


if __name__ == "__main__":
    main()
