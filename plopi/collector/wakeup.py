"""The application's wakeup file descriptor.

Python's C-level handler writes a byte to it for every signal, ours too. An event loop that does not get round to reading
would find
it full, and the byte of a SIGTERM lost. So the handler asks before each sample whether there is room, and steps back where
there is none.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable
from typing import Any

from plopi.collector.clock import in_main_thread
from plopi.collector.native_threads import original

Question = Callable[[int], object]


class WakeupWatch:
    """Knows the wakeup descriptor from ``begin`` to ``end`` by asking once and then watching ``signal.set_wakeup_fd``.

    ``tell`` gets the question "has it room?", to be asked with a timeout in milliseconds; None where there is no descriptor.
    """

    def __init__(self) -> None:
        self._original = self._watching = signal.set_wakeup_fd
        self._tell: Callable[[Question | None], None] = _ignore

    def begin(self, tell: Callable[[Question | None], None]) -> None:
        self._tell = tell
        self._original = signal.set_wakeup_fd
        signal.set_wakeup_fd = self._watching = self._watched(self._original)
        if in_main_thread():
            self._learn()
        else:
            tell(self._ask_later)

    def end(self) -> None:
        if signal.set_wakeup_fd is self._watching:
            signal.set_wakeup_fd = self._original
        self._tell = _ignore

    def _ask_later(self, timeout: int) -> bool:
        """The first question, in the signal handler: once per run that was not started in the main thread."""
        self._tell(None)
        self._learn()
        return True

    def _learn(self) -> None:
        """Ask for the descriptor, in the main thread. It can only be read by setting another, which lasts a few microseconds;
        what signals write meanwhile is passed on."""
        reader, writer = os.pipe()
        try:
            os.set_blocking(reader, False)
            os.set_blocking(writer, False)
            present = self._original(writer, warn_on_full_buffer=False)
            if present >= 0:
                self._original(present, warn_on_full_buffer="trio" not in sys.modules)
                try:
                    os.write(present, os.read(reader, 4096))
                except BlockingIOError:
                    pass
            else:
                self._original(-1)
            self._know(present)
        except (OSError, ValueError):
            pass
        finally:
            os.close(reader)
            os.close(writer)

    def _watched(self, original: Callable[..., int]) -> Callable[..., int]:
        """``original`` as far as the program can tell: what looks into ``signal`` finds a function of that module."""

        def set_wakeup_fd(fd: int, /, **options: Any) -> int:
            before = original(fd, **options)
            self._know(fd)
            return before

        set_wakeup_fd.__module__, set_wakeup_fd.__qualname__ = signal.__name__, set_wakeup_fd.__name__
        set_wakeup_fd.__doc__ = original.__doc__
        return set_wakeup_fd

    def _know(self, descriptor: int) -> None:
        if descriptor < 0:
            self._tell(None)
            return
        poller = original("poll", "select")()
        poller.register(descriptor, select.POLLOUT)
        self._tell(poller.poll)


def _ignore(question: Question | None) -> None:
    """Nobody listens."""
