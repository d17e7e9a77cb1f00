"""Exceptions of the application's signal handlers that were raised where nobody can catch them.

``gc.callbacks`` are Python functions, so the interpreter runs pending signal handlers as it enters plopi's; and what a handler
raises there, KeyboardInterrupt first of all, ends as "Exception ignored in". Without plopi it would have been raised in the
program as soon as the collection was over. So it is taken from ``sys.unraisablehook``, and raised by plopi's own signal handler,
which is called by the interpreter's next look for signals that is the program's.
"""

from __future__ import annotations

import _thread
import signal
import sys
from collections.abc import Callable
from typing import Any

from plopi.collector import walk
from plopi.collector.native_threads import ident


class Alarm(int):
    """The number of a signal. ``raised`` makes Python believe that it has come.

    A property, because the interpreter looks for signals after a call, which would be in the caller, but not after an attribute.
    """

    raised = property(_thread.interrupt_main)


class Redelivery:
    """Stands in for ``sys.unraisablehook`` from ``begin`` to ``end``; what is not about plopi's callback is passed on."""

    def __init__(self) -> None:
        self._original: Callable[[Any], object] = sys.unraisablehook
        self._sampler: walk.Sampler | None = None

    def begin(self, sampler: walk.Sampler) -> None:
        self._sampler, self._original = sampler, sys.unraisablehook
        sampler.alarm = Alarm(sampler.signum)
        sampler.deaf = (walk.on_gc.__code__, Redelivery._hook.__code__)
        sys.unraisablehook = self._hook

    def end(self) -> None:
        if self._sampler is not None and sys.unraisablehook == self._hook:
            sys.unraisablehook = self._original
        self._sampler = None

    def _hook(self, unraisable: Any) -> None:
        sampler, error = self._sampler, unraisable.exc_value
        raised_by = error.__traceback__.tb_next if error is not None and error.__traceback__ is not None else None
        own = isinstance(error, walk.OWN_ERRORS) and raised_by is None
        if unraisable.object is not walk.on_gc or own or sampler is None or ident() != sampler.main:
            self._original(unraisable)
        elif sampler.signum > 0 and signal.getsignal(sampler.signum) is walk.on_tick:
            sampler.undelivered = error.with_traceback(raised_by)
            _ = sampler.alarm.raised
        elif isinstance(error, KeyboardInterrupt):  # by wall time no signal is ours, but this exception is made of a signal
            _ = Alarm(signal.SIGINT).raised
        else:
            self._original(unraisable)
