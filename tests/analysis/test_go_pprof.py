"""Numbers agree with ``go tool pprof`` to the last digit: with the golden files, and with the tool itself where there is one."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace

import go_pprof
import pytest

from plopi.viewer.analysis import index
from plopi.viewer.analysis.call_graph import Selection
from plopi.viewer.analysis.lenses import Lens, apply
from plopi.viewer.view import lens_of

GOLDEN = json.loads(go_pprof.GOLDEN.read_text("utf-8"))
FILTERS = [(seed, case) for seed in (1, 2) for case in go_pprof.CASES]


def table(seed: int, lens: Lens) -> go_pprof.Rows:
    profile = apply(go_pprof.profile(seed), lens)
    numbers = index(profile).weighed(Selection(1)).numbers
    return {
        f"{profile.function_name(f)} {profile.function_file(f)}": [int(numbers.self[f]), int(numbers.cum[f])]
        for f in range(len(profile.functions))
        if numbers.cum[f]
    }


@pytest.mark.parametrize(("seed", "case", "expected"), [(*asked, rows) for asked, rows in zip(FILTERS, GOLDEN["filters"])])
def test_focus_ignore_and_hide(seed: int, case: dict[str, str], expected: go_pprof.Rows) -> None:
    assert table(seed, lens_of(case)) == expected


def test_the_golden_files_are_what_the_tool_says_today() -> None:
    go = os.environ.get("PLOPI_TEST_GO") or shutil.which("go")
    if go is None:
        pytest.skip("no go command: the golden files stand for it")
    assert go_pprof.golden(go) == GOLDEN


def test_two_patterns_of_focus_are_two_filters_in_turn() -> None:
    both = Lens(focus=("load", "render"))
    one_by_one = apply(apply(go_pprof.profile(1), Lens(focus=("load",))), Lens(focus=("render",)))
    assert table(1, both) == {
        f"{one_by_one.function_name(f)} {one_by_one.function_file(f)}": [int(own), int(cum)]
        for numbers in [index(replace(one_by_one)).weighed(Selection(1)).numbers]
        for f, (own, cum) in enumerate(zip(numbers.self, numbers.cum))
        if cum
    }
