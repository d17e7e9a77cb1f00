"""What one sample of the native engine costs, beside an empty signal handler in C:  python benchmarks/native_cost.py

Needs a C compiler and this Python's headers. For stacks 10, 50 and 200 deep, and 10 coroutines deep: a signal with an empty
handler, one with the sampler's, and the drain of what it wrote; in turn, batch by batch, medians.
"""

from __future__ import annotations

import platform
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BATCH, BATCHES = 50, 400
"""A drain comes about as often in real life: after a quarter of a second."""
NEVER_NS = 3600 * 10**9


def build(directory: str) -> Any:
    target = Path(directory) / f"native_cost{sysconfig.get_config_var('EXT_SUFFIX')}"
    command = ["gcc", "-std=gnu11", "-O2", "-fPIC", "-shared", "-Wno-unused-function", "-I", sysconfig.get_path("include")]
    subprocess.run([*command, str(HERE / "native_cost.c"), "-o", str(target)], check=True)
    sys.path.insert(0, directory)
    import native_cost  # type: ignore[import-not-found]

    return native_cost


def at_depth(depth: int, call: Callable[[], Any]) -> Any:
    return at_depth(depth - 1, call) if depth > 1 else call()


def in_coroutines(depth: int, call: Callable[[], Any]) -> Any:
    async def inner(left: int) -> Any:
        return await inner(left - 1) if left > 1 else call()

    try:
        inner(depth).send(None)
    except StopIteration as stop:
        return stop.value


def main() -> int:
    print(f"CPython {platform.python_version()}, {platform.machine()}, medians of {BATCHES} batches of {BATCH} signals, us")
    print(f"{'stack':>16} {'empty':>8} {'sampler':>8} {'ratio':>6} {'drain':>8} {'with drain':>10}")
    with tempfile.TemporaryDirectory() as directory:
        sampler = build(directory)
        sampler.start(sampler.CPU_CLOCK, NEVER_NS, 0, 256, 50_000, "/nowhere/", frozenset(), False, False)
        for name, place, depth in [
            ("10", at_depth, 10),
            ("50", at_depth, 50),
            ("200", at_depth, 200),
            ("10 coroutines", in_coroutines, 10),
        ]:
            rows = [place(depth, lambda: sampler.measure(BATCH)) for _ in range(BATCHES)]
            empty, sampling, drain = (statistics.median(row[i] for row in rows) / BATCH / 1000 for i in range(3))
            ratio = statistics.median(row[1] / row[0] for row in rows)
            both = statistics.median((row[1] + row[2]) / row[0] for row in rows)
            print(f"{name:>16} {empty:8.2f} {sampling:8.2f} {ratio:6.2f} {drain:8.2f} {both:10.2f}")
        sampler.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
