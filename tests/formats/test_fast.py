"""The C part of the readers says what the portable readers say, of whole files and of damaged ones, and survives anything."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawing import draw
from fuzz_fast import dumps
from hypothesis import given
from hypothesis import strategies as st
from making import read
from mutants import mutant

from plopi.errors import FormatError
from plopi.formats import fast, pstats_reader, ragged
from plopi.formats.limits import Limits
from plopi.formats.ragged import Ints
from plopi.model import NONE, Functions, Profile

HERE = Path(__file__).parent
FORMATS = HERE.parents[1] / "plopi" / "formats"
MUTANTS = int(os.environ.get("PLOPI_MUTANTS", "3000"))
"""A campaign sets PLOPI_MUTANTS."""

native = pytest.mark.skipif(fast.native is None, reason="the readers' C part is not built")


def told(reader: Any, data: bytes, limits: Limits) -> Any:
    """The profile, every column of it, or the error with its place."""
    try:
        return plain(reader(data, limits))
    except FormatError as error:
        return type(error), str(error), error.offset


def plain(profile: Profile) -> Any:
    columns = [*fields(profile.calls), *fields(Functions)]  # type: ignore[arg-type]
    tables = [getattr(profile.calls, field.name, None) for field in columns] + [
        getattr(profile.functions, field.name, None) for field in columns
    ]
    numbers = [np.asarray(each).tolist() for each in tables if each is not None]
    return list(profile.strings), numbers, profile.about


@native
@pytest.mark.parametrize("number", range(len(dumps())))
def test_whole_dumps(number: int) -> None:
    data = dumps()[number]
    limits = Limits()
    assert told(pstats_reader.read, data, limits) == told(pstats_reader.read_portably, data, limits)


@native
def test_damaged_dumps_read_or_are_refused_the_same_way() -> None:
    chance, seeds = random.Random(2), [each for each in dumps() if len(each) < 4000]
    for _ in range(MUTANTS):
        data = mutant(chance.choice(seeds), chance)
        limits = Limits(functions=chance.choice((5, 1000)), edges=chance.choice((5, 1000)))
        assert told(pstats_reader.read, data, limits) == told(pstats_reader.read_portably, data, limits), data


@native
def test_the_usual_dump_needs_no_python() -> None:
    """Else the fast path would be one in name only."""
    for path in sorted((HERE / "data").glob("cprofile-*.pstats")):
        assert isinstance(fast.pstats(path.read_bytes(), Limits(), lambda *_: None), fast.Dump), path


@native
def test_progress_is_told() -> None:
    seen = []
    entry = b")\x03z\x01ai%sz\x01f)\x05i\x01\0\0\0i\x01\0\0\0" + 2 * (b"g" + bytes(8)) + b"{0"
    data = b"{" + b"".join(entry % row.to_bytes(4, "little") for row in range(200_000)) + b"0"
    fast.pstats(data, Limits(), lambda *step: seen.append(step))
    assert len(seen) >= len(data) // (5 << 20)
    assert all(stage == "parsing" and 0 < done <= size == len(data) for stage, done, size in seen)


# --- pprof and stacks


@native
def test_samples_of_damaged_files_are_those_that_protobuf_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    import gzip

    chance = random.Random(3)
    seeds = [gzip.decompress(path.read_bytes()) for path in sorted((HERE / "data").glob("*.pb.gz"))]
    files = [*seeds, *(mutant(chance.choice(seeds), chance) for _ in range(MUTANTS // 10))]
    quick = [drawn(data) for data in files]
    monkeypatch.setattr(fast, "native", None)
    assert quick == [drawn(data) for data in files]


def drawn(data: bytes) -> str:
    try:
        profile = read(data, "x.pb")
    except FormatError as error:
        return str(error)
    return draw(profile)


@native
@given(st.lists(st.lists(st.integers(0, 5), max_size=5), max_size=8))
def test_both_tries_are_one(rows: list[list[int]]) -> None:
    flat: Ints = np.array([each for row in rows for each in row], np.int64)
    lengths: Ints = np.array([len(row) for row in rows], np.int64)
    found = fast.trie(flat, lengths, Limits())
    assert found is not None
    assert all(parent < row for row, parent in enumerate(found.parent.tolist()))
    assert paths(found) == paths(ragged.trie(flat, lengths, Limits()))
    assert len(set(zip(found.parent.tolist(), found.location.tolist()))) == len(found.parent)


def paths(trie: ragged.Trie) -> tuple[list[list[int]], int]:
    out = []
    for node in trie.stack.tolist():
        out.append([])
        while node != NONE:
            out[-1].append(int(trie.location[node]))
            node = int(trie.parent[node])
    return out, len(trie.parent)


@native
@pytest.mark.parametrize(("flat", "lengths"), [([1, 2], [3]), ([1, 2], [1]), ([1], [-1, 2]), ([-1], [1]), ([2**40], [1])])
def test_rows_that_are_none(flat: list[int], lengths: list[int]) -> None:
    assert fast.trie(np.array(flat, np.int64), np.array(lengths, np.int64), Limits()) is None


# --- memory


def test_a_file_of_strange_bytes_breaks_nothing(tmp_path: Path) -> None:
    """The C part alone, built with the sanitizers, fed 60,000 damaged files."""
    compiler = shutil.which("gcc")
    include = sysconfig.get_path("include")
    if compiler is None or not (Path(include) / "Python.h").exists() or not sys.platform.startswith("linux"):
        pytest.skip("needs gcc and this Python's headers")
    built = tmp_path / "_fast.so"
    flags = ["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-fPIC", "-shared"]
    sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    sources = sorted(map(str, FORMATS.glob("_fast*.c")))
    done = subprocess.run([compiler, *flags, *sanitizers, f"-I{include}", *sources, "-o", built], capture_output=True, text=True)
    if "sanitize" in done.stderr or "lasan" in done.stderr:
        pytest.skip("gcc has no sanitizers here")
    assert done.returncode == 0, done.stderr
    asan = subprocess.run([compiler, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True).stdout.strip()
    environment = {**os.environ, "LD_PRELOAD": asan, "ASAN_OPTIONS": "detect_leaks=0", "PYTHONMALLOC": "malloc"}
    command = [sys.executable, str(HERE / "fuzz_fast.py"), str(built), str(20 * MUTANTS)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    was_read, refused = map(int, done.stdout.split())
    assert was_read > 0 and refused > 0
