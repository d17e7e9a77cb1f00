"""Recordings that somebody looks at while they grow: each has a worker that remembers it, and reads what was appended."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from plopi.errors import FormatError
from plopi.formats.fragments import is_recording
from plopi.viewer import payloads
from plopi.viewer.readers.bounds import Bounds
from plopi.viewer.readers.growing_profile import GrowingProfile, bytes_of
from plopi.viewer.readers.process import Process, WorkerDied
from plopi.viewer.readers.results import MAX_THREADS, Key, Parsed, Progress, Summary, summary_from

MOST = 4
"""Recordings that are followed at once; others are read as a whole."""
IDLE_SECONDS = 30.0
_HEAD_BYTES = 64
DELTA_SHARE, DELTA_LEAST = 4, 50_000
"""Once what came since all was last prepared is more than one part in so many of it, and this many rows, it is read anew."""

Report = Callable[[Progress], None]


class Follower:
    """One recording and the worker that follows it. Use under ``lock``."""

    def __init__(self, bounds: Bounds, key: Key) -> None:
        self.lock = threading.Lock()
        self.used_at = 0.0
        self._file = (key.device, key.inode)
        self._process = Process(bounds)
        self._offset = 0
        self._growing: GrowingProfile | None = None
        self._base: Parsed | None = None
        self._last: Parsed | None = None

    def fits(self, key: Key) -> bool:
        """Whether the file goes on from what was read: the recorder puts another in its place when it begins anew."""
        return not self._process.spent and (key.device, key.inode) == self._file and key.size >= self._offset and not self._stale

    @property
    def is_new(self) -> bool:
        return self._last is None

    @property
    def _stale(self) -> bool:
        if self._base is None or self._base.profile is None or self._last is None or self._last.profile is None:
            return False
        before, now = (len(each.profile.stacks) + len(each.profile.samples) for each in (self._base, self._last) if each.profile)
        return now - before > max(DELTA_LEAST, before // DELTA_SHARE)

    def read(self, fd: int, key: Key, report: Report) -> Parsed:
        """The recording as it is now. FormatError, Unreadable and WorkerDied as from a worker."""
        growth = self._process.follow(fd, key, self._offset, self._growing.since if self._growing else None, report)
        if growth is None:
            if self._last is None:
                raise FormatError("the recording was cut off before its first flush and holds nothing yet; wait for it")
            self._last = replace(self._last, key=key)
            return self._last
        self._offset = growth.offset
        if self._growing is None:
            self._growing = GrowingProfile(growth.content.profile)
            self._base = Parsed(key, _summary(self._growing), self._growing.profile, growth.size, growth.content.prepared)
            self._last = self._base
        else:
            profile = self._growing.append(growth.content.profile)
            self._last = Parsed(key, _summary(self._growing), profile, bytes_of(profile), base=self._base)
        return self._last

    def close(self) -> None:
        self._process.kill()

    def interrupt(self) -> None:
        self._process.interrupt()


class Followers:
    """The recordings that are followed, least recently used first. Thread-safe."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Follower] = OrderedDict()
        self._closed = False

    def read(self, name: str, fd: int, key: Key, report: Report) -> Parsed | None:
        """The open recording called ``name``; None if it is none, and has to be read as a whole. A worker that dies or loses its
        way is replaced once."""
        if not is_recording(os.pread(fd, _HEAD_BYTES, 0)):
            return None
        for last in (False, True):
            follower = self._follower(name, key)
            with follower.lock:
                follower.used_at = time.monotonic()
                first = follower.is_new
                try:
                    return follower.read(fd, key, report)
                except (FormatError, WorkerDied):
                    follower.close()
                    if last or first:
                        raise
        return None

    def trim(self, now: float) -> None:
        """Let go of what nobody has looked at for a while."""
        with self._lock:
            idle = [name for name, follower in self._kept.items() if 0 < follower.used_at < now - IDLE_SECONDS]
            gone = [self._kept.pop(name) for name in idle]
        for follower in gone:
            with follower.lock:
                follower.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            gone = list(self._kept.values())
            self._kept.clear()
        for follower in gone:
            follower.interrupt()
        for follower in gone:
            with follower.lock:
                follower.close()

    def _follower(self, name: str, key: Key) -> Follower:
        dropped: list[Follower] = []
        with self._lock:
            follower = self._kept.get(name)
            if follower is not None and not follower.lock.locked() and not follower.fits(key):
                dropped.append(self._kept.pop(name))
                follower = None
            if follower is None:
                follower = self._kept[name] = Follower(self._bounds, key)
            self._kept.move_to_end(name)
            while len(self._kept) > MOST:
                dropped.append(self._kept.popitem(last=False)[1])
        for each in dropped:
            each.interrupt()
            with each.lock, contextlib.suppress(OSError):
                each.close()
        return follower


def _summary(growing: GrowingProfile) -> Summary:
    """Made here: the worker sees only what was appended."""
    profile = growing.profile
    threads = [
        {"name": payloads.text(profile.thread_name(row)), "ident": int(profile.threads.ident[row])}
        for row in range(min(len(profile.threads), MAX_THREADS))
    ]
    fields = {**payloads.summary(profile), "functions": len(profile.functions), "threads": threads}
    about = dataclasses.asdict(profile.about)
    return summary_from({"format": "pprof", "summary": fields, "about": about})
