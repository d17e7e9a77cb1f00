"""A busy Tornado server, which talks to itself and can be profiled over HTTP while it works.

python demo/busy_server.py --port 8080 --datadir profiles
curl -X POST http://127.0.0.1:8080/debug/pprof/start       # a recording grows in profiles/
curl -X POST http://127.0.0.1:8080/debug/pprof/stop
curl -o busy.pb.gz 'http://127.0.0.1:8080/debug/pprof/profile?seconds=5'
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType

import client
import work
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.template import Template
from tornado.web import Application, RequestHandler

POOL = ThreadPoolExecutor(2, thread_name_prefix="pool")
PAGE = Template(
    """<!doctype html><title>Sales</title><table>
{% for city in cities %}{% for sku in range(40) %}<tr><td>{{ city }}</td><td>{{ sku }}</td><td>{{ price(city, sku) }}</td></tr>
{% end %}{% end %}</table>"""
)


def price(city: str, sku: int) -> str:
    return f"{(len(city) * 7919 + sku * 104729) % 9000 / 100:.2f}"


class Report(RequestHandler):
    def get(self) -> None:
        self.write(work.sales_report())


class Search(RequestHandler):
    def get(self) -> None:
        self.write({"paths": work.top_paths()})


class Page(RequestHandler):
    def get(self) -> None:
        self.write(PAGE.generate(cities=work.CITIES, price=price))


class Sign(RequestHandler):
    def get(self, name: str) -> None:
        self.write(work.sign(name))


class Best(RequestHandler):
    def get(self) -> None:
        self.write({"skus": work.best_sellers()})


class Queens(RequestHandler):
    def get(self, size: str) -> None:
        self.write({"ways": work.place_queens(int(size))})


class Rings(RequestHandler):
    def get(self) -> None:
        self.write({"links": work.count_rings()})


class Picture(RequestHandler):
    """Rows are worked out by a pool of threads while the loop goes on."""

    async def get(self) -> None:
        loop = asyncio.get_running_loop()
        rows = await asyncio.gather(*(loop.run_in_executor(POOL, work.mandelbrot_row, row) for row in range(0, 60, 4)))
        self.write({"rows": rows})


async def nap(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return work.sign("after a nap")


class Wait(RequestHandler):
    """Mostly waits: wall time, hardly any CPU."""

    async def get(self) -> None:
        self.write({"signed": await nap(0.05)})


class Everything(RequestHandler):
    """Several things at once, on the loop and beside it."""

    async def get(self) -> None:
        loop = asyncio.get_running_loop()
        jobs: list[Awaitable[object]] = [
            nap(0.02),
            loop.run_in_executor(POOL, work.sales_report),
            loop.run_in_executor(POOL, work.top_paths),
        ]
        self.write({"answers": len(await asyncio.gather(*jobs)), "ways": work.place_queens(5)})


def make_app(datadir: str) -> Application:
    from plopi.collector.control.tornado import plopi_handlers

    return Application(
        [
            (r"/report", Report),
            (r"/search", Search),
            (r"/page", Page),
            (r"/sign/(\w+)", Sign),
            (r"/best", Best),
            (r"/queens/([1-8])", Queens),
            (r"/rings", Rings),
            (r"/picture", Picture),
            (r"/wait", Wait),
            (r"/everything", Everything),
            # Who may profile is spelled out: here whoever is on this machine.
            *plopi_handlers(datadir=datadir, loopback_only=True, name="busy-server"),
        ]
    )


async def serve(port: int, datadir: str, customers: int) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def end(number: int, frame: FrameType | None) -> None:
        """Stays when the loop has gone: told once more, as Ctrl-C and the demo do, the process still finishes its recording."""
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    sockets = bind_sockets(port, "127.0.0.1")
    server = HTTPServer(make_app(datadir))
    server.add_sockets(sockets)
    url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    print(f"busy server on {url}", flush=True)
    asking = asyncio.ensure_future(client.crowd(url, customers))
    await stop.wait()
    server.stop()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await server.close_all_connections()
    POOL.shutdown(cancel_futures=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A busy server that talks to itself and can be profiled over HTTP.")
    parser.add_argument("--port", type=int, default=8080, help="0 for any that is free (default %(default)s)")
    parser.add_argument("--datadir", default="profiles", help="where recordings go (default %(default)s)")
    parser.add_argument(
        "--customers", type=int, default=2, help="how many ask at the same time; 0 for none (default %(default)s)"
    )
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.datadir, options.customers))
