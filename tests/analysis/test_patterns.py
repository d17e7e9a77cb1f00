"""Globs against fnmatch, regular expressions against ``re``; over strings that hold what could trip a search over one blob."""

from __future__ import annotations

import fnmatch
import re
import sys

import pytest
from drawing import profile_from
from hypothesis import given
from hypothesis import strategies as st

from plopi.errors import UsageError
from plopi.viewer.analysis import search
from plopi.viewer.analysis.search import Texts

re2 = pytest.mark.skipif(sys.version_info >= (3, 15), reason="google-re2 has no wheels for Python 3.15 yet")
letters = st.text(alphabet="abé.\n", max_size=7)


def fitting(strings: list[str], query: str) -> list[str]:
    return [text for text, hit in zip(strings, Texts(strings).containing(query)) if hit]


def matching(strings: list[str], pattern: str) -> list[str]:
    return [text for text, hit in zip(strings, Texts(strings).matching(pattern)[0]) if hit]


NAMES = ["json.dumps", "json.dump", "dumps", "Json.Load", "größe", "", "a*b"]


def test_a_glob_fits_the_whole_name_in_any_case() -> None:
    assert fitting(NAMES, "json.*") == ["json.dumps", "json.dump", "Json.Load"]
    assert fitting(NAMES, "*dump") == ["json.dump"]
    assert fitting(NAMES, "*.dump?") == ["json.dumps"]
    assert fitting(NAMES, "gr??e") == ["größe"]
    assert fitting(NAMES, "*?*") == [name for name in NAMES if name]
    assert fitting(NAMES, "**") == NAMES
    assert fitting(["", "a", "ab", "abc"], "**?") == ["a", "ab", "abc"]
    assert fitting(["", "a", "ab", "abc"], "*?*?") == ["ab", "abc"]


@given(st.lists(letters, max_size=6), st.text(alphabet="abé.*?", min_size=1, max_size=6).filter(lambda q: "*" in q or "?" in q))
def test_a_glob_fits_what_fnmatch_says(strings: list[str], glob: str) -> None:
    expected = [text for text in strings if fnmatch.fnmatchcase(text.lower().replace("\n", " "), glob)]
    assert fitting(strings, glob) == expected


def test_a_glob_among_many_matches() -> None:
    strings = [f"module{i}.function{i % 7}" for i in range(30_000)]
    assert fitting(strings, "*.function3") == [text for text in strings if text.endswith("function3")]


@re2
def test_a_regular_expression_matches_anywhere_in_the_case_given() -> None:
    assert matching(NAMES, "dump") == ["json.dumps", "json.dump", "dumps"]
    assert matching(NAMES, "^dump") == ["dumps"]
    assert matching(NAMES, "dump$|Load$") == ["json.dump", "Json.Load"]
    assert matching(NAMES, "(?i)^json[^.]*[.]") == ["json.dumps", "json.dump", "Json.Load"]
    assert matching(NAMES, "^$") == [""]
    assert matching(NAMES, "x*") == NAMES
    assert matching(NAMES, "gr.+e") == ["größe"]


@re2
@given(
    st.lists(letters, max_size=6),
    st.sampled_from(["a", "^a", "a$", "[^a]b", "a|é", "(ab)+", "a.b", "^.$", r"\s", "^$", "b*", r"[^\w]", "a[^b]?a", "(?:)"]),
)
def test_a_regular_expression_matches_what_re_says(strings: list[str], pattern: str) -> None:
    flat = [text.replace("\n", " ") for text in strings]
    expected = [text for text, line in zip(strings, flat) if re.search(pattern, line, re.ASCII)]
    assert matching(strings, pattern) == expected


def test_plain_text_and_alternatives_need_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "re2", None)
    assert matching(NAMES, "dumps") == ["json.dumps", "dumps"]
    assert matching(NAMES, "Load|größe") == ["Json.Load", "größe"]
    assert matching(NAMES, "json") == ["json.dumps", "json.dump"]
    with pytest.raises(UsageError, match="google-re2"):
        matching(NAMES, "a.b")


@re2
@pytest.mark.parametrize("pattern", ["(", "a)|(b", "[z-a]", r"(a)\1", "a{5000}"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match="RE2"):
        matching(NAMES, pattern)


@re2
def test_a_search_that_takes_too_long_is_cut_and_says_so() -> None:
    texts = Texts([f"function{i}" for i in range(5_000)])
    found, cut = texts.matching("n.*$", seconds=0.0)
    assert cut and found.any() and not found.all()
    found, cut = texts.matching("n.*$")
    assert not cut and found.all()


@re2
def test_a_function_is_found_by_its_name_or_its_file() -> None:
    profile = profile_from("""
        main
          parse 1
    """)
    texts = Texts(profile.strings)
    everywhere = search.search(profile, texts, "re:^parse$")
    assert [profile.function_name(f) for f in everywhere.functions.nonzero()[0]] == ["parse"]
    file = profile.function_file(0)
    assert search.matching(profile, texts, re.escape(file) + "$").all()
