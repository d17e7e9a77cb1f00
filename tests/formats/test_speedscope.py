"""speedscope's JSON: read back what is written, what py-spy writes, and nothing that is out of shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from drawing import draw, stacks_of
from hypothesis import given, settings
from making import read, sayable, server, stacks_profiles, written

from plopi.errors import FormatError, LimitExceeded
from plopi.formats.limits import Limits
from plopi.model import CPU, SAMPLES, TIME, Profile, SampleType

DATA = Path(__file__).parent / "data"
SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def document(*profiles: dict[str, Any], exporter: str = "py-spy@0.4.3", **more: Any) -> bytes:
    frames = [{"name": "main", "file": "a.py", "line": 3}, {"name": "f", "file": "a.py", "line": 9}, {"name": "native"}]
    return json.dumps(
        {"$schema": SCHEMA, "exporter": exporter, "shared": {"frames": frames}, "profiles": profiles} | more
    ).encode()


def sampled(samples: Any, weights: Any, unit: Any = "none", name: Any = "T", **more: Any) -> dict[str, Any]:
    return {
        "type": "sampled",
        "name": name,
        "unit": unit,
        "startValue": 0,
        "endValue": 9,
        "samples": samples,
        "weights": weights,
    } | more


def evented(*events: tuple[Any, Any, Any], unit: str = "none", start: Any = 0) -> dict[str, Any]:
    return {
        "type": "evented",
        "name": "T",
        "unit": unit,
        "startValue": start,
        "endValue": 9,
        "events": [{"type": kind, "frame": frame, "at": at} for kind, frame, at in events],
    }


def test_what_is_written_fits_the_schema(golden: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plopi.formats.speedscope.__version__", "VERSION")
    golden("server.speedscope.json", json.dumps(json.loads(written(server(), "speedscope")), indent=1) + "\n")


def test_threads_and_clock_come_back() -> None:
    profile = read(written(server(), "speedscope"))
    assert profile.sample_types == (CPU,)
    assert profile.about.command == server().about.command
    assert draw(profile) == (
        "[thread MainThread 0]\n"
        "<module> server.py:0\n"
        "  <gc> 50000000\n"
        "  App.<locals>.<lambda> app.py:10 300000000\n"
        "    read 100000000\n"
        '[thread "pool; 1" 0]\n'
        "<truncated> 10000000\n"
        "  read 40000000"
    )


@given(stacks_profiles())
@settings(max_examples=80, deadline=None)
def test_round_trip(profile: Profile) -> None:
    """Whole but for threads' ids, windows and current lines; where there are times, counts are left out."""
    back, expected = read(written(profile, "speedscope")), by_function(sayable(profile))
    if not len(profile.samples):
        assert sum(map(sum, back.samples.weights)) == 0
        return
    kept = [row for row, each in enumerate(profile.sample_types) if each.unit == "nanoseconds"] or [0]
    assert back.sample_types == tuple(profile.sample_types[row] for row in kept)
    assert by_function(back) == {stack: [weights[row] for row in kept] for stack, weights in expected.items()}


def by_function(profile: Profile) -> dict[Any, list[int]]:
    found: dict[Any, list[int]] = {}
    for stack, weights in stacks_of(profile).items():
        key = tuple(frame[:3] for frame in stack)
        found[key] = [a + b for a, b in zip(found.get(key, [0] * len(weights)), weights)]
    return found


def test_a_file_that_py_spy_wrote() -> None:
    profile = read((DATA / "py-spy-0.4.3.speedscope.json").read_bytes())
    assert profile.sample_types == (TIME,)
    assert sum(profile.samples.weights[0]) == 126 * 20_000_000
    assert profile.about.engine == "py-spy@0.4.3"
    spin = [row for row in range(len(profile.functions)) if profile.function_name(row) == "spin"]
    assert len(spin) == 1, "py-spy tells current lines: a function is one all the same"


def test_lines_are_first_lines_where_the_exporter_is_known_to_say_so() -> None:
    assert stacks_of(read(document(sampled([[0]], [2])))) == {(("main", "a.py", 0, 3),): (2,)}
    assert stacks_of(read(document(sampled([[0]], [2]), exporter="pyinstrument 5.0"))) == {(("main", "a.py", 3, 0),): (2,)}


def test_evented() -> None:
    """Weights are the stretches between events: exact, though the times are not whole nanoseconds."""
    events = [("O", 0, 1.0000000004), ("O", 1, 1.5), ("C", 1, 1.75), ("O", 1, 1.75), ("C", 1, 2), ("C", 0, 2.25)]
    profile = read(document(evented(*events, unit="seconds")))
    assert draw(profile) == "[thread T 0]\nmain a.py:0 @3 750000000\n  f a.py:0 @9 500000000"


def test_several_profiles_with_several_units() -> None:
    profile = read(
        document(sampled([[0], [0, 1]], [1, 2]), sampled([[0]], [0.5], "milliseconds", "U"), sampled([[]], [7], "bytes"))
    )
    assert profile.sample_types == (SAMPLES, TIME, SampleType("space", "bytes"))
    assert draw(profile).splitlines()[-2:] == ["[thread U 0]", "main a.py:0 @3 0/500000/0"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"shared": {"frames": [NaN]}}', "NaN"),
        (b'{"shared": {"frames": [-Infinity]}}', "Infinity"),
        (document(sampled([[0]], [1])).replace(b"[1]", b"[1e999]"), "inf"),
        (document(sampled([[0]], [1])).replace(b"[1]", b"[" + b"1" * 5000 + b"]"), "thousands of digits"),
        (b'{"shared":' + b"[" * 100_000, "shared should be a JSON object"),
        (b'{"shared": {"frames": [' + b"[" * 100_000, "nested deeper|broken"),
        (b'{"shared": {"frames": []}, "x":' + b"[" * 100_000, "nested deeper|broken"),
        (b'{"shared": {"frames": []}, "profiles": []} x', "Extra data"),
        (b'{"profiles": []}', "frames should be"),
        (b'{"shared": {}, "shared": {}}', "same key twice"),
        (b'{"shared": {"frames": []}, "profiles": [', "broken"),
        (b'{"shared": \xff}', "not in UTF-8"),
        (b'{"shared": []}', "shared should be a JSON object"),
        (b'{"shared": {"frames": {}}}', "frames should be a JSON list"),
        (document(), "no profiles"),
        (document(shared={"frames": [{"name": 3}]}), "no name"),
        (document(shared={"frames": [{"name": "f", "file": 3}]}), "no text"),
        (document(sampled([[0]], [1], unit=None)), "no name or no unit"),
        (document(sampled([[0]], [1], type="graph")), "of type 'graph'"),
        (document(sampled([[0]], [1, 2])), "1 samples but 2 weights"),
        (document(sampled([[3]], [1])), "asks for frame 3"),
        (document(sampled([[-1]], [1])), "asks for frame -1"),
        (document(sampled([[True]], [1])), "asks for frame True"),
        (document(sampled([[0]], [True])), "holds True"),
        (document(sampled([[0]], [2**63])), "within bounds"),
        (document(sampled([[0]], [1e10], "seconds")), "within bounds"),
        (document(evented(("O", 0, 2), ("C", 0, 1))), "before the event"),
        (document(evented(("O", 0, 2))), "never closed"),
        (document(evented(("C", 0, 2))), "neither opens"),
        (document(evented(("O", 0, 2), ("O", 1, 2), ("C", 0, 3))), "neither opens"),
        (document(evented(("X", 0, 2))), "neither opens"),
    ],
)
def test_what_is_out_of_shape_says_what(data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        read(data, "x.speedscope.json")


def test_bounds_are_held() -> None:
    data = written(server(), "speedscope")
    deep = document(evented(*[("O", 0, 1)] * 9, *[("C", 0, 2)] * 9))
    for source, limits in ((data, Limits(depth=2)), (data, Limits(frames=5)), (data, Limits(samples=2)), (deep, Limits(depth=8))):
        with pytest.raises(LimitExceeded):
            read(source, limits=limits)
