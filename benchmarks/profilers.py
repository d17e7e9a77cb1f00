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
    """CPU time that the profile accounts for, where the profiler claims to count CPU time."""


@dataclass(frozen=True)
class Profiler:
    name: str
    package: str
    command: Callable[[float, Path], list[str]]
    """Interval in seconds and output file -> what goes before the script."""
    read: Reading
    note: str = ""
    root: Path = Path("/")
    """Where the profiled Python sees the file system's root: elsewhere for one in a chroot."""
    environment: tuple[tuple[str, str], ...] = ()

    def version(self) -> str:
        return metadata.version(self.package) if self.package else platform.python_version()

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


def read_plopi(path: Path, labels: frozenset[str]) -> Measured:
    from plopi import formats

    profile = formats.read(path.read_bytes(), path.name)
    names = [sample_type.name for sample_type in profile.sample_types]
    cpu, counts = profile.samples.weights[names.index("cpu")], profile.samples.weights[names.index("samples")]

    def leaf_first(stack: int) -> list[str]:
        found = []
        while stack != -1:
            found.append(profile.function_name(profile.locations.function[profile.stacks.location[stack]]))
            stack = profile.stacks.parent[stack]
        return found

    weights = add_up(((leaf_first(int(stack)), int(weight)) for stack, weight in zip(profile.samples.stack, cpu)), labels | {GC})
    return Measured(weights, int(sum(counts)), sum(weights.values()) / 1e9)


def plopi(engine: str) -> Profiler:
    def command(interval: float, out: Path) -> list[str]:
        options = ["--engine", engine, "--interval", str(interval), "-o", str(out), "-f", "pprof", "-q"]
        return [sys.executable, "-m", "plopi.collector", *options]

    return Profiler(f"plopi ({engine})", "plopi", command, read_plopi)


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


def plop_command(interval: float, out: Path) -> list[str]:
    return [sys.executable, "-m", "plop.collector", "--interval", str(interval), "--format", "flamegraph"]


# --- py-spy ---


def read_folded(path: Path, labels: frozenset[str]) -> Measured:
    stacks = []
    for line in path.read_text().splitlines():
        frames, _, count = line.rpartition(" ")
        if frames:
            stacks.append(([re.sub(r" \([^()]*\)$", "", frame) for frame in reversed(frames.split(";"))], float(count)))
    return Measured(add_up(stacks, labels), int(sum(count for _, count in stacks)))


def py_spy_command(interval: float, out: Path) -> list[str]:
    py_spy = str(Path(sys.executable).parent / "py-spy")
    return [py_spy, "record", "--rate", str(round(1 / interval)), "--format", "raw", "--output", str(out), "--", sys.executable]


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


def from_debian() -> list[Profiler]:
    """Tachyon needs Python 3.15, austin 4 a newer C library than some systems have: both run in the chroot, if there is one."""
    root = Path(os.environ.get("PLOPI_PYTHONS") or Path.home() / ".cache/plopi-pythons") / "debian"
    python, austin = "/usr/bin/python3.{}", shutil.which("austin", path=str(Path(sys.executable).parent))
    found = []
    if austin and (root / python.format(14)[1:]).exists():
        shutil.copy(austin, root / "tmp/austin")

        def austin_command(interval: float, out: Path) -> list[str]:
            options = ["-c", "-g", "-i", f"{round(interval * 1e6)}us", "-o", str(out)]
            return in_debian(root, "/tmp/austin", *options, python.format(14))

        note = "from outside, of CPython 3.14; threads that are on a CPU"
        found.append(Profiler("austin", "austin-dist", austin_command, read_colons, note, root))
    if (root / python.format(15)[1:]).exists():

        def tachyon_command(interval: float, out: Path) -> list[str]:
            options = ["--collapsed", "-a", "--mode", "cpu", "-r", str(round(1 / interval)), "-o", str(out)]
            return in_debian(root, python.format(15), "-m", "profiling.sampling", "run", *options)

        note = "profiling.sampling of CPython 3.15; from outside, threads that are on a CPU"
        found.append(Profiler("Tachyon", "", tachyon_command, read_colons, note, root))
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


def engines() -> list[str]:
    """The engines of plopi that run here."""
    with tempfile.TemporaryDirectory() as folder:
        probe = [sys.executable, "-m", "plopi.collector", "--engine", "native", "-q", "--datadir", folder, "-c", "pass"]
        native = subprocess.run(probe, capture_output=True).returncode == 0
    return ["python", "native"] if native else ["python"]


def native_elsewhere() -> list[Profiler]:
    """plopi's native engine on every other CPython there is, each with its own C part, in a folder that stays."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests/native"))
    from targets import build, targets

    def on(target: Any) -> Profiler:
        built = build(target)
        own = plopi("native")

        def command(interval: float, out: Path) -> list[str]:
            return [*target.command, *own.command(interval, out)[1:]]

        path = (("PYTHONPATH", built.seen(built.folder)),)
        return Profiler(f"plopi (native, {target})", "plopi", command, read_plopi, root=target.root, environment=path)

    return [on(target) for target in targets() if target.version != platform.python_version()]


def all_profilers(every_python: bool = False) -> list[Profiler]:
    others = native_elsewhere() if every_python else []
    return [*(plopi(engine) for engine in engines()), *others, *PEERS, *from_debian()]
