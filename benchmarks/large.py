"""Reading very large profiles: plopi's readers beside what else reads them.  benchmarks/run large [--only pstats ...]

``make(directory, scale)`` writes the files, the same each time: a pstats dump of 1,000,000 functions and 3,000,000 edges, a pprof
file of 500,000 distinct stacks 40 deep, Plop's literal of 50,000 stacks 40 deep, folded stacks and speedscope's JSON. Each reader
runs in a process of its own, one after the other; a peer that takes longer than ``--cap`` seconds is ended.
"""

from __future__ import annotations

import argparse
import gzip
import json
import marshal
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from machine import describe, markdown_table

from plopi.formats.protobuf import bytes_field, int_field, varint

WORDS = (
    *("load", "parse", "render", "handle", "resolve", "visit", "encode", "decode", "fetch", "update"),
    *("build", "check", "merge", "split", "walk", "emit", "bind", "route"),
)
FILES = {
    "pstats": "large.pstats",
    "pprof": "large.pb.gz",
    "plop": "large.plop",
    "folded": "large.folded",
    "speedscope": "large.speedscope.json",
}


@cache
def file_of(module: int) -> str:
    """One object for all functions of a file, as in a real program: marshal writes it once."""
    return f"/srv/app/lib/python3/site-packages/pkg{module % 97}/{WORDS[module % 7]}s/mod_{module}.py"


def function(number: int) -> tuple[str, int, str]:
    """File, first line and qualified name, as long as a real program's: some 60 functions to a file."""
    return file_of(number // 60), 1 + number % 60 * 17, f"{WORDS[number % len(WORDS)]}_{number}"


def write_pstats(path: Path, scale: float) -> None:
    """A skewed graph: few functions call, and are called by, very many."""
    functions, edges = int(1_000_000 * scale), int(3_000_000 * scale)
    chance = random.Random(1)
    keys = [function(number) for number in range(functions)]
    callers: list[dict[tuple[str, int, str], tuple[int, int, float, float]]] = [{} for _ in keys]
    made = 0
    while made < edges:
        callee, caller = int(chance.random() ** 1.5 * functions), int(chance.random() ** 3 * functions)
        calls, own = 1 + int(chance.paretovariate(0.8)) % 10**6, chance.random() * 1e-3
        before = len(callers[callee])
        callers[callee][keys[caller]] = (calls, calls, own, own * (1 + 9 * chance.random()))
        made += len(callers[callee]) - before
    stats = {}
    for key, calling in zip(keys, callers):
        calls = sum(edge[0] for edge in calling.values()) or 1
        own, cum = (sum(edge[place] for edge in calling.values()) for place in (2, 3))
        stats[key] = (calls, calls, own, cum, calling)
    path.write_bytes(marshal.dumps(stats, 4))


def stacks(count: int, depth: int, functions: int) -> Iterator[list[int]]:
    """Distinct stacks, root first; most share all but their last frames with an earlier one."""
    chance = random.Random(2)
    made = [[chance.randrange(functions) for _ in range(depth)]]
    seen = {tuple(made[0])}
    while len(seen) < count:
        keep = depth - 1 - int(chance.random() < 0.6) - (chance.randrange(depth - 2) if chance.random() < 0.01 else 0)
        path = chance.choice(made)[:keep]
        path += [int(chance.random() ** 2 * functions) for _ in range(depth - keep)]
        if tuple(path) not in seen:
            seen.add(tuple(path))
            made.append(path)
    yield from made


def write_pprof(path: Path, scale: float) -> None:
    functions, chance = 20_000, random.Random(3)
    strings = ["", "samples", "count", "cpu", "nanoseconds"]
    parts = [bytes_field(1, int_field(1, 1) + int_field(2, 2)), bytes_field(1, int_field(1, 3) + int_field(2, 4))]
    ids: dict[str, int] = {text: row for row, text in enumerate(strings)}
    for number in range(functions):
        file, line, name = function(number)
        places = [ids.setdefault(text, len(ids)) for text in (name, file)]
        parts.append(
            bytes_field(5, int_field(1, number + 1) + int_field(2, places[0]) + int_field(4, places[1]) + int_field(5, line))
        )
        parts.append(bytes_field(4, int_field(1, number + 1) + bytes_field(4, int_field(1, number + 1) + int_field(2, line + 3))))
    for stack in stacks(int(500_000 * scale), 40, functions):
        path_bytes = b"".join(varint(each + 1) for each in reversed(stack))
        ticks = 1 + int(chance.paretovariate(1.2)) % 1000
        parts.append(bytes_field(2, bytes_field(1, path_bytes) + bytes_field(2, varint(ticks) + varint(ticks * 10_000_000))))
    parts += [bytes_field(6, text.encode()) for text in ids]
    path.write_bytes(gzip.compress(b"".join(parts), 1, mtime=0))


def write_plop(path: Path, scale: float) -> None:
    with path.open("w") as out:
        separator = "{"
        for number, stack in enumerate(stacks(int(50_000 * scale), 40, 20_000)):
            frames = tuple(function(each) for each in reversed(stack))
            out.write(f"{separator}{frames!r}: {1 + number % 50}")
            separator = ", "
        out.write("}")


def write_folded(path: Path, scale: float) -> None:
    with path.open("w") as out:
        for number, stack in enumerate(stacks(int(500_000 * scale), 20, 20_000)):
            out.write(
                ";".join(f"{function(each)[2]} (mod_{each // 60}.py:{each % 900})" for each in stack) + f" {1 + number % 50}\n"
            )


def write_speedscope(path: Path, scale: float) -> None:
    places = [function(number) for number in range(20_000)]
    samples = list(stacks(int(50_000 * scale), 40, 20_000))
    shared = {"frames": [{"name": name, "file": file, "line": line} for file, line, name in places]}
    weights = [1 + number % 50 for number in range(len(samples))]
    profile = {"type": "sampled", "name": "x", "unit": "none", "startValue": 0, "endValue": sum(weights)}
    document = {"shared": shared, "profiles": [profile | {"samples": samples, "weights": weights}], "name": "x"}
    path.write_text(json.dumps({"$schema": "https://www.speedscope.app/file-format-schema.json", **document}))


WRITERS: dict[str, Callable[[Path, float], None]] = {
    "pstats": write_pstats,
    "pprof": write_pprof,
    "plop": write_plop,
    "folded": write_folded,
    "speedscope": write_speedscope,
}


def make(directory: Path, scale: float = 1.0, only: list[str] | None = None) -> dict[str, Path]:
    """The large files by format, made where they are missing."""
    directory.mkdir(parents=True, exist_ok=True)
    found = {}
    for name in only or list(FILES):
        path = found[name] = directory / f"{scale:g}-{FILES[name]}"
        if not path.exists():
            print(f"making {path}", file=sys.stderr, flush=True)
            unfinished = path.with_name(path.name + ".new")
            WRITERS[name](unfinished, scale)
            unfinished.replace(path)
    return found


# What a reader does with a file, as code of its own process; ``data`` is the file's content, ``path`` its path.
OURS = "from plopi import formats; profile = formats.read(data, path)"
PORTABLE = "from plopi import formats; from plopi.formats import fast; fast.native = None; profile = formats.read(data, path)"
PEERS = {
    "pstats": {
        "`marshal.loads` (not safe)": "import marshal; marshal.loads(data)",
        "`marshal.loads`, garbage collection off": "import gc, marshal; gc.disable(); marshal.loads(data)",
        "`pstats.Stats`": "import pstats; pstats.Stats(path)",
    },
    "pprof": {
        "protobuf (upb), message only": "import gzip; from plopi.formats.pprof_schema import schema; "
        "m = schema().Profile.FromString(gzip.decompress(data)); s = [schema().Sample.FromString(raw) for raw in m.sample]",
    },
    "plop": {"`ast.literal_eval`": "import ast; ast.literal_eval(data.decode())"},
    "folded": {},
    "speedscope": {"`json.loads`, nothing made of it": "import json; json.loads(data)"},
}
CHILD = """
import resource, sys, time
path = sys.argv[1]
with open(path, "rb") as file:
    data = file.read()
import numpy, google.protobuf.message
if len(sys.argv) > 2:
    import plopi.formats.pprof_reader, plopi.formats.pstats_reader, plopi.formats.plop_reader
wall, cpu = time.perf_counter(), time.process_time()
{code}
print(time.perf_counter() - wall, time.process_time() - cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def measured(code: str, path: Path, cap: float) -> tuple[float, float, int] | None:
    """Wall seconds, CPU seconds and peak memory in KiB of a process that has the file's bytes already; None past the cap."""

    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (int(cap), int(cap) + 1))

    command = [sys.executable, "-c", CHILD.format(code=code), str(path), *(["ours"] if "plopi import formats" in code else [])]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=bound)
    if done.returncode:
        if done.returncode > 0:
            raise SystemExit(done.stderr)
        return None
    wall, cpu, peak = done.stdout.split()
    return float(wall), float(cpu), int(peak)


def row(name: str, code: str, path: Path, cap: float, runs: int) -> list[str]:
    found = [measured(code, path, cap) for _ in range(runs)]
    whole = sorted(each for each in found if each is not None)
    if not whole:
        return [name, f"ended after {cap:.0f} s", "", ""]
    wall, cpu, peak = whole[len(whole) // 2]
    return [name, f"{wall:.2f} s", f"{cpu:.2f} s", f"{peak / 1024:.0f} MB"]


def main() -> None:
    parser = argparse.ArgumentParser(description="read very large profiles, with plopi and with its peers")
    parser.add_argument("--only", nargs="*", choices=list(FILES), default=list(FILES))
    parser.add_argument("--scale", type=float, default=1.0, help="size of the files, 1 being what docs/benchmarks.md shows")
    parser.add_argument("--cap", type=float, default=120.0, help="seconds of CPU after which a reader is ended")
    parser.add_argument("--runs", type=int, default=3, help="of plopi's readers, of which the median counts; peers run once")
    parser.add_argument("--directory", type=Path, default=Path(".cache/large"))
    parser.add_argument("--no-peers", action="store_true")
    chosen = parser.parse_args()
    print("\n".join(["# Large profiles: reading alone", "", *describe(), ""]))
    os.environ["PYTHONPATH"] = str(Path.cwd())
    started = time.monotonic()
    for name, path in make(chosen.directory, chosen.scale, chosen.only).items():
        rows = [row("plopi", OURS, path, chosen.cap, chosen.runs)]
        if not chosen.no_peers:
            if name in ("pstats", "pprof"):
                rows.append(row("plopi without its C part", PORTABLE, path, chosen.cap, 1))
            rows += [row(peer, code, path, chosen.cap, 1) for peer, code in PEERS[name].items()]
        print(f"\n{name}, {path.stat().st_size / 1e6:.1f} MB\n")
        print(markdown_table(["reader", "wall", "CPU", "peak memory"], rows), flush=True)
    print(f"\n{time.monotonic() - started:.0f} s in all")


if __name__ == "__main__":
    main()
