"""One worker process, seen from the server: start it, have it read a file, end it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from plopi.errors import FormatError
from plopi.model import Cursor
from plopi.viewer.analysis import index
from plopi.viewer.readers import columns, wire
from plopi.viewer.readers.bounds import Bounds
from plopi.viewer.readers.results import Key, Parsed, Progress, Unreadable, progress_from, summary_from

Want = Literal["columns", "summary"]

_BOOTSTRAP = (
    "import sys, json; sys.path += json.loads(sys.argv[3]); "
    "from plopi.viewer.readers.worker import main; main(int(sys.argv[1]), json.loads(sys.argv[2]))"
)
_START_SECONDS = 60.0
_MiB = 2**20
_MAP_FROM = _MiB
"""Smaller ones are copied: every mapping costs a descriptor for as long as the profile is kept."""


class WorkerDied(Exception):
    """A worker ended without an answer; ``by`` is the signal that ended it, if any."""

    def __init__(self, by: int | None, timed_out: bool = False) -> None:
        super().__init__(by)
        self.by = by
        self.timed_out = timed_out


@dataclass(frozen=True)
class Job:
    """What to do with an open file: ``size`` bytes of it, under the name ``name`` (formats are told by it, too)."""

    want: Want
    name: str
    size: int


@dataclass(frozen=True)
class Answer:
    """What a worker made of a file, and the container it came in, if there was one."""

    parsed: Parsed
    content: memoryview | None


@dataclass(frozen=True)
class Growth:
    """Rows that a recording has gained, the end in the file of what they were read from, and the size of their container."""

    content: columns.Content
    offset: int
    size: int


class Process:
    """A worker. Blocking, for one thread at a time. ``gives_way``: at low priority, from which there is no way back."""

    def __init__(self, bounds: Bounds, gives_way: bool = False) -> None:
        self._bounds = bounds
        self.gives_way = gives_way
        self.files = 0
        self.spent = False
        """True once it should not be given another file."""
        self._sock, theirs = socket.socketpair()
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed by kill()
        options = {
            "memory": bounds.memory,
            "output": bounds.output,
            "cpu_hard": (bounds.cpu_seconds + 2) * (bounds.files_per_worker + 1),
            "gives_way": gives_way,
        }
        with theirs:
            self._child = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _BOOTSTRAP, str(theirs.fileno()), json.dumps(options), json.dumps(roots())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._complaints,
                pass_fds=(theirs.fileno(),),
                cwd="/",
                env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8", "PATH": os.defpath},
                start_new_session=True,
            )
        try:
            self._receive(time.monotonic() + _START_SECONDS)
        except WorkerDied:
            why = self._last_complaint()
            self.kill()
            raise Unreadable(f"plopi's reader process could not be started: {why}", lasting=False) from None

    @property
    def pid(self) -> int:
        return self._child.pid

    def read(self, job: Job, fd: int, key: Key, report: Callable[[Progress], None]) -> Answer:
        """Have ``fd`` read. FormatError or Unreadable say what is wrong with the file, WorkerDied that nobody can."""
        self.files += 1
        answer, columns_fd = self._ask(asdict(job), fd, report)
        try:
            return self._result(job, key, answer, columns_fd)
        finally:
            if columns_fd is not None:
                os.close(columns_fd)

    def follow(self, fd: int, key: Key, offset: int, since: Cursor | None, report: Callable[[Progress], None]) -> Growth | None:
        """What stands in a recording after ``offset``, the end of what this worker was asked for before: rows that go on from
        ``since``. None: no whole fragment. Raises as ``read`` does."""
        message = {"want": "follow", "name": "", "size": key.size, "offset": offset}
        answer, columns_fd = self._ask(message, fd, report)
        try:
            done, end = self._done(answer), answer["done"].get("offset")
            if columns_fd is None and done.get("nothing") is True:
                return None
            if columns_fd is None or type(end) is not int or not offset < end <= key.size:
                self.spent = True
                raise FormatError("the reader gave no answer that makes sense; please report this file")
            content = open_columns(columns_fd, self._bounds.output)
            return Growth(columns.decode(content, since or columns.NOTHING), end, len(content))
        finally:
            if columns_fd is not None:
                os.close(columns_fd)

    def _ask(self, message: dict[str, Any], fd: int, report: Callable[[Progress], None]) -> tuple[dict[str, Any], int | None]:
        """The worker's last word on ``message``, and the descriptor that came with it."""
        deadline = time.monotonic() + self._bounds.wall_seconds
        try:
            wire.send(self._sock, {**message, "max_size": self._bounds.file_size, "cpu_seconds": self._bounds.cpu_seconds}, fd)
        except OSError:
            raise self._died() from None
        while True:
            answer, columns_fd = self._receive(deadline)
            if "progress" not in answer:
                return answer, columns_fd
            report(progress_from(answer["progress"]))

    def interrupt(self) -> None:
        """Kill it from another thread: the one that waits for its answer gets WorkerDied."""
        with contextlib.suppress(OSError):
            self._child.kill()

    def kill(self) -> None:
        """End it now; harmless if it has ended."""
        self.spent = True
        self.interrupt()
        with contextlib.suppress(subprocess.TimeoutExpired):  # stuck in the kernel: it dies when that lets go
            self._child.wait(2)
        self._sock.close()
        self._complaints.close()

    def _result(self, job: Job, key: Key, answer: dict[str, Any], columns_fd: int | None) -> Answer:
        done = self._done(answer)
        if job.want == "columns" and columns_fd is None:
            self.spent = True
            raise FormatError("the reader gave no answer that makes sense; please report this file")
        self.spent = self.spent or bool(done.get("retire")) or self.files >= self._bounds.files_per_worker
        if columns_fd is None:
            return Answer(Parsed(key, summary_from(done), None, 0), None)
        content = open_columns(columns_fd, self._bounds.output)
        return Answer(parsed_from(key, content, done), content)

    def _done(self, answer: dict[str, Any]) -> dict[str, Any]:
        error, done = answer.get("error"), answer.get("done")
        if isinstance(error, dict):
            raise self._refusal(error)
        if not isinstance(done, dict):
            self.spent = True
            raise FormatError("the reader gave no answer that makes sense; please report this file")
        return done

    def _refusal(self, error: dict[str, Any]) -> Exception:
        kind, message = error.get("kind"), str(error.get("message"))[:2000]
        if kind == "memory":
            self.spent = True
            return Unreadable(
                f"reading it takes more than the {self._bounds.memory // _MiB:,} MiB of memory that a reader may use; "
                "record for a shorter time or with fewer stacks"
            )
        if kind == "bug":
            self.spent = True
            return Unreadable(f"plopi's reader failed on it ({message}); please report this file")
        return FormatError(message)

    def _receive(self, deadline: float) -> tuple[dict[str, Any], int | None]:
        self._sock.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            return wire.receive(self._sock)
        except TimeoutError:
            self.kill()
            raise WorkerDied(signal.SIGKILL, timed_out=True) from None
        except (wire.Gone, OSError):
            raise self._died() from None

    def _last_complaint(self) -> str:
        self._complaints.seek(0)
        lines = self._complaints.read(2**16).decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:500] if lines else "it ended without a word"

    def _died(self) -> WorkerDied:
        self.spent = True
        try:
            status = self._child.wait(1)
        except subprocess.TimeoutExpired:
            self.kill()
            status = 0
        return WorkerDied(-status if status < 0 else None)


def parsed_from(key: Key, content: memoryview, fields: dict[str, Any] | None = None) -> Parsed:
    """A container as a Parsed, checked with what was prepared; ``fields``: what was said of it, if not what it says itself."""
    found = columns.decode(content)
    about = index(found.profile, found.prepared)
    about.check()
    summary = summary_from(fields or found.fields)
    return Parsed(key, summary, found.profile, len(content), found.prepared, memo={"index": about})


def open_columns(fd: int, limit: int) -> memoryview:
    """The bytes behind ``fd``, mapped where seals prove that nobody can change them any more, else copied."""
    size = os.fstat(fd).st_size
    if not 0 < size <= limit:
        raise FormatError(f"the reader's answer has {size:,} bytes, which is not between 1 and {limit:,}")
    if size >= _MAP_FROM and _sealed(fd):
        return memoryview(mmap.mmap(fd, size, prot=mmap.PROT_READ))
    parts = bytearray()
    while len(parts) < size:
        part = os.pread(fd, min(size - len(parts), 16 * _MiB), len(parts))
        if not part:
            raise FormatError("the reader's answer ended early")
        parts += part
    return memoryview(bytes(parts))


def _sealed(fd: int) -> bool:
    if not hasattr(fcntl, "F_GET_SEALS"):
        return False
    needed = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    try:
        return fcntl.fcntl(fd, fcntl.F_GET_SEALS) & needed == needed
    except OSError:
        return False


def roots() -> list[str]:
    """The folders in which a worker finds plopi, numpy and protobuf: it is started without any ``site-packages``."""
    found: list[str] = []
    for name, levels in (("plopi", 2), ("numpy", 2), ("google.protobuf", 3)):
        spec = find_spec(name)
        if spec is not None and spec.origin:
            root = str(Path(spec.origin).parents[levels - 1])
            if root not in found:
                found.append(root)
    return found
