"""Who may control profiling over HTTP: the questions that are asked of a request before anything is done."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from plopi.errors import UsageError

SHORTEST_TOKEN = 16
_PROXY_HEADERS = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
_LOOPBACK_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?")


@dataclass(frozen=True)
class Request:
    """``headers`` with lower-case names; ``path`` whole, decoded; ``peer`` the address at the other end, "" if none."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    peer: str


Allow = Callable[[Request], bool]


@dataclass(frozen=True)
class Access:
    """The choice made at mounting. At least one must be made; all that are made must hold.

    ``token``: clients send it as ``Authorization: Bearer TOKEN`` or as the password of Basic authentication.
    ``allow``: called with each request; anything but True refuses it.
    ``loopback_only``: only clients on this machine, with no proxy in front of them and a loopback name in ``Host``.
    """

    token: str | None = None
    allow: Allow | None = None
    loopback_only: bool = False

    def __post_init__(self) -> None:
        if self.token is None and self.allow is None and not self.loopback_only:
            raise UsageError(
                "nobody was named who may profile this server; mount the control with token=..., allow=... or loopback_only=True"
            )
        if self.token is not None and len(self.token) < SHORTEST_TOKEN:
            raise UsageError(
                f"the token has {len(self.token)} characters, and {SHORTEST_TOKEN} are the least; "
                "make one with: python -c 'import secrets; print(secrets.token_urlsafe())'"
            )

    def permits(self, request: Request) -> bool:
        return (
            (not self.loopback_only or _from_this_machine(request))
            and (self.token is None or _carries(self.token, request.headers.get("authorization", "")))
            and (self.allow is None or self.allow(request) is True)
        )


def from_another_site(request: Request) -> bool:
    """A browser sent it on behalf of a page that is not this server's own."""
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    origin = request.headers.get("origin")
    if origin is None:
        return False
    site = origin.partition("://")[2].lower()
    return not site or site != request.headers.get("host", "").lower()


def _from_this_machine(request: Request) -> bool:
    try:
        loopback = ipaddress.ip_address(request.peer).is_loopback
    except ValueError:  # a Unix socket or an unknown peer: who is behind it cannot be told
        return False
    host = request.headers.get("host", "").lower()
    return (
        loopback
        and _LOOPBACK_HOST.fullmatch(host) is not None
        and not any(header in request.headers for header in _PROXY_HEADERS)
    )


def _carries(token: str, authorization: str) -> bool:
    scheme, _, value = authorization.strip().partition(" ")
    sent = value.strip().encode("utf-8", "surrogateescape")
    if scheme.lower() == "basic":
        try:
            sent = base64.b64decode(sent, validate=True).partition(b":")[2]
        except binascii.Error:
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(sent, token.encode("utf-8"))
