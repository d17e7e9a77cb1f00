"""The neighbourhood of one function: those it is called by and those it calls, a few steps far, the heaviest first."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import chain, islice

import numpy as np

from plopi.viewer.analysis.call_graph import Numbers
from plopi.viewer.analysis.columns import Groups, Ids, Ints, heaviest


def neighbourhood(numbers: Numbers, function: int, radius: int, most: int, without: tuple[int, ...] = ()) -> Ints:
    """At most ``most`` functions, ``function`` the first of them, the rest callers of callers and callees of callees of it.

    A way from or to it is as wide as its lightest edge, and those that are reached by the widest ways come first: no more than
    that width of their weight has to do with ``function``. Half of the room is for either side; what one does not need, the
    other gets.
    """
    structure = numbers.structure
    up = _widest(numbers, function, radius, most, structure.callers, structure.caller, without)
    down = _widest(numbers, function, radius, most, structure.callees, structure.callee, without)
    half = max(most - 1, 0) // 2
    near = [*islice(down, most - 1 - half)], [*islice(up, half)]
    rest = chain(down, up) if len(near[0]) == most - 1 - half else chain(up, down)
    found = dict.fromkeys([function, *near[0], *near[1]])
    for further in rest:
        if len(found) >= most:
            break
        found.setdefault(further)
    return np.array(list(found), dtype=np.int64)


def _widest(
    numbers: Numbers, start: int, radius: int, most: int, edges: Groups, end: Ids, without: tuple[int, ...]
) -> Iterator[int]:
    """Functions on one side of ``start``, those of the widest ways first, equals by steps, then by id."""
    seen = {start}
    heap: list[tuple[int, int, int]] = []

    def spread(function: int, width: int, steps: int) -> None:
        rows = edges.of(function)
        rows = rows[numbers.edge_present[rows]]
        for row in rows[heaviest(numbers.edge[rows], most)].tolist():
            if (other := int(end[row])) not in seen and other not in without:
                heapq.heappush(heap, (-min(width, int(numbers.edge[row])), steps + 1, other))

    spread(start, 2**63, 0)
    while heap:
        width, steps, function = heapq.heappop(heap)
        if function in seen:
            continue
        seen.add(function)
        yield function
        if steps < radius:
            spread(function, -width, steps)
