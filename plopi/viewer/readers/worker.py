"""The worker process: takes an open file, parses it with ``plopi.formats``, hands columns back. It never sees a path.

Started by ``pool`` as ``python -I -S -c BOOTSTRAP FD OPTIONS``; speaks ``wire`` on descriptor FD:

* in:  ``{"want": "columns" | "summary", "name", "size", "max_size", "cpu_seconds"}`` and the file's descriptor;
* out: any number of ``{"progress": {"stage", "done", "size"}}``, then one of
  ``{"done": {"format", "summary", "about", "retire"}}`` (with a descriptor of the columns, if wanted) and
  ``{"error": {"kind": "format" | "memory" | "bug", "message"}}``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import importlib
import json
import os
import resource
import socket
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from plopi import formats
from plopi.errors import FormatError
from plopi.formats.unwrap import unwrapped
from plopi.model import Profile
from plopi.viewer import payloads
from plopi.viewer.readers import columns, sandbox, wire
from plopi.viewer.readers.results import MAX_THREADS

_CHUNK = 4 * 2**20
_RETIRE_AT_KIB = 512 * 1024
"""A worker that has needed this much memory is not kept: what it freed may never go back to the system."""

Report = Callable[[str, int, int], None]


def main(fd: int, options: dict[str, Any]) -> None:
    """Serve until the server closes the connection."""
    _import_all()
    sandbox.limit(options["memory"], options["output"], options["cpu_hard"])
    sandbox.renounce([*sys.path, sys.prefix, sys.base_prefix])
    gc.collect()
    gc.freeze()
    gc.disable()
    with socket.socket(fileno=fd) as sock:
        wire.send(sock, {"ready": True})
        while True:
            try:
                job, file = wire.receive(sock)
            except (wire.Gone, OSError):
                return
            if file is None:
                return
            _answer(sock, job, file)
            gc.collect()


def _answer(sock: socket.socket, job: dict[str, Any], file: int) -> None:
    def report(stage: str, done: int, size: int) -> None:
        wire.send(sock, {"progress": {"stage": stage, "done": done, "size": size}})

    try:
        sandbox.limit_cpu(job["cpu_seconds"])
        done, out = _read(job, file, report)
    except FormatError as error:
        _refuse(sock, "format", str(error))
    except MemoryError:
        _refuse(sock, "memory", "")
    except Exception as error:  # a bug of ours, but the file it tripped over must not end the worker
        _refuse(sock, "bug", f"{type(error).__name__}: {error}")
    else:
        wire.send(sock, {"done": done}, out)
        if out is not None:
            os.close(out)
    finally:
        os.close(file)


def _refuse(sock: socket.socket, kind: str, message: str) -> None:
    wire.send(sock, {"error": {"kind": kind, "message": message[:2000]}})


def _read(job: dict[str, Any], file: int, report: Report) -> tuple[dict[str, Any], int | None]:
    size = job["size"]
    data = _load(file, size, report)
    report("unpacking" if data.startswith(b"\x1f\x8b") else "parsing", size, size)
    limits = formats.Limits(file_bytes=job["max_size"])
    content = unwrapped(data, limits)
    del data
    report("parsing", size, size)
    format_name = formats.sniff(content[: formats.HEAD_BYTES], job["name"])
    profile: Profile = importlib.import_module(formats.FORMATS[format_name]).read(content, limits)
    summary = {
        **payloads.summary(profile),
        "functions": len(profile.functions),
        "threads": payloads.details(profile)["threads"][:MAX_THREADS],
    }
    done = {
        "format": format_name,
        "summary": summary,
        "about": dataclasses.asdict(profile.about),
        "retire": _peak_kib() > _RETIRE_AT_KIB,
    }
    if job["want"] != "columns":
        return done, None
    report("packing", size, size)
    return done, _pack(profile, summary)


def _load(file: int, size: int, report: Report) -> bytes:
    """The first ``size`` bytes, as the server saw them; less if the file has shrunk since."""
    parts: list[bytes] = []
    done = 0
    while done < size:
        report("reading", done, size)
        part = os.pread(file, min(_CHUNK, size - done), done)
        if not part:
            break
        parts.append(part)
        done += len(part)
    return b"".join(parts) if len(parts) != 1 else parts[0]


def _pack(profile: Profile, summary: dict[str, Any]) -> int:
    """A descriptor of an anonymous file with the columns, sealed against change where the system can."""
    fd, sealed = _anonymous()
    with os.fdopen(os.dup(fd), "wb") as out:
        columns.encode(profile, summary, out)
    if sealed:
        _seal(fd)
    return fd


def _anonymous() -> tuple[int, bool]:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("plopi columns", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), True
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno()), False


def _seal(fd: int) -> None:
    import fcntl

    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL)


def _peak_kib() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


def _import_all() -> None:
    """Readers import what they need when first used; afterwards this process may not open files."""
    for name in (*formats.FORMATS.values(), "numpy", "google.protobuf.message", "plopi.formats.pprof_reader"):
        with contextlib.suppress(ImportError):  # what needs it says so
            importlib.import_module(name)


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]))
