"""Server time of the flame graph, by the size of the tree of stacks:  benchmarks/run flame [--sizes 100000 1000000 --runs 7]

A made-up recording (stacks 10 to 60 deep, a function calls few others, unevenly): CPU time of this process for a whole answer
at a width of 1280 pixels, JSON included, the median of several runs after a first one.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable

from machine import describe, markdown_table

from plopi.model import CPU, NONE, SAMPLES, Profile, ProfileBuilder
from plopi.viewer import payloads
from plopi.viewer.analysis import index, prepare
from plopi.viewer.payloads.flame import Asked
from plopi.viewer.view import View

FUNCTIONS = 3000


def recording(nodes: int, seed: int = 1) -> Profile:
    """A tree of stacks of that many nodes."""
    rng = random.Random(seed)
    rows = ProfileBuilder((SAMPLES, CPU))
    places = [
        rows.location_id(rows.function_id(f"Class{i % 97}.method{i}", f"/srv/app/pkg{i % 12}/mod{i % 50}.py", i % 900), 0)
        for i in range(FUNCTIONS)
    ]
    callees = [[min(int(rng.paretovariate(0.3)), FUNCTIONS) - 1 for _ in range(4)] for _ in range(FUNCTIONS)]
    while len(rows.stack_parent) < nodes:
        function, stack = 0, NONE
        for _ in range(rng.randint(10, 60)):
            stack = rows.stack_id(stack, places[function])
            function = rng.choice(callees[function]) if rng.random() < 0.9 else rng.randrange(FUNCTIONS)
        rows.add_sample(stack, (1, rng.randint(1, 20_000_000)))
    return rows.build()


def milliseconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000


def measured(nodes: int, runs: int) -> dict[str, str]:
    profile = recording(nodes)
    about, view = index(profile, prepare(profile)), View(type=1)

    def answer(asked: Asked) -> Callable[[], object]:
        return lambda: json.dumps(payloads.flame(about, view, asked))

    path: list[int] = []
    for _ in range(4):  # along the heaviest box of each level
        nodes_below = payloads.flame(about, view, Asked(zoom=tuple(path)))["nodes"]
        children = [row for row, parent in enumerate(nodes_below["parent"]) if parent == (0 if path else -1)]
        path.append(nodes_below["function"][max(children, key=nodes_below["weight"].__getitem__)])
    asked = {
        "everything": Asked(),
        "zoomed to the 4th level": Asked(zoom=tuple(path)),
        "inverted": Asked(inverted=True),
        "through one function": Asked(root=path[-1]),
        "its callers": Asked(root=path[-1], inverted=True),
        "with a search": Asked(q="method7"),
    }
    return {name: f"{statistics.median(milliseconds(answer(each)) for _ in range(runs + 1)):.1f}" for name, each in asked.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000], metavar="NODES")
    parser.add_argument("--runs", type=int, default=7)
    given = parser.parse_args()
    columns = [measured(size, given.runs) for size in given.sizes]
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    heads = ["CPU milliseconds", *(f"{size:,} nodes" for size in given.sizes)]
    print("\n".join([*describe(), "", markdown_table(heads, rows)]))


if __name__ == "__main__":
    main()
