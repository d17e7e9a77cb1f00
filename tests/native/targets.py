"""The Pythons that the native engine is tested on, each with a copy of plopi and the engine's C part built for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from plopi.collector.native_sources import fingerprint

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FIRST, LAST = (3, 11), (3, 15)
KEPT = ROOT / ".cache/native"
"""What was compiled, by its sources, Python and flags: several tests need the same."""


@dataclass(frozen=True)
class Target:
    """An interpreter: how to call it, and where it sees the file system's root (elsewhere in a chroot)."""

    version: str
    command: tuple[str, ...]
    root: Path

    def __str__(self) -> str:
        return self.version


@dataclass(frozen=True)
class Built:
    """A target with a folder of its own: ``plopi``, ``tests/native`` and the C part in it."""

    target: Target
    folder: Path

    def seen(self, path: Path) -> str:
        """A path of this machine as the target sees it."""
        return "/" + path.relative_to(self.target.root).as_posix()

    def run(self, *arguments: str, timeout: float = 300, **environment: str) -> subprocess.CompletedProcess[str]:
        full = {"PATH": os.environ["PATH"], "HOME": "/tmp", "PYTHONPATH": self.seen(self.folder)}
        return subprocess.run(
            [*self.target.command, "-X", "faulthandler", *arguments],
            env=full | environment,
            cwd=self.folder,  # ``-c`` looks there first: the checkout's plopi must not be found instead
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def script(self, name: str) -> str:
        return self.seen(self.folder / "tests/native" / name)


def targets() -> Iterator[Target]:
    """Every CPython from 3.11 to 3.15 there is: on this machine, and what ``tests/native/pythons`` can bring (in CI it does)."""
    found: dict[tuple[int, int], Target] = {}
    on_path = [shutil.which(f"python3.{minor}") for minor in range(FIRST[1], LAST[1] + 1)]
    in_pyenv = sorted(Path.home().glob(".pyenv/versions/3.1*/bin/python"))
    commands = [((candidate,), Path("/")) for candidate in [sys.executable, *filter(None, on_path), *map(str, in_pyenv)]]
    cached = [] if os.environ.get("CI") else ["--cached"]
    for line in _in_debian(*cached).splitlines():
        command, root = line.split("|")
        commands.append((tuple(command.split()), Path(root)))
    for words, root in commands:
        asked = subprocess.run([*words, "-c", PROBE], capture_output=True, text=True)
        name, version, major, minor, headers = (asked.stdout.split() or [""] * 5)[:5]
        key = (int(major or 0), int(minor or 0))
        if name == "cpython" and FIRST <= key <= LAST and headers == "headers" and key not in found:
            found[key] = Target(version, words, root)
            yield found[key]


def _in_debian(*options: str) -> str:
    """What ``pythons`` prints; "" where it fails, for a reason that it has said."""
    try:
        return subprocess.run(["sh", str(HERE / "pythons"), *options], stdout=subprocess.PIPE, text=True, timeout=400).stdout
    except subprocess.TimeoutExpired:
        print("tests/native/pythons took more than 400 s: Python 3.14 and 3.15 are left out", file=sys.stderr)
        return ""


def lacks(target: Target) -> str | None:
    """What there must be to build for ``target`` and is not, in words, or None."""
    there = subprocess.run([*target.command[:-1], "gcc", "--version"], capture_output=True) if target.command[:-1] else None
    if (there is None and not shutil.which("gcc")) or (there is not None and there.returncode):
        return f"no gcc to build the native engine for Python {target.version} with: apt-get install gcc libc6-dev"
    return None


PROBE = """
import os, platform, sys, sysconfig
headers = os.path.exists(os.path.join(sysconfig.get_path("include"), "internal", "pycore_frame.h"))
gil = not sysconfig.get_config_var("Py_GIL_DISABLED")
print(sys.implementation.name, platform.python_version(), *sys.version_info[:2], "headers" if headers and gil else "none")
"""


def build(target: Target, *flags: str) -> Built:
    """Copy plopi and these tests to where the target can see them, and the C part as the target's headers make it."""
    temporary = target.root / "tmp"
    built = Built(target, Path(tempfile.mkdtemp(prefix="plopi-native-", dir=temporary)))
    shutil.copytree(ROOT / "plopi", built.folder / "plopi", ignore=shutil.ignore_patterns("__pycache__", "*.so", "static"))
    shutil.copytree(HERE, built.folder / "tests/native", ignore=shutil.ignore_patterns("__pycache__"))
    suffix = built.run("-c", "import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'))").stdout.strip()
    result = built.folder / f"plopi/collector/_sampler{suffix}"
    sources = f"{fingerprint():08x}"
    kept = KEPT / f"{sources}-{target.version}{''.join(flags)}{suffix}"
    if kept.exists():
        shutil.copy(kept, result)
    else:
        command = [*compiler(built), *flags, f"-DBUILT_FROM={fingerprint()}", "-fPIC", "-shared", "-o", built.seen(result)]
        subprocess.run(command, check=True)
        _keep(result, kept, sources)
    return built


def _keep(result: Path, kept: Path, sources: str) -> None:
    """For whoever builds of the same sources next; what was made of others goes away."""
    KEPT.mkdir(parents=True, exist_ok=True)
    for old in KEPT.iterdir():
        if not old.name.startswith(sources):
            old.unlink(missing_ok=True)
    partial = kept.with_name(f"{kept.name}-{os.getpid()}")
    shutil.copy(result, partial)
    partial.replace(kept)


def compiler(built: Built) -> list[str]:
    """The command that compiles the C part, but for what is to come of it."""
    include = built.run("-c", "import sysconfig; print(sysconfig.get_path('include'))").stdout.strip()
    warnings = ("-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers", "-Wno-unused-parameter")
    source = built.seen(built.folder / "plopi/collector/_sampler.c")
    return [*built.target.command[:-1], "gcc", "-std=gnu11", "-O2", "-g", *warnings, f"-I{include}", source]
