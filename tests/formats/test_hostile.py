"""Files that nobody's profiler wrote: refused in bounded time and memory, with a ``FormatError`` and nothing else."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path

import pytest
from drawing import draw
from hostile import SEEDS, check
from making import read, server, written
from mutants import mutant

from plopi import formats
from plopi.errors import FormatError, LimitExceeded, UsageError
from plopi.formats.limits import Limits
from plopi.formats.protobuf import bytes_field, int_field

SMALL = Limits(bytes=1 << 22, file_bytes=1 << 20)


MUTANTS = int(os.environ.get("PLOPI_MUTANTS", "600"))
"""Of each seed; a campaign sets PLOPI_MUTANTS."""


@pytest.mark.parametrize("name", SEEDS)
def test_mutants_are_read_or_refused(name: str) -> None:
    chance = random.Random(name)
    refused = 0
    for _ in range(MUTANTS):
        data = mutant(SEEDS[name], chance)
        try:
            check(read(data, name, SMALL))
        except FormatError as error:
            assert str(error).isprintable()
            refused += 1
    assert 0 < refused < MUTANTS


@pytest.mark.parametrize("name", ["own.pb", "go.pb", "own.speedscope.json", "python2.pstats"])
def test_files_cut_anywhere(name: str) -> None:
    for size in range(0, len(SEEDS[name]), 3):
        try:
            check(read(SEEDS[name][:size], name, SMALL))
        except FormatError:
            continue


# --- bombs


def test_a_gzip_bomb_is_refused_before_it_unfolds() -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(300)) + packer.flush()
    tracemalloc.start()
    with pytest.raises(LimitExceeded, match="compressed bytes hold more than"):
        read(bomb, "x.pb.gz")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 150 << 20
    with pytest.raises(FormatError):
        read(gzip.compress(bomb[:1000]), "x.pb.gz")


def test_millions_of_empty_messages_are_counted_before_they_are_parsed() -> None:
    head = bytes_field(1, int_field(1, 0))
    for field in (2, 4, 5):
        with pytest.raises(LimitExceeded):
            read(head + bytes_field(field, b"") * 20_000, "x.pb", Limits(samples=10_000, locations=10_000, functions=10_000))


def test_frames_of_all_stacks_are_bounded() -> None:
    raw = bytes_field(1, int_field(1, 0)) + bytes_field(4, int_field(1, 1)) + bytes_field(6, b"")
    sample = bytes_field(2, bytes_field(1, b"\x01" * 1000) + bytes_field(2, b"\x01"))
    with pytest.raises(LimitExceeded, match="frames"):
        read(raw + sample * 20, "x.pb", Limits(frames=10_000))
    with pytest.raises(LimitExceeded, match="depth"):
        read(raw + sample, "x.pb", Limits(depth=999))


def test_names_that_collide_as_numbers_are_linear_in_time() -> None:
    """20,000 frames whose (file, line, name) collide in a dict of such tuples' hashes took others over a minute."""
    size = 20_000
    frames = b", ".join(b"(('a', %d, 'f'),): 1" % (row * 1021 % (2**31 - 1)) for row in range(size))
    assert len(read(b"{" + frames + b"}").locations) == size


def test_ten_bytes_that_crash_marshal() -> None:
    with pytest.raises(FormatError):
        read(b"{\xa9\x01r\0\0\0\0N0", "evil.prof")


# --- which format


@pytest.mark.parametrize("name", [name for name in SEEDS if name != "own.pb.gz"])
def test_formats_are_told_by_content_alone(name: str) -> None:
    kind = {"pb": "pprof", "part": "pprof", "json": "speedscope"}.get(name.rpartition(".")[2], name.rpartition(".")[2])
    assert formats.sniff(SEEDS[name][: formats.HEAD_BYTES], "unknown") == kind
    assert draw(read(gzip.compress(SEEDS[name]), "unknown")) == draw(read(SEEDS[name], name))


@pytest.mark.parametrize(
    "data", [b"\0", b"\x7fELF\x02\x01\x01", b"hello world\n", b"[1, 2]", b"<html></html>", b"\x89PNG\r\n\x1a\n", b"{}x"]
)
def test_what_is_no_profile(data: bytes) -> None:
    with pytest.raises(FormatError):
        read(data)


def test_an_empty_file() -> None:
    with pytest.raises(FormatError, match="empty"):
        read(b"")


def test_unknown_formats_are_the_callers_fault() -> None:
    for call in (lambda: formats.suffix("gprof"), lambda: written(server(), "gprof")):
        with pytest.raises(UsageError, match="choose one of pprof"):
            call()


def test_suffixes() -> None:
    assert {name: formats.suffix(name) for name in formats.FORMATS} == {
        "pprof": ".pb.gz",
        "speedscope": ".speedscope.json",
        "pstats": ".pstats",
        "plop": ".plop",
        "folded": ".folded",
    }


def test_importing_the_writers_is_cheap() -> None:
    """The collector does it inside other people's processes."""
    code = (
        "import sys, plopi.formats; before = set(sys.modules); import plopi.formats.pprof, plopi.formats.plop, "
        "plopi.formats.pstats, plopi.formats.folded, plopi.formats.speedscope; "
        "print(sorted({'numpy', 'google', 'google.protobuf'} & set(sys.modules)), "
        "sorted(name for name in before if name.startswith('plopi.formats.')))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert result.stdout.strip() == "[] ['plopi.formats.limits']"
