"""A few worker processes and a queue in front of them: what a user waits for goes before what fills the index."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

from plopi.errors import FormatError
from plopi.viewer.readers.bounds import Bounds
from plopi.viewer.readers.process import Job, Process, Want, WorkerDied
from plopi.viewer.readers.results import Key, Parsed, Progress, Unreadable
from plopi.viewer.watch import key_of

Opener = Callable[[], tuple[int, Key]]
"""Opens the file and says what it is; raises Unreadable. The pool closes the descriptor."""

_TRIES = 3
"""For a file that keeps changing while it is read, or whose reader was killed by somebody else."""


class Task:
    """One file to be read. ``future`` gets a Parsed, or Unreadable; ``progress`` may be looked at any time."""

    def __init__(self, want: Want, name: str, opener: Opener, grows: bool, urgent: bool, size: int = 0) -> None:
        self.want = want
        self.name = name
        self.opener = opener
        self.grows = grows
        """Appending to it while it is read does no harm: what was there at the start is read."""
        self.urgent = urgent
        self.future: Future[Parsed] = Future()
        self.progress = Progress("queued", 0, size)

    def report(self, progress: Progress) -> None:
        self.progress = progress


class Pool:
    """Threads that each drive one worker process. ``submit`` from any thread; ``close`` ends all of it."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._changed = threading.Condition()
        self._urgent: deque[Task] = deque()
        self._patient: deque[Task] = deque()
        self._patient_running = 0
        self._closed = False
        self._processes: dict[int, Process] = {}
        self._threads = [
            threading.Thread(target=self._serve, args=(number,), name=f"plopi reader {number}", daemon=True)
            for number in range(bounds.workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Task) -> None:
        with self._changed:
            if self._closed:
                task.future.set_exception(Unreadable("the viewer is shutting down", lasting=False))
                return
            (self._urgent if task.urgent else self._patient).append(task)
            self._changed.notify()

    def pids(self) -> list[int]:
        """Process ids of the workers that run now."""
        with self._changed:
            return [process.pid for process in self._processes.values()]

    def close(self) -> None:
        """Drop what waits, kill what runs, and wait for the threads."""
        with self._changed:
            self._closed = True
            waiting = [*self._urgent, *self._patient]
            self._urgent.clear()
            self._patient.clear()
            for process in self._processes.values():
                process.interrupt()
            self._changed.notify_all()
        for task in waiting:
            task.future.set_exception(Unreadable("the viewer is shutting down", lasting=False))
        for thread in self._threads:
            thread.join(5)

    def _take(self) -> Task | None:
        """The next task; one worker is always left for tasks that somebody waits for."""
        with self._changed:
            while not self._closed:
                if self._urgent:
                    return self._urgent.popleft()
                if self._patient and self._patient_running < max(1, self._bounds.workers - 1):
                    self._patient_running += 1
                    return self._patient.popleft()
                self._changed.wait()
        return None

    def _serve(self, number: int) -> None:
        with contextlib.suppress(Exception):  # the first task says why
            self._renew(number)
        while (task := self._take()) is not None:
            try:
                task.future.set_result(self._read(number, task))
            except Unreadable as error:
                task.future.set_exception(error)
            except FormatError as error:
                task.future.set_exception(Unreadable(str(error)))
            except Exception as error:  # nothing that a file does may end this thread
                task.future.set_exception(Unreadable(f"it could not be read ({type(error).__name__}: {error})", lasting=False))
            finally:
                if not task.urgent:
                    with self._changed:
                        self._patient_running -= 1
                        self._changed.notify()
        self._drop(number)

    def _read(self, number: int, task: Task) -> Parsed:
        for attempt in range(_TRIES):
            last = attempt == _TRIES - 1
            fd, key = task.opener()
            try:
                task.report(Progress("queued", 0, key.size))
                parsed = self._attempt(number, task, fd, key)
                after = key_of(os.fstat(fd))
            except WorkerDied as death:
                if last or death.timed_out or death.by != signal.SIGKILL or self._closed:
                    raise Unreadable(self._cause(death)) from None
                continue
            finally:
                os.close(fd)
            if after == key or (task.grows and after.size >= key.size):
                return parsed
        raise Unreadable("it keeps changing while it is read", lasting=False)

    def _attempt(self, number: int, task: Task, fd: int, key: Key) -> Parsed:
        process = self._processes.get(number)
        if process is None or process.spent:
            process = self._renew(number)
        return process.read(Job(task.want, task.name, key.size), fd, key, task.report)

    def _renew(self, number: int) -> Process:
        self._drop(number)
        process = Process(self._bounds)
        with self._changed:
            self._processes[number] = process
        return process

    def _drop(self, number: int) -> None:
        with self._changed:
            process = self._processes.pop(number, None)
        if process is not None:
            process.kill()

    def _cause(self, death: WorkerDied) -> str:
        if death.timed_out:
            return f"reading it took more than {self._bounds.wall_seconds:g} s, so the reader was stopped"
        if death.by == signal.SIGXCPU:
            return f"reading it took more than {self._bounds.cpu_seconds} s of CPU time, so the reader was stopped"
        if death.by is not None:
            name = signal.Signals(death.by).name if death.by in set(signal.Signals) else f"signal {death.by}"
            return f"the reader was killed by {name} while it read this file"
        return "the reader ended without an answer while it read this file"
