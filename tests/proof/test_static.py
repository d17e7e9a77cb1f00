"""What can be seen without running anything: what tests need is pinned, what users need has a floor, C copies nothing unbounded.

The ban list (marshal, pickle, eval, shell=, innerHTML, assert as a check) is held by ``tests/test_house.py``, over all sources.
"""

from __future__ import annotations

import ast
import re

from tests.proof import ROOT

PINNED = re.compile(r"[\w-]+==[\w.]+(; .+)?")
FLOORED = re.compile(r"[\w-]+>=[\w.]+(; .+)?")
BUILDS = ("setuptools",)
"""Brought by the Python that builds; a pin would fight with it."""


def listed(name: str) -> list[str]:
    tree = ast.parse((ROOT / "setup.py").read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            return [each.value for each in ast.walk(node.value) if isinstance(each, ast.Constant)]
    raise LookupError(name)


def test_what_tests_need_is_pinned() -> None:
    wanted = [each for each in listed("TEST") if not each.startswith(BUILDS)]
    assert len(wanted) > 5
    assert [each for each in wanted if not PINNED.fullmatch(each)] == []


def test_what_the_viewer_needs_has_a_floor() -> None:
    assert [each for each in listed("VIEWER") if not FLOORED.fullmatch(each)] == []


def test_c_sources_use_no_unbounded_copies() -> None:
    """Functions that write as much as they find; where there is a bound it is said at the call."""
    banned = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets|alloca|system|popen)\s*\(")
    sources = sorted(ROOT.glob("plopi/**/*.[ch]"))
    assert sources
    assert [f"{path.name}: {found[0]}" for path in sources for found in banned.finditer(path.read_text("utf-8"))] == []
