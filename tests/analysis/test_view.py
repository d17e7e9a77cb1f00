"""The arguments of a URL become a view, or a sentence that says what is wrong with them."""

from __future__ import annotations

import pytest
from drawing import calls_from, profile_from
from hypothesis import given
from hypothesis import strategies as st

from plopi.errors import Unanswerable, UsageError
from plopi.model import CPU, SAMPLES, WALL, SampleType
from plopi.viewer.view import View, default_type

SAMPLED = profile_from("[thread Main 7]\nmain 1/1\n[thread Other 8]\nmain 1/1", (SAMPLES, CPU))
DUMP = calls_from("main 1/1 5 5")


def test_without_arguments_everything_has_its_default() -> None:
    assert View.parse({}, SAMPLED) == View(type=1, thread=None, nodes=80, sort="self", order="desc", q="", page=1, per=50)
    assert View.parse({"type": "", "thread": " "}, DUMP) == View()


def test_every_argument_is_taken() -> None:
    arguments = {
        "type": "samples",
        "thread": "1",
        "nodes": "30",
        "sort": "cum",
        "order": "asc",
        "q": " parse ",
        "page": "3",
        "per": "9",
    }
    assert View.parse(arguments, SAMPLED) == View(0, 1, 30, "cum", "asc", "parse", 3, 9)


def test_names_are_sorted_from_a_unless_told_otherwise() -> None:
    assert View.parse({"sort": "name"}, SAMPLED).order == "asc"


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ((SAMPLES, CPU, WALL), 1),
        ((SAMPLES, WALL), 1),
        ((SAMPLES,), 0),
        ((SampleType("alloc_objects", "count"), SampleType("inuse_space", "bytes")), 1),
        ((), 0),
    ],
)
def test_the_sample_type_shown_first(types: tuple[SampleType, ...], expected: int) -> None:
    assert default_type(types) == expected


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"type": "wall"}, ["'wall'", "samples, cpu"]),
        ({"thread": "2"}, ["'2'", "0 to 1"]),
        ({"thread": "-1"}, ["'-1'"]),
        ({"thread": "Main"}, ["'Main'"]),
        ({"nodes": "0"}, ["'0'", "1 to 400"]),
        ({"nodes": "401"}, ["'401'"]),
        ({"nodes": "9" * 5000}, ["1 to 400"]),
        ({"nodes": "8.5"}, ["'8.5'"]),
        ({"nodes": "٣"}, ["whole number"]),
        ({"sort": "size"}, ["'size'", "self, cum, name, calls"]),
        ({"sort": "calls"}, ["calls", "sampled"]),
        ({"order": "up"}, ["'up'", "asc, desc"]),
        ({"page": "0"}, ["'0'"]),
        ({"per": "501"}, ["1 to 500"]),
        ({"q": "x" * 201}, ["201", "200"]),
    ],
)
def test_a_wrong_argument_is_named_with_its_value_and_the_remedy(arguments: dict[str, str], words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        View.parse(arguments, SAMPLED)
    assert all(word in str(caught.value) for word in words)


def test_a_dump_has_no_threads_but_counts_calls() -> None:
    with pytest.raises(Unanswerable, match="no threads"):
        View.parse({"thread": "0"}, DUMP)
    assert View.parse({"sort": "calls"}, DUMP).sort == "calls"


@given(st.dictionaries(st.sampled_from(["type", "thread", "nodes", "sort", "order", "q", "page", "per", "x"]), st.text()))
def test_any_arguments_give_a_view_or_a_sentence(arguments: dict[str, str]) -> None:
    try:
        view = View.parse(arguments, SAMPLED)
    except UsageError as error:
        assert str(error).endswith(".")
    else:
        assert hash(view) == hash(View.parse(arguments, SAMPLED))
