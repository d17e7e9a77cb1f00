"""A viewer as a process of its own, seen from outside: started, asked over HTTP, weighed."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.proof import ROOT

PATIENCE = float(os.environ.get("PLOPI_PATIENCE", "60"))
"""Seconds that anything may take on a machine that is busy with other things; more for a campaign at the lowest priority."""
Json = dict[str, Any]


@dataclass(frozen=True)
class Outside:
    """A running viewer."""

    process: psutil.Process
    port: int
    complaints: Path
    """What it says on stderr."""

    def ask(self, path: str) -> tuple[int, Json]:
        """Status and JSON of ``GET path``, over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def view(self, profile_id: str, view: str = "graph") -> tuple[int, Json]:
        """A view of a profile, once that is not being read any more."""
        end = time.monotonic() + PATIENCE
        while True:
            status, answer = self.ask(f"/api/profiles/{profile_id}/{view}")
            if "pending" not in answer or time.monotonic() > end:
                return status, answer
            time.sleep(0.05)

    def rows(self) -> list[Json]:
        """All rows of the list."""
        found: list[Json] = []
        page = pages = 1
        while page <= pages:
            status, answer = self.ask(f"/api/profiles?per=200&sort=file&page={page}")
            assert status == 200, answer
            found, page, pages = found + answer["profiles"], page + 1, answer["pages"]
        return found

    def workers(self) -> list[psutil.Process]:
        return list(self.process.children(recursive=True))


def eventually(look: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """The first true value of ``look``."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"{what} did not happen within {seconds:g} s"
        time.sleep(0.1)
    return found


@contextlib.contextmanager
def viewer(folder: Path, *options: str, through: Sequence[str] = ()) -> Iterator[Outside]:
    """A viewer of ``folder``; ``through`` is a command in front of its own."""
    command = [*through, sys.executable, "-m", "plopi.viewer", "--datadir", str(folder), "--no-cache", "-q", *options]
    with tempfile.NamedTemporaryFile() as complaints:
        process = subprocess.Popen([*command, "--host", "127.0.0.1", "--port", "0"], cwd=ROOT, stderr=complaints)
        said = Path(complaints.name)
        try:
            url = eventually(lambda: (text := said.read_text()).endswith("\n") and text.split()[0], "the viewer's start")
            yield Outside(psutil.Process(process.pid), int(url.rsplit(":", 1)[1].strip("/")), said)
        finally:
            process.kill()
            process.wait()


def without_privileges() -> list[str] | None:
    """A command that takes from root the right to read what its mode forbids; [] for others, None where it cannot be done."""
    if os.geteuid() != 0:
        return []
    taken = "-dac_override,-dac_read_search"
    command = ["setpriv", f"--inh-caps={taken}", f"--bounding-set={taken}", "--"]
    works = shutil.which("setpriv") and subprocess.run([*command, "true"], capture_output=True).returncode == 0
    return command if works else None
