"""Looking at a directory that takes long: who asks meanwhile is answered with what is known."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest
from serving import DEADLINE, pprof, put

from plopi.viewer.store import REFRESH_SECONDS, Store
from plopi.viewer.watch import Changes, Watcher


@contextmanager
def slow_disk() -> Iterator[threading.Event]:
    """Scans end when the event is set."""
    goes_on, scan = threading.Event(), Watcher.scan

    def slowly(watcher: Watcher) -> Changes:
        assert goes_on.wait(DEADLINE)
        return scan(watcher)

    with mock.patch.object(Watcher, "scan", slowly):
        try:
            yield goes_on
        finally:
            goes_on.set()


def test_only_the_first_scan_is_waited_for_to_its_end(tmp_path: Path) -> None:
    put(tmp_path / "a.pb.gz", pprof())

    async def scene() -> None:
        now = 0.0
        store = Store(tmp_path, clock=lambda: now)
        try:
            with slow_disk() as goes_on:
                first = asyncio.create_task(store.refresh())
                await asyncio.sleep(0.3)
                assert not first.done(), "nothing is known yet"
                goes_on.set()
                await first
                assert len(store) == 1
                goes_on.clear()
                put(tmp_path / "b.pb.gz", pprof())
                now = 10.0
                await store.refresh()
                assert len(store) == 1, "what is known, while the disk is slow"
                goes_on.set()
                while len(store) == 1:
                    await asyncio.sleep(0.01)
        finally:
            await store.close()

    asyncio.run(asyncio.wait_for(scene(), DEADLINE))


def test_who_comes_when_a_scan_has_taken_long_does_not_wait_for_it(tmp_path: Path) -> None:
    async def scene() -> None:
        now = 0.0
        store = Store(tmp_path, clock=lambda: now)
        try:
            await store.refresh()
            with slow_disk():
                now = 10.0
                store.refresh_soon()
                now += REFRESH_SECONDS
                with pytest.raises(StopIteration):  # done without a pause
                    store.refresh().send(None)
        finally:
            await store.close()

    asyncio.run(asyncio.wait_for(scene(), DEADLINE))


def test_a_scan_that_fails_is_not_silent(tmp_path: Path) -> None:
    async def scene() -> None:
        store = Store(tmp_path)
        try:
            with mock.patch.object(Watcher, "scan", side_effect=ZeroDivisionError), pytest.raises(ZeroDivisionError):
                await store.refresh()
        finally:
            await store.close()

    asyncio.run(scene())


def test_a_file_that_is_emptied_after_a_scan_is_not_called_broken_for_what_it_was(tmp_path: Path) -> None:
    """It is about to be written anew; the next scan tells."""
    path = put(tmp_path / "a.pb.gz", pprof())
    os.utime(path, (0, 0))
    open_it, opened = Watcher.open, []

    def emptied(watcher: Watcher, name: str) -> object:
        path.write_bytes(b"")
        opened.append(name)
        return open_it(watcher, name)

    async def scene() -> None:
        store = Store(tmp_path)
        try:
            with mock.patch.object(Watcher, "open", emptied):
                await store.refresh()
                (entry,) = map(store.get, store.ids())
                while entry is not None and (not opened or entry.skimming is not None):
                    await asyncio.sleep(0.01)
            assert entry is not None
            assert entry.found.key.size > 0, "nobody has looked again"
            assert (entry.is_broken, entry.reason) == (False, None)
        finally:
            await store.close()

    asyncio.run(asyncio.wait_for(scene(), DEADLINE))
