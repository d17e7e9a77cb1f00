"""The control in front of a WSGI application."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from plopi.collector.control.access import Request
from plopi.collector.control.http import Control

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class PlopiMiddleware:
    """``application = PlopiMiddleware(application, token=...)``; the options are ``Control``'s. Profiles take a worker."""

    def __init__(self, app: Application, **options: Any) -> None:
        self._app, self._control = app, Control(**options)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        if not self._control.covers(path):
            return self._app(environ, start_response)
        request = _request(environ, path)
        if not self._control.takes(request):
            return self._app(environ, start_response)
        response = self._control.respond(request)
        status = f"{response.status} {HTTPStatus(response.status).phrase}"
        start_response(status, [*response.headers, ("Content-Length", str(len(response.body)))])
        return [response.body]


def _request(environ: Environ, path: str) -> Request:
    headers = {key[5:].replace("_", "-").lower(): value for key, value in environ.items() if key.startswith("HTTP_")}
    return Request(environ["REQUEST_METHOD"], path, environ.get("QUERY_STRING", ""), headers, environ.get("REMOTE_ADDR", ""))
