"""``python -m plopi.viewer`` as its user meets it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from serving import DEADLINE, Client, pprof, put

from plopi.viewer.config import parse, parse_size

ROOT = Path(__file__).parents[2]


@contextmanager
def started(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A viewer process and what it printed until the address was there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "plopi.viewer", *arguments],
        cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    lines: list[str] = []
    assert process.stderr
    try:
        for line in process.stderr:
            lines.append(line.rstrip())
            if line.startswith("http://"):
                break
        yield process, lines
    finally:
        process.kill()
        process.communicate()


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "plopi.viewer", *arguments],
        cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=DEADLINE,
    )  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_told_to_stop_and_goes_quietly(tmp_path: Path, number: signal.Signals) -> None:
    put(tmp_path / "a.pb.gz", pprof())
    with started("--datadir", str(tmp_path), "--port", "0") as (process, lines):
        assert str(tmp_path) in lines[0]
        client = Client(lines[-1])
        assert client.settled("a.pb.gz")["status"] == "finished"
        process.send_signal(number)
        out, err = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0
        assert out == ""
        assert "Traceback" not in err


def test_stopping_does_not_wait_for_a_file_that_is_being_read(tmp_path: Path) -> None:
    put(tmp_path / "slow.folded", b"".join(b"main;f%d;g%d 1\n" % (i, i * 7) for i in range(400_000)))
    with started("--datadir", str(tmp_path), "--port", "0", "-q") as (process, lines):
        Client(lines[-1]).index()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=DEADLINE)
        assert (process.returncode, err) == (0, "")


def test_no_worker_outlives_a_viewer_that_was_killed(tmp_path: Path) -> None:
    put(tmp_path / "a.pb.gz", pprof())
    with started("--datadir", str(tmp_path), "--port", "0", "-q") as (process, lines):
        Client(lines[-1]).settled("a.pb.gz")
        workers = psutil.Process(process.pid).children()
        assert workers
        process.kill()
        _, alive = psutil.wait_procs(workers, 10)
        assert not alive


def test_a_directory_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    with started("--datadir", str(tmp_path / "later"), "--port", "0") as (_, lines):
        (tmp_path / "later").mkdir()
        put(tmp_path / "later" / "a.pb.gz", pprof())
        assert Client(lines[-1]).settled("a.pb.gz")


def test_a_port_in_use_is_said_plainly(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("--datadir", str(tmp_path), "--port", str(port))
    assert done.returncode == 1
    assert done.stderr == (
        f"plopi viewer: port {port} on 127.0.0.1 is in use; choose another with --port, or --port 0 for a free one\n"
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--port", "x"], "'x' is no port"),
        (["--port", "70000"], "'70000' is no port"),
        (["--max-file-size", "much"], "'much' is no size"),
        (["--host", "0.0.0.0"], "--token"),
        (["--datadir", __file__], "which is a file"),
        (["--base-url", "a b"], "--base-url"),
        (["--host", "no.such.host.invalid"], "no address is known"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_usage_errors_exit_2_and_say_what_to_do(arguments: list[str], says: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_that_is_not_ours(tmp_path: Path) -> None:
    done = run("--datadir", str(tmp_path), "--host", "192.0.2.1", "--token", "--port", "0")
    assert done.returncode == 1
    assert "cannot listen on 192.0.2.1" in done.stderr


def test_without_what_it_needs_it_says_what_to_install() -> None:
    """As after ``pip install plopi``: an interpreter that sees no site-packages."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import runpy; runpy.run_module('plopi.viewer', run_name='__main__')"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "tornado, numpy, psutil, protobuf" in done.stderr
    assert "-m pip install 'plopi[viewer]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_version_and_help_teach() -> None:
    assert run("-V").stdout.startswith("plopi viewer ")
    help_text = run("--help").stdout
    for word in ("--datadir", "--base-url", "--allowed-host", "PLOPI_TOKEN_FILE", "ssh -L"):
        assert word in help_text


def test_a_token_is_asked_for_and_its_link_printed(tmp_path: Path) -> None:
    with started("--datadir", str(tmp_path), "--port", "0", "--token") as (_, lines):
        link = lines[-1]
        client = Client(link.partition("login?")[0])
        assert client.ask("api/profiles").status == 401
        assert client.ask("/" + link.split("/", 3)[3]).status == 303


def test_a_unix_socket_is_private_and_goes_with_the_viewer(tmp_path: Path) -> None:
    path = tmp_path / "sock"
    with started("--datadir", str(tmp_path), "--uds", str(path), "-q") as (process, _):
        assert path.stat().st_mode & 0o777 == 0o600
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
            sock.sendall(b"GET /api/profiles HTTP/1.0\r\nHost: localhost\r\n\r\n")
            assert sock.makefile("rb").readline().startswith(b"HTTP/1.1 200")
        second = run("--datadir", str(tmp_path), "--uds", str(path))
        assert second.returncode == 1
        assert "listens" in second.stderr
        process.terminate()
        process.communicate(timeout=DEADLINE)
    assert not path.exists()


def test_both_loopback_addresses_are_listened_on(tmp_path: Path) -> None:
    with started("--datadir", str(tmp_path), "--port", "0", "-q") as (_, lines):
        port = Client(lines[-1]).port
        addresses = ["127.0.0.1"]
        if socket.has_ipv6:
            try:
                with socket.create_server(("::1", 0), family=socket.AF_INET6):
                    addresses.append("::1")
            except OSError:
                pass
        for address in addresses:
            with socket.create_connection((address, port), 10) as sock:
                sock.sendall(f"GET / HTTP/1.0\r\nHost: localhost:{port}\r\n\r\n".encode())
                assert sock.makefile("rb").readline().startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(("text", "size"), [("1000", 1000), ("1K", 1024), ("256MB", 2**28), ("1.5g", 3 * 2**29), ("2MiB", 2**21)])
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size
    assert parse(["--max-file-size", text], {}).bounds.file_size == size
