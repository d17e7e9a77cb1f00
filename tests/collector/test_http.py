"""Profiling switched on and off over HTTP, in three kinds of server."""

from __future__ import annotations

import asyncio
import base64
import gzip
import http.client
import json
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from plopi.collector.control.access import Access, Request, from_another_site
from plopi.collector.control.background import respond_in_thread
from plopi.collector.control.http import Control
from plopi.collector.control.tornado import PlopiHandler
from plopi.errors import UsageError
from plopi.formats import pprof
from plopi.formats.limits import Limits
from plopi.model import Profile
from tests.collector.servers import NOT_FOUND, SERVERS

TOKEN = "correct-horse-battery-staple"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
P = "/debug/pprof"
PATIENCE = 90.0
"""Only against waiting for ever; what is not to end by itself meanwhile lasts ``LONG``."""
LONG = 1000


class Client:
    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, method: str, path: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, headers=headers or BEARER)
            response = connection.getresponse()
            return response.status, response.read(), {name.lower(): value for name, value in response.getheaders()}
        finally:
            connection.close()

    def busy(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        """A profile of somebody who is busy: taken again where the machine left them no time to be seen."""
        deadline = time.monotonic() + PATIENCE
        while True:
            status, body, headers = self.ask("GET", path)
            seen = b"burn_for_the_test" in (gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body)
            if seen or status != 200 or time.monotonic() > deadline:
                return status, body, headers

    def json(self, method: str, path: str, status: int = 200) -> Any:
        found, body, _ = self.ask(method, path)
        assert found == status, body
        return json.loads(body)

    def error(self, method: str, path: str, status: int) -> str:
        message: str = self.json(method, path, status)["error"]["message"]
        return message

    def wait_until(self, *, running: bool) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.json("GET", f"{P}/status")["running"] is not running:
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.fixture(params=SERVERS)
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Client]:
    with SERVERS[request.param](token=TOKEN, datadir=tmp_path, max_seconds=LONG) as port:
        client = Client(port)
        yield client
        client.ask("POST", f"{P}/stop")


@pytest.fixture
def busy() -> Iterator[None]:
    stop = threading.Event()

    def burn_for_the_test() -> None:
        while not stop.is_set():
            sum(range(1000))

    thread = threading.Thread(target=burn_for_the_test, name="burner")
    thread.start()
    yield
    stop.set()
    thread.join()


def parsed(body: bytes) -> Profile:
    return pprof.read(gzip.decompress(body), Limits())


def names(profile: Profile) -> set[str]:
    return {profile.function_name(row).rpartition(".")[2] for row in range(len(profile.functions))}


def test_profile_for_some_seconds(client: Client, busy: None, tmp_path: Path) -> None:
    started = time.monotonic()
    status, body, headers = client.busy(f"{P}/profile?seconds=1")
    assert status == 200 and 0.9 < time.monotonic() - started < PATIENCE
    assert "burn_for_the_test" in names(parsed(body))
    assert headers["content-disposition"].startswith("attachment; filename=") and headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert list(tmp_path.iterdir()) == []
    profile = parsed(client.ask("GET", f"{P}/profile?seconds=0.2&mode=wall&interval=5ms")[1])
    assert profile.about.mode == "wall" and profile.about.period_ns == 5_000_000
    assert b"burn_for_the_test" in client.busy(f"{P}/profile?seconds=0.3&mode=wall&format=folded")[1]


def test_record_into_the_data_directory(client: Client, busy: None, tmp_path: Path) -> None:
    assert client.json("GET", f"{P}/status") == {"running": False, "pid": os.getpid(), "run": None}
    begun = client.json("POST", f"{P}/start?seconds={LONG}&mode=wall")
    assert begun["running"] and begun["run"]["mode"] == "wall" and LONG - PATIENCE < begun["seconds_left"] <= LONG
    snapshot = parsed(client.ask("GET", f"{P}/snapshot")[1])
    while "burn_for_the_test" not in names(snapshot):
        snapshot = parsed(client.ask("GET", f"{P}/snapshot")[1])
    assert not snapshot.about.complete
    assert client.json("GET", f"{P}/status")["running"]
    ended = client.json("POST", f"{P}/stop")
    (path,) = tmp_path.iterdir()
    assert path.name == ended["run"]["file"] and path.name.startswith("server-") and path.name.endswith(".pb.gz")
    assert "burn_for_the_test" in names(parsed(path.read_bytes())) and ended["run"]["samples"] > 0
    assert not client.json("GET", f"{P}/status")["running"]


def test_one_at_a_time(client: Client) -> None:
    client.json("POST", f"{P}/start?seconds={LONG}")
    for method, action in (("POST", "start"), ("GET", "profile?seconds=1")):
        message = client.error(method, f"{P}/{action}", 409)
        assert "for 127.0.0.1" in message and "since" in message and "POST" in message
    client.json("POST", f"{P}/stop")
    assert "POST start" in client.error("POST", f"{P}/stop", 409)
    assert "POST start" in client.error("GET", f"{P}/snapshot", 409)


def test_stops_by_itself(client: Client, tmp_path: Path) -> None:
    client.json("POST", f"{P}/start?seconds=0.3")
    client.wait_until(running=False)
    assert [path.name.endswith(".pb.gz") for path in tmp_path.iterdir()] == [True]


@pytest.mark.parametrize("kind", ["tornado", "asgi"])
def test_a_profile_ends_when_its_client_goes_away(kind: str, tmp_path: Path) -> None:
    """WSGI has no way to tell."""
    with SERVERS[kind](token=TOKEN, datadir=tmp_path) as port:
        asking = http.client.HTTPConnection("127.0.0.1", port)
        asking.request("GET", f"{P}/profile?seconds=300", headers=BEARER)
        Client(port).wait_until(running=True)
        asking.close()
        Client(port).wait_until(running=False)


def test_seconds_are_capped(tmp_path: Path) -> None:
    with SERVERS["wsgi"](token=TOKEN, datadir=tmp_path, max_seconds=0.3) as port:
        started = time.monotonic()
        assert Client(port).ask("GET", f"{P}/profile?seconds=1000")[0] == 200
        assert time.monotonic() - started < PATIENCE
        assert Client(port).json("POST", f"{P}/start")["run"]["seconds"] == 0.3
        Client(port).wait_until(running=False)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("profile?seconds=x", "no positive number"),
        ("profile?seconds=-1", "no positive number"),
        ("profile?seconds=inf", "no positive number"),
        ("profile?mode=fast", "no mode 'fast'"),
        ("profile?interval=0", "no positive time"),
        ("profile?rate=no", "no rate"),
        ("profile?rate=10&interval=1ms", "keep one"),
        ("profile?format=svg", "no format 'svg'"),
        ("profile?datadir=/etc", "no argument 'datadir'"),
        ("profile?seconds=1&seconds=2", "given twice"),
        ("status?x=1", "no argument 'x'"),
    ],
)
def test_arguments_that_make_no_sense(query: str, message: str) -> None:
    response = Control(loopback_only=True).respond(
        Request("GET", f"{P}/{query.partition('?')[0]}", query.partition("?")[2], {}, "")
    )
    assert response.status == 400 and message in json.loads(response.body)["error"]["message"]


def test_what_is_there(client: Client) -> None:
    status, body, _ = client.ask("GET", f"{P}/")
    assert status == 200 and b"profile?seconds=N" in body and b"Now: idle" in body
    assert client.ask("GET", P)[0] == 200
    assert "no 'heap' here" in client.error("GET", f"{P}/heap", 404)
    assert client.ask("GET", f"{P}/start")[2]["allow"] == "POST"
    assert client.error("POST", f"{P}/profile", 405)
    assert client.ask("GET", "/hello")[:2] == (200, b"hello")
    assert client.ask("GET", f"{P}x")[:2] == (404, NOT_FOUND)


def test_who_may_not_use_it_sees_the_applications_own_404(client: Client) -> None:
    wrong = "Bearer " + "x" * len(TOKEN)
    basic = "Basic " + base64.b64encode(f"any:{TOKEN}".encode()).decode()
    unknown = client.ask("GET", "/nowhere", Accept="*/*")
    for headers in ({"Accept": "*/*"}, {"Authorization": wrong}, {"Authorization": TOKEN}, {"Authorization": "Basic !"}):
        for method, action in (("GET", ""), ("GET", "profile?seconds=1"), ("POST", "start"), ("POST", "stop"), ("GET", "status")):
            status, body, received = client.ask(method, f"{P}/{action}", **headers)
            assert (status, body) == (404, NOT_FOUND) and received.keys() == unknown[2].keys()
    assert client.ask("GET", f"{P}/status?token={TOKEN}", Accept="*/*")[0] == 404
    assert client.ask("GET", f"{P}/status", Authorization=basic)[0] == 200


def test_pages_of_other_sites_are_refused(client: Client) -> None:
    own = f"127.0.0.1:{client.port}"
    for more, expected in (
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": f"http://{own}"}, 200),
    ):
        assert client.ask("GET", f"{P}/status", **BEARER, **more)[0] == expected
    assert not client.json("GET", f"{P}/status")["running"]


@pytest.mark.parametrize("client", ["tornado", "asgi"], indirect=True)
class TestEventLoop:
    def test_is_not_held_up_by_a_profile(self, client: Client) -> None:
        with ThreadPoolExecutor(1) as pool:
            pending = pool.submit(client.ask, "GET", f"{P}/profile?seconds={LONG}")
            client.wait_until(running=True)
            for _ in range(5):
                assert client.ask("GET", "/hello")[0] == 200
            assert client.error("POST", f"{P}/start", 409)
            assert not pending.done()
            client.json("POST", f"{P}/stop")
            assert pending.result()[0] == 200

    def test_gives_up_a_profile_whose_client_left(self, client: Client) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=PATIENCE)
        connection.request("GET", f"{P}/profile?seconds={LONG}", headers=BEARER)
        client.wait_until(running=True)
        connection.close()
        client.wait_until(running=False)


def test_a_client_that_leaves_at_the_last_moment_costs_no_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the last look whether it is still there."""
    finish = PlopiHandler.finish

    def finish_late(handler: PlopiHandler, body: bytes) -> Any:
        handler.request.connection.stream.close()  # type: ignore[union-attr]
        return finish(handler, body)

    monkeypatch.setattr(PlopiHandler, "finish", finish_late)
    with SERVERS["tornado"](token=TOKEN, datadir=tmp_path) as port, pytest.raises((OSError, http.client.HTTPException)):
        Client(port).ask("GET", f"{P}/status")
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_every_start_and_stop_is_logged(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "plopi"):
        client.json("POST", f"{P}/start?mode=wall")
        client.json("POST", f"{P}/stop")
    started, stopped = [record.getMessage() for record in caplog.records if record.name == "plopi"]
    assert "started by 127.0.0.1" in started and "wall" in started
    assert "stopped" in stopped and "samples" in stopped and "own cost" in stopped


def test_each_profile_has_a_file_of_its_own(client: Client, tmp_path: Path) -> None:
    for mode in ("cpu", "wall", "cpu"):
        client.json("POST", f"{P}/start?mode={mode}")
        client.json("POST", f"{P}/stop")
    assert len(list(tmp_path.iterdir())) == 3


class TestAccess:
    REQUEST = Request("GET", P, "", {"host": "localhost:8000"}, "127.0.0.1")

    def with_(self, peer: str = "127.0.0.1", **headers: str) -> Request:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Request("GET", P, "", {"host": "localhost:8000", **named}, peer)

    def test_must_be_chosen(self) -> None:
        with pytest.raises(UsageError, match=r"token=\.\.\., allow=\.\.\. or loopback_only=True"):
            Control()
        with pytest.raises(UsageError, match="16 are the least"):
            Control(token="short")
        with pytest.raises(UsageError, match="no engine"):
            Control(loopback_only=True, engine="magic")

    def test_loopback_only(self) -> None:
        access = Access(loopback_only=True)
        assert access.permits(self.with_()) and access.permits(self.with_("::1")) and access.permits(self.with_(host="[::1]:80"))
        for peer in ("10.0.0.1", "", "localhost", "::ffff:10.0.0.1"):
            assert not access.permits(self.with_(peer))
        for header in ("forwarded", "via", "x_forwarded_for", "x_real_ip"):
            assert not access.permits(self.with_(**{header: "x"}))
        assert not access.permits(self.with_(host="evil.example"))  # a name that was rebound to this machine

    @pytest.mark.parametrize(
        "host", ["", "[", "[x", "[::1", "a]b", "[::1]x", "localhost:x", "localhost:80:80", "u@localhost", "localhost."]
    )
    def test_a_host_that_is_none_is_refused_and_no_error(self, host: str) -> None:
        """Malformed ones used to raise, and the application answered 500 where its own 404 is due."""
        assert not Access(loopback_only=True).permits(self.with_(host=host))
        assert from_another_site(self.with_(origin=f"http://{host}"))
        assert from_another_site(self.with_(origin="null", host=""))

    def test_all_that_was_chosen_must_hold(self) -> None:
        access = Access(token=TOKEN, allow=lambda request: request.peer == "127.0.0.1", loopback_only=True)
        assert access.permits(self.with_(authorization=f"Bearer {TOKEN}"))
        assert not access.permits(self.with_())
        assert not access.permits(self.with_("127.0.0.2", authorization=f"Bearer {TOKEN}"))

    def test_only_true_allows(self) -> None:
        assert not Access(allow=lambda _: "yes").permits(self.REQUEST)  # type: ignore[arg-type,return-value]

    def test_odd_authorizations_are_no_errors(self) -> None:
        for value in ("", "Bearer", "Basic", "Basic ====", "Bearer \udcff\xe9", "Basic Og==", "x" * 9999):
            assert not Access(token=TOKEN).permits(self.with_(authorization=value))

    def test_other_sites(self) -> None:
        assert not from_another_site(self.REQUEST)
        assert from_another_site(self.with_(origin="http://localhost"))
        assert not from_another_site(self.with_(origin="http://LOCALHOST:8000"))


def test_a_thread_that_answers_beside_the_loop_leaves_signals_to_the_program() -> None:
    class Told:
        def respond(self, request: Request, gone: threading.Event) -> Any:
            return signal.pthread_sigmask(signal.SIG_BLOCK, ())

    async def asked() -> Any:
        return await respond_in_thread(Told(), Request("GET", "/", "", {}, ""), threading.Event())  # type: ignore[arg-type]

    blocked = asyncio.run(asked())
    assert {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGALRM, signal.SIGUSR1} <= blocked
    assert not {signal.SIGPROF, signal.SIGSEGV} & blocked
