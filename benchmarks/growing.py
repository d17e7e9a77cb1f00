"""Server time of an update of a recording that grows:  benchmarks/run growing [--stacks 500000 --functions 3000 --windows 8]

A made-up program: functions call a dozen others each, some far more often than others, so that stacks share their beginnings. Of
its recording all is indexed, and then windows of 100 new stacks come: CPU time of this process from the new rows to the graph's
answer. Once as it mostly is, where the same functions stay worth drawing; and once where each window makes another part of the
program so heavy that others are chosen. Then likewise what is made of recordings that grow: two of them merged, one beside the
other, and one through lenses (--each stacks in each).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np
from machine import describe, markdown_table
from numpy.typing import NDArray

from plopi.formats.strings import packed
from plopi.model import CPU, SAMPLES, About, Column, Functions, Locations, Profile, Samples, Stacks, Threads, Windows
from plopi.viewer import payloads
from plopi.viewer.analysis import Index, index, prepare
from plopi.viewer.analysis.derived import merged, through
from plopi.viewer.analysis.diff import Comparison
from plopi.viewer.analysis.lenses import Lens
from plopi.viewer.analysis.segments import grown
from plopi.viewer.view import View, default_type

Ints = NDArray[np.int64]
CALLEES = 12
PER_WINDOW = 100


def call_tree(nodes: int, functions: int, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """Callees by function; parents and functions of a tree of about so many calls, level by level, some 40 deep.

    Functions stand in layers: most calls go a few hundredths of the program down, some to utilities at its bottom, few back up.
    """
    down = np.arange(functions)[:, None] + 1 + (functions / 40 * rng.exponential(size=(functions, CALLEES))).astype(np.int64)
    utility = functions - 1 - (functions / 5 * rng.random((functions, CALLEES)) ** 2).astype(np.int64)
    back = (np.arange(functions)[:, None] * rng.random((functions, CALLEES))).astype(np.int64)
    kind = rng.random((functions, CALLEES))
    callees = np.where(kind < 0.8, down, np.where(kind < 0.95, utility, back)) % functions
    widest = nodes // 30
    parents, of = [np.array([-1])], [np.array([0])]
    first = 0
    while first + len(of[-1]) < nodes:
        level = of[-1]
        children = 1 + rng.poisson(0.7, len(level)) if len(level) < widest else rng.poisson(1.0, len(level))
        owner = np.repeat(np.arange(len(level)), children)
        slot = (CALLEES * rng.random(len(owner)) ** 2).astype(np.int64)
        key = np.unique(owner * functions + callees[level[owner], slot])
        owner, callee = np.divmod(key, functions)
        parents.append(owner + first)
        of.append(callee)
        first += len(level)
    return callees, np.concatenate(parents), np.concatenate(of)


def windows(stacks: int, functions: int, count: int, shift: float, seed: int = 1) -> Iterator[Profile]:
    """The recording, and then as it is after each of ``count`` windows, that each add ``shift`` of all the weight there was."""
    rng = np.random.default_rng(seed)
    callees, parent, function = call_tree(int(stacks * 1.6), functions, rng)
    stack = np.sort(rng.permutation(len(parent))[:stacks])
    weight = np.minimum((rng.pareto(1.2, stacks) + 1).astype(np.int64), 1000)
    window = np.zeros(stacks, dtype=np.int64)
    yield _profile(parent, function, stack, weight, window, functions)
    for number in range(1, count + 1):
        place = int(rng.integers(len(parent) // 2))
        above = np.minimum(np.arange(place, place + PER_WINDOW), len(parent) - 1) if not shift else np.full(PER_WINDOW, place)
        news = callees[function[above], rng.integers(CALLEES, size=PER_WINDOW)]
        stack = np.concatenate([stack, np.arange(PER_WINDOW) + len(parent)])
        parent, function = np.concatenate([parent, above]), np.concatenate([function, news])
        each = max(int(weight.sum() * shift / PER_WINDOW), 1)
        weight = np.concatenate([weight, np.full(PER_WINDOW, each)])
        window = np.concatenate([window, np.full(PER_WINDOW, number)])
        yield _profile(parent, function, stack, weight, window, functions)


def _profile(parent: Ints, function: Ints, stack: Ints, weight: Ints, window: Ints, functions: int) -> Profile:
    each = np.arange(functions)
    files = functions // 20 + 1
    texts = [f"/srv/app/pkg{i % 23}/module_{i}.py" for i in range(files)]
    texts += [f"Class{i // 9}.method_{i}" for i in range(functions)]
    starts = np.arange(int(window.max()) + 1) * 10**9
    return Profile(
        "stacks",
        (SAMPLES, CPU),
        packed(texts),
        functions=Functions(*map(_column, (each + files, each // 20, each % 20 * 30 + 1))),
        locations=Locations(_column(each), _column(each % 20 * 30 + 3)),
        stacks=Stacks(_column(parent), _column(function)),
        threads=Threads(_column(np.array([0])), _column(np.array([1]))),
        windows=Windows(_column(starts), _column(np.full(len(starts), 10**9))),
        samples=Samples(
            _column(stack), _column(np.zeros(len(stack), np.int64)), _column(window), (_column(weight), _column(weight * 10**7))
        ),
        calls=None,
        about=About(complete=False),
    )


def _column(values: Ints) -> Column:
    return cast(Column, values)


def updates(profiles: Iterator[Profile]) -> tuple[list[float], int]:
    """CPU milliseconds of each update, and of how many the functions drawn were others."""
    whole = next(profiles)
    view = View(type=default_type(whole.sample_types))
    about: Index = index(whole, prepare(whole))
    drawn = _drawn(payloads.graph(about, view))
    taken: list[float] = []
    changed = 0
    for profile in profiles:
        began = time.process_time()
        about = grown(about, profile)
        graph = payloads.graph(about, view)
        taken.append((time.process_time() - began) * 1000)
        now = _drawn(graph)
        changed, drawn = changed + (now != drawn), now
    return taken, changed


Made = Callable[[Index, Index, Index | None], Index]
NAMES = ("one", "two")
MADE: dict[str, Made] = {
    "one, as it is": lambda one, two, before: one,
    "two merged": lambda one, two, before: merged([one, two], NAMES, before),
    "one beside the other": lambda one, two, before: Comparison(one, two, NAMES, True, before),
    "the same, not scaled": lambda one, two, before: Comparison(one, two, NAMES, False, before),
    "focus": lambda one, two, before: through(one, Lens(focus=("method_1",)), before),
    "hide": lambda one, two, before: through(one, Lens(hide=("method_7$",)), before),
    "collapse": lambda one, two, before: through(one, Lens(collapse=("pkg3",)), before),
    "by=module": lambda one, two, before: through(one, Lens(by="module"), before),
    "by=line": lambda one, two, before: through(one, Lens(by="line"), before),
}


def updates_made(make: Made, pairs: Iterator[tuple[Profile, Profile]]) -> list[float]:
    """CPU milliseconds of each: the first, of all that there is, and then the updates."""
    members: list[Index] = []
    made = None
    taken: list[float] = []
    for pair in pairs:
        if not members:
            members = [index(profile, prepare(profile)) for profile in pair]
        began = time.process_time()
        members = [grown(member, profile) for member, profile in zip(members, pair)]
        made = make(members[0], members[1], made)
        payloads.graph(made, View(type=default_type(pair[0].sample_types)))
        taken.append((time.process_time() - began) * 1000)
    return taken


def _drawn(graph: dict[str, Any]) -> set[int]:
    return {node["id"] for node in graph["nodes"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stacks", type=int, default=500_000)
    parser.add_argument("--functions", type=int, default=3000)
    parser.add_argument("--windows", type=int, default=8)
    parser.add_argument("--each", type=int, default=50_000)
    given = parser.parse_args()
    rows = []
    for name, shift in (("as it mostly is", 0.0), ("each window adds 1 % in one place", 0.01)):
        taken, changed = updates(windows(given.stacks, given.functions, given.windows, shift))
        rows.append([name, f"{statistics.median(taken):.0f}", f"{max(taken):.0f}", f"{changed} of {len(taken)}"])
    heads = ["100 new stacks: CPU milliseconds", "median", "slowest", "updates that changed what is drawn"]
    print("\n".join([*describe(), "", markdown_table(heads, rows), ""]))
    recordings = [list(windows(given.each, given.functions, given.windows, 0.0, seed)) for seed in (1, 2)]
    rows = []
    for name, make in MADE.items():
        first, *taken = updates_made(make, zip(*recordings))
        rows.append([name, f"{first:.0f}", f"{statistics.median(taken):.0f}", f"{max(taken):.0f}"])
    print(markdown_table([f"recordings of {given.each:,} stacks: CPU milliseconds", "all", "update, median", "slowest"], rows))


if __name__ == "__main__":
    main()
