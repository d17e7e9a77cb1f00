"""Makes the example profiles in ``demo/profiles``: real ones, one of each format, small enough to be kept with the sources.

    cd /srv/plopi && TMPDIR=/srv/plopi/tmp python demo/make_profiles.py

The files hold paths and the host's name: make them in a checkout, with a Python and on a host (``unshare -u``) that tell
nothing of yours.

* ``busy-server.pb.gz``: the busy server under its own customers, taken over HTTP (cpu and wall)
* ``example-program.*``: the example program, written by plopi in the other formats
* ``pydoc.pstats``: cProfile's dump of ``pydoc -w tornado.web``
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from live import HERE, end, start_server

PROFILES = HERE / "profiles"
SUFFIXES = {"plop": "plop", "folded": "folded", "speedscope": "speedscope.json"}


def make_busy_server(seconds: float = 10) -> None:
    with tempfile.TemporaryDirectory() as datadir:
        server, url = start_server(Path(datadir))
        try:
            time.sleep(1)
            with urllib.request.urlopen(f"{url}/debug/pprof/profile?seconds={seconds:g}&mode=both") as response:
                (PROFILES / "busy-server.pb.gz").write_bytes(response.read())
        finally:
            end([server])


def make_example_program(format_name: str, suffix: str) -> None:
    out = PROFILES / f"example-program.{suffix}"
    collector = [sys.executable, "-m", "plopi.collector", "-q", "-f", format_name, "-o", str(out)]
    subprocess.run([*collector, str(HERE / "example_program.py"), "4"], check=True)


def make_pydoc() -> None:
    with tempfile.TemporaryDirectory() as folder:
        dump = [sys.executable, "-m", "cProfile", "-o", str(PROFILES / "pydoc.pstats"), "-m", "pydoc", "-w", "tornado.web"]
        subprocess.run(dump, check=True, cwd=folder, stdout=subprocess.DEVNULL)


def main() -> None:
    PROFILES.mkdir(exist_ok=True)
    make_busy_server()
    for format_name, suffix in SUFFIXES.items():
        make_example_program(format_name, suffix)
    make_pydoc()
    for path in sorted(PROFILES.iterdir()):
        print(f"{path.stat().st_size:8} {path.name}")


if __name__ == "__main__":
    main()
