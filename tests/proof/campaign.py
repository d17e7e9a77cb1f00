"""The long campaign: ``tests/campaign [AREA ...] [--minutes N]`` does round after round of each area, each with its own seed, for
as long as it may, and adds a line for each area to docs/reliability.md. Ends with status 1 where something was found."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.proof import ROOT
from tests.proof.outcome import Outcome

LOG = ROOT / "docs/reliability.md"
Round = Callable[[int, Path, float], Outcome]
"""From a seed, in a folder of its own, with so many seconds left for its area."""


def fuzz(seed: int, folder: Path, _left: float) -> Outcome:
    from tests.proof import fuzz

    return fuzz.run(seed, 60_000, 20_000, folder)


def guided(seed: int, folder: Path, _left: float) -> Outcome:
    from tests.proof import guided

    return guided.run(seed, 60, folder)


def differential(seed: int, folder: Path, _left: float) -> Outcome:
    from tests.proof import differential

    return differential.run(seed, 2000, folder)


def disks(seed: int, folder: Path, _left: float) -> Outcome:
    """Random kills in most rounds; every call and every error, of programs that run for longer than a second, in one of ten."""
    from tests.proof import disks

    outcome = disks.run("random", seed, 2000, folder)
    if seed % 10 == 1:
        for job, size in (("calls", 0), ("full", 0), ("errors", 1200)):
            outcome += disks.run(job, seed, size, folder)
    return outcome


def endings(seed: int, _folder: Path, _left: float) -> Outcome:
    """A shuffled six hundred of all cases."""
    from tests.proof import lifecycle

    return lifecycle.run_some(seed, 600)


def toggling(_seed: int, folder: Path, _left: float) -> Outcome:
    from tests.proof import toggling

    sizes = dict.fromkeys(toggling.IN_PROCESS, 100_000) | dict.fromkeys(toggling.SERVERS, 1000)
    return toggling.run_each(sizes | dict.fromkeys(toggling.AROUND, 2000), folder)


def signals(seed: int, _folder: Path, _left: float) -> Outcome:
    """The loop is blocked for up to five seconds at a time in every fourth round."""
    from tests.proof import signals

    return signals.run(seed, 50, longest=5.0) if seed % 4 == 0 else signals.run(seed, 1000)


def foreign(seed: int, folder: Path, _left: float) -> Outcome:
    """All of it under one Python in each round, by turns: its own tests of what a profiler may touch, and whole suites of others
    (not in Debian's ``chroot``)."""
    from tests.proof import lifecycle, programs, suites

    with lifecycle.subjects() as found:
        subject = found[seed % len(found)]
        outcome = suites.own_tests(subject, suites.MODULES)
        if subject.target.root == lifecycle.HERE:
            outcome += programs.run(Path(subject.target.command[0]), tuple(programs.SUITES), folder / "env", subject.engines)
    return outcome


def sanitized(_seed: int, _folder: Path, _left: float) -> Outcome:
    from tests.proof import sanitized

    return sanitized.run(10, 9)


def storms(_seed: int, _folder: Path, _left: float) -> Outcome:
    from tests.proof import storms

    return storms.run(10, 100_000)


def siege(_seed: int, folder: Path, _left: float) -> Outcome:
    from tests.proof import siege

    return siege.run(30, folder)


def chaos(seed: int, folder: Path, _left: float) -> Outcome:
    from tests.proof import chaos

    return chaos.run(seed, 120, 8, folder)


def load(_seed: int, _folder: Path, left: float) -> Outcome:
    """One viewer for as long as the area may, at least a minute: one begun anew has nothing that could have grown."""
    from tests.proof import load

    return load.judged(load.Load(seconds=max(left, load.Load.seconds)))


def follow(_seed: int, folder: Path, left: float) -> Outcome:
    """One round for as long as the area may: a page that is opened anew has nothing that could have grown."""
    from tests.proof import follow

    return follow.run(max(left / 60, 3), folder)


AREAS: dict[str, Round] = {
    "fuzz": fuzz,
    "guided": guided,
    "differential": differential,
    "disks": disks,
    "endings": endings,
    "toggling": toggling,
    "signals": signals,
    "foreign": foreign,
    "sanitized": sanitized,
    "storms": storms,
    "siege": siege,
    "chaos": chaos,
    "load": load,
    "follow": follow,
}


def campaign(name: str, seconds: float, first: int) -> tuple[Outcome, int]:
    """All rounds together, and how many there were; at least one."""
    outcome, rounds, end = Outcome(), 0, time.monotonic() + seconds
    while not rounds or time.monotonic() < end:
        with tempfile.TemporaryDirectory(prefix="plopi-proof-") as folder:
            try:
                came = AREAS[name](first + rounds, Path(folder), end - time.monotonic())
            except Exception as error:  # what the other rounds showed must not be lost with this one
                traceback.print_exc()
                came = Outcome(findings=(f"seed {first + rounds} broke off: {type(error).__name__}: {error}",))
        outcome, rounds = outcome + came, rounds + 1
        print(f"{name}: {rounds} rounds, {outcome.counts.total():,} cases, {len(outcome.findings)} findings", flush=True)
        for finding in (*came.figures, *came.findings):
            print(f"    {finding}", flush=True)
    return outcome, rounds


def line_of(name: str, outcome: Outcome, rounds: int, seconds: float, first: int) -> str:
    """A row of the table in docs/reliability.md."""
    sums: Counter[str] = Counter()
    for what, count in outcome.counts.items():
        sums[what.partition(":")[0]] += count
    counts = "; ".join(f"{what} {count:,}" for what, count in sorted(sums.items()))
    machine = (
        f"{platform.system()} {platform.release().partition('-')[0]}, {os.cpu_count()} cores, CPython {platform.python_version()}"
    )
    findings = "<br>".join(finding.replace("|", "\\|")[:200] for finding in outcome.findings[:5]) or "none"
    date = time.strftime("%Y-%m-%d")
    span = f"{seconds / 60:.0f} min, seeds {first} to {first + rounds - 1}"
    figures = "".join(f"; {figure}" for figure in outcome.figures[-4:])
    return f"| {date} | {name} | {span} | {machine} | {counts}{figures} | {findings} |\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests/campaign", description=__doc__)
    parser.add_argument("areas", nargs="*", metavar="AREA", help=f"of {', '.join(AREAS)} (default: all)")
    parser.add_argument("--minutes", type=float, default=60, help="for all areas together (default %(default)g)")
    parser.add_argument(
        "--seed", type=int, default=int(time.time()) % 1_000_000, help="of the first round (default: by the clock)"
    )
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background command would hand on that it is ignored
    unknown = set(options.areas) - set(AREAS)
    if unknown:
        parser.error(f"no area is called {', '.join(sorted(unknown))}: choose of {', '.join(AREAS)}")
    names, found = options.areas or list(AREAS), False
    for name in names:
        begin = time.monotonic()
        outcome, rounds = campaign(name, options.minutes * 60 / len(names), options.seed)
        with open(LOG, "a", encoding="utf-8") as log:
            log.write(line_of(name, outcome, rounds, time.monotonic() - begin, options.seed))
        found = found or bool(outcome.findings)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
