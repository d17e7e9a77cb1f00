"""What profiling costs the machine: CPU time of the program and the profiler's own process together, for fixed work.

    benchmarks/run total [--rate 100 --rate 1000] [--repeat 5] [--seconds 4] [--profiler plopi]

Profilers that look from outside cost the program little and the machine more: their process is counted, from start to end, as are
plopi's threads. Whole processes are run, one after the other in each round, so that a busy minute hits all alike; each is divided
by the same work of the same Python without a profiler in the same round. What it takes to start and to end is told
apart, by a shorter run. Medians of the rounds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from machine import describe, markdown_table
from profilers import PEERS, Profiler, elsewhere, engines, from_debian, in_debian, plopi

OFF = "off"
PROGRAM = """
import sys, time

def step(number):
    return number * 7 % 11

def work(rounds):
    total = 0
    for number in range(rounds):
        total += step(number)
    return total

def at_depth(depth, rounds):
    return at_depth(depth - 1, rounds) if depth > 2 else work(rounds)

for _ in range(int(sys.argv[1])):
    at_depth(10, 100_000)
print("CPU", time.process_time())
"""
"""Ordinary Python, ten frames deep: a loop with calls."""


def contestants(parts: list[str]) -> list[tuple[Profiler, Profiler]]:
    """Each profiler beside the same Python without one."""
    here = Profiler(OFF, "", lambda interval, out: [sys.executable], plopi("python").read)
    peers = [peer for peer in PEERS if peer.name == "py-spy"]
    found = [(profiler, here) for profiler in [*map(plopi, engines()), *peers]]
    tachyon = next((profiler for profiler in from_debian() if profiler.name == "Tachyon"), None)
    if tachyon is not None:
        python = in_debian(tachyon.root, "/usr/bin/python3.15")
        there = replace(tachyon, name=f"{OFF}, 3.15", command=lambda interval, out: python)
        own = [each for engine in ("python", "native") for each in elsewhere(engine) if "3.15" in each.name]
        found += [(profiler, there) for profiler in [*own, tachyon]]
    return [(profiler, off) for profiler, off in found if any(part.lower() in profiler.name.lower() for part in parts)]


def cost(profiler: Profiler, rate: float, turns: int) -> tuple[float, float]:
    """CPU seconds of everything that was started, and of the program alone."""
    with tempfile.TemporaryDirectory(dir=profiler.root / "tmp") as folder:
        script, out, said = Path(folder) / "program.py", Path(folder) / "profile.out", Path(folder) / "said"
        script.write_text(PROGRAM)
        command = [*profiler.command(1 / rate, profiler.seen(out)), str(profiler.seen(script)), str(turns)]
        with said.open("w") as stdout:
            process = subprocess.Popen(
                command, cwd=folder, env=os.environ | dict(profiler.environment), stdin=subprocess.DEVNULL,
                stdout=stdout, stderr=subprocess.STDOUT,
            )  # fmt: skip
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        lines = [line.split()[1] for line in said.read_text().splitlines() if line.startswith("CPU ")]
        if not lines or (OFF not in profiler.name and not out.exists()):
            raise RuntimeError(f"{profiler.name}: {said.read_text()[-400:]}")
        program, total = float(lines[0]), usage.ru_utime + usage.ru_stime
        return (total if total >= program else total + program), program  # one that does not wait for its child


def costs(profiler: Profiler, rate: float, turns: int) -> tuple[float, float, float]:
    """CPU seconds of the work, of all processes and of the program alone; and to start and end. By a short run and a long one;
    some profilers fail where a program ends at once."""
    few = max(1, turns // 4)
    short, long = cost(profiler, rate, few), cost(profiler, rate, few + turns)
    total, program = long[0] - short[0], long[1] - short[1]
    return total, program, short[0] - total * few / turns


def measure(pairs: list[tuple[Profiler, Profiler]], rate: float, options: argparse.Namespace) -> list[list[str]]:
    turns = max(1, round(options.seconds / (cost(pairs[0][1], rate, 20)[1] / 20)))
    offs = list(dict.fromkeys(off for _, off in pairs))
    again = [(replace(off, name=f"{off.name} (again)"), off) for off in offs]
    found: dict[str, list[tuple[float, float, float]]] = {}
    for _ in range(options.repeat):
        base = {off.name: costs(off, rate, turns) for off in offs}
        for profiler, off in [*again, *pairs]:
            total, program, start = costs(profiler, rate, turns)
            total_off, program_off, start_off = base[off.name]
            found.setdefault(profiler.name, []).append((total / total_off, program / program_off, start - start_off))
            print(f"{rate:g} Hz  {profiler.name:24} {total:.2f} s, {program:.2f} s of them the program", file=sys.stderr)
    return [
        [f"{rate:g} Hz", name, *(f"{statistics.median(column):.3f}" for column in zip(*rows))] for name, rows in found.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, action="append", help="samples a second; several times (default 100 and 1000)")
    parser.add_argument("--repeat", type=int, default=5, help="rounds (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=4, help="of CPU that the work takes (default %(default)s)")
    parser.add_argument("--profiler", action="append", help="part of a name; several times (default: all)")
    options = parser.parse_args()
    pairs = contestants(options.profiler or [""])
    head = [*describe(), f"- {options.seconds:g} s of work, median of {options.repeat}"]
    rows = [row for rate in options.rate or [100, 1000] for row in measure(pairs, rate, options)]
    columns = ["program and profiler, by off", "program alone, by off", "to start and end, s more than off"]
    table = markdown_table(["asked for", "profiler", *columns], rows)
    print("\n".join([*head, "", table, ""]))


if __name__ == "__main__":
    main()
