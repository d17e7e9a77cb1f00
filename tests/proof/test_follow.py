"""A page that follows a recording holds no more than it did, and keeps up. How often it draws is a figure, not a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.proof import follow
from tests.proof.outcome import held


def test_a_followed_recording_neither_grows_in_the_page_nor_in_the_viewer(tmp_path: Path) -> None:
    pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install 'plopi[test]'")
    if follow.chromium() is None:
        pytest.skip("no browser is installed")
    held(follow.run(0, tmp_path, period=1, views=("graph", "table")))
