"""The proof programme: each area a module that tries something many times, for the tests with small numbers and for the campaign
(``tests/campaign``) with as many as its time allows. docs/reliability.md keeps what campaigns found."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PATHS = tuple(str(ROOT / folder) for folder in ("", "tests", "tests/formats"))


def here() -> dict[str, Any]:
    """How a process of an area is started, so that it finds plopi and the tests."""
    return {
        "cwd": ROOT,
        "env": {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, [*PATHS, os.environ.get("PYTHONPATH", "")])),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    }
