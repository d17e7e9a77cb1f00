"""A recording that grows is read at the cost of what was appended, and shows what reading it anew would show."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawing import draw, profile_from
from hypothesis import given, settings
from hypothesis import strategies as st
from serving import DEADLINE, eventually, pprof, put, viewer
from test_columns import as_lists
from test_live import opened, said

from plopi import formats
from plopi.errors import FormatError
from plopi.formats.pprof import encode_header, encode_rows
from plopi.formats.pprof_growing import GrowingReader
from plopi.model import CPU, SAMPLES, About, Profile, ProfileBuilder
from plopi.viewer.analysis.growing_column import GrowingColumn
from plopi.viewer.readers import followers
from plopi.viewer.readers.bounds import Bounds
from plopi.viewer.readers.followers import Follower, Followers
from plopi.viewer.readers.growing_profile import GrowingProfile, rows_of
from plopi.viewer.readers.results import Parsed
from plopi.viewer.watch import key_of

ABOUT = About(command="app", host="elsewhere", pid=1, complete=False)
PARTS = (
    "[thread T 1]\n[window 0+10]\nf\n  g 1/1",
    "[thread T 1]\n[window 10+10]\nf\n  g 2/3\n  h @7 1/1\n    f 1/2",
    "[thread U 2]\n[window 20+10]\nother new.py:5 3/9\nf 1/1",
    "[thread U 2]\n[window 30+10]\n" + "\n".join(f"f{i} file{i}.py:1 1/1" for i in range(3000)),
)


class Recorder:
    """A program that records: each flush is a fragment of what is new."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.begin_anew()

    def begin_anew(self) -> None:
        """As when windows are coarsened: another file takes the place of this one."""
        self.rows = ProfileBuilder((SAMPLES, CPU), ABOUT)
        header, self._state = encode_header(ABOUT, self.rows.sample_types)
        other = self.path.with_name(".new")
        other.write_bytes(header)
        other.replace(self.path)

    def flush(self, drawing: str) -> bytes:
        profile_from(drawing, builder=self.rows)
        fragment, self._state = encode_rows(self.rows, self._state)
        with self.path.open("ab") as file:
            file.write(fragment)
        return fragment

    def anew(self) -> Profile:
        return formats.read(self.path.read_bytes(), "x.pb.part")


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path / "x.pb.part")


@pytest.fixture
def following() -> Iterator[Followers]:
    followers = Followers(Bounds())
    yield followers
    followers.close()


def read(following: Followers, path: Path) -> Parsed:
    fd = os.open(path, os.O_RDONLY)
    try:
        parsed = following.read(path.name, fd, key_of(os.fstat(fd)), lambda progress: None)
    finally:
        os.close(fd)
    assert parsed is not None
    return parsed


def profile_of(parsed: Parsed) -> Profile:
    assert parsed.profile is not None
    return parsed.profile


def told(profile: Profile) -> Any:
    """All of a profile; strings and stacks by what they say, since their order depends on when they came."""
    found = as_lists(profile)
    for table, column in (("functions", "name"), ("functions", "file"), ("threads", "name")):
        found[table][column] = [profile.strings[row] for row in found[table][column]]
    paths: list[list[int]] = []
    for parent, location in zip(found["stacks"]["parent"], found["stacks"]["location"]):
        paths.append([*(paths[parent] if parent >= 0 else ()), location])
    found["samples"]["stack"] = [paths[stack] if stack >= 0 else None for stack in found["samples"]["stack"]]
    return {**found, "strings": sorted(profile.strings), "stacks": sorted(paths)}


def workers(following: Followers) -> list[int]:
    return [follower._process.pid for follower in following._kept.values()]


def test_every_step_is_what_reading_anew_gives_and_earlier_ones_stay(recorder: Recorder, following: Followers) -> None:
    seen: list[tuple[Profile, Any]] = []
    for part in PARTS:
        recorder.flush(part)
        profile = profile_of(read(following, recorder.path))
        assert told(profile) == told(recorder.anew())
        seen.append((profile, told(profile)))
        assert [told(before) for before, _ in seen] == [was for _, was in seen]
    assert len(workers(following)) == 1


def test_only_what_was_appended_is_read(recorder: Recorder, following: Followers, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    follow = followers.Process.follow

    def watched(self: Any, fd: int, key: Any, offset: int, *rest: Any) -> Any:
        asked.append((offset, key.size))
        return follow(self, fd, key, offset, *rest)

    monkeypatch.setattr(followers.Process, "follow", watched)
    sizes = []
    for part in PARTS[:3]:
        recorder.flush(part)
        sizes.append(recorder.path.stat().st_size)
        read(following, recorder.path)
    assert asked == [(0, sizes[0]), (sizes[0], sizes[1]), (sizes[1], sizes[2])]


def test_what_was_prepared_of_the_first_rows_is_handed_on(recorder: Recorder, following: Followers) -> None:
    recorder.flush(PARTS[0])
    first = read(following, recorder.path)
    recorder.flush(PARTS[1])
    second = read(following, recorder.path)
    assert first.base is None
    assert second.base is first
    assert first.prepared
    assert rows_of(profile_of(first)).stacks < rows_of(profile_of(second)).stacks


def test_a_fragment_in_the_writing_is_waited_for(recorder: Recorder, following: Followers) -> None:
    recorder.flush(PARTS[0])
    before = read(following, recorder.path)
    whole = recorder.path.read_bytes() + recorder.flush(PARTS[1])
    for cut in (1, 30, 5):
        recorder.path.write_bytes(whole[:-cut])
        torn = read(following, recorder.path)
        assert (torn.profile, torn.memo) == (before.profile, before.memo)
    recorder.path.write_bytes(whole)
    assert told(profile_of(read(following, recorder.path))) == told(recorder.anew())


def test_a_recording_begun_anew_is_read_anew(recorder: Recorder, following: Followers) -> None:
    for part in PARTS:
        recorder.flush(part)
        read(following, recorder.path)
    recorder.begin_anew()
    recorder.flush(PARTS[2])
    assert told(profile_of(read(following, recorder.path))) == told(recorder.anew())
    recorder.path.write_bytes(recorder.path.read_bytes()[:0] + recorder.path.read_bytes())
    recorder.flush(PARTS[1])
    assert told(profile_of(read(following, recorder.path))) == told(recorder.anew())


def test_a_worker_killed_in_the_middle_is_replaced(recorder: Recorder, following: Followers) -> None:
    recorder.flush(PARTS[0])
    read(following, recorder.path)
    (pid,) = workers(following)
    os.kill(pid, signal.SIGKILL)
    recorder.flush(PARTS[1])
    assert told(profile_of(read(following, recorder.path))) == told(recorder.anew())
    assert workers(following) != [pid]


def test_once_much_has_come_all_is_prepared_again(
    recorder: Recorder, following: Followers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followers, "DELTA_LEAST", 100)
    recorder.flush(PARTS[0])
    read(following, recorder.path)
    recorder.flush(PARTS[3])
    assert read(following, recorder.path).base is not None
    recorder.flush(PARTS[1])
    last = read(following, recorder.path)
    assert last.base is None
    assert last.prepared
    assert told(profile_of(last)) == told(recorder.anew())


def test_few_are_followed_and_none_for_ever(tmp_path: Path, following: Followers) -> None:
    recorders = [Recorder(tmp_path / f"{number}.pb.part") for number in range(followers.MOST + 1)]
    for each in recorders:
        each.flush(PARTS[0])
        read(following, each.path)
    assert len(workers(following)) == followers.MOST
    following.trim(float("inf"))
    assert not workers(following)
    assert profile_of(read(following, recorders[0].path))


def test_what_is_no_recording_is_not_followed(tmp_path: Path, following: Followers) -> None:
    path = put(tmp_path / "x.pb.part", pprof())
    with path.open("rb") as file:
        assert following.read(path.name, file.fileno(), key_of(path.stat()), lambda progress: None) is None
    assert not workers(following)


def test_a_recording_without_a_flush_says_so(recorder: Recorder, following: Followers) -> None:
    recorder.path.write_bytes(recorder.path.read_bytes()[:-1])
    with pytest.raises(FormatError, match="first flush"):
        read(following, recorder.path)


# --- columns ---


@given(st.lists(st.lists(st.integers(-(2**40), 2**40), max_size=9), min_size=1, max_size=9), st.booleans())
@settings(deadline=None)
def test_a_column_is_its_parts_and_what_was_seen_stays(parts: list[list[int]], narrow: bool) -> None:
    arrays = [np.array(part, np.int64) for part in parts]
    if narrow:
        arrays[0] = arrays[0].astype(np.int32)
    column, seen = GrowingColumn(arrays[0]), []
    for count, more in enumerate(arrays[1:], 2):
        seen.append((column.append(more), np.concatenate(arrays[:count])))
        assert all(np.array_equal(now, then) for now, then in seen)
        assert not seen[-1][0].flags.writeable


WINDOWS = st.lists(
    st.lists(st.tuples(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4), st.integers(1, 9)), min_size=1, max_size=5),
    min_size=1,
    max_size=6,
)


@given(WINDOWS)
@settings(max_examples=60, deadline=None)
def test_any_growth_is_what_reading_anew_gives(windows: list[list[tuple[list[str], int]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        recorder, reader, growing = Recorder(Path(folder) / "x.pb.part"), GrowingReader(), None
        for number, window in enumerate(windows):
            row = recorder.rows.add_window(number * 10, 10)
            for stack, weight in window:
                locations = [recorder.rows.location_id(recorder.rows.function_id(name, "f.py", 1), 1) for name in stack]
                recorder.rows.add_sample(recorder.rows.stack_of(locations), (1, weight), window=row)
            recorder.flush("")
            found = reader.feed(recorder.path.read_bytes()[reader.offset :])
            assert found is not None
            if growing is None:
                growing = GrowingProfile(found.profile())
            else:
                tables = (found.functions, found.locations, found.stacks, found.threads, found.windows, found.samples)
                growing.append(Profile("stacks", found.sample_types, found.strings, *tables, calls=None, about=found.about))
            assert told(growing.profile) == told(recorder.anew())
            assert draw(growing.profile) == draw(recorder.anew())


def test_sums_stay_within_64_bits_however_they_come() -> None:
    growing = GrowingProfile(profile_from("f 1/9000000000000000000", (SAMPLES, CPU), ABOUT))
    before = growing.profile
    with pytest.raises(FormatError, match="64 bits"):
        growing.append(replace(before, strings=()))
    assert growing.profile is before


def test_a_worker_that_sends_rows_of_another_kind_is_not_believed(recorder: Recorder) -> None:
    growing = GrowingProfile(profile_from("f 1/1", (SAMPLES, CPU), ABOUT))
    with pytest.raises(FormatError, match="sample types"):
        growing.append(profile_from("f 1", (CPU,), ABOUT))


# --- in a viewer ---


def test_an_open_page_hears_of_each_flush_and_sees_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "profiles").mkdir()
    recorder = Recorder(tmp_path / "profiles" / "x.pb.part")
    recorder.flush(PARTS[0])
    read_by: list[str] = []
    monkeypatch.setattr(Follower, "read", lambda self, *rest, was=Follower.read: (read_by.append("it"), was(self, *rest))[1])
    with viewer(tmp_path / "profiles") as running:
        profile_id = running.client.settled("x.pb.part")["id"]
        assert running.client.view(profile_id).json["total"] == 1

        async def scene() -> None:
            async with opened(running.client) as connection:
                await connection.write_message(json.dumps({"watch": profile_id}))
                last = await said(connection, lambda message: message.get("profile") == profile_id)
                for part, total in zip(PARTS[1:3], (7, 17)):
                    recorder.flush(part)
                    before = last["revision"]
                    last = await said(connection, lambda message: message.get("revision") not in (None, before))  # noqa: B023
                    graph = await asyncio.to_thread(running.client.view, profile_id)
                    assert (graph.json["revision"], graph.json["total"]) == (last["revision"], total)

        asyncio.run(asyncio.wait_for(scene(), DEADLINE))
        assert len(read_by) >= 3
        recorder.begin_anew()
        recorder.flush(PARTS[2])
        eventually(lambda: running.client.view(profile_id).json["total"] == 10, "the new epoch")
