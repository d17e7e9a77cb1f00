"""Several profiles as one."""

from __future__ import annotations

import pytest
from drawing import calls_from, draw, profile_from, stacks_of
from hypothesis import given
from profiles import stacks_profiles

from plopi.errors import Unanswerable
from plopi.model import CPU, SAMPLES, WALL, About, Profile
from plopi.viewer.analysis.lenses.merge import merge

ONE = profile_from(
    "[thread Main 7]\n[window 0+10]\nmain 1/10\n  work 2/20", (SAMPLES, CPU), About(pid=71, host="a", started_ns=100)
)
TWO = profile_from(
    "[thread Main 7]\n[window 0+10]\nmain 4/40\n  rest 8/80", (SAMPLES, CPU), About(pid=72, host="a", started_ns=105)
)


def test_functions_and_stacks_are_one_and_threads_stay_apart() -> None:
    whole = merge([ONE, TWO], ["one", "two"])
    assert draw(whole) == draw(
        profile_from(
            """
            [thread "Main (71)" 7]
            [window 0+10]
            main 1/10
              work 2/20
            [thread "Main (72)" 7]
            [window 5+10]
            main 4/40
              rest 8/80
            """,
            (SAMPLES, CPU),
        )
    )
    assert len(whole.stacks) == 3
    assert (whole.about.started_ns, whole.about.host, whole.about.pid) == (100, "a", None)


def test_what_was_done_in_no_known_thread_is_the_process() -> None:
    whole = merge([profile_from("main 1"), profile_from("main 2", about=About(pid=5))], ["one", "two"])
    assert [whole.thread_name(row) for row in range(2)] == ["(one)", "(5)"]


def test_only_what_all_count_is_kept_and_that_is_said() -> None:
    other = profile_from("main 1/5", (SAMPLES, WALL))
    whole = merge([ONE, other], ["one", "two"])
    assert whole.sample_types == (SAMPLES,)
    assert any("cpu, wall" in note for note in whole.about.notes)


def test_what_cannot_be_one_is_refused_with_the_reason() -> None:
    with pytest.raises(Unanswerable, match=r"two holds totals of calls"):
        merge([ONE, calls_from("main 1/1 5 5")], ["one", "two"])
    with pytest.raises(Unanswerable, match="no sample type in common"):
        merge([profile_from("main 1", (CPU,)), profile_from("main 1", (WALL,))], ["one", "two"])


def test_dumps_are_added() -> None:
    one = calls_from("main 1/1 10 60\n  parse 3/1 20 20\nparse 3/1 20 20")
    two = calls_from("main 1/1 5 6\n  parse 1/1 1 1\n  emit 1/1 0 0\nparse 1/1 1 1\nemit 1/1 0 0")
    assert draw(merge([one, two], ["one", "two"])) == draw(
        calls_from("main 2/2 15 66\n  parse 4/2 21 21\n  emit 1/1 0 0\nparse 4/2 21 21\nemit 1/1 0 0")
    )


def test_functions_keep_their_ids_while_a_member_grows() -> None:
    before = merge([ONE, TWO], ["one", "two"])
    grown = profile_from("[thread Main 7]\nmain 1/10\n  work 2/20\n  new 1/1", (SAMPLES, CPU), ONE.about)
    after = merge([grown, TWO], ["one", "two"], before)
    assert [after.function_name(row) for row in range(4)] == ["main", "work", "rest", "new"]


@given(stacks_profiles(), stacks_profiles(), stacks_profiles())
def test_merging_is_associative(a: Profile, b: Profile, c: Profile) -> None:
    names = ["a", "b"]
    left = merge([merge([a, b], names), c], names)
    right = merge([a, merge([b, c], names)], names)
    assert stacks_of(left) == stacks_of(right) == stacks_of(merge([a, b, c], ["a", "b", "c"]))


@given(stacks_profiles(), stacks_profiles())
def test_nothing_is_lost_or_counted_twice(a: Profile, b: Profile) -> None:
    whole = stacks_of(merge([a, b], ["a", "b"]))
    each = [stacks_of(a), stacks_of(b)]
    assert whole.keys() == each[0].keys() | each[1].keys()
    for stack, weights in whole.items():
        assert weights == tuple(map(sum, zip(*(found.get(stack, (0, 0)) for found in each))))
