"""A recording: always readable, never half in place, and never the program's problem."""

from __future__ import annotations

import errno
import gzip
import os
import re
import stat
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path
from typing import Any

import pytest

from plopi import files
from plopi.collector.recording import Export, Recording
from plopi.formats import pprof
from plopi.formats.limits import Limits
from plopi.model import CPU, SAMPLES, About, Profile, ProfileBuilder
from tests.drawing import profile_from

ABOUT = About(command="app.py", pid=7, started_ns=1_700_000_000_000_000_000, period_ns=10_000_000, complete=False)
FIRST = """
    [window 0+1000]
    main
      parse 1/10
        read 2/20
    """
SECOND = """
    [window 1000+1000]
    main
      parse
        read 4/40
      write 1/10
    """


def rows_of(*windows: str) -> ProfileBuilder:
    rows = ProfileBuilder((SAMPLES, CPU), ABOUT)
    for window in windows:
        profile_from(window, builder=rows)
    return rows


def read(path: Path) -> Profile:
    data = path.read_bytes()
    return pprof.read(gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data, Limits())


def totals(profile: Profile) -> tuple[int, ...]:
    return tuple(int(sum(column)) for column in profile.samples.weights)


def names(datadir: Path) -> list[str]:
    return sorted(each.name for each in datadir.iterdir())


def only(datadir: Path) -> Path:
    (path,) = datadir.iterdir()
    return path


@pytest.fixture
def datadir(tmp_path: Path) -> Path:
    return tmp_path / "profiles"


def test_grows_by_what_is_new_and_ends_as_one_gzip_member(datadir: Path) -> None:
    rows, recording = rows_of(FIRST), Recording(datadir, "app")
    recording.flush(rows)
    part = only(datadir)
    assert re.fullmatch(rf"app-\d{{8}}-\d{{6}}-{os.getpid()}\.pb\.part", part.name)
    assert totals(read(part)) == (3, 30) and not read(part).about.complete
    before = part.read_bytes()
    profile_from(SECOND, builder=rows)
    recording.flush(rows)
    assert part.read_bytes().startswith(before) and totals(read(part)) == (8, 80)
    rows.describe(complete=True, duration_ns=2000)
    recording.finish(rows)
    finished = only(datadir)
    assert finished.name == part.name.replace(".part", ".gz") and finished == recording.path
    assert totals(read(finished)) == (8, 80) and read(finished).about.complete
    assert stat.S_IMODE(finished.stat().st_mode) == 0o600
    member = zlib.decompressobj(31)
    assert member.decompress(finished.read_bytes()) and member.eof and not member.unused_data


def test_every_cut_of_the_growing_file_can_be_read(datadir: Path) -> None:
    rows, recording = rows_of(FIRST), Recording(datadir, "app")
    recording.flush(rows)
    part = only(datadir)
    first_flush = part.stat().st_size
    profile_from(SECOND, builder=rows)
    recording.flush(rows)
    whole = part.read_bytes()
    for cut in range(first_flush, len(whole)):
        assert totals(pprof.read(whole[:cut], Limits())) == (3, 30)


def test_writes_nothing_while_nothing_is_new(datadir: Path) -> None:
    rows, recording = rows_of(FIRST), Recording(datadir, "app")
    recording.flush(rows)
    size = only(datadir).stat().st_size
    recording.flush(rows)
    assert only(datadir).stat().st_size == size


def test_several_in_one_second_have_files_of_their_own(datadir: Path) -> None:
    recordings = [Recording(datadir, "app") for _ in range(4)]
    for recording in recordings:
        recording.flush(rows_of(FIRST))
    assert len(names(datadir)) == 4
    for recording in recordings:
        recording.finish(rows_of(FIRST))
    assert len(names(datadir)) == 4 and all(name.endswith(".pb.gz") for name in names(datadir))


def test_a_finished_file_is_never_overwritten(datadir: Path) -> None:
    recording = Recording(datadir, "app")
    recording.flush(rows_of(FIRST))
    taken = only(datadir).with_suffix(".gz")
    taken.write_text("somebody else's")
    recording.finish(rows_of(FIRST))
    assert taken.read_text() == "somebody else's"
    assert recording.path is not None and recording.path != taken and totals(read(recording.path)) == (3, 30)


def test_a_finished_file_does_not_hide_a_recording_that_still_grows(datadir: Path) -> None:
    growing, short, export = Recording(datadir, "app"), Recording(datadir, "app"), Export("pprof", datadir=datadir, name="app")
    short._base = short._stem = export._stem = growing._stem  # begun in the same second
    growing.flush(rows_of(FIRST))
    short.finish(rows_of(FIRST))
    export.finish(rows_of(FIRST))
    stems = {name.partition(".")[0] for name in names(datadir)}
    assert len(stems) == len(names(datadir)) == 3
    growing.finish(rows_of(FIRST))
    assert {name.partition(".")[0] for name in names(datadir)} == stems


def test_coarsened_windows_replace_the_growing_file(datadir: Path) -> None:
    rows, recording = rows_of(FIRST, SECOND), Recording(datadir, "app")
    recording.flush(rows)
    rows.coarsen()
    recording.flush(rows)
    assert totals(read(only(datadir))) == (8, 80) and len(read(only(datadir)).windows) == 1
    profile_from(SECOND, builder=rows)
    recording.flush(rows)
    assert totals(read(only(datadir))) == (13, 130)


def test_the_torn_tail_of_a_failed_write_is_cut_off_before_the_next(datadir: Path) -> None:
    rows, recording = rows_of(FIRST), Recording(datadir, "app")
    recording.flush(rows)
    with only(datadir).open("ab") as file:
        file.write(b"half a fragment")
    profile_from(SECOND, builder=rows)
    recording.flush(rows)
    assert totals(read(only(datadir))) == (8, 80)


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: os.truncate(path, 5), lambda path: replace(path)])
def test_a_file_that_was_taken_away_is_written_anew(datadir: Path, damage: Any) -> None:
    rows, recording = rows_of(FIRST), Recording(datadir, "app")
    recording.flush(rows)
    damage(only(datadir))
    profile_from(SECOND, builder=rows)
    recording.flush(rows)
    recording.finish(rows)
    assert recording.path is not None and totals(read(recording.path)) == (8, 80)


def replace(path: Path) -> None:
    path.unlink()
    path.write_text("not ours")


def test_nothing_sampled_leaves_no_file_where_that_was_asked(datadir: Path) -> None:
    recording = Recording(datadir, "child", keep_empty=False)
    recording.flush(rows_of())
    recording.finish(rows_of())
    assert not datadir.exists() and recording.path is None


def test_a_forked_child_never_writes(datadir: Path) -> None:
    rows, recording = rows_of(FIRST), Recording(datadir, "app")
    recording.flush(rows)
    before = only(datadir).read_bytes()
    profile_from(SECOND, builder=rows)
    child = os.fork()
    if child == 0:
        recording.flush(rows)
        recording.finish(rows)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert only(datadir).read_bytes() == before
    recording.finish(rows)
    assert totals(read(only(datadir))) == (8, 80)


class TestFaults:
    """The program goes on, one line says why, nothing half-written stays, and what was sampled is kept while it can be."""

    def test_a_directory_that_vanished_is_not_made_again(self, datadir: Path, capfd: pytest.CaptureFixture[str]) -> None:
        rows, recording = rows_of(FIRST), Recording(datadir, "app")
        recording.flush(rows)
        only(datadir).unlink()
        datadir.rmdir()
        profile_from(SECOND, builder=rows)
        for _ in range(3):
            recording.flush(rows)
        assert not datadir.exists()
        (line,) = capfd.readouterr().err.splitlines()
        assert str(datadir) in line and "No such file or directory" in line and recording.fault
        datadir.mkdir()
        recording.flush(rows)
        assert totals(read(only(datadir))) == (8, 80) and not recording.fault

    def test_a_directory_that_cannot_be_made(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "file").touch()
        recording = Recording(tmp_path / "file" / "profiles", "app")
        recording.flush(rows_of(FIRST))
        recording.finish(rows_of(FIRST))
        assert len(capfd.readouterr().err.splitlines()) == 1 and recording.path is None

    @pytest.mark.parametrize("call", ["open", "write", "fsync", "link", "ftruncate"])
    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EROFS, errno.EDQUOT])
    def test_every_call_may_fail(
        self, datadir: Path, call: str, code: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        rows, recording = rows_of(FIRST), Recording(datadir, "app")
        datadir.mkdir()

        def fails(*_: object, **__: object) -> None:
            raise OSError(code, os.strerror(code))

        with monkeypatch.context() as patch:
            patch.setattr(files.os, call, fails)
            recording.flush(rows)
            profile_from(SECOND, builder=rows)
            recording.flush(rows)
        assert len(capfd.readouterr().err.splitlines()) <= 1
        assert not [name for name in names(datadir) if name.endswith(files.TMP_SUFFIX)]
        recording.flush(rows)
        recording.finish(rows)
        assert totals(read(only(datadir))) == (8, 80)

    def test_a_short_write_is_undone(self, datadir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        rows, recording = rows_of(FIRST), Recording(datadir, "app")
        recording.flush(rows)
        profile_from(SECOND, builder=rows)
        write = os.write
        with monkeypatch.context() as patch:
            patch.setattr(files.os, "write", lambda fd, data: write(fd, data[: len(data) // 2]))
            recording.flush(rows)
        assert totals(read(only(datadir))) == (3, 30) and "space" in recording.fault
        recording.flush(rows)
        assert totals(read(only(datadir))) == (8, 80)

    def test_what_cannot_be_finished_stays_readable(self, datadir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        rows, recording = rows_of(FIRST), Recording(datadir, "app")
        recording.flush(rows)
        profile_from(SECOND, builder=rows)

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(files.os, "fsync", full)
        recording.finish(rows)
        assert only(datadir).name.endswith(".pb.part") and totals(read(only(datadir))) == (8, 80)


def test_temporary_files_of_the_dead_are_swept_and_those_of_the_living_kept(datadir: Path) -> None:
    datadir.mkdir()
    dies = """
        import sys, time
        from pathlib import Path
        from plopi import files
        def write(out):
            print("ready", flush=True)
            time.sleep(60)
        files.place(Path(sys.argv[1]), write, overwrite=False)
        """
    run = [sys.executable, "-c", textwrap.dedent(dies)]
    with (
        subprocess.Popen([*run, str(datadir / "dead")], stdout=subprocess.PIPE) as dead,
        subprocess.Popen([*run, str(datadir / "living")], stdout=subprocess.PIPE) as living,
    ):
        for process in (dead, living):
            assert process.stdout and process.stdout.readline() == b"ready\n"
        dead.kill()
        dead.wait()
        assert len(names(datadir)) == 2
        Recording(datadir, "app").flush(rows_of(FIRST))
        left = [name for name in names(datadir) if name.endswith(files.TMP_SUFFIX)]
        living.kill()
    assert len(left) == 1 and "living" in left[0]


class TestExport:
    def test_is_written_at_the_end_over_what_was_there(self, tmp_path: Path) -> None:
        (tmp_path / "out.pb.gz").write_text("old")
        export = Export("pprof", path=tmp_path / "out.pb.gz")
        export.flush(rows_of(FIRST))
        assert only(tmp_path).read_text() == "old"
        export.finish(rows_of(FIRST))
        assert totals(read(only(tmp_path))) == (3, 30)

    def test_goes_through_a_link_and_leaves_it_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "real").touch()
        (tmp_path / "link").symlink_to(tmp_path / "real")
        Export("pprof", path=tmp_path / "link").finish(rows_of(FIRST))
        assert (tmp_path / "link").is_symlink() and totals(read(tmp_path / "real")) == (3, 30)

    def test_a_device_is_written_to_and_not_replaced(self, capfd: pytest.CaptureFixture[str]) -> None:
        export = Export("pprof", path="/dev/full")
        export.finish(rows_of(FIRST))
        assert Path("/dev/full").is_char_device() and "No space left" in export.fault
        assert len(capfd.readouterr().err.splitlines()) == 1

    def test_without_a_path_it_is_named_in_the_data_directory(self, datadir: Path) -> None:
        export = Export("folded", datadir=datadir, name="app")
        export.finish(rows_of(FIRST))
        assert export.path == only(datadir) and "main" in only(datadir).read_text()
