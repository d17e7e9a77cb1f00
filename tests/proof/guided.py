"""Readers fuzzed by atheris, which changes files so that they reach code that was not reached yet: for campaigns, where it is
installed (``pip install atheris``). ``python -m tests.proof.guided KIND CORPUS [options of libFuzzer]`` by hand.
"""

from __future__ import annotations

import importlib.util
import os
import random
import re
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.proof import here
from tests.proof.outcome import Outcome, together

KINDS = ("pprof", "growing", "pstats", "portable pstats", "plop", "folded", "speedscope")
LONGEST_BYTES = 8192
BEGIN_WITH = 40
"""Files made by the grammar."""


def run(seed: int, seconds: int, folder: Path) -> Outcome:
    """So many seconds for each kind of file."""
    if importlib.util.find_spec("atheris") is None:
        return Outcome(Counter({"atheris is not installed here (pip install atheris)": 1}))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return together(pool.map(lambda kind: _explored(kind, seed, seconds, folder / kind.replace(" ", "-")), KINDS))


def _explored(kind: str, seed: int, seconds: int, folder: Path) -> Outcome:
    folder.mkdir()
    for number, data in enumerate(_first_files(kind, seed)):
        (folder / str(number)).write_bytes(data)
    bounds = [f"-max_total_time={seconds}", f"-max_len={LONGEST_BYTES}", "-rss_limit_mb=2048", "-timeout=100"]
    options = [*bounds, f"-seed={seed}", "-print_final_stats=1", f"-artifact_prefix={folder}/found-"]
    command = [sys.executable, "-m", "tests.proof.guided", kind, str(folder), *options]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", **here())
    ran = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    counts = Counter({f"{kind}, guided": int(ran[1]) if ran else 0})
    if done.returncode == 0:
        return Outcome(counts)
    files = [path.read_bytes() for path in folder.glob("found-*")]
    said = [line for line in done.stderr.splitlines() if re.match(r"[\w.]*(Error|Exception|TooSlow)|==\d+==", line)][-1:]
    return Outcome(counts, (f"{kind}, guided, seed {seed}: {said or done.stderr[-500:]}: {files[:1]!r}",))


def _first_files(kind: str, seed: int) -> list[bytes]:
    from hostile import SEEDS

    from tests.proof.fuzz import GOOD_FILES, content

    return [
        *(SEEDS[name] for name in GOOD_FILES[kind]),
        *(content(kind, "made", seed, number)[0] for number in range(BEGIN_WITH)),
    ]


def main() -> None:
    import atheris  # type: ignore[import-not-found,unused-ignore]

    kind = sys.argv.pop(1)
    with atheris.instrument_imports(include=["plopi"]):
        from tests.proof.reading import read_through

    def one(data: bytes) -> None:
        read_through(kind, data, random.Random(len(data)))

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
