"""Threads of the operating system, also where gevent or eventlet have put their own in the place of Python's.

They replace functions in the modules themselves. What plopi calls in its helper thread or in a signal handler must be what
CPython made: theirs would switch to other greenlets there, or set up an event loop.
"""

from __future__ import annotations

import gc
import signal
import sys
import threading
from functools import lru_cache
from types import FrameType
from typing import Any

MAIN_THREAD = "MainThread"
"""Its name where ``threading`` knows its greenlet instead."""
COLLECTS_ANYWHERE = sys.version_info < (3, 12)
"""Before 3.12 a collection may begin wherever an object is made, and let other threads run: inside ``sys._current_frames``, whose
lock they may want, or inside ``f_back`` of another thread's frame (3.11 makes the object then): its caller may have returned by
then, and what lies in its place is taken for a frame. So there is none while others' frames are asked for and walked."""


_NOT_LEFT = ("SIGPROF", "SIGVTALRM", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGTRAP", "SIGABRT", "SIGSYS")


def original(name: str, module: str = "_thread") -> Any:
    """``MODULE.NAME`` of a module that is loaded, as CPython made it."""
    gevent = sys.modules.get("gevent.monkey")
    if gevent is not None:
        return gevent.get_original(module, name)
    eventlet = sys.modules.get("eventlet.patcher")
    if eventlet is not None:
        return getattr(eventlet.original(module), name)
    return getattr(sys.modules[module], name)


def leave_signals_to_the_program() -> None:
    """In a thread of plopi's own: what is sent to the process is for the program's threads.

    They may have blocked it to ask for it (``sigwait``, ``signalfd``): it would kill the process if a thread of ours took it. Or
    they wait in a call that it must interrupt. Not so the timers' signals, which would then interrupt somebody who waits, and
    those of faults.
    """
    sys.modules["_signal"].pthread_sigmask(signal.SIG_BLOCK, _left())  # that of ``signal`` looks up all names, for 0.3 ms


@lru_cache(maxsize=1)
def _left() -> frozenset[int]:
    return frozenset(map(int, signal.valid_signals() - {getattr(signal, name) for name in _NOT_LEFT}))


def clock_of_thread(native_id: int) -> int:
    """Linux's clock id of a thread's CPU time: CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED, above them the inverted number."""
    return ~native_id << 3 | 6


def ident() -> int:
    """What ``sys._current_frames`` calls this thread; ``threading.get_ident`` may be a greenlet's."""
    found: int = original("get_ident")()
    return found


def main_ident() -> int:
    """The same of the main thread. Where ``threading`` knows only its greenlet it is the oldest there is, which comes last."""
    known = threading.main_thread().ident or 0
    if "gevent.monkey" not in sys.modules and "eventlet.patcher" not in sys.modules:
        return known
    idents = list(current_frames())
    return known if known in idents else idents[-1]


def hold_collections() -> bool:
    """No collection from now on, where one could do harm; whether they are to be allowed again afterwards."""
    held = COLLECTS_ANYWHERE and gc.isenabled()
    if held:
        gc.disable()
    return held


def current_frames() -> dict[int, FrameType]:
    held = hold_collections()
    try:
        return sys._current_frames()
    finally:
        if held:
            gc.enable()
