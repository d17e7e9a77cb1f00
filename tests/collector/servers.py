"""The same small application on three kinds of server, each in a thread of this process and with the control mounted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

NOT_FOUND = b"the application knows no such page\n"


@contextmanager
def tornado_server(**options: Any) -> Iterator[int]:
    from tornado.httpserver import HTTPServer
    from tornado.netutil import bind_sockets
    from tornado.web import Application, RequestHandler

    from plopi.collector.control.tornado import plopi_handlers

    class Hello(RequestHandler):
        def get(self) -> None:
            self.write("hello")

    class NotFound(RequestHandler):
        def prepare(self) -> None:
            self.set_status(404)
            self.finish(NOT_FOUND)

    application = Application([*plopi_handlers(**options), (r"/hello", Hello)], default_handler_class=NotFound)
    (socket,) = bind_sockets(0, "127.0.0.1")

    async def serve(stop: asyncio.Event) -> None:
        server = HTTPServer(application)
        server.add_socket(socket)
        await stop.wait()
        server.stop()
        await server.close_all_connections()

    with _loop_in_thread(serve):
        yield socket.getsockname()[1]


@contextmanager
def wsgi_server(**options: Any) -> Iterator[int]:
    from plopi.collector.control.wsgi import PlopiMiddleware

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        found = environ["PATH_INFO"] == "/hello"
        start_response("200 OK" if found else "404 Not Found", [("Content-Type", "text/plain")])
        return [b"hello" if found else NOT_FOUND]

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    server = make_server("127.0.0.1", 0, PlopiMiddleware(application, **options), Server, Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def asgi_server(**options: Any) -> Iterator[int]:
    from plopi.collector.control.asgi import PlopiMiddleware

    async def application(scope: Any, receive: Any, send: Any) -> None:
        found = scope["path"] == "/hello"
        await send({"type": "http.response.start", "status": 200 if found else 404, "headers": []})
        await send({"type": "http.response.body", "body": b"hello" if found else NOT_FOUND})

    app = PlopiMiddleware(application, **options)
    port: list[int] = []
    listening = threading.Event()

    async def serve(stop: asyncio.Event) -> None:
        server = await asyncio.start_server(lambda reader, writer: _serve_asgi(app, reader, writer), "127.0.0.1", 0)
        port.append(server.sockets[0].getsockname()[1])
        listening.set()
        async with server:
            await stop.wait()

    with _loop_in_thread(serve):
        assert listening.wait(5)
        yield port[0]


async def _serve_asgi(app: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One HTTP/1.1 request as an ASGI scope, then the connection is closed."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = [
        (name.strip().lower().encode(), value.strip().encode())
        for name, _, value in (line.partition(":") for line in head[1:] if line)
    ]
    path, _, query = target.partition("?")
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": headers}
    scope["client"] = writer.get_extra_info("peername")
    requests = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if requests:
            return requests.pop()
        await reader.read()
        return {"type": "http.disconnect"}

    async def send(event: dict[str, Any]) -> None:
        if event["type"] == "http.response.start":
            lines = [
                f"HTTP/1.1 {event['status']} x".encode(),
                b"connection: close",
                *(b": ".join(pair) for pair in event["headers"]),
            ]
            writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
        else:
            writer.write(event["body"])

    try:
        await app(scope, receive, send)
        await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@contextmanager
def _loop_in_thread(serve: Callable[[asyncio.Event], Any]) -> Iterator[None]:
    ready = threading.Event()
    state: dict[str, Any] = {}

    async def main() -> None:
        state["loop"], state["stop"] = asyncio.get_running_loop(), asyncio.Event()
        ready.set()
        await serve(state["stop"])

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert ready.wait(5)
    try:
        yield
    finally:
        state["loop"].call_soon_threadsafe(state["stop"].set)
        thread.join(10)


SERVERS = {"tornado": tornado_server, "wsgi": wsgi_server, "asgi": asgi_server}
