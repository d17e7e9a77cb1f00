"""Whether the process behind a profile still lives on this machine, and what it uses now."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from plopi.model import About

_KEEP_SECONDS = 0.9
_FORGET_SECONDS = 60.0
_START_GRAIN = 2.0
"""Seconds by which a process may seem to have begun after its profile: boot time is only known that well."""


@dataclass(frozen=True, slots=True)
class Vital:
    """``cpu_percent`` of one core since it was last asked for (None the first time), ``rss`` in bytes."""

    alive: bool
    cpu_percent: float | None = None
    rss: int | None = None


@dataclass(slots=True)
class _Watched:
    process: psutil.Process
    vital: Vital
    at: float


DEAD = Vital(False)


class Processes:
    """Looks processes up by pid and start time, so that a reused pid is not taken for its predecessor."""

    def __init__(self, host: str | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.host = socket.gethostname() if host is None else host
        self._clock = clock
        self._watched: dict[tuple[int, str], _Watched] = {}
        self._lock = threading.Lock()

    def is_local(self, about: About) -> bool:
        return bool(about.host) and about.host == self.host

    def alive(self, about: About) -> bool | None:
        """None where it cannot be told: another machine's, or no pid known."""
        if not self.is_local(about) or about.pid is None or about.pid <= 0:
            return None
        if about.process_start and sys.platform.startswith("linux"):
            return _kernel_start(about.pid) == about.process_start
        return self._same_by_time(about)

    def vital(self, about: About) -> Vital | None:
        """Life, CPU and memory; None where it cannot be told. Asks the system at most once a second for a process."""
        alive = self.alive(about)
        if alive is None or about.pid is None:
            return None
        with self._lock:
            return self._vital(about, about.pid, alive)

    def _vital(self, about: About, pid: int, alive: bool) -> Vital:
        key = (pid, about.process_start)
        if not alive:
            self._watched.pop(key, None)
            return DEAD
        now = self._clock()
        known = self._watched.get(key)
        if known is not None and now - known.at < _KEEP_SECONDS:
            return known.vital
        try:
            process = known.process if known is not None else psutil.Process(pid)
            with process.oneshot():
                cpu = process.cpu_percent(None)
                vital = Vital(True, None if known is None else cpu, process.memory_info().rss)
        except psutil.AccessDenied:
            return Vital(True)
        except psutil.Error:
            return DEAD
        self._watched[key] = _Watched(process, vital, now)
        self._forget(now)
        return vital

    def _forget(self, now: float) -> None:
        """Nobody has asked for these in a while: their last figure would be an average over that while, too."""
        for key in [key for key, watched in self._watched.items() if now - watched.at > _FORGET_SECONDS]:
            del self._watched[key]

    @staticmethod
    def _same_by_time(about: About) -> bool | None:
        try:
            began = psutil.Process(about.pid).create_time()
        except psutil.NoSuchProcess:
            return False
        except psutil.Error:
            return None
        if about.started_ns is None:
            return None
        return began <= about.started_ns / 1e9 + _START_GRAIN


def _kernel_start(pid: int) -> str | None:
    """Field 22 of /proc/PID/stat, counted after the name in parentheses, which may hold anything; None if dead or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    if len(fields) < 20 or fields[0] in (b"Z", b"X"):
        return None
    return fields[19].decode("ascii", "replace")
