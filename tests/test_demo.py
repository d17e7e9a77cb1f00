"""The demo works as its readers will use it: in real processes, ended by a real Ctrl-C."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plopi import formats

ROOT = Path(__file__).parent.parent
DEMO = ROOT / "demo"
EXAMPLES = sorted((DEMO / "profiles").glob("*"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=60) as response:
        return json.load(response)


def eventually(what: Callable[[], Any], seconds: float = 120) -> Any:
    """The first true answer of ``what``; errors on the way are waited out like a false one."""
    until = time.monotonic() + seconds
    while True:
        try:
            found = what()
        except OSError:
            found = None
        if found:
            return found
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.2)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    port = free_port()
    command = [sys.executable, str(DEMO / "live.py"), "--port", str(port), "--datadir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    yield process, f"http://127.0.0.1:{port}/"
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_the_demo_shows_a_growing_recording_and_ends_cleanly(demo: tuple[subprocess.Popen[str], str], tmp_path: Path) -> None:
    process, url = demo

    def growing() -> list[dict[str, Any]]:
        return [row for row in get(url + "api/profiles")["profiles"] if row["status"] == "growing" and row["samples"]]

    [recording] = eventually(growing)
    first = recording["samples"]
    eventually(lambda: any(row["samples"] > first for row in growing()))

    def drawn() -> set[str]:
        return {node["name"].rpartition(".")[2] for node in get(f"{url}api/profiles/{recording['id']}/graph")["nodes"]}

    eventually(lambda: {"sales_report", "sign"} & drawn())

    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: every process of the group
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert url in said
    # What the README says of a tick while asyncio closes its loop (under "Where it falls short") may happen here, too.
    told = re.sub(r"Exception ignored when trying to (?:write|send) to the signal wakeup fd:\n(?s:.)*?\nOSError: .*\n", "", said)
    assert "Traceback" not in told
    assert list(tmp_path.glob("*.pb.part")) == [], "the recording was finished"
    assert not group_lives(process.pid)


def group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_taken_port_is_said_in_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, str(DEMO / "live.py"), "--port", str(port), "--datadir", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert re.fullmatch(r"demo: port \d+ is taken: give another, e\.g\. --port \d+\n", done.stderr)


def test_create_profile_creates_one(tmp_path: Path) -> None:
    command = [sys.executable, str(DEMO / "create_profile.py"), "--seconds", "1.5", "--datadir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\d+ rounds\n", done.stdout)
    [path] = tmp_path.glob("*.pb.gz")
    profile = formats.read(path.read_bytes(), path.name)
    assert {"sales_report", "mandelbrot_row", "<gc>"} <= {profile.function_name(f) for f in range(len(profile.functions))}
    assert "painter" in {profile.thread_name(t) for t in range(len(profile.threads))}


def test_view_profile_starts_the_viewer_on_the_examples() -> None:
    port = free_port()
    command = [sys.executable, str(DEMO / "view_profile.py"), "--port", str(port)]
    viewer = subprocess.Popen(
        command,
        env={**os.environ, "BROWSER": "true"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        listed = eventually(lambda: get(f"http://127.0.0.1:{port}/api/profiles")["profiles"])
        assert {row["file"] for row in listed} == {path.name for path in EXAMPLES}
    finally:
        os.killpg(viewer.pid, signal.SIGINT)
        said, _ = viewer.communicate(timeout=120)
    assert "Traceback" not in said


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_can_be_read(path: Path) -> None:
    profile = formats.read(path.read_bytes(), path.name)
    assert len(profile.functions) > 20
    names = {profile.function_name(function) for function in range(len(profile.functions))}
    assert names & {"sales_report", "RequestHandler._execute", "render_doc", "HTMLDoc.docmodule", "docmodule"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_hold_no_path_of_their_maker(path: Path) -> None:
    content = path.read_bytes()
    content = gzip.decompress(content) if path.suffix == ".gz" else content
    assert set(re.findall(rb"(?<![\w.])/(?:home|root|tmp|work|Users|workspace)/", content)) == set()


def test_examples_are_of_every_format_and_small() -> None:
    assert {path.name.partition(".")[2] for path in EXAMPLES} == {"pb.gz", "plop", "folded", "speedscope.json", "pstats"}
    assert sum(path.stat().st_size for path in EXAMPLES) < 500_000
