"""The kernel tells which files of a directory changed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from plopi.viewer.inotify import Inotify

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone has inotify")


@pytest.fixture
def events(tmp_path: Path) -> Inotify:
    (tmp_path / "old").write_bytes(b"1")
    return Inotify(tmp_path)


def test_what_comes_changes_and_goes_is_told_once(events: Inotify, tmp_path: Path) -> None:
    assert events.changed() == set()
    (tmp_path / "new").touch()
    with open(tmp_path / "old", "ab") as out:
        out.write(b"2")
    (tmp_path / ".hidden").touch()
    assert events.changed() == {"new", "old"}
    assert events.changed() == set()
    (tmp_path / "new").rename(tmp_path / "newer")
    (tmp_path / "old").unlink()
    assert events.changed() == {"new", "newer", "old"}


def test_names_that_are_no_utf_8(events: Inotify, tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\xfe")
    (tmp_path / name).touch()
    assert events.changed() == {name}


def test_when_the_directory_goes_it_works_no_more(events: Inotify, tmp_path: Path) -> None:
    (tmp_path / "old").unlink()
    tmp_path.rmdir()
    assert events.works
    events.changed()
    assert not events.works
    assert events.changed() == set()


def test_what_cannot_be_watched_tells_nothing(tmp_path: Path) -> None:
    events = Inotify(tmp_path / "none")
    assert (events.works, events.changed()) == (False, set())


def test_when_too_much_happened_it_says_that_it_lost_track(events: Inotify, tmp_path: Path) -> None:
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for number in range(most // 2 + 10):  # a file that comes is two events at least
        (tmp_path / str(number)).touch()
    events.changed()
    assert not events.works


def test_closing_gives_the_descriptor_back(tmp_path: Path) -> None:
    before = descriptors()
    events = Inotify(tmp_path)
    events.close()
    events.close()
    assert descriptors() == before


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
