"""What README and docs show works: their code blocks are run, their links lead somewhere.

A fenced ``python`` or ``sh`` block runs in an empty directory of its own, in which earlier blocks of the same page have left
their files; ``no-run`` after the language says that a block is not for running (it needs a network, a service, or never ends).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")])
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
RUNNABLE = ("python", "sh")


@dataclass(frozen=True)
class Block:
    line: int
    language: str
    code: str


def blocks(page: Path) -> list[Block]:
    text = page.read_text("utf-8")
    found = []
    for match in FENCE.finditer(text):
        language, *flags = match["info"].split() or [""]
        if language in RUNNABLE and "no-run" not in flags:
            found.append(Block(text.count("\n", 0, match.start()) + 1, language, match["code"]))
    return found


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))


def anchors(page: Path) -> set[str]:
    """Of headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+)$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def environment() -> dict[str, str]:
    """``python`` and ``plopi`` are those under test, whatever the machine has."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.name)
def test_code_blocks_run(page: Path, tmp_path: Path) -> None:
    for block in blocks(page):
        command = [sys.executable, "-c", block.code] if block.language == "python" else ["sh", "-eu", "-c", block.code]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, f"{page.name}:{block.line} ended with {done.returncode}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for match in LINK.finditer(without_code(page.read_text("utf-8"))):
        target, _, anchor = match["target"].partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        leads_to = (page.parent / target).resolve() if target else page
        assert leads_to.exists(), f"{page.name} links to {match['target']}"
        if anchor and leads_to.suffix == ".md":
            assert anchor in anchors(leads_to), f"{page.name} links to {match['target']}"


def test_the_readme_shows_something_that_is_run() -> None:
    assert len(blocks(ROOT / "README.md")) >= 3
