"""Edges among chosen functions, the others hidden."""

from __future__ import annotations

import numpy as np
import pytest
from drawing import calls_from, profile_from
from hypothesis import given
from hypothesis import strategies as st
from naive import samples, truth
from pictures import lines_of, numbers_of
from profiles import calls_profiles, stacks_profiles

from plopi.model import Profile
from plopi.viewer.analysis.links import link


def linked(profile: Profile, chosen: str) -> str:
    """Links among the named functions: ``caller > hidden > callee weight (direct part)``."""
    ids = {profile.function_name(f): f for f in range(len(profile.functions))}
    found = link(numbers_of(profile), np.array([ids[name] for name in chosen.split()]))
    lines = []
    for one in found.links:
        way = " > ".join(profile.function_name(f) for f in (one.caller, *(one.hidden or ()), one.callee))
        lines.append(f"{way} {'' if one.exact else '<='}{one.weight} ({one.direct})")
    return "\n".join(lines)


def test_hidden_functions_are_transparent() -> None:
    profile = profile_from("""
        main
          a
            b
              work 5
          c
            work 3
          work 2
    """)
    assert linked(profile, "main work") == "main > a > b > work 10 (2)"
    assert linked(profile, "main b work") == lines_of("""
        main > a > b 5 (0)
        main > c > work 5 (2)
        b > work 5 (5)
    """)


def test_a_sample_counts_once_for_a_link_however_often_it_recurs() -> None:
    profile = profile_from("""
        main
          eval
            hidden
              call
                eval
                  hidden
                    call 7
    """)
    assert linked(profile, "eval call") == lines_of("""
        eval > hidden > call 7 (0)
        call > eval 7 (7)
    """)


def test_recursion_through_hidden_functions_is_no_link() -> None:
    profile = profile_from("""
        main
          visit
            generic
              visit 4
    """)
    assert linked(profile, "main visit") == "main > visit 4 (4)"


@given(stacks_profiles(), st.sets(st.integers(0, 5)), st.sampled_from([None, 1]))
def test_links_of_stacks_are_those_of_stacks_with_the_others_cut_out(
    profile: Profile, chosen: set[int], thread: int | None
) -> None:
    expected, whole = truth(profile, 1, thread, chosen), truth(profile, 1, thread)
    found = link(numbers_of(profile, 1, thread), np.array(sorted(chosen), dtype=np.int64))
    weights = {(one.caller, one.callee): one.weight for one in found.links}
    assert weights == {ends: weight for ends, weight in expected.edges.items() if weight and ends[0] != ends[1]}
    assert {f: w for f, w in found.outermost.items() if w} == {f: w for f, w in expected.outermost.items() if w}
    for one in found.links:
        assert one.exact
        assert one.direct == whole.edges[one.caller, one.callee]
        if one.direct < one.weight:
            assert one.hidden is not None
            assert not chosen & set(one.hidden)
            way = (one.caller, *one.hidden, one.callee)
            assert any(
                tuple(function for function, _ in steps[i : i + len(way)]) == way
                for steps, weight in samples(profile, 1, thread)
                if weight
                for i in range(len(steps))
            )


@given(stacks_profiles(), st.sets(st.integers(0, 5)))
def test_depth_is_the_mean_number_of_chosen_functions_above(profile: Profile, chosen: set[int]) -> None:
    found = link(numbers_of(profile, 1), np.array(sorted(chosen), dtype=np.int64))
    moments: dict[int, int] = {}
    for steps, weight in samples(profile, 1):
        functions = [function for function, _ in steps if function in chosen]
        for function in set(functions):
            moments[function] = moments.get(function, 0) + functions.index(function) * weight
    cum = truth(profile, 1).cum
    for function, depth in found.depth.items():
        assert depth == pytest.approx(moments[function] / cum[function])


# --- dumps ---


def test_a_dump_has_direct_edges_only() -> None:
    profile = calls_from("""
        main 1/1 0 30
          a 1/1 0 30
        a 1/1 0 30
          b 1/1 5 10
          c 1/1 20 20
        b 1/1 10 10
        c 1/1 20 20
    """)
    assert linked(profile, "main a b") == lines_of("""
        main > a 30 (30)
        a > b 10 (10)
    """)


def test_a_function_whose_callers_are_hidden_hangs_on_the_widest_way_to_one_that_is_not() -> None:
    profile = calls_from("""
        main 1/1 0 100
          wide 1/1 0 60
          narrow 1/1 0 40
        wide 1/1 10 60
          leaf 1/1 30 50
        narrow 1/1 20 40
          leaf 1/1 40 20
        leaf 2/2 70 70
    """)
    assert linked(profile, "main leaf") == "main > wide > leaf 50 (0)"
    assert linked(profile, "main narrow leaf") == lines_of("""
        main > narrow 40 (40)
        main > wide > leaf 50 (0)
        narrow > leaf 20 (20)
    """)


def test_a_way_through_functions_with_other_callers_is_only_a_bound() -> None:
    profile = calls_from("""
        main 1/1 0 100
          other 1/1 0 50
          shared 1/1 0 30
        other 1/1 30 50
          shared 1/1 0 20
        shared 2/2 10 50
          leaf 2/2 40 40
        leaf 2/2 40 40
    """)
    assert linked(profile, "main leaf") == "main > shared > leaf <=30 (0)"


def test_a_bound_is_added_to_what_is_known_to_be_direct() -> None:
    """Generators: ``infer`` calls ``wrapped`` itself for a moment, and through ``next`` for all the rest."""
    profile = calls_from("""
        infer 1/1 1 100
          wrapped 1/1 2 2
          next 9/9 5 95
        other 1/1 1 11
          next 1/1 1 10
        next 10/10 5 105
          wrapped 10/10 90 90
        wrapped 11/11 92 92
    """)
    assert linked(profile, "infer wrapped") == "infer > next > wrapped <=92 (2)"


def test_a_cycle_whose_entry_is_hidden_hangs_on_what_leads_to_the_entry() -> None:
    profile = calls_from("""
        main 1/1 0 50
          entry 1/1 0 50
        entry 1/1 0 50
          visit 1/1 20 50
        visit 9/1 20 50
          generic 9/1 30 45
        generic 9/1 30 45
          visit 8/1 20 44
    """)
    assert linked(profile, "main visit generic") == lines_of("""
        main > entry > visit 50 (0)
        visit > generic 45 (45)
        generic > visit 44 (44)
    """)


@given(calls_profiles(), st.sets(st.integers(0, 7), min_size=1))
def test_every_chosen_function_of_a_dump_is_reached_from_a_root(profile: Profile, some: set[int]) -> None:
    chosen = {function % len(profile.functions) for function in some}
    numbers = numbers_of(profile)
    found = link(numbers, np.array(sorted(chosen), dtype=np.int64))
    reached = set(found.outermost)
    for _ in chosen:
        reached |= {one.callee for one in found.links if one.caller in reached}
    assert reached == chosen
    for one in found.links:
        assert {one.caller, one.callee} <= chosen
        assert one.caller != one.callee
        assert not chosen & set(one.hidden or ())
        if one.exact and not one.hidden:
            assert one.weight == one.direct
