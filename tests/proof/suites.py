"""Foreign suites: tests of CPython and Tornado come out one by one as they do without plopi, under either engine at 1 kHz.

``tests/native/foreign.py`` does the work; what may differ, and why, stands there.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.native.targets import Target
from tests.proof import ROOT, here, lifecycle
from tests.proof.lifecycle import Subject
from tests.proof.outcome import Outcome, together
from tests.proof.signals import native_is_there

TOUCHED = """
    generators gc signal threading subprocess asyncio socket sys multiprocessing_fork coroutines asyncgen contextlib frame
    sys_settrace sys_setprofile traceback faulthandler weakref thread fork1 queue select selectors monitoring concurrent_futures
"""
MODULES = tuple(f"test_{name}" for name in TOUCHED.split())
"""What has to do with signals, threads, time, frames and memory."""
SHORT_ON = ("3.11", "3.13")
LONG, BRIEF = ("asyncio", "subprocess", "signal", "threading"), ("gc", "generators")
LONG_BY = {"3.11": ("python",), "3.13": ("native",)}
"""In the short form: what takes minutes is run by one engine under each CPython, the others by both."""
AT_A_TIME = 3
"""Most of them wait most of the time."""


def short() -> Outcome:
    """What is hardest on a profiler, under two CPythons, and Tornado's own suite; the longest begin first."""
    with lifecycle.subjects(SHORT_ON) as found, ThreadPoolExecutor(AT_A_TIME) as pool:
        named = [(subject, name) for name in (*LONG, *BRIEF) for subject in found]
        began = [pool.submit(own_tests, subject, (f"test_{name}",), _engines(subject, name)) for subject, name in named]
        return together(each.result() for each in (*began, pool.submit(_tornado)))


def _engines(subject: Subject, name: str) -> tuple[str, ...]:
    by = LONG_BY[lifecycle.minor(subject.target.version)] if name in LONG else subject.engines
    return tuple(engine for engine in by if engine in subject.engines)


def _tornado() -> Outcome:
    """All in one process."""
    from tornado.test.runtests import TEST_MODULES

    return compared(("native" if native_is_there() else "python",), (",".join(TEST_MODULES),), "--unittest")


def own_tests(subject: Subject, modules: tuple[str, ...], engines: tuple[str, ...] = ()) -> Outcome:
    """Modules of a CPython's own suite, by each engine that there is for it, or those named."""
    bring_tests(subject.target)
    folder = subject.seen(subject.plopi)
    command = (*subject.target.command, f"{folder}/tests/native/foreign.py", "--plopi", folder)
    return together(compared(engines or subject.engines, (module,), command=command) for module in modules)


def bring_tests(target: Target) -> None:
    """Debian has a Python's own tests in a package of its own."""
    *enter, python = target.command
    if enter:
        package = f"lib{Path(python).name}-testsuite"
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        options = ("-q", "-y", "--no-install-recommends")
        subprocess.run([*enter, "apt-get", "install", *options, package], stdout=sys.stderr, env=environment, check=True)


def compared(engines: tuple[str, ...], names: tuple[str, ...], *options: str, command: tuple[str, ...] = ()) -> Outcome:
    """``command``: foreign.py under another Python than this one, with what plopi it has."""
    whole = [
        *(command or (sys.executable, str(ROOT / "tests/native/foreign.py"))),
        "--engine",
        ",".join(engines),
        *options,
        *names,
    ]
    done = subprocess.run(whole, capture_output=True, text=True, **({} if command else here()))
    print(done.stdout, end="", file=sys.stderr, flush=True)
    counts: Counter[str] = Counter()
    for by, tests, ticks in re.findall(r"^(\w+: \S+): (\d+) tests, (\d+|no) ticks", done.stdout, re.MULTILINE):
        counts[by] += int(tests)
        if ticks == "no":
            return Outcome(counts, (f"{by}: the profiler was not there at the end: {done.stdout[-1000:]}",))
    counts["modules that this Python does not have"] += done.stdout.count("cannot be imported")
    strange = [line.strip() for line in done.stdout.splitlines() if "NOT EXPLAINED" in line]
    if done.returncode and not strange:
        strange = [f"ended with {done.returncode}: {done.stderr[-1000:]}"]
    version = "".join(re.findall(r"^CPython (\S+):", done.stdout, re.MULTILINE))
    return Outcome(+counts, tuple(f"{version}: {line}" for line in strange))
