"""Walking: what surrounds a function, what is kept and dropped, and what a picture says of where it goes on."""

from __future__ import annotations

import numpy as np
import pytest
from drawing import calls_from, profile_from
from hypothesis import given
from hypothesis import strategies as st
from pictures import numbers_of
from profiles import calls_profiles, large_calls, large_stacks, stacks_profiles

from plopi.model import Profile
from plopi.viewer.analysis.around import neighbourhood
from plopi.viewer.analysis.choose import Picture, choose
from plopi.viewer.analysis.context import More, back_edges, hot_path, more, top_left_out
from plopi.viewer.analysis.rank import Choice

CHAIN = """
    main
      setup
        load 10
      serve
        handle
          parse
            scan 30
          query
            send 40
            wait 15
          log 5
"""
either = st.one_of(stacks_profiles(), calls_profiles())


def ids(profile: Profile, names: str) -> tuple[int, ...]:
    known = {profile.function_name(f): f for f in range(len(profile.functions))}
    return tuple(known[name] for name in names.split())


def named(profile: Profile, picture: Picture) -> set[str]:
    return {profile.function_name(f) for f in picture.nodes}


def around(profile: Profile, name: str, radius: int, most: int) -> str:
    (function,) = ids(profile, name)
    found = neighbourhood(numbers_of(profile), function, radius, most)
    return " ".join(profile.function_name(f) for f in found.tolist())


def test_a_function_with_its_callers_and_callees_heaviest_first() -> None:
    profile = profile_from(CHAIN)
    assert around(profile, "handle", 1, 80) == "handle query parse log serve"
    assert around(profile, "handle", 2, 80) == "handle query send parse scan wait log serve main"
    assert around(profile, "scan", 5, 80) == "scan parse handle serve main"


def test_either_side_has_half_of_the_room() -> None:
    profile = profile_from(CHAIN)
    assert around(profile, "handle", 2, 5) == "handle query send serve main"
    assert around(profile, "handle", 2, 3) == "handle query serve"
    assert around(profile, "handle", 2, 1) == "handle"
    assert around(profile, "load", 5, 3) == "load setup main"


def test_a_small_corner_is_drawn_whole_with_its_edges() -> None:
    profile = profile_from("""
        main
          work 1000000
          rare
            a
              b 1
            c 2
    """)
    (rare,) = ids(profile, "rare")
    picture = choose(numbers_of(profile), Choice(80, around=rare, radius=2))
    assert named(profile, picture) == {"main", "rare", "a", "b", "c"}
    edges = {(profile.function_name(e.caller), profile.function_name(e.callee)): e.weight for e in picture.edges}
    assert edges == {("main", "rare"): 3, ("rare", "c"): 2, ("rare", "a"): 1, ("a", "b"): 1}


def test_a_corner_of_a_dump_likewise() -> None:
    profile = calls_from("""
        main 1/1 100 1000100
          work 1/1 1000000 1000000
          rare 1/1 1 3
        work 1/1 1000000 1000000
        rare 1/1 1 3
          c 2/2 2 2
        c 2/2 2 2
    """)
    picture = choose(numbers_of(profile), Choice(80, around=ids(profile, "c")[0], radius=1))
    assert named(profile, picture) == {"rare", "c"}


@given(either, st.data())
def test_no_function_is_out_of_reach(profile: Profile, data: st.DataObject) -> None:
    numbers = numbers_of(profile)
    function = data.draw(st.integers(0, len(profile.functions) - 1))
    limit, radius = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    picture = choose(numbers, Choice(limit, around=function, radius=radius))
    assert function in picture.nodes and len(picture.nodes) <= limit
    if numbers.present[function]:
        kept = choose(numbers, Choice(limit, keep=(function,)))
        assert function in kept.nodes and len(kept.nodes) <= limit + 1
    assert function not in choose(numbers, Choice(limit, drop=(function,))).nodes


def test_kept_functions_come_on_top_with_the_edges_between_them() -> None:
    profile = profile_from("main\n  work 1000000\n  rare\n    a 1")
    numbers = numbers_of(profile)
    keep = ids(profile, "rare a")
    assert named(profile, choose(numbers, Choice(2))) == {"main", "work"}
    picture = choose(numbers, Choice(2, keep=keep))
    assert named(profile, picture) == {"main", "work", "rare", "a"}
    assert keep in {(edge.caller, edge.callee) for edge in picture.edges}


def test_a_kept_wrapper_does_not_fold() -> None:
    profile = profile_from("main\n  wrapper\n    work 10")
    assert named(profile, choose(numbers_of(profile), Choice(80))) == {"main", "work"}
    assert named(profile, choose(numbers_of(profile), Choice(80, keep=ids(profile, "wrapper")))) == {"main", "wrapper", "work"}


def test_what_is_dropped_is_hidden_and_others_link_through_it() -> None:
    profile = profile_from("main 5\n  big 5\n    work 90")
    picture = choose(numbers_of(profile), Choice(80, drop=ids(profile, "big")))
    assert named(profile, picture) == {"main", "work"} and [edge.weight for edge in picture.edges] == [90]


def test_more_counts_neighbours_that_are_not_drawn() -> None:
    profile = profile_from(CHAIN)
    (handle,) = ids(profile, "handle")
    picture = choose(numbers_of(profile), Choice(80, around=handle, radius=1))
    counts = {profile.function_name(f): found for f, found in more(numbers_of(profile), picture).items()}
    assert counts == {
        "handle": More(0, 0),
        "serve": More(1, 0),
        "parse": More(0, 1),
        "query": More(0, 2),
        "log": More(0, 0),
    }


@given(either, st.integers(1, 6))
def test_more_is_what_counting_edges_says(profile: Profile, limit: int) -> None:
    numbers = numbers_of(profile)
    picture = choose(numbers, Choice(limit))
    shown = {*picture.nodes, *(w for edge in picture.edges for w in edge.wrappers)}
    there = np.flatnonzero(numbers.edge_present)
    ends = [(int(numbers.structure.caller[row]), int(numbers.structure.callee[row])) for row in there]
    for function, found in more(numbers, picture).items():
        assert found.callers == len({a for a, b in ends if b == function and a not in shown})
        assert found.callees == len({b for a, b in ends if a == function and b not in shown})


def test_the_hot_path_follows_the_heaviest_edges() -> None:
    profile = profile_from(CHAIN)
    picture = choose(numbers_of(profile), Choice(80, around=ids(profile, "handle")[0], radius=3))
    assert [profile.function_name(f) for f in hot_path(numbers_of(profile), picture)] == [
        "main",
        "serve",
        "handle",
        "query",
        "send",
    ]


def test_the_heaviest_that_are_left_out() -> None:
    profile = profile_from(CHAIN)
    picture = choose(numbers_of(profile), Choice(80, drop=ids(profile, "scan log main")))
    assert [profile.function_name(f) for f in top_left_out(numbers_of(profile), picture)] == ["scan", "log"]


@given(either, st.integers(1, 8))
def test_without_the_edges_that_lead_back_nothing_runs_in_a_circle(profile: Profile, limit: int) -> None:
    picture = choose(numbers_of(profile), Choice(limit))
    back = back_edges(picture)
    left = {(edge.caller, edge.callee) for edge in picture.edges} - back
    while ends := {end for edge in left for end in edge}:
        entries = ends - {callee for _, callee in left}
        assert entries
        left = {edge for edge in left if edge[0] not in entries}


def test_a_tree_has_no_edges_that_lead_back() -> None:
    assert back_edges(choose(numbers_of(profile_from(CHAIN)), Choice(80))) == set()


@pytest.mark.parametrize("profile", [large_stacks(20_000, functions=500), large_calls(5_000, 15_000)], ids=["stacks", "calls"])
def test_walking_keeps_its_bounds(profile: Profile) -> None:
    numbers = numbers_of(profile)
    for function in range(0, len(profile.functions), 97):
        picture = choose(numbers, Choice(40, around=function, radius=5))
        assert function in picture.nodes and len(picture.nodes) <= 40
