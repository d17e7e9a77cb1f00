"""Processes side by side, for real: what runs alone does, and units stay together."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
TESTS = """
import json, os, time
import pytest

@pytest.mark.parametrize("number", range(6))
def test_something(number):
    begin = time.monotonic()
    time.sleep(0.05)
    with open("told", "a") as told:
        print(json.dumps([__file__, number, os.getpid(), begin, time.monotonic()]), file=told, flush=True)
"""


def test_what_runs_alone_does_and_files_stay_together(tmp_path: Path) -> None:
    for name in ("proof/test_load.py", "analysis/test_a.py", "analysis/test_b.py", "analysis/test_c.py"):
        path = tmp_path / "tests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TESTS)
    for name in ("side_by_side.py", "conftest.py"):
        (tmp_path / "tests" / name).write_bytes((ROOT / "tests" / name).read_bytes())
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = tests\npythonpath = tests\n")
    command = [sys.executable, "-m", "pytest", "-n", "2", "--no-loadscope-reorder", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1].startswith("=") and " 24 passed in " in done.stdout.splitlines()[-1], done.stdout
    told = [json.loads(line) for line in (tmp_path / "told").read_text().splitlines()]
    processes = {file: {pid for each, _, pid, *_ in told if each == file} for file, *_ in told}
    assert len(processes) == 4 and all(len(each) == 1 for each in processes.values())
    assert len(set.union(*processes.values())) == 2
    alone = [each for each in told if each[0].endswith("test_load.py")]
    for _, _, pid, begin, end in alone:
        assert [each for each in told if each[2] != pid and each[3] < end and begin < each[4]] == []
    others = [each for each in told if each not in alone]
    assert any(a[2] != b[2] and a[3] < b[4] and b[3] < a[4] for a in others for b in others)
