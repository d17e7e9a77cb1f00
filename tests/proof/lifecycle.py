"""Endings: a program under plopi shows what it shows without, however it ends, under each CPython, clock and engine."""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import TimeoutExpired

from tests.collector.conftest import interpreters
from tests.collector.endings import SOURCES
from tests.collector.test_cli import profiles, read, run, without_plopis_traces
from tests.native.targets import Built, build, lacks, targets
from tests.proof import ROOT
from tests.proof.outcome import Outcome, together

MODES = ("cpu", "wall")
LEAVES_NO_DIRECTORY = "removes its directory"


@dataclass(frozen=True)
class Case:
    version: str
    python: str
    plopi: Path
    """Where plopi lies, with the native engine built for this Python where ``engine`` is native."""
    engine: str
    mode: str
    ending: str

    def __str__(self) -> str:
        return f"{self.ending}, {self.version}, {self.mode}, {self.engine}"


def run_some(seed: int, size: int, folder: Path, *, every_native: bool = False) -> Outcome:
    """``size`` of all cases, drawn anew by each seed; ``every_native`` builds the native engine for every CPython from 3.11."""
    with native_engines(every_native) as natives:
        cases = list(all_cases(natives))
        random.Random(seed).shuffle(cases)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return together(pool.map(lambda numbered: judged(numbered[1], folder / str(numbered[0])), enumerate(cases[:size])))


def all_cases(natives: dict[str, tuple[str, Path]]) -> Iterator[Case]:
    pythons = [(version, str(python), ROOT, "python") for version, python in interpreters().items()]
    pythons += [(version, python, plopi, "native") for version, (python, plopi) in natives.items()]
    for version, python, plopi, engine in pythons:
        for mode in MODES:
            for ending in SOURCES:
                yield Case(version, python, plopi, engine, mode, ending)


@contextmanager
def native_engines(every: bool) -> Iterator[dict[str, tuple[str, Path]]]:
    """Version -> its Python, and a plopi with the native engine for it; without ``every`` at most the oldest one's."""
    built: list[Built] = []
    try:
        for target in targets():
            if target.root == Path("/") and not lacks(target) and (every or not built):
                built.append(build(target))
        yield {each.target.version: (each.target.command[0], each.folder) for each in built}
    finally:
        for each in built:
            shutil.rmtree(each.folder, ignore_errors=True)


def judged(case: Case, folder: Path) -> Outcome:
    try:
        faults = list(differences(case, folder))
    except TimeoutExpired as error:
        faults = [f"did not end within {error.timeout} s"]
    counts = Counter({f"{case.engine}: {case.mode}, {case.version}": 1})
    return Outcome(counts, tuple(f"{case}: {fault}" for fault in faults))


def differences(case: Case, folder: Path) -> Iterator[str]:
    environment = {"PYTHONPATH": str(case.plopi)}
    plain_folder, folder = folder / "program", folder / "again" / "program"
    for each in (plain_folder, folder):
        each.mkdir(parents=True)
        encoding = "latin-1" if "latin" in SOURCES[case.ending] else "utf-8"
        (each / "program.py").write_text(SOURCES[case.ending], encoding=encoding)
    words = ["program.py", "-q", "argument"]
    plain = run([case.python, *words], plain_folder, environment)
    options = ["--mode", case.mode, "--engine", case.engine, "--interval", "4ms"]
    ours = run([case.python, "-m", "plopi.collector", *options, *words], folder, environment)
    if ours.code != plain.code:
        yield f"status {plain.code} without, {ours.code} with plopi"
    for what, without, text in (("stdout", plain.out, ours.out), ("stderr", plain.err, without_plopis_traces(ours.err))):
        with_plopi = text.replace(str(folder), str(plain_folder))
        if with_plopi != without:
            yield f"{what} {without!r} without, {with_plopi!r} with plopi"
    if case.ending == LEAVES_NO_DIRECTORY:
        return
    found = profiles(folder)
    if not found:
        yield f"no profile: {ours.said}"
    for path in found:
        if path.name.startswith("."):
            yield f"{path.name} was left"
        else:
            read(path)
