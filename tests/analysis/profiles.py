"""Profiles made up: small ones by hypothesis, large ones by a generator that is the same each time."""

from __future__ import annotations

import random
from array import array

from hypothesis import strategies as st

from plopi.model import CPU, NONE, SAMPLES, Calls, Functions, Profile, ProfileBuilder, calls_profile


@st.composite
def stacks_profiles(draw: st.DrawFn, functions: int = 6) -> Profile:
    """A few samples of deep, recursive stacks over few functions, so that everything that can coincide does."""
    rows = ProfileBuilder((SAMPLES, CPU))
    locations = [
        rows.location_id(rows.function_id(f"f{i}", f"file{i % 2}.py", i), line) for i in range(functions) for line in (1, 2)
    ]
    threads = [NONE, rows.thread_id("main", 1), rows.thread_id("worker", 2)]
    for steps in draw(st.lists(st.lists(st.sampled_from(locations), max_size=8), max_size=12)):
        weights = (draw(st.integers(0, 5)), draw(st.integers(0, 10**12)))
        rows.add_sample(rows.stack_of(steps), weights, draw(st.sampled_from(threads)))
    return rows.build()


@st.composite
def calls_profiles(draw: st.DrawFn, functions: int = 8) -> Profile:
    """Any numbers at all on any graph: what a hostile or careless dump may hold."""
    count = draw(st.integers(1, functions))
    ids, numbers = st.integers(0, count - 1), st.integers(0, 10**6)
    edges = draw(st.lists(st.tuples(ids, ids), max_size=20, unique=True))

    def column(length: int) -> array[int]:
        return array("q", draw(st.lists(numbers, min_size=length, max_size=length)))

    names = tuple(f"f{i}" for i in range(count))
    own = Functions(array("q", range(count)), array("q", [0] * count), array("q", range(count)))
    ends = [array("q", [edge[end] for edge in edges]) for end in (0, 1)]
    calls = Calls(*(column(count) for _ in range(4)), *ends, *(column(len(edges)) for _ in range(4)))
    return calls_profile(names, own, calls)


def large_stacks(nodes: int, functions: int = 3000, seed: int = 1) -> Profile:
    """A trie of ``nodes`` nodes, 10 to 60 deep; callees of a function are few and uneven."""
    rng = random.Random(seed)
    rows = ProfileBuilder((SAMPLES, CPU))
    locations = [
        rows.location_id(rows.function_id(f"Class{i % 97}.method{i}", f"/srv/app/pkg{i % 12}/mod{i % 50}.py", i % 900), 0)
        for i in range(functions)
    ]
    callees = [[min(int(rng.paretovariate(0.3)), functions) - 1 for _ in range(4)] for _ in range(functions)]
    thread = rows.thread_id("MainThread", 1)
    while len(rows.stack_parent) < nodes:
        function, stack = 0, NONE
        for _ in range(rng.randint(10, 60)):
            stack = rows.stack_id(stack, locations[function])
            function = rng.choice(callees[function]) if rng.random() < 0.9 else rng.randrange(functions)
        rows.add_sample(stack, (1, rng.randint(1, 20_000_000)), thread)
    return rows.build()


def large_calls(functions: int, edges: int, seed: int = 1) -> Profile:
    """A dump of that many functions: a tree of calls below function 0 whose times add up, and cheap edges at random on top."""
    rng = random.Random(seed)
    parent = [0, *(int(i * rng.random() ** 3) for i in range(1, functions))]
    own = [int(rng.paretovariate(1.1) * 1000) for _ in range(functions)]
    cum = own[:]
    for i in range(functions - 1, 0, -1):
        cum[parent[i]] += cum[i]
    pairs = {(parent[i], i): cum[i] for i in range(1, functions)}
    while len(pairs) < edges:
        pairs.setdefault((rng.randrange(functions), rng.randrange(functions)), 1)
    caller, callee = zip(*pairs)
    names = tuple(f"method{i}" for i in range(functions)) + tuple(f"/srv/app/pkg{i}/mod.py" for i in range(40))
    table = Functions(
        array("q", range(functions)), array("q", [functions + i % 40 for i in range(functions)]), array("q", range(functions))
    )
    ones = array("q", [1] * functions)
    weights = array("q", pairs.values())
    each = array("q", [1] * len(pairs))
    calls = Calls(
        ones, ones, array("q", own), array("q", cum), array("q", caller), array("q", callee), each, each, weights, weights
    )
    return calls_profile(names, table, calls)
