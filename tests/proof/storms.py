"""The native engine under storms of real signals (``tests/native/stress.py``) and walked at every machine instruction
(``tests/native/stepping.py``), on every CPython from 3.11 to 3.15 there is, and with CPython's JIT compiler where it has one.

In campaigns only: ``tests/native`` has the short form.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator

from tests.native.stress import SCENARIOS
from tests.native.targets import Built, build, lacks, targets
from tests.proof.outcome import Outcome, together

PATIENCE_SECONDS = 600
JIT = {"PYTHON_JIT": "1"}
"""https://docs.python.org/3.14/using/cmdline.html#envvar-PYTHON_JIT"""
NOT_BESIDE_JIT = {"trampolines"}
"""CPython gives them up for the compiler."""


def run(seconds: float, instructions: int) -> Outcome:
    """``seconds`` of each scenario, and so many instructions of each kind of call, on each CPython."""
    outcomes = []
    for target in targets():
        if lacks(target):
            continue
        built = build(target)
        try:
            outcomes += _all_of(built, seconds, instructions)
        finally:
            shutil.rmtree(built.folder, ignore_errors=True)
    return together(outcomes)


def _all_of(built: Built, seconds: float, instructions: int) -> Iterator[Outcome]:
    yield from _storms(built, SCENARIOS, seconds, {})
    if _has_jit(built):
        yield from _storms(built, [name for name in SCENARIOS if name not in NOT_BESIDE_JIT], seconds, JIT)
    if platform.machine() == "x86_64":  # by its trap flag
        yield _one(built, "stepping.py", (str(instructions),), "every instruction is safe", {})


def _has_jit(built: Built) -> bool:
    asked = built.run("-c", "import sys; print(sys._jit.is_enabled())", **JIT)
    return asked.stdout.strip() == "True"


def _storms(built: Built, names: Iterable[str], seconds: float, environment: dict[str, str]) -> Iterator[Outcome]:
    for name in names:
        yield _one(built, "stress.py", (str(seconds), name), "all passed", environment)


def _one(built: Built, script: str, arguments: tuple[str, ...], good: str, environment: dict[str, str]) -> Outcome:
    """One run of a script in ``tests/native``, with what it counted of signals or instructions."""
    kind = script.removesuffix(".py") + (" with the JIT" if environment else "")
    what = f"{built.target.version}, {kind}, {' '.join(arguments)}"
    try:
        where = built.seen(built.folder)
        done = built.run(built.script(script), *arguments, timeout=PATIENCE_SECONDS, PLOPI_ROOT=where, **environment)
    except subprocess.TimeoutExpired as error:
        return Outcome(Counter({kind: 1}), (f"{what}: did not end within {error.timeout} s",))
    counted = sum(map(int, re.findall(r"'(?:ticks|steps)': (\d+)", done.stdout)))
    counts = Counter({kind: 1, f"samples and steps, {built.target.version}": counted})
    passed = done.returncode == 0 and good in done.stdout
    return Outcome(counts, () if passed else (f"{what}: {done.stdout[-300:]} {done.stderr[-1500:]}",))
