"""Error against ground truth: which share of the CPU time, or of elapsed time, each profiler puts on the wrong function.

    benchmarks/run truth [--seconds 10] [--interval 0.004] [--repeat 3] [--clock wall ...] [--workload c_calls ...]

Half the L1 distance between true and reported self shares, in percent: 0 is perfect, 100 all wrong. The truth comes from the
threads' own CPU clocks and the elapsed time, read by the workload itself in the same run (``meter.py``). Beside it the *noise*:
the error that as many samples, drawn at random from the true shares, would have on average. The median of the repetitions is
shown, and where a peer's is lower than that of plopi's native engine, how likely that is by chance.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from machine import describe, markdown_table
from play import SOURCES, WORKLOADS
from profilers import GC, Measured, Profiler, all_profilers, both_clocks
from waiting import WALL_WORKLOADS
from workloads import CPU_WORKLOADS

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Score:
    error: float
    noise: float | None
    seen: float | None
    """Time in the profile by the CPU time that the process took, or by the elapsed time of all its threads."""


def shares(weights: dict[str, float]) -> dict[str, float]:
    total = sum(weights.values())
    return {label: weight / total for label, weight in weights.items()} if total else {}


def wrong_share(truth: dict[str, float], reported: dict[str, float]) -> float:
    """Half the L1 distance of the shares; 1 for an empty profile."""
    true, found = shares(truth), shares(reported)
    if not found:
        return 1.0
    return sum(abs(true.get(label, 0) - found.get(label, 0)) for label in true.keys() | found.keys()) / 2


def sampling_noise(truth: dict[str, float], samples: int) -> float:
    """Mean of ``wrong_share`` for that many independent samples of the truth (each share's binomial, as a normal)."""
    return sum(math.sqrt(2 * share * (1 - share) / (math.pi * samples)) for share in shares(truth).values()) / 2


def without_gc(weights: dict[str, float], owner: str) -> dict[str, float]:
    """Collector time counted for the function that caused it, for profilers that do not tell it apart."""
    merged = dict(weights)
    merged[owner] = merged.get(owner, 0) + merged.pop(GC, 0)
    return merged


def profile_once(profiler: Profiler, workload: str, seconds: float, interval: float) -> tuple[dict[str, float], Measured, float]:
    """Truth by the profiler's clock, what it found, and the seconds that there were."""
    with tempfile.TemporaryDirectory(dir=profiler.root / "tmp") as folder:
        out, truth_file = Path(folder) / "profile.pb.gz", Path(folder) / "truth.json"
        for source in SOURCES:
            shutil.copy(HERE / source, folder)
        arguments = [str(profiler.seen(Path(folder) / SOURCES[0])), workload, str(seconds), str(profiler.seen(truth_file))]
        command = [*profiler.command(interval, profiler.seen(out)), *arguments]
        environment = os.environ | dict(profiler.environment)
        limit = seconds * 20 + 60
        done = subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit
        )
        if not truth_file.exists():
            raise RuntimeError((done.stderr or done.stdout).strip()[-400:])
        truth = json.loads(truth_file.read_text())
        self_ns = truth["self"][profiler.clock]
        return self_ns, profiler.read(out, frozenset(self_ns)), truth["whole"][profiler.clock] / 1e9


def score_once(profiler: Profiler, workload: str, seconds: float, interval: float) -> Score:
    truth, measured, whole = profile_once(profiler, workload, seconds, interval)
    reported = measured.weights
    if workload == "gc" and GC not in reported:
        truth, reported = without_gc(truth, "make_rings"), reported
    noise = sampling_noise(truth, measured.samples) if measured.samples else None
    return Score(wrong_share(truth, reported), noise, measured.seconds / whole if measured.seconds else None)


def median_score(scores: list[Score]) -> Score:
    noises = [score.noise for score in scores if score.noise is not None]
    seen = [score.seen for score in scores if score.seen is not None]
    return Score(
        statistics.median(score.error for score in scores),
        statistics.median(noises) if noises else None,
        statistics.median(seen) if seen else None,
    )


def show(scores: list[Score]) -> str:
    if not scores:
        return "failed"
    score = median_score(scores)
    noise = f" ± {score.noise * 100:.1f}" if score.noise is not None else ""
    return f"{score.error * 100:.1f}{noise}"


def by_chance(higher: list[float], lower: list[float]) -> float:
    """How likely one of two groups of the same kind is as far above the other (Mann and Whitney's test, exact, one-sided)."""

    def wins(group: tuple[float, ...], rest: list[float]) -> float:
        return sum((a > b) + (a == b) / 2 for a in group for b in rest)

    both = higher + lower
    seen = wins(tuple(higher), lower)
    splits = [frozenset(chosen) for chosen in itertools.combinations(range(len(both)), len(higher))]
    found = [
        wins(tuple(both[i] for i in split), [value for i, value in enumerate(both) if i not in split]) >= seen for split in splits
    ]
    return sum(found) / len(found)


Scores = dict[tuple[str, str], list[Score]]


def measure(profilers: list[Profiler], workloads: list[str], options: argparse.Namespace) -> Scores:
    """Every profiler in turn within each repetition, so that a busy minute hits all alike. No scores where one failed."""
    found: Scores = {(profiler.name, workload): [] for profiler in profilers for workload in workloads}
    for round_number in range(options.repeat):
        for workload in workloads:
            for profiler in profilers:
                try:
                    score = score_once(profiler, workload, options.seconds, options.interval)
                except (RuntimeError, OSError, subprocess.TimeoutExpired, ValueError, KeyError) as error:
                    print(f"{profiler.name} on {workload}: {error}", file=sys.stderr)
                    continue
                found[profiler.name, workload].append(score)
                print(f"round {round_number + 1}: {workload:13} {profiler.name:15} {show([score])}", file=sys.stderr)
    return found


def beaten(results: Scores, names: list[str], workloads: list[str]) -> str:
    """Where a peer's median is lower than the native engine's."""
    rows = []
    for workload, ours, peer in itertools.product(workloads, names, names):
        if not ours.startswith("plopi (native") or peer.startswith("plopi"):
            continue
        errors = [[score.error * 100 for score in results[name, workload]] for name in (ours, peer)]
        if all(errors) and statistics.median(errors[0]) > statistics.median(errors[1]):
            cells = [f"{statistics.median(column):.1f} ({min(column):.1f} to {max(column):.1f})" for column in errors]
            rows.append([workload, ours, cells[0], peer, cells[1], f"{by_chance(errors[0], errors[1]):.2f}"])
    if not rows:
        return "No peer's median is below the native engine's anywhere."
    head = ["a peer nearer the truth", "plopi", "median (lowest to highest)", "peer", "its", "likely by chance"]
    return markdown_table(head, rows)


def section(clock: str, options: argparse.Namespace) -> list[str]:
    """One clock's tables."""
    every = both_clocks(options.every_python) if clock == "both" else all_profilers(options.every_python, clock)
    profilers = [each for each in every if any(part.lower() in each.name.lower() for part in options.profiler or [""])]
    offered = CPU_WORKLOADS if clock == "cpu" else WALL_WORKLOADS
    workloads = [name for name in offered if name in (options.workload or offered)]
    results = measure(profilers, workloads, options)
    names = [profiler.name for profiler in profilers]
    of = {"cpu": "of CPU", "wall": "of elapsed time", "both": "of either clock, both in one profile"}[clock]
    wrong = [f"wrong share {of}, % (± noise of as many samples)", *names]
    table = markdown_table(wrong, [[name, *(show(results[each, name]) for each in names)] for name in workloads])
    own = [name for name in names if name.startswith("plopi")]
    rows = []
    for workload in workloads:
        medians = [median_score(results[name, workload]).seen if results[name, workload] else None for name in own]
        rows.append([workload, *(f"{seen * 100:.1f}" if seen else "" for seen in medians)])
    whole = {"cpu": "CPU time in the profile, % of the process's", "wall": "time in the profile, % of all threads'"}
    seen = markdown_table([whole.get(clock, "time in the profile, % of what there was"), *own], rows)
    about = [f"- {profiler.name}: {profiler.version()}{'; ' + profiler.note if profiler.note else ''}" for profiler in profilers]
    return [*about, "", table, "", seen, "", *([beaten(results, names, workloads), ""] if clock != "both" else [])]


def report(options: argparse.Namespace) -> str:
    head = [
        *describe(),
        f"- {options.seconds:g} s of each workload, an interval of {options.interval * 1000:g} ms, median of {options.repeat}",
    ]
    sections = [line for clock in options.clock or ["cpu", "wall", "both"] for line in section(clock, options)]
    return "\n".join([*head, *sections])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10, help="of work per run (default %(default)s)")
    parser.add_argument("--interval", type=float, default=0.004, help="seconds between samples (default %(default)s)")
    parser.add_argument("--repeat", type=int, default=3, help="repetitions, of which the median is shown (default %(default)s)")
    parser.add_argument(
        "--clock", action="append", choices=["cpu", "wall", "both"], help="may be given several times (default: all)"
    )
    parser.add_argument("--workload", action="append", choices=WORKLOADS, help="may be given several times (default: all)")
    parser.add_argument(
        "--profiler", action="append", help="part of a name, e.g. plopi; may be given several times (default: all)"
    )
    parser.add_argument("--every-python", action="store_true", help="plopi's native engine on every CPython there is, too")
    options = parser.parse_args()
    print(report(options))


if __name__ == "__main__":
    main()
