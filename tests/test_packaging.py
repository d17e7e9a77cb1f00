"""What ``pip install plopi`` brings: a collector that needs nothing else, and a viewer that says what it needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy, so that nothing is left in the checkout and nothing in it is found by chance."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT / "plopi", source / "plopi", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(out),
        str(source),
    ]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    [path] = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel installed alone, with no index to fetch a dependency from."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--target", str(target), str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


def pythons() -> Iterator[str]:
    """Every CPython from 3.10 on that this machine has, each version once."""
    known: set[str] = set()
    on_path = [shutil.which(f"python3.{minor}") for minor in range(10, 16)]
    in_pyenv = sorted(Path.home().glob(".pyenv/versions/3.1*/bin/python"))
    for candidate in [sys.executable, *filter(None, on_path), *map(str, in_pyenv)]:
        probe = [candidate, "-c", "import sys; print(sys.implementation.name, *sys.version_info[:2])"]
        asked = subprocess.run(probe, capture_output=True, text=True)
        name, *version = asked.stdout.split() or [""]
        if name == "cpython" and [int(part) for part in version] >= [3, 10] and asked.stdout not in known:
            known.add(asked.stdout)
            yield candidate


def run(python: str, site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Without any site-packages but ``site``."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(site), "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [python, "-S", *arguments], env=environment, capture_output=True, text=True, timeout=60, cwd=site.parent
    )


def test_the_wheel_holds_every_module_and_every_static_file(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    made_or_built_from = {".so", ".pyc", ".c", ".h"}
    wanted = [path for path in (ROOT / "plopi").rglob("*") if path.is_file() and path.suffix not in made_or_built_from]
    assert [path for path in wanted if path.relative_to(ROOT).as_posix() not in names] == []
    assert any(name.startswith("plopi/static/js/") for name in names)
    assert "plopi/py.typed" in names


def test_nothing_but_plopi_is_installed(installed: Path) -> None:
    assert {path.name.partition("-")[0] for path in installed.iterdir()} == {"plopi"}


def test_no_tests_demo_or_benchmarks_in_the_wheel(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"plopi"}


@pytest.mark.parametrize("python", list(pythons()))
def test_the_collector_needs_nothing_else(python: str, installed: Path, tmp_path: Path) -> None:
    script = tmp_path / "spin.py"
    script.write_text("import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end:\n    sum(range(1000))\n")
    for format_name, start in (
        ("pprof", b"\x1f\x8b"),
        ("plop", b"{"),
        ("pstats", b""),
        ("folded", b""),
        ("speedscope", b"{"),
    ):
        out = tmp_path / f"out.{format_name}"
        done = run(python, installed, "-m", "plopi.collector", "-f", format_name, "-o", str(out), str(script))
        assert done.returncode == 0, done.stderr
        assert out.read_bytes()[:2].startswith(start), format_name
        assert done.stdout == ""


def test_the_viewer_without_its_dependencies_says_what_to_install(installed: Path) -> None:
    done = run(sys.executable, installed, "-m", "plopi.viewer", "--datadir", ".")
    assert done.returncode == 1
    assert "pip install 'plopi[viewer]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
