"""Small programs in processes of their own, under every CPython that this machine has."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
VERSIONS = ((3, 10), (3, 11), (3, 12), (3, 13), (3, 14), (3, 15))


def roughly(seconds: float) -> Any:
    """What a sampler finds of so much time on a machine that has others' work to do: at each end of a stretch the program may
    run for some 50 ms without a tick. How exact the weights are is shown where clocks are played (test_weights)."""
    return pytest.approx(seconds, rel=0.12, abs=0.2)


PRELUDE = '''
import gc, json, os, signal, sys, threading, time
from plopi.collector.collector import Collector, install

def spin(seconds):
    """Burns so much CPU time of the thread that calls it, in Python code.

    Reads the clock seldom: a busy kernel preempts where it is read, and then hundreds of ms may pass without a tick.
    """
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        for _ in range(100):
            sum([i * i for i in range(50)])

def name_of(profile, stack):
    location = profile.stacks.location[stack]
    return profile.function_name(profile.locations.function[location]).rpartition(".")[2]

def names(profile, stack):
    """Functions of a stack, leaf first."""
    found = []
    while stack >= 0:
        found.append(name_of(profile, stack))
        stack = profile.stacks.parent[stack]
    return found

def column(profile, kind):
    return profile.samples.weights[[t.name for t in profile.sample_types].index(kind)]

def totals(profile, kind, key):
    """Weights by key(stack's names, thread's name); seconds, or samples."""
    sums = {}
    for stack, thread, weight in zip(profile.samples.stack, profile.samples.thread, column(profile, kind)):
        label = key(names(profile, stack), profile.thread_name(thread))
        sums[label] = sums.get(label, 0) + (weight if kind == "samples" else weight / 1e9)
    return sums

def by_thread(profile, kind="cpu"):
    return totals(profile, kind, lambda stack, thread: thread)

def containing(profile, *wanted, kind="cpu"):
    """Weight of the stacks that hold each wanted function."""
    sums = {name: 0 for name in wanted}
    for stack, weight in zip(profile.samples.stack, column(profile, kind)):
        held = names(profile, stack)
        for name in wanted:
            if name in held:
                sums[name] += weight if kind == "samples" else weight / 1e9
    return sums

def answer(**values):
    print(json.dumps(values), flush=True)
'''


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def answer(self) -> Any:
        """What the script said with ``answer(...)``; fails with its stderr where it did not."""
        lines = [line for line in self.out.splitlines() if line.startswith("{")]
        assert lines, f"exit code {self.code}, no answer; stderr:\n{self.err}"
        return json.loads(lines[-1])


def version_of(python: Path) -> tuple[int, int] | None:
    found = re.search(r"(\d+)\.(\d+)", python.parent.parent.name) or re.search(r"python(\d+)\.(\d+)$", python.name)
    return (int(found[1]), int(found[2])) if found else None


def interpreters() -> dict[str, Path]:
    """One CPython per version: of PLOPI_TEST_PYTHONS (paths, separated like PATH), of the PATH, and of pyenv."""
    named = [Path(path) for path in os.environ.get("PLOPI_TEST_PYTHONS", "").split(os.pathsep) if path]
    on_path = [Path(found) for a, b in VERSIONS if (found := shutil.which(f"python{a}.{b}"))]
    candidates = [*named, *(path for path in on_path if ".pyenv/shims" not in str(path))]
    candidates += sorted((Path.home() / ".pyenv/versions").glob("3.*/bin/python"))
    known = {f"{sys.version_info[0]}.{sys.version_info[1]}": Path(sys.executable)} if not named else {}
    for python in candidates:
        version = version_of(python)
        if version in VERSIONS and python.exists():
            known.setdefault(f"{version[0]}.{version[1]}", python)
    return dict(sorted(known.items(), key=lambda entry: int(entry[0].partition(".")[2])))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "run" in metafunc.fixturenames:
        found = interpreters()
        only_one = metafunc.definition.get_closest_marker("one_python") is not None
        chosen = [f"{sys.version_info[0]}.{sys.version_info[1]}"] if only_one else list(found)
        metafunc.parametrize("run", [found[name] for name in chosen], ids=chosen, indirect=True)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "one_python: what it shows does not depend on the version of Python")


@pytest.fixture
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Ran]:
    """``run(body)`` runs a script of PRELUDE and body; ``run.python`` is not needed: the test's id says which."""
    python: Path = request.param

    def run_script(body: str, *, timeout: float = 240, prelude: bool = True, **environment: str) -> Ran:
        script = tmp_path / "program.py"
        script.write_text((PRELUDE if prelude else "") + textwrap.dedent(body))
        env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        done = subprocess.run(
            [python, str(script)],
            cwd=tmp_path,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run_script
