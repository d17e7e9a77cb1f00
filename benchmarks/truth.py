"""Error against ground truth: which share of the CPU time each profiler puts on the wrong function.

    benchmarks/run truth [--seconds 10] [--interval 0.004] [--repeat 3] [--workload c_calls ...]

Half the L1 distance between true and reported self shares, in percent: 0 is perfect, 100 all wrong. The truth comes from the
threads' own CPU clocks, read by the workload itself in the same run (``workloads.py``). Beside it the *noise*: the error that as
many samples, drawn at random from the true shares, would have on average. The median of the repetitions is shown.
"""

from __future__ import annotations

import argparse
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
from profilers import GC, Measured, Profiler, all_profilers
from workloads import WORKLOADS

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Score:
    error: float
    noise: float | None
    seen: float | None
    """CPU time in the profile by the CPU time that the process took."""


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
    """Truth, what the profiler found, and the CPU seconds that the process took."""
    with tempfile.TemporaryDirectory(dir=profiler.root / "tmp") as folder:
        out, truth_file = Path(folder) / "profile.pb.gz", Path(folder) / "truth.json"
        script = shutil.copy(HERE / "workloads.py", folder)
        arguments = [str(profiler.seen(Path(script))), workload, str(seconds), str(profiler.seen(truth_file))]
        command = [*profiler.command(interval, profiler.seen(out)), *arguments]
        environment = os.environ | dict(profiler.environment)
        limit = seconds * 20 + 60
        done = subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit
        )
        if not truth_file.exists():
            raise RuntimeError((done.stderr or done.stdout).strip()[-400:])
        truth = json.loads(truth_file.read_text())
        return truth["self"], profiler.read(out, frozenset(truth["self"])), truth["process_cpu"] / 1e9


def score_once(profiler: Profiler, workload: str, seconds: float, interval: float) -> Score:
    truth, measured, cpu = profile_once(profiler, workload, seconds, interval)
    reported = measured.weights
    if workload == "gc" and GC not in reported:
        truth, reported = without_gc(truth, "make_rings"), reported
    noise = sampling_noise(truth, measured.samples) if measured.samples else None
    return Score(wrong_share(truth, reported), noise, measured.seconds / cpu if measured.seconds else None)


def median_score(scores: list[Score]) -> Score:
    noises = [score.noise for score in scores if score.noise is not None]
    seen = [score.seen for score in scores if score.seen is not None]
    return Score(
        statistics.median(score.error for score in scores),
        statistics.median(noises) if noises else None,
        statistics.median(seen) if seen else None,
    )


def show(score: Score | str) -> str:
    if isinstance(score, str):
        return score
    noise = f" ± {score.noise * 100:.1f}" if score.noise is not None else ""
    return f"{score.error * 100:.1f}{noise}"


def measure(profilers: list[Profiler], workloads: list[str], options: argparse.Namespace) -> dict[tuple[str, str], Score | str]:
    """Every profiler in turn within each repetition, so that a busy minute hits all alike."""
    found: dict[tuple[str, str], list[Score]] = {}
    broken: dict[tuple[str, str], str] = {}
    for round_number in range(options.repeat):
        for workload in workloads:
            for profiler in profilers:
                key = (profiler.name, workload)
                try:
                    score = score_once(profiler, workload, options.seconds, options.interval)
                except (RuntimeError, OSError, subprocess.TimeoutExpired, ValueError, KeyError) as error:
                    broken[key] = "failed"
                    print(f"{profiler.name} on {workload}: {error}", file=sys.stderr)
                    continue
                found.setdefault(key, []).append(score)
                print(f"round {round_number + 1}: {workload:13} {profiler.name:15} {show(score)}", file=sys.stderr)
    return {**broken, **{key: median_score(scores) for key, scores in found.items()}}


def report(profilers: list[Profiler], workloads: list[str], options: argparse.Namespace) -> str:
    head = [
        *describe(),
        f"- {options.seconds:g} s of each workload, an interval of {options.interval * 1000:g} ms, median of {options.repeat}",
    ]
    results = measure(profilers, workloads, options)
    names = [profiler.name for profiler in profilers]
    table = markdown_table(
        ["wrong share of CPU, % (± noise of as many samples)", *names],
        [[workload, *(show(results[name, workload]) for name in names)] for workload in workloads],
    )
    rows = []
    for workload in workloads:
        scores = [results[name, workload] for name in names if name.startswith("plopi")]
        rows.append(
            [workload, *(f"{score.seen * 100:.1f}" if isinstance(score, Score) and score.seen else "" for score in scores)]
        )
    seen = markdown_table(
        ["CPU time in the profile, % of the process's", *(name for name in names if name.startswith("plopi"))], rows
    )
    about = [f"- {profiler.name}: {profiler.version()}{'; ' + profiler.note if profiler.note else ''}" for profiler in profilers]
    return "\n".join([*head, *about, "", table, "", seen, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10, help="of work per run (default %(default)s)")
    parser.add_argument("--interval", type=float, default=0.004, help="seconds between samples (default %(default)s)")
    parser.add_argument("--repeat", type=int, default=3, help="repetitions, of which the median is shown (default %(default)s)")
    parser.add_argument("--workload", action="append", choices=WORKLOADS, help="may be given several times (default: all)")
    parser.add_argument(
        "--profiler", action="append", help="part of a name, e.g. plopi; may be given several times (default: all)"
    )
    parser.add_argument("--every-python", action="store_true", help="plopi's native engine on every CPython there is, too")
    options = parser.parse_args()
    wanted = options.profiler or [""]
    profilers = [
        each for each in all_profilers(options.every_python) if any(part.lower() in each.name.lower() for part in wanted)
    ]
    print(report(profilers, options.workload or list(WORKLOADS), options))


if __name__ == "__main__":
    main()
