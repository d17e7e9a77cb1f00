"""Focus, ignore, hide and time: drawn profiles in, drawn trees out, and any profile against one stack at a time."""

from __future__ import annotations

import numpy as np
import pytest
from drawing import draw, profile_from, redrawn, stacks_of
from hypothesis import given
from hypothesis import strategies as st
from profiles import stacks_profiles

from plopi.model import NONE, SAMPLES, Profile, ProfileBuilder
from plopi.viewer.analysis.columns import Mask
from plopi.viewer.analysis.lenses import Lens, apply, filters, tries

SERVER = profile_from("""
    main 1
      serve web.py:1 2
        parse 4
          read io.py:1 8
        render 16
          read io.py:1 32
      idle 64
""")


@pytest.mark.parametrize(
    ("lens", "left"),
    [
        (Lens(focus=("render",)), "main\n  serve web.py:1\n    render 16\n      read io.py:1 32"),
        (Lens(focus=("read", "render")), "main\n  serve web.py:1\n    render\n      read io.py:1 32"),
        (Lens(focus=("parse|idle",)), "main\n  serve web.py:1\n    parse 4\n      read io.py:1 8\n  idle 64"),
        (
            Lens(focus=("web",)),
            "main\n  serve web.py:1 2\n    parse 4\n      read io.py:1 8\n    render 16\n      read io.py:1 32",
        ),
        (Lens(ignore=("serve",)), "main 1\n  idle 64"),
        (Lens(ignore=("parse", "render")), "main 1\n  serve web.py:1 2\n  idle 64"),
        (Lens(focus=("serve",), ignore=("read",)), "main\n  serve web.py:1 2\n    parse 4\n    render 16"),
        (Lens(hide=("parse|render",)), "main 1\n  serve web.py:1 22\n    read io.py:1 40\n  idle 64"),
        (Lens(hide=("main",)), "serve web.py:1 2\n  parse 4\n    read io.py:1 8\n  render 16\n    read io.py:1 32\nidle 64"),
        (Lens(focus=("render",), hide=("render",)), "main\n  serve web.py:1 16\n    read io.py:1 32"),
        (Lens(hide=("app", "web", "io")), ""),
        (Lens(focus=("nowhere",)), ""),
        (Lens(focus=("Render",)), ""),
    ],
)
def test_what_a_lens_leaves(lens: Lens, left: str) -> None:
    assert draw(apply(SERVER, lens)) == redrawn(left)


def test_time_snaps_outwards_to_windows() -> None:
    recording = profile_from("""
        [window 0+10]
        main 1
        [window 10+10]
        main 2
        [window 20+10]
        main 4
    """)
    assert draw(apply(recording, Lens(time=(12, 13)))) == draw(profile_from("[window 10+10]\nmain 2"))
    assert [sum(apply(recording, Lens(time=time)).samples.weights[0]) for time in ((0, 10), (9, 21), (30, 40))] == [1, 7, 0]


def test_samples_without_a_stack_go_with_any_filter_as_in_pprof() -> None:
    rows = ProfileBuilder((SAMPLES,))
    rows.add_sample(NONE, (5,))
    profile = rows.build()
    assert len(filters.by_stack(profile, [], [np.zeros(0, np.bool_)]).samples) == 0
    assert len(filters.by_stack(profile, [], []).samples) == 1


def test_what_is_left_alone_is_the_same_object() -> None:
    left = apply(SERVER, Lens(focus=("render",)))
    assert left.stacks is SERVER.stacks
    assert left.functions is SERVER.functions
    assert apply(SERVER, Lens()) is SERVER


def masks() -> st.SearchStrategy[list[Mask]]:
    one = st.lists(st.booleans(), min_size=6, max_size=6).map(lambda bits: np.array(bits, dtype=np.bool_))
    return st.lists(one, max_size=2)


def naively(profile: Profile, focus: list[Mask], ignore: list[Mask], hide: list[Mask]) -> dict[object, tuple[int, ...]]:
    found: dict[object, tuple[int, ...]] = {}
    for stack, weights in stacks_of(profile).items():
        ids = [int(name[1:]) for name, *_ in stack]
        if not ids and (focus or ignore or hide):
            continue
        if not all(any(mask[i] for i in ids) for mask in focus) or any(mask[i] for mask in ignore for i in ids):
            continue
        left = tuple(frame for frame, i in zip(stack, ids) if not any(mask[i] for mask in hide))
        if left or not hide:
            found[left] = tuple(a + b for a, b in zip(found.get(left, (0,) * len(weights)), weights))
    return found


@given(stacks_profiles(), masks(), masks(), masks())
def test_filters_are_those_of_one_stack_after_the_other(
    profile: Profile, focus: list[Mask], ignore: list[Mask], hide: list[Mask]
) -> None:
    left = filters.by_stack(profile, focus, ignore)
    left = filters.Hiding(2).grow(left, filters.any_of(hide)) if hide else left
    assert stacks_of(left) == naively(profile, focus, ignore, hide)


@given(stacks_profiles(), st.lists(st.booleans(), min_size=40, max_size=120))
def test_a_trie_that_was_cut_is_a_trie_without_twins(profile: Profile, bits: list[bool]) -> None:
    parent = np.array(profile.stacks.parent, dtype=np.int64)
    kept = np.resize(np.array(bits, dtype=np.bool_), len(parent))
    trie = tries.Trie()
    tries.Branch().grow(trie, parent, np.array(profile.stacks.location, dtype=np.int64), kept)
    pairs = list(zip(trie.table.parent, trie.table.location))
    assert all(above < node for node, (above, _) in enumerate(pairs))
    assert len(set(pairs)) == len(pairs)


def test_a_stack_deeper_than_is_merged_keeps_its_order() -> None:
    depth = tries.DEEPEST_MERGE + 50
    parent = np.arange(-1, depth - 1, dtype=np.int64)
    trie = tries.Trie()
    tries.Branch().grow(trie, parent, np.zeros(depth, dtype=np.int64), np.ones(depth, dtype=np.bool_))
    assert list(trie.table.parent) == parent.tolist()
