"""Parsed profiles kept on disk: found again, never believed blindly, and never in the way."""

from __future__ import annotations

import io
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from serving import Client, eventually, put, viewer
from test_columns import as_lists, encoded, sampled

from plopi.viewer.config import parse
from plopi.viewer.readers import columns, disk_cache, pool, process
from plopi.viewer.readers.disk_cache import DiskCache, identity_of

ID = "ab" * 20
CONTENT = memoryview(encoded(sampled(), answer=42))
LARGE = 2**40


@pytest.fixture
def cache(tmp_path: Path) -> DiskCache:
    return DiskCache(tmp_path / "a" / "cache", LARGE)


def file_of(cache: DiskCache) -> Path:
    (path,) = cache.directory.iterdir()
    return path


def test_what_was_kept_is_found_and_only_we_can_read_it(cache: DiskCache) -> None:
    assert cache.find(ID) is None
    assert cache.keep(ID, CONTENT)
    assert cache.find(ID) == CONTENT
    assert cache.find("cd" * 20) is None
    assert (cache.directory.stat().st_mode & 0o777, file_of(cache).stat().st_mode & 0o777) == (0o700, 0o600)


def test_it_survives_being_removed_or_replaced_while_it_is_looked_at(cache: DiskCache) -> None:
    cache.keep(ID, CONTENT)
    found = cache.find(ID)
    cache.keep(ID, CONTENT)
    cache.drop(ID)
    assert found == CONTENT
    assert cache.find(ID) is None


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: os.truncate(path, path.stat().st_size - 1),
    "half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "another's name": lambda path: path.write_bytes(path.read_bytes().replace(bytes.fromhex(ID), bytes(20))),
    "another version": lambda path: path.write_bytes(path.read_bytes().replace(b"plopi cache 1", b"plopi cache 0")),
    "writable by others": lambda path: path.chmod(0o666),
    "a link": lambda path: (path.rename(path.with_suffix(".x")), path.symlink_to(path.with_suffix(".x"))),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_not_as_it_was_written_is_ignored(cache: DiskCache, damage: str) -> None:
    cache.keep(ID, CONTENT)
    DAMAGE[damage](file_of(cache))
    assert cache.find(ID) is None


def test_what_was_used_last_stays(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, 3 * (len(CONTENT) + 100))
    for number, identity in enumerate(("aa" * 20, "bb" * 20, "cc" * 20)):
        cache.keep(identity, CONTENT)
        os.utime(tmp_path / f"{identity}.columns", (number, number))
    assert cache.find("aa" * 20) == CONTENT
    cache.keep("dd" * 20, CONTENT)
    assert [cache.find(each * 20) is not None for each in ("aa", "bb", "cc", "dd")] == [True, False, True, True]


def test_what_is_larger_than_its_share_is_not_kept(tmp_path: Path) -> None:
    assert not DiskCache(tmp_path, len(CONTENT)).keep(ID, CONTENT)
    assert not list(tmp_path.iterdir())


def test_what_others_left_unfinished_goes_after_a_while(cache: DiskCache) -> None:
    cache.keep(ID, CONTENT)
    old, new = cache.directory / "old.tmp", put(cache.directory / "new.tmp", b"x", age=60)
    put(old, b"x", age=100_000)
    cache.keep(ID, CONTENT)
    assert (old.exists(), new.exists()) == (False, True)


def test_a_full_disk_only_means_that_nothing_is_kept(cache: DiskCache, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk_cache.os, "fsync", full)
    assert not cache.keep(ID, CONTENT)
    assert not list(cache.directory.iterdir())


def test_a_folder_that_others_may_write_to_is_not_used(cache: DiskCache) -> None:
    cache.directory.mkdir(parents=True)
    cache.directory.chmod(0o777)
    assert not cache.keep(ID, CONTENT)
    assert not list(cache.directory.iterdir())


def identity(path: Path, later_s: float = 10) -> str | None:
    with path.open("rb") as file:
        return identity_of(file.fileno(), time.time_ns() + int(later_s * 1e9))


def test_any_change_of_a_file_gives_it_another_identity(tmp_path: Path) -> None:
    path = put(tmp_path / "a", b"x" * 1_000_000)
    seen = {identity(path)}
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(200_000)
        file.write(b"y")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    seen.add(identity(path))
    put(path, b"x" * 1_000_001)
    seen.add(identity(path))
    shutil.copy2(path, tmp_path / "b")
    (tmp_path / "b").replace(path)
    seen.add(identity(path))
    assert len(seen) == 4
    assert None not in seen
    assert identity(path) == identity(path)


def test_a_file_that_has_only_just_changed_has_no_identity_yet(tmp_path: Path) -> None:
    assert identity(put(tmp_path / "a", b"x"), later_s=0) is None


def test_the_command_line_says_where(tmp_path: Path) -> None:
    assert parse(["--no-cache"], {}).disk_cache is None
    assert parse([], {"XDG_CACHE_HOME": "/x"}).disk_cache == DiskCache(Path("/x/plopi"), 4 * 2**30)
    assert parse([], {"XDG_CACHE_HOME": "relative", "HOME": "/home/me"}).disk_cache == DiskCache(
        Path("/home/me/.cache/plopi"), 4 * 2**30
    )
    assert parse(["--cache-dir", "/y", "--cache-size", "1M"], {}).disk_cache == DiskCache(Path("/y"), 2**20)


# --- in a viewer ---


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything counts as slow to read, so that small files are kept, too."""
    monkeypatch.setattr(pool, "SLOW_SECONDS", 0.0)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that workers were given."""
    names: list[str] = []
    read = process.Process.read
    monkeypatch.setattr(process.Process, "read", lambda self, job, *rest: (names.append(job.name), read(self, job, *rest))[1])
    return names


def folded(stacks: int) -> bytes:
    return b"".join(b"main;f%d;g%d 1\n" % (i, i * 7) for i in range(stacks))


def graph_of(client: Client, name: str) -> tuple[int, int]:
    profile_id = eventually(lambda: client.row(name), "the listing")["id"]
    answer = client.view(profile_id)
    return answer.status, answer.json["total"]


@pytest.fixture
def datadir(tmp_path: Path) -> Iterator[Path]:
    """A directory with a profile whose reading takes a while; nothing else is ever in it."""
    (tmp_path / "profiles").mkdir()
    put(tmp_path / "profiles" / "a.folded", folded(30_000))
    time.sleep(0.15)  # so that its times can tell a later change from this one
    yield tmp_path / "profiles"
    assert [path.name for path in (tmp_path / "profiles").iterdir()] == ["a.folded"], "the data directory was touched"


def kept(cache: DiskCache) -> Path:
    def look() -> list[Path]:
        return list(cache.directory.glob("*.columns")) if cache.directory.exists() else []

    return Path(eventually(look, "its being kept")[0])


def test_after_a_restart_nothing_is_read_again(datadir: Path, cache: DiskCache, slow: None, reads: list[str]) -> None:
    with viewer(datadir, disk_cache=cache) as running:
        assert graph_of(running.client, "a.folded") == (200, 30_000)
        row = running.client.settled("a.folded")
        kept(cache)
    before = len(reads)
    with viewer(datadir, disk_cache=cache) as running:
        assert running.client.settled("a.folded") == row
        assert graph_of(running.client, "a.folded") == (200, 30_000)
    assert len(reads) == before


@pytest.mark.parametrize("damage", ["cut", "zeros", "ids", "prepared"])
def test_a_damaged_cache_is_rebuilt(datadir: Path, cache: DiskCache, slow: None, reads: list[str], damage: str) -> None:
    with viewer(datadir, disk_cache=cache) as running:
        assert graph_of(running.client, "a.folded") == (200, 30_000)
        path = kept(cache)
    whole = path.read_bytes()
    if damage == "ids":
        path.write_bytes(whole[: len(whole) // 4] + b"\x7f" * (len(whole) // 2) + whole[len(whole) // 4 * 3 :])
        os.truncate(path, len(whole))
    elif damage == "prepared":
        damaged = bytearray(whole)
        end = columns.decode(memoryview(damaged)).prepared["tree.end"]
        at = end.__array_interface__["data"][0] - np.frombuffer(damaged, np.uint8).__array_interface__["data"][0]
        damaged[at : at + 4] = b"\0\0\0\x7f"
        path.write_bytes(damaged)
    else:
        DAMAGE[damage](path)
    before = len(reads)
    with viewer(datadir, disk_cache=cache) as running:
        assert graph_of(running.client, "a.folded") == (200, 30_000)
        eventually(lambda: kept(cache).read_bytes() == whole, "its being kept again")
    assert len(reads) > before


def test_a_changed_file_is_read_anew(datadir: Path, cache: DiskCache, slow: None) -> None:
    with viewer(datadir, disk_cache=cache) as running:
        assert graph_of(running.client, "a.folded") == (200, 30_000)
        kept(cache)
    put(datadir / "a.folded", folded(30_001))
    with viewer(datadir, disk_cache=cache) as running:
        assert graph_of(running.client, "a.folded") == (200, 30_001)


def test_two_viewers_share_a_cache(datadir: Path, cache: DiskCache, slow: None) -> None:
    with viewer(datadir, disk_cache=cache) as one:
        assert graph_of(one.client, "a.folded") == (200, 30_000)
        kept(cache)
        with viewer(datadir, disk_cache=cache) as other:
            assert graph_of(other.client, "a.folded") == (200, 30_000)
        assert len(list(cache.directory.iterdir())) == 1


def test_what_nobody_can_write_to_does_no_harm(datadir: Path, tmp_path: Path, slow: None) -> None:
    (tmp_path / "file").write_bytes(b"")
    with viewer(datadir, disk_cache=DiskCache(tmp_path / "file" / "cache", LARGE)) as running:
        assert graph_of(running.client, "a.folded") == (200, 30_000)


def test_a_slow_file_is_read_once_for_the_list_and_the_picture(datadir: Path, reads: list[str]) -> None:
    put(datadir / "a.folded", folded(60_000))  # a fifth of a second of CPU time and more, on any machine
    with viewer(datadir) as running:
        running.client.settled("a.folded")
        assert graph_of(running.client, "a.folded") == (200, 60_000)
    assert reads == ["a.folded"]


def test_what_was_prepared_crosses_with_the_profile() -> None:
    out = io.BytesIO()
    prepared = {"order": np.arange(5), "flags": np.array([1, 0], np.uint8), "wide": np.array([2**40])}
    columns.encode(sampled(), {}, out, prepared)
    found = columns.decode(memoryview(out.getvalue()))
    assert {name: array.tolist() for name, array in found.prepared.items()} == {
        "order": [0, 1, 2, 3, 4],
        "flags": [1, 0],
        "wide": [2**40],
    }
    assert as_lists(found.profile) == as_lists(sampled())
    assert not found.prepared["order"].flags.writeable
    with pytest.raises(TypeError):
        columns.encode(sampled(), {}, io.BytesIO(), {"x": np.array([0.5])})
