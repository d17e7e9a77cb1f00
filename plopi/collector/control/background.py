"""Running the control's blocking part beside an event loop, without borrowing the application's executor."""

from __future__ import annotations

import asyncio
import contextlib
import threading

from plopi.collector.control.access import Request
from plopi.collector.control.http import Control, Response
from plopi.collector.native_threads import leave_signals_to_the_program


def respond_in_thread(control: Control, request: Request, gone: threading.Event) -> asyncio.Future[Response]:
    """A future of the running loop. The thread is a daemon, for this request only: it holds up neither loop nor exit."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Response] = loop.create_future()

    def tell(response: Response | None, error: BaseException | None) -> None:
        if future.done():
            return
        if response is not None:
            future.set_result(response)
        else:
            future.set_exception(error or RuntimeError("no response"))

    def work() -> None:
        leave_signals_to_the_program()
        response, failure = None, None
        try:
            response = control.respond(request, gone)
        except Exception as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(tell, response, failure)

    threading.Thread(target=work, name="plopi-control", daemon=True).start()
    return future
