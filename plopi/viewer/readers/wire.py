"""Messages between the server and a worker: JSON with its length before it, and now and then an open file beside it.

No pickle, hence no ``multiprocessing``: the worker has read hostile input and must not be able to make the server run anything.
"""

from __future__ import annotations

import json
import os
import socket
from typing import Any

MAX_MESSAGE = 4 * 2**20
_LENGTH = 4
_MAX_FDS = 4


class Gone(Exception):
    """The other side has closed the connection, or talks nonsense."""


def send(sock: socket.socket, message: dict[str, Any], fd: int | None = None) -> None:
    raw = json.dumps(message).encode("ascii")
    data = len(raw).to_bytes(_LENGTH, "little") + raw
    if fd is None:
        sock.sendall(data)
        return
    sent = socket.send_fds(sock, [data], [fd])
    sock.sendall(data[sent:])


def receive(sock: socket.socket) -> tuple[dict[str, Any], int | None]:
    """The next message and the descriptor that came with it; ``Gone`` at the end, ``TimeoutError`` as the socket was told.

    The caller owns the descriptor.
    """
    data, fds, _, _ = socket.recv_fds(sock, _LENGTH, _MAX_FDS)
    try:
        if not data:
            raise Gone("the connection was closed")
        length = int.from_bytes(data + _exactly(sock, _LENGTH - len(data)), "little")
        if length > MAX_MESSAGE:
            raise Gone(f"a message of {length} bytes")
        message = json.loads(_exactly(sock, length))
        if not isinstance(message, dict):
            raise Gone("a message that is no object")
    except (ValueError, RecursionError) as error:
        _close(fds)
        raise Gone(f"a message that is not JSON: {error}") from None
    except BaseException:
        _close(fds)
        raise
    _close(fds[1:])
    return message, fds[0] if fds else None


def _exactly(sock: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = sock.recv(min(size - len(parts), 2**16))
        if not part:
            raise Gone("the connection was closed within a message")
        parts += part
    return bytes(parts)


def _close(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)
