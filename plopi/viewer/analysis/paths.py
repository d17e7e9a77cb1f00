"""The chains of callers by which a function is reached."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from plopi.viewer.analysis.call_graph import Numbers, Part
from plopi.viewer.analysis.columns import Ints, heaviest

MOST_ACTIVATIONS = 20_000
"""Of a function that is called in more places of the call tree, the heaviest so many are looked at."""
LONGEST_PATH = 200
"""Functions of a chain, nearest first, beyond which it is cut."""


@dataclass(frozen=True)
class Path:
    """A chain of functions, root first and the function itself last; ``omitted`` ones above it are not listed."""

    functions: tuple[int, ...]
    omitted: int
    weight: int


def paths(numbers: Numbers, function: int, most: int) -> list[Path]:
    """The heaviest distinct chains; their weights never overlap, since of recursion the outermost call counts."""
    weights: Counter[tuple[tuple[int, ...], int]] = Counter()
    for part in numbers.parts:
        position = part.stacks.activations.of(function).astype(np.int64)
        position = position[heaviest(part.subtree[position], MOST_ACTIVATIONS)]
        for chain, weight in _chains(part, position):
            weights[chain] += weight
    ranked = sorted(((weight, chain) for chain, weight in weights.items() if weight), key=lambda row: (-row[0], row[1]))
    return [Path(functions, omitted, weight) for weight, (functions, omitted) in ranked[:most]]


def _chains(part: Part, position: Ints) -> list[tuple[tuple[tuple[int, ...], int], int]]:
    """Equal chains put together step by step towards the root, whatever the lines."""
    tree = part.stacks.tree
    group = np.zeros(len(position), dtype=np.int64)
    above = position
    for _ in range(LONGEST_PATH + 1):
        there = above >= 0
        if not there.any():
            break
        function = np.where(there, tree.function[above], -1)
        _, group = np.unique(group * (int(function.max()) + 2) + function + 1, return_inverse=True)
        above = np.where(there, tree.parent[above], -1)
    _, first, group = np.unique(group, return_index=True, return_inverse=True)
    sums = np.zeros(len(first), dtype=np.int64)
    np.add.at(sums, group, part.subtree[position])
    return [(_chain(part, int(position[row])), int(weight)) for row, weight in zip(first, sums)]


def _chain(part: Part, position: int) -> tuple[tuple[int, ...], int]:
    tree, omitted = part.stacks.tree, 0
    chain: list[int] = []
    while position >= 0:
        if len(chain) < LONGEST_PATH:
            chain.append(int(tree.function[position]))
        else:
            omitted += 1
        position = int(tree.parent[position])
    return tuple(reversed(chain)), omitted
