"""What the worker prepared: the same numbers, from arrays of any width; and whatever the arrays hold, no harm."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from drawing import profile_from
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from profiles import calls_profiles, stacks_profiles

from plopi.errors import FormatError, PlopiError
from plopi.model import NONE, Profile
from plopi.viewer import payloads
from plopi.viewer.analysis import index, prepare
from plopi.viewer.analysis.call_graph import Selection
from plopi.viewer.view import View

either = st.one_of(stacks_profiles(), calls_profiles())


def frozen(arrays: dict[str, NDArray[Any]], width: str) -> dict[str, NDArray[Any]]:
    """As they come out of a memory map: read-only. Text is bytes at any width."""
    copies = {name: array.astype(array.dtype if array.dtype == np.uint8 else width) for name, array in arrays.items()}
    for array in copies.values():
        array.flags.writeable = False
    return copies


def everything(profile: Profile, prepared: dict[str, NDArray[Any]] | None) -> list[object]:
    kept, view = index(profile, prepared), View.parse({}, profile)
    functions = range(len(profile.functions))
    by_name = payloads.table(kept, View.parse({"sort": "name", "q": "a"}, profile))
    return [
        payloads.graph(kept, view),
        payloads.table(kept, view),
        by_name,
        *(payloads.function(kept, view, f) for f in functions),
    ]


@given(either, st.sampled_from(["<i4", "<i8"]))
def test_prepared_or_not_the_answers_are_the_same(profile: Profile, width: str) -> None:
    assert everything(profile, frozen(prepare(profile), width)) == everything(profile, None)


@given(either, st.data())
def test_arrays_that_lie_are_refused_or_do_no_harm(profile: Profile, data: st.DataObject) -> None:
    arrays = {name: array.copy() for name, array in prepare(profile).items()}
    name = data.draw(st.sampled_from(sorted(arrays)))
    if data.draw(st.booleans()) or not len(arrays[name]):
        arrays[name] = arrays[name][: data.draw(st.integers(0, len(arrays[name])))]
    else:
        row = data.draw(st.integers(0, len(arrays[name]) - 1))
        lie = data.draw(st.one_of(st.integers(-3, 20), st.integers(-(2**31), 2**31 - 1)))
        arrays[name][row] = lie & 0xFF if arrays[name].dtype == np.uint8 else lie
    with contextlib.suppress(PlopiError):
        everything(profile, arrays)


@given(stacks_profiles(), st.randoms(use_true_random=False))
def test_arrays_of_noise_end_too(profile: Profile, random: Any) -> None:
    arrays = {name: array.copy() for name, array in prepare(profile).items()}
    for name, array in arrays.items():
        if not name.endswith("start") and array.dtype != np.uint8:
            most = int(array.max(initial=0))
            low = np.arange(len(array)) + 1 if name == "tree.end" else np.zeros(len(array), dtype=np.int64)
            arrays[name] = np.array([random.randint(int(least), max(most, int(least))) for least in low], dtype=np.int32)
    arrays["tree.parent"] = np.array([random.randint(NONE, row - 1) for row in range(len(profile.stacks))], dtype=np.int32)
    with contextlib.suppress(PlopiError):
        everything(profile, arrays)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("edges.caller", [9, 0]),
        ("edges.callee", [-1, 2]),
        ("edges.callee", [1]),
        ("edges.by_callee", [0, 2]),
        ("edges.caller_start", [0, 2, 1, 2]),
        ("edges.callee_start", [0, 0, 1, 3]),
        ("tree.parent", [-1, 1, 0]),
        ("tree.end", [3, 1, 3]),
        ("tree.end", [3, 2, 4]),
        ("tree.position", [0, 1, 3]),
        ("tree.function", [0, 1, 3]),
        ("activations.start", [0, 2, 1, 3]),
        ("activations.start", [1, 1, 2, 3]),
        ("activations.rows", [0, 1, 7]),
    ],
)
def test_what_is_out_of_range_is_refused_by_name(name: str, values: list[int]) -> None:
    profile = profile_from("""
        a
          b 1
          c 2
    """)
    arrays = prepare(profile) | {name: np.array(values, dtype=np.int32)}
    with pytest.raises(FormatError, match=name.split(".")[0]):
        index(profile, arrays).weighed(Selection())


def test_what_is_missing_or_no_integer_is_refused() -> None:
    profile = profile_from("a 1")
    arrays = prepare(profile)
    with pytest.raises(FormatError, match=r"tree\.end"):
        index(profile, {name: array for name, array in arrays.items() if name != "tree.end"}).weighed(Selection())
    with pytest.raises(FormatError, match=r"tree\.end"):
        index(profile, arrays | {"tree.end": np.array([1.0])}).weighed(Selection())


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("names.order", [0, 1, 3]),
        ("names.order", [0, 1]),
        ("packages.file_row", [0, 0, 1]),
        ("packages.package", [9]),
        ("packages.module", [-1]),
        ("packages.names_start", [0, 3, 2]),
        ("packages.names_start", []),
    ],
)
def test_names_that_are_out_of_range_are_refused_too(name: str, values: list[int]) -> None:
    profile = profile_from("a 1\nb 1\nc 1")
    kept = index(profile, prepare(profile) | {name: np.array(values, dtype=np.int32)})
    with pytest.raises(FormatError, match=name):
        _ = kept.by_name, kept.packages


@pytest.mark.parametrize("lines", [b"a\nb\n\n", b"a\nb\nc", b"a\nbbc\n", b"\n\n\n\n\n\n"])
def test_lines_that_do_not_end_where_the_strings_do_are_refused(lines: bytes) -> None:
    profile = replace(profile_from("a 1\nb 1\nc 1"), strings=("a", "b", "c"))
    assert index(profile, {"names.lines": np.frombuffer(b"a\nb\nc\n", np.uint8)}).texts.containing("B").tolist() == [
        False,
        True,
        False,
    ]
    with pytest.raises(FormatError, match=r"names\.lines"):
        _ = index(profile, {"names.lines": np.frombuffer(lines, np.uint8)}).texts
