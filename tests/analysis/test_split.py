"""Partitions of a function's weight, against looking at one sample after the other."""

from __future__ import annotations

from collections import Counter

from drawing import calls_from, profile_from
from hypothesis import given
from naive import samples
from profiles import stacks_profiles

from plopi.model import Profile
from plopi.viewer.analysis import Index, split
from plopi.viewer.analysis.call_graph import Numbers, Selection


def numbers(profile: Profile) -> Numbers:
    return Index(profile).weighed(Selection()).numbers


@given(stacks_profiles())
def test_each_sample_is_in_one_slice(profile: Profile) -> None:
    found = numbers(profile)
    for function in range(len(profile.functions)):
        below: Counter[int | None] = Counter()
        above: Counter[int | None] = Counter()
        for steps, weight in samples(profile):
            path = [each for each, _ in steps]
            if function in path:
                last, first = len(path) - 1 - path[::-1].index(function), path.index(function)
                below[path[last + 1] if last + 1 < len(path) else None] += weight
                above[path[first - 1] if first else None] += weight
        for expected, slices in ((below, split.callees(found, function)), (above, split.callers(found, function))):
            assert slices.exact
            assert slices.alone == expected.pop(None, 0)
            assert dict(slices.slices) == {other: weight for other, weight in expected.items() if weight}
            assert slices.alone + sum(weight for _, weight in slices.slices) == found.cum[function]
            assert [weight for _, weight in slices.slices] == sorted(dict(slices.slices).values(), reverse=True)


def test_recursion_is_no_slice() -> None:
    found = numbers(profile_from("f 1\n  f 2\n    g 4\n  g 8\n    f 16"))
    assert split.callees(found, 0) == split.Split([(1, 12)], 19, True)
    assert split.callers(found, 0) == split.Split([], 31, True)


def test_edges_of_a_dump_are_slices_where_they_add_up() -> None:
    found = numbers(calls_from("main 1/1 10 60\n  parse 1/1 20 20\n  emit 1/1 30 30\nparse 1/1 20 20\nemit 1/1 30 30"))
    assert split.callees(found, 0) == split.Split([(2, 30), (1, 20)], 10, True)
    assert split.callers(found, 1) == split.Split([(0, 20)], 0, True)
    assert split.callers(found, 0) == split.Split([], 60, True)


def test_edges_of_a_dump_that_do_not_add_up_are_said_not_to_be_exact() -> None:
    found = numbers(calls_from("main 1/1 10 60\n  parse 1/1 20 45\nparse 1/1 20 45"))
    assert not split.callees(found, 0).exact
