"""A good file of each format to begin with, and what every profile that a reader hands out must be, whatever it read."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from drawing import draw, profile_from
from making import ABOUT, SERVER, server, written

from plopi.formats import pprof
from plopi.model import CPU, SAMPLES, Profile, ProfileBuilder

DATA = Path(__file__).parent / "data"


def growing() -> bytes:
    rows = ProfileBuilder((SAMPLES, CPU), ABOUT)
    profile_from(SERVER, builder=rows)
    header, state = pprof.encode_header(rows.about, rows.sample_types)
    return header + pprof.encode_rows(rows, state)[0]


SEEDS = {
    "growing.pb.part": growing(),
    "own.pb": gzip.decompress(written(server(), "pprof")),
    "own.pb.gz": written(server(), "pprof"),
    "go.pb": gzip.decompress((DATA / "go-cpu.pb.gz").read_bytes()),
    "c.pstats": (DATA / "cprofile-3.13.pstats").read_bytes(),
    "python2.pstats": (DATA / "cprofile-2.7.pstats").read_bytes(),
    "own.plop": written(server(), "plop"),
    "own.folded": written(server(), "folded"),
    "own.speedscope.json": written(server(), "speedscope"),
}


def check(profile: Profile) -> None:
    """Every id leads somewhere, parents come first, and every text can be sent as JSON."""
    sizes = (len(profile.functions), len(profile.locations), len(profile.stacks), len(profile.strings))
    functions, locations, stacks, strings = sizes
    assert all(0 <= each < strings for column in (profile.functions.name, profile.functions.file) for each in column)
    assert all(0 <= each < functions for each in profile.locations.function)
    assert all(0 <= each < locations for each in profile.stacks.location)
    assert all(-1 <= parent < row for row, parent in enumerate(profile.stacks.parent))
    samples = profile.samples
    bounds = ((samples.stack, stacks), (samples.thread, len(profile.threads)), (samples.window, len(profile.windows)))
    assert all(-1 <= each < bound for column, bound in bounds for each in column)
    assert len(samples.weights) == len(profile.sample_types)
    assert all(len(column) == len(samples) for column in (samples.thread, samples.window, *samples.weights))
    json.dumps([*profile.strings, *map(str, profile.about.notes)], ensure_ascii=False, allow_nan=False).encode("utf-8")
    draw(profile)
