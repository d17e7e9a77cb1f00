"""What is drawn of a call graph: a drawn profile in, a drawn picture out (see ``pictures``)."""

from __future__ import annotations

import numpy as np
import pytest
from drawing import calls_from, profile_from
from hypothesis import given
from hypothesis import strategies as st
from naive import truth
from pictures import drawn, lines_of, numbers_of, picture_of
from profiles import calls_profiles, large_stacks, stacks_profiles

from plopi.model import Profile
from plopi.viewer.analysis.choose import LeftOut, Picture, choose
from plopi.viewer.analysis.rank import Choice, scores


def test_a_small_profile_is_drawn_whole() -> None:
    profile = profile_from("""
        main 5
          parse 10
            read 30
          emit 20
            read 5
    """)
    assert drawn(profile) == lines_of("""
        main* 5/70
        parse 10/40
        read 35/35
        emit 20/25
        main -> parse 40
        parse -> read 30
        main -> emit 25
        emit -> read 5
    """)
    assert picture_of(profile).left_out == LeftOut(0, 0, 0, 0, 0)


def test_direct_recursion_is_a_loop_and_no_edge() -> None:
    profile = profile_from("""
        main 1
          fib 10
            fib 20
              fib 30
    """)
    assert drawn(profile) == lines_of("""
        main* 1/61
        fib 60/60 loop 50
        main -> fib 60
    """)


def test_mutual_recursion_is_an_edge_each_way() -> None:
    profile = profile_from("""
        main 2
          eval 10
            apply 20
              eval 30
                apply 40
    """)
    assert drawn(profile) == lines_of("""
        main* 2/102
        eval 40/100
        apply 60/90
        main -> eval 100
        eval -> apply 90
        apply -> eval 70
    """)


def test_a_chain_of_wrappers_folds_into_its_edge() -> None:
    profile = profile_from("""
        main 100
          run
            retry
              inner
                work 600
                check 300
    """)
    assert drawn(profile) == lines_of("""
        main* 100/1000
        inner 0/900
        work 600/600
        check 300/300
        main [run] [retry] -> inner 900
        inner -> work 600
        inner -> check 300
    """)
    assert picture_of(profile).left_out == LeftOut(functions=0, self=0, edges=0, wrappers=2, wrappers_self=0)


def test_a_function_with_self_time_is_no_wrapper() -> None:
    profile = profile_from("""
        main 100
          run 5
            work 895
    """)
    assert "main -> run 900" in drawn(profile)


def test_hardly_any_self_time_folds_and_is_counted() -> None:
    profile = profile_from("""
        main 100
          run 4
            work 896
    """)
    assert drawn(profile).splitlines()[-1] == "main [run] -> work 896"
    assert picture_of(profile).left_out == LeftOut(0, 0, 0, wrappers=1, wrappers_self=4)


def test_a_wrapper_beside_a_direct_call_stays() -> None:
    """Folded, it would hide that there are two ways from main to work."""
    profile = profile_from("""
        main 100
          run
            work 500
          work 400
    """)
    assert drawn(profile).splitlines()[3:] == ["main -> run 500", "run -> work 500", "main -> work 400"]


def test_roots_and_leaves_are_no_wrappers() -> None:
    profile = profile_from("""
        thread
          main
            work 100
    """)
    assert drawn(profile) == lines_of("""
        thread* 0/100
        work 100/100
        thread [main] -> work 100
    """)


def test_what_is_small_is_left_out_and_counted() -> None:
    profile = profile_from("""
        main 9990
          small 6
            smaller 4
    """)
    assert drawn(profile) == "main* 9990/10000"
    assert picture_of(profile).left_out == LeftOut(functions=2, self=10, edges=2, wrappers=0, wrappers_self=0)


def test_of_a_flat_profile_as_many_are_drawn_as_may_be() -> None:
    """No function has half a percent, yet there is something to see."""
    calls = "\n".join(f"f{i} 1/1 10 10" for i in range(1000))
    picture = picture_of(calls_from(calls), nodes=40)
    assert len(picture.nodes) == 40
    stacks = "\n".join(f"  f{i} 10" for i in range(1000))
    assert len(picture_of(profile_from(f"main\n{stacks}"), nodes=40).nodes) == 40


def test_where_the_callers_differ_a_hidden_function_leaves_a_dashed_edge() -> None:
    profile = profile_from("""
        main 300
          left 1
            work 100
            helper 1
          right 1
            work 100
            helper 1
          other 1
            work 100
            helper 1
    """)
    picture = drawn(profile, nodes=2)
    assert picture == lines_of("""
        main* 300/606
        work 300/300
        main ~> work 300
    """)


def test_a_dashed_edge_that_a_path_implies_is_not_drawn() -> None:
    """``main`` reaches ``leaf`` past ``mid`` as well, but lightly and through several hidden functions."""
    profile = profile_from("""
        main 1000
          mid 500
            leaf 800
          h1 1
            leaf 2
          h2 1
            leaf 2
    """)
    numbers = numbers_of(profile)
    shown = {profile.function_name(f) for f in choose(numbers, Choice(80)).nodes}
    assert shown == {"main", "mid", "leaf"}
    assert drawn(profile).splitlines()[3:] == ["main -> mid 1300", "mid -> leaf 800"]


def test_an_edge_that_tells_little_of_either_end_is_not_drawn() -> None:
    """Most of ``leaf`` comes from others, and most of ``third`` goes elsewhere; its heaviest edges stay."""
    profile = profile_from("""
        main
          first 50
            leaf 60
          second 50
            leaf 25
          third 50
            leaf 5
            work 40
    """)
    picture = drawn(profile).splitlines()
    assert [line for line in picture if " leaf " in line and "->" in line] == ["first -> leaf 60", "second -> leaf 25"]
    assert "third -> work 40" in picture
    assert picture_of(profile).left_out.edges == 1


def test_a_light_callee_is_drawn_where_it_is_all_that_its_caller_calls() -> None:
    profile = profile_from("""
        main
          first 100
            leaf 60
          second 100
            leaf 30
          third 100
            leaf 5
    """)
    assert "third -> leaf 5" in drawn(profile)


def test_every_heavy_owner_of_self_time_is_drawn() -> None:
    """Its score may be low: one caller, no callees, little cum beside the hubs'."""
    branches = "\n".join(f"  hub{i}\n    a{i} 40\n    b{i} 40\n    c{i} 40" for i in range(20))
    profile = profile_from(f"main\n{branches}\n  quiet\n    owner 300")
    names = {profile.function_name(f) for f in picture_of(profile, nodes=20).nodes}
    assert "owner" in names


def test_garbage_collection_is_drawn_with_its_callers() -> None:
    profile = profile_from("""
        main 10
          build 50
            <gc> 20
          drop 30
            <gc> 10
    """)
    assert "build -> <gc> 20" in drawn(profile)
    assert "drop -> <gc> 10" in drawn(profile)


def test_a_thread_alone() -> None:
    profile = profile_from("""
        [thread Main 1]
        main 10
          wait 90
        [thread Worker 2]
        run 20
          work 80
    """)
    assert drawn(profile, thread=1) == "run* 20/100\nwork 80/80\nrun -> work 80"
    assert drawn(profile).count("*") == 2


def test_an_empty_profile_has_an_empty_picture() -> None:
    assert drawn(profile_from("")) == ""
    assert drawn(calls_from("")) == ""


def test_the_score_is_entropy_of_callers_and_callees_times_cum_plus_self() -> None:
    profile = profile_from("""
        main
          hub
            left 50
            right 50
          pass
            leaf 100
    """)
    named = {
        profile.function_name(f): score
        for f, score in enumerate(scores(numbers_of(profile), np.arange(len(profile.functions))).tolist())
    }
    assert named == {
        "main": 200 * (1 + 1),  # no callers; two equal callees: one bit
        "hub": 100 * (0 + 1),
        "left": 50 * (0 + 1) + 50,  # a leaf
        "right": 50 * (0 + 1) + 50,
        "pass": 0,
        "leaf": 100 * (0 + 1) + 100,
    }


# --- dumps ---


def test_a_dump_is_drawn_alike() -> None:
    profile = calls_from("""
        main 1/1 100 1000
          run 1/1 0 900
        run 1/1 0 900
          work 3/3 600 600
          check 3/3 300 300
        work 3/3 600 600
        check 3/3 300 300
    """)
    assert drawn(profile) == lines_of("""
        main* 100/1000
        run 0/900
        work 600/600
        check 300/300
        main -> run 900
        run -> work 600
        run -> check 300
    """)


def test_chains_of_a_dump_fold() -> None:
    profile = calls_from("""
        main 1/1 100 1000
          run 1/1 0 900
        run 1/1 0 900
          retry 1/1 0 900
        retry 1/1 0 900
          work 3/3 900 900
        work 3/3 900 900
    """)
    assert drawn(profile) == lines_of("""
        main* 100/1000
        work 900/900
        main [run] [retry] -> work 900
    """)


def test_a_chain_of_a_dump_with_a_second_caller_is_a_bound() -> None:
    profile = calls_from("""
        main 1/1 100 1000
          run 1/1 0 890
          side 1/1 2 12
        run 2/2 0 900
          work 3/3 898 898
        side 1/1 2 12
          run 1/1 0 10
        work 3/3 898 898
    """)
    assert "main [run] -> work <=890" in drawn(profile, nodes=3)


# --- whatever the profile ---


def pictures() -> st.SearchStrategy[tuple[Profile, int]]:
    return st.tuples(st.one_of(stacks_profiles(functions=12), calls_profiles(functions=14)), st.integers(1, 8))


@given(pictures())
def test_a_picture_holds_together(case: tuple[Profile, int]) -> None:
    profile, limit = case
    numbers = numbers_of(profile)
    picture = choose(numbers, Choice(limit))
    assert len(picture.nodes) <= limit
    assert picture.nodes == sorted(set(picture.nodes), key=lambda f: (-int(numbers.cum[f]), f))
    check_edges(picture)
    check_reach(picture)
    check_counts(profile, picture, limit)


def check_edges(picture: Picture) -> None:
    shown = set(picture.nodes)
    assert len({(edge.caller, edge.callee) for edge in picture.edges}) == len(picture.edges)
    for edge in picture.edges:
        assert edge.caller != edge.callee
        assert {edge.caller, edge.callee} <= shown
        assert not shown & set(edge.wrappers)
    assert [edge.weight for edge in picture.edges] == sorted((edge.weight for edge in picture.edges), reverse=True)


def check_reach(picture: Picture) -> None:
    """No orphans: everything hangs on a root."""
    reached = set(picture.roots)
    for _ in picture.nodes:
        reached |= {edge.callee for edge in picture.edges if edge.caller in reached}
    assert reached == set(picture.nodes)
    assert set(picture.depth) == reached


def check_counts(profile: Profile, picture: Picture, limit: int) -> None:
    numbers = numbers_of(profile)
    wrappers = {wrapper for edge in picture.edges for wrapper in edge.wrappers}
    shown_self = sum(int(numbers.self[f]) for f in picture.nodes)
    left = picture.left_out
    assert left.wrappers == len(wrappers)
    assert left.wrappers_self == sum(int(numbers.self[f]) for f in wrappers)
    assert shown_self + left.self + left.wrappers_self == numbers.total
    assert len(picture.nodes) + left.functions + left.wrappers == int(np.count_nonzero(numbers.present))
    assert left.edges >= 0
    if profile.calls is None:
        heavy = numbers.self >= max(numbers.total * 2 / limit, 1)
        assert set(np.flatnonzero(heavy).tolist()) <= set(picture.nodes)


@given(stacks_profiles(functions=12), st.integers(1, 8))
def test_every_drawn_weight_is_that_of_the_stacks_with_the_rest_cut_out(profile: Profile, limit: int) -> None:
    picture = picture_of(profile, limit)
    expected = truth(profile, chosen=set(picture.nodes))
    for edge in picture.edges:
        assert edge.exact
        assert edge.weight == expected.edges[edge.caller, edge.callee]
    whole = truth(profile).edges
    for edge in picture.edges:
        assert edge.residual or edge.wrappers or whole[edge.caller, edge.callee]


@pytest.mark.parametrize("nodes", [10, 80, 300])
def test_the_same_view_is_the_same_picture(nodes: int) -> None:
    assert picture_of(large_stacks(5000), nodes) == picture_of(large_stacks(5000), nodes)


def test_a_large_graph_is_filled_to_the_limit() -> None:
    assert len(picture_of(large_stacks(5000), 80).nodes) == 80
