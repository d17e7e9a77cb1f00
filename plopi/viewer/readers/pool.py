"""A few worker processes and a queue in front of them: what a user waits for goes before what fills the index.

The first worker reads only what somebody waits for. The others fill the index meanwhile, at low priority; when the first one is
busy and more is waited for, they are started anew for that.

What is kept on disk is looked for first, by threads of their own: that takes no worker and no place in the queue.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from dataclasses import replace

from plopi.errors import FormatError
from plopi.viewer.readers import columns
from plopi.viewer.readers.bounds import Bounds
from plopi.viewer.readers.disk_cache import DiskCache, identity_of
from plopi.viewer.readers.followers import Followers
from plopi.viewer.readers.process import Answer, Job, Process, Want, WorkerDied, parsed_from
from plopi.viewer.readers.results import SLOW_SECONDS, Key, Parsed, Progress, Unreadable, summary_from
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
        self.worker: int | None = None
        """Number of the worker that reads it now."""
        self.key: Key | None = None
        """Of the file as it was when it was opened last."""

    def report(self, progress: Progress) -> None:
        self.progress = progress


class Abandoned(Unreadable):
    """It was not read, because nobody waited for it any more."""

    def __init__(self) -> None:
        super().__init__("nobody waited for it any more", lasting=False)


class Pool:
    """Threads that each drive one worker process. ``submit`` from any thread; ``close`` ends all of it."""

    def __init__(self, bounds: Bounds, cache: DiskCache | None = None) -> None:
        self._bounds = bounds
        self._cache = cache
        self._finders = ThreadPoolExecutor(2, "plopi cache")
        self._keeper = ThreadPoolExecutor(1, "plopi cache writer")
        self.followers = Followers(bounds)
        self._following = ThreadPoolExecutor(2, "plopi follower")
        self._changed = threading.Condition()
        self._urgent: deque[Task] = deque()
        self._patient: deque[Task] = deque()
        self._first_is_busy = False
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
            if not self._closed:
                if task.grows and task.want == "columns":
                    self._following.submit(self._follow, task)
                elif self._cache is None or task.grows:
                    self._enqueue(task)
                else:
                    self._finders.submit(self._look_up, self._cache, task)
                return
        task.future.set_exception(Unreadable("the viewer is shutting down", lasting=False))

    def hurry(self, task: Task) -> bool:
        """Somebody waits for it now, and wants to see it. False if it is being read at low priority already."""
        with self._changed:
            if task.urgent or task.worker is not None:
                return task.urgent
            task.urgent, task.want = True, "columns"
            if task in self._patient:
                self._patient.remove(task)
                self._enqueue(task)
        return True

    def abandon(self, task: Task, instead: Parsed | None = None) -> None:
        """Nobody waits for it any more, or for anything but what there is ``instead``. What is being read is read to its end,
        unless somebody waits for the worker."""
        with self._changed:
            if task in self._urgent:
                self._urgent.remove(task)
            elif instead is None and (task.worker is None or not self._urgent):
                return
            elif task.worker is not None and self._urgent:
                self._processes[task.worker].interrupt()
        with contextlib.suppress(InvalidStateError):
            if instead is not None:
                task.future.set_result(instead)
            else:
                task.future.set_exception(Abandoned())

    def progress(self, task: Task) -> Progress:
        """How far it is, or how many come before it."""
        with self._changed:
            queue = self._urgent if task.urgent else self._patient
            if task not in queue:
                return task.progress
            ahead = queue.index(task) + (0 if task.urgent else len(self._urgent))
        return replace(task.progress, ahead=ahead)

    def trim(self) -> None:
        """Let go of followed recordings that nobody has looked at for a while; in a thread."""
        with contextlib.suppress(RuntimeError):  # shutting down
            self._following.submit(self.followers.trim, time.monotonic())

    def pids(self) -> list[int]:
        """Process ids of the workers that run now."""
        with self._changed:
            return [process.pid for process in self._processes.values()]

    def _enqueue(self, task: Task) -> None:
        (self._urgent if task.urgent else self._patient).append(task)
        self._changed.notify_all()

    def _follow(self, task: Task) -> None:
        """Read what a recording has gained since it was last read; what is no recording takes its place in the queue."""
        outcome: Parsed | Exception | None
        try:
            fd, key = task.opener()
            task.key = key
            try:
                outcome = self.followers.read(task.name, fd, key, task.report)
            finally:
                os.close(fd)
        except Exception as error:
            outcome = self._trouble(error)
        with self._changed:
            if outcome is None and not self._closed:
                self._enqueue(task)
                return
        with contextlib.suppress(InvalidStateError):  # it was abandoned meanwhile
            if isinstance(outcome, Parsed):
                task.future.set_result(outcome)
            else:
                task.future.set_exception(outcome or Unreadable("the viewer is shutting down", lasting=False))

    def _trouble(self, error: Exception) -> Unreadable:
        """What became of a file that could not be read."""
        if isinstance(error, Unreadable):
            return error
        if isinstance(error, WorkerDied):
            return Unreadable(self._cause(error), lasting=error.by != signal.SIGKILL or error.timed_out)
        if isinstance(error, FormatError):
            return Unreadable(str(error))
        return Unreadable(f"it could not be read ({type(error).__name__}: {error})", lasting=False)

    def _look_up(self, cache: DiskCache, task: Task) -> None:
        """Give the task what is kept on disk, or its place in the queue."""
        parsed = None
        with contextlib.suppress(Exception):  # whatever it is, reading the file says it better
            parsed = _kept(cache, task)
        if parsed is not None:
            task.future.set_result(parsed)
            return
        with self._changed:
            if not self._closed:
                self._enqueue(task)
                return
        task.future.set_exception(Unreadable("the viewer is shutting down", lasting=False))

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
        self.followers.close()
        self._following.shutdown(cancel_futures=True)
        self._finders.shutdown(cancel_futures=True)
        self._keeper.shutdown(cancel_futures=True)

    def _take(self, number: int) -> Task | None:
        """The next task. The first worker is left for tasks that somebody waits for, and those for it unless it has one."""
        with self._changed:
            while not self._closed:
                task = None
                if self._urgent and (number == 0 or self._first_is_busy):
                    task = self._urgent.popleft()
                elif self._patient and (number > 0 or self._bounds.workers == 1):
                    task = self._patient.popleft()
                if task is not None:
                    task.worker = number
                    if number == 0:
                        self._first_is_busy = True
                        self._changed.notify_all()
                    return task
                self._changed.wait()
        return None

    def _serve(self, number: int) -> None:
        with contextlib.suppress(Exception):  # the first task says why
            self._renew(number, number > 0)
        while (task := self._take(number)) is not None:
            outcome: Parsed | Exception
            try:
                outcome = self._read(number, task)
            except Exception as error:  # nothing that a file does may end this thread
                outcome = self._trouble(error)
            with self._changed:
                task.worker = None
                if number == 0:
                    self._first_is_busy = False
            with contextlib.suppress(InvalidStateError):  # it was abandoned meanwhile
                if isinstance(outcome, Parsed):
                    task.future.set_result(outcome)
                else:
                    task.future.set_exception(outcome)
        self._drop(number)

    def _read(self, number: int, task: Task) -> Parsed:
        gives_way = number > 0 and not task.urgent
        for attempt in range(_TRIES):
            last = attempt == _TRIES - 1
            fd, key = task.opener()
            task.key = key
            try:
                task.report(Progress("queued", 0, key.size))
                identity, began = self._identity(fd, task), time.monotonic()
                answer = self._attempt(number, task, fd, key, gives_way)
                after = key_of(os.fstat(fd))
            except (FormatError, Unreadable):
                if task.grows or key_of(os.fstat(fd)) == key:
                    raise
                continue
            except WorkerDied as death:
                if death.timed_out and gives_way and not last:
                    gives_way = False  # on a busy machine it may never have had its turn
                    continue
                if last or task.future.done() or death.timed_out or death.by != signal.SIGKILL or self._closed:
                    raise Unreadable(self._cause(death)) from None
                continue
            finally:
                os.close(fd)
            if after == key and identity is not None and answer.content is not None:
                self._keep(identity, answer.content, time.monotonic() - began)
            if after == key or (task.grows and after.size >= key.size):
                return answer.parsed
        raise Unreadable("it keeps changing while it is read", lasting=False)

    def _identity(self, fd: int, task: Task) -> str | None:
        return None if self._cache is None or task.grows else identity_of(fd, time.time_ns())

    def _keep(self, identity: str, content: memoryview, seconds: float) -> None:
        """On disk, if reading it took long; written by a thread that nobody waits for."""
        if self._cache is not None and seconds >= SLOW_SECONDS:
            with contextlib.suppress(RuntimeError):  # shutting down
                self._keeper.submit(self._cache.keep, identity, content)

    def _attempt(self, number: int, task: Task, fd: int, key: Key, gives_way: bool) -> Answer:
        process = self._processes.get(number)
        if process is None or process.spent or process.gives_way != gives_way:
            process = self._renew(number, gives_way)
        return process.read(Job(task.want, task.name, key.size), fd, key, task.report)

    def _renew(self, number: int, gives_way: bool) -> Process:
        self._drop(number)
        process = Process(self._bounds, gives_way)
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


def _kept(cache: DiskCache, task: Task) -> Parsed | None:
    """What the cache has of the file as it is now; what of it is no good is removed."""
    fd, key = task.opener()
    try:
        identity = identity_of(fd, time.time_ns())
    finally:
        os.close(fd)
    content = cache.find(identity) if identity is not None else None
    if identity is None or content is None:
        return None
    try:
        if task.want == "summary":
            return Parsed(key, summary_from(columns.fields_of(columns.read_head(content))), None, 0)
        return parsed_from(key, content)
    except Exception:
        cache.drop(identity)
        raise
