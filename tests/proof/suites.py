"""Foreign suites: tests of CPython and Tornado come out one by one as they do without plopi, under either engine at 1 kHz.

``tests/native/foreign.py`` does the work; what may differ, and why, stands there.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.proof import ROOT, here
from tests.proof.outcome import Outcome
from tests.proof.signals import native_is_there

CPYTHON = ("test_generators", "test_gc")
TORNADO = ("tornado.test.gen_test", "tornado.test.locks_test")


def run(cpython: tuple[str, ...], packages: tuple[str, ...], engines: tuple[str, ...] = ("python", "native")) -> Outcome:
    outcome = Outcome()
    for engine in engines:
        if engine == "native" and not native_is_there():
            continue
        for names, option in ((cpython, ()), (packages, ("--unittest",))):
            if names:
                outcome += compared(engine, names, *option)
    return outcome


def compared(engine: str, names: tuple[str, ...], *options: str, python: Path | None = None) -> Outcome:
    """``python``: one in whose environment plopi is installed; the default is this one, with this checkout."""
    command = [str(python or sys.executable), str(ROOT / "tests/native/foreign.py"), "--engine", engine, *options, *names]
    done = subprocess.run(command, capture_output=True, text=True, **({} if python else here()))
    counts: Counter[str] = Counter()
    for module, tests, ticks in re.findall(r"^(\S+): (\d+) tests, (\d+|no) ticks", done.stdout, re.MULTILINE):
        counts[f"{engine}: {module}"] += int(tests)
        if ticks == "no":
            return Outcome(counts, (f"{engine}: {module}: the profiler was not there at the end: {done.stdout[-1000:]}",))
    counts["modules that this Python does not have"] += done.stdout.count("cannot be imported")
    strange = [line.strip() for line in done.stdout.splitlines() if "NOT EXPLAINED" in line]
    if done.returncode and not strange:
        strange = [f"ended with {done.returncode}: {done.stderr[-1000:]}"]
    return Outcome(+counts, tuple(f"{engine}: {line}" for line in strange))
