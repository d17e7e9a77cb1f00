"""Readers fuzzed: no file kills a reader, raises anything but ``FormatError``, takes long or takes memory.

The files of a round are told by kind, seed and number alone, so that a finding can be read again:
``python -m tests.proof.fuzz again KIND SEED NUMBER``. They are read in processes that may die, some thousands in each.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hostile import SEEDS
from mutants import mutant

from plopi.formats.fragments import framed
from tests.proof import here
from tests.proof.grammar import made
from tests.proof.outcome import Outcome, together
from tests.proof.reading import READERS, read_through

GOOD_FILES = {
    "pprof": ("own.pb", "own.pb.gz", "go.pb"),
    "growing": ("growing.pb.part",),
    "pstats": ("c.pstats", "python2.pstats"),
    "portable pstats": ("c.pstats", "python2.pstats"),
    "plop": ("own.plop",),
    "folded": ("own.folded",),
    "speedscope": ("own.speedscope.json",),
}
MEMORY_BYTES = 64 << 20
"""What a reader may grow by over a batch of files of some kilobytes."""
ADDRESS_SPACE = 4 << 30
BATCH = 10_000


def run(seed: int, mutants: int, grammatical: int, folder: Path, kinds: tuple[str, ...] = tuple(READERS)) -> Outcome:
    """So many files of each kind."""
    batches = [
        (kind, how, seed, first, min(BATCH, total - first))
        for kind in kinds
        for how, total in (("mutant", mutants), ("made", grammatical))
        for first in range(0, total, BATCH)
    ]
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        return together(pool.map(lambda batch: _in_a_process(*batch, folder=folder), batches))


def content(kind: str, how: str, seed: int, number: int) -> tuple[bytes, random.Random]:
    """A file, and the chances with which to read it."""
    chance = random.Random(f"{kind}/{how}/{seed}/{number}")
    if how == "made":
        return made(kind.rpartition(" ")[2], chance), chance
    good = SEEDS[chance.choice(GOOD_FILES[kind])]
    if kind == "growing" and number % 2:  # else hardly any damage comes past the checksum
        return b"".join(framed(mutant(body, chance), row) for row, body in enumerate(_bodies(good))), chance
    return mutant(good, chance), chance


def _bodies(recording: bytes) -> Iterator[bytes]:
    frame = len(framed(b"", 0))
    at = 0
    while at < len(recording):
        length = int.from_bytes(recording[at + frame - 12 : at + frame - 8], "little")
        yield recording[at + frame : at + frame + length]
        at += frame + length


def _in_a_process(kind: str, how: str, seed: int, first: int, size: int, *, folder: Path) -> Outcome:
    progress = folder / f"{kind}-{how}-{seed}-{first}"
    progress.write_bytes(bytes(8))
    arguments = [kind, how, str(seed), str(first), str(size), str(progress)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.proof.fuzz", "batch", *arguments], capture_output=True, text=True, **here()
    )
    if done.returncode == 0:
        told = json.loads(done.stdout)
        return Outcome(
            Counter({f"{kind}, {how}: {name}": count for name, count in told["counts"].items()}), tuple(told["findings"])
        )
    number = int.from_bytes(progress.read_bytes(), "little")
    last = done.stderr.strip().splitlines()[-1:] or [""]
    return Outcome(
        Counter({f"{kind}, {how}: died": 1}),
        (f"{kind} {how} {seed} {number}: the reader died, status {done.returncode}: {last[0]}",),
    )


def batch(kind: str, how: str, seed: int, first: int, size: int, progress: Path) -> None:
    """In the process that may die: says what it found as JSON, and in ``progress`` which file it is reading."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    counts: Counter[str] = Counter()
    findings: list[str] = []
    with open(progress, "r+b") as file, mmap.mmap(file.fileno(), 8) as told:
        for number in range(first, first + size):
            told[:8] = number.to_bytes(8, "little")
            if number == first + 200:
                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            data, chance = content(kind, how, seed, number)
            try:
                counts["read" if read_through(kind, data, chance) else "refused"] += 1
            except Exception as error:
                counts["failed"] += 1
                findings.append(f"{kind} {how} {seed} {number}: {type(error).__name__}: {str(error)[:300]}")
    if size > 200:
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
        if grown > MEMORY_BYTES:
            findings.append(f"{kind} {how} {seed} {first}+{size}: the reader grew by {grown >> 20} MB")
    print(json.dumps({"counts": counts, "findings": findings}))


def again(kind: str, how: str, seed: int, number: int) -> None:
    data, chance = content(kind, how, seed, number)
    sys.stdout.write(f"{data!r}\n")
    read_through(kind, data, chance)


if __name__ == "__main__":
    if sys.argv[1] == "batch":
        batch(sys.argv[2], sys.argv[3], *map(int, sys.argv[4:7]), progress=Path(sys.argv[7]))  # type: ignore[misc]
    else:
        again(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
