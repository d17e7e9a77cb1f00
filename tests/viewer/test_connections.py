"""More connections than a viewer holds: who has said nothing yet makes room for whoever comes."""

from __future__ import annotations

import contextlib
import http.client
import socket
from pathlib import Path
from unittest import mock

from serving import DEADLINE, viewer

from plopi.viewer import app


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


def test_a_crowd_at_the_door_is_let_in_a_few_at_a_time() -> None:
    """In between those who are in have their turn."""
    with contextlib.ExitStack() as ends:
        bound = socket.create_server(("127.0.0.1", 0))
        door = ends.enter_context(app.Door(fileno=bound.detach()))
        door.setblocking(False)
        crowd = 2 * app.AT_A_TIME + 3
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

        assert [let_in() for _ in range(4)] == [app.AT_A_TIME, app.AT_A_TIME, 3, 0]
