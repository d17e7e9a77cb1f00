"""Other people's tests under the native engine: ``python tests/native/foreign.py [MODULE ...]``, with the Python to be tested.

Runs modules of CPython's own test suite (``pyenv``'s Pythons have them) without plopi, once, and with each engine at 1 kHz by CPU
and wall time, and compares the outcome of every single test. A test that differs is run again, both ways, before it counts:
suites have tests that fail now and then by themselves. One with which the process died counts at once. One that hangs costs its
own patience, and no other's outcome. What is known to differ, and why, stands in ``EXPLAINED``.

    python tests/native/foreign.py test_gc test_signal        # CPython's
    python tests/native/foreign.py --unittest tornado.test     # any other package's, by unittest's discovery of its modules
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = ("threading", "asyncio", "signal", "gc", "generators", "subprocess", "multiprocessing_fork", "socket")
EXPLAINED: dict[str, str] = {
    r"test_gc\.GCTests\.test_get_count": "the engine's helper makes objects, and gc.get_count() tells",
    r"test_sys_settrace\.RaisingTraceFuncTestCase\.": "the trace function meets the Python engine's handler, and raises there",
    r"test_traceback\.\w+\.test_recursive_traceback": "the Python engine lets calls go 20 deeper, and 1,000 are printed",
}
"""Patterns of tests whose outcome may differ while plopi samples, and why."""
RUNNER = ROOT / "tests/native/foreign_runner.py"
PATIENCE_SECONDS = 120
TRIES = 3
DIED = "ended with -"
"""By a signal: that counts also if it happened once."""


@dataclass(frozen=True)
class Ran:
    """What came of the tests of a module: outcome by test, and what the collectors of the processes say of their profiles."""

    outcomes: dict[str, str]
    ticks: int | None
    """None: no process came to its end."""
    notes: tuple[str, ...]


def run(names: list[str], engine: str | None, options: argparse.Namespace) -> Ran:
    """A test that hangs, or with which the process dies, has that for an outcome, and the others go on in a new process."""
    told = {name: getattr(options, name) for name in ("mode", "interval", "without")}
    told["engine"] = engine
    ends: dict[str, str] = {}
    notes: list[str] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        journal, errors = Path(folder) / "journal", Path(folder) / "stderr"
        journal.touch()
        while True:
            size = journal.stat().st_size
            ended = _watched([",".join(names), str(journal), json.dumps(told)], journal, errors, options)
            lines = [json.loads(line) for line in journal.read_text().splitlines()]
            facts = lines.pop()[0] if lines and len(lines[-1]) == 1 else None
            if facts is None or ended != "ended with 0":
                culprit = lines[-1][0] if lines and lines[-1][1] is None else f"the process of {','.join(names)}"
                ends[culprit] = ended
                notes.append(f"{culprit} {ended}: {errors.read_text(errors='replace')[-1500:]}")
            if facts is not None or journal.stat().st_size == size:
                known = facts or {}
                return Ran(dict(lines) | ends, known.get("ticks"), (*notes, *known.get("notes", ())))


def _watched(arguments: list[str], journal: Path, errors: Path, options: argparse.Namespace) -> str:
    """Run a process until it ends, or writes nothing for too long; says how it ended."""
    path = os.pathsep.join(filter(None, [str(options.plopi), os.environ.get("PYTHONPATH")]))
    with errors.open("w") as stderr, subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-c", RUNNER.read_text(), *arguments],
        cwd=journal.parent, env={**os.environ, "PYTHONPATH": path}, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
        start_new_session=True,
    ) as process:  # fmt: skip
        first, since = journal.stat().st_size, time.monotonic()
        size = first
        try:
            while process.poll() is None:
                now = journal.stat().st_size
                size, since = now, since if now == size else time.monotonic()
                patience = options.timeout if size > first else max(options.timeout, PATIENCE_SECONDS)  # imports are no test
                if time.monotonic() - since > patience:
                    process.send_signal(signal.SIGABRT)  # faulthandler tells where all threads are
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(5)
                    return f"nothing for {patience} s"
                time.sleep(0.05)
            return f"ended with {process.returncode}"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # and what the tests left behind


def differences(without: dict[str, str], with_engine: dict[str, str]) -> dict[str, tuple[str, str]]:
    names = sorted(without.keys() | with_engine.keys())
    pairs = {name: (without.get(name, "not run"), with_engine.get(name, "not run")) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def still_differs(name: str, engine: str, options: argparse.Namespace) -> tuple[str, str] | None:
    """The two outcomes of one test alone, run again up to three times; None once they were the same."""
    pair = ("", "")
    for _ in range(TRIES):
        without, with_engine = run([name], None, options).outcomes, run([name], engine, options).outcomes
        pair = (without.get(name, str(without)), with_engine.get(name, str(with_engine)))
        if pair[0] == pair[1]:
            return None
    return pair


def compare(module: str, options: argparse.Namespace) -> int:
    """Print how a module fares by each engine; the number of differences that nothing explains."""
    without = run([module], None, options)
    if any("_FailedTest" in name for name in without.outcomes):
        print(f"{module}: cannot be imported by this Python: left out", flush=True)
        return 0
    print(f"{module}: {len(without.outcomes)} tests", flush=True)
    for note in without.notes:
        print(f"    without: {note}")
    return sum(compare_by(engine, module, without.outcomes, options) for engine in options.engine.split(","))


def compare_by(engine: str, module: str, without: dict[str, str], options: argparse.Namespace) -> int:
    with_engine = run([module], engine, options)
    strange = 0
    first = differences(without, with_engine.outcomes)
    ticks = "no" if with_engine.ticks is None else with_engine.ticks
    print(f"{engine}: {module}: {len(without)} tests, {ticks} ticks, {len(first)} differ at first", flush=True)
    for note in with_engine.notes:
        print(f"    with: {note}")
    for name, pair in first.items():
        alone = re.fullmatch(r"[\w.]+", name) and name.count(".") > 1 and not pair[1].startswith(DIED)
        again = still_differs(name, engine, options) if alone else pair
        reason = next((why for pattern, why in EXPLAINED.items() if re.search(pattern, name)), None)
        if again is None:
            print(f"    {engine}: {name}: {pair[0]} / {pair[1]}; the same both ways when run again", flush=True)
        else:
            strange += reason is None
            print(f"    {engine}: {name}: {again[0]} without, {again[1]} with: {reason or 'NOT EXPLAINED'}", flush=True)
    return strange


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", help=f"of CPython's suite (default: {' '.join(MODULES)})")
    parser.add_argument(
        "--without", default="VSOCK", help="pattern of tests left out (%(default)s: hang in sandboxes by themselves)"
    )
    parser.add_argument("--unittest", action="store_true", help="the names are those of any importable modules")
    parser.add_argument("--mode", default="both")
    parser.add_argument("--engine", default="native", help="python, native (default), or both: python,native")
    parser.add_argument("--interval", type=float, default=0.001)
    parser.add_argument("--timeout", type=int, default=PATIENCE_SECONDS, help="seconds for a single test (default %(default)s)")
    parser.add_argument(
        "--plopi", type=Path, default=ROOT, help="where plopi lies, built for this Python (default: this checkout)"
    )
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background command would hand on that it is ignored
    names = options.modules or [f"test_{name}" for name in MODULES]
    strange = 0
    for name in names:
        plain = name.removeprefix("test.")
        strange += compare(name if options.unittest else f"test.{plain}", options)
    print(f"CPython {sys.version.split()[0]}: {strange} differences that nothing explains")
    return 1 if strange else 0


if __name__ == "__main__":
    sys.exit(main())
