"""The pages and what they are made of, as files; and the door for those who come with a login link."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tornado import web

import plopi
from plopi.viewer.handlers.base import Base, Services, log
from plopi.viewer.security import Refused

STATIC = Path(plopi.__file__).parent / "static"

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
}
"""Not left to the system's tables, which on some machines call JavaScript text/plain: a browser then refuses it (nosniff)."""


class Page(Base):
    """One file of ``static/`` under an address of its own."""

    page = True

    def initialize(self, services: Services, file: str) -> None:  # type: ignore[override]
        super().initialize(services)
        self.file = file

    async def get(self, *path: str) -> None:
        self.set_header("Content-Type", _TYPES[".html"])
        self.finish((STATIC / self.file).read_bytes())

    head = get


class Static(Base, web.StaticFileHandler):
    """``static/``. Always asked for again, answered by 304 while unchanged: a new version is seen at once."""

    def initialize(self, services: Services) -> None:  # type: ignore[override]
        Base.initialize(self, services)
        web.StaticFileHandler.initialize(self, str(STATIC))

    async def get(self, path: str, include_body: bool = True) -> None:
        if "\0" in path:
            raise Refused(404, f"There is no file {path!r}.")
        await web.StaticFileHandler.get(self, path, include_body)

    def compute_etag(self) -> str | None:
        return web.StaticFileHandler.compute_etag(self)

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Cache-Control", "no-cache")

    def get_content_type(self) -> str:
        return _TYPES.get(Path(self.absolute_path or "").suffix, "application/octet-stream")


class ToGraph(Base):
    """``p/ID`` for those who cut the address short."""

    page = True

    async def get(self, profile_id: str) -> None:
        self.redirect(f"{self.services.config.base_url}p/{profile_id}/graph", status=302)

    head = get


class ToBase(Base):
    """The address without its last slash, which relative addresses need; and ``/`` itself when there is a base URL."""

    page = True

    async def get(self) -> None:
        self.redirect(self.services.config.base_url, status=302)

    head = get


class Login(Base):
    """A one-use code becomes a cookie, and the address that held it is left behind."""

    page = True

    def initialize(self, services: Services, announce: Callable[[], None]) -> None:  # type: ignore[override]
        super().initialize(services)
        self.announce = announce

    def authenticate(self) -> None:
        """Here the code is what is shown instead."""

    async def get(self) -> None:
        services, token, peer = self.services, self.services.config.token, str(self.request.remote_ip)
        if token is None:
            self.redirect(services.config.base_url, status=303)
            return
        if services.failures.blocked(peer):
            raise Refused(429, "Too many attempts with a wrong code; wait a minute.")
        if not token.use_login(self.arguments().get("code", "")):
            services.failures.failed(peer)
            raise Refused(403, "This login link was used before or is wrong; open the newest that the viewer printed.")
        self.set_cookie(services.cookie_name, token.cookie, path=services.config.base_url, httponly=True, samesite="Strict")
        log.info("signed in from %s", peer)
        self.announce()
        self.redirect(services.config.base_url, status=303)

    async def head(self) -> None:
        """A look at the link does not use it up."""
        raise Refused(405, "A login link is opened with GET.")
