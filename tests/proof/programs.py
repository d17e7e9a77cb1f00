"""Programs: complete suites of other people, started as a user starts them, with ``python -m plopi.collector`` before them and
without. The exit status is the same, and so is the outcome of every single test.

Each Python there is gets an environment of its own, into which plopi and what is tested are installed; what pip cannot bring is
left out, and said so.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from plopi import formats
from tests.proof import ROOT
from tests.proof.outcome import Outcome

ENGINES = ("native", "python")
HARDEST = ("--interval", "1ms", "--mode", "both")
TRIES = 3
"""A test differs where no outcome that it had without plopi is one that it had with it, in so many runs."""
TIMEOUT_SECONDS = 1800
FEWEST = 100
"""A suite that has fewer tests did not run."""
UNITTEST_LINE = re.compile(
    r"^(\w+ \([\w.]+\))(?:\n.*?)?? \.\.\. .*?\b(ok|FAIL|ERROR|skipped|expected failure|unexpected success)\b",
    re.MULTILINE | re.DOTALL,
)
STATUS = "exit status"


@dataclass(frozen=True)
class Suite:
    command: tuple[str, ...]
    """What follows ``python`` or ``python -m plopi.collector ...``."""
    needs: tuple[str, ...]
    """What is to be installed, beside plopi."""
    source: str = ""
    """Whose source distribution has the tests, if what is installed has not; the command runs in ``folder`` of it."""
    folder: str = "."
    since: tuple[int, int] = (3, 10)


PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=outcomes.xml")
DJANGO = ("asgi", "async", "cache", "dispatch", "handlers", "queries", "signals", "utils_tests")
SQLALCHEMY = ("--db=sqlite", "--db=aiosqlite", "test/base", "test/engine", "test/ext/asyncio")
"""By a connection in the thread that asks, and by one in a thread of its own, from greenlets among an event loop's tasks."""
ELSEWHERE = ("connect_timeout", "total_timeout_connect")
"""Of requests: they connect to an address that is not this machine's."""
SUITES = {
    "Tornado": Suite(("-m", "tornado.test.runtests", "--verbose"), ("tornado",)),
    "click": Suite(PYTEST, ("click", "pytest<9"), "click"),
    "Flask": Suite(PYTEST, ("flask", "asgiref", "pytest<9"), "flask"),
    "attrs": Suite(PYTEST, ("attrs", "cloudpickle", "hypothesis", "pytest<9"), "attrs"),
    "Django": Suite(
        ("runtests.py", "--parallel=1", "-v", "2", *DJANGO), ("django", "jinja2"), "django", "tests", (3, 12),
    ),
    "SQLAlchemy": Suite((*PYTEST, *SQLALCHEMY), ("sqlalchemy", "aiosqlite", "greenlet", "pytest<9"), "sqlalchemy"),
    "requests": Suite(
        (*PYTEST, *(f"--deselect=tests/test_requests.py::TestTimeout::test_{name}" for name in ELSEWHERE)),
        ("requests[socks]", "httpbin~=0.10.0", "pytest-httpbin==2.1.0", "trustme", "pytest<9"), "requests",
    ),
    "httpx": Suite(
        PYTEST, ("httpx[brotli,cli,http2,socks,zstd]", "chardet", "trio", "trustme", "uvicorn", "pytest<9"), "httpx",
    ),
    "Starlette": Suite(PYTEST, ("starlette[full]", "httpx2[zstd]", "opentelemetry-sdk", "trio", "pytest>=9"), "starlette"),
    "Werkzeug": Suite(PYTEST, ("werkzeug", "cffi", "cryptography", "ephemeral-port-reserve", "pytest-timeout"), "werkzeug"),
}  # fmt: skip


def run(python: Path, names: tuple[str, ...], folder: Path, engines: tuple[str, ...] = ENGINES) -> Outcome:
    """The suites called ``names`` under one Python, whose environment is made in ``folder``."""
    folder = folder.resolve()
    own = folder / "bin/python"
    _ask(str(python), "-m", "venv", str(folder))
    outcome = Outcome()
    installed = _ask(str(own), "-m", "pip", "install", "-q", str(ROOT))
    if installed is not None:
        return Outcome(findings=(f"{python}: plopi cannot be installed: {installed}",))
    version = subprocess.run(
        [own, "-c", "import sys; print(*sys.version_info[:3])"], capture_output=True, text=True
    ).stdout.split()
    for name in names:
        suite = SUITES[name]
        if tuple(map(int, version[:2])) >= suite.since:
            where = _fetch(own, suite, folder / f"suite-{name}")
            if isinstance(where, Path):
                outcome += compare(f"{name} on {'.'.join(version)}", own, suite.command, where, engines)
            else:
                print(f"{name} is left out: {where}", file=sys.stderr)
    return outcome


def _ask(*command: str) -> str | None:
    """What stands at the end of stderr where a command fails, or None."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    return (done.stderr.strip().splitlines() or ["no reason given"])[-1] if done.returncode else None


def _fetch(python: Path, suite: Suite, folder: Path) -> Path | str:
    """Install what a suite needs and unpack its source; the folder to run it in, or why it cannot be had."""
    folder.mkdir()
    pip = (str(python), "-m", "pip")
    failed = _ask(*pip, "install", "-q", *suite.needs)
    if failed is not None or not suite.source:
        return failed or folder
    shown = subprocess.run([*pip, "show", suite.source], capture_output=True, text=True).stdout
    exact = f"{suite.source}=={shown.partition('Version: ')[2].partition(chr(10))[0]}"  # the tests of what was installed
    failed = _ask(*pip, "download", "-q", "--no-deps", "--no-binary", suite.source, "-d", str(folder), exact)
    if failed is not None:
        return failed
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    return next(path for path in folder.iterdir() if path.is_dir()) / suite.folder


def compare(name: str, python: Path, command: tuple[str, ...], where: Path, engines: tuple[str, ...] = ENGINES) -> Outcome:
    """One suite without plopi and under each engine."""
    counts: Counter[str] = Counter()
    findings = []
    without, with_plopi = [_outcomes([str(python), *command], where)], {engine: [] for engine in engines}
    counts[f"plain: {name}"] = len(without[0]) - 1
    for engine in engines:
        profile = where / f"plopi-{engine}.pb.gz"
        profiled = [str(python), "-m", "plopi.collector", "--engine", engine, *HARDEST, "-q", "-o", str(profile), *command]
        for turn in range(TRIES):
            if turn >= len(without):
                without.append(_outcomes([str(python), *command], where))
            with_plopi[engine].append(_outcomes(profiled, where))
            for each in _differences(without[turn : turn + 1], with_plopi[engine][turn:]):
                print(f"    {name}, {engine} engine, run {turn + 1}: {each}", file=sys.stderr, flush=True)
            differing = list(_differences(without, with_plopi[engine]))
            if not differing:
                break
        counts[f"{engine}: {name}"] = len(with_plopi[engine][-1]) - 1
        counts[f"samples: {name}"] += _samples(profile)
        findings += [f"{name}, {engine} engine: {each}" for each in differing]
    if len(without[0]) < FEWEST:
        findings.append(f"{name}: does not run here: {without[0]}")
    return Outcome(+counts, tuple(findings))


def _outcomes(command: list[str], where: Path) -> dict[str, str]:
    """Outcome by test, and the exit status among them."""
    written = where / "outcomes.xml"
    written.unlink(missing_ok=True)
    done = subprocess.run(
        command, cwd=where, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", timeout=TIMEOUT_SECONDS,
    )  # fmt: skip
    found = _of_pytest(written) if written.exists() else dict(UNITTEST_LINE.findall(done.stdout))
    return found | {STATUS: str(done.returncode)}


def _of_pytest(written: Path) -> dict[str, str]:
    cases = ElementTree.parse(written).iter("testcase")
    return {
        f"{case.get('classname')}::{case.get('name')}": "".join(sorted(each.tag for each in case)) or "passed" for case in cases
    }


def _differences(without: list[dict[str, str]], with_plopi: list[dict[str, str]]) -> Iterator[str]:
    for test in sorted(set().union(*without, *with_plopi)):
        plain, profiled = ({run.get(test, "not run") for run in runs} for runs in (without, with_plopi))
        if plain.isdisjoint(profiled):
            yield f"{test}: {' or '.join(sorted(plain))} without plopi, {' or '.join(sorted(profiled))} with it"


def _samples(profile: Path) -> int:
    return int(sum(formats.read(profile.read_bytes(), profile.name).samples.weights[0]))
