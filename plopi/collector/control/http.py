"""Profiling control over HTTP, without a framework: a ``Request`` goes in, a ``Response`` comes out.

A face (tornado.py, wsgi.py, asgi.py) asks ``Control.takes`` whether a request is for the control at all: where it is not, or
where its sender may not use it, the application answers as if plopi were not there. Else it calls ``respond``, in a thread that
may block.
"""

from __future__ import annotations

import json
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qsl

from plopi import __version__, formats
from plopi.collector import install
from plopi.collector import settings as choices
from plopi.collector.collector import Collector
from plopi.collector.control.access import Access, Allow, Request, from_another_site
from plopi.collector.recording import FileSink, stem_of
from plopi.collector.session import collector_for, sink_for
from plopi.collector.settings import DATADIR, Settings
from plopi.errors import AlreadyRunning, PlopiError, UsageError
from plopi.model import Profile, ProfileBuilder

PREFIX = "/debug/pprof"
DEFAULT_SECONDS = 30.0
MAX_SECONDS = 300.0
_LOG = logging.getLogger("plopi")
_NOT_RUNNING = "this control is profiling nothing at present; POST start begins a recording"


@dataclass(frozen=True)
class Response:
    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]


class NotRunning(PlopiError):
    """Asked for something of a profile while there is none (HTTP 409)."""


class Run:
    """One profile from its start to its stop by a client, the deadline, or the program's end. It is the collector's sink.

    ``recording`` gets the rows; without one the profile is kept here, for the client that waits for it.
    """

    def __init__(self, who: str, settings: Settings, seconds: float, recording: FileSink | None) -> None:
        self.who, self.settings, self.seconds, self.recording = who, settings, seconds, recording
        self.began = datetime.now().astimezone()
        self.collector: Collector | None = None
        self.profile: Profile | None = None
        self.done = threading.Event()
        self._deadline = time.monotonic() + seconds
        self._end: dict[str, object] = {}

    @property
    def seconds_left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())

    def flush(self, rows: ProfileBuilder) -> None:
        if self.recording:
            self.recording.flush(rows)

    def finish(self, rows: ProfileBuilder) -> None:
        if self.recording:
            self.recording.finish(rows)
        else:
            self.profile = rows.build()
        about = rows.about
        samples = sum(rows.sample_weights[0]) if rows.sample_weights else 0
        self._end = {"samples": samples, "duration_ns": about.duration_ns, "own_cost_ns": about.own_cost_ns}
        self.collector = None  # with all its rows: a server lives on for long
        self.done.set()
        seconds, own_cost = (about.duration_ns or 0) / 1e9, (about.own_cost_ns or 0) / 1e6
        text = "profiling for %s stopped: %d samples in %.2f s, own cost %.1f ms%s"
        _LOG.info(text, self.who, samples, seconds, own_cost, f", {self.file}" if self.file else "")

    def abandon(self) -> None:
        if self.recording:
            self.recording.abandon()

    @property
    def file(self) -> str | None:
        """Name of the recording in the data directory, where it has one."""
        return self.recording.path.name if self.recording and self.recording.path else None

    def described(self) -> dict[str, object]:
        kind = "recording" if self.recording else "profile"
        return {
            "kind": kind,
            "by": self.who,
            "since": self.began.isoformat(timespec="seconds"),
            "seconds": self.seconds,
            "mode": self.settings.mode,
            "interval": self.settings.interval,
            "file": self.file,
            **({"error": self.recording.fault} if self.recording and self.recording.fault else {}),
            **self._end,
        }


class Control:
    """What one mounted control may do and for whom (``Access``).

    Recordings go to ``datadir``, in files that begin with ``name``: clients choose no paths. They last ``max_seconds`` at most.
    """

    def __init__(
        self,
        *,
        datadir: str | os.PathLike[str] = DATADIR,
        prefix: str = PREFIX,
        token: str | None = None,
        allow: Allow | None = None,
        loopback_only: bool = False,
        name: str = "server",
        max_seconds: float = MAX_SECONDS,
        engine: str = "auto",
    ) -> None:
        if not prefix.startswith("/") or prefix.endswith("/"):
            raise UsageError(f"the prefix {prefix!r} must begin with a slash and not end with one, like {PREFIX!r}")
        self.prefix, self.name, self.max_seconds = prefix, name, max_seconds
        self._access = Access(token, allow, loopback_only)
        self._settings = Settings(datadir=Path(datadir).absolute(), engine=choices.engine_named(engine))
        self._run: Run | None = None
        self._lock = threading.Lock()
        os.register_at_fork(after_in_child=self._forked)
        if threading.current_thread() is threading.main_thread():
            install()

    def covers(self, path: str) -> bool:
        """The one question that every request of the application is asked."""
        return path.startswith(self.prefix) and path[len(self.prefix) : len(self.prefix) + 1] in ("", "/")

    def takes(self, request: Request) -> bool:
        """The control answers this request; if False the application does, whatever it says to a path that it does not know."""
        return self.covers(request.path) and self._access.permits(request)

    def respond(self, request: Request, gone: threading.Event | None = None) -> Response:
        """The answer; blocks as long as ``profile?seconds=N`` lasts, or until ``gone`` says that the client has left."""
        if from_another_site(request):
            return _refusal(403, "this request was sent by a page of another site; use this site's own, or curl")
        action = request.path[len(self.prefix) :].strip("/")
        if action not in _ACTIONS:
            return _refusal(404, f"there is no {action!r} here; {self.prefix}/ says what there is")
        method, answer = _ACTIONS[action]
        if request.method != method:
            return _refusal(405, f"{action or 'the index'} answers {method}, not {request.method}", ("Allow", method))
        try:
            return answer(self, request, Arguments.of(request.query), gone or threading.Event())
        except AlreadyRunning as error:
            return _refusal(409, self._busy(error))
        except NotRunning as error:
            return _refusal(409, str(error))
        except UsageError as error:
            return _refusal(400, str(error))

    def _index(self, _request: Request, _arguments: Arguments, _gone: threading.Event) -> Response:
        run = self._current()
        now = f"profiling for {run.who}, {run.seconds_left:.0f} s left" if run else "idle"
        text = _INDEX.format(version=__version__, p=self.prefix, default=DEFAULT_SECONDS, most=self.max_seconds, now=now)
        return Response(200, text.encode(), _headers("text/plain; charset=utf-8"))

    def _status(self, _request: Request, arguments: Arguments, _gone: threading.Event) -> Response:
        arguments.only()
        run, running = self._run, self._current() is not None
        left = {"seconds_left": round(run.seconds_left, 3)} if run and running else {}
        return _json({"running": running, "pid": os.getpid(), **left, "run": run.described() if run else None})

    def _start(self, request: Request, arguments: Arguments, _gone: threading.Event) -> Response:
        arguments.only("seconds", "mode", "interval", "rate")
        run = self._begin(request, arguments, recorded=True)
        return _json({"running": True, "pid": os.getpid(), "seconds_left": round(run.seconds_left, 3), "run": run.described()})

    def _stop(self, _request: Request, arguments: Arguments, _gone: threading.Event) -> Response:
        arguments.only()
        run = self._needed()
        _end(run)
        return _json({"running": False, "pid": os.getpid(), "run": run.described()})

    def _snapshot(self, _request: Request, arguments: Arguments, _gone: threading.Event) -> Response:
        arguments.only("format", "debug")
        collector = self._needed().collector
        if collector is None:
            raise NotRunning(_NOT_RUNNING)
        return self._file(collector.snapshot(), arguments.format())

    def _profile(self, request: Request, arguments: Arguments, gone: threading.Event) -> Response:
        arguments.only("seconds", "mode", "interval", "rate", "format", "debug")
        chosen = arguments.format()
        run = self._begin(request, arguments, recorded=False)
        while not run.done.wait(0.1) and run.seconds_left and not gone.is_set():
            pass
        _end(run)
        if run.profile is None:
            raise NotRunning("the profile was given up, since this process was forked or is ending; ask again")
        profile, run.profile = run.profile, None
        return self._file(profile, chosen)

    def _file(self, profile: Profile, format_name: str) -> Response:
        out = BytesIO()
        formats.write(profile, format_name, out)
        name = stem_of(self.name) + formats.suffix(format_name)
        return Response(
            200,
            out.getvalue(),
            (*_headers("application/octet-stream"), ("Content-Disposition", f'attachment; filename="{name}"')),
        )

    def _begin(self, request: Request, arguments: Arguments, *, recorded: bool) -> Run:
        settings = arguments.settings(self._settings)
        seconds = arguments.seconds(self.max_seconds)
        with self._lock:
            if self._current():
                raise AlreadyRunning("")
            recording = sink_for(settings, self.name) if recorded else None
            run = Run(request.peer or "a client", settings, seconds, recording)
            run.collector = collector_for(settings, run)
            run.collector.start(seconds)
            self._run = run
        text = "profiling started by %s: %s time, every %g s, for %g s at most"
        _LOG.info(text, run.who, settings.mode, settings.interval, seconds)
        return run

    def _current(self) -> Run | None:
        run = self._run
        return run if run and not run.done.is_set() else None

    def _needed(self) -> Run:
        run = self._current()
        if run is None:
            raise NotRunning(_NOT_RUNNING)
        return run

    def _busy(self, error: AlreadyRunning) -> str:
        run = self._current()
        if run is None:
            return f"this process is being profiled already, though not by this control: {error}"
        return (
            f"this process is being profiled since {run.began:%H:%M:%S} for {run.who}, for another {run.seconds_left:.0f} s; "
            f"wait, or POST {self.prefix}/stop"
        )

    def _forked(self) -> None:
        self._lock = threading.Lock()
        self._run = None


@dataclass(frozen=True)
class Arguments:
    """The query of a request; every answer raises UsageError for what it cannot read."""

    given: Mapping[str, str]

    @classmethod
    def of(cls, query: str) -> Arguments:
        pairs = parse_qsl(query, keep_blank_values=True)
        given = dict(pairs)
        if len(given) != len(pairs):
            raise UsageError("an argument was given twice; give each once")
        return cls(given)

    def only(self, *allowed: str) -> None:
        for name in self.given:
            if name not in allowed:
                takes = f"takes {', '.join(allowed)}" if allowed else "takes none"
                raise UsageError(f"there is no argument {name!r} here; this {takes}")

    def seconds(self, most: float) -> float:
        """Above ``most`` it is ``most``: as long as allowed is what was asked for."""
        text = self.given.get("seconds")
        if text is None:
            return min(DEFAULT_SECONDS, most)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value > 0):
            raise UsageError(f"seconds={text!r} is no positive number; write one up to {most:g}")
        return min(value, most)

    def settings(self, settings: Settings) -> Settings:
        if "rate" in self.given and "interval" in self.given:
            raise UsageError("both an interval and a rate were given; keep one of them")
        if "mode" in self.given:
            settings = replace(settings, mode=choices.mode_named(self.given["mode"]))
        if "rate" in self.given:
            settings = replace(settings, interval=choices.interval_of_rate(self.given["rate"]))
        if "interval" in self.given:
            settings = replace(settings, interval=choices.interval_of(self.given["interval"]))
        return settings

    def format(self) -> str:
        return choices.format_named(self.given.get("format", "pprof"))


Answer = Callable[[Control, Request, Arguments, threading.Event], Response]
_ACTIONS: Mapping[str, tuple[str, Answer]] = {
    "": ("GET", Control._index),
    "status": ("GET", Control._status),
    "start": ("POST", Control._start),
    "stop": ("POST", Control._stop),
    "snapshot": ("GET", Control._snapshot),
    "profile": ("GET", Control._profile),
}

_INDEX = """plopi {version} can profile this process.

GET  {p}/profile?seconds=N   profile for N seconds and send the profile: go tool pprof http://HOST{p}/profile?seconds=10
POST {p}/start?seconds=N     record into the data directory, for N seconds at most
POST {p}/stop                end that recording before its time
GET  {p}/snapshot            what it holds so far, while it goes on
GET  {p}/status              what is going on, as JSON

seconds: {default:g} if not given, {most:g} at most. profile and start take mode=cpu|wall|virtual|both and interval=10ms or
rate=100, profile and snapshot take format=pprof|plop|pstats|folded|speedscope.

Now: {now}.
"""


def _end(run: Run) -> None:
    collector = run.collector
    if collector is not None:
        collector.stop()


def _headers(content_type: str) -> tuple[tuple[str, str], ...]:
    return (
        ("Content-Type", content_type),
        ("X-Content-Type-Options", "nosniff"),
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    )


def _json(content: object, status: int = 200, *more: tuple[str, str]) -> Response:
    body = json.dumps(content, allow_nan=False, indent=1).encode() + b"\n"
    return Response(status, body, (*_headers("application/json"), *more))


def _refusal(status: int, message: str, *more: tuple[str, str]) -> Response:
    return _json({"error": {"message": message}}, status, *more)
