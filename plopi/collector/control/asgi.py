"""The control in front of an ASGI application."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from plopi.collector.control.access import Request
from plopi.collector.control.background import respond_in_thread
from plopi.collector.control.http import Control

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class PlopiMiddleware:
    """``app = PlopiMiddleware(app, token=...)``; the options are ``Control``'s. The event loop never waits for a profile."""

    def __init__(self, app: Application, **options: Any) -> None:
        self._app, self._control = app, Control(**options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._control.covers(scope["path"]):
            return await self._app(scope, receive, send)
        request = _request(scope)
        if not self._control.takes(request):
            return await self._app(scope, receive, send)
        gone = threading.Event()
        watcher = asyncio.ensure_future(_watch(receive, gone))
        try:
            response = await respond_in_thread(self._control, request, gone)
        finally:
            gone.set()
            watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watcher
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
        headers.append((b"content-length", str(len(response.body)).encode()))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})
        return None


async def _watch(receive: Receive, gone: threading.Event) -> None:
    while True:
        if (await receive())["type"] == "http.disconnect":
            gone.set()
            return


def _request(scope: Scope) -> Request:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query, (peer, _) = scope.get("query_string", b"").decode("latin-1"), scope.get("client") or ("", 0)
    return Request(scope["method"], scope["path"], query, headers, peer)
