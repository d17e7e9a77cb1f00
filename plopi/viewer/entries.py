"""One profile of the data directory: its file or files, what is known of it, and by which names it goes."""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import dataclass, field
from typing import Literal

from plopi.viewer.readers.pool import Task
from plopi.viewer.readers.results import Key, Parsed, Summary
from plopi.viewer.watch import PART_SUFFIX, Found

Status = Literal["growing", "finished", "ended", "broken", "unread"]

FRESH_SECONDS = 60.0
"""A recording of another machine that was written to this recently is taken to grow still."""
_FINISHED_SUFFIX = ".pb.gz"


@dataclass(slots=True)
class Reading:
    """A task of the pool, and what comes after it: ``noted`` ends when the entry knows the outcome."""

    task: Task
    noted: asyncio.Task[Parsed | None]
    wanted_at: float
    """When somebody last asked for it."""


@dataclass(slots=True)
class Entry:
    """One profile. A recording that is just being finished has two files for a moment."""

    id: str
    name: str
    """For people: the file's name without what says "recording"."""
    found: Found
    """The file that counts: finished before growing, and a file before what is none. Stays the last one after all have gone."""
    files: dict[str, Found] = field(default_factory=dict)
    summary: Summary | None = None
    summary_key: Key | None = None
    is_partial: bool = False
    """``summary`` is of the recording while it grew."""
    trouble: str | None = None
    trouble_key: Key | None = None
    settling: bool = False
    """``trouble`` may pass: it is not called broken yet."""
    alive: bool | None = None
    tags: tuple[str, ...] = ()
    told_status: Status | None = None
    """As it was when the index last showed a change of it."""
    reading: Reading | None = None
    skimming: Reading | None = None
    """Being read for its columns; for its summary."""

    def put(self, found: Found) -> None:
        self.files[found.name] = found
        self._choose()

    def drop(self, name: str) -> None:
        self.files.pop(name, None)
        self._choose()

    def _choose(self) -> None:
        if self.files:
            self.found = min(
                self.files.values(), key=lambda found: (found.fault is not None, found.name.endswith(PART_SUFFIX), found.name)
            )

    @property
    def is_part(self) -> bool:
        return self.found.name.endswith(PART_SUFFIX)

    @property
    def reason(self) -> str | None:
        """Why it cannot be shown (yet)."""
        found = self.found
        return found.fault or (self.trouble if self.trouble_key == found.key else None)

    @property
    def is_broken(self) -> bool:
        return self.reason is not None and (self.found.fault is not None or not self.settling)

    @property
    def is_read(self) -> bool:
        """Nothing is left to be found out about this content."""
        return self.summary_key == self.found.key or self.is_broken

    def status(self, now_ns: int) -> Status:
        if self.is_broken:
            return "broken"
        if self.summary is None:
            return "unread"
        if not self.is_part:  # until the finished file has been read, what is known is not all of it
            return "growing" if self.is_partial and self.summary_key != self.found.key else "finished"
        if self.alive is None:
            return "growing" if now_ns - self.found.key.mtime_ns < FRESH_SECONDS * 1e9 else "ended"
        return "growing" if self.alive else "ended"


def stem_of(file_name: str) -> str:
    """What a recording is called both while it grows and when it is finished; of other files, their name."""
    for suffix in (PART_SUFFIX, _FINISHED_SUFFIX):
        if file_name.endswith(suffix) and file_name != suffix:
            return file_name[: -len(suffix)] + _FINISHED_SUFFIX
    return file_name


def id_of(file_name: str) -> str:
    """Opaque, the same after a restart, and no path: requests name profiles by it."""
    return hashlib.blake2b(os.fsencode(stem_of(file_name)), digest_size=8, person=b"plopi profile").hexdigest()


def name_of(file_name: str) -> str:
    return shown(stem_of(file_name).removesuffix(_FINISHED_SUFFIX))


def shown(file_name: str) -> str:
    """A file name as text that every encoder takes: what is no UTF-8 stands as ``\\xff``."""
    return file_name if file_name.isascii() else os.fsencode(file_name).decode("utf-8", "backslashreplace")


def revision_of(key: Key) -> str:
    """What a client holds against the next answer; tells nothing about the file."""
    text = f"{key.device}.{key.inode}.{key.size}.{key.mtime_ns}".encode()
    return hashlib.blake2b(text, digest_size=8, person=b"plopi revision").hexdigest()
