"""Other people's tests under the native engine: ``python tests/native/foreign.py [MODULE ...]``, with the Python to be tested.

Runs modules of CPython's own test suite (``pyenv``'s Pythons have them) twice, without and with the engine at 1 kHz by CPU and
wall time, and compares the outcome of every single test. A test that differs is run again, both ways, before it counts: suites
have tests that fail now and then by themselves. What is known to differ, and why, stands in ``EXPLAINED``.

    python tests/native/foreign.py test_gc test_signal        # CPython's
    python tests/native/foreign.py --unittest tornado.test     # any other package's, by unittest's discovery of its modules
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = ("threading", "asyncio", "signal", "gc", "generators", "subprocess", "multiprocessing_fork", "socket")
EXPLAINED: dict[str, str] = {
    r"test_signal\.ItimerTest\.test_itimer_real": "a thread that just began to wait is signalled: signal.pause() ends",
    r"test_gc\.GCTests\.test_get_count": "the Python engine makes objects, and gc.get_count() tells",
}
"""Patterns of tests whose outcome may differ while plopi samples, and why."""
SLICE_SECONDS = 900

RUNNER = r"""
import faulthandler, json, sys, unittest
from pathlib import Path
names, out, options = sys.argv[1].split(","), Path(sys.argv[2]), json.loads(sys.argv[3])
collector = None
if options["engine"]:
    from plopi.collector import Collector
    collector = Collector(interval=options["interval"], mode=options["mode"], engine=options["engine"])

class Result(unittest.TextTestResult):
    outcomes = {}
    def note(self, test, outcome): self.outcomes[test.id()] = outcome
    def addSuccess(self, test): super().addSuccess(test); self.outcomes.setdefault(test.id(), "ok")
    def addFailure(self, test, error): super().addFailure(test, error); self.note(test, "failed")
    def addError(self, test, error): super().addError(test, error); self.note(test, "error")
    def addSkip(self, test, reason): super().addSkip(test, reason); self.note(test, "skipped")
    def addExpectedFailure(self, test, error): super().addExpectedFailure(test, error); self.note(test, "expected failure")
    def addUnexpectedSuccess(self, test): super().addUnexpectedSuccess(test); self.note(test, "unexpected success")
    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error is not None: self.note(test, "failed")

faulthandler.dump_traceback_later(options["timeout"] - 20, exit=True)
try:
    from test import support
    support.use_resources = {"walltime": None, "cpu": None, "subprocess": None}
    support.verbose = 0
except ImportError:
    pass
sys.argv[1:] = []
if collector: collector.start(None)
def wanted(suite):
    for each in suite:
        yield from wanted(each) if isinstance(each, unittest.TestSuite) else [each] if options["without"] not in each.id() else []
suite = unittest.TestSuite(wanted(unittest.defaultTestLoader.loadTestsFromNames(names)))
result = unittest.TextTestRunner(resultclass=Result, verbosity=1, stream=sys.stderr).run(suite)
facts = {}
if collector:
    collector.stop()
    about = collector.about
    facts = {"ticks": about.ticks, "engine": about.engine, "notes": list(about.notes)}
out.write_text(json.dumps([Result.outcomes, facts]))
"""


def run(names: list[str], engine: bool, options: argparse.Namespace) -> tuple[dict[str, str], dict[str, object]]:
    """Outcome by test, and what the collector says of its profile; a process that dies is an outcome, too."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "outcomes.json"
        told = {name: getattr(options, name) for name in ("mode", "interval", "timeout", "without")}
        told["engine"] = options.engine if engine else None
        command = [sys.executable, "-X", "faulthandler", "-c", RUNNER, ",".join(names), str(out), json.dumps(told)]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(options.plopi), os.environ.get("PYTHONPATH")])),
        }
        try:
            done = subprocess.run(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                errors="replace", timeout=options.timeout,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return {",".join(names): f"still running after {options.timeout} s"}, {}
        if not out.exists():
            return {",".join(names): f"ended with {done.returncode}: {done.stderr[-1500:]}"}, {}
        outcomes, facts = json.loads(out.read_text())
        return outcomes, facts


def differences(without: dict[str, str], with_engine: dict[str, str]) -> dict[str, tuple[str, str]]:
    names = sorted(without.keys() | with_engine.keys())
    pairs = {name: (without.get(name, "not run"), with_engine.get(name, "not run")) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def still_differs(name: str, options: argparse.Namespace) -> tuple[str, str] | None:
    """The two outcomes of one test alone, run again up to three times; None once they were the same."""
    pair = ("", "")
    for _ in range(3):
        without, with_engine = run([name], False, options)[0], run([name], True, options)[0]
        pair = (without.get(name, str(without)), with_engine.get(name, str(with_engine)))
        if pair[0] == pair[1]:
            return None
    return pair


def compare(module: str, options: argparse.Namespace) -> int:
    """Print how a module fares; the number of differences that nothing explains."""
    without, _ = run([module], False, options)
    with_engine, facts = run([module], True, options)
    if any("_FailedTest" in name for name in without):
        print(f"{module}: cannot be imported by this Python: left out", flush=True)
        return 0
    strange = 0
    first = differences(without, with_engine)
    print(f"{module}: {len(without)} tests, {facts.get('ticks', 'no')} ticks, {len(first)} differ at first", flush=True)
    for note in facts.get("notes", ()):  # type: ignore[attr-defined]
        print(f"    the profile notes: {note}")
    for name, pair in first.items():
        again = still_differs(name, options) if re.fullmatch(r"[\w.]+", name) and name.count(".") > 1 else pair
        reason = next((why for pattern, why in EXPLAINED.items() if re.search(pattern, name)), None)
        if again is None:
            print(f"    {name}: {pair[0]} / {pair[1]}; the same both ways when run again")
        else:
            strange += reason is None
            print(f"    {name}: {again[0]} without, {again[1]} with: {reason or 'NOT EXPLAINED'}", flush=True)
    return strange


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", help=f"of CPython's suite (default: {' '.join(MODULES)})")
    parser.add_argument("--without", default="VSOCK", help="tests left out: these hang in sandboxes by themselves (%(default)s)")
    parser.add_argument("--unittest", action="store_true", help="the names are those of any importable modules")
    parser.add_argument("--mode", default="both")
    parser.add_argument("--engine", default="native", help="python or native (default)")
    parser.add_argument("--interval", type=float, default=0.001)
    parser.add_argument("--timeout", type=int, default=SLICE_SECONDS, help="seconds for a module (default %(default)s)")
    parser.add_argument(
        "--plopi", type=Path, default=ROOT, help="where plopi lies, built for this Python (default: this checkout)"
    )
    options = parser.parse_args()
    names = options.modules or [f"test_{name}" for name in MODULES]
    strange = 0
    for name in names:
        plain = name.removeprefix("test.")
        strange += compare(name if options.unittest else f"test.{plain}", options)
    print(f"CPython {sys.version.split()[0]}: {strange} differences that nothing explains")
    return 1 if strange else 0


if __name__ == "__main__":
    sys.exit(main())
