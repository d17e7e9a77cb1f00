"""What a picture says beside its functions and edges: where it goes on, its hottest path, which edges lead back up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from plopi.viewer.analysis.call_graph import Numbers
from plopi.viewer.analysis.choose import Edge, Picture
from plopi.viewer.analysis.columns import Groups, Ids, Ints, heaviest

MOST_TOP = 20


@dataclass(frozen=True)
class More:
    """Direct callers and callees of a function that are neither drawn nor folded into an edge."""

    callers: int
    callees: int


def more(numbers: Numbers, picture: Picture) -> dict[int, More]:
    """By drawn function; costs what their edges cost."""
    structure = numbers.structure
    shown = np.zeros(structure.functions, dtype=np.bool_)
    shown[_shown(picture)] = True
    functions = np.array(picture.nodes, dtype=np.int64)

    def hidden(edges: Groups, end: Ids) -> list[int]:
        rows, owner = edges.of_many(functions)
        beyond = numbers.edge_present[rows] & ~shown[end[rows]]
        counts: list[int] = np.bincount(owner[beyond], minlength=len(functions)).tolist()
        return counts

    counts = zip(hidden(structure.callers, structure.caller), hidden(structure.callees, structure.callee))
    return {function: More(*count) for function, count in zip(picture.nodes, counts)}


def hot_path(numbers: Numbers, picture: Picture) -> list[int]:
    """From the heaviest root always along the heaviest drawn edge, until none leads on to a function not yet passed."""
    onward: dict[int, list[Edge]] = {}
    for edge in picture.edges:  # heaviest first
        onward.setdefault(edge.caller, []).append(edge)
    path = [function for function in picture.nodes if function in picture.roots][:1]
    while path:
        step = next((edge.callee for edge in onward.get(path[-1], ()) if edge.callee not in path), None)
        if step is None:
            break
        path.append(step)
    return path


def top_left_out(numbers: Numbers, picture: Picture) -> list[int]:
    """The functions with most self time that are neither drawn nor folded, those without any left out."""
    own = numbers.self
    shown = _shown(picture)
    first = heaviest(own, MOST_TOP + len(shown))
    left = first[~np.isin(first, shown) & (own[first] > 0)]
    functions: list[int] = left[:MOST_TOP].tolist()
    return functions


def back_edges(picture: Picture) -> set[tuple[int, int]]:
    """Edges (caller, callee) that lead to a function drawn above their caller: without these, no edges run in a circle.

    An edge leads back where its ends reach each other and its callee stands before its caller: by depth, then by cum.
    """
    order = sorted(picture.nodes, key=lambda f: (f not in picture.roots, picture.depth[f], picture.nodes.index(f)))
    place = {function: i for i, function in enumerate(order)}
    reach = _reach(len(order), [(place[edge.caller], place[edge.callee]) for edge in picture.edges])
    return {
        (edge.caller, edge.callee)
        for edge in picture.edges
        if place[edge.callee] < place[edge.caller] and reach[place[edge.callee]] >> place[edge.caller] & 1
    }


def _reach(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Of each node, the set of those that it reaches, as bits."""
    onward: Mapping[int, list[int]] = {node: [] for node in range(count)}
    for caller, callee in edges:
        onward[caller].append(callee)
    reach = [0] * count
    for start in range(count):
        waiting = [start]
        while waiting:
            for callee in onward[waiting.pop()]:
                if not reach[start] >> callee & 1:
                    reach[start] |= 1 << callee
                    waiting.append(callee)
    return reach


def _shown(picture: Picture) -> Ints:
    wrappers = [wrapper for edge in picture.edges for wrapper in edge.wrappers]
    return np.array([*picture.nodes, *wrappers], dtype=np.int64)
