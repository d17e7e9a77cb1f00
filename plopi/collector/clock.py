"""Timers and signals, borrowed from the process and given back.

Only the CPU timers are used: ITIMER_REAL and SIGALRM belong to the application. The handler stays installed when sampling
stops (a
tick may still be on its way, and the default action of these signals is to kill the process); it does nothing then, and exec
resets it.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from types import FrameType

from plopi.collector.native_threads import ident, main_ident

Handler = Callable[[int, "FrameType | None"], None]
TIMERS = {
    "cpu": (signal.ITIMER_PROF, signal.SIGPROF),
    "both": (signal.ITIMER_PROF, signal.SIGPROF),
    "virtual": (signal.ITIMER_VIRTUAL, signal.SIGVTALRM),
}
SET_ANEW = "the application set the timer for itself"


def kernel_tick_ns() -> int:
    """Length of a tick of the kernel's clock, below which no CPU timer goes; 1 ms where the system does not say."""
    coarse = getattr(time, "CLOCK_MONOTONIC_COARSE", None)
    if coarse is None and hasattr(time, "CLOCK_MONOTONIC"):
        coarse = 6 if time.__dict__.get("CLOCK_BOOTTIME") is not None else None  # Linux's number; CPython does not name it
    try:
        resolution = round(time.clock_getres(coarse) * 1e9) if coarse is not None else 0
    except OSError:
        resolution = 0
    return resolution if resolution >= 100_000 else 1_000_000


def in_main_thread() -> bool:
    return ident() == main_ident()


class Timer:
    """The timer of one mode and its signal. Which handler is meant is said once, by ``install``."""

    def __init__(self, mode: str, handler: Handler) -> None:
        self.which, self.signal = TIMERS[mode]
        self.handler = handler
        self._ignored = False
        self._interval = 0.0
        """The one that was set here, as the kernel tells it; 0: none. By another the program has set the timer for itself."""

    def install(self) -> str | None:
        """Put the handler in, if need be; returns why that cannot be had, or None."""
        present = signal.getsignal(self.signal)
        if present is not self.handler:
            if present not in (signal.SIG_DFL, signal.SIG_IGN):
                return f"{self.signal.name} has a handler of somebody else's"
            if not in_main_thread():
                return "plopi.install() was not called in the main thread, so the signal's handler is not installed"
            try:
                signal.signal(self.signal, self.handler)
            except ValueError:  # a subinterpreter's main thread
                return "signal handlers can only be installed in the main interpreter"
            self._ignored = present is signal.SIG_IGN
        signal.siginterrupt(self.signal, False)
        return None

    def arm(self, interval_ns: int) -> str | None:
        """Start the timer; returns why it does not run, or None."""
        if self.signal in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
            return f"{self.signal.name} is blocked in this thread's signal mask"
        try:
            if signal.getitimer(self.which)[0] > 0:
                return "the timer is in use by somebody else"
            reason = self.install()
            if reason is not None:
                return reason
            self._set(interval_ns)
        except OSError as error:
            return f"timer refused: {error}"
        return None

    def rearm(self, interval_ns: int) -> str | None:
        """Set the interval of a timer that is ours or off; returns why it does not run, or None."""
        try:
            if signal.getitimer(self.which)[1] not in (0.0, self._interval):
                return f"sampling interrupted: {SET_ANEW}"
            self._set(interval_ns)
        except OSError as error:
            return f"timer refused: {error}"
        return None

    def disarm(self) -> None:
        """Stop the timer, unless the program has set it to something of its own; never fails. The handler stays."""
        try:
            if signal.getitimer(self.which)[1] == self._interval:
                self._set(0)
        except OSError:
            pass

    def _set(self, interval_ns: int) -> None:
        signal.setitimer(self.which, interval_ns / 1e9, interval_ns / 1e9)
        self._interval = signal.getitimer(self.which)[1]

    def give_back(self) -> None:
        """After ``disarm``: a signal that was ignored before is ignored again, if the handler is still ours."""
        if self._ignored and in_main_thread() and signal.getsignal(self.signal) is self.handler:
            signal.signal(self.signal, signal.SIG_IGN)
        self._ignored = False

    def taken(self) -> str | None:
        """Who took timer or signal away since ``arm``, in words; None while both are ours."""
        if signal.getsignal(self.signal) is not self.handler:
            return f"the application replaced the handler of {self.signal.name}"
        interval = signal.getitimer(self.which)[1]
        if interval != self._interval:
            return SET_ANEW if interval else "the application switched the timer off"
        return None
