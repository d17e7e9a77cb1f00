"""What all handlers share: the headers, who may ask, errors as the client can use them, answers as JSON."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus
from typing import Any

from tornado import httputil, web

from plopi.errors import FormatError, Unanswerable, UsageError
from plopi.viewer.analysis.search import RefusedPattern, RefusedSearch
from plopi.viewer.config import Config
from plopi.viewer.listing import Listing, Question, which_of
from plopi.viewer.orders import Which
from plopi.viewer.readers.results import Pending, Unreadable
from plopi.viewer.security import HEADERS, Hosts, RateLimit, Refused, check_fetch_site
from plopi.viewer.store import Store
from plopi.viewer.subjects import MemberPending, Subjects

log = logging.getLogger("plopi.viewer")

METHODS: tuple[str, ...] = ("GET", "HEAD")
ADMITTED = (*METHODS, "PUT")
"""PUT is for notes alone; all other handlers refuse it."""
PATIENCE = 2.0
"""Seconds that a request waits for a profile to be read before it is told how far that has come."""


@dataclass(frozen=True)
class Services:
    """What handlers work with."""

    config: Config
    store: Store
    hosts: Hosts
    port: int | None
    listing: Listing = field(default_factory=Listing)
    failures: RateLimit = field(default_factory=RateLimit)
    subjects: Subjects = field(default_factory=Subjects)
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "plopi view"))
    making: dict[Which, asyncio.Task[None]] = field(default_factory=dict)

    async def order(self, question: Question) -> None:
        """Have the index made in the order that ``question`` needs. Whoever wants the same one waits for the same work."""
        which = which_of(question)
        if which not in self.making:
            made = self.making[which] = asyncio.create_task(self.listing.make(question))
            made.add_done_callback(lambda _: self.making.pop(which))
        await asyncio.shield(self.making[which])

    @property
    def cookie_name(self) -> str:
        """Cookies do not know ports, so several viewers on one machine would take each other's."""
        return f"plopi-{self.port}" if self.port is not None else "plopi"


class Base(web.RequestHandler):
    """Headers, admission and errors. ``page``: answers with HTML that holds no data, so links to it may come from anywhere."""

    SUPPORTED_METHODS = METHODS
    page = False
    routed = True
    etag: str | None = None

    def initialize(self, services: Services) -> None:
        self.services = services

    def set_default_headers(self) -> None:
        for name, value in HEADERS.items():
            self.set_header(name, value)
        self.set_header("Cache-Control", "no-store")
        self.set_header("Server", "plopi")

    async def prepare(self) -> None:
        headers = self.request.headers
        site, mode, destination = (headers.get(f"Sec-Fetch-{name}") for name in ("Site", "Mode", "Dest"))
        check_fetch_site(site, mode, destination, self.page)
        self.authenticate()

    def authenticate(self) -> None:
        """Refuse whoever does not show the token, if there is one."""
        token, peer = self.services.config.token, str(self.request.remote_ip)
        if token is None:
            return
        authorization, cookie = self.request.headers.get("Authorization"), self.get_cookie(self.services.cookie_name)
        if token.opens(authorization, cookie):
            return
        if self.services.failures.blocked(peer):
            raise Refused(429, "Too many attempts with a wrong token; wait a minute.")
        if authorization or cookie:
            self.services.failures.failed(peer)
        raise Refused(
            401,
            "This viewer asks for a token; open the login link that it printed when it was started, "
            "or send the token as 'Authorization: Bearer TOKEN'.",
        )

    @property
    def wants_json(self) -> bool:
        return self.request.path.startswith(self.services.config.base_url + "api/")

    def arguments(self) -> dict[str, str]:
        """The query's arguments; of one that recurs the last."""
        return {name: values[-1] for name, values in self.all_arguments().items()}

    def all_arguments(self) -> dict[str, list[str]]:
        """The query's arguments, each with all of its values."""
        try:
            return {name: [each.decode("utf-8") for each in values] for name, values in self.request.query_arguments.items()}
        except UnicodeDecodeError:
            raise UsageError("the address holds bytes that are no UTF-8; encode them as UTF-8 before percent-encoding") from None

    async def answer(self, make: Callable[[], Mapping[str, Any]]) -> None:
        """Send what ``make`` returns as JSON; both happen in a thread, since they may take long."""
        body = await asyncio.get_running_loop().run_in_executor(self.services.threads, lambda: to_json(make()))
        self.send_json(body)

    def send_json(self, body: bytes) -> None:
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(body)

    def compute_etag(self) -> str | None:
        return self.etag

    def unchanged(self, etag: str) -> bool:
        """Whether the client has what it asks for already; then the answer is given."""
        self.etag = etag
        self.set_etag_header()
        if not self.check_etag_header():
            return False
        self.set_status(304)
        self.finish()
        return True

    def on_refused(self, refused: Refused) -> None:
        """A hook for headers that go with a refusal."""
        if refused.status == 429:
            self.set_header("Retry-After", "60")
        if refused.status == 401:
            self.set_header("WWW-Authenticate", "Bearer")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Every error, in the form that the client expects."""
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        status, content = describe(error, status_code)
        self.set_status(status)
        if isinstance(error, Refused):
            self.on_refused(error)
        if status == 405:
            self.set_header("Allow", ", ".join(self.SUPPORTED_METHODS if self.routed else METHODS))
        if status == 503:
            self.set_header("Retry-After", "1")
        if self.wants_json:
            self.send_json(to_json(content))
        else:
            self.set_header("Content-Type", "text/html; charset=utf-8")
            self.finish(error_page(status, content["error"]["message"], self.services.config.base_url))

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        if value is None or describe(value, 500)[0] < 500 or isinstance(value, Pending):
            return
        log.error("%s %r failed", self.request.method, self.request.path, exc_info=(typ, value, tb))


class NotFound(Base):
    """Whatever nothing else answers."""

    async def get(self) -> None:
        raise Refused(
            404, f"There is nothing at {self.request.path!r}; the profiles are listed at {self.services.config.base_url!r}."
        )

    head = get


class RefusedHandler(Base):
    """Says no before anything was routed."""

    routed = False
    SUPPORTED_METHODS = web.RequestHandler.SUPPORTED_METHODS

    def initialize(self, services: Services, refused: Refused) -> None:  # type: ignore[override]
        super().initialize(services)
        self.refused = refused

    async def prepare(self) -> None:
        raise self.refused


def admit(services: Services, request: httputil.HTTPServerRequest) -> None:
    """The checks that come before routing."""
    services.hosts.check(request.headers.get("Host"))
    services.hosts.check_origin(request.headers.get("Origin"))
    if request.method not in ADMITTED:
        raise Refused(405, f"{str(request.method)[:20]!r} is not answered: use GET.")


def describe(error: BaseException | None, status: int) -> tuple[int, dict[str, Any]]:
    """Status and JSON for an error; what was not raised on purpose is told without its details."""
    if status == 405:
        return 405, _message("That is not answered here: the viewer changes nothing but the notes of a profile; use GET.")
    if isinstance(error, Refused):
        return error.status, _message(str(error))
    if isinstance(error, Pending):
        progress = error.progress
        pending = {"stage": progress.stage, "done": progress.done, "size": progress.size, "ahead": progress.ahead}
        which = error.name if isinstance(error, MemberPending) else "The profile"
        return 503, {**_message(f"{which} is still being read; ask again in a moment."), "pending": pending}
    if isinstance(error, (Unreadable, FormatError)):
        return 422, _message(f"This file cannot be shown: {error}.")
    if isinstance(error, RefusedSearch):
        return 400, _message(str(error), argument="q")
    if isinstance(error, RefusedPattern):
        return 400, _message(str(error), pattern=error.pattern)
    if isinstance(error, UsageError):
        return 400, _message(str(error))
    if isinstance(error, Unanswerable):
        return 409, _message(str(error))
    if status == 400:
        return 400, _message("The request is malformed; check the address and its arguments.")
    if status == 500:
        return 500, _message("The viewer failed on this request, which is a bug; its stderr has the details.")
    return status, _message(f"{HTTPStatus(status).phrase if status in set(HTTPStatus) else 'Failed'}.")


def error_page(status: int, message: str, base_url: str) -> str:
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"
    style = way_back = ""
    if status == 404:  # others may not even know what this is
        base = escape(base_url, quote=True)
        style = f'<link rel="stylesheet" href="{base}static/css/base.css">'
        way_back = f'<p><a href="{base}">All profiles</a></p>'
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta name="color-scheme" content="light dark"><title>{status} {phrase} - plopi</title>{style}</head>\n'
        f'<body class="error-page"><h1>{phrase}</h1><p>{escape(message)}</p>{way_back}</body></html>\n'
    )


def to_json(content: Mapping[str, Any]) -> bytes:
    """The one encoder of all answers: strict JSON (no NaN), pure ASCII, so that no odd character can do harm."""
    return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


def etag_of(parsed_revision: str, version: str) -> str:
    return f'W/"{version}-{parsed_revision}"'


def _message(text: str, **more: str) -> dict[str, Any]:
    return {"error": {"message": text, **more}}
