"""A whole program under the profiler, to its end, however that comes."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from types import FrameType
from typing import Any, NoReturn

from plopi import files
from plopi.collector.collector import Collector
from plopi.collector.recording import Export, FileSink, Recording, say
from plopi.collector.settings import Settings
from plopi.collector.sink import Sink
from plopi.collector.summary import summary

PATIENCE_SECONDS = 1.0


def sink_for(settings: Settings, name: str, *, keep_empty: bool = True) -> FileSink:
    """Where a profile with these settings goes."""
    if settings.format == "pprof" and settings.output is None:
        return Recording(settings.datadir, name, keep_empty=keep_empty)
    return Export(settings.format, path=settings.output, datadir=settings.datadir, name=name, keep_empty=keep_empty)


def collector_for(settings: Settings, sink: Sink, **more: Any) -> Collector:
    return Collector(
        settings.interval,
        settings.mode,
        settings.engine,
        max_stacks=settings.max_stacks,
        threads=settings.threads,
        sink=sink,
        **more,
    )


class Session:
    """Profiles the process from ``start`` to its end, however that comes, and says on stderr where the profile is."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.settings, self.name = settings, name
        self._began_in = files.absolute(".")
        self._collector: Collector | None = None
        self._sink: FileSink | None = None
        self._command = ""
        self._quiet = settings.quiet
        self._finished = False
        self._busy = False
        self._die_of: int | None = None
        self._original_exit = os._exit
        self._exit = self._exit_at_once  # one object, to be known again

    def start(self, command: str) -> None:
        """Raises UsageError where the settings cannot be had. For the main thread, before the program registers exit hooks."""
        self._command = command
        atexit.register(self.finish)  # the first to be registered is the last to be called
        self._begin(keep_empty=True)
        self._original_exit, os._exit = os._exit, self._exit
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._terminated)

    def finish(self) -> None:
        """Write the profile. Once: later calls do nothing, and a signal that comes meanwhile kills afterwards."""
        if self._finished or self._busy or self._collector is None or self._sink is None:
            return
        self._busy = True
        try:
            self._collector.stop()
            if not self._quiet:
                for line in summary(self._sink, self.settings, self._began_in):
                    say(line)
        finally:
            self._finished, self._busy = True, False
            self._leave_sigterm()
            self._leave_exit()
            if self._die_of is not None:
                os.kill(os.getpid(), self._die_of)

    def _begin(self, *, keep_empty: bool) -> None:
        self._sink = sink_for(self.settings, self.name, keep_empty=keep_empty)
        self._collector = collector_for(self.settings, self._sink, command=self._command, on_fork_child=self._forked)
        self._collector.start(self.settings.duration)

    def _terminated(self, signum: int, _frame: FrameType | None) -> None:
        """SIGTERM as if nobody had asked for it: the profile is written, then the process dies of it."""
        self._die_of = signum
        if not self._busy:
            self.finish()
            self._leave_sigterm()
            os.kill(os.getpid(), signum)

    def _exit_at_once(self, status: int) -> NoReturn:
        """``os._exit``: mypy, for one, leaves so, and no exit hook runs. The profile is written first, if it can be soon."""
        if isinstance(status, int):  # else the program goes on, with an exception
            try:
                if self._collector is not None and self._collector.can_stop(PATIENCE_SECONDS):
                    self.finish()
            except BaseException:  # nothing may keep the process from ending
                pass
        self._original_exit(status)

    def _leave_exit(self) -> None:
        if os._exit is self._exit:
            os._exit = self._original_exit

    def _leave_sigterm(self) -> None:
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == self._terminated:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _forked(self) -> None:
        """In a forked child: begin a file of its own there, or have nothing more to do with it."""
        was_running = not self._finished
        self._busy, self._die_of, self._quiet = False, None, True
        self._collector = self._sink = None
        followed = self.settings.follow_fork and was_running and self.settings.output is None
        if not followed or _about_to_exec():
            self._finished = True
            self._leave_sigterm()
            self._leave_exit()
            return
        try:
            self._begin(keep_empty=False)
        except Exception as error:  # the child must not be hurt: it goes on without a profile
            self._finished = True
            say(f"process {os.getpid()} is not profiled: {error}")
            return
        util = sys.modules.get("multiprocessing.util")
        if util is not None:  # its children leave by os._exit, after finalizers of its own
            util.register_after_fork(self, _finish_with_multiprocessing)


_BELOW_FORK, _SUBPROCESS = ("plopi.collector.", "gevent.os"), ("subprocess", "gevent.subprocess")


def _about_to_exec() -> bool:
    """This child was forked by ``subprocess``, or gevent's, to become another program, by an exec in C: a timer would kill that
    program."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith(_BELOW_FORK):
        frame = frame.f_back
    return frame is not None and frame.f_code.co_name == "_execute_child" and frame.f_globals.get("__name__") in _SUBPROCESS


def _finish_with_multiprocessing(session: Session) -> None:
    sys.modules["multiprocessing.util"].Finalize(None, session.finish, exitpriority=-(10**9))
