"""The trie numbered as intervals, against walking it."""

from __future__ import annotations

import numpy as np
from drawing import profile_from
from hypothesis import given
from hypothesis import strategies as st
from naive import descendants
from profiles import stacks_profiles

from plopi.model import NONE, Profile, ProfileBuilder
from plopi.viewer.analysis.call_tree import call_tree, enclosing, subtree_weights, topmost


def forests() -> st.SearchStrategy[list[int]]:
    """Parents, each smaller than its own row."""
    return st.lists(st.integers(0, 2**16), max_size=40).map(
        lambda rows: [NONE if not i else draw % (i + 1) - 1 for i, draw in enumerate(rows)]
    )


def forest(parent: list[int]) -> Profile:
    rows = ProfileBuilder(())
    rows.location_id(rows.function_id("f", "f.py", 1), 1)
    rows.stack_parent.extend(parent)
    rows.stack_location.extend([0] * len(parent))
    return rows.build()


@given(forests())
def test_a_subtree_is_an_interval_of_positions(parent: list[int]) -> None:
    tree = call_tree(forest(parent))
    below = descendants(parent)
    assert sorted(tree.position.tolist()) == list(range(len(parent)))
    for node, position in enumerate(tree.position.tolist()):
        assert {int(tree.position[other]) for other in below[node]} == set(range(position, tree.end[position]))
        above = parent[node]
        assert tree.parent[position] == (NONE if above == NONE else tree.position[above])


@given(forests(), st.data())
def test_the_weight_of_a_subtree_is_the_sum_of_its_nodes(parent: list[int], data: st.DataObject) -> None:
    tree = call_tree(forest(parent))
    own = np.array(data.draw(st.lists(st.integers(0, 2**40), min_size=len(parent), max_size=len(parent))), dtype=np.int64)
    subtree = subtree_weights(tree, own)
    for node, below in descendants(parent).items():
        assert subtree[tree.position[node]] == sum(int(own[tree.position[other]]) for other in below)


@given(stacks_profiles())
def test_topmost_are_the_nodes_without_their_function_above_them(profile: Profile) -> None:
    tree = call_tree(profile)
    found = topmost(tree.function, np.arange(len(tree)), tree.end)
    expected = []
    for position in range(len(tree)):
        above, up = [], tree.parent[position]
        while up != NONE:
            above.append(tree.function[up])
            up = tree.parent[up]
        if tree.function[position] not in above:
            expected.append((int(tree.function[position]), position))
    assert [(int(tree.function[p]), p) for p in found.tolist()] == sorted(expected)


@given(forests(), st.data())
def test_enclosing_finds_the_nearest_of_some_ancestors(parent: list[int], data: st.DataObject) -> None:
    tree = call_tree(forest(parent))
    some = sorted(data.draw(st.sets(st.integers(0, len(parent) - 1)))) if parent else []
    outer, level = enclosing(np.array(some, dtype=np.int64), tree.end[some])
    for row, position in enumerate(some):
        above, up = [], int(tree.parent[position])
        while up != NONE:
            above += [up] if up in some else []
            up = int(tree.parent[up])
        assert level[row] == len(above)
        assert outer[row] == (some.index(above[0]) if above else NONE)


def test_an_empty_profile_has_an_empty_tree() -> None:
    assert len(call_tree(profile_from(""))) == 0


def test_a_stack_a_hundred_thousand_deep_is_no_deeper_than_any_other() -> None:
    depth = 100_000
    tree = call_tree(forest(list(range(-1, depth - 1))))
    assert tree.position.tolist() == list(range(depth))
    assert set(tree.end.tolist()) == {depth}
