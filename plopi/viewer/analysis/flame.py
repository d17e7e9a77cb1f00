"""The flame graph: stacks merged by the functions they go through, and of that tree only what is wide enough to be seen.

The tree is never made as a whole. It is grown level by level from the top, each level by whole columns: the places in the call
tree that a box stands for are its part of a *front*; a step leads each place to its children (inverted: to its parent), and
places of one box that lead to one function are a box of the next level. What is narrower than asked for is not followed, so the
cost is that of what can be seen. A recursion shows as often as it recurs.

There are four such trees: from the roots down, from the leaves up (inverted), and from one function down or up (sandwich). A
sandwich counts each sample once: it starts at those activations of the function that are not nested in another of its own.

In a diff each box has a weight on either side, and is as wide as one of them or as both together. Only the sum is never less than
that of the boxes below, as long as every box that either side knows is to be seen; the larger of the two is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from plopi.errors import Unanswerable
from plopi.viewer.analysis.call_graph import Numbers, Part
from plopi.viewer.analysis.columns import Groups, Ids, Ints, Mask, column, group_by_id, group_by_key, prefix_sums

Side = Literal["both", "after", "before"]

MOST_BOXES = 20_000
DEEPEST = 1000
"""Levels of one answer; what lies deeper is counted as cut, and there once its caller is zoomed."""


@dataclass(frozen=True)
class Shape:
    """Which tree and what of it: ``zoom`` is a path of functions from the top, ``least`` the smallest share of the zoomed box (of
    all of them, unzoomed) that is worth a box, ``side`` whose weights make the widths in a diff."""

    zoom: tuple[int, ...] = ()
    inverted: bool = False
    root: int | None = None
    least: float = 0.0
    side: Side = "both"

    def width(self, weights: tuple[Ints, ...]) -> Ints:
        """Of boxes, by their weights on each side."""
        if self.side == "after" or len(weights) == 1:
            return weights[0]
        return weights[1] if self.side == "before" else weights[0] + weights[1]


@dataclass(frozen=True)
class Boxes:
    """Boxes by row, parents before their children, siblings adjacent and by name.

    ``start`` is where a box begins: width from the left edge of all that is shown, counting boxes that were cut. ``self`` is
    what of its weight is in no child. ``base``: its weight on the other side of a diff. ``width`` is ``weight`` but in a diff.
    """

    parent: Ints
    function: Ints
    start: Ints
    weight: Ints
    self: Ints
    width: Ints
    base: Ints | None

    def __len__(self) -> int:
        return len(self.parent)


@dataclass(frozen=True)
class Flame:
    """``zoom`` is as much of the path as there is, ``zoom_weights`` the weights along it; ``weight`` that of all that is shown
    (``width``: their widths): the boxes' self and ``cut_weight``, of the boxes left out directly below a shown one, add up to
    it, but where widths are the other side's."""

    boxes: Boxes
    zoom: tuple[int, ...]
    zoom_weights: tuple[int, ...]
    weight: int
    width: int
    cut_boxes: int
    cut_weight: int


@dataclass(frozen=True)
class _Front:
    """Places in the call tree, the box that each belongs to, and its weight on each side."""

    place: Ints
    box: Ints
    weights: tuple[Ints, ...]

    def of(self, rows: Ints | Mask) -> _Front:
        return _Front(self.place[rows], self.box[rows], tuple(weight[rows] for weight in self.weights))


@dataclass(frozen=True)
class _Level:
    """The next level's boxes in order of drawing, too narrow ones among them; ``row_box``: the box of each row of the front."""

    parent: Ints
    function: Ints
    weights: tuple[Ints, ...]
    width: Ints
    start: Ints
    row_box: Ints


class Forest:
    """The stacks of one selection, ready to be grown; those of the other side of a diff (``base``) stand beside them.

    ``rank``: functions' places in the order of names. Unanswerable where there are no stacks, or some weigh less than 0.
    """

    def __init__(self, numbers: Numbers, rank: Ids, base: Numbers | None = None) -> None:
        sides = [numbers] if base is None else [numbers, base]
        parts = [(part, side) for side, each in enumerate(sides) for part in parts_of(each)]
        if any(part.own.min(initial=0) < 0 for part, _ in parts):
            raise Unanswerable("Some weights of this profile are negative, and no box is that narrow: look at the table.")
        trees = [part.stacks.tree for part, _ in parts]
        self.offsets = np.cumsum([0, *(len(tree) for tree in trees)]).tolist()
        self.parts = parts
        self.parent = _joined([np.where(tree.parent < 0, -1, tree.parent + o) for tree, o in zip(trees, self.offsets)])
        self.function = _joined([tree.function for tree in trees])
        self.own = tuple(_joined([part.own if of == side else _none(part) for part, of in parts]) for side in range(len(sides)))
        self.subtree = tuple(
            _joined([part.subtree if of == side else _none(part) for part, of in parts]) for side in range(len(sides))
        )
        self.children = children_of(self.parent)
        self.rank = rank
        self.by_rank = np.argsort(rank)

    def __len__(self) -> int:
        return len(self.parent)

    def flame(self, shape: Shape) -> Flame:
        """The boxes of ``shape``, at most MOST_BOXES: where there are more, the widest half, quarter, ... by share."""
        front, zoomed, weights = self._zoomed(shape)
        weight, width = int(front.weights[0].sum()), int(shape.width(front.weights).sum())
        least = shape.least
        while (found := self._grown(front, shape, least * width)) is None:
            least = max(2 * least, 1e-5)
        boxes, cut_boxes, cut_weight = found
        return Flame(boxes, zoomed, weights, weight, width, cut_boxes, cut_weight)

    def _zoomed(self, shape: Shape) -> tuple[_Front, tuple[int, ...], tuple[int, ...]]:
        """The places of the last box of the path that is there, or those of all boxes on top."""
        here = front = self._top(shape)
        weights: list[int] = []
        for function in shape.zoom:
            there = front.of(self.function[front.place] == function)
            if not int(shape.width(there.weights).sum()):
                break
            weights.append(int(there.weights[0].sum()))
            here, front = there, self._step(there, shape.inverted)
        return here, shape.zoom[: len(weights)], tuple(weights)

    def _top(self, shape: Shape) -> _Front:
        if shape.root is not None:
            tops = [part.stacks.activations.of(shape.root) + offset for (part, _), offset in zip(self.parts, self.offsets)]
            place, carried = _joined(tops), self.subtree
        elif shape.inverted:
            place, carried = np.flatnonzero(np.logical_or.reduce([own != 0 for own in self.own])), self.own
        else:
            place, carried = np.flatnonzero(self.parent < 0), self.subtree
        return _Front(place, np.full(len(place), -1, dtype=np.int64), tuple(column[place] for column in carried))

    def _step(self, front: _Front, inverted: bool) -> _Front:
        """Where the places of a front lead to."""
        if not inverted:
            counts = self.children.start[front.place + 1] - self.children.start[front.place]
            first = self.children.start[front.place] - (np.cumsum(counts) - counts)
            place = self.children.rows[np.repeat(first, counts) + np.arange(int(counts.sum()), dtype=np.int64)]
            return _Front(place, np.repeat(front.box, counts), tuple(column[place] for column in self.subtree))
        above = front.of(self.parent[front.place] >= 0)
        key, rows = group_by_key((above.box + 1) * len(self) + self.parent[above.place])
        box, place = np.divmod(key, max(len(self), 1))
        return _Front(place, box - 1, tuple(rows.sums(weight) for weight in above.weights))

    def _level(self, front: _Front, shape: Shape, starts: Ints) -> _Level:
        """The boxes that a front's places make; ``starts`` by parent."""
        functions = max(len(self.rank), 1)
        key, rows = group_by_key((front.box + 1) * functions + self.rank[self.function[front.place]])
        parent, rank = np.divmod(key, functions)
        parent -= 1
        weights = tuple(rows.sums(weight) for weight in front.weights)
        width = shape.width(weights)
        before = np.cumsum(width) - width
        eldest = np.searchsorted(parent, parent)
        row_box = np.empty(len(front.place), dtype=np.int64)
        row_box[rows.rows] = np.repeat(np.arange(len(key), dtype=np.int64), np.diff(rows.start))
        left = np.where(parent < 0, 0, starts[parent]) if len(starts) else np.zeros(len(key), dtype=np.int64)
        return _Level(parent, self.by_rank[rank], weights, width, left + before - before[eldest], row_box)

    def _grown(self, front: _Front, shape: Shape, least: float) -> tuple[Boxes, int, int] | None:
        """All boxes below (and of) a front; None where they are too many."""
        levels: list[_Level] = []
        starts = below = np.zeros(0, dtype=np.int64)
        total_boxes = cut_boxes = cut_weight = 0
        belows: list[Ints] = []
        while len(front.place):
            level = self._level(front, shape, starts)
            weight = level.weights[0]
            belows.append(_sums_by_parent(level.parent, weight, len(starts)))
            kept = (level.width >= least) & (level.width > 0) & (len(levels) < DEEPEST)
            cut = (level.width > 0) & ~kept
            cut_boxes += int(np.count_nonzero(cut))
            cut_weight += int(weight[cut].sum())
            total_boxes += int(np.count_nonzero(kept))
            if total_boxes > MOST_BOXES:
                return None
            number = np.cumsum(kept) - 1
            going = front.of(kept[level.row_box])
            box = number[level.row_box[kept[level.row_box]]]
            levels.append(_of(level, kept))
            starts = levels[-1].start
            front = self._step(replace(going, box=box), shape.inverted)
        return _boxes(levels, [*belows[1:], below], len(self.own) > 1), cut_boxes, cut_weight


def _of(level: _Level, kept: Mask) -> _Level:
    weights = tuple(weight[kept] for weight in level.weights)
    return _Level(level.parent[kept], level.function[kept], weights, level.width[kept], level.start[kept], level.row_box)


def _sums_by_parent(parent: Ints, weight: Ints, parents: int) -> Ints:
    """Weight of all children of each parent; ``parent`` rises."""
    sums = prefix_sums(weight)
    edges = np.searchsorted(parent, np.arange(parents + 1, dtype=np.int64))
    return sums[edges[1:]] - sums[edges[:-1]]


def _boxes(levels: list[_Level], belows: list[Ints], two_sided: bool) -> Boxes:
    """Levels put together; ``belows`` has, for each, the weight that goes on into children (shorter where nothing does)."""
    ends = np.cumsum([0, 0, *(len(level.parent) for level in levels)]).tolist()
    parents = [np.where(level.parent < 0, -1, level.parent + offset) for level, offset in zip(levels, ends)]
    weight = _joined([level.weights[0] for level in levels])
    below = _joined([each if len(each) else np.zeros(len(level.parent), dtype=np.int64) for level, each in zip(levels, belows)])
    return Boxes(
        parent=_joined(parents),
        function=_joined([level.function for level in levels]),
        start=_joined([level.start for level in levels]),
        weight=weight,
        self=weight - below,
        width=_joined([level.width for level in levels]),
        base=_joined([level.weights[1] for level in levels]) if two_sided else None,
    )


def _joined(columns: Sequence[Ids]) -> Ints:
    """One column after the other, without a copy where there is one of the right kind."""
    if len(columns) == 1:
        return column(columns[0])
    return np.concatenate(columns).astype(np.int64) if columns else np.zeros(0, dtype=np.int64)


def _none(part: Part) -> Ints:
    return np.zeros(len(part.own), dtype=np.int64)


def parts_of(numbers: Numbers) -> tuple[Part, ...]:
    """The call trees behind numbers. Raises Unanswerable where a profile holds none."""
    if not numbers.sampled:
        raise Unanswerable(
            "A flame graph is made of whole stacks, and this dump holds totals of functions and of who called whom, from which "
            "no stack can be told: look at the graph, the table, or a function with its callers and callees."
        )
    return numbers.parts


def children_of(parent: Ids) -> Groups:
    """Positions by parent, for each position."""
    roots = int(np.count_nonzero(parent < 0))
    groups = group_by_id(parent + 1, len(parent) + 1)
    return Groups(groups.rows[roots:], groups.start[1:] - roots)


def matched_weight(numbers: Numbers, wanted: Mask) -> int:
    """Weight of the samples with a ``wanted`` function (a mask by function) anywhere in their stacks, each once."""
    return sum(_matched_in(part, wanted) for part in parts_of(numbers))


def _matched_in(part: Part, wanted: Mask) -> int:
    place = np.flatnonzero(wanted[part.stacks.tree.function])
    end = part.stacks.tree.end[place]
    outermost = np.ones(len(place), dtype=np.bool_)
    outermost[1:] = np.maximum.accumulate(end)[:-1] <= place[1:]
    return int(part.subtree[place[outermost]].sum())


def deepest(numbers: Numbers) -> int:
    """Functions in the deepest stack that has weight."""
    return max((_deepest_in(part) for part in parts_of(numbers)), default=0)


def _deepest_in(part: Part) -> int:
    tree = part.stacks.tree
    ended = np.cumsum(np.bincount(tree.end, minlength=len(tree) + 1)[: len(tree)])
    depth = np.arange(1, len(tree) + 1, dtype=np.int64) - ended
    return int(depth[part.own != 0].max(initial=0))
