"""A recording that is followed gives the rows that reading it whole gives, whatever the pieces; each byte is read once."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from drawing import draw, profile_from
from hypothesis import given, settings
from hypothesis import strategies as st
from making import ABOUT, WEIGHT, by_thread_and_window, read, stacks_profiles, written

from plopi.errors import FormatError, LimitExceeded
from plopi.formats import pprof
from plopi.formats.interning import Index
from plopi.formats.limits import Limits
from plopi.formats.pprof_growing import GrowingReader
from plopi.formats.pprof_reader import Appended
from plopi.formats.ragged import Ints
from plopi.model import CPU, NONE, SAMPLES, Profile, ProfileBuilder, Samples

PARTS = (
    "[thread T 1]\n[window 0+10]\nf\n  g 1/1",
    "[thread T 1]\n[window 10+10]\nf\n  g 2/3\n  h @7 1/1\n    f 1/2",
    "",
    "[thread U 2]\n[window 20+10]\nother new.py:5 3/9\nf 1/1",
)


def recorded(parts: tuple[str, ...] = PARTS) -> list[bytes]:
    """Header, and a fragment for each drawing."""
    rows = ProfileBuilder((SAMPLES, CPU), ABOUT)
    header, state = pprof.encode_header(rows.about, rows.sample_types)
    out = [header]
    for number, part in enumerate(parts):
        profile_from(part, builder=rows)
        rows.describe(ticks=number, notes=("one", "two")[:number])
        fragment, state = pprof.encode_rows(rows, state)
        out.append(fragment)
    return out


def put_together(parts: list[Appended]) -> Profile:
    """The profile whose rows came bit by bit; every part says rightly how many were there before."""
    first, *others = parts
    profile = first.profile()
    for part in others:
        since = part.since
        tables = ("strings", "functions", "locations", "stacks", "threads", "windows", "samples")
        assert [getattr(since, name) for name in tables] == [len(getattr(profile, name)) for name in tables]
        strings = (*profile.strings, *part.strings)
        joined = {name: appended(getattr(profile, name), getattr(part, name)) for name in tables[1:]}
        profile = replace(profile, strings=strings, about=part.about, **joined)
    return profile


def appended(table: Any, more: Any) -> Any:
    if isinstance(table, Samples):
        weights = tuple(np.concatenate(pair) for pair in zip(table.weights, more.weights))
        columns = [np.concatenate((getattr(table, name), getattr(more, name))) for name in ("stack", "thread", "window")]
        return Samples(*columns, weights)
    names = [field.name for field in fields(table)]
    return type(table)(*(np.concatenate((getattr(table, name), getattr(more, name))) for name in names))


def followed(data: bytes, sizes: list[int]) -> list[Appended]:
    """What a reader finds that looks at the file whenever it has one of these sizes."""
    reader, found = GrowingReader(), []
    for size in sorted(sizes):
        part = reader.feed(data[reader.offset : size])
        if part is not None:
            found.append(part)
    return found


def same(one: Profile, other: Profile) -> None:
    assert draw(one) == draw(other)
    assert by_thread_and_window(one) == by_thread_and_window(other)
    assert (one.about, one.sample_types) == (other.about, other.sample_types)
    for table in ("functions", "locations", "stacks", "threads", "windows", "samples", "strings"):
        assert len(getattr(one, table)) == len(getattr(other, table))


@given(st.lists(st.integers(0, 1200), max_size=6))
@settings(max_examples=100, deadline=None)
def test_however_it_is_cut_it_is_the_same_as_read_whole(sizes: list[int]) -> None:
    data = b"".join(recorded())
    same(put_together(followed(data, [*sizes, len(data)])), read(data))


@given(st.lists(stacks_profiles(WEIGHT), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_any_rows(profiles: list[Profile]) -> None:
    rows = ProfileBuilder((SAMPLES,), ABOUT)
    data, state = pprof.encode_header(rows.about, rows.sample_types)
    sizes = [len(data)]
    for profile in profiles:
        copy_into(rows, profile)
        fragment, state = pprof.encode_rows(rows, state)
        data += fragment
        sizes.append(len(data))
    same(put_together(followed(data, sizes)), read(data))


def copy_into(rows: ProfileBuilder, profile: Profile) -> None:
    def path(stack: int) -> list[int]:
        if stack == NONE:
            return []
        location = profile.stacks.location[stack]
        function = profile.locations.function[location]
        line = profile.functions.line[function]
        known = rows.function_id(profile.function_name(function), profile.function_file(function), line)
        return [*path(profile.stacks.parent[stack]), rows.location_id(known, profile.locations.line[location])]

    for row, stack in enumerate(profile.samples.stack):
        thread = profile.samples.thread[row]
        who = NONE if thread == NONE else rows.thread_id(profile.thread_name(thread), profile.threads.ident[thread])
        rows.add_sample(rows.stack_of(path(stack)), [profile.samples.weights[0][row] >> 4], who)


def test_only_what_is_new_is_told() -> None:
    fragments = recorded()
    reader = GrowingReader()
    first = reader.feed(fragments[0] + fragments[1])
    assert first is not None
    second = reader.feed(fragments[2])
    assert second is not None
    assert (list(second.strings), len(second.stacks), len(second.windows), len(second.samples)) == (["h"], 2, 1, 3)
    assert second.about.ticks == 1
    assert reader.offset == sum(map(len, fragments[:3]))


def test_nothing_whole_is_nothing_new() -> None:
    fragments = recorded()
    reader = GrowingReader()
    assert reader.feed(b"") is None
    assert reader.feed(fragments[0][:-1]) is None
    assert reader.feed(fragments[0]) is not None
    assert reader.feed(fragments[1][:40]) is None
    assert reader.feed(fragments[1]) is not None


def test_a_flush_that_was_cut_back_and_written_again() -> None:
    """The recorder takes back a failed write; other bytes then stand where its beginning stood."""
    header, first, second, *_ = recorded()
    reader = GrowingReader()
    reader.feed(header)
    assert reader.feed(second[:50]) is None
    assert reader.feed(first) is not None


def test_another_file_is_refused() -> None:
    with pytest.raises(FormatError, match="no recording"):
        GrowingReader().feed(written(profile_from("f 1"), "pprof"))
    fragments = recorded()
    reader = GrowingReader()
    reader.feed(fragments[0] + fragments[1])
    with pytest.raises(FormatError, match="two recordings"):
        reader.feed(fragments[0])


def test_bounds_hold_over_all_fragments() -> None:
    fragments = recorded()
    for limits in (Limits(samples=4), Limits(functions=3), Limits(stacks=4), Limits(bytes=sum(map(len, fragments)) - 1)):
        reader = GrowingReader(limits)
        with pytest.raises(LimitExceeded):
            for fragment in fragments:
                reader.feed(fragment)


# --- rows for keys


@given(st.lists(st.lists(st.integers(-3, 12), max_size=6), max_size=12))
def test_an_index_is_a_dict_that_takes_batches(batches: list[list[int]]) -> None:
    index, known = Index(), {}
    for batch in batches:
        before = len(known)
        expected = [known.setdefault(key, len(known)) for key in batch]
        keys: Ints = np.array(batch, np.int64)
        rows, first = index.add(keys)
        assert rows.tolist() == expected
        assert keys[first].tolist() == list(known)[before:]
        assert index.find(np.arange(-3, 13)).tolist() == [known.get(key, NONE) for key in range(-3, 13)]
    assert index.count == len(known)


def test_a_loaded_index_goes_on() -> None:
    index = Index()
    index.load(np.array([7, 3, 5]))
    rows, first = index.add(np.array([3, 9, 7, 9]))
    assert (rows.tolist(), first.tolist()) == ([1, 3, 0, 3], [1])
