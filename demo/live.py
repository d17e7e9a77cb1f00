"""The demo: a busy server, profiled over HTTP again and again into a data directory, and the viewer on it. Ctrl-C ends all.

Started by ``demo/run``, which sets up what it needs.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType

HERE = Path(__file__).parent
ROOT = HERE.parent
RECORD_FOR = 120
"""Seconds that each recording grows; then the next one begins, so that there are finished ones and always a live one."""


class Ended(Exception):
    """A part of the demo ended by itself."""


def say(text: str) -> None:
    print(f"demo: {text}", flush=True)


def stop_at_signal(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def answer(url: str, post: bool = False) -> dict[str, object]:
    request = urllib.request.Request(url, data=b"" if post else None, method="POST" if post else "GET")
    with urllib.request.urlopen(request, timeout=10) as response:
        return dict(json.load(response))


def start_server(datadir: Path) -> tuple[subprocess.Popen[str], str]:
    """The server's process and its URL, which it prints when it listens."""
    command = [sys.executable, str(HERE / "busy_server.py"), "--port", "0", "--datadir", str(datadir)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    line = server.stdout.readline() if server.stdout else ""
    if " on http" not in line:
        raise Ended(f"the busy server did not start (exit code {server.wait()}): see its message above")
    return server, line.split()[-1]


def start_viewer(datadir: Path, port: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "plopi.viewer", "--datadir", str(datadir), "--port", str(port), "-q"], text=True
    )


def await_viewer(viewer: subprocess.Popen[str], url: str, deadline: float = 20) -> None:
    until = time.monotonic() + deadline
    while time.monotonic() < until:
        if viewer.poll() is not None:
            raise Ended(f"the viewer ended (exit code {viewer.returncode}): see its message above")
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    raise Ended(f"the viewer did not answer on {url} within {deadline:.0f} s")


def bring_examples(datadir: Path) -> None:
    """The small example profiles beside the live ones."""
    datadir.mkdir(parents=True, exist_ok=True)
    for example in sorted((HERE / "profiles").glob("*")):
        if example.is_file() and not (datadir / example.name).exists():
            shutil.copy2(example, datadir)


def keep_recording(server_url: str, parts: list[subprocess.Popen[str]]) -> None:
    """Starts a recording whenever none runs; returns only by an exception."""
    while True:
        for part in parts:
            if part.poll() is not None:
                raise Ended(f"{' '.join(map(str, part.args))} ended with exit code {part.returncode}")  # type: ignore[union-attr]
        if not answer(f"{server_url}/debug/pprof/status")["running"]:
            answer(f"{server_url}/debug/pprof/start?seconds={RECORD_FOR}&mode=both", post=True)
            say(f"recording the server for {RECORD_FOR} s: POST {server_url}/debug/pprof/start?seconds={RECORD_FOR}&mode=both")
        time.sleep(0.5)


def end(parts: list[subprocess.Popen[str]]) -> None:
    """Tells all to stop, waits, and kills only what does not listen."""
    for part in parts:
        if part.poll() is None:
            part.send_signal(signal.SIGTERM)
    for part in parts:
        try:
            part.wait(timeout=10)
        except subprocess.TimeoutExpired:
            part.kill()
            part.wait()


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="demo/run", description="A busy server, profiled live over HTTP, and the viewer on its profiles."
    )
    parser.add_argument("--port", type=int, default=8888, help="of the viewer (default %(default)s)")
    parser.add_argument("--datadir", type=Path, default=ROOT / "profiles", help="where profiles are kept (default %(default)s)")
    options = parser.parse_args()
    if not port_is_free(options.port):
        print(f"demo: port {options.port} is taken: give another, e.g. --port {options.port + 1}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, stop_at_signal)
    viewer_url = f"http://127.0.0.1:{options.port}/"
    parts: list[subprocess.Popen[str]] = []
    try:
        bring_examples(options.datadir)
        parts.append(start_viewer(options.datadir, options.port))
        server, server_url = start_server(options.datadir)
        parts.append(server)
        await_viewer(parts[0], viewer_url)
        say(f"a busy server talks to itself on {server_url}")
        say(f"the viewer shows its profiles:  {viewer_url}   (Ctrl-C ends all)")
        keep_recording(server_url, parts)
    except KeyboardInterrupt:
        say("ending; profiles stay in " + str(options.datadir))
        return 0
    except (Ended, urllib.error.URLError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        end(parts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
