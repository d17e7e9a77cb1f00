"""Which files of a directory changed, from the kernel (inotify(7)); nothing where it cannot tell: looking at files still does.

Linux alone, by the C library, since Python has no such module. Events are hints: whoever takes one looks at the file itself.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from pathlib import Path

_CREATE, _DELETE, _MODIFY, _ATTRIB, _CLOSE_WRITE, _MOVED = 0x100, 0x200, 0x2, 0x4, 0x8, 0xC0
_OVERFLOW, _IGNORED, _ONLYDIR = 0x4000, 0x8000, 0x01000000
_MASK = _CREATE | _DELETE | _MODIFY | _ATTRIB | _CLOSE_WRITE | _MOVED | _ONLYDIR
_EVENT = struct.Struct("iIII")
_ROOM = 64 * 2**10


class Inotify:
    """Watches one directory from now on. For one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self._fd = _opened(directory)

    @property
    def works(self) -> bool:
        return self._fd >= 0

    def changed(self) -> set[str]:
        """Names of files that came, went or changed since it was asked last. After it lost track it works no more."""
        names: set[str] = set()
        while self._fd >= 0:
            try:
                events = os.read(self._fd, _ROOM)
            except BlockingIOError:
                break
            except OSError:
                self.close()
                break
            at = 0
            while at < len(events):
                _, mask, _, length = _EVENT.unpack_from(events, at)
                name = events[at + _EVENT.size : at + _EVENT.size + length].rstrip(b"\0")
                at += _EVENT.size + length
                if mask & (_OVERFLOW | _IGNORED):
                    self.close()
                elif name and not name.startswith(b"."):
                    names.add(os.fsdecode(name))
        return names

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _opened(directory: Path) -> int:
    """A descriptor of events, -1 where there are none to be had."""
    if not sys.platform.startswith("linux"):
        return -1
    try:
        library = ctypes.CDLL(None, use_errno=True)
        fd: int = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if fd >= 0 and library.inotify_add_watch(fd, os.fsencode(directory), _MASK) < 0:
            os.close(fd)
            return -1
    except (OSError, AttributeError):
        return -1
    return fd
