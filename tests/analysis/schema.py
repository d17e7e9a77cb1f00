"""The wire format as checks: exact keys, exact types, ranges, and what must add up. ``docs/architecture.md`` has it in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

KINDS = {"python", "native", "gc", "truncated"}
BOUND = 2**62


def check_keys(value: Mapping[str, Any], **types: type | tuple[type, ...]) -> None:
    """Exactly these keys, with values of exactly these types (so no bool for an int, no numpy scalar for either)."""
    assert set(value) == set(types), set(value) ^ set(types)
    for key, allowed in types.items():
        assert type(value[key]) in (allowed if isinstance(allowed, tuple) else (allowed,)), (key, value[key])


def check_json(payload: Mapping[str, Any]) -> None:
    """Strict JSON in UTF-8 that comes back as it was."""
    assert json.loads(json.dumps(payload, allow_nan=False, ensure_ascii=False).encode("utf-8")) == payload


NUMBERS = {"self": int, "cum": int}
FUNCTION = {"id": int, "label": str, "name": str, "file": str, "line": int, "kind": str}
HEAD = {"v": int, "revision": str, "type": dict, "total": int}
COUNT = (int, type(None))
ROW = FUNCTION | NUMBERS | {"group": str, "exact": bool, "calls": COUNT, "primitive": COUNT, "percall_ns": COUNT}


def check_head(payload: Mapping[str, Any]) -> None:
    check_json(payload)
    assert payload["v"] == 1
    check_keys(payload["type"], name=str, unit=str)


def check_graph(payload: Mapping[str, Any]) -> None:
    check_head(payload)
    parts = {"nodes": list, "edges": list, "hot_path": list, "groups": list, "left_out": dict, "filters": dict}
    check_keys(payload, **HEAD, shape=str, samples=COUNT, **parts)
    check_keys(payload["filters"], kept=int, of=int)
    assert payload["filters"]["kept"] == payload["total"]
    assert payload["shape"] in ("stacks", "calls")
    for node in payload["nodes"]:
        check_keys(
            node, **FUNCTION, **NUMBERS, group=int, recursive=int, depth=float, root=bool, exact=bool, native=COUNT, more=dict
        )
        check_keys(node["more"], callers=int, callees=int)
        assert node["kind"] in KINDS
        assert 0 <= node["group"] < len(payload["groups"])
        assert node["depth"] >= 0
    labels = [node["label"] for node in payload["nodes"]]
    assert len(set(labels)) == len(labels)
    check_edges(payload)
    for group in payload["groups"]:
        check_keys(group, name=str, self=int, share=float, color=(int, type(None)))
    check_keys(payload["left_out"], functions=int, self=int, edges=int, wrappers=int, wrappers_self=int, top=list)
    shown = {node["id"] for node in payload["nodes"]}
    assert set(payload["hot_path"]) <= shown
    assert not shown & {row["id"] for row in payload["left_out"]["top"]}
    for row in payload["left_out"]["top"]:
        check_keys(row, id=int, label=str, **NUMBERS)
    check_sums(payload)


def check_edges(payload: Mapping[str, Any]) -> None:
    shown = {node["id"] for node in payload["nodes"]}
    for edge in payload["edges"]:
        check_keys(edge, caller=int, callee=int, weight=int, residual=bool, exact=bool, back=bool, wrappers=list)
        assert {edge["caller"], edge["callee"]} <= shown
        assert edge["caller"] != edge["callee"]
        assert abs(edge["weight"]) < BOUND
        for wrapper in edge["wrappers"]:
            check_keys(wrapper, id=int, label=str, self=int, cum=int)
            assert wrapper["id"] not in shown
    reached = {edge["callee"] for edge in payload["edges"]}
    assert all(node["root"] or node["id"] in reached for node in payload["nodes"])


def check_sums(payload: Mapping[str, Any]) -> None:
    left = payload["left_out"]
    assert sum(node["self"] for node in payload["nodes"]) + left["self"] + left["wrappers_self"] == payload["total"]
    wrappers = {wrapper["id"] for edge in payload["edges"] for wrapper in edge["wrappers"]}
    assert left["wrappers"] == len(wrappers)
    colours = [group["color"] for group in payload["groups"] if group["color"] is not None]
    ranked = [colour for colour in colours if colour != 8]
    assert ranked == list(range(len(ranked))) and len(colours) - len(ranked) <= 1


def check_table(payload: Mapping[str, Any]) -> None:
    check_head(payload)
    check_keys(payload, **HEAD, shown=int, cut=bool, functions=int, page=int, pages=int, rows=list)
    assert len(payload["rows"]) <= payload["shown"] <= payload["functions"]
    assert 1 <= payload["page"] <= payload["pages"]
    for row in payload["rows"]:
        check_row(row)


def check_row(row: Mapping[str, Any], **more: type) -> None:
    check_keys(row, **ROW, **more)
    assert row["kind"] in KINDS


def check_function(payload: Mapping[str, Any]) -> None:
    check_head(payload)
    lists = dict.fromkeys(("callers", "callees", "paths", "lines"), list)
    check_keys(
        payload,
        **HEAD,
        function=dict,
        callers_total=int,
        callees_total=int,
        **lists,
        split=dict,
        recursive=int,
        gc=int,
        native=COUNT,
        exact=bool,
    )
    check_row(payload["function"])
    for split in payload["split"].values():
        check_keys(split, alone=int, slices=list, rest=int, exact=bool)
        for each in split["slices"]:
            check_keys(each, **FUNCTION, color=(int, type(None)), weight=int)
        parts = split["alone"] + sum(each["weight"] for each in split["slices"]) + split["rest"]
        assert not split["exact"] or parts == payload["function"]["cum"]
    for path in payload["paths"]:
        check_keys(path, stack=list, omitted=int, weight=int)
        assert path["stack"][-1]["id"] == payload["function"]["id"]
    for side in ("callers", "callees"):
        assert len(payload[side]) == min(payload[f"{side}_total"], 50)
        for row in payload[side]:
            check_row(row, weight=int)
    for line in payload["lines"]:
        check_keys(line, line=int, self=int, cum=int)


def check_flame(payload: Mapping[str, Any]) -> None:
    check_head(payload)
    searched = {"matched": int} if "matched" in payload else {}
    own = {
        "zoom": list,
        "zoom_weights": list,
        "zoom_weight": int,
        "inverted": bool,
        "root": (int, type(None)),
        "depth_total": int,
    }
    check_keys(payload, **HEAD, **own, functions=dict, groups=list, nodes=dict, cut=dict, **searched)
    nodes = payload["nodes"]
    columns = {"parent", "function", "start", "weight", "self", *(["match"] if searched else [])}
    assert set(nodes) == columns
    assert len({len(column) for column in nodes.values()}) == 1
    assert all(type(value) is int for column in nodes.values() for value in column)
    assert all(-1 <= up < row for row, up in enumerate(nodes["parent"]))
    assert {str(function) for function in [*nodes["function"], *payload["zoom"]]} <= set(payload["functions"])
    for key, function in payload["functions"].items():
        check_keys(function, **FUNCTION, group=int)
        assert str(function["id"]) == key
        assert 0 <= function["group"] < len(payload["groups"])
    check_keys(payload["cut"], nodes=int, weight=int)
    assert sum(nodes["self"]) + payload["cut"]["weight"] == payload["zoom_weight"]


def check_timeline(payload: Mapping[str, Any]) -> None:
    check_json(payload)
    check_keys(
        payload,
        v=int,
        revision=str,
        type=dict,
        start_ns=(int, type(None)),
        duration_ns=(int, type(None)),
        growing=bool,
        buckets=dict,
        threads=list,
        untimed=int,
    )
    check_keys(payload["buckets"], start=list, length=list, weight=list)
    assert len({len(column) for column in payload["buckets"].values()}) == 1
    for thread in payload["threads"]:
        check_keys(thread, id=(int, type(None)), name=str, others=int, weight=int, weights=list)
        assert sum(thread["weights"]) == thread["weight"]
