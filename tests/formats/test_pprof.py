"""pprof: plopi's own files read back whole, growing recordings survive being cut anywhere, foreign files are understood."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from drawing import draw, profile_from, stacks_of
from hypothesis import given, settings
from making import ABOUT, SERVER, WEIGHT, by_thread_and_window, read, sayable, server, stacks_profiles, written

from plopi.errors import FormatError, UsageError
from plopi.formats import pprof
from plopi.formats.fragments import extent
from plopi.formats.pprof_schema import schema
from plopi.formats.protobuf import bytes_field, int_field, varint
from plopi.model import CPU, SAMPLES, WALL, About, Profile, ProfileBuilder, SampleType

DATA = Path(__file__).parent / "data"


# --- whole files


def test_a_finished_profile_reads_back_whole() -> None:
    profile = read(written(server(), "pprof"))
    assert draw(profile) == draw(server())
    assert profile.about == ABOUT
    assert profile.sample_types == (SAMPLES, CPU)


@given(stacks_profiles(WEIGHT))
@settings(max_examples=60, deadline=None)
def test_round_trip(profile: Profile) -> None:
    profile = with_small_sums(profile)
    back, expected = read(written(profile, "pprof")), sayable(profile)
    assert stacks_of(back) == stacks_of(expected)
    assert by_thread_and_window(back) == by_thread_and_window(expected)
    assert back.about == expected.about


def with_small_sums(profile: Profile) -> Profile:
    """Weights that do not overflow when equal samples are added up."""
    weights = tuple([int(weight) >> 4 for weight in column] for column in profile.samples.weights)
    return replace(profile, samples=replace(profile.samples, weights=weights))


def test_functions_keep_their_ids_from_recording_to_finished_file() -> None:
    rows = ProfileBuilder((SAMPLES, CPU), ABOUT)
    growing = read(recording(rows, SERVER)[-1])
    finished = read(written(rows.build(), "pprof"))
    names = [[each.function_name(row) for row in range(len(each.functions))] for each in (rows.build(), growing, finished)]
    assert names[0] == names[1] == names[2]


def test_equal_samples_are_added_up_in_a_finished_file() -> None:
    rows = ProfileBuilder((SAMPLES,))
    for _ in range(3):
        profile_from("f 2", builder=rows)
    profile = read(written(rows.build(), "pprof"))
    assert (len(profile.samples), draw(profile)) == (1, "f 6")


def test_a_profile_without_samples() -> None:
    profile = read(written(profile_from(""), "pprof"))
    assert (len(profile.samples), len(profile.functions)) == (0, 0)


def test_bytes_stay_as_they_are(golden: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """A change here is a change of docs/file-format.md."""
    monkeypatch.setattr("plopi.formats.comments.__version__", "VERSION")
    rows = ProfileBuilder((SAMPLES, CPU), replace(ABOUT, notes=()))
    *_, recorded = recording(rows, SERVER)
    golden("server.part.hex", in_lines(recorded))
    golden("server.pb.hex", in_lines(gzip.decompress(written(rows.build(), "pprof"))))


def in_lines(data: bytes) -> str:
    return "".join(f"{data[at : at + 32].hex(' ')}\n" for at in range(0, len(data), 32))


def test_calls_cannot_be_written() -> None:
    calls = read((DATA / "cprofile-3.11.pstats").read_bytes())
    with pytest.raises(UsageError, match="no stacks"):
        pprof.write(calls, io.BytesIO())


# --- the growing recording


def recording(rows: ProfileBuilder, *drawings: str) -> list[bytes]:
    """The file after its header, and after the rows of each drawing were flushed."""
    data, written = pprof.encode_header(rows.about, rows.sample_types)
    states = [data]
    for drawing in drawings:
        profile_from(drawing, builder=rows)
        data, written = pprof.encode_rows(rows, written)
        states.append(states[-1] + data)
    return states


GROWING = (
    "[thread T 1]\n[window 0+10]\nf\n  g 1",
    "[thread T 1]\n[window 10+10]\nf\n  g 2\n  h @7 1\n    f 1",
    "[thread U 2]\n[window 20+10]\nother new.py:5 3",
)


def test_every_fragment_prefix_is_the_profile_so_far() -> None:
    rows = ProfileBuilder((SAMPLES,), ABOUT)
    for state, size in zip(recording(rows, *GROWING), range(len(GROWING) + 1)):
        so_far = ProfileBuilder((SAMPLES,))
        recording(so_far, *GROWING[:size])
        profile = read(state)
        assert draw(profile) == draw(so_far.build())
        assert profile.about == replace(ABOUT, complete=False, duration_ns=ABOUT.duration_ns if size else None)


def test_every_fragment_prefix_is_a_plain_protobuf_message() -> None:
    """Without what plopi knows of frames: string indexes and ids as protobuf itself joins them."""
    rows = ProfileBuilder((SAMPLES,), ABOUT)
    for state in recording(rows, *GROWING):
        message = schema().Profile.FromString(state)
        assert [schema().Function.FromString(each).id for each in message.function] == list(range(1, len(message.function) + 1))
        assert [schema().Location.FromString(each).id for each in message.location] == list(range(1, len(message.location) + 1))
        assert message.string_table[0] == b""


def test_a_recording_cut_anywhere_reads_as_its_last_whole_fragment() -> None:
    states = recording(ProfileBuilder((SAMPLES,), ABOUT), *GROWING)
    whole = [draw(read(state)) for state in states]
    for size in range(len(states[-1])):
        fragments = sum(size >= len(state) for state in states)
        if fragments == 0:
            with pytest.raises(FormatError):
                read(states[-1][:size], "x.pb.part")
        else:
            profile = read(states[-1][:size])
            assert draw(profile) == whole[fragments - 1]
            torn = size - len(states[fragments - 1])
            assert profile.about.notes == ABOUT.notes + (
                (f"the last {torn:,} bytes of the recording are torn and were skipped",) * bool(torn)
            )


@pytest.mark.parametrize("tail", [bytes(100), b"\xc2\x3e\x10PLOP" + bytes(40), b"noise"])
def test_a_tail_that_was_never_written_is_skipped(tail: bytes) -> None:
    """After a crash of the machine a file may end in zeros."""
    state = recording(ProfileBuilder((SAMPLES,), ABOUT), *GROWING)[-1]
    assert draw(read(state + tail)) == draw(read(state))


def test_what_follows_damage_is_not_believed() -> None:
    states = recording(ProfileBuilder((SAMPLES,), ABOUT), *GROWING)
    damaged = bytearray(states[-1])
    damaged[len(states[1]) + 30] ^= 1
    assert draw(read(bytes(damaged))) == draw(read(states[1]))


def test_a_recording_can_be_followed_from_where_one_stopped() -> None:
    states = recording(ProfileBuilder((SAMPLES,), ABOUT), *GROWING)
    before = extent(states[1] + b"\xc2\x3e")
    after = extent(states[-1], before.whole, before.fragments)
    assert (before.whole, before.fragments, before.torn) == (len(states[1]), 2, 2)
    assert (after.whole, after.fragments, after.torn) == (len(states[-1]), 4, 0)


def test_a_failed_write_is_repeated_from_the_same_state() -> None:
    rows = ProfileBuilder((SAMPLES,), ABOUT)
    header, state = pprof.encode_header(rows.about, rows.sample_types)
    profile_from(GROWING[0], builder=rows)
    lost, _ = pprof.encode_rows(rows, state)
    profile_from(GROWING[1], builder=rows)
    data, _ = pprof.encode_rows(rows, state)
    assert lost != data
    assert draw(read(header + data)) == draw(rows.build())


def test_rows_of_another_epoch_are_refused() -> None:
    rows = ProfileBuilder((SAMPLES,), ABOUT)
    _, state = pprof.encode_header(rows.about, rows.sample_types, rows.epoch)
    profile_from(GROWING[0], builder=rows)
    rows.coarsen()
    with pytest.raises(ValueError, match="epoch"):
        pprof.encode_rows(rows, state)


def test_what_is_known_of_a_recording_is_what_was_said_last() -> None:
    rows = ProfileBuilder((SAMPLES,), About(ticks=0, notes=("one",)))
    first, state = pprof.encode_header(rows.about, rows.sample_types)
    for ticks, notes in ((1, ("one",)), (2, ("one", "two"))):
        rows.describe(ticks=ticks, notes=notes, duration_ns=ticks)
        data, state = pprof.encode_rows(rows, state)
        first += data
    assert read(first).about == About(ticks=2, duration_ns=2, notes=("one", "two"), complete=False)


# --- appended files


def test_two_recordings_in_one_file_are_refused() -> None:
    state = recording(ProfileBuilder((SAMPLES,)), "f 1")[-1]
    with pytest.raises(FormatError, match="two recordings were appended"):
        read(state + state)


def test_two_complete_profiles_in_one_file_are_refused() -> None:
    raw = gzip.decompress(written(server(), "pprof"))
    with pytest.raises(FormatError, match="two profiles were appended"):
        read(raw + raw)


def test_two_profiles_without_functions_in_one_file_are_refused() -> None:
    raw = foreign(sample_type=[(1, 2)], strings=["", "samples", "count"], samples=[int_field(2, 5)])
    with pytest.raises(FormatError, match="two profiles were appended"):
        read(raw + raw, "x.pb")


def test_several_gzip_members_are_refused() -> None:
    data = written(server(), "pprof")
    with pytest.raises(FormatError, match="several gzip members"):
        read(data + data)


# --- foreign files


def foreign(sample_type: list[tuple[int, int]], strings: list[str | bytes], samples: list[bytes], more: bytes = b"") -> bytes:
    out = b"".join(bytes_field(1, int_field(1, name) + int_field(2, unit)) for name, unit in sample_type)
    out += b"".join(bytes_field(2, sample) for sample in samples)
    out += b"".join(bytes_field(6, each.encode() if isinstance(each, str) else each) for each in strings)
    return out + more


def place(number: int, *lines: tuple[int, int], address: int = 0, mapping: int = 0) -> bytes:
    parts = b"".join(bytes_field(4, int_field(1, function) + int_field(2, line)) for function, line in lines)
    return bytes_field(4, int_field(1, number) + int_field(2, mapping) + int_field(3, address) + parts)


def function(number: int, name: int, file: int = 0, line: int = 0, system_name: int = 0) -> bytes:
    return bytes_field(
        5, int_field(1, number) + int_field(2, name) + int_field(3, system_name) + int_field(4, file) + int_field(5, line)
    )


def test_unpacked_numbers_and_ids_in_any_order() -> None:
    raw = foreign(
        [(1, 2)],
        ["", "samples", "count", "leaf", "root", "a.c"],
        [int_field(1, 900) + int_field(1, 2**63 + 5) + int_field(2, 7)],
        place(2**63 + 5, (40, 3)) + place(900, (7, 9)) + function(40, 4, 5, 2) + function(7, 3, 5, 8),
    )
    assert draw(read(raw)) == "root a.c:2 @3\n  leaf a.c:8 @9 7"


def test_lines_of_one_location_are_inlined_calls_the_last_outermost() -> None:
    raw = foreign(
        [(1, 2)],
        ["", "samples", "count", "inlined", "outer", "main"],
        [bytes_field(1, varint(1) + varint(2)) + bytes_field(2, varint(4))],
        place(1, (1, 10), (2, 20)) + place(2, (3, 30)) + function(1, 3) + function(2, 4) + function(3, 5),
    )
    assert draw(read(raw)) == 'main "":0 @30\n  outer "":0 @20\n    inlined "":0 @10 4'


def test_locations_without_lines_are_their_addresses() -> None:
    mapping = bytes_field(3, int_field(1, 1) + int_field(5, 3))
    raw = foreign(
        [(1, 2)],
        ["", "samples", "count", "/lib/libc.so"],
        [bytes_field(1, varint(1) + varint(2)) + bytes_field(2, varint(4))],
        place(1, address=0xDEAD, mapping=1) + place(2) + mapping,
    )
    assert draw(read(raw)) == '<unknown> "":0\n  0xdead /lib/libc.so:0 4'


def test_names_fall_back_and_need_be_no_utf_8() -> None:
    raw = foreign(
        [(1, 2)],
        ["", "samples", "count", "_ZN3fooE", b"\xff\xfe"],
        [bytes_field(1, varint(3) + varint(2) + varint(1)) + bytes_field(2, varint(4))],
        place(1, (1, 0)) + place(2, (2, 0)) + place(3, (3, 0)) + function(1, 0, system_name=3) + function(2, 4) + function(3, 0),
    )
    assert draw(read(raw)) == '_ZN3fooE "":0\n  \\xff\\xfe "":0\n    <unknown> "":0 4'


def test_equal_functions_become_one() -> None:
    raw = foreign(
        [(1, 2)],
        ["", "samples", "count", "f"],
        [bytes_field(1, varint(1) + varint(2)) + bytes_field(2, varint(4))],
        place(1, (1, 0)) + place(2, (2, 0)) + function(1, 3) + function(2, 3),
    )
    profile = read(raw)
    assert (len(profile.functions), len(profile.locations)) == (1, 1)


@pytest.mark.parametrize(("unit", "factor"), [("ns", 1), ("microseconds", 10**3), ("ms", 10**6), ("Seconds", 10**9)])
def test_times_become_nanoseconds(unit: str, factor: int) -> None:
    raw = foreign([(1, 2)], ["", "wall", unit], [int_field(2, 3), int_field(2, -2)])
    profile = read(raw)
    assert profile.sample_types == (WALL,)
    assert list(profile.samples.weights[0]) == [3 * factor, -2 * factor]


def test_a_time_beyond_64_bits_of_nanoseconds_is_refused() -> None:
    with pytest.raises(FormatError, match="too large"):
        read(foreign([(1, 2)], ["", "wall", "s"], [int_field(2, 2**62)]))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (foreign([(1, 9)], ["", "samples"], []), "string 9"),
        (foreign([(1, 1)], ["", "samples"], [int_field(1, 5) + int_field(2, 1)]), "location 5, which is not there"),
        (foreign([(1, 1)], ["", "samples"], [int_field(1, 0) + int_field(2, 1)], place(1)), "location 0, which is not there"),
        (
            foreign([(1, 1)], ["", "samples"], [int_field(1, 1) + int_field(2, 1)], place(1, (9, 9))),
            "function 9, which is not there",
        ),
        (foreign([(1, 1)], ["", "samples"], [int_field(2, 1) + int_field(2, 1)]), "2 values where"),
        (foreign([(1, 1)], ["", "samples"], [b"\x0a\x05abc"]), "no protobuf Sample"),
        (foreign([], ["", "samples"], []), "no sample types"),
    ],
)
def test_broken_files_say_why(raw: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        read(raw, "x.pb")


def test_go_profiles(golden: Callable[[str, str], None]) -> None:
    """A CPU profile with labels and a heap profile, as Go's runtime writes them; totals as ``go tool pprof -top`` shows them."""
    cpu, heap = (read((DATA / name).read_bytes()) for name in ("go-cpu.pb.gz", "go-heap.pb.gz"))
    assert cpu.sample_types == (SAMPLES, CPU)
    assert [sum(column) for column in cpu.samples.weights] == [81, 810_000_000]
    assert [cpu.thread_name(row) for row in range(len(cpu.threads))] == ["busy"]
    assert (cpu.about.duration_ns, cpu.about.period_ns) == (1_298_149_455, 10_000_000)
    assert heap.sample_types[3] == SampleType("inuse_space", "bytes")
    assert sum(heap.samples.weights[3]) == 1_030_352
    golden("go-cpu.txt", draw(cpu))


def test_a_rewritten_file_without_plopis_own_fields_keeps_its_windows() -> None:
    """As other tools write it that drop fields they do not know."""
    message: Any = schema().Profile.FromString(gzip.decompress(written(server(), "pprof")))
    del message.window[:]
    profile = read(message.SerializeToString(), "x.pb")
    assert draw(profile) == draw(server())


def test_a_packed_number_that_is_cut_off_is_refused() -> None:
    raw = gzip.decompress(written(profile_from("f 1"), "pprof"))
    broken = raw.replace(b"\x12\x06\x0a\x01\x01\x12\x01\x01", b"\x12\x06\x0a\x01\x01\x12\x01\x81")
    assert broken != raw
    with pytest.raises(FormatError, match="cut off"):
        read(broken, "x.pb")


@pytest.mark.parametrize(
    ("sample", "stack"),
    [
        (b"\x0a\x01\x01\x08\x02\x12\x01\x07", "gf"),
        (b"\x08\x02\x0a\x01\x01\x12\x01\x07", "fg"),
        (b"\x0a\x01\x01\x10\x07", "f"),
        (b"\x08\x01\x08\x02\x10\x07", "gf"),
        (b"\x0a\x81\x00\x01\x12\x01\x07", "f"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_numbers_packed_and_not_in_one_sample_of_ones_own(sample: bytes, stack: str, first: bool) -> None:
    """protobuf allows it, and a tool that rewrites files may do it: no number is lost."""
    raw = gzip.decompress(written(profile_from("f\n  g 1"), "pprof"))
    own = b"\x12\x07\x0a\x02\x02\x01\x12\x01\x01"
    assert own in raw
    mixed = bytes_field(2, sample)
    data = raw.replace(own, mixed + own if first else own + mixed)
    found = {"".join(frame[0] for frame in path): weights for path, weights in stacks_of(read(data, "x.pb")).items()}
    assert found == ({"fg": (8,)} if stack == "fg" else {stack: (7,), "fg": (1,)})


def test_values_packed_and_not_in_one_sample_are_counted_together() -> None:
    raw = gzip.decompress(written(profile_from("f 1"), "pprof"))
    own = b"\x12\x06\x0a\x01\x01\x12\x01\x01"
    assert own in raw
    with pytest.raises(FormatError, match="2 values where"):
        read(raw.replace(own, bytes_field(2, own[2:] + b"\x10\x07")), "x.pb")


def test_damaged_gzip_is_refused() -> None:
    data = written(server(), "pprof")
    for size in range(len(data)):
        with pytest.raises(FormatError):
            read(data[:size], "x.pb.gz")
    with pytest.raises(FormatError, match="damaged"):
        read(data[:-6] + bytes([data[-6] ^ 1]) + data[-5:])
    with pytest.raises(FormatError, match="bytes follow"):
        read(data + b"more")
    with pytest.raises(FormatError, match="compressed twice"):
        read(gzip.compress(data))
    assert zlib.decompress(data, wbits=31) == gzip.decompress(data)
