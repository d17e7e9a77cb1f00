"""Tries changed by whole columns: what holds of a stack, frames cut out, equal stacks put together.

Pointers are doubled (each round every node looks twice as far towards its root), so this takes ``log2(depth)`` rounds over
columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plopi.viewer.analysis.columns import Ints, Mask, group_by_id, group_by_key

DEEPEST_MERGE = 2_000
"""Nodes deeper than this stay apart even where they are equal: putting equals together goes level by level. No number minds."""


@dataclass(frozen=True)
class Trie:
    """A trie with a label for each node, and where each node of the one it was made of went (NONE: nothing of it is left)."""

    parent: Ints
    label: Ints
    went: Ints

    def of(self, stack: Ints) -> Ints:
        """Where the nodes of samples went; NONE stays NONE."""
        return np.append(self.went, -1)[stack]


def anywhere(parent: Ints, hit: Mask) -> Mask:
    """By node: whether it or a node above it is hit."""
    found, leap = hit.copy(), parent.copy()
    node = np.flatnonzero(leap >= 0)
    while len(node):
        further = leap[node]
        found[node] |= found[further]
        leap[node] = leap[further]
        node = node[leap[node] >= 0]
    return found


def nearest(parent: Ints, kept: Mask) -> Ints:
    """By node: itself where it is kept, else the nearest kept node above, NONE where there is none."""
    found = np.where(kept, np.arange(len(parent), dtype=np.int64), parent)
    node = np.flatnonzero(~kept & (found >= 0))
    while len(node):
        node = node[~kept[found[node]]]
        found[node] = found[found[node]]
        node = node[found[node] >= 0]
    return found


def depths(parent: Ints) -> Ints:
    """Nodes above each."""
    depth, leap = (parent >= 0).astype(np.int64), parent.copy()
    node = np.flatnonzero(leap >= 0)
    while len(node):
        further = leap[node]
        depth[node] = depth[node] + depth[further]
        leap[node] = leap[further]
        node = node[leap[node] >= 0]
    return depth


def merged(parent: Ints, label: Ints, kept: Mask) -> Trie:
    """The trie of the kept nodes under new labels, siblings of one label put together."""
    near = nearest(parent, kept)
    old = np.flatnonzero(kept)
    row = np.full(len(parent), -1, dtype=np.int64)
    row[old] = np.arange(len(old))
    above = parent[old]
    outer = np.where(above >= 0, near[above], -1)
    small = _siblings_merged(np.where(outer >= 0, row[outer], -1), label[old])
    went = np.full(len(parent), -1, dtype=np.int64)
    there = np.flatnonzero(near >= 0)
    went[there] = small.went[row[near[there]]]
    return Trie(small.parent, small.label, went)


def _siblings_merged(parent: Ints, label: Ints) -> Trie:
    """New ids go by level, so that parents come first."""
    went = np.full(len(parent), -1, dtype=np.int64)
    if not len(parent):
        return Trie(parent, label, went)
    depth = depths(parent)
    levels = group_by_id(np.minimum(depth, DEEPEST_MERGE), int(min(depth.max(), DEEPEST_MERGE)) + 1)
    stride, made = int(label.max()) + 1, 0
    parents, labels = [], []
    for level in range(len(levels.start) - 1):
        rows = levels.of(level)
        if level == DEEPEST_MERGE:  # in order of id, so parents first
            went[rows] = made + np.arange(len(rows))
            parents.append(went[parent[rows]])
            labels.append(label[rows])
            break
        above = went[parent[rows]] if level else np.full(len(rows), -1, dtype=np.int64)
        keys, groups = group_by_key((above + 1) * stride + label[rows])
        went[rows[groups.rows]] = made + np.repeat(np.arange(len(keys)), np.diff(groups.start))
        parents.append(keys // stride - 1)
        labels.append(keys % stride)
        made += len(keys)
    return Trie(np.concatenate(parents), np.concatenate(labels), went)
