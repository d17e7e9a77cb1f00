"""What any server on this machine costs under the same load: a page of the list from memory, and a message four times a second to
each websocket. ``load`` runs it beside the viewer, whose latencies mean something against these.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tornado import web, websocket
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from plopi.viewer.app import allow_descriptors
from plopi.viewer.handlers.live import INDEX_SECONDS


class Page(web.RequestHandler):
    def initialize(self, body: bytes) -> None:
        self.body = body

    def get(self) -> None:
        self.finish(self.body)


class News(websocket.WebSocketHandler):
    async def open(self) -> None:  # type: ignore[override]
        number = 0
        try:
            while True:
                number += 1
                await self.write_message({"v": 1, "index": number})
                await asyncio.sleep(INDEX_SECONDS)
        except websocket.WebSocketClosedError:
            return


async def serve(body: bytes) -> None:
    server = HTTPServer(web.Application([("/api/profiles", Page, {"body": body}), ("/live", News)], log_function=lambda _: None))
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    print(f"http://127.0.0.1:{sockets[0].getsockname()[1]}/", file=sys.stderr, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    allow_descriptors(2000)
    asyncio.run(serve(Path(sys.argv[1]).read_bytes()))
