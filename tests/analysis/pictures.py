"""Call graphs as drawn text.

A function is ``name self/cum``, with ``*`` for a root and ``loop WEIGHT`` for direct recursion. An edge is
``caller -> callee weight``, or ``caller ~> callee weight`` where it stands for no direct call; wrappers folded into it stand in
brackets, and ``<=`` before a weight says that it is an upper bound.
"""

from __future__ import annotations

from textwrap import dedent

from plopi.model import Profile
from plopi.viewer.analysis import index
from plopi.viewer.analysis.call_graph import Numbers, Selection
from plopi.viewer.analysis.choose import Edge, Picture, choose
from plopi.viewer.analysis.rank import Choice


def numbers_of(profile: Profile, type: int = 0, thread: int | None = None) -> Numbers:
    return index(profile).weighed(Selection(type, thread)).numbers


def picture_of(profile: Profile, nodes: int = 80, thread: int | None = None) -> Picture:
    return choose(numbers_of(profile, thread=thread), Choice(nodes))


def drawn(profile: Profile, nodes: int = 80, thread: int | None = None) -> str:
    """The picture: functions, then edges, in their order."""
    numbers, picture = numbers_of(profile, thread=thread), picture_of(profile, nodes, thread)
    lines = []
    for function in picture.nodes:
        star = "*" if function in picture.roots else ""
        loop = f" loop {numbers.recursive[function]}" if numbers.recursive[function] else ""
        lines.append(f"{profile.function_name(function)}{star} {numbers.self[function]}/{numbers.cum[function]}{loop}")
    return "\n".join([*lines, *(drawn_edge(profile, edge) for edge in picture.edges)])


def drawn_edge(profile: Profile, edge: Edge) -> str:
    name = profile.function_name
    wrappers = "".join(f" [{name(wrapper)}]" for wrapper in edge.wrappers)
    arrow = "~>" if edge.residual else "->"
    return f"{name(edge.caller)}{wrappers} {arrow} {name(edge.callee)} {'' if edge.exact else '<='}{edge.weight}"


def whole_graph(profile: Profile, thread: int | None = None) -> str:
    """All functions and direct edges with weight, nothing chosen or left out, by id."""
    numbers, name = numbers_of(profile, thread=thread), profile.function_name
    lines = [f"{name(f)} {numbers.self[f]}/{numbers.cum[f]}" for f in range(len(profile.functions)) if numbers.present[f]]
    ends = zip(numbers.structure.caller.tolist(), numbers.structure.callee.tolist(), numbers.edge.tolist())
    return "\n".join([*lines, *(f"{name(a)} -> {name(b)} {weight}" for a, b, weight in ends if weight)])


def lines_of(text: str) -> str:
    return dedent(text).strip()
