"""The data directory as it is now: a flat list of files, found again cheaply, opened safely."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from plopi.viewer.inotify import Inotify
from plopi.viewer.readers.results import Key, Unreadable

PART_SUFFIX = ".pb.part"
HOT_SECONDS = 60.0
"""Files changed this recently are looked at in every scan."""
TURN_FACTOR = 10
"""Where names come and go without end, looking at all files takes one part in so many of the time."""
EVENTS_SECONDS = 5.0
"""Where the system tells no changes, or lost track of them, it is asked for them again after this long."""
COST_FACTOR = 20
"""A full scan may take one part in so many of the time: 100,000 files are not listed every second."""
BUSY_FACTOR = 4
"""On a busy machine a scan lasts longer than it costs, on a slow file system others pay: one part in so many of it counts."""
RUN, REST_SECONDS = 100, 0.002
"""After so many files a scan rests for so long, since the loop waits for its turn after each of its own calls meanwhile."""


@dataclass(frozen=True, slots=True)
class Found:
    """An entry of the directory. ``name`` may hold surrogates (``surrogateescape``); ``fault``: why it cannot be a profile."""

    name: str
    key: Key
    fault: str | None


@dataclass(frozen=True, slots=True)
class Changes:
    """What is new or different since the scan before, what has gone, and why nothing could be listed, if so."""

    changed: tuple[Found, ...]
    gone: tuple[str, ...]
    problem: str | None


@dataclass(frozen=True, slots=True)
class Looked:
    """Some files, None for what is not there; ``told``: others that the system says have changed; ``turned``: names came or went
    since all were looked at, which is due again."""

    files: tuple[Found | None, ...]
    told: tuple[Found, ...]
    turned: bool


class Watcher:
    """Scans one directory. Blocking, for one thread at a time; ``open`` from any thread."""

    def __init__(
        self,
        directory: Path,
        max_size: int,
        clock: Callable[[], float] = time.monotonic,
        now_ns: Callable[[], int] = time.time_ns,
        rest: Callable[[float], None] = time.sleep,
    ) -> None:
        self.directory = directory
        self._max_size = max_size
        self._clock = clock
        self._now_ns = now_ns
        self._rest = rest
        self._files: dict[str, Found] = {}
        self._hot: set[str] = set()
        """Of these, the names that are looked at in every scan."""
        self._directory_key: tuple[int, int, int] | None = None
        self._full_at = float("-inf")
        self._full_cost = 0.0
        self._events: Inotify | None = None
        self._events_at = float("-inf")

    def scan(self) -> Changes:
        """Look again. Without new names, and where a full scan is dear, only at files that are likely to have changed."""
        try:
            fd = self._open_directory()
        except OSError as error:
            gone = tuple(self._files)
            self._files, self._hot, self._directory_key = {}, set(), None
            return Changes((), gone, _problem(self.directory, error))
        try:
            return self._scan(fd)
        except OSError as error:  # the disk, not the directory: what was known stays
            return Changes((), (), _problem(self.directory, error))
        finally:
            os.close(fd)

    def look(self, names: Sequence[str]) -> Looked:
        """These files alone, as they are now. From any thread; scans do not notice."""
        try:
            fd = self._open_directory()
        except OSError:
            return Looked(tuple(None for _ in names), (), self._directory_key is not None)
        try:
            turned = self._directory_key != _directory_key(os.fstat(fd))
            rested = self._clock() - self._full_at >= TURN_FACTOR * self._full_cost
            others = sorted(self._told() - set(names))
            told = tuple(found for name in others if name in self._files and (found := self._found(fd, name)))
            return Looked(tuple(self._found(fd, name) for name in names), told, turned and rested)
        finally:
            os.close(fd)

    def _told(self) -> set[str]:
        """Names of which the system says that something happened to them; none where it does not tell such things."""
        if (self._events is None or not self._events.works) and self._clock() - self._events_at > EVENTS_SECONDS:
            self._events, self._events_at = Inotify(self.directory), self._clock()
        return set() if self._events is None else self._events.changed()

    def close(self) -> None:
        if self._events is not None:
            self._events.close()

    def _found(self, fd: int, name: str) -> Found | None:
        try:
            status = os.stat(name, dir_fd=fd, follow_symlinks=False)
        except OSError:
            return None
        return Found(name, key_of(status), fault_of(status, self._max_size))

    def open(self, name: str) -> tuple[int, Key]:
        """A descriptor of the regular file called ``name`` and its key; Unreadable says why not."""
        try:
            directory = self._open_directory()
        except OSError as error:
            raise Unreadable(_problem(self.directory, error), lasting=False) from None
        try:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
        except (OSError, ValueError) as error:
            raise _unopenable(error) from None
        finally:
            os.close(directory)
        status = os.fstat(fd)
        fault = fault_of(status, self._max_size) or ("it is empty (0 bytes)" if status.st_size == 0 else None)
        if fault is not None:
            os.close(fd)
            raise Unreadable(fault, key=key_of(status))
        return fd, key_of(status)

    def _open_directory(self) -> int:
        return os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def _scan(self, fd: int) -> Changes:
        began, cpu_began = self._clock(), time.thread_time()
        status = os.fstat(fd)
        directory_key = _directory_key(status)
        fresh = self._now_ns() - status.st_mtime_ns < 2 * 10**9  # within the clock's grain another name may have come
        full_is_due = began - self._full_at >= COST_FACTOR * self._full_cost
        if directory_key == self._directory_key and not fresh and not full_is_due:
            return self._scan_hot(fd)
        changed: list[Found] = []
        files: dict[str, Found] = {}
        with os.scandir(fd) as entries:
            for count, entry in enumerate(entries, 1):
                if count % RUN == 0 and self._files:  # nobody is shown anything before the first scan
                    self._rest(REST_SECONDS)
                if not entry.name.startswith("."):
                    self._look(entry.name, partial(entry.stat, follow_symlinks=False), files, changed)
        gone = tuple(name for name in self._files if name not in files)
        self._files, self._directory_key = files, directory_key
        self._hot = {name for name, found in files.items() if self._is_hot(found)}
        cost = max(time.thread_time() - cpu_began, (self._clock() - began) / BUSY_FACTOR)
        self._full_at, self._full_cost = began, cost
        return Changes(tuple(changed), gone, None)

    def _scan_hot(self, fd: int) -> Changes:
        changed: list[Found] = []
        files = self._files
        before = len(files)
        self._hot = {name for name in self._hot if self._is_hot(files[name])}
        for name in self._hot:
            found = files.pop(name)
            self._look(name, partial(os.stat, name, dir_fd=fd, follow_symlinks=False), files, changed, found)
        self._hot &= files.keys()
        if len(files) != before:
            self._directory_key = None  # something went: the next scan looks at all
        return Changes(tuple(changed), (), None)

    def _is_hot(self, found: Found) -> bool:
        return found.name.endswith(PART_SUFFIX) or self._now_ns() - found.key.mtime_ns < HOT_SECONDS * 1e9

    def _look(
        self,
        name: str,
        stat_it: Callable[[], os.stat_result],
        files: dict[str, Found],
        changed: list[Found],
        before: Found | None = None,
    ) -> None:
        """Put what ``name`` is now into ``files``, and into ``changed`` if that is new. What vanished meanwhile is left out."""
        try:
            status = stat_it()
        except OSError:
            return
        if stat.S_ISDIR(status.st_mode):
            return
        before = before or self._files.get(name)
        key = key_of(status)
        if before is not None and before.key == key:
            files[name] = before
            return
        files[name] = Found(name, key, fault_of(status, self._max_size))
        changed.append(files[name])


def _directory_key(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_dev, status.st_ino, status.st_mtime_ns


def key_of(status: os.stat_result) -> Key:
    return Key(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def fault_of(status: os.stat_result, max_size: int) -> str | None:
    """Why an entry cannot be a profile, by what it is alone."""
    mode = status.st_mode
    if stat.S_ISLNK(mode):
        return "it is a symbolic link, and links are not followed out of the data directory; put the file itself there"
    if not stat.S_ISREG(mode):
        return f"it is {_kind(mode)}, not a file"
    if status.st_size > max_size:
        return f"it has {status.st_size:,} bytes, more than the {max_size:,} that are read; raise the bound with --max-file-size"
    return None


def _kind(mode: int) -> str:
    kinds = (
        (stat.S_ISFIFO, "a pipe (FIFO)"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a character device"),
        (stat.S_ISBLK, "a block device"),
        (stat.S_ISDIR, "a directory"),
    )
    return next((name for test, name in kinds if test(mode)), "something strange")


def _unopenable(error: OSError | ValueError) -> Unreadable:
    code = getattr(error, "errno", None)
    if code == errno.ENOENT:
        return Unreadable("it is gone", lasting=False)
    if code in (errno.ELOOP, errno.EMLINK):
        return Unreadable(
            "it is a symbolic link, and links are not followed out of the data directory; put the file itself there"
        )
    if code in (errno.ENXIO, errno.ENODEV):
        return Unreadable("it is a pipe, socket or device, not a file")
    if code == errno.EACCES:
        return Unreadable("the viewer may not read it (permission denied); change its mode or run the viewer as its owner")
    lasting = code not in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR, errno.EIO)
    return Unreadable(f"it cannot be opened ({error})", lasting=lasting)


def _problem(directory: Path, error: OSError) -> str:
    shown = os.fsencode(directory).decode("utf-8", "backslashreplace")
    if error.errno == errno.ENOENT:
        return f"The data directory {shown} does not exist yet; it shows up here as soon as something makes it."
    if error.errno == errno.ENOTDIR:
        return f"{shown} is not a directory; give --datadir the directory that profiles are written to."
    if error.errno == errno.EACCES:
        return f"The viewer may not list the data directory {shown} (permission denied); change its mode or run it as its owner."
    return f"The data directory {shown} cannot be read ({error.strerror}); it shows up here when it can."
