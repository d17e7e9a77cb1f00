"""The flame graph against merging stacks one by one."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from drawing import profile_from
from hypothesis import given
from hypothesis import strategies as st
from naive import samples
from profiles import stacks_profiles

from plopi.errors import PlopiError
from plopi.model import CPU, Profile, ProfileBuilder
from plopi.viewer.analysis import Index, flame
from plopi.viewer.analysis.call_graph import Selection

Path = tuple[int, ...]


def forest(profile: Profile) -> flame.Forest:
    about = Index(profile)
    return about.weighed(Selection()).forest(about)


def paths(found: flame.Flame) -> dict[Path, tuple[int, int]]:
    """Weight and self by path of functions from the top of what is shown."""
    path: list[Path] = []
    boxes = found.boxes
    for parent, function in zip(boxes.parent.tolist(), boxes.function.tolist()):
        path.append((*(path[parent] if parent >= 0 else ()), function))
    assert len(set(path)) == len(path)
    return dict(zip(path, zip(boxes.weight.tolist(), boxes.self.tolist())))


def merged(profile: Profile, inverted: bool = False, root: int | None = None) -> dict[Path, tuple[int, int]]:
    """The definition: each sample's path, and every beginning of it."""
    weight: Counter[Path] = Counter()
    own: Counter[Path] = Counter()
    for steps, value in samples(profile):
        path = tuple(function for function, _ in steps)
        if root is not None:
            if root not in path:
                continue
            first = path.index(root)
            path = path[: first + 1] if inverted else path[first:]
        path = path[::-1] if inverted else path
        own[path] += value
        for depth in range(1, len(path) + 1):
            weight[path[:depth]] += value
    return {path: (value, own[path]) for path, value in weight.items() if value}


roots = st.none() | st.integers(0, 5)


@given(stacks_profiles(), st.booleans(), roots)
def test_boxes_are_the_stacks_merged_by_their_functions(profile: Profile, inverted: bool, root: int | None) -> None:
    if root is not None and root >= len(profile.functions):
        return
    found = forest(profile).flame(flame.Shape(inverted=inverted, root=root))
    expected = merged(profile, inverted, root)
    assert paths(found) == expected
    assert found.cut_boxes == found.cut_weight == 0
    assert int(found.boxes.self.sum()) == found.weight == sum(own for _, own in expected.values())


@given(stacks_profiles(), st.booleans(), st.data())
def test_a_zoomed_box_is_what_lies_below_it(profile: Profile, inverted: bool, data: st.DataObject) -> None:
    whole = merged(profile, inverted)
    if not whole:
        return
    zoom = data.draw(st.sampled_from(sorted(whole)))
    found = forest(profile).flame(flame.Shape(zoom=zoom, inverted=inverted))
    assert found.zoom == zoom
    assert found.zoom_weights == tuple(whole[zoom[:depth]][0] for depth in range(1, len(zoom) + 1))
    assert paths(found) == {path[len(zoom) - 1 :]: value for path, value in whole.items() if path[: len(zoom)] == zoom}


@given(stacks_profiles(), st.booleans(), st.floats(0.01, 0.6))
def test_what_is_too_narrow_is_cut_and_counted(profile: Profile, inverted: bool, least: float) -> None:
    whole = merged(profile, inverted)
    total = sum(own for _, own in whole.values())
    found = forest(profile).flame(flame.Shape(inverted=inverted, least=least))
    shown = {path for path, (weight, _) in whole.items() if weight >= least * total}
    assert paths(found) == {path: whole[path] for path in shown}
    cut = [path for path in whole if path not in shown and (len(path) == 1 or path[:-1] in shown)]
    assert (found.cut_boxes, found.cut_weight) == (len(cut), sum(whole[path][0] for path in cut))
    assert int(found.boxes.self.sum()) + found.cut_weight == found.weight


@given(stacks_profiles(), st.booleans(), st.floats(0, 0.3))
def test_boxes_stand_side_by_side_within_their_parent_in_the_order_of_names(
    profile: Profile, inverted: bool, least: float
) -> None:
    whole = merged(profile, inverted)
    found = forest(profile).flame(flame.Shape(inverted=inverted, least=least))
    start = dict(zip(paths(found), found.boxes.start.tolist()))

    def expected(path: Path) -> int:
        before = sum(weight for other, (weight, _) in whole.items() if other[:-1] == path[:-1] and other[-1] < path[-1])
        return before + (expected(path[:-1]) if len(path) > 1 else 0)

    assert start == {path: expected(path) for path in start}  # the names of these functions are in the order of their ids
    parent = found.boxes.parent.tolist()
    assert all(up < row for row, up in enumerate(parent))
    assert parent == sorted(parent, key=parent.index)  # siblings are adjacent


def test_a_path_that_ends_early_is_followed_as_far_as_it_goes() -> None:
    profile = profile_from("main 1\n  work 2\n    inner 4")
    found = forest(profile).flame(flame.Shape(zoom=(0, 1, 0, 2)))
    assert (found.zoom, found.zoom_weights, found.weight) == ((0, 1), (7, 6), 6)


def test_recursion_shows_as_often_as_it_recurs() -> None:
    profile = profile_from("f 1\n  f 1\n    f 1")
    assert paths(forest(profile).flame(flame.Shape())) == {(0,): (3, 1), (0, 0): (2, 1), (0, 0, 0): (1, 1)}
    assert forest(profile).flame(flame.Shape(root=0)).weight == 3


def test_the_other_side_of_a_diff_is_beside_every_box() -> None:
    rows = ProfileBuilder((CPU,))
    a, b = (rows.location_id(rows.function_id(name, "x.py", 1), 1) for name in "ab")
    before, after = rows.thread_id("before", 1), rows.thread_id("after", 2)
    for thread, inner in ((before, 5), (after, 9)):
        rows.add_sample(rows.stack_of([a]), (1,), thread)
        rows.add_sample(rows.stack_of([a, b]), (inner,), thread)
    about = Index(rows.build())
    new, old = (about.weighed(Selection(thread=thread)).numbers for thread in (after, before))
    found = flame.Forest(new, np.arange(2), old).flame(flame.Shape())
    assert found.boxes.weight.tolist() == [10, 9]
    assert found.boxes.base is not None and found.boxes.base.tolist() == [6, 5]


@given(stacks_profiles(), st.sets(st.integers(0, 5)))
def test_a_stack_matches_once(profile: Profile, wanted: set[int]) -> None:
    numbers = Index(profile).weighed(Selection()).numbers
    mask = np.array([function in wanted for function in range(len(profile.functions))], dtype=np.bool_)
    expected = sum(weight for steps, weight in samples(profile) if any(function in wanted for function, _ in steps))
    assert flame.matched_weight(numbers, mask) == expected


@given(stacks_profiles())
def test_how_deep_the_deepest_stack_is(profile: Profile) -> None:
    numbers = Index(profile).weighed(Selection()).numbers
    assert flame.deepest(numbers) == max((len(steps) for steps, weight in samples(profile) if weight), default=0)


def test_an_answer_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flame, "MOST_BOXES", 10)
    monkeypatch.setattr(flame, "DEEPEST", 3)
    wide = profile_from("main 0\n" + "\n".join(f"  leaf{i:02} {2**i}" for i in range(30)))
    found = forest(wide).flame(flame.Shape())
    assert 8 <= len(found.boxes) <= 10
    assert int(found.boxes.self.sum()) + found.cut_weight == found.weight
    assert len(found.boxes) + found.cut_boxes == 31
    deep = profile_from("\n".join("  " * depth + f"f{depth} 1" for depth in range(9)))
    found = forest(deep).flame(flame.Shape())
    assert (len(found.boxes), found.cut_boxes, found.cut_weight) == (3, 1, 6)
    assert len(forest(deep).flame(flame.Shape(zoom=(0, 1, 2, 3, 4, 5, 6))).boxes) == 3


def test_negative_weights_are_refused() -> None:
    with pytest.raises(PlopiError, match="negative"):
        forest(profile_from("main 5\n  work -3"))


def test_no_samples_no_boxes() -> None:
    for inverted in (False, True):
        found = forest(profile_from("")).flame(flame.Shape(inverted=inverted))
        assert (len(found.boxes), found.weight) == (0, 0)
