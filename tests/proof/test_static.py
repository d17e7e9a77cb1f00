"""What can be seen without running anything: what tests need is pinned, what users need has a floor, all that comes with them is
listed under a licence, C copies nothing unbounded.

The ban list (marshal, pickle, eval, shell=, innerHTML, assert as a check) is held by ``tests/test_house.py``, over all sources.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement

from tests.proof import ROOT

PINNED = re.compile(r"[\w-]+==[\w.]+(; .+)?")
FLOORED = re.compile(r"[\w-]+>=[\w.]+(; .+)?")
FAMILIES = {
    "MIT": r"\bMIT\b",
    "BSD": r"\b0?BSD\b",
    "Apache": r"\bApache\b",
    "MPL": r"\bMPL\b|Mozilla",
    "PSF": r"\bPSF\b",
    "ZPL": r"\bZPL\b",
    "Zlib": r"\bZlib\b",
    "CC0": r"\bCC0\b",
    "GPL": r"GPL\b|\bGNU\b",
}
PERMISSIVE = set(FAMILIES) - {"GPL"}
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


def test_everything_installed_is_listed_with_its_licence() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| [^|]+ \| ([^|]+) \|$", (ROOT / "docs/dependencies.md").read_text("utf-8"), re.MULTILINE)
    said = dict(rows)
    assert len(said) == len(rows) > len(listed("VIEWER")) + len(listed("TEST"))
    brought = set(brought_by(listed("VIEWER") + listed("TEST")))
    assert brought - set(said) == set()
    assert [name for name in brought if not named(said[name]) & named(licences_of(name))] == []
    assert {name: found for name, licence in rows if (found := named(licence) - PERMISSIVE)} == {}


def brought_by(wanted: list[str]) -> Iterator[str]:
    """The names of all packages that come with these, as far as they are installed here."""
    waiting, seen = [Requirement(each) for each in wanted], set[str]()
    while waiting:
        requirement = waiting.pop()
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if name in seen or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        seen.add(name)
        yield name
        waiting += [Requirement(each) for each in metadata.requires(name) or ()]


def licences_of(name: str) -> str:
    found = metadata.metadata(name)
    parts = [found.get("License-Expression") or "", (found.get("License") or "")[:100], *(found.get_all("Classifier") or ())]
    return " ".join(part for part in parts if "::" not in part or part.startswith("License"))


def named(licence: str) -> set[str]:
    return {family for family, pattern in FAMILIES.items() if re.search(pattern, licence)}


def test_c_sources_use_no_unbounded_copies() -> None:
    """Functions that write as much as they find; where there is a bound it is said at the call."""
    banned = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets|alloca|system|popen)\s*\(")
    sources = sorted(ROOT.glob("plopi/**/*.[ch]"))
    assert sources
    assert [f"{path.name}: {found[0]}" for path in sources for found in banned.finditer(path.read_text("utf-8"))] == []
