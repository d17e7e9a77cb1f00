"""The sinks that write files: ``Recording`` grows in the data directory while the program runs, ``Export`` is written at the end.

Both keep the promise of ``Sink``: whatever the disk does, the program does not notice. The first fault is told in one line on
stderr; the rows stay in memory and are tried again at the next flush and at the end. No descriptor is held between flushes: a
program that closes all of its descriptors (a daemon does) must not find plopi writing into what it opened afterwards.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import BinaryIO

from plopi import files, formats
from plopi.collector.native_threads import original
from plopi.formats.pprof import SUFFIX, Written, encode_header, encode_rows
from plopi.formats.pprof import write as write_pprof
from plopi.model import SAMPLES, About, ProfileBuilder

PART_SUFFIX = ".pb.part"
_TOO_LONG = 80


def say(line: str) -> None:
    """One line for the user, on stderr, or nowhere when stderr cannot take it.

    Past the buffer of ``sys.stderr`` where it has one: text that stays there turns the program's exit status into 120.
    """
    text = f"plopi: {line}\n"
    try:
        fd = sys.stderr.fileno()
    except Exception:
        with contextlib.suppress(Exception):
            sys.stderr.write(text)
    else:
        with contextlib.suppress(OSError):
            os.write(fd, text.encode("utf-8", "backslashreplace"))


def plain_name(text: str) -> str:
    """``text`` as the first part of a file name: ``"my app/π.py"`` -> ``"my_app_.py"``; never empty, hidden or long."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text).strip(".-")[:_TOO_LONG] or "python"


def stem_of(name: str) -> str:
    """``NAME-YYYYmmdd-HHMMSS-PID``, local time: the label for people, read from the clock once."""
    return f"{plain_name(name)}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"


class FileSink:
    """What both sinks share: whose process it is, one lock, and one line about the first fault."""

    def __init__(self, *, keep_empty: bool = True) -> None:
        self.path: Path | None = None
        """Where the profile is, once anything of it is there."""
        self.fault: str = ""
        """Why the last attempt to write failed; "" when it did not."""
        self.about: About | None = None
        """What the collector knew at the end; None before."""
        self.samples = 0
        """Samples in all, at the end."""
        self._keep_empty = keep_empty
        self._pid = os.getpid()
        self._lock: threading.Lock = original("allocate_lock")()
        self._done = False
        self._told = False

    def flush(self, rows: ProfileBuilder) -> None:
        if not self._ours():
            return
        with self._lock:
            if not self._done:
                self._try(partial(self._flush, rows))

    def finish(self, rows: ProfileBuilder) -> None:
        if not self._ours():
            return
        with self._lock:
            if self._done:
                return
            self._done = True
            self.about, self.samples = rows.about, _samples_in(rows)
            if self._keep_empty or len(rows.sample_stack):
                self._try(partial(self._finish, rows))
            else:
                self._discard()

    def abandon(self) -> None:
        """In a forked child; takes no lock, since the thread that held it may not exist here."""
        self._done = True
        self._pid = 0

    def _ours(self) -> bool:
        return os.getpid() == self._pid

    def _try(self, write: Callable[[], None]) -> None:
        try:
            write()
            self.fault = ""
        except Exception as error:
            self.fault = _reason(error)
            if not self._told:
                self._told = True
                say(
                    f"cannot write the profile to {self._target()}: {self.fault}; the program goes on, "
                    "and what was sampled is kept in memory and written if that becomes possible before it ends"
                )

    def _target(self) -> str:
        raise NotImplementedError

    def _flush(self, rows: ProfileBuilder) -> None:
        raise NotImplementedError

    def _finish(self, rows: ProfileBuilder) -> None:
        raise NotImplementedError

    def _discard(self) -> None:
        raise NotImplementedError


class Recording(FileSink):
    """``NAME-YYYYmmdd-HHMMSS-PID.pb.part`` in ``datadir`` while it grows, ``.pb.gz`` when it is finished.

    ``keep_empty=False`` leaves no file where nothing was sampled.
    """

    def __init__(self, datadir: str | os.PathLike[str], name: str, *, keep_empty: bool = True) -> None:
        super().__init__(keep_empty=keep_empty)
        self.datadir = files.absolute(datadir)
        self._base = self._stem = stem_of(name)
        self._identity: tuple[int, int] | None = None
        self._size = 0
        self._written: Written | None = None

    @property
    def part(self) -> Path:
        return self.datadir / (self._stem + PART_SUFFIX)

    def _target(self) -> str:
        return str(self.part)

    def _flush(self, rows: ProfileBuilder) -> None:
        if self._written is None or self._identity is None or self.path is None:
            if self._keep_empty or len(rows.sample_stack):
                self._begin(rows)
        elif self._written.cursor.epoch != rows.epoch:
            self._rewrite(rows, overwrite=True)
        else:
            try:
                self._append(rows, self._written, self.path, self._identity)
            except FileNotFoundError:
                self._rewrite(rows, overwrite=False)

    def _begin(self, rows: ProfileBuilder) -> None:
        """Take the first stem that no file has; the directory is made once, a vanished one is not made again."""
        self.datadir.mkdir(parents=True, exist_ok=True)
        files.sweep(self.datadir)
        for number in count(1):
            self._stem = self._base if number == 1 else f"{self._base}-{number}"
            if not self._finished_path().exists():
                with contextlib.suppress(FileExistsError):
                    self._rewrite(rows, overwrite=False)
                    return

    def _rewrite(self, rows: ProfileBuilder, *, overwrite: bool) -> None:
        """The whole recording so far as one header and one fragment, put in place at once."""
        header, written = encode_header(rows.about, rows.sample_types, rows.epoch)
        data, written = encode_rows(rows, written)
        files.place(self.part, partial(_write_all, header + data), overwrite=overwrite, durable=False)
        self._identity = files.identity_of(self.part.stat())
        self._size, self._written = len(header) + len(data), written
        self.path = self.part

    def _append(self, rows: ProfileBuilder, since: Written, part: Path, identity: tuple[int, int]) -> None:
        if rows.cursor() == since.cursor:
            return
        data, written = encode_rows(rows, since)
        fd, size = files.open_same(part, identity)
        try:
            if size < self._size:
                raise FileNotFoundError(f"{part} was cut short")
            if size > self._size:  # the tail of a write that failed and could not be undone then
                os.ftruncate(fd, self._size)
            files.write_whole(fd, data, self._size)
        finally:
            os.close(fd)
        self._size += len(data)
        self._written = written

    def _finished_path(self) -> Path:
        return self.datadir / (self._stem + SUFFIX)

    def _finish(self, rows: ProfileBuilder) -> None:
        """The gzip member first and the ``.part`` away after it; where that fails the ``.part`` gets what it lacks."""
        part = self.part if self._identity else None
        if part is None:
            self.datadir.mkdir(parents=True, exist_ok=True)
        profile = rows.build()
        try:
            self.path = place_unique(self.datadir, self._stem, SUFFIX, lambda out: write_pprof(profile, out), part)
        except Exception:
            with contextlib.suppress(Exception):
                self._flush(rows)
            raise
        if part:
            with contextlib.suppress(OSError):
                part.unlink()
        self._written = None

    def _discard(self) -> None:
        if self._identity:
            with contextlib.suppress(OSError):
                self.part.unlink()
        self.path = None


class Export(FileSink):
    """One file in any of the formats, written at the end: to ``path`` (replaced), or named after ``name`` in ``datadir``."""

    def __init__(
        self,
        format_name: str,
        *,
        path: str | os.PathLike[str] | None = None,
        datadir: str | os.PathLike[str] = "profiles",
        name: str = "python",
        keep_empty: bool = True,
    ) -> None:
        super().__init__(keep_empty=keep_empty)
        self.format_name = format_name
        self._suffix = formats.suffix(format_name)  # loads the module now: later on the program's modules come first
        self._explicit = None if path is None else files.absolute(path)
        self._datadir, self._stem = files.absolute(datadir), stem_of(name)

    def _target(self) -> str:
        return str(self._explicit or self._datadir)

    def _flush(self, rows: ProfileBuilder) -> None:
        """Nothing is written before the end: only pprof can grow."""

    def _finish(self, rows: ProfileBuilder) -> None:
        profile = rows.build()

        def write(out: BinaryIO) -> None:
            formats.write(profile, self.format_name, out)

        if self._explicit is None:
            self._datadir.mkdir(parents=True, exist_ok=True)
            files.sweep(self._datadir)
            self.path = place_unique(self._datadir, self._stem, self._suffix, write)
        else:
            write_explicit(self._explicit, write)
            self.path = self._explicit

    def _discard(self) -> None:
        pass


def place_unique(directory: Path, stem: str, suffix: str, write: Callable[[BinaryIO], None], part: Path | None = None) -> Path:
    """Put a new file in place under the first free of STEM.SUFFIX, STEM-2.SUFFIX, ...; its path.

    A stem under which a recording grows, or was left by a process that was killed, is not free: the two would be shown as one,
    the finished one. ``part`` is the recording that this file finishes.
    """
    for number in count(1):
        name = stem if number == 1 else f"{stem}-{number}"
        target, growing = directory / (name + suffix), directory / (name + PART_SUFFIX)
        if not target.exists() and (growing == part or suffix != SUFFIX or not growing.exists()):
            with contextlib.suppress(FileExistsError):
                files.place(target, write, overwrite=False)
                return target
    raise AssertionError("count never ends")


def write_explicit(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Write where the user said: a regular file is replaced at once (through links), a device or pipe is written to."""
    real = Path(os.path.realpath(path))
    if real.exists() and not real.is_file():
        with open(real, "wb") as out:
            write(out)
    else:
        files.place(real, write, overwrite=True, private=False)


def _samples_in(rows: ProfileBuilder) -> int:
    """The sum of the sample type ``samples``; the number of rows where there is none."""
    for sample_type, column in zip(rows.sample_types, rows.sample_weights):
        if sample_type == SAMPLES:
            return sum(column)
    return len(rows.sample_stack)


def _write_all(data: bytes, out: BinaryIO) -> None:
    out.write(data)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
