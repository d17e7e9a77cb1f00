"""A real viewer on a free port, real files, and a client that sends exactly what it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import io
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from plopi import formats
from plopi.model import CPU, SAMPLES, About, Profile, ProfileBuilder
from plopi.viewer import store
from plopi.viewer.app import serve
from plopi.viewer.config import Config
from plopi.viewer.readers.bounds import Bounds

DEADLINE = 90.0
"""Only against waiting for ever."""
CSP = "Content-Security-Policy"
EVERY_RESPONSE = (
    CSP,
    "X-Content-Type-Options",
    "Referrer-Policy",
    "Cross-Origin-Opener-Policy",
    "Cross-Origin-Resource-Policy",
    "Cache-Control",
)


def profile(*stacks: str, about: About | None = None) -> Profile:
    """A sampled profile; each of ``stacks`` (``main;work``, root first) is one sample of 10 ms."""
    builder = ProfileBuilder((SAMPLES, CPU), about or About())
    for stack in stacks or ("main;work",):
        functions = [builder.function_id(name, "app.py", 1) for name in stack.split(";")]
        builder.add_sample(builder.stack_of(builder.location_id(function, 1) for function in functions), (1, 10_000_000))
    return builder.build()


def pprof(*stacks: str, about: About | None = None) -> bytes:
    out = io.BytesIO()
    formats.write(profile(*stacks, about=about), "pprof", out)
    return out.getvalue()


def put(path: Path, content: bytes, age: float = 60.0) -> Path:
    """Write a file as if it had lain there for ``age`` seconds, so that nothing takes it for half-written."""
    path.write_bytes(content)
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def eventually(look: Callable[[], Any], what: str = "it", seconds: float = DEADLINE) -> Any:
    """The first true value of ``look``."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:g} s"
        time.sleep(0.05)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        return str(self.json["error"]["message"])


class Client:
    """Requests to one address, by default as curl would send them."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.url, self.base = url, parts.path
        self.host, self.port = str(parts.hostname), int(parts.port or 80)

    def ask(self, path: str = "", method: str = "GET", body: bytes | None = None, **headers: str | None) -> Answer:
        """``path`` is below the base URL unless it begins with a slash; ``Sec_Fetch_Site`` means ``Sec-Fetch-Site``."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=DEADLINE)
        with contextlib.closing(connection):
            connection.putrequest(method, path if path.startswith("/") else self.base + path, skip_host=True)
            sent = {"Host": f"{self.host}:{self.port}", **{name.replace("_", "-"): value for name, value in headers.items()}}
            if body is not None:
                sent["Content-Length"] = str(len(body))
            for name, value in sent.items():
                if value is not None:
                    connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            return Answer(response.status, {name.title(): value for name, value in response.getheaders()}, response.read())

    def index(self, **arguments: str) -> Any:
        query = "&".join(f"{name}={value}" for name, value in arguments.items())
        answer = self.ask(f"api/profiles?{query}")
        assert answer.status == 200, answer.body
        return answer.json

    def row(self, name: str) -> Any:
        """The row of a file in the index, once it has been looked at; None while there is none."""
        return next((row for row in self.index(per="200")["profiles"] if name in (row["name"], row["file"])), None)

    def settled(self, name: str) -> Any:
        return eventually(lambda: (row := self.row(name)) and row["status"] != "unread" and row, f"{name} being read")

    def view(self, profile_id: str, view: str = "graph", **headers: str | None) -> Answer:
        """A view, once the profile has been read."""

        def once() -> Answer | None:
            answer = self.ask(f"api/profiles/{profile_id}/{view}", **headers)
            return answer if answer.status != 503 else None

        found: Answer = eventually(once, "the view")
        return found


@dataclass
class Running:
    """A viewer in this process."""

    client: Client
    urls: list[str]
    datadir: Path


@contextlib.contextmanager
def viewer(datadir: Path, bounds: Bounds | None = None, **settings: Any) -> Iterator[Running]:
    """Serve ``datadir`` from a thread. ``urls`` gets every address that is announced. It looks more often than usual."""
    config = replace(Config(datadir, ("127.0.0.1",), 0, bounds=bounds or Bounds()), **settings)
    urls: list[str] = []
    ready = threading.Event()
    ends: list[Callable[[], None]] = []

    async def main() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        ends.append(lambda: loop.call_soon_threadsafe(stop.set))

        def announce(url: str) -> None:
            urls.append(url)
            ready.set()

        await serve(config, stop, announce)

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    with mock.patch.object(store, "SCAN_SECONDS", 0.2):
        thread.start()
        try:
            assert ready.wait(DEADLINE), "the viewer did not start"
            yield Running(Client(urls[0].partition("login?")[0]), urls, datadir)
        finally:
            ends[0]()
            thread.join(DEADLINE)
            assert not thread.is_alive(), "the viewer did not end"


def raw(client: Client, data: bytes) -> bytes:
    """What the server says to ``data``, byte for byte, until it closes the connection."""
    with socket.create_connection((client.host, client.port), DEADLINE) as sock:
        sock.sendall(data)
        parts = b""
        while part := sock.recv(65536):
            parts += part
        return parts
