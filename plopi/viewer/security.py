"""Who may ask what: the rules, apart from the web framework that applies them. docs/viewer.md and SECURITY.md say why."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from plopi.errors import PlopiError, UsageError

HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every response, whatever it is."""

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
MIN_TOKEN = 32
"""Characters that a token from a file must have at least."""


class Refused(Exception):
    """A request that is not answered; ``status`` and a sentence for whoever sent it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Hosts:
    """The names under which this server is known: lower-case ``host`` or ``host:port``, exactly as a Host header says them."""

    names: frozenset[str]

    @classmethod
    def of(cls, bound: Iterable[str], allowed: Iterable[str], port: int | None) -> Hosts:
        """Loopback's names and those ``bound`` to, with the own ``port``; ``allowed`` also as given: a proxy has its own port."""
        names: set[str] = set()
        for host in (*LOOPBACK_NAMES, *bound):
            names.update(_with_port(host.lower(), port))
        for host in allowed:
            names.add(host.lower())
            if ":" not in host.rpartition("]")[2]:
                names.update(_with_port(host.lower(), port))
        return cls(frozenset(names))

    def check(self, host: str | None) -> None:
        """Refuse a Host that is not ours: that is what a page of a foreign name sends that has its name rebound to us."""
        if host is None or host.lower() not in self.names:
            raise Refused(421, f"This server is not {_quoted(host)}; if it should be, start it with --allowed-host.")

    def check_origin(self, origin: str | None) -> None:
        """Refuse what a page of another origin asks."""
        if origin is None:
            return
        scheme, _, name = origin.partition("://")  # no parser of addresses: those raise on some that are none
        if scheme not in ("http", "https") or name.lower() not in self.names:
            raise Refused(403, f"Requests from pages of {_quoted(origin)} are not answered; open the viewer by its own address.")


def check_fetch_site(site: str | None, mode: str | None, destination: str | None, page: bool) -> None:
    """Refuse what another site's page makes the browser fetch. Following a link to a page is fine: pages hold no data."""
    if site in (None, "none", "same-origin") or (page and mode == "navigate" and destination == "document"):
        return
    raise Refused(403, f"Requests from other sites are not answered (Sec-Fetch-Site: {_quoted(site)}); open the viewer itself.")


class Token:
    """The secret that opens the viewer, and what follows from it. Comparisons take the same time whatever is wrong."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._once: bytes | None = None

    @classmethod
    def make(cls) -> Token:
        return cls(secrets.token_urlsafe(32))

    @classmethod
    def read(cls, path: Path) -> Token:
        """From a file that nobody but its owner may read."""
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                text = file.read(4096).decode("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise PlopiError(f"the token file {str(path)!r} cannot be read ({error}); correct PLOPI_TOKEN_FILE") from None
        if stat.S_IMODE(mode) & 0o077:
            raise PlopiError(f"others may read the token file {str(path)!r} (mode {stat.S_IMODE(mode):o}); do chmod 600 on it")
        if len(text) < MIN_TOKEN or not text.isprintable() or " " in text:
            raise PlopiError(
                f"the token in {str(path)!r} has {len(text)} characters; put at least {MIN_TOKEN} without spaces there, "
                "e.g. by: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
            )
        return cls(text)

    @property
    def cookie(self) -> str:
        """What a browser shows instead of the secret; the same after a restart with the same secret."""
        return hmac.new(self._secret, b"plopi viewer cookie 1", hashlib.sha256).hexdigest()

    def new_login(self) -> str:
        """A code that opens the door once; an older one is void from now on."""
        code = secrets.token_urlsafe(24)
        self._once = code.encode()
        return code

    def use_login(self, code: str) -> bool:
        if self._once is None or not hmac.compare_digest(self._once, code.encode("utf-8", "replace")):
            return False
        self._once = None
        return True

    def opens(self, authorization: str | None, cookie: str | None) -> bool:
        """By ``Authorization: Bearer TOKEN`` or by the cookie."""
        bearer = authorization[7:].strip() if authorization and authorization[:7].lower() == "bearer " else ""
        by_bearer = hmac.compare_digest(bearer.encode("utf-8", "replace"), self._secret)
        by_cookie = hmac.compare_digest((cookie or "").encode("utf-8", "replace"), self.cookie.encode())
        return by_bearer or by_cookie


class RateLimit:
    """At most ``most`` failures of one peer in ``seconds``; then it has to wait. Remembers a bounded number of peers."""

    def __init__(
        self, most: int = 10, seconds: float = 60.0, peers: int = 1000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._seconds, self._peers, self._clock = most, seconds, peers, clock
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def blocked(self, peer: str) -> bool:
        times = self._failures.get(peer)
        if times is None:
            return False
        while times and times[0] <= self._clock() - self._seconds:
            times.popleft()
        return len(times) >= self._most

    def failed(self, peer: str) -> None:
        times = self._failures.setdefault(peer, deque(maxlen=self._most))
        times.append(self._clock())
        self._failures.move_to_end(peer)
        if len(self._failures) > self._peers:
            self._failures.popitem(last=False)


def clean_base_url(text: str) -> str:
    """``x``, ``/x`` and ``/x/`` alike as ``/x/``."""
    inner = text.strip("/")
    if not text.isascii() or not all(
        part and part not in (".", "..") and all(c.isalnum() or c in "-._~" for c in part) for part in inner.split("/") if inner
    ):
        raise UsageError(f"--base-url is {text!r}; give a path of letters, digits, '-', '.', '_' and '~', e.g. /plopi/")
    return f"/{inner}/" if inner else "/"


def _with_port(host: str, port: int | None) -> set[str]:
    if port is None:
        return {host}
    return {f"{host}:{port}", *((host,) if port == 80 else ())}


def _quoted(text: str | None) -> str:
    return repr(text[:100]) if text is not None else "nobody"
