"""A recording that grows: the index of its segments says what one of the whole says, wherever it was cut."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiles import large_stacks, stacks_profiles

from plopi.model import Functions, Locations, Profile, ProfileBuilder, Samples, SampleType, Stacks
from plopi.viewer.analysis import Index, index, neighbours
from plopi.viewer.analysis.call_graph import Selection
from plopi.viewer.analysis.choose import choose
from plopi.viewer.analysis.links import link
from plopi.viewer.analysis.rank import Choice, ranking
from plopi.viewer.analysis.segments import Segmented, grown, part_of


def first(profile: Profile, samples: int) -> Profile:
    """The recording when it had so many samples: tables had no more rows than these need."""
    kept = profile.samples
    stack = np.asarray(kept.stack)[:samples]
    nodes = int(stack.max(initial=-1)) + 1
    location = np.asarray(profile.stacks.location)[:nodes]
    places = int(location.max(initial=-1)) + 1
    function = np.asarray(profile.locations.function)[:places]
    count = int(function.max(initial=-1)) + 1
    table = profile.functions
    return replace(
        profile,
        functions=Functions(table.name[:count], table.file[:count], table.line[:count]),
        locations=Locations(function, np.asarray(profile.locations.line)[:places]),
        stacks=Stacks(np.asarray(profile.stacks.parent)[:nodes], location),
        samples=Samples(
            stack, kept.thread[:samples], kept.window[:samples], tuple(np.asarray(each)[:samples] for each in kept.weights)
        ),
    )


def growing(profile: Profile, cuts: list[int]) -> Index:
    found = index(first(profile, cuts[0]))
    for cut in cuts[1:]:
        found = grown(found, first(profile, cut))
    return grown(found, profile)


def edges_of(about: Index, selection: Selection) -> dict[tuple[int, int], int]:
    numbers = about.weighed(selection).numbers
    ends = zip(numbers.structure.caller.tolist(), numbers.structure.callee.tolist())
    return {edge: weight for edge, weight in zip(ends, numbers.edge.tolist()) if weight}


cut_profiles = stacks_profiles().flatmap(
    lambda profile: st.tuples(
        st.just(profile), st.lists(st.integers(0, len(profile.samples)), min_size=1, max_size=6).map(sorted)
    )
)


@given(cut_profiles, st.sampled_from([None, 0, 1]), st.sampled_from([0, 1]), st.sets(st.integers(0, 5)))
def test_every_statistic_is_that_of_the_whole(
    case: tuple[Profile, list[int]], thread: int | None, type: int, chosen: set[int]
) -> None:
    profile, cuts = case
    whole, parts = index(profile), growing(profile, cuts)
    selection = Selection(type, thread)
    one, several = whole.weighed(selection).numbers, parts.weighed(selection).numbers
    assert (several.total, several.samples) == (one.total, one.samples)
    assert several.self.tolist() == one.self.tolist()
    assert several.cum.tolist() == one.cum.tolist()
    assert several.recursive.tolist() == one.recursive.tolist()
    assert edges_of(parts, selection) == edges_of(whole, selection)
    assert several.direct_edges == one.direct_edges
    for function in range(len(profile.functions)):
        assert neighbours.lines(several, function) == neighbours.lines(one, function)
        assert neighbours.callers(several, function, 9) == neighbours.callers(one, function, 9)
        assert neighbours.callees(several, function, 9) == neighbours.callees(one, function, 9)
    links, expected = (link(numbers, np.array(sorted(chosen), dtype=np.int64)) for numbers in (several, one))
    assert [(each.caller, each.callee, each.weight, each.direct) for each in links.links] == [
        (each.caller, each.callee, each.weight, each.direct) for each in expected.links
    ]
    assert links.outermost == expected.outermost
    assert links.depth == pytest.approx(expected.depth)


@given(cut_profiles, st.integers(1, 6))
def test_the_same_functions_are_drawn(case: tuple[Profile, list[int]], nodes: int) -> None:
    profile, cuts = case
    whole, parts = (each.weighed(Selection(1)).numbers for each in (index(profile), growing(profile, cuts)))
    assert ranking(parts, Choice(nodes)).tolist() == ranking(whole, Choice(nodes)).tolist()
    picture = choose(parts, Choice(nodes))
    assert len(picture.nodes) <= nodes and set(picture.nodes) <= set(range(len(profile.functions)))


@given(cut_profiles)
def test_a_segment_holds_just_the_stacks_that_it_needs(case: tuple[Profile, list[int]]) -> None:
    profile, cuts = case
    cut = part_of(profile, cuts[0], len(profile.samples))
    stacks, parent = np.asarray(cut.samples.stack), np.asarray(cut.stacks.parent)
    assert np.all(parent < np.arange(len(parent)))
    assert set(range(len(parent))) - set(parent.tolist()) <= set(stacks.tolist())


def test_segments_stay_few_and_none_is_indexed_again_for_a_small_one() -> None:
    profile = large_stacks(60_000, functions=300)
    count = len(profile.samples)
    base = index(first(profile, count * 4 // 5))
    found: Index = base
    for cut in range(count * 4 // 5, count, 10):
        found = grown(found, first(profile, cut))
    assert isinstance(found, Segmented)
    assert found.segments[0].index is base
    sizes = [len(segment) for segment in found.segments]
    assert sum(sizes) == len(found.profile.samples) and len(sizes) <= np.log2(count)
    assert all(before >= 2 * after for before, after in pairwise(sizes))


def test_nothing_new_is_the_same_index() -> None:
    profile = large_stacks(1_000, functions=30)
    kept = index(profile)
    assert grown(kept, replace(profile)) is kept


def test_a_recording_that_began_empty() -> None:
    rows = ProfileBuilder((SampleType("samples", "count"),))
    empty = rows.build()
    place = rows.location_id(rows.function_id("main", "main.py", 1), 1)
    rows.add_sample(rows.stack_of([place]), (3,))
    numbers = grown(index(empty), rows.build()).weighed(Selection()).numbers
    assert (numbers.total, numbers.cum.tolist()) == (3, [3])
