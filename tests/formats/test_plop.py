"""Plop's literals: as Plop reads them (``ast.literal_eval``, here only), and as Plop writes them."""

from __future__ import annotations

import ast
import random
from pathlib import Path

import pytest
from drawing import draw, profile_from, stacks_of
from hypothesis import given, settings
from hypothesis import strategies as st
from making import TEXT, read, said, server, stacks_profiles, written
from mutants import mutant

from plopi.errors import FormatError, LimitExceeded
from plopi.formats import plop_reader
from plopi.formats.limits import Limits
from plopi.model import SAMPLES, Profile, ProfileBuilder

DATA = Path(__file__).parent / "data"
Literal = dict[tuple[tuple[str, int, str], ...], int]


def as_plop(profile: Profile) -> Literal:
    """The dict that Plop has: leaf first, current lines."""
    return {
        tuple((file, line, name) for name, file, _, line in reversed(stack)): weights[0]
        for stack, weights in stacks_of(profile).items()
    }


def test_what_is_written_is_the_repr_of_a_dict() -> None:
    profile = profile_from("main @3\n  f @7 2\n  <gc> 1")
    assert written(profile, "plop").decode() == repr(
        {(("app.py", 7, "f"), ("app.py", 3, "main")): 2, (("", 0, "<gc>"), ("app.py", 3, "main")): 1}
    )
    assert written(profile_from("f @1 4"), "plop") == b"{(('app.py', 1, 'f'),): 4}"
    assert written(profile_from(""), "plop") == b"{}"


def test_a_function_is_its_file_and_name() -> None:
    """Two lines of one function are one function, whose first line is unknown."""
    profile = read(b"{(('a.py', 5, 'f'),): 1, (('a.py', 6, 'f'),): 2}")
    assert (len(profile.functions), draw(profile)) == (1, "f a.py:0 @5 1\nf a.py:0 @6 2")


def test_a_file_that_plop_wrote() -> None:
    data = (DATA / "plop-0.4.0.plop").read_bytes()
    assert as_plop(read(data)) == ast.literal_eval(data.decode())


def test_stacks_that_are_one_in_plops_words_are_counted_as_one() -> None:
    builder = ProfileBuilder((SAMPLES,))
    for first_line in (1, 5):
        location = builder.location_id(builder.function_id("f", "a.py", first_line), 9)
        builder.add_sample(builder.stack_of([location]), (2,))
    assert ast.literal_eval(written(builder.build(), "plop").decode("ascii")) == {(("a.py", 9, "f"),): 4}


@given(stacks_profiles())
@settings(max_examples=80, deadline=None)
def test_round_trip(profile: Profile) -> None:
    literal = ast.literal_eval(written(profile, "plop").decode("ascii"))
    assert as_plop(read(written(profile, "plop"))) == {
        tuple((said(file), line, said(name)) for file, line, name in stack): count for stack, count in literal.items()
    }


@given(
    st.dictionaries(st.lists(st.tuples(TEXT, st.integers(0, 2**31 - 1), TEXT), max_size=4).map(tuple), st.integers(0, 2**63 - 1))
)
@settings(max_examples=80, deadline=None)
def test_the_repr_of_any_such_dict_is_read(literal: Literal) -> None:
    """``repr`` leaves printable characters as they are; a lone surrogate it escapes."""
    expected = {tuple((said(file), line, said(name)) for file, line, name in stack): count for stack, count in literal.items()}
    found = as_plop(read(repr(literal).encode()))
    if not any("\x80" <= char < "\xff" for stack in literal for frame in stack for char in f"{frame[0]}{frame[2]}"):
        assert found == expected
    assert sum(found.values()) == sum(literal.values())


@pytest.mark.parametrize(
    ("literal", "name"),
    [
        (b"{((u'a.py', 5L, u'f\\xe9'),): 3L}", "fé"),
        (b"{(('a.py', 5, 'f\\xc3\\xa9'),): 3}", "fé"),
        (b"{(('a.py', 5, 'f\\x85'),): 3}", "f\x85"),
        (b'{(("a.py", 5, "it\'s"),): 3}', "it's"),
        (b"{(('a.py', 5, 'a\\\\\\'b\\n\\u20ac\\U0001f600'),): 3}", "a\\'b\n€\U0001f600"),
        (b"{(('a.py', 5, 'f\xc3\xa9'),): 3}", "fé"),
        (b"{(('a.py', 5, '\\udc80'),): 3}", "\\udc80"),
        (b" { ( ( 'a.py' ,\n5 , 'f' , ) , ) : 3 , } \n", "f"),
    ],
)
def test_ways_to_write_it(literal: bytes, name: str) -> None:
    """Python 2's prefixes, suffixes and bytes; either quote; escapes; blanks."""
    profile = read(literal, "x.plop")
    assert stacks_of(profile) == {((name, "a.py", 0, 5),): (3,)}


@pytest.mark.parametrize(
    ("literal", "message"),
    [
        (b"{", "should follow"),
        (b"{(('a.py', 5, 'f'),): 3", "',' or '}' should follow"),
        (b"{(('a.py', 5, 'f')): 3}", "',' after the only frame"),
        (b"{(('a.py', 5, 'f'),): -3}", "a count should follow"),
        (b"{(('a.py', 5, 'f'),): 3}{}", "more after the closing"),
        (b"{(('a.py', 5, 'f'),): 3} + 1", "more after the closing"),
        (b"{(('a.py', 5, 'f' 'g'),): 3}", "a frame"),
        (b"{(('a.py', -5, 'f'),): 3}", "a frame"),
        (b"{(('a.py', 5, f),): 3}", "a frame"),
        (b"{(('a.py', 99999999999, 'f'),): 3}", "no line number"),
        (b"{(('a.py', 5, 'f'),): 99999999999999999999}", "too large"),
        (b"{(('a.py', 5, '\\N{DASH}'),): 3}", "no escape"),
        (b"{(('a.py', 5, '\\U99999999'),): 3}", "no escape"),
        (b"{(('a.py', 5, '\\xg0'),): 3}", "no escape"),
        (b"{(__import__('os'),): 3}", "a frame"),
        (b"{((((((((((", "a frame"),
    ],
)
def test_broken_literals_say_where(literal: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message) as raised:
        read(literal, "x.plop")
    assert raised.value.offset is not None


def test_a_literal_cut_anywhere_is_refused() -> None:
    data = (DATA / "plop-0.4.0.plop").read_bytes().strip()
    for size in range(1, len(data)):
        with pytest.raises(FormatError):
            read(data[:size])


def test_bounds_are_held() -> None:
    data = written(server(), "plop")
    for limits in (Limits(depth=2), Limits(frames=5), Limits(samples=2), Limits(string_bytes=10), Limits(functions=2)):
        with pytest.raises(LimitExceeded):
            read(data, limits=limits)


def test_counts_are_of_samples() -> None:
    assert sorted(stacks_of(read(written(server(), "plop"))).values()) == [(1,), (4,), (5,), (10,), (30,)]


# --- whole stacks at once, and token by token


def test_damaged_literals_are_read_or_refused_as_token_by_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Splitting at "), (" is a shortcut: names that hold it, odd blanks and damage change nothing of what is read."""
    tricky = b"{(('a), (', 1, 'f'), ('b\\'), (', 2, \"g): 5\")): 3, (('a', 1, 'f'),): 4, (( 'a',1,'f'),('b', 2, 'h'),): 5}"
    seeds = [written(server(), "plop"), tricky, (DATA / "plop-0.4.0.plop").read_bytes()[:600]]
    chance = random.Random(4)
    files = [*seeds, *(mutant(chance.choice(seeds), chance) for _ in range(1500))]
    quick = [told(data) for data in files]

    def never(*_: object) -> tuple[list[int], int]:
        raise plop_reader._Unusual

    monkeypatch.setattr(plop_reader._Parser, "usual_stack", never)
    assert quick == [told(data) for data in files]
    assert len(quick[1]) == 1, quick[1]


def told(data: bytes) -> tuple[object, ...]:
    try:
        return (draw(plop_reader.read(data, Limits())),)
    except FormatError as error:
        return str(error), error.offset
