"""Folded stacks: what plopi writes it reads, and what flamegraph.pl, py-spy and austin write too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from drawing import draw, profile_from, stacks_of
from hypothesis import given, settings
from making import read, server, stacks_profiles, written

from plopi.errors import FormatError, LimitExceeded
from plopi.formats.limits import Limits
from plopi.model import CPU, SAMPLES, WALL, Profile

DATA = Path(__file__).parent / "data"


def test_a_line_for_each_stack() -> None:
    profile = profile_from('main @3\n  f @7 2\n    <gc> 1\n  "a;b" "x y.py":9 4\n  nowhere "":0 5')
    assert written(profile, "folded").decode() == (
        "main (app.py:3);f (app.py:7) 2\n"
        "main (app.py:3);f (app.py:7);<gc> 1\n"
        "main (app.py:3);a\\x3bb (x y.py:9) 4\n"
        "main (app.py:3);nowhere 5\n"
    )


def test_it_reads_what_it_writes() -> None:
    assert draw(read(written(server(), "folded"))) == draw(
        read(
            b"<module> (server.py:3);<gc> 5\n"
            b"<module> (server.py:3);App.<locals>.<lambda> (app.py:12) 30\n"
            b"<module> (server.py:3);App.<locals>.<lambda> (app.py:12);read (app.py:1) 10\n"
            b"<truncated> 1\n"
            b"<truncated>;read (app.py:1) 4\n"
        )
    )


@given(stacks_profiles())
@settings(max_examples=80, deadline=None)
def test_any_profile_keeps_its_depths_and_counts(profile: Profile) -> None:
    """Names with odd characters are escaped, so that lines and frames stay what they are."""
    data = written(profile, "folded")
    expected = sorted((len(stack), weights[0]) for stack, weights in stacks_of(profile).items() if stack and weights[0] > 0)
    lines = data.decode("utf-8").splitlines()
    assert sorted((line.rpartition(" ")[0].count(";") + 1, int(line.rpartition(" ")[2])) for line in lines) == expected
    if data:
        assert sum(read(data).samples.weights[0]) == sum(count for _, count in expected)


@pytest.mark.parametrize(
    ("frame", "place"),
    [
        ("f (app.py:12)", ("f", "app.py", 0, 12)),
        ("f (/a b/(x)/app.py:12)", ("f", "/a b/(x)/app.py", 0, 12)),
        ("Class.f (C:\\a\\b.py:12)", ("Class.f", "C:\\a\\b.py", 0, 12)),
        ("f (app.py)", ("f", "app.py", 0, 0)),
        ("f (/usr/lib/libc.so.6)", ("f", "/usr/lib/libc.so.6", 0, 0)),
        ("<genexpr> (<frozen runpy>:3)", ("<genexpr>", "<frozen runpy>", 0, 3)),
        ("thread (0x7F12)", ("thread (0x7F12)", "", 0, 0)),
        ("thread (9301): MainThread", ("thread (9301): MainThread", "", 0, 0)),
        ('process 12:"python app.py"', ('process 12:"python app.py"', "", 0, 0)),
        ("operator()(int)", ("operator()(int)", "", 0, 0)),
        ("f (waiting)", ("f (waiting)", "", 0, 0)),
        ("has blanks in it", ("has blanks in it", "", 0, 0)),
    ],
)
def test_file_and_line_are_recovered(frame: str, place: tuple[str, str, int, int]) -> None:
    assert stacks_of(read(f"{frame} 3\n".encode())) == {(place,): (3,)}


def test_a_file_that_py_spy_wrote(golden: Callable[[str, str], None]) -> None:
    profile = read((DATA / "py-spy-0.4.3.folded").read_bytes())
    assert (profile.sample_types, sum(profile.samples.weights[0])) == ((SAMPLES,), 274)
    golden("py-spy.txt", draw(profile))


def test_the_sampler_of_python_3_15_writes_functions_at_lines() -> None:
    """``python3.15 -m profiling.sampling run --collapsed``: a function is one, at whichever of its lines."""
    profile = read(b"tid:7;<frozen runpy>:_run_code:87;a.py:<module>:8;a.py:f:4 90\ntid:7;a.py:f:5 10\n")
    functions = [(profile.function_name(row), profile.function_file(row)) for row in range(len(profile.functions))]
    assert functions == [("tid:7", ""), ("_run_code", "<frozen runpy>"), ("<module>", "a.py"), ("f", "a.py")]
    assert sorted(int(line) for line in profile.locations.line) == [0, 4, 5, 8, 87]


@pytest.mark.parametrize(("mode", "sample_type"), [("wall", WALL), ("cpu", CPU)])
def test_austin_tells_microseconds(mode: str, sample_type: object) -> None:
    text = f"# austin: 3.6.0\n# interval: 100\n# mode: {mode}\n\nP12;T0:34;/a/app.py:main:3;/a/app.py:f:9 250\n# duration: 9\n"
    profile = read(text.encode(), "x.austin")
    assert profile.sample_types == (sample_type,)
    assert draw(profile) == 'P12 "":0\n  T0:34 "":0\n    main /a/app.py:0 @3\n      f /a/app.py:0 @9 250000'


@pytest.mark.parametrize("frames", [200, 5000])
def test_a_first_line_may_be_very_long(frames: int) -> None:
    """Stacks of 200 frames at py-spy's full paths make lines of 20 kB and more."""
    path = "/usr/lib/python3/dist-packages/company/services/checkout/handlers/payment_provider.py"
    stack = ";".join(f"handle_request_{i} ({path}:{i + 1})" for i in range(frames))
    ((locations, weights),) = stacks_of(read(f"{stack} 850\n".encode(), "profile.txt")).items()
    assert (len(locations), locations[-1], weights) == (frames, (f"handle_request_{frames - 1}", path, 0, frames), (850,))


def test_a_very_long_first_line_that_is_no_stack() -> None:
    with pytest.raises(FormatError, match="none of"):
        read(b"lorem ipsum " * 10_000)


@pytest.mark.parametrize("text", [b" 850\nmain (app.py:3) 4\n", b"main (app.py:3) 4\n 850\n"])
def test_samples_of_no_frames(text: bytes) -> None:
    """py-spy counts those where it saw none; they belong to the total."""
    assert stacks_of(read(text)) == {(): (850,), (("main", "app.py", 0, 3),): (4,)}


def test_windows_line_ends_and_empty_lines() -> None:
    assert draw(read(b"a;b 1\r\n\r\na;b 2\r\n")) == 'a "":0\n  b "":0 3'


@pytest.mark.parametrize(
    ("text", "message", "offset"),
    [
        (b"a;b 1\na;b\n", "no blank", 6),
        (b"a;b 1\na;b x\n", "'x' where a whole number", 10),
        (b"a;b 1\na;b 1.5\n", "'1.5' where a whole number", 10),
        (b"a;b 1\na;b -1\n", "'-1' where a whole number", 10),
        (b"a;b 1\na 99999999999999999999\n", "where a whole number", 8),
    ],
)
def test_broken_lines_say_where(text: bytes, message: str, offset: int) -> None:
    with pytest.raises(FormatError, match=message) as raised:
        read(text)
    assert raised.value.offset == offset


def test_bounds_are_held() -> None:
    data = written(server(), "folded")
    for limits in (Limits(depth=2), Limits(frames=5), Limits(samples=2), Limits(string_bytes=10), Limits(stacks=3)):
        with pytest.raises(LimitExceeded):
            read(data, limits=limits)
