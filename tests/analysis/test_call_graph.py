"""Self, cum and edges of the whole call graph: drawn, against the plain definition, and against pstats."""

from __future__ import annotations

import ast
import cProfile
import io
import json
import marshal
import profile as pure_profile
import pstats
from array import array
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from drawing import calls_from, profile_from
from hypothesis import given
from hypothesis import strategies as st
from naive import truth
from pictures import lines_of, numbers_of, whole_graph
from profiles import stacks_profiles

from plopi import formats
from plopi.errors import PlopiError
from plopi.model import CPU, NONE, SAMPLES, Calls, Functions, Profile, ProfileBuilder, Stacks, calls_profile
from plopi.viewer.analysis import index
from plopi.viewer.analysis.call_graph import Selection


def test_self_is_the_leaf_and_cum_the_whole_stack() -> None:
    profile = profile_from("""
        main 1
          parse 2
            read 10
          emit 4
    """)
    assert whole_graph(profile) == lines_of("""
        main 1/17
        parse 2/12
        read 10/10
        emit 4/4
        main -> parse 12
        main -> emit 4
        parse -> read 10
    """)


def test_a_function_counts_once_however_deep_it_recurses() -> None:
    profile = profile_from("""
        main
          fib 1
            fib 2
              fib 4
    """)
    assert whole_graph(profile) == lines_of("""
        main 0/7
        fib 7/7
        main -> fib 7
        fib -> fib 6
    """)


def test_mutual_recursion_counts_each_edge_once() -> None:
    profile = profile_from("""
        even 1
          odd 2
            even 4
              odd 8
                leaf 16
    """)
    assert whole_graph(profile) == lines_of("""
        even 5/31
        odd 10/30
        leaf 16/16
        even -> odd 30
        odd -> even 28
        odd -> leaf 16
    """)


def test_a_function_that_comes_again_in_another_branch_counts_in_both() -> None:
    profile = profile_from("""
        main
          left
            helper 3
          right
            helper 5
              left
                helper 7
    """)
    graph = whole_graph(profile).splitlines()
    assert "helper 15/15" in graph
    assert "left 0/10" in graph
    assert "left -> helper 10" in graph
    assert "right -> helper 12" in graph


def test_lines_of_one_function_are_one_node() -> None:
    profile = profile_from("""
        main app.py:1 @2 1
          work 5
        main app.py:1 @3 2
          work 6
    """)
    assert whole_graph(profile) == "main 3/14\nwork 11/11\nmain -> work 11"


def test_garbage_collection_is_a_callee_of_whoever_triggered_it() -> None:
    profile = profile_from("""
        main
          build 5
            <gc> 2
          <gc> 1
    """)
    assert "<gc> 3/3" in whole_graph(profile)
    assert "build -> <gc> 2" in whole_graph(profile)


def test_a_thread_counts_alone() -> None:
    profile = profile_from("""
        [thread Main 1]
        main 3
          work 4
        [thread Worker 2]
        run 5
          work 6
    """)
    assert whole_graph(profile, thread=1) == "work 6/6\nrun 5/11\nrun -> work 6"
    assert numbers_of(profile, thread=0).total == 7


def test_windows_count_alone() -> None:
    profile = profile_from("""
        [window 0+10]
        main 1
        [window 10+10]
        main 2
        [window 20+10]
        main 4
    """)
    assert index(profile).weighed(Selection(windows=(1, 2))).numbers.self.tolist() == [6]


@given(stacks_profiles(), st.sampled_from([None, 0, 1]), st.sampled_from([0, 1]))
def test_numbers_are_those_of_the_definition(profile: Profile, thread: int | None, type: int) -> None:
    expected, found = truth(profile, type, thread), numbers_of(profile, type, thread)
    assert found.total == expected.total
    assert dict(enumerate(found.self.tolist())) == {f: expected.self[f] for f in range(len(profile.functions))}
    assert dict(enumerate(found.cum.tolist())) == {f: expected.cum[f] for f in range(len(profile.functions))}
    ends = zip(found.structure.caller.tolist(), found.structure.callee.tolist(), found.edge.tolist())
    assert {(a, b): weight for a, b, weight in ends if weight} == {e: weight for e, weight in expected.edges.items() if weight}


def test_columns_may_be_arrays_or_read_only_views_of_any_width() -> None:
    profile = profile_from("main 1\n  work 5\n    rest 2")
    parent = np.array(profile.stacks.parent, dtype=np.int32)
    location = np.array(profile.stacks.location, dtype=np.int64)
    for view in (parent, location):
        view.setflags(write=False)
    assert whole_graph(replace(profile, stacks=Stacks(parent, location))) == whole_graph(profile)


def test_weights_that_no_integer_holds_are_refused() -> None:
    rows = ProfileBuilder((SAMPLES,))
    stack = rows.stack_of([rows.location_id(rows.function_id("f", "f.py", 1), 1)])
    for _ in range(3):
        rows.add_sample(stack, (2**62,))
    with pytest.raises(PlopiError, match="2\\*\\*62"):
        numbers_of(rows.build())


def test_samples_without_a_stack_are_in_the_total_only() -> None:
    rows = ProfileBuilder((SAMPLES, CPU))
    rows.add_sample(NONE, (3, 30))
    rows.add_sample(rows.stack_of([rows.location_id(rows.function_id("f", "f.py", 1), 1)]), (2, 20))
    numbers = numbers_of(rows.build(), type=1)
    assert (numbers.total, numbers.samples, numbers.self.tolist()) == (50, 5, [20])


# --- dumps ---


def dump_of(work: Callable[[], object]) -> tuple[Profile, pstats.Stats]:
    """What cProfile says of ``work``, as a profile and as ``pstats`` reads it."""
    profiler = cProfile.Profile()
    profiler.runcall(work)
    stats = pstats.Stats(profiler, stream=io.StringIO())
    table = stats.stats  # type: ignore[attr-defined]
    ids = {function: i for i, function in enumerate(table)}
    strings: dict[str, int] = {}
    own = [[strings.setdefault(name, len(strings)), strings.setdefault(file, len(strings)), line] for file, line, name in ids]
    edges = [(ids[caller], ids[callee], *numbers) for callee, row in table.items() for caller, numbers in row[4].items()]

    def ns(seconds: float) -> int:
        return round(seconds * 1e9)

    functions = Functions(*(array("q", column) for column in zip(*own)))
    calls = Calls(
        array("q", [row[1] for row in table.values()]),
        array("q", [row[0] for row in table.values()]),
        array("q", [ns(row[2]) for row in table.values()]),
        array("q", [ns(row[3]) for row in table.values()]),
        *(array("q", [edge[i] for edge in edges]) for i in (0, 1, 2, 3)),
        array("q", [ns(edge[4]) for edge in edges]),
        array("q", [ns(edge[5]) for edge in edges]),
    )
    return calls_profile(tuple(strings), functions, calls), stats


def fibonacci(n: int) -> int:
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def programs() -> list[Callable[[], object]]:
    text = json.dumps([{"name": str(i), "values": list(range(5))} for i in range(200)])
    source = "\n".join(f"def f{i}(x):\n    return [x + {i}, (x, {i})] if x else f{i}(1)" for i in range(40))
    return [
        lambda: json.dumps(json.loads(text), indent=1),
        lambda: ast.unparse(ast.parse(source)),
        lambda: fibonacci(12),
    ]


@pytest.mark.parametrize("program", programs(), ids=["json", "ast", "fibonacci"])
def test_numbers_of_a_dump_are_those_of_pstats(program: Callable[[], object]) -> None:
    profile, stats = dump_of(program)
    numbers = numbers_of(profile)
    table = stats.stats  # type: ignore[attr-defined]
    for function, (_, _, own, cum, _) in enumerate(table.values()):
        assert numbers.self[function] == pytest.approx(own * 1e9, abs=1)
        assert numbers.cum[function] == pytest.approx(cum * 1e9, abs=1)
    assert numbers.total == pytest.approx(stats.total_tt * 1e9, abs=len(table))  # type: ignore[attr-defined]
    ids = {function: i for i, function in enumerate(table)}
    for callee, row in table.items():
        for caller, edge in row[4].items():
            row_of = numbers.structure.rows(np.array([ids[caller]]), np.array([ids[callee]]))
            assert numbers.edge[row_of[0]] == pytest.approx(edge[3] * 1e9, abs=1)


def test_recursion_in_a_dump_is_taken_as_the_dump_has_it() -> None:
    """cProfile counts a recursive function's time once; adding callers' times up would count it at every level."""
    profile, _ = dump_of(lambda: fibonacci(12))
    numbers = numbers_of(profile)
    function = next(f for f in range(len(profile.functions)) if profile.function_name(f) == "fibonacci")
    assert numbers.cum[function] <= numbers.total
    assert numbers.recursive[function] <= numbers.cum[function]


COUNTS = """
    main 1/1 10 100
      fib 3/3 0 0
      other 1/1 0 0
    other 1/1 20 30
      fib 1/1 0 0
    fib 900/4 70 70
      fib 896/896 0 0
"""


def test_callers_that_are_mere_counts_give_bounds_marked_as_such() -> None:
    """Three of 900 calls come from main, and nearly all of the time: what a count suggests is no weight."""
    profile = calls_from(COUNTS)
    numbers = numbers_of(profile)
    name = [profile.function_name(f) for f in range(len(profile.functions))]
    assert numbers.edge_exact is not None
    ends = zip(numbers.structure.caller, numbers.structure.callee, numbers.edge, numbers.edge_exact)
    assert {(name[a], name[b]): (int(weight), bool(exact)) for a, b, weight, exact in ends} == {
        ("main", "fib"): (70, False),
        ("main", "other"): (30, True),
        ("other", "fib"): (30, False),
        ("fib", "fib"): (70, False),
    }


def test_edges_with_times_and_without_self_are_weights() -> None:
    """As a sampled dump of Python 3.15 has them: it counts samples of callers, not where they end."""
    numbers = numbers_of(calls_from("main 10/10 10 100\n  fib 3/3 0 70\nfib 9/9 70 70\n  fib 5/5 0 60"))
    assert numbers.edge_exact is None
    assert sorted(numbers.edge.tolist()) == [60, 70]


def test_a_recursive_function_that_profile_counted() -> None:
    """``profile.Profile`` knows no times of edges; the bound of the one that began the recursion is all of its time."""
    profiler = pure_profile.Profile()
    profiler.runcall(fibonacci, 10)
    profiler.create_stats()
    profile = formats.read(marshal.dumps(profiler.stats), "x.pstats")  # type: ignore[attr-defined]
    numbers = numbers_of(profile)
    assert numbers.edge_exact is not None
    name = [profile.function_name(f) for f in range(len(profile.functions))]
    fib = name.index("fibonacci")
    ends = zip(numbers.structure.caller, numbers.structure.callee, numbers.edge)
    into = {name[a]: int(weight) for a, b, weight in ends if b == fib and a != fib}
    assert list(into.values()) == [numbers.cum[fib]]


def test_an_empty_dump_has_an_empty_graph() -> None:
    numbers = numbers_of(calls_from(""))
    assert (numbers.total, len(numbers.self), len(numbers.edge)) == (0, 0, 0)
