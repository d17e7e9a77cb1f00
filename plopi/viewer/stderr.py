"""What the viewer says on stderr, without ever waiting for whoever reads it: a pipe that nobody empties holds up no request."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading

MOST_WAITING = 1000
"""So many messages wait to be read; those that come then are dropped, and counted."""
PARTING_SECONDS = 1.0
"""At the end nobody is waited for longer."""


class Stderr(logging.Handler):
    """A thread of its own writes. What it has begun to write it goes on with, as soon as somebody reads."""

    def __init__(self, descriptor: int = 2, most_waiting: int = MOST_WAITING) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("plopi viewer: %(message)s"))
        self._descriptor = descriptor
        self._dropped = 0
        self._counting = threading.Lock()
        self._waiting: queue.Queue[str | None] = queue.Queue(most_waiting)
        self._thread = threading.Thread(target=self._write, name="plopi stderr", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        self.say(self.format(record))

    def say(self, message: str) -> None:
        """A message of one or several lines."""
        try:
            self._waiting.put_nowait(message)
        except queue.Full:
            with self._counting:
                self._dropped += 1

    def end(self) -> None:
        """What was said is written, if somebody reads it now."""
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=PARTING_SECONDS)
            self._thread.join(PARTING_SECONDS)

    def _write(self) -> None:
        message: str | None = ""
        while message is not None:
            message = self._waiting.get()
            if message is not None:
                self._put(message)
            if self._waiting.empty():
                with self._counting:
                    dropped, self._dropped = self._dropped, 0
                if dropped:
                    self._put(f"plopi viewer: {dropped} more messages were dropped, since nobody read them")

    def _put(self, message: str) -> None:
        left = f"{message}\n".encode("utf-8", "backslashreplace")
        with contextlib.suppress(OSError):  # whoever read them has gone
            while left:
                left = left[os.write(self._descriptor, left) :]
