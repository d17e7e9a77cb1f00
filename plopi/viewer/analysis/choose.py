"""What to draw of a call graph: at most N functions, and the edges that hold them together.

1. *Choose* by what a function explains (``rank``); heavy owners of self time are always in. Or take what surrounds one function
   (``around``).
2. *Link* the chosen through what is hidden between them (see ``links``). Where that is one chain of wrappers, functions that have
   hardly any self time and one caller and one callee, the edge lists them: they are folded into it.
3. *Prune* edges: those that tell little of either end, and residual ones that a path of others implies; never one that holds a
   function to a root.
4. *Fold* the chosen functions that turned out to be wrappers, too; that makes room: choose more.

Every order ends in ids, so one view of one profile is one picture.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from plopi.model import NONE
from plopi.viewer.analysis.around import neighbourhood
from plopi.viewer.analysis.call_graph import Numbers
from plopi.viewer.analysis.columns import Ints
from plopi.viewer.analysis.forest import Forests
from plopi.viewer.analysis.links import Link, Linked, link
from plopi.viewer.analysis.rank import WRAPPER_FLOW, WRAPPER_SELF, Choice, ranking

SMALL_EDGE = 0.001
"""Edges below this share of the total are pruned."""
TOLD_IN = 0.8
"""A function's callers are drawn, heaviest first, until they account for this share of what comes in,"""
TOLD_OUT = 0.5
"""and its callees until they account for this share of what goes out. Dashed edges, which tell less, for half as much."""
HEAVY_EDGE = 4.0
"""Beside those, direct edges from this share of total / N on are drawn: 5 % at 80."""
EDGES_PER_NODE = 2
ROUNDS = 4
MOST_CANDIDATES = 3
"""Of the functions that are worth drawing, so many times N are looked at: room made by folding is filled from these."""


@dataclass(frozen=True)
class Edge:
    """A drawn edge. ``wrappers`` are the functions folded into it, caller's side first.

    ``residual``: it stands for no direct call; hidden functions lie between. ``exact`` false: ``weight`` is an upper bound.
    """

    caller: int
    callee: int
    weight: int
    residual: bool
    exact: bool
    wrappers: tuple[int, ...] = ()


@dataclass(frozen=True)
class LeftOut:
    """What the picture does not show: functions neither drawn nor folded and their self weight, direct edges that no drawn edge
    stands for, and the wrappers folded into edges with theirs. Self of nodes + ``self`` + ``wrappers_self`` is the total."""

    functions: int
    self: int
    edges: int
    wrappers: int
    wrappers_self: int


@dataclass(frozen=True)
class Picture:
    """Functions by cum, then id; edges by weight, then ids. Every function but the ``roots`` is reached from one by ``edges``."""

    nodes: list[int]
    edges: list[Edge]
    roots: frozenset[int]
    depth: dict[int, float]
    left_out: LeftOut


@dataclass(frozen=True)
class _Terms:
    """What one picture is made to. ``pinned`` functions neither fold nor lose edges; ``whole`` is what small is small to."""

    limit: int
    whole: int
    pinned: frozenset[int] = frozenset()
    folds: bool = True


def choose(numbers: Numbers, choice: Choice) -> Picture:
    """The picture that is asked for. Functions to be kept are drawn where they belong to the selection, besides the limit."""
    kept = np.array([f for f in dict.fromkeys(choice.keep) if numbers.present[f] and f not in choice.drop], dtype=np.int64)
    if choice.around is not None:
        return _neighbourhood(numbers, choice.around, choice, kept)
    limit, terms = choice.nodes, _Terms(choice.nodes, numbers.total, frozenset(kept.tolist()))
    ranked, spare = np.split(np.concatenate([kept, ranking(numbers, choice)]), [len(kept) + MOST_CANDIDATES * limit])
    forests = Forests(numbers.structure.functions, ranked, spare[: MOST_CANDIDATES * limit], choice)
    most = want = limit + len(kept)
    best = _compose(numbers, ranked[:want], forests, terms)
    for _ in range(ROUNDS):
        room = most - len(best.nodes)
        if room <= 0 or want >= len(ranked):
            break
        want += room
        fuller = _compose(numbers, ranked[:want], forests, terms)
        if len(fuller.nodes) > most:
            break
        best = fuller
    return best


def _neighbourhood(numbers: Numbers, function: int, choice: Choice, kept: Ints) -> Picture:
    """One function with what surrounds it; all of it is drawn, since it is what was asked for."""
    near = neighbourhood(numbers, function, choice.radius, choice.nodes, choice.drop)
    terms = _Terms(choice.nodes, int(numbers.cum[function]), frozenset([function, *kept.tolist()]), folds=False)
    return _compose(numbers, np.unique(np.concatenate([near, kept])), None, terms)


def _compose(numbers: Numbers, chosen: Ints, forests: Forests | None, terms: _Terms) -> Picture:
    """The picture of ``chosen``, less those that fold into an edge."""
    linked = link(numbers, chosen, forests, near=not terms.folds)
    holder, edges = _prune(numbers, chosen, linked, [_edge(numbers, found) for found in linked.links], terms)
    folded = _fold(numbers, edges, holder, terms.pinned) if terms.folds else edges
    kept = {end for edge in folded for end in (edge.caller, edge.callee)} | {f for f, caller in holder.items() if caller == NONE}
    if len(kept) == len(chosen):
        return _picture(numbers, chosen, holder, edges, linked)
    chosen = np.array(sorted(kept), dtype=np.int64)
    if numbers.sampled:
        chains = {(edge.caller, edge.callee): edge for edge in folded}
        linked = link(numbers, chosen, forests)
        folded = [_edge(numbers, found, chains.get((found.caller, found.callee))) for found in linked.links]
    holder, edges = _prune(numbers, chosen, linked, folded, terms)
    return _picture(numbers, chosen, holder, edges, linked)


def _edge(numbers: Numbers, found: Link, chain: Edge | None = None) -> Edge:
    """The link as an edge, with the functions between as its wrappers: those of a chain found before, or where they are one."""
    if chain and chain.wrappers:
        return replace(chain, weight=found.weight, exact=found.exact)
    if found.nearest != NONE and found.direct < found.weight * WRAPPER_FLOW and _may_fold(numbers, found, found.nearest):
        hidden = found.hidden
        if hidden and _is_chain(numbers, found, hidden):
            return Edge(found.caller, found.callee, found.weight, False, found.exact, hidden)
    return Edge(found.caller, found.callee, found.weight, found.nearest != NONE and found.direct == 0, found.exact)


def _may_fold(numbers: Numbers, found: Link, function: int) -> bool:
    """Whether a hidden function is there for this link alone, and does nothing itself."""
    return bool(numbers.cum[function] * WRAPPER_FLOW <= found.weight) and _is_idle(numbers, function)


def _is_chain(numbers: Numbers, found: Link, hidden: tuple[int, ...]) -> bool:
    """Whether the hidden functions are wrappers of this link alone, and its weight goes from each to the next."""
    if not all(_may_fold(numbers, found, function) for function in hidden):
        return False
    way = np.array([found.caller, *hidden, found.callee], dtype=np.int64)
    return bool((numbers.edge_weights(way[:-1], way[1:]) >= found.weight * WRAPPER_FLOW).all())


def _is_idle(numbers: Numbers, function: int) -> bool:
    return bool(numbers.self[function] < numbers.total * WRAPPER_SELF and numbers.recursive[function] == 0)


def _weight_order(edge: Edge) -> tuple[int, int, int]:
    return -edge.weight, edge.caller, edge.callee


def _prune(
    numbers: Numbers, functions: Ints, linked: Linked, edges: list[Edge], terms: _Terms
) -> tuple[dict[int, int], list[Edge]]:
    """What holds each function (its caller in a spanning forest, NONE for a root), and the edges worth drawing by weight."""
    edges = sorted(edges, key=_weight_order)
    holder = _spanning_forest(numbers, functions, linked, edges)
    held = {(caller, callee) for callee, caller in holder.items()}
    heaviest: dict[int, int] = {}
    for edge in edges:
        heaviest.setdefault(edge.callee, edge.caller)
    held |= {(caller, callee) for callee, caller in heaviest.items()}
    held |= {(edge.caller, edge.callee) for edge in edges if not edge.residual and {edge.caller, edge.callee} & terms.pinned}
    telling = _telling(edges, terms.whole * HEAVY_EDGE / terms.limit)
    enough = EDGES_PER_NODE * max(len(functions), terms.limit)
    kept = [
        edge
        for place, edge in enumerate(edges)
        if (edge.caller, edge.callee) in held
        or (place < enough and edge.weight >= terms.whole * SMALL_EDGE and (edge.caller, edge.callee) in telling)
    ]
    return holder, _without_redundant(kept, held)


def _telling(edges: list[Edge], heavy: float) -> set[tuple[int, int]]:
    """Of edges by weight: those that say where most of a function's weight comes from or goes to, and all heavy ones."""
    goes: Counter[int] = Counter()
    comes: Counter[int] = Counter()
    for edge in edges:
        goes[edge.caller] += edge.weight
        comes[edge.callee] += edge.weight
    told_in: Counter[int] = Counter()
    told_out: Counter[int] = Counter()
    telling = set()
    for edge in edges:
        part = 0.5 if edge.residual else 1.0
        tells_in = told_in[edge.callee] < comes[edge.callee] * TOLD_IN * part
        tells_out = told_out[edge.caller] < goes[edge.caller] * TOLD_OUT * part
        if tells_in or tells_out or (edge.weight >= heavy and not edge.residual):
            telling.add((edge.caller, edge.callee))
        told_in[edge.callee] += edge.weight
        told_out[edge.caller] += edge.weight
    return telling


def _spanning_forest(numbers: Numbers, functions: Ints, linked: Linked, edges: Iterable[Edge]) -> dict[int, int]:
    """Each function's caller on the heaviest way from a root (Prim), NONE for roots.

    Roots are functions that mostly have none of the others above them, and the heaviest of each cycle without an entry.
    """
    onward: dict[int, list[Edge]] = defaultdict(list)
    entered = set()
    for edge in edges:
        onward[edge.caller].append(edge)
        entered.add(edge.callee)
    by_cum = sorted(functions.tolist(), key=lambda f: (-int(numbers.cum[f]), f))
    starts = [f for f in by_cum if f not in entered or 2 * linked.outermost.get(f, 0) >= int(numbers.cum[f])]
    holder = dict.fromkeys(starts, NONE)
    heap = [(*_weight_order(edge), edge) for f in starts for edge in onward[f]]
    heapq.heapify(heap)
    for start in [NONE, *by_cum]:
        if start != NONE and start not in holder:
            holder[start] = NONE
            for edge in onward[start]:
                heapq.heappush(heap, (*_weight_order(edge), edge))
        while heap:
            *_, edge = heapq.heappop(heap)
            if edge.callee not in holder:
                holder[edge.callee] = edge.caller
                for further in onward[edge.callee]:
                    heapq.heappush(heap, (*_weight_order(further), further))
    return holder


def _without_redundant(edges: list[Edge], held: set[tuple[int, int]]) -> list[Edge]:
    """Drop residual edges that a path of other edges implies, as pprof does; not where a direct edge to the callee is lighter."""
    into: dict[int, list[Edge]] = defaultdict(list)
    for edge in edges:
        into[edge.callee].append(edge)
    dropped: set[tuple[int, int]] = set()
    for edge in reversed(edges):
        lightest_direct = min((other.weight for other in into[edge.callee] if not other.residual), default=edge.weight)
        if not edge.residual or edge.weight > lightest_direct or (edge.caller, edge.callee) in held:
            continue
        if _is_implied(edge, into):
            into[edge.callee].remove(edge)
            dropped.add((edge.caller, edge.callee))
    return [edge for edge in edges if (edge.caller, edge.callee) not in dropped]


def _is_implied(edge: Edge, into: Mapping[int, list[Edge]]) -> bool:
    """Whether the caller reaches the callee by other edges."""
    seen = {edge.callee}
    queue = [edge.callee]
    while queue:
        for other in into.get(queue.pop(), ()):
            if other is edge or other.caller in seen:
                continue
            if other.caller == edge.caller:
                return True
            seen.add(other.caller)
            queue.append(other.caller)
    return False


def _fold(numbers: Numbers, edges: list[Edge], holder: Mapping[int, int], pinned: frozenset[int]) -> list[Edge]:
    """Fold every wrapper into an edge between its caller and its callee, unless these have an edge of their own or are one.

    Without stacks the new edge's weight is that of the wrapper's edge to its callee, or where the wrapper has other callers,
    the most that it can be.
    """
    into: dict[int, dict[int, Edge]] = defaultdict(dict)
    out_of: dict[int, dict[int, Edge]] = defaultdict(dict)
    for edge in edges:
        into[edge.callee][edge.caller] = out_of[edge.caller][edge.callee] = edge
    for wrapper in sorted(out_of, key=lambda f: (-int(numbers.cum[f]), f)):
        if len(into[wrapper]) != 1 or len(out_of[wrapper]) != 1 or holder[wrapper] == NONE or wrapper in pinned:
            continue
        (before,), (after,) = into[wrapper].values(), out_of[wrapper].values()
        caller, callee = before.caller, after.callee
        if caller == callee or callee in out_of[caller] or not _merely_passes_on(numbers, wrapper, before, after):
            continue
        alone = len(numbers.structure.callers.of(wrapper)) == 1
        whole = Edge(
            caller,
            callee,
            after.weight if alone else min(before.weight, after.weight),
            before.residual or after.residual,
            before.exact and after.exact and alone,
            (*before.wrappers, wrapper, *after.wrappers),
        )
        del out_of[caller][wrapper], into[callee][wrapper], into[wrapper], out_of[wrapper]
        out_of[caller][callee] = into[callee][caller] = whole
    return [edge for callees in out_of.values() for edge in callees.values()]


def _merely_passes_on(numbers: Numbers, wrapper: int, before: Edge, after: Edge) -> bool:
    least = int(numbers.cum[wrapper]) * WRAPPER_FLOW
    return before.weight >= least and after.weight >= least and _is_idle(numbers, wrapper)


def _picture(numbers: Numbers, functions: Ints, holder: Mapping[int, int], edges: list[Edge], linked: Linked) -> Picture:
    nodes = sorted(functions.tolist(), key=lambda f: (-int(numbers.cum[f]), f))
    depth = {f: linked.depth[f] if f in linked.depth else float(_steps_to_root(f, holder)) for f in nodes}
    wrappers = sorted({w for edge in edges for w in edge.wrappers})
    wrappers_self = int(numbers.self[wrappers].sum()) if wrappers else 0
    shown_self = int(numbers.self[nodes].sum()) if nodes else 0
    left_out = LeftOut(
        functions=int(np.count_nonzero(numbers.present)) - len(nodes) - len(wrappers),
        self=numbers.total - shown_self - wrappers_self,
        edges=numbers.direct_edges - _direct_edges_drawn(numbers, edges),
        wrappers=len(wrappers),
        wrappers_self=wrappers_self,
    )
    return Picture(nodes, edges, frozenset(f for f in nodes if holder[f] == NONE), depth, left_out)


def _steps_to_root(function: int, holder: Mapping[int, int]) -> int:
    steps = 0
    while holder.get(function, NONE) != NONE:
        function = holder[function]
        steps += 1
    return steps


def _direct_edges_drawn(numbers: Numbers, edges: Iterable[Edge]) -> int:
    ways = [[edge.caller, *edge.wrappers, edge.callee] for edge in edges]
    caller = np.array([a for way in ways for a in way[:-1]], dtype=np.int64)
    callee = np.array([b for way in ways for b in way[1:]], dtype=np.int64)
    rows = numbers.structure.rows(caller, callee)
    return int(np.count_nonzero(numbers.edge_present[np.unique(rows[rows >= 0])]))
