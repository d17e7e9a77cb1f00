"""Messages between the server and a worker, of which either side may be hostile."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from plopi.viewer.readers import wire
from plopi.viewer.readers.results import Progress, progress_from

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = socket.socketpair()
    with one, other:
        other.settimeout(5)
        yield one, other


def descriptors(of: Path) -> int:
    """Of this one file: threads of tests before this one may still close theirs."""
    return [os.path.realpath(each) for each in Path("/proc/self/fd").iterdir()].count(os.path.realpath(of))


def test_messages_arrive_whole_and_in_order_with_their_descriptors(pair: Pair, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    with (tmp_path / "file").open("rb") as file:
        wire.send(pair[0], {"number": 1, "text": "\udcff\u2028"})
        wire.send(pair[0], {"number": 2}, file.fileno())
        wire.send(pair[0], {"number": 3})
    assert wire.receive(pair[1]) == ({"number": 1, "text": "\udcff\u2028"}, None)
    message, fd = wire.receive(pair[1])
    assert message == {"number": 2}
    assert fd is not None
    with os.fdopen(fd) as received:
        assert received.read() == "content"
    assert wire.receive(pair[1]) == ({"number": 3}, None)


def test_a_message_larger_than_a_socket_holds(pair: Pair) -> None:
    text = "x" * 100_000
    wire.send(pair[0], {"text": text})
    assert wire.receive(pair[1])[0]["text"] == text


NONSENSE = {
    "nothing": b"",
    "half a length": b"\1\0",
    "half a message": b"\x10\0\0\0{",
    "an absurd length": b"\xff\xff\xff\xff",
    "no JSON": b"\x02\0\0\0{]",
    "no object": b"\x02\0\0\0[]",
    "deep nesting": (100_000).to_bytes(4, "little") + b"[" * 100_000,
    "no text": b"\x02\0\0\0\xff\xff",
}


@pytest.mark.parametrize("what", NONSENSE)
def test_nonsense_ends_the_conversation_and_leaks_nothing(pair: Pair, what: str, tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        if NONSENSE[what]:
            sent = socket.send_fds(pair[0], [NONSENSE[what]], [file.fileno()] * 3)
            pair[0].sendall(NONSENSE[what][sent:])
    pair[0].shutdown(socket.SHUT_WR)
    with pytest.raises(wire.Gone):
        wire.receive(pair[1])
    assert descriptors(tmp_path / "file") == 0


def test_silence_is_a_timeout(pair: Pair) -> None:
    pair[1].settimeout(0.01)
    with pytest.raises(TimeoutError):
        wire.receive(pair[1])


def test_more_descriptors_than_one_are_closed(pair: Pair, tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        socket.send_fds(pair[0], [b"\x02\0\0\0{}"], [file.fileno()] * 3)
    _, fd = wire.receive(pair[1])
    assert fd is not None
    assert descriptors(tmp_path / "file") == 1
    os.close(fd)
    assert descriptors(tmp_path / "file") == 0


@pytest.mark.parametrize("fields", [None, [], {}, {"stage": 7, "done": "x", "size": -1}, {"done": True, "size": 1.5}])
def test_progress_that_makes_no_sense_is_none(fields: object) -> None:
    assert progress_from(fields) == Progress("reading", 0, 0)
