"""The server: routes, limits, sockets, and how it starts and ends."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import resource
import signal
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tornado import httputil, iostream, netutil, web
from tornado.httpserver import HTTPServer

import plopi
from plopi.errors import PlopiError
from plopi.viewer import heap
from plopi.viewer.config import LOOPBACK, Config, is_loopback
from plopi.viewer.entries import shown
from plopi.viewer.handlers import api, live, notes, pages, saving
from plopi.viewer.handlers.base import NotFound, RefusedHandler, Services, admit
from plopi.viewer.security import Hosts, Refused
from plopi.viewer.stderr import Stderr
from plopi.viewer.store import Store

MOST_CONNECTIONS = 1000
IDLE_SECONDS = 30.0
"""For so long a connection may be without a request, or at the headers of one."""
BODY_SECONDS = 10.0
BACKLOG = 1024
"""So many may stand at the door: whom the system turns away there comes again after a second."""
DOOR_SECONDS = 0.004
"""For so long connections are let in before those that are there already get their turn."""
SWITCH_SECONDS = 0.0005
"""A thread that computes gives way after so long. Until then the loop waits, after each of its calls to the system."""
_ID = "([0-9a-f]{16})"
_SUBJECT = r"([0-9a-f]{16}(?:(?:\+|%2[Bb])[0-9a-f]{16})*)"
_VIEWS = "graph|flame|function|table"

Announce = Callable[[str], None]


class Viewer(web.Application):
    """Admission first, then routes."""

    def __init__(self, services: Services, announce: Callable[[], None]) -> None:
        """``announce`` is called when a login link was used up."""
        self._services = services
        self.heard: Callable[[iostream.IOStream], None] = lambda stream: None
        """Called with the connection of each request, once its headers are there."""
        self.hub = live.Hub(services.store)
        super().__init__(
            self._routes(announce),
            default_handler_class=NotFound,
            default_handler_args={"services": services},
            compress_response=True,
            websocket_ping_interval=20,
            websocket_ping_timeout=20,
            websocket_max_message_size=live.MAX_MESSAGE,
            log_function=lambda handler: None,
        )

    def find_handler(self, request: httputil.HTTPServerRequest, **kwargs: Any) -> Any:
        self.heard(request.connection.stream)  # type: ignore[union-attr]
        try:
            admit(self._services, request)
        except Refused as refused:
            return self.get_handler_delegate(request, RefusedHandler, {"services": self._services, "refused": refused})
        return super().find_handler(request, **kwargs)

    def _routes(self, announce: Callable[[], None]) -> list[Any]:
        base, services = self._services.config.base_url, {"services": self._services}
        routes: list[Any] = [
            (base, pages.Page, {**services, "file": "index.html"}),
            (f"{base}p/{_SUBJECT}/(?:{_VIEWS})", pages.Page, {**services, "file": "profile.html"}),
            (f"{base}p/{_SUBJECT}/?", pages.ToGraph, services),
            (f"{base}static/(.*)", pages.Static, services),
            (f"{base}login", pages.Login, {**services, "announce": announce}),
            (f"{base}live", live.Live, {**services, "hub": self.hub}),
            (f"{base}api/profiles", api.Profiles, services),
            (f"{base}api/profiles/{_SUBJECT}", api.ProfileDetail, services),
            (f"{base}api/profiles/{_ID}/notes", notes.Notes, services),
            (f"{base}api/profiles/{_SUBJECT}/graph", api.Graph, services),
            (f"{base}api/profiles/{_SUBJECT}/table", api.Table, services),
            (f"{base}api/profiles/{_SUBJECT}/flame", api.Flame, services),
            (f"{base}api/profiles/{_SUBJECT}/source/([0-9]{{1,10}})", api.Source, services),
            (f"{base}api/profiles/{_SUBJECT}/export", saving.Export, services),
            (f"{base}api/profiles/{_SUBJECT}/share", saving.Share, services),
            (f"{base}api/profiles/{_SUBJECT}/timeline", api.Timeline, services),
            (f"{base}api/profiles/{_SUBJECT}/function/([0-9]{{1,10}})", api.Function, services),
        ]
        if base != "/":
            routes += [("/", pages.ToBase, services), (base.rstrip("/"), pages.ToBase, services)]
        return routes


class Door(socket.socket):
    """A listening socket that lets in a few at a time, so that a crowd at the door does not hold up who is in."""

    clock: Callable[[], float] = time.monotonic
    _shuts_at: float | None = None

    def accept(self) -> tuple[socket.socket, Any]:
        now = self.clock()
        if self._shuts_at is None:
            self._shuts_at = now + DOOR_SECONDS
        try:
            if now > self._shuts_at:
                raise BlockingIOError  # for tornado nobody is there; the loop says at once that somebody is
            return super().accept()
        except BlockingIOError:
            self._shuts_at = None
            raise


class Server(HTTPServer):
    """An HTTP server that will not be drowned in connections: at the limit the one that has been silent for longest goes."""

    def initialize(self, application: Viewer) -> None:  # type: ignore[override]
        super().initialize(
            application,
            idle_connection_timeout=IDLE_SECONDS,
            body_timeout=BODY_SECONDS,
            max_header_size=16 * 2**10,
            max_body_size=64 * 2**10,
        )
        self.max_buffer_size = 2**20
        self._open = 0
        self._silent: dict[iostream.IOStream, None] = {}
        """Connections that have not brought a request yet, oldest first."""
        application.heard = self._has_spoken

    def handle_stream(self, stream: iostream.IOStream, address: Any) -> None:
        if self._open >= MOST_CONNECTIONS:
            oldest = next(iter(self._silent), stream)
            oldest.close()
            if oldest is stream:
                return
            self._has_spoken(oldest)  # it will not, but is no longer waited for
        self._open += 1
        self._silent[stream] = None
        super().handle_stream(stream, address)

    def on_close(self, server_conn: object) -> None:
        self._open -= 1
        self._has_spoken(server_conn.stream)  # type: ignore[attr-defined]
        super().on_close(server_conn)

    def _has_spoken(self, stream: iostream.IOStream) -> None:
        self._silent.pop(stream, None)


def listen(config: Config) -> list[socket.socket]:
    """The sockets to serve on, bound. PlopiError says what stands in the way."""
    if config.uds is not None:
        return [_listen_unix(config.uds)]
    sockets: list[socket.socket] = []
    port = config.port
    for address in config.addresses:
        try:
            sockets += netutil.bind_sockets(port, address.strip("[]"), backlog=BACKLOG)
        except OSError as error:
            if sockets and config.addresses == LOOPBACK and (error.errno != errno.EADDRINUSE or not config.port):
                continue  # there is no IPv6 here, or somebody else's server has the port that was found free
            for bound in sockets:
                bound.close()
            raise PlopiError(_why_not(error, address, port)) from None
        port = sockets[0].getsockname()[1]
    return sockets


def _listen_unix(path: Path) -> socket.socket:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.connect(str(path))
        raise PlopiError(f"something listens on {str(path)!r} already; stop it or give another --uds")
    try:
        return netutil.bind_unix_socket(str(path), mode=0o600, backlog=BACKLOG)
    except (OSError, ValueError) as error:
        raise PlopiError(f"cannot listen on {str(path)!r} ({error}); give another --uds") from None


def _why_not(error: OSError, address: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {address} is in use; choose another with --port, or --port 0 for a free one"
    if error.errno == errno.EACCES:
        return f"port {port} needs privileges; choose one above 1023 with --port"
    return f"cannot listen on {address} port {port} ({error.strerror}); correct --host or --port"


def login_url(services: Services) -> str:
    """A fresh one-use link; for viewers without a token simply where they are."""
    token, base = services.config.token, own_url(services)
    return base if token is None else f"{base}login?code={token.new_login()}"


def own_url(services: Services) -> str:
    config = services.config
    if services.port is None:
        return f"http://localhost{config.base_url}"
    host = config.addresses[0].strip("[]")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{services.port}{config.base_url}"


async def serve(config: Config, stop: asyncio.Event, announce: Announce, announce_login: Announce | None = None) -> None:
    """Serve until ``stop`` is set. ``announce`` is called with the address once it answers, ``announce_login`` (the same unless
    given) with every login link after the first."""
    sockets = listen(config)
    port = None if config.uds else sockets[0].getsockname()[1]
    store = Store(config.datadir, config.bounds, disk_cache=config.disk_cache)
    bound = [f"[{address}]" if ":" in address else address for address in config.addresses]
    services = Services(config, store, Hosts.of([] if config.uds else bound, config.allowed_hosts, port), port)
    application = Viewer(services, lambda: (announce_login or announce)(login_url(services)))
    server = Server(application)
    server.add_sockets(Door(fileno=each.detach()) for each in sockets)
    try:
        url = login_url(services)
        announce(url)
        if config.open_browser and config.uds is None:
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()  # some browsers hold it until they end
        await stop.wait()
    finally:
        server.stop()
        application.hub.close()
        await server.close_all_connections()
        await store.close()
        services.threads.shutdown(wait=False, cancel_futures=True)
        if config.uds is not None:
            config.uds.unlink(missing_ok=True)


def address_told(config: Config, url: str) -> str:
    lines = [url]
    if config.uds is not None:
        lines.append(f"  on the Unix socket {shown(str(config.uds))}")
    if config.token is not None:
        lines.append("  The link signs one browser in, once; then another is printed here.")
    if config.uds is None and not all(is_loopback(address) for address in config.addresses):
        lines.append("  Other machines can reach it, by the names given with --allowed-host; nothing is encrypted on the way.")
    if not config.quiet:
        lines.insert(0, f"plopi viewer {plopi.__version__} shows {shown(str(config.datadir))}")
        if not config.datadir.exists():
            lines.append("  The directory does not exist yet; it is shown as soon as something makes it.")
        lines.append("  Ctrl-C ends it.")
    return "\n".join(lines)


def allow_descriptors(wanted: int) -> None:
    """A full house must not leave the viewer unable to open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def run(config: Config) -> None:
    """Serve until SIGINT or SIGTERM."""
    allow_descriptors(2 * MOST_CONNECTIONS)
    stderr = Stderr(sys.stderr.fileno() if sys.stderr else os.open(os.devnull, os.O_WRONLY))
    logging.basicConfig(level=logging.WARNING, handlers=[stderr])
    sys.setswitchinterval(SWITCH_SECONDS)
    heap.begin()

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await serve(
            config,
            stop,
            lambda url: stderr.say(address_told(config, url)),
            lambda url: stderr.say(f"A browser has signed in. For another one:\n{url}"),
        )

    try:
        asyncio.run(main())
    finally:
        stderr.end()
