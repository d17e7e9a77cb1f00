"""Endings: a program under plopi shows what it shows without, however it ends, under each CPython, clock and engine."""

from __future__ import annotations

import contextlib
import os
import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from subprocess import TimeoutExpired

from tests.collector.conftest import interpreters
from tests.collector.endings import SOURCES
from tests.collector.test_cli import Outcome as Ended
from tests.collector.test_cli import profiles, read, run, without_plopis_traces
from tests.native.targets import Target, build, lacks, targets
from tests.proof import ROOT
from tests.proof.outcome import Outcome, together

MODES = ("cpu", "wall")
HERE = Path("/")
LEAVES_NO_DIRECTORY = "removes its directory"
COMMON = (
    "returns", "raises", "exits 3", "exits with a text", "exits with nothing", "os._exit", "SIGTERM", "SIGINT", "SIGKILL",
    "exec", "exec by name", "exec that fails", "fork", *(f"multiprocessing by {how}" for how in ("fork", "spawn", "forkserver")),
    "a subinterpreter", "a signal that it waits for", "millions of objects at the end",
)  # fmt: skip
"""How most programs end, and what is hardest on an engine."""


@dataclass(frozen=True)
class Subject:
    """A Python, and where plopi lies that it can import: with the native engine built for it, if there is one."""

    target: Target
    plopi: Path
    engines: tuple[str, ...]

    def run(self, words: Iterable[str], folder: Path) -> Ended:
        enter, python = self.target.command[:-1], self.target.command[-1]
        there = ["env", "-C", self.seen(folder)] if enter else []  # chroot goes to /
        return run([*enter, *there, python, *words], folder, {"PYTHONPATH": self.seen(self.plopi)})

    def seen(self, path: Path) -> str:
        """A path of this machine as that Python sees it."""
        return "/" + path.relative_to(self.target.root).as_posix()


@dataclass(frozen=True)
class Case:
    subject: Subject
    engine: str
    mode: str
    ending: str

    def __str__(self) -> str:
        return f"{self.ending}, {self.subject.target.version}, {self.mode}, {self.engine}"


def run_some(seed: int, size: int) -> Outcome:
    """``size`` of all cases, drawn anew by each seed."""
    with subjects() as found:
        return _all_judged(_drawn(seed, cases(found, SOURCES), size))


def run_common(seed: int, more: int) -> Outcome:
    """All cases of the common endings, and some of the others."""
    with subjects() as found:
        others = [ending for ending in SOURCES if ending not in COMMON]
        return _all_judged([*cases(found, COMMON), *_drawn(seed, cases(found, others), more)])


def _drawn(seed: int, drawn: Iterable[Case], size: int) -> list[Case]:
    shuffled = list(drawn)
    random.Random(seed).shuffle(shuffled)
    return shuffled[:size]


def _all_judged(wanted: Iterable[Case]) -> Outcome:
    """Without plopi a program runs once for all clocks and engines that it is compared with."""
    alike = defaultdict[tuple[Subject, str], list[Case]](list)
    for case in wanted:
        alike[case.subject, case.ending].append(case)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return together(pool.map(judged, alike.values()))


def cases(found: Iterable[Subject], endings: Iterable[str]) -> Iterator[Case]:
    for subject in found:
        for engine in subject.engines:
            for mode in MODES:
                yield from (Case(subject, engine, mode, ending) for ending in endings)


@contextlib.contextmanager
def subjects(versions: tuple[str, ...] = ()) -> Iterator[list[Subject]]:
    """Every CPython there is, of this machine and those that ``tests/native/pythons`` brings; or only those of ``versions``."""
    found, ends = [], contextlib.ExitStack()
    with ends:
        for target in targets():
            if not lacks(target) and _is_of(target.version, versions):
                built = build(target)
                ends.callback(rmtree, built.folder, ignore_errors=True)
                found.append(Subject(target, built.folder, ("python", "native")))
        known = {minor(each.target.version) for each in found}
        for version, python in interpreters().items():
            if minor(version) not in known and _is_of(version, versions):
                found.append(Subject(Target(version, (str(python),), HERE), ROOT, ("python",)))
        yield found


def _is_of(version: str, versions: tuple[str, ...]) -> bool:
    return not versions or minor(version) in versions


def minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def judged(alike: list[Case]) -> Outcome:
    """Cases of one Python and one ending."""
    subject, ending = alike[0].subject, alike[0].ending
    counts = Counter({f"{case.engine}: {case.mode}, {minor(subject.target.version)}": 1 for case in alike})
    findings: list[str] = []
    with tempfile.TemporaryDirectory(prefix="plopi-ending-", dir=subject.target.root / "tmp") as folder:
        plain_folder = Path(folder) / "plain" / "program"
        what: object = f"{ending}, {subject.target.version}, without plopi"
        try:
            plain = subject.run(written(ending, plain_folder), plain_folder)
            for what in alike:
                again = Path(folder) / f"{what.mode}-{what.engine}" / "program"
                findings += [f"{what}: {fault}" for fault in differences(what, again, plain, plain_folder)]
        except TimeoutExpired as error:
            findings.append(f"{what}: did not end within {error.timeout} s")
    return Outcome(counts, tuple(findings))


def written(ending: str, folder: Path) -> list[str]:
    """The program in a folder, and the words that run it."""
    folder.mkdir(parents=True)
    encoding = "latin-1" if "latin" in SOURCES[ending] else "utf-8"
    (folder / "program.py").write_text(SOURCES[ending], encoding=encoding)
    return ["program.py", "-q", "argument"]


def differences(case: Case, folder: Path, plain: Ended, plain_folder: Path) -> Iterator[str]:
    options = ["--mode", case.mode, "--engine", case.engine, "--interval", "4ms"]
    ours = case.subject.run(["-m", "plopi.collector", *options, *written(case.ending, folder)], folder)
    if ours.code != plain.code:
        yield f"status {plain.code} without, {ours.code} with plopi"
    for what, without, text in (("stdout", plain.out, ours.out), ("stderr", plain.err, without_plopis_traces(ours.err))):
        with_plopi = text.replace(case.subject.seen(folder), case.subject.seen(plain_folder))
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
