"""Profiles for the tests of the formats: one drawn, many by hypothesis, and the ways to write and read them."""

from __future__ import annotations

import io
from array import array
from collections.abc import Sequence
from dataclasses import replace

from drawing import profile_from, stacks_of
from hypothesis import strategies as st

from plopi import formats
from plopi.formats.limits import Limits
from plopi.model import CPU, NONE, SAMPLES, WALL, About, Calls, Functions, Profile, ProfileBuilder, Samples, calls_profile

ABOUT = About(
    command="python server.py --port 80",
    host="web-1",
    pid=4711,
    python="CPython 3.13.0",
    engine="python",
    mode="cpu",
    started_ns=1_700_000_000_123_456_789,
    duration_ns=2_000_000_000,
    period_ns=10_000_000,
    own_cost_ns=1_234_567,
    process_cpu_ns=450_000_000,
    ticks=55,
    ticks_lost=3,
    process_start="123456",
    notes=("timer refused: EINVAL; sampled from a thread", "a: b"),
)

SERVER = """
    [thread MainThread 7]
    [window 0+1000000000]
    <module> server.py:0 @3
      <gc> 5/50000000
      App.<locals>.<lambda> app.py:10 @12 30/300000000
        read 10/100000000
    [thread "pool; 1" 8]
    [window 1000000000+1000000000]
    <truncated> 1/10000000
      read 4/40000000
"""


def server() -> Profile:
    return profile_from(SERVER, (SAMPLES, CPU), ABOUT)


def written(profile: Profile, format_name: str) -> bytes:
    out = io.BytesIO()
    formats.write(profile, format_name, out)
    return out.getvalue()


def read(data: bytes, file_name: str = "file", limits: Limits | None = None) -> Profile:
    return formats.read(data, file_name, limits)


# --- by hypothesis

TEXT = st.text(
    st.one_of(
        st.sampled_from("ab.<>_/"),
        st.sampled_from(
            [
                "\udc80",
                "\ud800",
                "\0",
                "\n",
                "\r",
                ";",
                " ",
                ":",
                "(",
                ")",
                "\\",
                "'",
                '"',
                "é",
                "€",
                "\U0001f600",
                "\x85",
                "\xa0",
            ]
        ),
        st.characters(),
    ),
    max_size=8,
)
"""Lone surrogates, NUL, line ends, and what the text formats use between names."""
LINE = st.integers(0, 2**31 - 1)
WEIGHT = st.integers(-(2**63), 2**63 - 1)
COUNT = st.integers(0, 2**40)
NANOSECONDS = st.integers(0, 10**15)


@st.composite
def stacks_profiles(draw: st.DrawFn, weights: st.SearchStrategy[int] = COUNT, text: st.SearchStrategy[str] = TEXT) -> Profile:
    types = draw(st.sampled_from([(SAMPLES,), (SAMPLES, CPU), (SAMPLES, CPU, WALL)]))
    rows = ProfileBuilder(types, draw(abouts(text)))
    windows = sorted(draw(st.sets(st.integers(0, 10**12), max_size=3)))
    for start in windows:
        rows.add_window(start, draw(st.integers(0, 10**10)))
    threads = [rows.thread_id(draw(text), draw(st.integers(0, 2**63 - 1))) for _ in range(draw(st.integers(0, 3)))]
    for _ in range(draw(st.integers(0, 8))):
        functions = draw(st.lists(st.tuples(text, text, LINE, LINE), max_size=5))
        stack = rows.stack_of(rows.location_id(rows.function_id(n, f, first), line) for n, f, first, line in functions)
        rows.add_sample(
            stack,
            [draw(weights) for _ in types],
            draw(st.sampled_from([NONE, *threads])),
            draw(st.sampled_from([NONE, *range(len(windows))])),
        )
    return rows.build()


def abouts(text: st.SearchStrategy[str] = TEXT) -> st.SearchStrategy[About]:
    number = st.one_of(st.none(), st.integers(0, 2**62))
    return st.builds(
        About,
        command=text,
        host=text,
        python=text,
        mode=text,
        pid=number,
        started_ns=number,
        duration_ns=number,
        period_ns=st.one_of(st.none(), st.integers(0, 10**8)),
        own_cost_ns=number,
        ticks=number,
        complete=st.booleans(),
        notes=st.lists(text, max_size=2, unique=True).map(tuple),
    )


@st.composite
def calls_profiles(draw: st.DrawFn) -> Profile:
    keys = draw(st.lists(st.tuples(TEXT.map(said), TEXT.map(said), LINE), max_size=5, unique=True))
    keys = [key for key in keys if key[1] != "~"]
    strings: dict[str, int] = {}
    functions = Functions(
        array("q", [strings.setdefault(name, len(strings)) for name, _, _ in keys]),
        array("q", [strings.setdefault(file, len(strings)) for _, file, _ in keys]),
        array("q", [line for _, _, line in keys]),
    )
    pairs = st.tuples(st.integers(0, len(keys) - 1), st.integers(0, len(keys) - 1)) if keys else st.nothing()
    edges = draw(st.lists(pairs, max_size=6, unique=True)) if keys else []

    def column(size: int, values: st.SearchStrategy[int]) -> array[int]:
        return array("q", draw(st.lists(values, min_size=size, max_size=size)))

    kinds = (COUNT, COUNT, NANOSECONDS, NANOSECONDS)
    calls = Calls(
        *(column(len(keys), kind) for kind in kinds),
        array("q", [caller for caller, _ in edges]),
        array("q", [callee for _, callee in edges]),
        *(column(len(edges), kind) for kind in kinds),
    )
    return calls_profile(tuple(strings), functions, calls)


def said(text: str) -> str:
    """``text`` as files can say it: lone surrogates as backslash escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def sayable(profile: Profile) -> Profile:
    """``profile`` with every text as files can say it."""
    about = profile.about
    changes = {key: said(getattr(about, key)) for key in ("command", "host", "python", "engine", "mode", "process_start")}
    about = replace(about, **changes, notes=tuple(dict.fromkeys(map(said, about.notes))))
    return replace(profile, strings=tuple(map(said, profile.strings)), about=about)


def by_thread_and_window(profile: Profile) -> dict[tuple[object, ...], object]:
    """(thread's name, its ident, window's start, its length) -> stacks -> weights. A thread without name and ident is none."""
    samples, rows = profile.samples, {}
    for row, (thread, window) in enumerate(zip(samples.thread, samples.window)):
        who = (profile.thread_name(thread), int(profile.threads.ident[thread])) if thread != NONE else ("", 0)
        when = (int(profile.windows.start[window]), int(profile.windows.length[window])) if window != NONE else None
        rows.setdefault((who, when), []).append(row)
    return {key: stacks_of(replace(profile, samples=only(samples, chosen))) for key, chosen in rows.items()}


def only(samples: Samples, rows: list[int]) -> Samples:
    def pick(column: Sequence[int]) -> array[int]:
        return array("q", [int(column[row]) for row in rows])

    return Samples(pick(samples.stack), pick(samples.thread), pick(samples.window), tuple(map(pick, samples.weights)))
