"""Substring search over the string table, against ``in``."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from plopi.viewer.analysis.search import Texts
from plopi.viewer.analysis.table import page_of, ranks

SOME = ["parse", "Parser.parse_args", "", "emit", "ÄÖÜ_name", "straße", "日本語", "a\nb", "aaa"]


def found(strings: list[str], query: str) -> list[str]:
    return [text for text, hit in zip(strings, Texts(strings).containing(query)) if hit]


def test_any_case_anywhere() -> None:
    assert found(SOME, "PARSE") == ["parse", "Parser.parse_args"]
    assert found(SOME, "äö") == ["ÄÖÜ_name"]
    assert found(SOME, "aa") == ["aaa"]
    assert found(SOME, "本") == ["日本語"]
    assert found(SOME, "") == SOME


def test_a_match_never_runs_over_the_end_of_a_string() -> None:
    assert found(["ab", "cd"], "bc") == []
    assert found(["ab", "cd"], "b\nc") == []
    assert found(["ab"], "abc") == []
    assert found([], "x") == []


@given(st.lists(st.text(alphabet="abAB\né", max_size=6)), st.text(alphabet="abAB\né", max_size=3))
def test_search_is_that_of_in(strings: list[str], query: str) -> None:
    plain = query.lower().replace("\n", " ")
    assert found(strings, query) == [text for text in strings if plain in text.lower().replace("\n", " ")]


def test_pages() -> None:
    order = np.array([3, 1, 0, 2])
    wanted = np.array([True, True, False, True])
    assert page_of(order, wanted, 1, 2).rows == [3, 1]
    assert page_of(order, wanted, 2, 2).rows == [0]
    assert page_of(order, wanted, 7, 2).page == 2
    assert page_of(order, wanted, 1, 2, backwards=True).rows == [0, 1]
    assert page_of(order, ~np.ones(4, dtype=bool), 1, 2).pages == 1


@given(
    st.lists(st.text(alphabet="abAé", max_size=30) | st.sampled_from(["a" * 8, "a" * 9, "a" * 16, "a" * 8 + "B"]), max_size=12)
)
def test_strings_are_ranked_by_their_bytes_in_lower_case(strings: list[str]) -> None:
    keys = [text.lower().encode() for text in strings]
    found = ranks(Texts(strings).lowered).tolist()
    assert found == [sum(other < key for other in keys) for key in keys]
