"""How often the wall clock looks at a thread (``_sampler_pace.h``), driven by clocks that are made up."""

from __future__ import annotations

import bisect
import ctypes
import itertools
import random
import shutil
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
TURN_NS = 1_000_000
MAX_LEVEL = 3
BEGIN = 1_000_003


@pytest.fixture(scope="module")
def pace(tmp_path_factory: pytest.TempPathFactory) -> Any:
    if not shutil.which("gcc"):
        pytest.skip("no gcc to build it with: apt-get install gcc libc6-dev")
    library = tmp_path_factory.mktemp("pace") / "pace.so"
    subprocess.run(["gcc", "-std=gnu11", "-O2", "-Wall", "-fPIC", "-shared", "-o", library, HERE / "_pace.c"], check=True)
    loaded = ctypes.CDLL(str(library))
    loaded.drawn.argtypes, loaded.drawn.restype = [ctypes.c_uint64, ctypes.c_uint], ctypes.c_uint64
    loaded.begin.argtypes = [ctypes.POINTER(Pace), ctypes.c_uint64]
    loaded.look.argtypes = [ctypes.POINTER(Pace), ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint]
    loaded.look.restype = ctypes.c_uint64
    return loaded


class Pace(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("next", "since", "cpu_ns", "looked_ns")] + [("level", ctypes.c_uint)]


@dataclass(frozen=True)
class Stretch:
    """What a thread does for so many turns."""

    name: str
    turns: float
    runs: bool = False


def looks(pace: Any, life: list[Stretch]) -> Iterator[tuple[str, int, int]]:
    """What each look finds, for how many turns it stands, and at which turn it is, from 0."""
    ends = list(itertools.accumulate(each.turns for each in life))
    ran = [0.0, *itertools.accumulate(each.turns * each.runs for each in life)]
    state, told = Pace(), BEGIN
    pace.begin(state, BEGIN)
    while (at := state.next - BEGIN + 0.5) < ends[-1]:
        row, turn = bisect.bisect_right(ends, at), state.next
        cpu = ran[row] + (at - (ends[row] - life[row].turns)) * life[row].runs
        end = pace.look(state, 1 + round(cpu * TURN_NS), round((BEGIN + at) * TURN_NS), MAX_LEVEL)
        yield life[row].name, end - told, turn - BEGIN
        told = end


def test_each_stretch_has_one_look_anywhere_in_it_and_it_is_one_of_its_halves(pace: Any) -> None:
    for level in range(1, 5):
        length, places = 1 << level, Counter[int]()
        for stretch in range(4000):
            turn = pace.drawn(stretch, level)
            assert turn >> level == stretch
            assert turn in (pace.drawn(2 * stretch, level - 1), pace.drawn(2 * stretch + 1, level - 1))
            places[turn % length] += 1
        assert len(places) == length and min(places.values()) > 0.75 * 4000 / length, places


@pytest.mark.parametrize("runs", [False, True])
def test_what_goes_on_is_looked_at_more_seldom_and_soon_again_at_every_turn_when_it_changes(pace: Any, runs: bool) -> None:
    long, short = Stretch("long", 2000, runs), [Stretch("short", 0.9), Stretch("runs", 0.1, True)]
    seen = list(looks(pace, [long, *short * 200, long]))
    at = [turn for _, _, turn in seen]
    apart = [later - turn for turn, later in itertools.pairwise(at)]
    assert apart[:30] == [1] * 30, "so soon nothing is long"
    assert 2 <= max(apart) < 2 * (1 << MAX_LEVEL)
    assert sum(turn < 2000 for turn in at) < 2000 / 8 + 150
    assert sum(2016 <= turn < 2200 for turn in at) == 184
    assert sum(turns for _, turns, _ in seen) == pytest.approx(4200, abs=8), "no turn is left out, none counts twice"


def server(dice: random.Random) -> list[Stretch]:
    return [Stretch("awaits", dice.expovariate(1 / 40)), Stretch("works", dice.expovariate(2), True), Stretch("answers", 3)]


def hops(dice: random.Random) -> list[Stretch]:
    goes = Stretch("goes", 0.02, True)
    return [Stretch("hop", dice.uniform(2, 8)), goes, Stretch("settle", dice.uniform(40, 80)), goes]


def works_and_waits(dice: random.Random) -> list[Stretch]:
    works = Stretch("works", dice.expovariate(1 / 200), True)
    return [works, Stretch("waits", 0.5), Stretch("works", 20, True), Stretch("sleeps", 90)]


@pytest.mark.parametrize("program", [server, hops, works_and_waits])
def test_what_follows_a_long_wait_does_not_get_its_time(pace: Any, program: Callable[[random.Random], list[Stretch]]) -> None:
    """Looks are far apart by then: were each at the end of the time for which it stands, ``answers`` would have a tenth more."""
    dice, life = random.Random(7), list[Stretch]()
    while len(life) < 6_000:
        life += program(dice)
    seen = list(looks(pace, life))
    wrong, whole = defaultdict[str, float](float), sum(each.turns for each in life)
    for name, turns in [*((each.name, -each.turns) for each in life), *((name, turns) for name, turns, _ in seen)]:
        wrong[name] += turns / whole
    assert len(seen) < 0.9 * whole
    assert max(map(abs, wrong.values())) < 0.004, wrong
