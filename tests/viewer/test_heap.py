"""What a store keeps is set aside from the rounds of garbage collection, and not without end."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from serving import DEADLINE, pprof, put

from plopi.viewer import heap
from plopi.viewer.heap import STEP, Heap
from plopi.viewer.store import Store


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_stays_is_looked_through_no_more() -> None:
    kept: list[dict[str, list[int]]] = []
    before = len(gc.get_objects())
    counting = Heap()
    for _ in range(5 * STEP):
        kept.append({"x": []})
        counting.keeps(len(kept))
    assert len(gc.get_objects()) <= before + 2 * STEP, "of 10 * STEP objects"


def test_what_comes_and_goes_sets_nothing_more_aside() -> None:
    counting = Heap()
    with mock.patch.object(gc, "freeze") as freeze:
        for count in (0, STEP, 2 * STEP, 0, STEP, 2 * STEP, STEP - 1, 3 * STEP - 1):
            counting.keeps(count)
        assert freeze.call_count == 2
        counting.keeps(3 * STEP)
        assert freeze.call_count == 3


def test_a_store_sets_files_and_summaries_aside(tmp_path: Path) -> None:
    for number in range(10):
        put(tmp_path / f"{number}.pb.gz", pprof())

    async def scene() -> None:
        store = Store(tmp_path)
        try:
            with mock.patch.object(gc, "freeze") as freeze, mock.patch.object(heap, "STEP", 10):
                await store.refresh()
                assert (len(store), freeze.call_count) == (10, 1), "listed"
                while store.unread:
                    await asyncio.sleep(0.01)
                assert freeze.call_count == 2, "read"
        finally:
            await store.close()

    asyncio.run(asyncio.wait_for(scene(), DEADLINE))
