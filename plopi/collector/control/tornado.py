"""The control among the handlers of a Tornado application. The only part of the collector that needs Tornado."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.iostream import StreamClosedError
from tornado.routing import Matcher, Rule
from tornado.web import RequestHandler

from plopi.collector.control.access import Request
from plopi.collector.control.background import respond_in_thread
from plopi.collector.control.http import Control


def plopi_handlers(**options: Any) -> list[Rule]:
    """Rules for ``Application([*plopi_handlers(token=...), ...])``; the options are ``Control``'s.

    A request that the control does not take goes on to the application's other rules, and so ends in its own 404.
    """
    control = Control(**options)
    return [Rule(_Takes(control), PlopiHandler, {"control": control})]


class _Takes(Matcher):
    def __init__(self, control: Control) -> None:
        self._control = control

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        return {} if self._control.covers(request.path) and self._control.takes(_request(request)) else None


class PlopiHandler(RequestHandler):
    def initialize(self, control: Control) -> None:
        self._control = control
        self._gone = threading.Event()

    def check_xsrf_cookie(self) -> None:
        """Not cookies but the token, and the refusal of other sites, guard the control."""

    def on_connection_close(self) -> None:
        self._gone.set()

    async def _respond(self) -> None:
        response = await respond_in_thread(self._control, _request(self.request), self._gone)
        if self._gone.is_set():
            return
        self.set_status(response.status)
        for name, value in response.headers:
            self.set_header(name, value)
        with contextlib.suppress(StreamClosedError):  # who asked left in this very moment: nothing for the application's log
            await self.finish(response.body)

    get = post = put = delete = patch = head = options = _respond


def _request(request: HTTPServerRequest) -> Request:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Request(request.method or "", request.path, request.query, headers, request.remote_ip or "")
