"""The customer of the busy server: asks for one thing after the other, at a pace that leaves a core half idle.

python demo/client.py http://127.0.0.1:8080
"""

from __future__ import annotations

import asyncio
import random
import sys

from tornado.httpclient import AsyncHTTPClient, HTTPError

# Path and how often it is asked for.
WISHES = {
    "/report": 8,
    "/search": 4,
    "/page": 6,
    "/sign/plopi": 4,
    "/best": 3,
    "/queens/7": 3,
    "/rings": 3,
    "/picture": 1,
    "/wait": 2,
    "/everything": 1,
}


async def keep_asking(url: str, pause: float = 0.04, seed: int = 7) -> None:
    """Asks for ever, with ``pause`` seconds on average between answer and question. A refused connection ends it."""
    dice = random.Random(seed)
    client = AsyncHTTPClient()
    paths, weights = list(WISHES), list(WISHES.values())
    while True:
        path = dice.choices(paths, weights)[0]
        try:
            await client.fetch(url + path, request_timeout=60)
        except HTTPError as error:
            print(f"client: {path}: {error}", file=sys.stderr)
        await asyncio.sleep(dice.expovariate(1 / pause))


async def crowd(url: str, customers: int = 2) -> None:
    await asyncio.gather(*(keep_asking(url, seed=seed) for seed in range(customers)))


if __name__ == "__main__":
    try:
        asyncio.run(crowd(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"))
    except KeyboardInterrupt:
        pass
    except OSError as error:
        sys.exit(f"client: no server there ({error}): start it with 'python demo/busy_server.py --port 8080'")
