"""The definitions, as slow and as plain as they can be said: one sample at a time, sets of what is in its stack."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from plopi.model import NONE, Profile


@dataclass
class Truth:
    total: int = 0
    self: Counter[int] = field(default_factory=Counter)
    cum: Counter[int] = field(default_factory=Counter)
    edges: Counter[tuple[int, int]] = field(default_factory=Counter)
    outermost: Counter[int] = field(default_factory=Counter)
    """Weight of samples by the first function in them."""


def samples(profile: Profile, type: int = 0, thread: int | None = None) -> Iterator[tuple[list[tuple[int, int]], int]]:
    """Root-first (function, line) of every sample, and its weight."""
    for row, stack in enumerate(profile.samples.stack):
        if thread is not None and profile.samples.thread[row] != thread:
            continue
        steps = []
        while stack != NONE:
            location = profile.stacks.location[stack]
            steps.append((profile.locations.function[location], profile.locations.line[location]))
            stack = profile.stacks.parent[stack]
        yield steps[::-1], profile.samples.weights[type][row]


def truth(profile: Profile, type: int = 0, thread: int | None = None, chosen: Collection[int] | None = None) -> Truth:
    """Self, cum and edges; with ``chosen``, of the stacks from which all other functions were cut out."""
    found = Truth()
    for steps, weight in samples(profile, type, thread):
        functions = [function for function, _ in steps if chosen is None or function in chosen]
        found.total += weight
        if steps and (chosen is None or steps[-1][0] in chosen):
            found.self[steps[-1][0]] += weight
        for function in set(functions):
            found.cum[function] += weight
        for edge in set(pairwise(functions)):
            found.edges[edge] += weight
        if functions:
            found.outermost[functions[0]] += weight
    return found


def lines(profile: Profile, function: int) -> dict[int, tuple[int, int]]:
    """Self and cum of each line of a function."""
    own: Counter[int] = Counter()
    cum: Counter[int] = Counter()
    for steps, weight in samples(profile):
        if steps and steps[-1][0] == function:
            own[steps[-1][1]] += weight
        for line in {line for other, line in steps if other == function}:
            cum[line] += weight
    return {line: (own[line], cum[line]) for line in sorted(cum)}


def descendants(parent: Collection[int]) -> dict[int, set[int]]:
    """Each node's subtree, itself included."""
    below: dict[int, set[int]] = defaultdict(set)
    parents = list(parent)
    for node in range(len(parents)):
        up = node
        while up != NONE:
            below[up].add(node)
            up = parents[up]
    return below
