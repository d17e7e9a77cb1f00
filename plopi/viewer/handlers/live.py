"""``live``: tells open pages that something changed; they fetch again what they show."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import time
from typing import Any

from tornado import websocket

from plopi.viewer.entries import revision_of
from plopi.viewer.handlers.base import Base, Services, log, to_json
from plopi.viewer.security import Refused
from plopi.viewer.store import Store
from plopi.viewer.view import MOST_MEMBERS

MOST_CLIENTS = 200
LOOK_SECONDS = 0.05
"""Between two looks at recordings that somebody follows, and whether files came or went."""
REST_SECONDS = 0.02
"""From one look to the next, whatever the news: what changes all the time is looked at, and told of, together."""
FAULT_SECONDS = 1.0
"""After a look that failed."""
MOST_LOOKED_AT = 16
INDEX_SECONDS = 0.25
"""A page is told of changes of the index at most this often."""
CHUNK = 20
MAX_MESSAGE = 4096
LONGEST_WATCH = 2 * MOST_MEMBERS * 17
"""Both sides of a diff."""


class Hub:
    """All open websockets. Looks at the data directory only while there are any."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._clients: set[Live] = set()
        self._ticking: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        store.on_change = self._news.set

    def __len__(self) -> int:
        return len(self._clients)

    def add(self, client: Live) -> None:
        self._clients.add(client)
        if self._ticking is None:
            self._ticking = asyncio.create_task(self._tick())

    def remove(self, client: Live) -> None:
        self._clients.discard(client)

    def close(self) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
        for client in list(self._clients):
            client.close(1001, "the viewer is shutting down")

    def state(self, watch: str) -> dict[str, Any]:
        """Of one profile, or of several as one."""
        entries, now_ns = [self._store.get(each) for each in watch.split("+")], self._store.now_ns()
        there = [entry for entry in entries if entry is not None]
        if len(there) < len(entries):
            return {"v": 1, "profile": watch, "revision": None, "status": "gone"}
        statuses = {entry.status(now_ns) for entry in there}
        status = statuses.pop() if len(there) == 1 else "growing" if "growing" in statuses else "finished"
        return {"v": 1, "profile": watch, "revision": "+".join(revision_of(entry.found.key) for entry in there), "status": status}

    def _watched(self) -> list[str]:
        """Recordings that open pages follow and that still grow."""
        ids = {each for client in self._clients if client.watching is not None for each in client.watching.split("+")}
        now_ns, found = self._store.now_ns(), []
        for each in sorted(ids):
            entry = self._store.get(each)
            if entry is not None and entry.is_part and entry.status(now_ns) in ("growing", "unread"):
                found.append(each)
        return found[:MOST_LOOKED_AT]

    async def _tick(self) -> None:
        try:
            while self._clients:
                began = time.monotonic()
                self._news.clear()
                try:
                    await self._tell_all()
                except Exception:  # a look that fails is not the last one
                    log.exception("live updates failed")
                    await asyncio.sleep(FAULT_SECONDS)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), LOOK_SECONDS)
                await asyncio.sleep(began + REST_SECONDS - time.monotonic())
        finally:
            self._ticking = None

    async def _tell_all(self) -> None:
        self._store.refresh_soon()
        await self._store.look(self._watched())
        for count, client in enumerate(list(self._clients), 1):
            client.tell(self._store.revision)
            if count % CHUNK == 0:  # requests need not wait until all have been told
                await asyncio.sleep(0)


class Live(Base, websocket.WebSocketHandler):
    """One open page. It may send ``{"watch": ID or several joined by + or null}``."""

    def initialize(self, services: Services, hub: Hub) -> None:  # type: ignore[override]
        super().initialize(services)
        self._hub = hub
        self._told_index: int | None = None
        self._told_at = float("-inf")
        self._told: dict[str, Any] | None = None
        self.watching: str | None = None

    async def prepare(self) -> None:
        await super().prepare()
        token, authorization = self.services.config.token, self.request.headers.get("Authorization")
        if self.request.headers.get("Origin") is None and not (token and token.opens(authorization, None)):
            raise Refused(403, "A websocket must say its Origin, or show the token as 'Authorization: Bearer TOKEN'.")
        if len(self._hub) >= MOST_CLIENTS:
            raise Refused(503, f"{MOST_CLIENTS} pages are followed already; close some.")

    def check_origin(self, origin: str) -> bool:
        """Checked before routing, by the same list as for all requests."""
        return True

    def open(self, *args: str, **kwargs: str) -> None:
        self._hub.add(self)
        self.tell(self.services.store.revision)

    def on_message(self, message: str | bytes) -> None:
        try:
            watch = json.loads(message)["watch"]
        except (ValueError, TypeError, KeyError, RecursionError):
            self.close(1008, 'send {"watch": ID}')
            return
        if not (watch is None or (isinstance(watch, str) and len(watch) <= LONGEST_WATCH)):
            self.close(1008, 'send {"watch": ID}')
            return
        self.watching, self._told = watch, None
        self.tell(self.services.store.revision)

    def on_close(self) -> None:
        self._hub.remove(self)

    def tell(self, index: int) -> None:
        """What changed since this page was last told."""
        now = time.monotonic()
        if index != self._told_index and now - self._told_at >= INDEX_SECONDS:
            self._told_index, self._told_at = index, now
            self._send(_index_message(index))
        if self.watching is not None and (state := self._hub.state(self.watching)) != self._told:
            self._told = state
            self._send(to_json(state))

    def _send(self, content: bytes) -> None:
        try:
            sent = self.write_message(content.decode())
        except websocket.WebSocketClosedError:
            return
        sent.add_done_callback(lambda done: done.cancelled() or done.exception())


@functools.lru_cache(1)
def _index_message(index: int) -> bytes:
    """The same for all pages, most of which are told of it."""
    return to_json({"v": 1, "index": index})
