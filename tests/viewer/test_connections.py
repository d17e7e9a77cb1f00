"""More connections than a viewer holds: who has said nothing yet makes room for whoever comes."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import socket
from pathlib import Path
from unittest import mock

import pytest
from serving import DEADLINE, viewer

from plopi.viewer import app
from plopi.viewer.handlers import live


def was_closed(sock: socket.socket) -> bool:
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


def test_who_says_nothing_makes_room_and_who_has_asked_stays(tmp_path: Path) -> None:
    with mock.patch.object(app, "MOST_CONNECTIONS", 5), viewer(tmp_path) as running, contextlib.ExitStack() as ends:
        client = running.client

        def asked(connection: http.client.HTTPConnection) -> int:
            connection.request("GET", "/api/profiles")
            response = connection.getresponse()
            response.read()
            return response.status

        speaking = [
            ends.enter_context(contextlib.closing(http.client.HTTPConnection(client.host, client.port))) for _ in range(2)
        ]
        assert [asked(each) for each in speaking] == [200, 200]
        silent = [ends.enter_context(socket.create_connection((client.host, client.port), DEADLINE)) for _ in range(3)]
        for each in silent:
            each.sendall(b"GET / HTTP/1.1\r\nHost: ")
        for _ in range(3):  # as many as are silent
            newcomer = ends.enter_context(contextlib.closing(http.client.HTTPConnection(client.host, client.port)))
            assert asked(newcomer) == 200
        assert all(map(was_closed, silent))
        assert [asked(each) for each in speaking] == [200, 200]
        with socket.create_connection((client.host, client.port), DEADLINE) as refused:
            assert was_closed(refused), "all are in use"


@pytest.mark.parametrize(
    ("bound", "sent", "answered"),
    [
        ("IDLE_SECONDS", b"", b""),
        ("IDLE_SECONDS", b"GET / HTTP/1.1\r\nHost: ", b""),
        ("IDLE_SECONDS", b"GET /api/profiles HTTP/1.1\r\nHost: localhost:%d\r\n\r\n", b"HTTP/1.1 200"),
        (
            "BODY_SECONDS",
            b"PUT /api/profiles/0123456789abcdef/notes HTTP/1.1\r\nHost: localhost:%d\r\nContent-Length: 9\r\n\r\n{",
            b"",
        ),
    ],
    ids=["says nothing", "headers that stop", "after an answer", "a body that stops"],
)
def test_who_stops_in_the_middle_is_let_go(tmp_path: Path, bound: str, sent: bytes, answered: bytes) -> None:
    with mock.patch.object(app, bound, 0.5), viewer(tmp_path) as running:
        client = running.client
        with socket.create_connection((client.host, client.port), DEADLINE) as sock:
            sock.sendall(sent.replace(b"%d", str(client.port).encode()))
            assert received(sock).startswith(answered)


def received(sock: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    parts = b""
    with contextlib.suppress(ConnectionResetError):
        while part := sock.recv(65536):
            parts += part
    return parts


def test_the_bounds_are_those_that_the_docs_promise() -> None:
    text = (Path(__file__).parents[2] / "docs/viewer.md").read_text("utf-8")
    assert f"| idle connection, request body | {app.IDLE_SECONDS:g} s, {app.BODY_SECONDS:g} s |" in text
    assert f"| connections, websockets | {app.MOST_CONNECTIONS}, {live.MOST_CLIENTS} |" in text


def test_a_crowd_at_the_door_is_let_in_a_few_at_a_time() -> None:
    """In between those who are in have their turn."""
    with contextlib.ExitStack() as ends:
        bound = socket.create_server(("127.0.0.1", 0))
        door = ends.enter_context(app.Door(fileno=bound.detach()))
        door.setblocking(False)
        seconds = itertools.count(0, app.DOOR_SECONDS / 4.5)
        door.clock = lambda: next(seconds)
        crowd = 13
        for _ in range(crowd):
            ends.enter_context(socket.create_connection(door.getsockname()))

        def let_in() -> int:
            """Those who are let in until nobody seems to be there any more."""
            for count in range(crowd + 1):
                try:
                    ends.enter_context(door.accept()[0])
                except BlockingIOError:
                    return count
            raise AssertionError("more came in than stood there")

        assert [let_in() for _ in range(4)] == [5, 5, 3, 0]
