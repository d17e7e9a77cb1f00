"""A profile beside another: the same numbers where nothing changed, shared positions, and what chance makes of them."""

from __future__ import annotations

import json
from typing import Any

import go_pprof
import numpy as np
import pytest
from drawing import calls_from, profile_from
from hypothesis import given
from hypothesis import strategies as st
from profiles import calls_profiles, stacks_profiles
from schema import check_json

from plopi.errors import Unanswerable, UsageError
from plopi.model import CPU, SAMPLES, WALL, Profile, ProfileBuilder, SampleType
from plopi.viewer import payloads
from plopi.viewer.analysis import Index, index
from plopi.viewer.analysis.call_graph import Selection
from plopi.viewer.analysis.derived import through
from plopi.viewer.analysis.diff import Chance, Comparison, effective_size
from plopi.viewer.analysis.flame import Boxes, Shape
from plopi.viewer.analysis.lenses import Lens
from plopi.viewer.payloads.flame import SIDES, Asked
from plopi.viewer.view import View, lens_of

AFTER = profile_from("main 1\n  parse 20\n    read 10\n  new 9", (CPU,))
BEFORE = profile_from("main 1\n  parse 10\n    read 5\n  old 4", (CPU,))


def compared(after: Profile, before: Profile, lens: Lens | None = None, normalised: bool = True) -> Comparison:
    sides = (through(index(profile), lens or Lens()) for profile in (after, before))
    return Comparison(*sides, ("after", "before"), normalised)


def rows(about: Comparison, **arguments: str) -> dict[str, tuple[int, int, int, int]]:
    view = View.parse({"base": "0" * 16, **arguments}, about.profile)
    table = payloads.table(about, view)
    check_json(table)
    return {row["label"]: (row["self"], row["cum"], row["base_self"], row["base_cum"]) for row in table["rows"]}


def test_both_sides_stand_in_one_row_and_the_base_is_scaled() -> None:
    assert rows(compared(AFTER, BEFORE)) == {
        "main": (1, 40, 2, 40),
        "parse": (20, 30, 20, 30),
        "read": (10, 10, 10, 10),
        "new": (9, 9, 0, 0),
        "old": (0, 0, 8, 8),
    }
    assert rows(compared(AFTER, BEFORE, normalised=False))["old"] == (0, 0, 4, 4)


def test_what_grew_most_comes_first() -> None:
    assert next(iter(rows(compared(AFTER, BEFORE), sort="delta"))) == "new"
    assert next(iter(rows(compared(AFTER, BEFORE), sort="delta", order="asc"))) == "old"


def test_the_graph_of_both_sides() -> None:
    about = compared(AFTER, BEFORE)
    graph = payloads.graph(about, View.parse({}, about.profile))
    check_json(graph)
    name = {node["id"]: node["label"] for node in graph["nodes"]}
    edges = {(name[e["caller"]], name[e["callee"]]): (e["weight"], e["base_weight"]) for e in graph["edges"]}
    assert edges == {("main", "parse"): (30, 30), ("parse", "read"): (10, 10), ("main", "new"): (9, 0), ("main", "old"): (0, 8)}
    assert (graph["total"], graph["base"]["total"], graph["base"]["scale"]) == (40, 40, 2.0)


def test_a_filter_does_not_change_the_scale() -> None:
    found = rows(compared(AFTER, BEFORE, Lens(focus=("read",))))
    assert found["read"] == (10, 10, 10, 10)
    assert rows(compared(AFTER, BEFORE, Lens(focus=("old",))))["old"] == (0, 0, 8, 8)


def test_a_thread_is_compared_with_its_namesake() -> None:
    after = profile_from("[thread Main 1]\nmain 4\n[thread Worker 2]\nwork 6", (CPU,))
    before = profile_from("[thread Worker 9]\nwork 3\n[thread Main 8]\nmain 100", (CPU,))
    about = compared(after, before, normalised=False)
    assert rows(about, thread="1") == {"work": (6, 6, 3, 3)}
    assert rows(about, thread="0") == {"main": (4, 4, 100, 100)}
    with pytest.raises(UsageError, match="0 to 1"):
        rows(about, thread="2")
    alone = compared(after, profile_from("[thread Main 1]\nmain 4", (CPU,)))
    with pytest.raises(Unanswerable, match="no thread 'Worker"):
        rows(alone, thread="1")


def test_threads_of_one_name_are_compared_in_their_order() -> None:
    after = profile_from("[thread pool 1]\nwork 6\n[thread pool 2]\nwork 4\n[thread pool 3]\nwork 1", (CPU,))
    before = profile_from("[thread pool 9]\nwork 3\n[thread Main 8]\nmain 9\n[thread pool 7]\nwork 5", (CPU,))
    about = compared(after, before, normalised=False)
    assert rows(about, thread="0") == {"work": (6, 6, 3, 3)}
    assert rows(about, thread="1") == {"work": (4, 4, 5, 5)}
    with pytest.raises(Unanswerable, match="only 2 threads 'pool"):
        rows(about, thread="2")
    table = payloads.table(about, View.parse({"thread": "1"}, about.profile))
    assert table["base"]["thread"] == {"place": 2, "of": 3, "base_of": 2}
    back = compared(before, after)
    assert payloads.table(back, View.parse({}, back.profile))["base"]["thread"] is None
    alone = compared(profile_from("[thread Main 1]\nmain 4", (CPU,)), before)
    assert payloads.table(alone, View.parse({"thread": "0"}, alone.profile))["base"]["thread"] is None


def test_dumps_are_compared_exactly() -> None:
    after = calls_from("main 1/1 10 30\n  parse 1/1 20 20\nparse 1/1 20 20")
    before = calls_from("main 1/1 10 15\n  emit 1/1 5 5\nemit 1/1 5 5")
    about = compared(after, before, normalised=False)
    assert rows(about) == {"main": (10, 30, 10, 15), "parse": (20, 20, 0, 0), "emit": (0, 0, 5, 5)}
    table = payloads.table(about, View.parse({}, about.profile))
    assert {row["noise"] for row in table["rows"]} == {None}
    assert {row["label"]: row["calls"] for row in table["rows"]} == {"main": 1, "parse": 1, "emit": 0}
    check_json(payloads.graph(about, View.parse({}, about.profile)))


def test_what_cannot_be_compared_is_refused_with_the_reason() -> None:
    with pytest.raises(Unanswerable, match="before holds totals of calls"):
        compared(AFTER, calls_from("main 1/1 5 5"))
    with pytest.raises(Unanswerable, match="cpu in nanoseconds and before wall"):
        compared(AFTER, profile_from("main 1", (WALL,)))


@given(st.one_of(stacks_profiles(), calls_profiles()), st.booleans())
def test_nothing_differs_from_itself(profile: Profile, normalised: bool) -> None:
    about = compared(profile, profile, normalised=normalised)
    view = View.parse({}, about.profile)
    graph, alone = payloads.graph(about, view), payloads.graph(profile, View.parse({}, profile))
    assert all((n["self"], n["cum"]) == (n["base_self"], n["base_cum"]) for n in graph["nodes"])
    if profile.calls is None:
        assert all(edge["weight"] == edge["base_weight"] for edge in graph["edges"])
    mine = {node["name"]: (node["self"], node["cum"]) for node in graph["nodes"]}
    assert mine == {node["name"]: (node["self"], node["cum"]) for node in alone["nodes"]}
    for function in range(len(about.profile.functions)):
        found = payloads.function(about, view, function)
        check_json(found)
        ends = [*found["callers"], *found["callees"]]
        assert all(row["weight"] == row["base_weight"] for row in ends)
        assert all((line["self"], line["cum"]) == (line["base_self"], line["base_cum"]) for line in found["lines"])


@given(stacks_profiles(), stacks_profiles())
def test_each_side_has_its_own_numbers(after: Profile, before: Profile) -> None:
    about = compared(after, before, normalised=False)
    sides = about.sides(Selection(1))
    for profile, numbers in ((after, sides.subject), (before, sides.base)):
        own = index(profile).weighed(Selection(1)).numbers
        names = {about.profile.function_name(f): f for f in range(len(about.profile.functions))}
        for f in range(len(profile.functions)):
            there = names[profile.function_name(f)]
            assert (own.self[f], own.cum[f]) == (numbers.self[there], numbers.cum[there])
        assert own.total == numbers.total


GOLDEN = json.loads(go_pprof.GOLDEN.read_text("utf-8"))["diffs"]


@pytest.mark.parametrize(("case", "expected"), list(zip(go_pprof.CASES, GOLDEN)))
def test_absolute_differences_are_those_of_go_tool_pprof(case: dict[str, str], expected: go_pprof.Rows) -> None:
    about = compared(go_pprof.profile(1), go_pprof.profile(2), lens_of(case), normalised=False)
    table: Any = payloads.table(about, View.parse({"type": "cpu", "per": "100"}, about.profile))
    found = {
        f"{row['name']} {row['file']}": [row["self"] - row["base_self"], row["cum"] - row["base_cum"]] for row in table["rows"]
    }
    assert found == expected


def sampled(rng: np.random.Generator, shares: list[float], count: int) -> Profile:
    """So many samples of uneven weight, of functions f0, f1, ... in the shares given."""
    builder = ProfileBuilder((SAMPLES, CPU))
    root = builder.location_id(builder.function_id("main", "app.py", 1), 1)
    stacks = [
        builder.stack_of([root, builder.location_id(builder.function_id(f"f{i}", "app.py", i), 1)]) for i in range(len(shares))
    ]
    for function in rng.choice(len(shares), count, p=shares):
        builder.add_sample(stacks[function], (1, int(rng.gamma(2.0, 5e6)) + 1))
    return builder.build()


@pytest.mark.parametrize("sizes", [(400, 400), (300, 1500)])
def test_without_change_about_five_percent_fall_outside_the_band(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(7)
    shares = [0.4, 0.25, 0.2, 0.1, 0.05]
    outside = total = 0
    for _ in range(150):
        sides = compared(sampled(rng, shares, sizes[0]), sampled(rng, shares, sizes[1])).sides(Selection(1))
        assert sides.noise is not None
        leaves = sides.subject.self > 0
        outside += int(np.count_nonzero(np.abs(sides.subject.self - sides.base.self)[leaves] > sides.noise.self[leaves]))
        total += int(np.count_nonzero(leaves))
    assert 0.03 < outside / total < 0.07


def test_a_change_falls_outside() -> None:
    rng = np.random.default_rng(1)
    about = compared(sampled(rng, [0.5, 0.5], 2000), sampled(rng, [0.3, 0.7], 2000))
    sides = about.sides(Selection(1))
    assert sides.noise is not None
    assert np.abs(sides.subject.self - sides.base.self)[1] > sides.noise.self[1]


def test_an_arrow_has_the_band_of_its_own_weights() -> None:
    """`read` is called from two places: what passes one of them is less sure, relatively, than all of it."""
    text = "main 1\n  parse 1\n    read 90\n  load 1\n    read 10"
    about = compared(profile_from(text, (CPU,)), profile_from(text.replace("read 90", "read 70"), (CPU,)))
    graph = payloads.graph(about, View.parse({}, about.profile))
    name = {node["id"]: node["name"] for node in graph["nodes"]}
    noise = {(name[edge["caller"]], name[edge["callee"]]): edge["noise"] for edge in graph["edges"]}
    (read,) = [node for node in graph["nodes"] if node["name"] == "read"]
    chance = about.sides(Selection(0)).chance
    assert chance is not None
    for edge in graph["edges"]:
        (band,) = chance.band(np.array([edge["weight"]]), np.array([edge["base_weight"]])).tolist()
        assert edge["noise"] == band
    assert noise["load", "read"] != read["noise"]["cum"]
    dumps = compared(calls_from("main 1/1 10 30\n  parse 1/1 20 20\nparse 1/1 20 20"), calls_from("main 1/1 10 10"))
    exact = payloads.graph(dumps, View.parse({}, dumps.profile))["edges"]
    assert [edge["noise"] for edge in exact] == [None]


def test_a_functions_neighbours_slices_and_lines_have_both_sides_and_their_bands() -> None:
    """`parse` calls `old` before and `new` after; both stand among its callees, and each of its lines has both numbers."""
    after = profile_from("main 1\n  parse @3 20\n    read 50\n    new 9", (CPU,))
    before = profile_from("main 1\n  parse @3 10\n  parse @4 7\n    read 30\n    old 8\nother 2\n  parse @4 6", (CPU,))
    about = compared(after, before, normalised=False)
    ids = {about.profile.function_name(function): function for function in range(len(about.profile.functions))}
    answer = payloads.function(about, View.parse({}, about.profile), ids["parse"])
    check_json(answer)
    chance = about.sides(Selection()).chance
    assert chance is not None

    def band(x: int, y: int) -> int:
        return int(chance.band(np.array([x]), np.array([y]))[0])

    below, above = answer["split"]["callees"], answer["split"]["callers"]
    slices = {row["name"]: (row["weight"], row["base_weight"], row["noise"]) for row in below["slices"]}
    assert slices == {"read": (50, 30, band(50, 30)), "new": (9, 0, band(9, 0)), "old": (0, 8, band(0, 8))}
    assert (below["alone"], below["base_alone"], below["alone_noise"]) == (20, 23, band(20, 23))
    assert {row["name"]: (row["weight"], row["base_weight"]) for row in above["slices"]} == {"main": (79, 55), "other": (0, 6)}
    callees = {row["name"]: (row["weight"], row["base_weight"], row["weight_noise"]) for row in answer["callees"]}
    assert callees == slices
    lines = {row["line"]: (row["self"], row["base_self"], row["cum"], row["base_cum"], row["noise"]) for row in answer["lines"]}
    assert lines == {
        3: (20, 10, 79, 10, {"self": band(20, 10), "cum": band(79, 10)}),
        4: (0, 13, 0, 51, {"self": band(0, 13), "cum": band(0, 51)}),
    }
    for side in (below, above):
        for prefix, whole in (("", answer["function"]["cum"]), ("base_", answer["function"]["base_cum"])):
            assert side[f"{prefix}alone"] + side[f"{prefix}rest"] + sum(row[f"{prefix}weight"] for row in side["slices"]) == whole


def test_edges_and_slices_of_a_dump_have_the_weights_of_each_side() -> None:
    dumps = compared(
        calls_from("main 1/1 10 30\n  parse 1/1 20 20\nparse 1/1 20 20"), calls_from("main 1/1 10 10"), normalised=False
    )
    (edge,) = payloads.graph(dumps, View.parse({}, dumps.profile))["edges"]
    assert (edge["weight"], edge["base_weight"]) == (20, 0)
    main = next(f for f in range(len(dumps.profile.functions)) if dumps.profile.function_name(f) == "main")
    (parse,) = payloads.function(dumps, View.parse({}, dumps.profile), main)["split"]["callees"]["slices"]
    assert (parse["weight"], parse["base_weight"], parse["noise"]) == (20, 0, None)


def boxes_of(about: Index, kind: SampleType, shape: Shape) -> tuple[Boxes, list[tuple[str, ...]]]:
    """Every box, and the way to each by functions' names (they differ) from the top."""
    paths = list[tuple[str, ...]]()
    boxes = about.weighed(Selection(about.profile.sample_types.index(kind))).forest(about).flame(shape).boxes
    for parent, function in zip(boxes.parent.tolist(), boxes.function.tolist()):
        paths.append((*(paths[parent] if parent >= 0 else ()), about.profile.function_name(function)))
    return boxes, paths


@given(stacks_profiles(), stacks_profiles(), st.booleans())
def test_a_flame_has_every_box_of_either_side(after: Profile, before: Profile, inverted: bool) -> None:
    """And as wide as both together, so that what lies below fits; or as on one side, with the boxes of that side alone."""
    about = compared(after, before, normalised=False)
    sides = []
    for profile in (after, before):
        alone, paths = boxes_of(index(profile), CPU, Shape(inverted=inverted))
        sides.append(dict(zip(paths, alone.weight.tolist())))
    boxes, paths = boxes_of(about, CPU, Shape(inverted=inverted))
    assert boxes.base is not None
    found = dict(zip(paths, zip(boxes.weight.tolist(), boxes.base.tolist())))
    assert found == {path: (sides[0].get(path, 0), sides[1].get(path, 0)) for path in {*sides[0], *sides[1]}}
    assert boxes.width.tolist() == (boxes.weight + boxes.base).tolist()
    end, below = boxes.start + boxes.width, np.zeros(len(boxes), dtype=np.int64)
    inner = boxes.parent >= 0
    outer = boxes.parent[inner]
    assert np.all(boxes.start[inner] >= boxes.start[outer]) and np.all(end[inner] <= end[outer])
    np.add.at(below, outer, boxes.width[inner])
    assert np.all(below <= boxes.width)
    for name, side in zip(SIDES[1:], sides):
        boxes, paths = boxes_of(about, CPU, Shape(inverted=inverted, side=name))
        assert dict(zip(paths, boxes.width.tolist())) == side


def test_what_is_gone_can_be_zoomed_and_searched() -> None:
    about = compared(AFTER, BEFORE)
    ids = {about.profile.function_name(f): f for f in range(len(about.profile.functions))}
    arguments = {"zoom": f"{ids['main']}.{ids['old']}", "q": "old"}
    answer = payloads.flame(about, View.parse(arguments, about.profile), Asked.parse(arguments))
    assert (answer["zoom"], answer["zoom_weight"], answer["zoom_width"]) == ([ids["main"], ids["old"]], 0, 8)
    assert (answer["matched"], answer["base_matched"]) == (0, 8)
    assert (answer["nodes"]["weight"], answer["nodes"]["base"]) == ([0], [8])
    chance = about.sides(Selection()).chance
    assert chance is not None
    assert answer["nodes"]["noise"] == chance.band(np.array([0]), np.array([8])).tolist() != [0]
    with pytest.raises(UsageError, match="side"):
        Asked.parse({"side": "left"})


def test_how_many_equal_samples_weights_are_worth() -> None:
    assert effective_size(profile_from("main 4/40", (SAMPLES, CPU)), 1) == 4
    assert effective_size(profile_from("main 10\n  work 10", (CPU,)), 0) == 2
    assert round(effective_size(profile_from("main 30\n  work 10", (CPU,)), 0), 6) == 1.6
    assert Chance((0, 0), (0.0, 0.0), True).band(np.array([5]), np.array([5])).tolist() == [0]
