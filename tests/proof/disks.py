"""Recordings that are killed, and disks that fail: what a data directory must hold afterwards, and the program must not notice.

Runs in one process without threads that forks: a recorder is there within milliseconds, and ``strace`` is attached to it while it
waits. ``python -m tests.proof.disks JOB SEED SIZE FOLDER`` does a job of ``JOBS`` and says the outcome as JSON.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import NoReturn

import plopi
from plopi import formats
from tests.proof import here
from tests.proof.outcome import Outcome
from tests.proof.writers import Writer, judge_recording, left_after_next_start, record, recording, visible, writers

STEP_SECONDS = 0.0015
"""About how long a step takes."""
STATUS, RESULT = 7, "the result is 42\n"
ERRORS = ("ENOSPC", "EIO", "EDQUOT", "EROFS", "EACCES", "EMFILE", "EINTR")
FAILING = {
    "openat",
    "write",
    "fsync",
    "link",
    "rename",
    "unlink",
    "flock",
    "mkdir",
    "ftruncate",
    "newfstatat",
    "getdents64",
    "lseek",
}
FIRST_CALLS = 20
FLUSHES = 4


def run(job: str, seed: int, size: int, folder: Path) -> Outcome:
    """A job in a process of its own."""
    command = [sys.executable, "-m", "tests.proof.disks", job, str(seed), str(size), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, **here())
    if done.returncode:
        return Outcome(findings=(f"{job}, seed {seed}: ended with {done.returncode}: {done.stderr[-1000:]}",))
    told = json.loads(done.stdout.splitlines()[-1])
    return Outcome(Counter(told["counts"]), tuple(told["findings"]))


# --- a writer that is killed


def at_random(seed: int, size: int, folder: Path) -> Outcome:
    """kill -9 at any moment: some time after one of the steps, which are spread evenly however busy the machine is. Every other
    is a recording."""
    chance, counts, findings = random.Random(seed), Counter[str](), []
    all_writers = writers()
    for number in range(size):
        writer = chance.choice(all_writers) if number % 2 else recording(4)
        datadir = folder / f"killed-{number}"
        acknowledged, code = _killed(writer, datadir, chance.randrange(writer.steps), chance.uniform(0, STEP_SECONDS))
        counts[f"killed at random: {writer.name} after {len(acknowledged)} steps" if code < 0 else "done before the kill"] += 1
        findings += [
            f"random kill {number}, seed {seed}, {writer.name}: {fault}" for fault in writer.judge(datadir, acknowledged)
        ]
        shutil.rmtree(datadir, ignore_errors=True)
    return Outcome(counts, tuple(findings))


def _killed(writer: Writer, datadir: Path, steps: int, seconds: float) -> tuple[bytes, int]:
    """Killed so long after so many steps: what was acknowledged, and the exit code."""
    ours, theirs = os.pipe()
    child = Child(lambda: writer.work(datadir, theirs))
    os.close(theirs)
    with open(ours, "rb") as pipe:
        acknowledged = pipe.read(steps)
        time.sleep(seconds)
        os.kill(child.pid, signal.SIGKILL)
        ran = child.ended()
        return acknowledged + pipe.read(), ran.code


def at_every_call(_seed: int, _size: int, folder: Path) -> Outcome:
    """kill -9 just before each of the system calls on files and descriptors that each writer makes from beginning to end."""
    counts, findings = Counter[str](), []
    for writer in writers():
        with open(os.devnull, "wb") as nowhere:
            writer.work(folder / f"warm {writer.name}", nowhere.fileno())  # loads what is loaded when first used
        for call, times in sorted(calls_of(partial(writer.work, folder / f"unhurt {writer.name}"), folder).items()):
            for number in range(1, times + 1):
                datadir = folder / f"{call}-{number}"
                injection = f"inject={call}:signal=KILL:when={number}"
                acknowledged, ran = _traced(partial(writer.work, datadir), injection, folder)
                killed = ran.code == -signal.SIGKILL
                counts[f"killed at a system call: {writer.name}, {call}" if killed else "call that was not made again"] += 1
                findings += [f"{writer.name}, kill at {call} {number}: {fault}" for fault in writer.judge(datadir, acknowledged)]
                shutil.rmtree(datadir, ignore_errors=True)
    return Outcome(counts, tuple(findings))


def calls_of(work: Callable[[int], None], folder: Path) -> Counter[str]:
    """How often ``work`` makes each system call on files and descriptors."""
    _, ran = _traced(work, "trace=%file,%desc", folder)
    return Counter(re.findall(r"^\d+ +(\w+)\(", ran.log, re.MULTILINE))


# --- a disk that fails


def program(datadir: Path, seconds: float = 0.0) -> None:
    """A program that profiles itself, has a result and a status."""
    with plopi.profile(name="proof", datadir=str(datadir), mode="wall", engine="python", interval=0.005):
        time.sleep(seconds)
    sys.stdout.write(RESULT)
    sys.stdout.flush()
    raise SystemExit(STATUS)


def errors(_seed: int, size: int, folder: Path) -> Outcome:
    """Each error at each of the first calls of each kind that a program's and a recorder's way to the disk makes. ``size``:
    milliseconds that the program runs; after a second its recording is appended to."""
    counts, findings = Counter[str](), []
    works: dict[str, Callable[[Path, int], None]] = {
        "program": lambda datadir, _: program(datadir, size / 1000),
        "recorder": partial(record, FLUSHES),
    }
    for name, work in works.items():
        made = calls_of(partial(work, folder / f"unhurt {name}"), folder)
        for call, error in product(sorted(made.keys() & FAILING), ERRORS):
            for number in range(1, min(made[call], FIRST_CALLS) + 1):
                outcome = _with_error(name, work, f"{call}:error={error}:when={number}", folder)
                counts += outcome.counts
                findings += outcome.findings
    return Outcome(counts, tuple(findings))


def _with_error(name: str, work: Callable[[Path, int], None], injection: str, folder: Path) -> Outcome:
    datadir, call = folder / "faulty", injection.partition(":")[0]
    shutil.rmtree(datadir, ignore_errors=True)
    datadir.mkdir()
    acknowledged, ran = _traced(partial(work, datadir), f"inject={injection}", folder)
    injected = [line for line in ran.log.splitlines() if "(INJECTED)" in line]
    if not injected or re.search(r" write\((1|\d+), \"[.!t]", injected[0]):
        return Outcome(Counter({"not reached, or the program's own call": 1}))
    faults = (
        [*_noticed(ran), *unreadable(datadir)]
        if name == "program"
        else [*_told(ran), *judge_recording(FLUSHES, datadir, acknowledged)]
    )
    faults += left_after_next_start(datadir)
    return Outcome(
        Counter({"errors injected": 1, f"{name}: at {call}": 1}), tuple(f"{name}: {injection}: {fault}" for fault in faults)
    )


def _told(ran: Ran) -> Iterator[str]:
    if ran.code or len(ran.err.splitlines()) > 1:
        yield f"status {ran.code}, stderr {ran.err!r}"


def _noticed(ran: Ran) -> Iterator[str]:
    """What of the fault the program's user would see, but for one line."""
    if ran.code != STATUS:
        yield f"status {ran.code} instead of {STATUS}: {ran.err[-300:]}"
    if ran.out != RESULT:
        yield f"the program said {ran.out!r}"
    lines = ran.err.splitlines()
    if len(lines) > 1 or any(not line.startswith("plopi: ") for line in lines):
        yield f"stderr is {ran.err!r}"


def unreadable(datadir: Path) -> Iterator[str]:
    for path in visible(datadir):
        try:
            formats.read(path.read_bytes(), path.name)
        except Exception as error:
            yield f"{path.name} cannot be read: {error}"


def full(_seed: int, _size: int, folder: Path) -> Outcome:
    """File systems of 16 kB with 0 to 4 of their pages taken, and limits on the size of a file."""
    counts, findings = Counter[str](), []
    for room in (0, 1, 50, 200, 300, 400, 600, 1000, 4096):
        datadir = folder / f"limit-{room}"
        ran = _run(partial(_limited, room, datadir))
        findings += [
            f"RLIMIT_FSIZE {room}: {fault}" for fault in [*_noticed(ran), *unreadable(datadir), *left_after_next_start(datadir)]
        ]
        counts["files limited in size"] += 1
    for pages in range(5):
        datadir = folder / f"full-{pages}"
        datadir.mkdir()
        with _small_disk(datadir) as mounted:
            if not mounted:
                counts["small disks that could not be had here"] += 1
                continue
            (datadir / "taken.txt").write_bytes(bytes(4096 * pages))
            ran = _run(partial(program, datadir))
            (datadir / "taken.txt").unlink()
            findings += [
                f"{pages} of 4 pages taken: {fault}"
                for fault in [*_noticed(ran), *unreadable(datadir), *left_after_next_start(datadir)]
            ]
            counts["small disks"] += 1
    return Outcome(counts, tuple(findings))


@contextlib.contextmanager
def _small_disk(where: Path) -> Iterator[bool]:
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", where], capture_output=True)
    try:
        yield done.returncode == 0
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", where], check=True)


# --- processes


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str
    log: str = ""


class Child:
    """A forked process whose outputs go into pipes; what it writes is short enough for them."""

    def __init__(self, work: Callable[[], object]) -> None:
        out, err = os.pipe(), os.pipe()
        self._pipes = out[0], err[0]
        self.pid = os.fork()
        if not self.pid:
            _be_child(work, (out[1], err[1]))
        os.close(out[1])
        os.close(err[1])

    def ended(self, log: str = "") -> Ran:
        status = os.waitpid(self.pid, 0)[1]
        return Ran(os.waitstatus_to_exitcode(status), *map(_rest, self._pipes), log)


def _be_child(work: Callable[[], object], outputs: tuple[int, int]) -> NoReturn:
    status = 0
    try:
        os.dup2(outputs[0], 1)
        os.dup2(outputs[1], 2)
        work()
    except SystemExit as error:
        status = int(error.code or 0)
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        status = 99
    os._exit(status)


def _rest(fd: int) -> str:
    with open(fd, errors="replace") as pipe:
        return pipe.read()


def _run(work: Callable[[], object]) -> Ran:
    return Child(work).ended()


def _limited(room: int, datadir: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    program(datadir)


def _traced(work: Callable[[int], None], expression: str, folder: Path) -> tuple[bytes, Ran]:
    """What ``work`` acknowledged and how it ended, under ``strace`` from its first step on."""
    ours, theirs = os.pipe()
    wait, go = os.pipe()

    def when_traced() -> None:
        os.close(go)
        os.read(wait, 1)
        work(theirs)

    child = Child(when_traced)
    os.close(theirs)
    os.close(wait)
    log = folder / "strace.log"
    log.unlink(missing_ok=True)
    command = ["strace", "-f", "-q", "-o", log, "-p", str(child.pid), "-e", expression]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as strace:
        while not _is_traced(child.pid) and strace.poll() is None:
            time.sleep(0.001)
        os.close(go)
        ran = child.ended()
        strace.wait()
    with open(ours, "rb") as pipe:
        return pipe.read(), replace(ran, log=log.read_text(errors="replace"))


def _is_traced(pid: int) -> bool:
    return "TracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text()


def strace_works() -> str | None:
    """None, or why not, in words."""
    if not shutil.which("strace"):
        return "strace is not installed: apt-get install strace"
    child = Child(lambda: time.sleep(30))
    with subprocess.Popen(["strace", "-q", "-o", "/dev/null", "-p", str(child.pid)], stderr=subprocess.PIPE, text=True) as strace:
        while strace.poll() is None and not _is_traced(child.pid):
            time.sleep(0.001)
        os.kill(child.pid, signal.SIGKILL)
        child.ended()
        said = strace.stderr.read() if strace.stderr else ""
    return f"strace may not trace here: {said.strip()}" if strace.returncode and os.strerror(errno.EPERM) in said else None


JOBS: dict[str, Callable[[int, int, Path], Outcome]] = {
    "random": at_random,
    "calls": at_every_call,
    "errors": errors,
    "full": full,
}


def main(job: str, seed: str, size: str, folder: str) -> None:
    with contextlib.suppress(SystemExit), open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        program(Path(folder) / "warm")  # loads what is loaded when first used: forked children have it
    outcome = JOBS[job](int(seed), int(size), Path(folder))
    print(json.dumps({"counts": outcome.counts, "findings": outcome.findings}))


if __name__ == "__main__":
    main(*sys.argv[1:])
