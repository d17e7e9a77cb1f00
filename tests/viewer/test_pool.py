"""What somebody waits for is not behind what fills the index, and a file is judged by what was read of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from serving import DEADLINE, eventually, pprof, put, viewer

from plopi.errors import FormatError
from plopi.viewer import store as store_module
from plopi.viewer.readers.bounds import Bounds
from plopi.viewer.readers.pool import Pool, Task
from plopi.viewer.readers.process import Process, WorkerDied
from plopi.viewer.readers.results import Key, Parsed
from plopi.viewer.readers.sandbox import _NICE
from plopi.viewer.store import Store
from plopi.viewer.watch import Watcher, key_of


@contextlib.contextmanager
def pool(bounds: Bounds | None = None) -> Iterator[Pool]:
    made = Pool(bounds or Bounds())
    try:
        yield made
    finally:
        made.close()


def opened(path: Path) -> tuple[int, Key]:
    fd = os.open(path, os.O_RDONLY)
    return fd, key_of(os.fstat(fd))


def task(path: Path, urgent: bool = False) -> Task:
    return Task("columns" if urgent else "summary", path.name, lambda: opened(path), grows=False, urgent=urgent)


@contextlib.contextmanager
def held_up(path: Path) -> Iterator[tuple[Task, threading.Event]]:
    """A task for the index whose file takes until the end of the block to open; and an event that tells that it is begun."""
    begun, goes_on = threading.Event(), threading.Event()

    def slowly() -> tuple[int, Key]:
        begun.set()
        assert goes_on.wait(DEADLINE)
        return opened(path)

    try:
        yield Task("summary", path.name, slowly, grows=False, urgent=False), begun
    finally:
        goes_on.set()


def test_what_somebody_waits_for_passes_what_is_being_read_for_the_index(tmp_path: Path) -> None:
    path = put(tmp_path / "a.pb.gz", pprof())
    with pool() as readers, held_up(path) as (slow, begun):
        queued, wanted = task(path), task(path, urgent=True)
        for each in (slow, queued):
            readers.submit(each)
        assert begun.wait(DEADLINE)
        assert not readers.hurry(slow), "it is being read at low priority, and stays so"
        readers.submit(wanted)
        assert wanted.future.result(DEADLINE).profile is not None
        assert not slow.future.done()
        assert readers.hurry(queued), "it has not been begun, so the first worker takes it"
        assert queued.future.result(DEADLINE).profile is not None


def test_what_is_there_already_need_not_be_read_again(tmp_path: Path) -> None:
    path = put(tmp_path / "a.pb.gz", pprof())
    with pool(Bounds(workers=1)) as readers, held_up(path) as (slow, begun):
        wanted, there = task(path, urgent=True), mock.create_autospec(Parsed, instance=True)
        readers.submit(slow)
        assert begun.wait(DEADLINE)
        readers.submit(wanted)
        readers.abandon(wanted, instead=there)
        assert wanted.future.result(0) is there


def test_only_workers_for_the_index_give_way_to_others(tmp_path: Path) -> None:
    put(tmp_path / "a.pb.gz", pprof())
    own = os.getpriority(os.PRIO_PROCESS, 0)

    def nices() -> list[int]:
        return sorted(os.getpriority(os.PRIO_PROCESS, pid) - own for pid in readers.pids())

    with pool() as readers:
        readers.submit(summary := task(tmp_path / "a.pb.gz"))
        assert summary.future.result(DEADLINE).summary.samples == 1
        eventually(lambda: nices() == [0, _NICE], "both workers at their priority")


def test_more_workers_than_one_are_at_hand_for_whoever_waits(tmp_path: Path) -> None:
    """The one for the index is started anew: nothing that somebody waits for is read at low priority."""
    path, both = put(tmp_path / "a.pb.gz", pprof()), threading.Barrier(2)
    read, gave_way = Process.read, []

    def together(process: Process, *arguments: Any) -> Any:
        gave_way.append(process.gives_way)
        both.wait(DEADLINE)
        return read(process, *arguments)

    with pool() as readers, mock.patch.object(Process, "read", together):
        wanted = [task(path, urgent=True) for _ in range(2)]
        for each in wanted:
            readers.submit(each)
        for each in wanted:
            assert each.future.result(DEADLINE).profile is not None
    assert gave_way == [False, False]


def test_what_never_had_its_turn_at_low_priority_is_tried_at_the_usual_one(tmp_path: Path) -> None:
    path, read, tried = put(tmp_path / "a.pb.gz", pprof()), Process.read, []

    def starved(process: Process, *arguments: Any) -> Any:
        tried.append(process.gives_way)
        if process.gives_way:
            raise WorkerDied(9, timed_out=True)
        return read(process, *arguments)

    with pool() as readers, mock.patch.object(Process, "read", starved):
        readers.submit(summary := task(path))
        assert summary.future.result(DEADLINE).summary.samples == 1
    assert tried == [True, False]


def test_a_file_that_changes_while_it_is_read_is_not_judged_by_that(tmp_path: Path) -> None:
    path, read = put(tmp_path / "a.pb.gz", pprof()[:-9]), Process.read

    def overtaken(process: Process, *arguments: Any) -> Any:
        try:
            return read(process, *arguments)
        except FormatError:
            put(path, pprof(), age=50)
            raise

    with pool() as readers, mock.patch.object(Process, "read", overtaken):
        readers.submit(summary := task(path))
        assert summary.future.result(DEADLINE).summary.samples == 1


def test_a_file_is_as_old_as_what_was_read_of_it(tmp_path: Path) -> None:
    """A scan comes late on a busy machine: a file that lay there for an hour is being written to when it is read at last."""
    path, whole = put(tmp_path / "a.pb.gz", pprof(), age=3600), pprof("main;work", "main;rest")
    open_it = Watcher.open

    def written_to(watcher: Watcher, name: str) -> tuple[int, Key]:
        put(path, whole[:-9], age=0)
        return open_it(watcher, name)

    async def scene() -> None:
        store = Store(tmp_path)
        try:
            with mock.patch.object(Watcher, "open", written_to):
                await store.refresh()
                (entry,) = (store.get(each) for each in store.ids())
                assert entry
                while entry.trouble is None:
                    await asyncio.sleep(0.01)
                assert (entry.settling, entry.is_broken) == (True, False)
        finally:
            await store.close()

    asyncio.run(asyncio.wait_for(scene(), DEADLINE))


def test_what_many_look_at_is_preferred_once(tmp_path: Path) -> None:
    for number in range(10):
        put(tmp_path / f"{number}.pb.gz", pprof())

    async def scene() -> None:
        store = Store(tmp_path)
        try:
            with mock.patch.object(store_module, "SUMMARIES_AT_ONCE", 0):
                await store.refresh()
                before = len(store._waiting)
                for _ in range(5):
                    store.prefer(entry for each in store.ids() if (entry := store.get(each)))
                assert len(store._waiting) == before + 10
        finally:
            await store.close()

    asyncio.run(asyncio.wait_for(scene(), DEADLINE))


@pytest.mark.parametrize("workers", [1, 2])
def test_an_index_is_filled_and_views_are_shown_whatever_the_number_of_workers(tmp_path: Path, workers: int) -> None:
    put(tmp_path / "a.pb.gz", pprof())
    with viewer(tmp_path, Bounds(workers=workers)) as running:
        profile_id = running.client.settled("a.pb.gz")["id"]
        assert running.client.view(profile_id).status == 200
