"""A viewer whose stderr nobody reads answers as ever; what it could not say is counted."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from serving import DEADLINE, eventually

from plopi.viewer.stderr import Stderr

ROOT = Path(__file__).parents[2]


@pytest.fixture
def full_pipe() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe that takes no more."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writer, b"." * fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ))
    yield reader, writer
    os.close(reader)
    os.close(writer)


def test_messages_beyond_those_that_may_wait_are_dropped_and_counted(full_pipe: tuple[int, int]) -> None:
    reader, writer = full_pipe
    stderr = Stderr(writer, most_waiting=3)
    stderr.say("first")
    eventually(stderr._waiting.empty, "the thread having taken the first")
    for number in range(10):
        stderr.say(f"message {number}")
    said = b""

    def whole() -> bool:
        nonlocal said
        said += os.read(reader, 4096)
        return said.endswith(b"read them\n")

    eventually(whole, "all being said")
    assert said.lstrip(b".").decode().splitlines() == [
        "first", "message 0", "message 1", "message 2",
        "plopi viewer: 7 more messages were dropped, since nobody read them",
    ]  # fmt: skip
    stderr.end()


def test_nobody_is_waited_for_at_the_end(full_pipe: tuple[int, int]) -> None:
    stderr = Stderr(full_pipe[1])
    stderr.say("never read")
    stderr.end()
    assert stderr._thread.is_alive(), "it still waits, and holds up nothing"


def test_a_viewer_whose_stderr_nobody_reads_answers_and_ends(full_pipe: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "socket"
    command = [sys.executable, "-m", "plopi.viewer", "--datadir", str(tmp_path / "profiles"), "--uds", str(path), "--token"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=full_pipe[1])
    try:
        eventually(lambda: path.exists() or process.poll() is not None, "the socket being there")
        with closing(socket.socket(socket.AF_UNIX)) as sock:
            sock.settimeout(DEADLINE)
            sock.connect(str(path))
            sock.sendall(b"GET /api/profiles HTTP/1.0\r\nHost: localhost\r\n\r\n")
            assert sock.recv(4096).startswith(b"HTTP/1.1 401")
        process.terminate()
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.wait()
