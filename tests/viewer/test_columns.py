"""The container in which a parsed profile crosses from a worker to the server, which believes nothing."""

from __future__ import annotations

import io
import json
import mmap
import os
from array import array
from collections.abc import Sized
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawing import calls_from, profile_from
from hypothesis import given, settings
from hypothesis import strategies as st

from plopi.errors import FormatError
from plopi.model import CPU, NONE, SAMPLES, About, Profile, Stacks
from plopi.viewer.readers import columns, worker
from plopi.viewer.readers.process import open_columns
from plopi.viewer.readers.results import summary_from

PICTURE = """
    [thread MainThread 7]
    [window 0+1000]
    main app.py:1
      parse app.py:10 @12 30/300
        read 10/100
      <gc> 5/50
"""


def sampled() -> Profile:
    about = About(command="python app.py", host="h", pid=7, ticks=3, complete=False, notes=("a", "b\u2028"))
    return profile_from(PICTURE, (SAMPLES, CPU), about)


def dumped() -> Profile:
    return calls_from("""
        main 1/1 10 30
          parse 3/1 20 20
        parse 3/1 20 20
    """)


def encoded(profile: Profile, **summary: Any) -> bytes:
    out = io.BytesIO()
    size = columns.encode(profile, summary, out)
    assert size == len(out.getvalue())
    return out.getvalue()


def decoded(data: bytes) -> Profile:
    return columns.decode(memoryview(data)).profile


def as_lists(value: Any) -> Any:
    """Anything in a profile as plain lists, to compare columns of every kind."""
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: as_lists(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, (array, np.ndarray)):
        return [int(number) for number in value]
    if isinstance(value, (str, int)) or value is None:
        return value
    return [as_lists(item) for item in value]


@pytest.mark.parametrize("profile", [sampled(), dumped()], ids=["stacks", "calls"])
def test_what_goes_in_comes_out(profile: Profile) -> None:
    assert as_lists(decoded(encoded(profile))) == as_lists(profile)


def test_the_summary_comes_out_too() -> None:
    assert columns.decode(memoryview(encoded(sampled(), answer=42))).fields == {"answer": 42}


def test_columns_are_read_only_views_at_aligned_places() -> None:
    data = encoded(sampled())
    profile = decoded(data)
    column = profile.samples.weights[1]
    assert isinstance(column, np.ndarray)
    assert not column.flags.writeable
    assert not column.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        column[0] = 1
    assert all(entry[1] % 64 == 0 for entry in columns.read_head(memoryview(data))["arrays"].values())


def test_strings_are_a_sequence() -> None:
    profile = sampled()
    strings = decoded(encoded(profile)).strings
    assert list(strings) == list(profile.strings)
    assert strings[-1] == profile.strings[-1]
    assert list(strings[1:3]) == list(profile.strings[1:3])
    with pytest.raises(IndexError):
        strings[len(strings)]


def test_half_a_surrogate_pair_in_a_name_becomes_text() -> None:
    profile = replace(sampled(), strings=tuple("x\udcff" for _ in sampled().strings))
    assert decoded(encoded(profile)).strings[0] == "x\\udcff"


def test_numbers_beyond_32_bits_stay() -> None:
    profile = sampled()
    wide = replace(profile, windows=replace(profile.windows, start=array("q", [2**40]), length=array("q", [2**41])))
    assert as_lists(decoded(encoded(wide)).windows) == {"start": [2**40], "length": [2**41]}


def same(number: int, table: Sized) -> array[int]:
    return array("q", [number] * len(table))


WRONG = {
    "a string that does not exist": lambda p: replace(
        p, functions=replace(p.functions, name=array("q", [99] * len(p.functions)))
    ),
    "a location of no function": lambda p: replace(
        p, locations=replace(p.locations, function=array("q", [-1] * len(p.locations)))
    ),
    "a parent after its child": lambda p: replace(p, stacks=Stacks(array("q", [NONE, 2, 3, 0]), p.stacks.location)),
    "its own parent": lambda p: replace(p, stacks=Stacks(array("q", [0, 0, 1, 0]), p.stacks.location)),
    "columns of unequal length": lambda p: replace(p, stacks=Stacks(p.stacks.parent[:-1], p.stacks.location)),
    "a sample of no stack": lambda p: replace(p, samples=replace(p.samples, stack=same(4, p.samples))),
    "a sample of no thread": lambda p: replace(p, samples=replace(p.samples, thread=same(1, p.samples))),
    "a sample of no window": lambda p: replace(p, samples=replace(p.samples, window=same(-2, p.samples))),
    "a sum beyond 64 bits": lambda p: replace(
        p, samples=replace(p.samples, weights=(p.samples.weights[0], same(2**62, p.samples)))
    ),
    "stacks that call themselves calls": lambda p: replace(p, shape="calls"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_profile_that_contradicts_itself_is_refused(what: str) -> None:
    with pytest.raises(FormatError):
        decoded(encoded(WRONG[what](sampled())))


@pytest.mark.parametrize("name", ["caller", "callee", "calls", "edge_self"])
def test_a_dump_that_contradicts_itself_is_refused(name: str) -> None:
    profile = dumped()
    assert profile.calls
    with pytest.raises(FormatError):
        decoded(encoded(replace(profile, calls=replace(profile.calls, **{name: array("q", [5, 5, 5])}))))


def with_head(data: bytes, change: Any) -> bytes:
    head = columns.read_head(memoryview(data))
    change(head)
    raw = json.dumps(head).encode()
    room = min(entry[1] for entry in columns.read_head(memoryview(data))["arrays"].values())
    return (columns.MAGIC + len(raw).to_bytes(8, "little") + raw).ljust(room, b"\0") + data[room:]


HEADS = {
    "an array beyond the end": lambda head: head["arrays"]["stacks.parent"].__setitem__(1, 2**40),
    "an array before the start": lambda head: head["arrays"]["stacks.parent"].__setitem__(1, -64),
    "an absurd length": lambda head: head["arrays"]["stacks.parent"].__setitem__(2, 2**60),
    "a negative length": lambda head: head["arrays"]["stacks.parent"].__setitem__(2, -1),
    "objects for numbers": lambda head: head["arrays"]["stacks.parent"].__setitem__(0, "|O"),
    "crooked alignment": lambda head: head["arrays"]["stacks.parent"].__setitem__(1, 7),
    "a missing array": lambda head: head["arrays"].pop("threads.ident"),
    "strings beyond the end": lambda head: head["blob"].__setitem__(1, 2**40),
    "an unknown shape": lambda head: head.__setitem__("shape", "tree"),
    "no sample type": lambda head: head.__setitem__("sample_types", []),
    "a pid that is a text": lambda head: head["about"].__setitem__("pid", "7"),
    "a note that is none": lambda head: head["about"].__setitem__("notes", [7]),
    "no fields": lambda head: head.pop("fields"),
}


@pytest.mark.parametrize("what", HEADS)
def test_a_head_that_lies_is_refused(what: str) -> None:
    with pytest.raises(FormatError):
        decoded(with_head(encoded(sampled()), HEADS[what]))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_damage_does_more_than_a_format_error(data: st.DataObject) -> None:
    """Whatever a worker that was taken over may answer."""
    bad = bytearray(encoded(sampled()))
    for _ in range(data.draw(st.integers(1, 4))):
        bad[data.draw(st.integers(0, len(bad) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(bad)))
    try:
        profile = decoded(bytes(bad[:cut] if data.draw(st.booleans()) else bad))
    except FormatError:
        return
    columns.check(profile)


# --- the memory file -------------------------------------------------------------------------------------------------------


def large() -> Profile:
    """One whose columns are worth mapping."""
    names = tuple(f"function {i} " + "x" * 100 for i in range(20_000))
    profile = sampled()
    return replace(profile, strings=(*profile.strings, *names))


def handed_over(profile: Profile) -> tuple[int, memoryview]:
    fd = worker._pack(profile, {}, {})
    return fd, open_columns(fd, 2**30)


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no memory files here")
def test_what_a_worker_hands_over_cannot_be_changed_any_more() -> None:
    fd, content = handed_over(large())
    assert as_lists(columns.decode(content).profile.stacks) == as_lists(large().stacks)
    assert isinstance(content.obj, mmap.mmap)
    for change in (lambda: os.pwrite(fd, b"x", 0), lambda: os.ftruncate(fd, 0), lambda: os.ftruncate(fd, 2**24)):
        with pytest.raises(PermissionError):
            change()
    os.close(fd)


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no memory files here")
def test_what_could_still_be_changed_is_copied() -> None:
    data = encoded(large())
    fd = os.memfd_create("loose")
    os.write(fd, data)
    content = open_columns(fd, 2**30)
    os.ftruncate(fd, 0)
    os.close(fd)
    assert bytes(content) == data


def test_systems_without_memory_files_use_a_file_that_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    fd, content = handed_over(sampled())
    assert os.fstat(fd).st_nlink == 0
    os.close(fd)
    assert as_lists(columns.decode(content).profile) == as_lists(sampled())


def test_an_answer_that_is_empty_or_too_large_is_refused(tmp_path: Path) -> None:
    for size in (0, 2000):
        path = tmp_path / str(size)
        path.write_bytes(bytes(size))
        with path.open("rb") as file, pytest.raises(FormatError):
            open_columns(file.fileno(), 1000)


GOOD_ANSWER = {
    "format": "pprof",
    "about": {"host": "h"},
    "summary": {
        "shape": "stacks", "samples": 3, "functions": 2,
        "sample_types": [{"name": "cpu", "unit": "nanoseconds"}], "threads": [{"id": 0, "name": "t", "ident": 1}],
    },
}  # fmt: skip


def test_a_summary_is_believed_only_in_its_form() -> None:
    summary = summary_from(GOOD_ANSWER)
    assert (summary.samples, summary.about.host, summary.threads) == (3, "h", (("t", 1),))
    for path, wrong in [
        (("format",), 7), (("about",), []), (("about", "host"), 7), (("about", "notes"), 7), (("summary",), None),
        (("summary", "samples"), -1), (("summary", "samples"), 1.5), (("summary", "shape"), "x"), (("summary", "threads"), 7),
        (("summary", "threads"), [{}]), (("summary", "sample_types"), [[]]), (("summary", "functions"), True),
    ]:  # fmt: skip
        answer = json.loads(json.dumps(GOOD_ANSWER))
        place = answer
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = wrong
        with pytest.raises(FormatError):
            summary_from(answer)
