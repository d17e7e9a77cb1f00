"""Parsed profiles on disk, for the next time and for other viewers: one file each, named by the content that it was made from.

A file is a container (``columns``) and a trailer: ``MAGIC``, the identity, the container's length. It is written beside, synced
and put in place, never changed afterwards, and mapped when it is wanted. What is not exactly as it should be is removed and
made anew. Thread-safe; several processes may share a directory.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import mmap
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from plopi import formats

log = logging.getLogger("plopi.viewer")

MAGIC = b"plopi cache 1\n\0\0"
_ID_BYTES = 20
_TRAILER = len(MAGIC) + _ID_BYTES + 8
_SUFFIX, _UNFINISHED = ".columns", ".tmp"
_STALE_SECONDS = 3600.0
"""What is unfinished after this long was left by a process that died."""
_BLOCK, _BLOCKS = 64 << 10, 4
"""Of a file's content so many blocks are looked at, the first and the last among them."""
_GRAIN_NS, _COARSE_NS = 10**8, 2 * 10**9
"""Within these a second change of a file may leave its times as they were: on most file systems, on those with coarse ones."""
_WRITE = 8 << 20
_LARGEST_SHARE = 2
"""No content may take more than one part in so many of the cache."""


@dataclass(frozen=True)
class DiskCache:
    """Content by identity in ``directory``, at most ``most_bytes`` of it: what was not wanted for longest goes."""

    directory: Path
    most_bytes: int

    def find(self, identity: str) -> memoryview | None:
        """The container kept under ``identity``, mapped; the caller checks what is in it, and calls ``drop`` if it is no good."""
        path = self._path(identity)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            content = _mapped(fd, identity)
            if content is not None:
                os.utime(fd)
        except (OSError, ValueError):
            content = None
        finally:
            os.close(fd)
        if content is None:
            self.drop(identity)
        return content

    def drop(self, identity: str) -> None:
        with contextlib.suppress(OSError):
            self._path(identity).unlink()

    def keep(self, identity: str, content: memoryview) -> bool:
        """Write ``content`` down, and make room for it. On a disk that is full or may not be written to, it is not kept."""
        size = len(content) + _TRAILER
        if size * _LARGEST_SHARE > self.most_bytes:
            return False
        try:
            self._make_directory()
            if os.statvfs(self.directory).f_bavail * os.statvfs(self.directory).f_frsize < 2 * size:
                return False
            self._make_room(self.most_bytes - size)
            self._write(identity, content)
        except OSError as error:
            log.warning("nothing can be kept in %r (%s); give another --cache-dir, or --no-cache", str(self.directory), error)
            return False
        return True

    def _path(self, identity: str) -> Path:
        return self.directory / (identity + _SUFFIX)

    def _make_directory(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = self.directory.stat()
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise OSError("somebody else may write there")

    def _write(self, identity: str, content: memoryview) -> None:
        unfinished = self.directory / f"{identity}-{os.getpid()}-{next(_numbers)}{_UNFINISHED}"
        fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(fd, "wb", buffering=0) as file:
                for part in (*_parts(content), memoryview(_trailer(identity, len(content)))):
                    while part:
                        part = part[file.write(part) :]
                os.fsync(file.fileno())
            unfinished.replace(self._path(identity))
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise

    def _make_room(self, most: int) -> None:
        """Remove what was used least recently until at most ``most`` bytes are left, and what others left unfinished."""
        now = time.time()
        kept: list[tuple[float, int, Path]] = []
        with os.scandir(self.directory) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    path = self.directory / entry.name
                    if entry.name.endswith(_SUFFIX):
                        kept.append((status.st_mtime, status.st_size, path))
                    elif entry.name.endswith(_UNFINISHED) and now - status.st_mtime > _STALE_SECONDS:
                        path.unlink()
        used = sum(size for _, size, _ in kept)
        for _, size, path in sorted(kept):
            if used <= most:
                break
            path.unlink(missing_ok=True)
            used -= size


_numbers: Iterator[int] = itertools.count()


def identity_of(fd: int, now_ns: int) -> str | None:
    """What tells the content of an open file, as our readers would show it, from any other; None while it cannot be told.

    Made of its size, times (nobody can set the time of a change), inode and some of its bytes, and of the readers' sources.
    """
    status = os.fstat(fd)
    coarse = not (status.st_mtime_ns % 1_000_000 and status.st_ctime_ns % 1_000_000)
    if now_ns - max(status.st_mtime_ns, status.st_ctime_ns) < (_COARSE_NS if coarse else _GRAIN_NS):
        return None
    numbers = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    found = hashlib.blake2b(repr(numbers).encode(), digest_size=_ID_BYTES, key=_readers())
    last = max(0, status.st_size - _BLOCK)
    for number in range(_BLOCKS):
        found.update(os.pread(fd, _BLOCK, last * number // (_BLOCKS - 1)))
    return found.hexdigest()


@cache
def _readers() -> bytes:
    """A hash of everything that has a say in what a file becomes."""
    package = Path(formats.__file__).parents[1]
    found = hashlib.blake2b(digest_size=32)
    folders = (package / "formats", package / "viewer" / "readers", package / "viewer" / "analysis")
    for path in sorted([package / "model.py", *(path for folder in folders for path in folder.rglob("*"))]):
        if path.suffix in (".py", ".so") and path.is_file():
            found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.digest()


def _trailer(identity: str, length: int) -> bytes:
    return MAGIC + bytes.fromhex(identity) + length.to_bytes(8, "little")


def _parts(content: memoryview) -> Iterator[memoryview]:
    for at in range(0, len(content), _WRITE):
        yield content[at : at + _WRITE]


def _mapped(fd: int, identity: str) -> memoryview | None:
    """The container in an open file of the cache; None unless the file is ours alone, whole, and of this identity."""
    status = os.fstat(fd)
    ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022
    if not ours or status.st_size <= _TRAILER:
        return None
    content = memoryview(mmap.mmap(fd, status.st_size, prot=mmap.PROT_READ))
    length = status.st_size - _TRAILER
    return content[:length] if content[length:] == _trailer(identity, length) else None
