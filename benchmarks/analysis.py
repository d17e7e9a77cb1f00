"""Server time of every view of a dump, by its size:  benchmarks/run analysis [--sizes 10000 100000 1000000 --runs 5]

A made-up dump as columns (three edges to a function, fan-in and fan-out skewed, one function with a tenth of all as callers), so
that only analysis and payloads are measured: CPU time of this process, the median of several runs after a first one.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from machine import describe, markdown_table
from numpy.typing import NDArray

from plopi.formats.strings import Strings
from plopi.model import Calls, Column, Functions, Profile, calls_profile
from plopi.viewer import payloads
from plopi.viewer.analysis import Index, index, prepare
from plopi.viewer.analysis.rank import Choice
from plopi.viewer.view import View, default_type

Ints = NDArray[np.int64]


def dump(functions: int, seed: int = 1) -> Profile:
    """A tree of calls whose times add up, and twice as many edges at random, most of them towards few functions."""
    rng = np.random.default_rng(seed)
    files = max(functions // 40, 1)
    texts = [b"/srv/app/pkg%d/sub%d/module_%d.py" % (i % 57, i % 411, i) for i in range(files)]
    texts += [b"Class%d.method_%d" % (i // 11, i) if i % 3 else b"function_%d" % i for i in range(functions)]
    offsets = np.concatenate([[0], np.cumsum([len(text) for text in texts])])
    each = np.arange(functions)
    parent = (each * rng.random(functions) ** 2).astype(np.int64)
    own = np.minimum((rng.pareto(1.1, functions) * 1000 + 10).astype(np.int64), 10**10)
    cum = own.copy()
    for function in range(functions - 1, 0, -1):
        cum[parent[function]] += cum[function]
    callee = (functions * rng.random(2 * functions) ** 6).astype(np.int64)
    caller = (functions * rng.random(2 * functions) ** 2).astype(np.int64)
    callee[: functions // 10] = functions // 2
    caller[: functions // 10] = rng.permutation(functions)[: functions // 10]
    key = rng.permutation(np.unique(np.concatenate([parent[1:] * functions + each[1:], caller * functions + callee])))
    caller, callee = np.divmod(key, functions)
    light = np.minimum(cum[callee], (rng.pareto(1.2, len(key)) * 2000).astype(np.int64))
    weight = np.where(parent[callee] == caller, cum[callee], light)
    calls, once = rng.integers(1, 10**6, functions), np.ones(len(key), np.int64)
    table = Functions(*map(_column, (each + files, each // 40 % files, each % 900)))
    columns = (calls, calls, own, cum, caller, callee, once, once, weight, weight)
    return calls_profile(Strings(b"".join(texts), offsets), table, Calls(*map(_column, columns)))


def _column(values: Ints) -> Column:
    return cast(Column, values)


def operations(about: Index) -> dict[str, Callable[[], Any]]:
    """What a server does, by name. Pictures come out of the numbers anew each time, though an index would keep them."""
    profile = about.profile
    hub, view = len(profile.functions) // 2, View(type=default_type(profile.sample_types))
    numbers = payloads.common.weighed_of(about, view)

    def picture(choice: Choice) -> Callable[[], Any]:
        def draw() -> None:
            numbers._pictures.clear()
            numbers.picture(choice)

        return draw

    def page(**arguments: Any) -> Callable[[], Any]:
        return lambda: payloads.table(about, View(type=view.type, **arguments))

    return {
        "picture of 80": picture(Choice(80)),
        "around a function with a tenth of all as callers": picture(Choice(80, around=hub)),
        "around a small function, 3 steps": picture(Choice(80, around=len(profile.functions) // 81, radius=3)),
        "expand: 3 functions kept": picture(Choice(80, keep=(5, 77, hub))),
        "page of the table by self": page(),
        "page 1000 by cum": page(sort="cum", page=1000),
        "page by name": page(sort="name"),
        "search: substring": page(q="method_77"),
        "search: prefix (glob)": page(q="class77*"),
        "search: glob": page(q="*.method_77*5"),
        "search: regular expression": page(q="re:method_7.*9$"),
        "function page, a tenth of all as callers": lambda: payloads.function(about, view, hub),
    }


def milliseconds(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000


def measured(functions: int, runs: int) -> dict[str, str]:
    profile = dump(functions)
    found = {"prepare, in the worker": f"{milliseconds(lambda: prepare(profile)):.0f}"}
    arrays, view = prepare(profile), View(type=default_type(profile.sample_types))
    firsts = [milliseconds(lambda: payloads.graph(index(profile, arrays), view)) for _ in range(3)]
    found["first graph, from what was prepared"] = f"{statistics.median(firsts):.0f}"
    about = index(profile, arrays)
    for name, work in operations(about).items():
        first = milliseconds(work)
        found[name] = f"{statistics.median(milliseconds(work) for _ in range(runs)):.1f} (first {first:.0f})"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], metavar="FUNCTIONS")
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    columns = [measured(size, given.runs) for size in given.sizes]
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    heads = ["CPU milliseconds", *(f"{size:,} functions" for size in given.sizes)]
    print("\n".join([*describe(), f"Peak memory, the making of the dump included: {peak} MB.", "", markdown_table(heads, rows)]))


if __name__ == "__main__":
    main()
