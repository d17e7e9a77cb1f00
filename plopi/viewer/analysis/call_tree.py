"""The call tree: the trie of stacks, numbered so that subtrees are intervals.

A node is known here by its *position*, its place in a depth-first walk from the roots. The subtree below position ``p`` is then
the positions ``p .. end[p] - 1``, the weight of a subtree is a difference of two prefix sums, and "nested in" is a comparison of
numbers. Nothing here walks the trie node by node or level by level: pointers are doubled instead (each round every node looks
twice as far towards its root), which takes ``log2(depth)`` rounds over whole columns, however deep the trie is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plopi.model import Profile
from plopi.viewer.analysis.columns import Ids, Ints, column, prefix_sums, stable_order


@dataclass(frozen=True)
class CallTree:
    """Columns by position, except ``position``, which leads there from a row of ``Profile.stacks``. Knows no weights."""

    position: Ids
    parent: Ids
    """Position of the parent, NONE for a root."""
    end: Ids
    function: Ids
    line: Ids

    def __len__(self) -> int:
        return len(self.end)


def call_tree(profile: Profile) -> CallTree:
    """Number the trie of a profile's stacks; children keep the order of their ids."""
    parent = column(profile.stacks.parent)
    location = column(profile.stacks.location)
    size = subtree_sizes(parent)
    position = preorder(parent, size)
    node = np.empty_like(position)
    node[position] = np.arange(len(parent), dtype=np.int64)
    parent_node = parent[node]
    location_at = location[node]
    return CallTree(
        position=position,
        parent=np.where(parent_node < 0, -1, position[parent_node]) if len(parent) else parent,
        end=np.arange(len(parent), dtype=np.int64) + size[node],
        function=column(profile.locations.function)[location_at],
        line=column(profile.locations.line)[location_at],
    )


def subtree_sizes(parent: Ints) -> Ints:
    """Nodes in each node's subtree, itself included.

    After round k a node has counted its descendants nearer than 2**k; those nearer than 2**(k+1) are these and the ones that its
    descendants at exactly 2**k have counted.
    """
    size = np.ones(len(parent), dtype=np.int64)
    node, ancestor = _below_a_root(parent)
    leap = parent.copy()
    for _ in _doublings(parent):
        if not len(node):
            break
        gained = np.bincount(ancestor, weights=size[node], minlength=len(parent))
        size += gained.astype(np.int64)
        leap, node, ancestor = _double(leap, node, ancestor)
    return size


def preorder(parent: Ints, size: Ints) -> Ints:
    """Each node's place in a depth-first walk: its parent's, plus one, plus the subtrees of its elder siblings."""
    count = len(parent)
    by_parent = stable_order(parent + 1)
    before = np.cumsum(size[by_parent]) - size[by_parent]
    sorted_parent = parent[by_parent]
    first = np.ones(count, dtype=np.bool_)
    first[1:] = sorted_parent[1:] != sorted_parent[:-1]
    eldest = np.maximum.accumulate(np.where(first, np.arange(count), 0))
    place = np.empty(count, dtype=np.int64)
    place[by_parent] = before - before[eldest]
    place += parent >= 0
    node, ancestor = _below_a_root(parent)
    leap = parent.copy()
    for _ in _doublings(parent):
        if not len(node):
            break
        place[node] = place[node] + place[ancestor]
        leap, node, ancestor = _double(leap, node, ancestor)
    return place


def _doublings(parent: Ints) -> range:
    """Rounds until no path can be longer: where a hostile file makes parents a circle, it ends all the same."""
    return range(len(parent).bit_length() + 1)


def _below_a_root(parent: Ints) -> tuple[Ints, Ints]:
    node = np.flatnonzero(parent >= 0)
    return node, parent[node]


def _double(leap: Ints, node: Ints, ancestor: Ints) -> tuple[Ints, Ints, Ints]:
    """``leap`` twice as long, and who still has an ancestor that far up, and which. ``leap`` is changed in place."""
    further = leap[ancestor]
    leap[node] = further
    there = further >= 0
    return leap, node[there], further[there]


def subtree_weights(tree: CallTree, own: Ints) -> Ints:
    """Cumulative weight of each position's subtree, from each position's own."""
    sums = prefix_sums(own)
    return sums[tree.end] - sums[:-1]


def topmost(group: Ids, position: Ids, end: Ids) -> Ints:
    """Rows that are not nested in an earlier row of their group, sorted by group, then position.

    ``position`` must rise from row to row; [position, end) must be subtrees of one tree. With the function of each node as the
    group these are the activations that count for "once per sample however deep it recurses": the subtrees of those rows are
    disjoint within a group and hold every sample that the group has a part in.
    """
    rows = stable_order(group)
    if not len(rows):
        return rows
    sorted_group = group[rows]
    rank = np.zeros(len(rows), dtype=np.int64)
    np.cumsum(sorted_group[1:] != sorted_group[:-1], out=rank[1:])
    base = rank * (int(end.max()) + 1)
    reached = np.maximum.accumulate(base + end[rows])
    outside = np.ones(len(rows), dtype=np.bool_)
    outside[1:] = reached[:-1] - base[1:] <= position[rows][1:]
    return rows[outside]


def enclosing(position: Ids, end: Ids) -> tuple[Ints, Ints]:
    """For subtrees in order of position: the row of the innermost one that each is nested in, or NONE, and how many it is in."""
    count = len(position)
    level = np.arange(count, dtype=np.int64) - np.searchsorted(np.sort(end), position, side="right")
    outer = np.full(count, -1, dtype=np.int64)
    if count and level.any():
        stride = int(end.max()) + 1
        by_level = stable_order(level)
        key = (level * stride + position)[by_level]
        nested = np.flatnonzero(key >= stride)
        above = np.searchsorted(key, key[nested] - stride, side="right") - 1
        outer[by_level[nested]] = by_level[above]
    return outer, level
