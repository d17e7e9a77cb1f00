"""Open pages are told of what changes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import Client, Running, eventually, pprof, put, viewer
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from plopi.model import About
from plopi.viewer import store
from plopi.viewer.handlers import live
from plopi.viewer.security import Token
from plopi.viewer.watch import Watcher

SECONDS = 90.0


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with viewer(tmp_path) as running:
        yield running


@contextlib.asynccontextmanager
async def opened(client: Client, **headers: str) -> AsyncIterator[WebSocketClientConnection]:
    url = f"ws://{client.host}:{client.port}{client.base}live"
    headers = {name.replace("_", "-"): value for name, value in headers.items()} or {"Origin": f"http://localhost:{client.port}"}
    connection = await websocket_connect(HTTPRequest(url, headers=headers))
    try:
        yield connection
    finally:
        connection.close()


async def said(connection: WebSocketClientConnection, fits: Callable[[Any], bool]) -> Any:
    """The first message that fits."""

    async def read() -> Any:
        while True:
            message = await connection.read_message()
            assert message is not None, f"closed: {connection.close_code} {connection.close_reason}"
            if fits(content := json.loads(message)):
                return content

    return await asyncio.wait_for(read(), SECONDS)


def run(scene: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await scene()

    asyncio.run(main())


def test_the_list_changing_is_told(running: Running) -> None:
    async def scene() -> None:
        async with opened(running.client) as connection:
            first = await said(connection, lambda message: "index" in message)
            put(running.datadir / "a.pb.gz", pprof())
            second = await said(connection, lambda message: message.get("index", 0) > first["index"])
            (running.datadir / "a.pb.gz").unlink()
            await said(connection, lambda message: message.get("index", 0) > second["index"])

    run(scene)


def test_a_profile_that_is_watched_is_followed_as_it_grows_ends_and_goes(running: Running) -> None:
    part = put(running.datadir / "a.pb.part", pprof("a", about=About(host="elsewhere", pid=1)), age=5)
    profile_id = running.client.settled("a.pb.part")["id"]

    async def scene() -> None:
        async with opened(running.client) as connection:
            await connection.write_message(json.dumps({"watch": profile_id}))
            first = await said(connection, lambda message: message.get("profile") == profile_id)
            assert first["status"] == "growing"
            put(part, pprof("a", "b", about=About(host="elsewhere", pid=1)), age=4)
            second = await said(connection, lambda message: message.get("revision") not in (None, first["revision"]))
            graph = await asyncio.to_thread(running.client.view, profile_id)
            while second["revision"] != graph.json["revision"]:  # written, and then made older: that may be told twice
                second = await said(connection, lambda message: message.get("revision") is not None)
            assert graph.json["total"] == 20_000_000
            part.rename(part.with_suffix(".gz"))
            await said(connection, lambda message: message.get("status") == "finished")
            part.with_suffix(".gz").unlink()
            gone = await said(connection, lambda message: message.get("status") == "gone")
            assert gone["revision"] is None

    run(scene)


def test_several_are_watched_as_one(running: Running) -> None:
    """As the page of a merge does, or that of a comparison."""
    about = About(host="elsewhere", pid=1)
    part = put(running.datadir / "a.pb.part", pprof("a", about=about), age=5)
    put(running.datadir / "b.pb.gz", pprof("b"))
    both = "+".join(sorted(running.client.settled(name)["id"] for name in ("a.pb.part", "b.pb.gz")))

    async def scene() -> None:
        async with opened(running.client) as connection:
            await connection.write_message(json.dumps({"watch": both}))
            first = await said(connection, lambda message: message.get("profile") == both)
            assert first["status"] == "growing"
            put(running.datadir / "c.pb.gz", pprof("c"))
            put(part, pprof("a", "b", about=about), age=4)
            second = await said(connection, lambda message: message.get("revision") not in (None, first["revision"]))
            merged = await asyncio.to_thread(running.client.view, both)
            assert (merged.json["revision"], merged.json["total"]) == (second["revision"], 30_000_000)
            part.unlink()
            assert (await said(connection, lambda message: message.get("status") == "gone"))["revision"] is None

    run(scene)


def test_nobody_is_told_of_profiles_they_do_not_watch(running: Running) -> None:
    async def scene() -> None:
        async with opened(running.client) as connection:
            await said(connection, lambda message: "index" in message)
            put(running.datadir / "a.pb.gz", pprof())
            message = await said(connection, lambda message: True)
            assert set(message) == {"v", "index"}

    run(scene)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1"])
def test_a_websocket_of_another_origin_is_refused(running: Running, origin: str) -> None:
    async def scene() -> None:
        with pytest.raises(HTTPClientError) as refused:
            async with opened(running.client, Origin=origin):
                pass
        assert refused.value.code == 403

    run(scene)


def test_a_websocket_without_an_origin_needs_the_token(tmp_path: Path) -> None:
    secret = "0123456789abcdefghijklmnopqrstuvwxyz"

    async def scene(client: Client, authorization: str, status: int) -> None:
        try:
            async with opened(client, Authorization=authorization) as connection:
                await said(connection, lambda message: "index" in message)
            assert status == 101
        except HTTPClientError as refused:
            assert refused.code == status

    with viewer(tmp_path) as running:
        run(lambda: scene(running.client, f"Bearer {secret}", 403))
    with viewer(tmp_path, token=Token(secret)) as running:
        run(lambda: scene(running.client, f"Bearer {secret}", 101))
        run(lambda: scene(running.client, "Bearer wrong", 401))


@pytest.mark.parametrize("message", ["", "x", "[]", "null", '{"watch": 1}', '{"watch": "' + "x" * 3000 + '"}', "[" * 3000])
def test_nonsense_ends_the_connection_and_nothing_else(running: Running, message: str) -> None:
    async def scene() -> None:
        async with opened(running.client) as connection:
            await connection.write_message(message)
            while await asyncio.wait_for(connection.read_message(), SECONDS) is not None:
                pass
            assert connection.close_code == 1008
        async with opened(running.client) as connection:
            await said(connection, lambda message: "index" in message)

    run(scene)


def test_too_many_are_refused(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_CLIENTS", 2)

    async def scene() -> None:
        async with opened(running.client), opened(running.client):
            with pytest.raises(HTTPClientError) as refused:
                async with opened(running.client):
                    pass
            assert refused.value.code == 503

    run(scene)


def test_without_open_pages_the_directory_is_left_alone(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    scans: list[float] = []
    scan = Watcher.scan
    monkeypatch.setattr(Watcher, "scan", lambda self: (scans.append(time.monotonic()), scan(self))[1])

    async def scene() -> None:
        async with opened(running.client) as connection:
            await said(connection, lambda message: "index" in message)
            put(running.datadir / "a.pb.gz", pprof())
            await said(connection, lambda message: message.get("index", 0) > 0)

    run(scene)
    assert scans

    def left_alone() -> bool:
        scans.clear()
        time.sleep(1.5)
        return not scans

    eventually(left_alone, "an end of the looks")


def test_a_file_that_comes_is_told_before_the_next_scan_is_due(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands for an hour between scans: only the look at the directory can have told."""
    monkeypatch.setattr(store, "SCAN_SECONDS", 3600.0)

    async def scene() -> None:
        async with opened(running.client) as connection:
            first = await said(connection, lambda message: "index" in message)
            put(running.datadir / "new.pb.gz", pprof())
            await said(connection, lambda message: message.get("index", 0) > first["index"])

    run(scene)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel tells of changes on Linux alone")
def test_a_file_rewritten_in_place_is_told_at_once(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next scan is an hour away: only the kernel can have told."""
    put(running.datadir / "old.pb.gz", pprof(), age=7200)
    assert running.client.settled("old.pb.gz")["samples"] == 1

    async def scene() -> None:
        async with opened(running.client) as connection:
            await said(connection, lambda message: "index" in message)
            await asyncio.sleep(0.5)  # a few looks
            monkeypatch.setattr(store, "SCAN_SECONDS", 3600.0)
            (running.datadir / "old.pb.gz").write_bytes(pprof("main;work", "main;work"))
            while (await asyncio.to_thread(running.client.row, "old.pb.gz"))["samples"] != 2:
                await said(connection, lambda message: "index" in message)

    run(scene)


class Storm:
    """A store in which something has changed whenever it is looked at."""

    def __init__(self) -> None:
        self.revision, self.looks = 0, 0
        self.on_change: Callable[[], None] = lambda: None

    def now_ns(self) -> int:
        return 0

    def refresh_soon(self) -> None:
        pass

    async def look(self, profile_ids: list[str]) -> None:
        self.looks += 1
        self.revision += 1
        self.on_change()


class Listener:
    watching = None

    def __init__(self) -> None:
        self.told = 0

    def tell(self, index: int) -> None:
        self.told = index

    def close(self, code: int, reason: str) -> None:
        pass


def test_news_without_end_are_taken_together() -> None:
    async def scene() -> None:
        storm, listener = Storm(), Listener()
        hub, began = live.Hub(storm), time.monotonic()  # type: ignore[arg-type]
        hub.add(listener)  # type: ignore[arg-type]
        while listener.told < 10 and time.monotonic() - began < SECONDS:
            await asyncio.sleep(0)
        told, took = listener.told, time.monotonic() - began
        hub.remove(listener)  # type: ignore[arg-type]
        assert told >= 10
        assert took >= 0.9 * (told - 1) * live.REST_SECONDS

    run(scene)


class Shaky(Storm):
    """The first look fails."""

    async def look(self, profile_ids: list[str]) -> None:
        if not self.looks:
            self.looks += 1
            raise OSError("the disk is away")
        await super().look(profile_ids)


def test_a_look_that_fails_is_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "FAULT_SECONDS", 0)

    async def scene() -> None:
        listener, hub, began = Listener(), live.Hub(Shaky()), time.monotonic()  # type: ignore[arg-type]
        hub.add(listener)  # type: ignore[arg-type]
        while not listener.told and time.monotonic() - began < SECONDS:
            await asyncio.sleep(0)
        hub.remove(listener)  # type: ignore[arg-type]
        assert listener.told

    run(scene)
