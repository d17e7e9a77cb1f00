"""The native engine built with the address and undefined-behaviour sanitizers, under the storm of signals of
``tests/native/stress.py``: CPython allocates by ``malloc`` meanwhile, so that
whatever the engine reads after it was freed is seen, but for frames, of which it says itself that they may be gone.

Whether the stacks are right is left to the engine as users have it: an allocation takes so long here that samples fall where
profiling functions do not look.
"""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.native.stress import SCENARIOS
from tests.native.targets import Built, Target, build, lacks, targets
from tests.proof.outcome import Outcome, together

FLAGS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
PATIENCE_SECONDS = 120


def runtime(target: Target) -> str | None:
    """The library that must be loaded first, as that Python sees it; None where its gcc has none."""
    if lacks(target):
        return None
    asked = subprocess.run([*target.command[:-1], "gcc", "-print-file-name=libasan.so"], capture_output=True, text=True)
    told = asked.stdout.strip()
    return told if Path(told).is_absolute() else None


def run(seconds: float, most_pythons: int) -> Outcome:
    """``seconds`` of each scenario under the CPythons of this machine, then under those in a ``chroot``."""
    outcomes = []
    for target, library in list(subjects())[:most_pythons]:
        built = build(target, *FLAGS)
        try:
            outcomes += [_stressed(built, library, name, seconds) for name in SCENARIOS]
        finally:
            shutil.rmtree(built.folder, ignore_errors=True)
    return together(outcomes)


def subjects() -> Iterator[tuple[Target, str]]:
    """Every CPython that can be had with the sanitizers, and their library. They read their options in ``/proc``, which a
    ``chroot`` gets for as long as a process lasts."""
    for found in targets():
        with_proc = ("unshare", f"--mount-proc={found.root / 'proc'}") if found.command[:-1] else ()
        target = replace(found, command=(*with_proc, *found.command))
        library = runtime(target)
        if library is not None:
            yield target, library


def _stressed(built: Built, library: str, name: str, seconds: float) -> Outcome:
    options = {"LD_PRELOAD": library, "ASAN_OPTIONS": "detect_leaks=0", "PYTHONMALLOC": "malloc", "STRESS_LEARNS": "no"}
    what = f"sanitized: {name}, {built.target.version}"
    try:
        where = built.seen(built.folder)
        done = built.run(
            built.script("stress.py"), str(seconds), name, timeout=seconds + PATIENCE_SECONDS, PLOPI_ROOT=where, **options
        )
    except subprocess.TimeoutExpired as error:
        return Outcome(Counter({what: 1}), (f"{what}: did not end within {error.timeout} s",))
    passed = "all passed" in done.stdout and "Sanitizer" not in done.stderr and "runtime error" not in done.stderr
    return Outcome(Counter({what: 1}), () if passed else (f"{what}: {done.stdout[-300:]} {done.stderr[:1500]}",))
