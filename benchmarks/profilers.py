"""The profilers under test: how each is told to profile a script, and how its own file is read.

Every reader gives the same: self weights by *label*, where a label is the nearest function of the workload, leaf to root, so that
what the library or C does counts for the function that called it, in every profiler alike.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any

OTHER = "(other)"
GC = "<gc>"
HARNESS = {"main_of_workload", "repeat"}
"""What lies above the functions whose truth is known; a stack without it belongs to the start of the program."""

Reading = Callable[[Path, frozenset[str]], "Measured"]


@dataclass(frozen=True)
class Measured:
    """What a profiler found: self weight by label, and how many samples that rests on (None: it does not sample)."""

    weights: dict[str, float]
    samples: int | None
    seconds: float | None = None
    """Time by the clock asked for that the profile accounts for, where the profiler claims to count it."""


@dataclass(frozen=True)
class Profiler:
    name: str
    package: str
    command: Callable[[float, Path], list[str]]
    """Interval in seconds and output file -> what goes before the script."""
    read: Reading
    note: str = ""
    clock: str = "cpu"
    """Of the weights that are read: ``cpu`` or ``wall``."""
    root: Path = Path("/")
    """Where the profiled Python sees the file system's root: elsewhere for one in a chroot."""
    environment: tuple[tuple[str, str], ...] = ()
    release: str = ""
    """Of one that comes with a Python other than this."""

    def version(self) -> str:
        return metadata.version(self.package) if self.package else self.release or platform.python_version()

    def seen(self, path: Path) -> Path:
        """A path of this machine as the profiled Python sees it."""
        return Path("/") / path.relative_to(self.root)


def label_of(stack_leaf_first: Sequence[str], labels: frozenset[str]) -> str | None:
    """Names may be qualified; the workload's own names are unique. None for what ran before the workload did."""
    names = [name.rpartition(".")[2] for name in stack_leaf_first]
    if GC in names[:1] and GC in labels and label_of(names[1:], labels - {GC}):
        return GC
    return next((name for name in names if name in labels), OTHER if HARNESS.intersection(names) else None)


def add_up(stacks: Iterable[tuple[list[str], float]], labels: frozenset[str]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for leaf_first, weight in stacks:
        label = label_of(leaf_first, labels)
        if label:
            weights[label] = weights.get(label, 0) + weight
    return weights


# --- plopi ---


def read_plopi(path: Path, labels: frozenset[str], clock: str) -> Measured:
    from plopi import formats
    from plopi.collector.clock import kernel_tick_ns

    profile = formats.read(path.read_bytes(), path.name)
    names = [sample_type.name for sample_type in profile.sample_types]
    times, counts = profile.samples.weights[names.index(clock)], profile.samples.weights[names.index("samples")]

    def leaf_first(stack: int) -> list[str]:
        found = []
        while stack != -1:
            found.append(profile.function_name(profile.locations.function[profile.stacks.location[stack]]))
            stack = profile.stacks.parent[stack]
        return found

    stacks = [(leaf_first(int(stack)), int(weight)) for stack, weight in zip(profile.samples.stack, times)]
    weights = add_up(stacks, labels)
    taken, seconds = int(sum(counts)), sum(weights.values()) / 1e9
    if clock == "cpu" and "wall" in names:  # most of the samples are wall time's
        taken = min(taken, round(seconds * 1e9 / max(profile.about.period_ns or 0, kernel_tick_ns())))
    return Measured(weights, taken, seconds)


def plopi(engine: str, clock: str = "cpu", mode: str = "") -> Profiler:
    """``mode``: where it is not the clock, ``both``."""

    def command(interval: float, out: Path) -> list[str]:
        options = ["--engine", engine, "--interval", str(interval), "--mode", mode or clock]
        return [sys.executable, "-m", "plopi.collector", *options, "-o", str(out), "-f", "pprof", "-q"]

    name = f"plopi ({engine}, {clock} of {mode})" if mode else f"plopi ({engine})"
    return Profiler(name, "plopi", command, partial(read_plopi, clock=clock), clock=clock)


# --- Plop ---


def read_plop(path: Path, labels: frozenset[str]) -> Measured:
    """Plop writes ``profiles/SCRIPT-TIME.flame`` in the working directory: every stack, while its own format keeps fifty."""
    [written] = (path.parent / "profiles").glob("*.flame")
    stacks = []
    for line in written.read_text().splitlines():
        frames, _, count = line.rpartition(" ")
        if frames != "None":
            stacks.append(([frame.partition(" (")[0] for frame in reversed(frames.split(";"))], float(count)))
    shutil.rmtree(written.parent)
    # It counts the stack of every thread at every tick: threads, not ticks, are what adds up to its number of samples.
    return Measured(add_up(stacks, labels), int(sum(count for _, count in stacks)))


def plop_command(interval: float, out: Path, mode: str = "prof") -> list[str]:
    return [sys.executable, "-m", "plop.collector", "--interval", str(interval), "--mode", mode, "--format", "flamegraph"]


# --- py-spy ---


def read_folded(path: Path, labels: frozenset[str]) -> Measured:
    stacks = []
    for line in path.read_text().splitlines():
        frames, _, count = line.rpartition(" ")
        if frames:
            stacks.append(([re.sub(r" \([^()]*\)$", "", frame) for frame in reversed(frames.split(";"))], float(count)))
    return Measured(add_up(stacks, labels), int(sum(count for _, count in stacks)))


def py_spy_command(interval: float, out: Path, *more: str) -> list[str]:
    py_spy = str(Path(sys.executable).parent / "py-spy")
    options = ["--rate", str(round(1 / interval)), "--format", "raw", "--output", str(out), *more]
    return [py_spy, "record", *options, "--", sys.executable]


def py_spy_idle_command(interval: float, out: Path) -> list[str]:
    return py_spy_command(interval, out, "--idle")


# --- pyinstrument ---


def read_pyinstrument(path: Path, labels: frozenset[str]) -> Measured:
    session = json.loads(path.read_text())
    stacks = [([frame.partition("\0")[0] for frame in reversed(stack)], float(time)) for stack, time in session["frame_records"]]
    return Measured(add_up(stacks, labels), session["sample_count"])


def pyinstrument_command(interval: float, out: Path) -> list[str]:
    return [sys.executable, "-m", "pyinstrument", "-i", str(interval), "-r", "pyisession", "-o", str(out)]


# --- austin, Tachyon ---


def read_colons(path: Path, labels: frozenset[str]) -> Measured:
    """Folded stacks whose frames are ``file:function:line``, as both write them; austin's weights are microseconds."""
    if path.read_bytes()[:3] == b"MOJ":
        convert = str(Path(sys.executable).parent / "mojo2austin")
        subprocess.run([convert, str(path), str(path) + ".txt"], check=True, capture_output=True)
        path = Path(str(path) + ".txt")
    stacks, interval = [], 0.0
    for line in path.read_text(errors="replace").splitlines():
        frames, _, weight = line.rpartition(" ")
        if line.startswith("# interval:"):
            interval = float(weight)
        elif frames and not line.startswith("#"):
            names = [GC if "GC" in frame else frame.rpartition(":")[0].rpartition(":")[2] for frame in frames.split(";")]
            stacks.append((names[::-1], float(weight)))
    total = sum(weight for _, weight in stacks)
    return Measured(add_up(stacks, labels), int(total / interval if interval else total))


def in_debian(root: Path, *command: str) -> list[str]:
    """A command in the chroot that ``tests/native/pythons`` makes; with /proc, which both of these read."""
    enter = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
    return ["unshare", "--mount", "sh", "-c", enter, str(root), *command]


def from_debian(clock: str = "cpu") -> list[Profiler]:
    """Tachyon needs Python 3.15, austin 4 a newer C library than some systems have: both run in the chroot, if there is one."""
    root = Path(os.environ.get("PLOPI_PYTHONS") or Path.home() / ".cache/plopi-pythons") / "debian"
    python, austin = "/usr/bin/python3.{}", shutil.which("austin", path=str(Path(sys.executable).parent))
    looks_at = "threads that are on a CPU" if clock == "cpu" else "all threads"
    found = []
    if austin and (root / python.format(14)[1:]).exists():
        shutil.copy(austin, root / "tmp/austin")

        def austin_command(interval: float, out: Path) -> list[str]:
            options = ["-g", "-i", f"{round(interval * 1e6)}us", "-o", str(out), *(["-c"] if clock == "cpu" else [])]
            return in_debian(root, "/tmp/austin", *options, python.format(14))

        note = f"from outside, of CPython 3.14; {looks_at}"
        found.append(Profiler("austin", "austin-dist", austin_command, read_colons, note, clock, root))
    if (root / python.format(15)[1:]).exists():

        def tachyon_command(interval: float, out: Path) -> list[str]:
            options = ["--collapsed", "-a", "--mode", clock, "-r", str(round(1 / interval)), "-o", str(out)]
            return in_debian(root, python.format(15), "-m", "profiling.sampling", "run", *options)

        asked = [*in_debian(root, python.format(15)), "-c", "import platform; print(platform.python_version())"]
        release = subprocess.run(asked, capture_output=True, text=True).stdout.strip()
        note = f"profiling.sampling; from outside, {looks_at}"
        found.append(Profiler("Tachyon", "", tachyon_command, read_colons, note, clock, root, release=release))
    return found


# --- cProfile ---


def read_cprofile(path: Path, labels: frozenset[str]) -> Measured:
    """A function that is no label gives its time to its callers, as its edges share it."""
    import pstats

    rows = pstats.Stats(str(path)).stats  # type: ignore[attr-defined]
    weights: dict[str, float] = {}

    def give(function: tuple[str, int, str], weight: float, hops: int) -> None:
        label = function[2].rpartition(".")[2]
        callers = rows[function][4]
        edge_times = {caller: edge[2] for caller, edge in callers.items()}
        total = sum(edge_times.values())
        if label in labels or not callers or not hops or total <= 0:
            known = label_of([label], labels)
            if known:
                weights[known] = weights.get(known, 0) + weight
            return
        for caller, time in edge_times.items():
            give(caller, weight * time / total, hops - 1)

    for function, (_, _, tottime, _, _) in rows.items():
        give(function, tottime, 6)
    return Measured(weights, None)


def cprofile_command(interval: float, out: Path) -> list[str]:
    return [sys.executable, "-m", "cProfile", "-o", str(out)]


PEERS = (
    Profiler("Plop", "plop", plop_command, read_plop),
    Profiler("py-spy", "py-spy", py_spy_command, read_folded, "from outside; threads that are on a CPU"),
    Profiler("pyinstrument", "pyinstrument", pyinstrument_command, read_pyinstrument, "wall time of the main thread"),
    Profiler("cProfile", "", cprofile_command, read_cprofile, "traces calls of the main thread; does not sample"),
)
WALL_PEERS = (
    Profiler("Plop", "plop", partial(plop_command, mode="real"), read_plop, clock="wall"),
    Profiler("py-spy", "py-spy", py_spy_idle_command, read_folded, "from outside; --idle: all threads", "wall"),
    Profiler("pyinstrument", "pyinstrument", pyinstrument_command, read_pyinstrument, "the main thread", "wall"),
)


def engines() -> list[str]:
    """The engines of plopi that run here."""
    with tempfile.TemporaryDirectory() as folder:
        probe = [sys.executable, "-m", "plopi.collector", "--engine", "native", "-q", "--datadir", folder, "-c", "pass"]
        native = subprocess.run(probe, capture_output=True).returncode == 0
    return ["python", "native"] if native else ["python"]


@cache
def built_elsewhere() -> tuple[tuple[Any, Any], ...]:
    """Every other CPython there is with a copy of plopi and the native engine's C part, built for it, in a folder that stays."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests/native"))
    from targets import build, targets

    return tuple((target, build(target)) for target in targets() if target.version != platform.python_version())


def elsewhere(engine: str, clock: str = "cpu", mode: str = "") -> list[Profiler]:
    """One of plopi's engines on every other CPython there is."""

    def on(target: Any, built: Any) -> Profiler:
        own = plopi(engine, clock, mode)

        def command(interval: float, out: Path) -> list[str]:
            return [*target.command, *own.command(interval, out)[1:]]

        path = (("PYTHONPATH", built.seen(built.folder)),)
        name = f"{own.name[:-1]}, {target})"
        return Profiler(name, "plopi", command, own.read, clock=clock, root=target.root, environment=path)

    return [on(target, built) for target, built in built_elsewhere()]


def all_profilers(every_python: bool = False, clock: str = "cpu") -> list[Profiler]:
    others = elsewhere("native", clock) if every_python else []
    peers = PEERS if clock == "cpu" else WALL_PEERS
    return [*(plopi(engine, clock) for engine in engines()), *others, *peers, *from_debian(clock)]


def both_clocks(every_python: bool = False) -> list[Profiler]:
    """plopi with both clocks in one profile, read by either. None of the peers has that."""
    found = []
    for clock in ("cpu", "wall"):
        found += [plopi(engine, clock, "both") for engine in engines()]
        found += elsewhere("native", clock, "both") if every_python else []
    return found
