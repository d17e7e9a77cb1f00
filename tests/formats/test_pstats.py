"""pstats dumps: read as ``marshal`` reads them, without it; written so that ``pstats.Stats`` reads them."""

from __future__ import annotations

import cProfile
import io
import marshal
import profile as pure_profile
import pstats
import struct
import sys
from pathlib import Path
from typing import Any

import pytest
from drawing import calls_from, draw, profile_from
from hypothesis import given, settings
from hypothesis import strategies as st
from making import calls_profiles, read, server, stacks_profiles, written

from plopi.errors import FormatError, LimitExceeded
from plopi.formats.limits import Limits
from plopi.model import CALLS, CPU, SAMPLES, Profile

DATA = Path(__file__).parent / "data"
Stats = dict[Any, Any]


def as_stats(profile: Profile) -> Stats:
    """What ``marshal`` would have given, with nanoseconds for seconds."""
    functions, calls = profile.functions, profile.calls
    assert calls is not None
    keys = [(profile.function_file(row), functions.line[row], profile.function_name(row)) for row in range(len(functions))]
    stats: Stats = {key: (*numbers, {}) for key, *numbers in zip(keys, calls.primitive, calls.calls, calls.self, calls.cum)}
    for caller, callee, *numbers in zip(
        calls.caller, calls.callee, calls.edge_calls, calls.edge_primitive, calls.edge_self, calls.edge_cum
    ):
        stats[keys[callee]][4][keys[caller]] = tuple(numbers)
    return stats


def in_nanoseconds(stats: Stats) -> Stats:
    def numbers(first: int, second: int, own: float, cum: float) -> tuple[int, int, int, int]:
        return first, second, round(own * 1e9), round(cum * 1e9)

    def of_caller(edge: int | tuple[int, int, float, float]) -> tuple[int, int, int, int]:
        return (edge, edge, 0, 0) if isinstance(edge, int) else numbers(*edge)

    return {
        key: (*numbers(*entry[:4]), {caller: of_caller(edge) for caller, edge in entry[4].items()})
        for key, entry in stats.items()
    }


# --- whatever marshal can write


@st.composite
def shared_stats(draw: st.DrawFn) -> Stats:
    """A legal dict whose every part may be an object that stands elsewhere too, or one that is equal to it and is another."""

    def pool(values: st.SearchStrategy[Any], size: int = 3) -> st.SearchStrategy[Any]:
        return st.one_of(st.sampled_from(draw(st.lists(values, min_size=1, max_size=size))), values)

    texts = pool(st.text("ab/é€", max_size=3).map(lambda text: "".join([*text])))
    counts = pool(st.one_of(st.integers(0, 300), st.integers(2**31 - 2, 2**62)))
    times = pool(st.one_of(st.integers(0, 10**12).map(lambda ns: ns / 1e9), st.integers(0, 5)))
    keys = draw(st.lists(st.tuples(texts, pool(st.integers(0, 2**31 - 1)), texts), min_size=1, max_size=6, unique=True))
    key = st.sampled_from([*keys, *((*each,) for each in keys)])
    edge = pool(st.one_of(st.tuples(counts, counts, times, times), counts))
    callers = pool(st.dictionaries(key, edge, max_size=5), 2)
    entry = pool(st.tuples(counts, counts, times, times, callers), 2)
    return {key: draw(entry) for key in keys}


@given(shared_stats(), st.integers(0, marshal.version))
@settings(max_examples=400, deadline=None)
def test_shared_objects(stats: Stats, version: int) -> None:
    data = marshal.dumps(stats, version)
    assert marshal.loads(data) == stats
    assert as_stats(read(data, "x.pstats")) == in_nanoseconds(stats)


def test_a_tuple_of_numbers_that_stands_everywhere() -> None:
    numbers, main = (1, 1, 0.001, 0.002), ("app.py", 1, "main")
    callers = {main: numbers, ("app.py", 2, "other"): numbers}
    entry = (*numbers, callers)
    stats = {
        main: (*numbers, {}),
        ("app.py", 2, "other"): entry,
        ("app.py", 3, "f"): (*numbers, callers),
        ("b.py", 1, "g"): entry,
    }
    assert as_stats(read(marshal.dumps(stats))) == in_nanoseconds(stats)


def test_a_shared_dict_of_callers_is_counted_at_every_place() -> None:
    callers = {("app.py", line, "caller"): (1, 1, 0.0, 0.0) for line in range(100)}
    data = marshal.dumps({("app.py", line, "f"): (1, 1, 0.0, 0.0, callers) for line in range(100)})
    assert len(read(data, limits=Limits(edges=10_000)).calls.edge_calls) == 10_000  # type: ignore[union-attr]
    with pytest.raises(LimitExceeded, match="10,000 edges"):
        read(data, limits=Limits(edges=9_999))


# --- what others write


@pytest.mark.parametrize("version", ["3.6", "3.8", "3.10", "3.11", "3.12", "3.13"])
def test_dumps_of_cprofile_read_as_marshal_reads_them(version: str) -> None:
    data = (DATA / f"cprofile-{version}.pstats").read_bytes()
    assert as_stats(read(data)) == in_nanoseconds(marshal.loads(data))


def test_a_dump_of_python_2() -> None:
    """It has its own kind of string references, which Python 3's marshal does not know."""
    profile = read((DATA / "cprofile-2.7.pstats").read_bytes())
    fib = next(row for row in range(len(profile.functions)) if profile.function_name(row) == "fib")
    assert profile.calls is not None
    assert (profile.calls.calls[fib], profile.calls.primitive[fib]) == (67, 1)
    assert "<method 'match' of '_sre.SRE_Pattern' objects>" in profile.strings


@pytest.mark.parametrize("version", range(marshal.version + 1))
def test_every_version_of_marshal(version: int) -> None:
    """Versions differ in how they say floats, strings and what comes again."""
    stats = {
        ("é.py", 1, "f"): (1, 300, 1e-9, 2.5, {("é.py", 1, "f"): (299, 1, 0.0, 2.5), ("b.py", 7, "g"): (1, 1, 0.25, 1e-7)}),
        ("b.py", 7, "g"): (1, 1, 0.25, 3.0, {}),
        ("~", 0, "<built-in method len>" + "x" * 300): (2**40, 2**40, 0.0, 0.0, {("b.py", 7, "g"): (2**33, 2**33, 0.0, 0.0)}),
        ("\udc80", 2**31 - 1, ""): (0, 0, 0.0, 0.0, {}),
    }
    expected = in_nanoseconds(stats)
    expected["\\udc80", 2**31 - 1, ""] = expected.pop(("\udc80", 2**31 - 1, ""))
    assert as_stats(read(marshal.dumps(stats, version))) == expected


def test_times_may_be_whole_numbers() -> None:
    assert draw(read(marshal.dumps({("app.py", 1, "f"): (1, 1, 2, 3, {})}))) == "f 1/1 2000000000 3000000000"


def pure_python_dump() -> bytes:
    def callee(depth: int) -> int:
        return sum(range(100)) + (callee(depth - 1) if depth else 0)

    profiler = pure_profile.Profile()
    profiler.runcall(lambda: [callee(4) for _ in range(3)])
    profiler.create_stats()
    return marshal.dumps(profiler.stats)


def test_the_pure_python_profiler_counts_callers_only() -> None:
    """Its edges have no times: calls are no measure of them. The profile says so."""
    out = read(pure_python_dump())
    calls = out.calls
    assert calls is not None
    assert sum(calls.cum) > 0
    assert set(calls.edge_self) | set(calls.edge_cum) == {0}
    edges = zip(calls.caller, calls.callee, calls.edge_calls)
    named = sorted((out.function_name(caller), count) for caller, callee, count in edges if out.function_name(callee) == "callee")
    assert named == [("<listcomp>" if sys.version_info < (3, 12) else "<lambda>", 3), ("callee", 12)]
    assert out.about.notes == ("the dump counts the calls between functions but not their times, which it cannot tell",)


def test_what_python_m_profile_writes_is_refused_with_the_remedy() -> None:
    """``python -m profile`` puts the program's code object where a name stands."""
    with pytest.raises(FormatError, match="use cProfile"):
        read(marshal.dumps({("profile", 0, compile("1", "a.py", "exec")): (1, 1, 0.1, 0.1, {})}), "a.pstats")


def test_counts_of_callers_are_written_as_counts(tmp_path: Path) -> None:
    """Not as times of zero, which every reader would take for true."""
    data = pure_python_dump()
    again = written(read(data), "pstats")
    assert {key: entry[4] for key, entry in marshal.loads(again).items()} == {
        key: entry[4] for key, entry in marshal.loads(data).items()
    }
    assert read(again).about.notes == read(data).about.notes
    loaded(again, tmp_path).print_callers()


def test_a_sampled_dump_of_python_3_15() -> None:
    """Its last key is a mark, and its callers are plain counts of samples; an edge's time is what its samples took."""
    leaf, main = ("app.py", 12, "leaf"), ("app.py", 1, "main")
    stats = {leaf: (30, 30, 0.3, 0.3, {main: 30}), main: (10, 40, 0.1, 0.4, {}), ("__sampled__",): True}
    profile = read(marshal.dumps(stats))
    assert (
        draw(profile)
        == "leaf app.py:12 30/30 300000000 300000000\nmain 40/10 100000000 400000000\n  leaf app.py:12 30/30 0 300000000"
    )
    assert profile.about.engine == "profiling.sampling"
    assert profile.about.notes[0].startswith("sampled by")
    assert draw(read(written(profile, "pstats"))) == draw(profile)


def test_an_edge_of_a_sampled_dump_takes_no_more_than_its_ends() -> None:
    """Python counts a caller at every level of a recursion, a function once for each stack."""
    fib, main = ("app.py", 12, "fib"), ("app.py", 1, "main")
    stats = {fib: (10, 10, 0.1, 0.1, {fib: 90, main: 10}), main: (2, 12, 0.02, 0.12, {}), ("__sampled__",): True}
    calls = read(marshal.dumps(stats)).calls
    assert calls is not None
    assert (list(calls.edge_calls), list(calls.edge_cum)) == ([90, 10], [100_000_000, 100_000_000])


def test_a_real_program() -> None:
    profiler = cProfile.Profile()
    profiler.runcall(lambda: __import__("json").loads('{"a": [1, 2, {"b": null}]}'))
    profiler.create_stats()
    stats = profiler.stats  # type: ignore[attr-defined]
    assert as_stats(read(marshal.dumps(stats))) == in_nanoseconds(stats)


# --- what plopi writes


def loaded(data: bytes, tmp_path: Path) -> pstats.Stats:
    path = tmp_path / "dump"
    path.write_bytes(data)
    return pstats.Stats(str(path), stream=io.StringIO())


def test_stacks_become_calls() -> None:
    """A sample counts once for each function and edge in it, however deep it recurses; its time likewise."""
    profile = profile_from(
        """
        main
          fib 1/10
            fib 2/20
              fib 3/30
          <gc> 1/5
        """,
        (SAMPLES, CPU),
    )
    assert draw(read(written(profile, "pstats"))) == "\n".join(
        [
            "<gc> 1/1 5 5",
            "fib 6/6 60 60",
            "  fib 5/5 50 50",
            "main 7/7 0 65",
            "  <gc> 1/1 5 5",
            "  fib 6/6 10 60",
        ]
    )


def test_pstats_reads_it(tmp_path: Path) -> None:
    stats = loaded(written(server(), "pstats"), tmp_path)
    assert (stats.total_calls, round(stats.total_tt, 9)) == (109, 0.5)  # type: ignore[attr-defined]
    stats.sort_stats("cumulative").print_stats()
    stats.print_callers()
    printed = stats.stream.getvalue()  # type: ignore[attr-defined]
    assert "{gc}" in printed
    assert "app.py:10(App.<locals>.<lambda>)" in printed


def test_without_a_clock_a_sample_lasts_the_period() -> None:
    profile = profile_from("f 3")
    assert draw(read(written(profile, "pstats"))) == "f 3/3 3000000000 3000000000"


@given(calls_profiles())
@settings(max_examples=100, deadline=None)
def test_round_trip(profile: Profile) -> None:
    assert as_stats(read(written(profile, "pstats"))) == as_stats(profile)


@pytest.mark.parametrize("version", ["2.7", "3.13"])
def test_what_was_read_can_be_written(version: str) -> None:
    """Its columns are numpy's, whose numbers marshal would write as bytes."""
    profile = read((DATA / f"cprofile-{version}.pstats").read_bytes())
    assert draw(read(written(profile, "pstats"))) == draw(profile)


@given(stacks_profiles(st.integers(0, 10**6)))
@settings(max_examples=50, deadline=None)
def test_any_stacks_can_be_written(profile: Profile) -> None:
    back = read(written(profile, "pstats"))
    assert back.shape == CALLS
    assert as_stats(back) == in_nanoseconds_of_own(marshal.loads(written(profile, "pstats")))


def in_nanoseconds_of_own(stats: Stats) -> Stats:
    def named(key: tuple[str, int, str]) -> tuple[str, int, str]:
        return ("" if key[0] == "~" and key[2] in ("<gc>", "<truncated>") else key[0], *key[1:])

    return {
        named(key): (*entry[:4], {named(caller): edge for caller, edge in entry[4].items()})
        for key, entry in in_nanoseconds(stats).items()
    }


# --- hostile dumps

KEY = b")\x03z\x01ai\x01\0\0\0z\x01f"
NUMBERS = b"i\x01\0\0\0i\x01\0\0\0g\0\0\0\0\0\0\0\0g\0\0\0\0\0\0\0\0"
ENTRY = KEY + b")\x05" + NUMBERS


def test_the_smallest_dump() -> None:
    assert draw(read(b"{" + ENTRY + b"{00")) == "f a:1 1/1 0 0"
    assert len(read(b"{0", "empty.pstats").functions) == 0


def dag(levels: int) -> bytes:
    """A key that holds itself twice, and that twice, ...: 2 ** levels steps to hash it."""
    out, number = b"\xa9\x00", 0
    for _ in range(levels):
        out = b"\xa9\x02" + out + b"r" + struct.pack("<i", number)
    return b"{" + out + b"N0"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{\xa9\x01r\0\0\0\0N0", "reference leads to something that is no string"),
        (dag(60), "2 parts where 3"),
        (b"{(\0\0\0\x08", "134217728 parts"),
        (b"{" + KEY.replace(b")\x03", b"(\x03\0\0\0") + b"(\xff\xff\xff\x07" + NUMBERS, "134217727 numbers stand"),
        (
            b"{" + KEY + b")\x05" + NUMBERS.replace(b"i\x01", b"i\xff", 1).replace(b"\xff\0\0\0", b"\xff\xff\xff\xff", 1),
            "cannot be",
        ),
        (b"{" + KEY + b")\x05" + NUMBERS[:10] + b"g" + struct.pack("<d", float("nan")) + NUMBERS[19:] + b"{00", "nan"),
        (b"{" + KEY + b")\x05" + NUMBERS[:10] + b"g" + struct.pack("<d", -1.0) + NUMBERS[19:] + b"{00", "-1.0"),
        (b"{" + KEY + b")\x05" + NUMBERS[:10] + b"g" + struct.pack("<d", 1e300) + NUMBERS[19:] + b"{00", r"1e\+300"),
        (b"{" + KEY + b")\x05" + NUMBERS[:10] + b"f\x03nan" + NUMBERS[19:] + b"{00", "nan seconds"),
        (b"{" + KEY + b")\x05" + NUMBERS[:10] + b"f\x03x.y" + NUMBERS[19:] + b"{00", "no number"),
        (b"{" + ENTRY + b"{00more", "4 bytes follow"),
        (b"{" + ENTRY + b"{0" + ENTRY + b"{00", "twice in the dump"),
        (b"{" + ENTRY + b"{" + 2 * (KEY + b")\x04" + NUMBERS) + b"00", "twice for one function"),
        (b"{" + KEY.replace(b"i\x01\0\0\0", b"i\xff\xff\xff\xff") + b")\x05", "line -1"),
        (b"{" + KEY.replace(b"i\x01\0\0\0", b"l\x06\0\0\0" + bytes(12)) + b")\x05", "too long"),
        (b"{" + KEY.replace(b"z\x01a", b"u\xff\xff\xff\x7f") + b")\x05", "longer than any"),
        (b"{" + KEY.replace(b"z\x01a", b"u\xff\xff\xff\xff") + b")\x05", "longer than any"),
        (b"{" + KEY.replace(b"z\x01a", b"r\xff\xff\xff\xff") + b")\x05", "leads nowhere"),
        (b"{" + KEY.replace(b"z\x01a", b"R\x01\0\0\0") + b")\x05", "leads nowhere"),
        (b"{" + KEY.replace(b"z\x01a", b"c\x01\0\0\0a") + b")\x05", "not type 'c'"),
        (b"{" + ENTRY + b"[\0\0\0\0", "callers are no dict"),
        (
            b"{" + ENTRY.replace(b")\x03", b"\xa9\x03", 1) + b"{r\x01\0\0\0" + b")\x04" + NUMBERS + b"00",
            "leads nowhere|no function",
        ),
        (b"{" + KEY + b"\xa9\x05" + NUMBERS + b"r\0\0\0\x000", "no dict of callers"),
        (b"{" + KEY + b")\x05" + NUMBERS + b"\xfb" + KEY.replace(b"f", b"g") + b"r\0\0\0\x0000", "no whole number"),
        (b"{" + KEY.replace(b")", b"\xa9", 1) + b"r\0\0\0\x000", "no function's numbers"),
        (b"{)\x01z\x01x" + b"T0", "1 parts where 3"),
        (b"{)\x01z\x0b__sampled__N0", "not True"),
    ],
)
def test_hostile_dumps_are_refused_with_the_place(data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message) as raised:
        read(data, "x.pstats")
    assert raised.value.offset is not None or "none of" in str(raised.value)


def test_a_dump_cut_anywhere_is_refused() -> None:
    data = (DATA / "cprofile-3.13.pstats").read_bytes()
    for size in range(len(data)):
        with pytest.raises(FormatError):
            read(data[:size], "x.pstats")


def test_bounds_are_held() -> None:
    data = (DATA / "cprofile-3.13.pstats").read_bytes()
    for limits in (Limits(functions=17), Limits(edges=15), Limits(file_bytes=100)):
        with pytest.raises(LimitExceeded):
            read(data, limits=limits)


def test_a_recursive_function_in_a_drawing() -> None:
    drawing = "f 5/1 10 30\n  f 4/2 5 20\n  g 1/1 20 20\ng 1/1 20 20"
    assert draw(read(written(calls_from(drawing), "pstats"))) == drawing
