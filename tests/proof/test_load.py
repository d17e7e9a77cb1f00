"""A viewer under load answers everything, shows nothing half-written and stays small. How fast is a figure, not a test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.proof.load import MOST_BYTES, Load, report, run


def test_a_viewer_under_load_answers_all_and_shows_nothing_half_written(record_property: Callable[[str, str], None]) -> None:
    load = Load()
    seen, floor = asyncio.run(run(load, floor=True))
    told = report(load, seen, floor)
    record_property("figures", told)
    assert set(seen.status) == {200}, told
    assert (seen.wrong, seen.dropped) == ([], 0), told
    assert seen.news > load.sockets, told
    assert seen.rss < MOST_BYTES, told
    assert len(seen.latency) > 2000, told
    assert floor and set(floor.status) == {200} and floor.news, told
