"""Putting a file in place so that nobody ever sees half of it, whatever happens to the process or the disk."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # not POSIX: temporary files are neither locked nor swept
    fcntl = None  # type: ignore[assignment]

TMP_PREFIX, TMP_SUFFIX = ".plopi-", ".tmp"
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EINVAL}


def place(
    target: Path, write: Callable[[BinaryIO], None], *, overwrite: bool, private: bool = True, durable: bool = True
) -> None:
    """Write ``target`` beside, sync it, and put it in place in one step; raises OSError and then leaves nothing behind.

    Without ``overwrite`` an existing ``target`` raises FileExistsError. ``private``: readable by its owner alone. Without
    ``durable`` it outlives the process, though not the machine.
    """
    with _beside(target, 0o600 if private else 0o666) as (tmp, out):
        write(out)
        out.flush()
        if durable:
            os.fsync(out.fileno())
        if overwrite:
            tmp.replace(target)
        else:
            _link(tmp, target)
    if durable:
        sync_directory(target.parent)


def absolute(path: str | os.PathLike[str]) -> Path:
    """The path whatever directory the program goes to later; as it is where the current directory is gone."""
    try:
        return Path(path).absolute()
    except OSError:
        return Path(path)


def write_whole(fd: int, data: bytes, at: int) -> None:
    """Append ``data`` to a file of ``at`` bytes by one write; a short write is undone and raised as ENOSPC."""
    try:
        written = os.write(fd, data)
    except OSError:
        _cut(fd, at)
        raise
    if written != len(data):
        _cut(fd, at)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def open_same(path: Path, identity: tuple[int, int]) -> tuple[int, int]:
    """A descriptor to append to ``path``, and its size; FileNotFoundError where it is gone or another file (device, inode) stands
    there."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | _NO_FOLLOW)
    stat = os.fstat(fd)
    if identity_of(stat) != identity:
        os.close(fd)
        raise FileNotFoundError(errno.ENOENT, "another file has taken its place", str(path))
    return fd, stat.st_size


def identity_of(stat: os.stat_result) -> tuple[int, int]:
    return stat.st_dev, stat.st_ino


def sync_directory(directory: Path) -> None:
    """Make renames durable, where the file system can; what it cannot is no fault of the file's."""
    with contextlib.suppress(OSError):
        fd = os.open(directory, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0))
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def sweep(directory: Path) -> None:
    """Remove temporary files whose writer is gone. A living writer holds a lock on its file, so no pid has to be guessed."""
    if fcntl is None:
        return
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        names = [each.name for each in entries if each.name.startswith(TMP_PREFIX) and each.name.endswith(TMP_SUFFIX)]
        for name in names:
            with contextlib.suppress(OSError):
                _remove_if_unlocked(directory / name)


def _remove_if_unlocked(path: Path) -> None:
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | _NO_FOLLOW)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(fd)


@contextmanager
def _beside(target: Path, mode: int) -> Iterator[tuple[Path, BinaryIO]]:
    """A locked, empty temporary file in the target's directory; gone afterwards, by whatever way the block is left."""
    tmp = target.parent / f"{TMP_PREFIX}{target.name}.{os.getpid()}{TMP_SUFFIX}"
    fd = _create_locked(tmp, mode)
    try:
        with open(fd, "wb") as out:
            yield tmp, out
    finally:
        with contextlib.suppress(OSError):
            tmp.unlink()


def _create_locked(tmp: Path, mode: int) -> int:
    for _attempt in range(5):
        fd = os.open(tmp, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, mode)
        if fcntl is None:
            return fd
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN):
                return fd  # a file system without locks: such files are never swept
        if os.fstat(fd).st_nlink:
            return fd
        os.close(fd)  # another process swept it between its creation and its lock
    raise OSError(errno.EAGAIN, "temporary files are taken away as soon as they are made", str(tmp))


def _link(tmp: Path, target: Path) -> None:
    """Give ``tmp`` the name ``target``, atomically and never over an existing file."""
    try:
        os.link(tmp, target)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        tmp.rename(target)


def _cut(fd: int, size: int) -> None:
    with contextlib.suppress(OSError):
        os.ftruncate(fd, size)
