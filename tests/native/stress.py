"""Everything that moves frames, code objects and threads about, under a storm of signals.

    python tests/native/stress.py [SECONDS for each scenario] [SCENARIO ...]

Each scenario runs in a process of its own, which looks at its threads some ten thousand times a second and signals those that
have moved as often (``_storm.c``, built with gcc, in the CPU timer's place), while a thread drains all the time. It must end with
the right result; every stack that was seen must be one that the program can have had; and no code pointer may have led anywhere
strange.
"""

from __future__ import annotations

import ctypes
import gc
import os
import struct
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__)
sys.path.insert(0, os.environ.get("PLOPI_ROOT", str(HERE.parents[2])))

INTERVAL_NS = int(os.environ.get("STRESS_INTERVAL_NS", "40000"))
SCENARIOS: dict[str, Callable[[float], None]] = {}


def scenario(function: Callable[[float], None]) -> Callable[[float], None]:
    SCENARIOS[function.__name__] = function
    return function


def until(seconds: float) -> Iterator[int]:
    end = time.monotonic() + seconds
    turn = 0
    while time.monotonic() < end:
        yield turn
        turn += 1


# -- frames ---------------------------------------------------------------------------------------------------------------------


def down(n: int, then: Callable[[], Any]) -> Any:
    return down(n - 1, then) if n else then()


@scenario
def calls(seconds: float) -> None:
    """Calls, callbacks from C, exceptions, objects."""

    class Thing:
        def __init__(self, value: int) -> None:
            self.value = value

        def __lt__(self, other: Thing) -> bool:
            return self.value < other.value

        def __del__(self) -> None:
            self.value = -1

    def fails(n: int) -> int:
        try:
            return fails(n - 1) if n else 1 // 0
        finally:
            n += 1

    for _ in until(seconds):
        assert [thing.value for thing in sorted(Thing(i % 7) for i in range(20))] == sorted(i % 7 for i in range(20))
        assert sum(map(lambda x: x + 1, range(20))) == 210  # noqa: C417 - called back from C
        assert max(range(9), key=lambda x: -x) == 0
        try:
            fails(5)
        except ZeroDivisionError:
            pass


def gen(n: int) -> Generator[int, Any, None]:
    for i in range(n):  # noqa: UP028 - a frame for each item is the point
        yield i


def chained(n: int, depth: int) -> Generator[int, Any, None]:
    if depth:
        yield from chained(n, depth - 1)
    else:
        yield from gen(n)


@scenario
def generators(seconds: float) -> None:
    """Made, run, delegated to, thrown into, closed, dropped half-way, and made by C code."""
    for _ in until(seconds):
        assert sum(gen(10)) == 45 and sum(chained(10, 5)) == 45
        assert list(zip(gen(3), chained(3, 3), gen(3))) == [(i, i, i) for i in range(3)]
        half = chained(10, 3)
        next(half)
        try:
            half.throw(KeyError())
        except KeyError:
            pass
        chained(10, 3).close()
        del half
        dropped = gen(3)
        next(dropped)
        del dropped


@scenario
def chunks(seconds: float) -> None:
    """Frames and generators at the border of two chunks of the data stack, where each call maps a chunk and unmaps it."""

    def leaf() -> int:
        return sum(gen(3)) + len([*map(len, ("a", "b"))])

    for turn in until(seconds):
        for depth in range(40 + turn % 50, 50 + turn % 50):
            for _ in range(20):
                assert down(depth, leaf) == 5


@scenario
def recursion(seconds: float) -> None:
    """Deeper than the walk goes, up to RecursionError."""
    sys.setrecursionlimit(20_000)

    def endless(n: int) -> int:
        return endless(n + 1)

    for _ in until(seconds):
        assert down(5000, lambda: 7) == 7
        try:
            endless(0)
        except RecursionError:
            pass


@scenario
def coroutines(seconds: float) -> None:
    import asyncio

    async def leaf(i: int) -> int:
        if i % 3 == 0:
            await asyncio.sleep(0)
        return i

    async def middle(i: int) -> int:
        return await leaf(i) + await leaf(i + 1)

    async def items() -> Any:
        for i in range(5):
            await asyncio.sleep(0)
            yield i

    async def main() -> int:
        total = sum(await asyncio.gather(*(middle(i) for i in range(50))))
        async for item in items():
            total += item
        task = asyncio.ensure_future(asyncio.sleep(10))
        await asyncio.sleep(0)
        task.cancel()
        return total

    for _ in until(seconds):
        assert asyncio.run(main()) == 2510


# -- code objects ---------------------------------------------------------------------------------------------------------------


@scenario
def codes(seconds: float) -> None:
    """Compiled, run, dropped while samples of it are waiting; addresses are used again at once."""
    template = "def f{n}(x):\n    for i in range(30):\n        x += i\n    return x\nr = f{n}(0)\n"
    made = compile(template.format(n=0), "<made>", "exec")
    for turn in until(seconds):
        for n in range(20):
            names: dict[str, int] = {}
            exec(compile(template.format(n=n), f"<made{turn % 5}>", "exec"), names)
            assert names["r"] == 435
        for n in range(50):
            names = {}
            exec(made.replace(co_filename=f"<copy{n % 3}>", co_name=f"copy{n % 4}"), names)
            assert names["r"] == 435


@scenario
def imports(seconds: float) -> None:
    import colorsys
    import importlib
    import textwrap

    for _ in until(seconds):
        importlib.reload(colorsys)
        importlib.reload(textwrap)
        assert textwrap.wrap("a b c", 3) == ["a b", "c"]


# -- threads, collection, processes ----------------------------------------------------------------------------------------------


@scenario
def threads(seconds: float) -> None:
    """Born and dying, several at once."""

    def work(results: list[int]) -> None:
        results.append(sum(gen(100)) + down(20, lambda: 1))

    for _ in until(seconds):
        results: list[int] = []
        started = [threading.Thread(target=work, args=(results,)) for _ in range(8)]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()
        assert results == [4951] * 8


@scenario
def nogil(seconds: float) -> None:
    """Threads that work without the GIL, while others run, collect and free code."""
    import hashlib
    import zlib

    data = os.urandom(1 << 18)
    stop = threading.Event()

    def crunch() -> None:
        while not stop.is_set():
            zlib.crc32(hashlib.sha256(data).digest() + zlib.compress(data[:40000], 1))

    started = [threading.Thread(target=crunch) for _ in range(3)]
    for thread in started:
        thread.start()
    codes(seconds)
    stop.set()
    for thread in started:
        thread.join()


@scenario
def collections(seconds: float) -> None:
    """Cycles with finalizers and weak references' callbacks, full collections."""
    freed = [0]

    class Node:
        def __init__(self) -> None:
            self.me = self
            self.more = [self]

        def __del__(self) -> None:
            freed[0] += 1

    kept = []
    for turn in until(seconds):
        for _ in range(200):
            node = Node()
            kept.append(weakref.ref(node, lambda _: None))
        if turn % 3 == 0:
            gc.collect()
            kept.clear()
    gc.collect()
    assert freed[0] > 0


@scenario
def forks(seconds: float) -> None:
    """Children that go on, and children that sample themselves."""
    from plopi.collector import _sampler

    for turn in until(seconds):
        _sampler.pause()
        child = os.fork()
        if child == 0:
            total = sum(gen(1000))
            if turn % 2:
                storm = Storm()
                total = down(30, lambda: sum(gen(1000)))
                storm.end()
            os._exit(0 if total == 499500 else 3)
        _sampler.resume(10_000_000)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        if turn % 5 == 0:
            assert subprocess.run(["/bin/true"], check=False).returncode == 0


@scenario
def interpreters(seconds: float) -> None:
    """Subinterpreters, from 3.12 on with a GIL of their own, in threads of their own."""
    try:
        import _interpreters
    except ImportError:
        import _xxsubinterpreters as _interpreters  # type: ignore[import-not-found, no-redef]
    source = "def f(n):\n    return f(n - 1) if n else sum(i for i in range(2000))\nassert f(20) == 1999000\n"

    def run() -> None:
        made = _interpreters.create()
        try:
            assert _interpreters.run_string(made, source) is None
        finally:
            _interpreters.destroy(made)

    for _ in until(seconds):
        started = [threading.Thread(target=run) for _ in range(2)]
        for thread in started:
            thread.start()
        assert down(10, lambda: sum(gen(1000))) == 499500
        for thread in started:
            thread.join()


@scenario
def restarts(seconds: float) -> None:
    """Started and stopped all the time, from several threads' lives."""
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            sum(gen(100))

    worker = threading.Thread(target=work)
    worker.start()
    STORM.end()
    for turn in until(seconds):
        storm = Storm()
        down(turn % 40, lambda: sum(gen(500)))
        storm.end()
    STORM.begin()
    stop.set()
    worker.join()


@scenario
def waits(seconds: float) -> None:
    """Threads that go from wait to wait, through code that dies: those that do not run are looked at from outside."""
    lock = threading.Lock()
    end = time.monotonic() + seconds

    def go_round(k: int) -> None:
        while time.monotonic() < end:
            names: dict[str, Any] = {}
            exec(compile(f"import time\ndef f{k}(n):\n    time.sleep(n)\nf{k}(0.0005)\n", "<made>", "exec"), names)
            del names
            with lock:
                time.sleep(0.0002)
            down(40, lambda: time.sleep(0.0003))
            for _ in gen(2):
                time.sleep(0.0001)

    started = [threading.Thread(target=go_round, args=(k,)) for k in range(12)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


@scenario
def native_threads(seconds: float) -> None:
    """Of C, unknown to ``threading``: their thread states come and go with each call back, and are used again by others."""
    libc, right = ctypes.CDLL(None), list[bool]()

    @ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
    def call_back(_: object) -> None:
        time.sleep(0.0002)
        right.append(sum(gen(10)) + down(10, lambda: 1) == 46)

    for _ in until(seconds):
        threads = [ctypes.c_ulong() for _ in range(8)]
        for thread in threads:
            assert libc.pthread_create(ctypes.byref(thread), None, call_back, None) == 0
        for thread in threads:
            libc.pthread_join(thread, None)
        assert right == [True] * 8
        right.clear()


@scenario
def hooks(seconds: float) -> None:
    """Tracing, profiling and monitoring switched on and off: instructions are exchanged under running frames."""

    def hook(*_: object) -> Any:
        return hook

    monitoring: Any = getattr(sys, "monitoring", None)  # from 3.12 on
    if monitoring:
        monitoring.use_tool_id(monitoring.OPTIMIZER_ID, "stress")
        events = (monitoring.events.PY_START, monitoring.events.PY_RETURN, monitoring.events.LINE, monitoring.events.PY_YIELD)
        for event in events:
            monitoring.register_callback(monitoring.OPTIMIZER_ID, event, lambda *_: None)
    for turn in until(seconds):
        sys.settrace(hook if turn % 2 else None)
        sys.setprofile(hook if turn % 3 else None)
        if monitoring:
            monitoring.set_events(monitoring.OPTIMIZER_ID, sum(events) if turn % 5 < 2 else 0)
        assert sum(gen(10)) + down(10, lambda: sorted(range(3), key=lambda x: -x)[0]) == 47
    sys.settrace(None)
    sys.setprofile(None)
    if monitoring:
        monitoring.free_tool_id(monitoring.OPTIMIZER_ID)


@scenario
def trampolines(seconds: float) -> None:
    """For ``perf`` (from 3.12 on): each call has C frames of its own. Not beside the JIT compiler."""
    try:
        sys.activate_stack_trampoline("perf")
    except (AttributeError, ValueError):
        return
    for _ in until(seconds):
        assert sum(gen(10)) + down(10, lambda: sorted(range(3), key=lambda x: -x)[0]) == 47
    sys.deactivate_stack_trampoline()
    Path(f"/tmp/perf-{os.getpid()}.map").unlink(missing_ok=True)


@scenario
def remote(seconds: float) -> None:
    """Scripts that another process has this one run (from 3.14 on), as debuggers do; none where it may not."""
    if not hasattr(sys, "remote_exec"):
        return
    source = "def asked(n):\n    return asked(n - 1) if n else sum(i for i in range(500))\nassert asked(20) == 124750\n"
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(source)
        script.flush()
        asker = f"import sys, time\nwhile True:\n    sys.remote_exec({os.getpid()}, {script.name!r}); time.sleep(0.01)\n"
        with subprocess.Popen([sys.executable, "-c", asker], stderr=subprocess.DEVNULL) as process:
            for _ in until(seconds):
                assert sum(gen(10)) + down(10, lambda: 1) == 46
            process.kill()


# -- what can call what ---------------------------------------------------------------------------------------------------------

Edge = tuple[str, str]
ANYWHERE = ("__del__", "<lambda>", "callback", "_remove", "_on_code", "__exit__")
"""Finalizers and weak references' callbacks are run wherever the last reference goes, or a collection happens."""


def perform(function: Callable[[float], None], seconds: float) -> None:
    """Calls below this one are the scenario's."""
    function(seconds)


class Edges:
    """Calls that really happen, as the interpreter's own hook tells them: (qualified name of the caller, of the callee)."""

    def __init__(self) -> None:
        self.known: set[Edge] = set()

    def _on_call(self, frame: Any, event: str, _: object) -> None:
        if event == "call" and frame.f_back is not None:
            self.known.add((frame.f_back.f_code.co_qualname, frame.f_code.co_qualname))

    def learn(self, function: Callable[[float], None], seconds: float) -> None:
        threading.setprofile(self._on_call)
        sys.setprofile(self._on_call)
        try:
            perform(function, seconds)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]

    def unknown(self, seen: dict[Edge, int]) -> dict[Edge, int]:
        plain = {(_plain(caller), _plain(callee)) for caller, callee in self.known}
        return {
            edge: count
            for edge, count in seen.items()
            if (_plain(edge[0]), _plain(edge[1])) not in plain and not edge[1].rpartition(".")[2].startswith(ANYWHERE)
        }


def _plain(name: str) -> str:
    """Made functions are of many names."""
    return "made" if name.startswith("f") and name[1:].isdigit() else name


# -- the storm ------------------------------------------------------------------------------------------------------------------


def build_signaller() -> ctypes.CDLL:
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "storm.so"
        command = ["gcc", "-std=gnu11", "-O2", "-fPIC", "-shared", "-pthread", str(HERE.parent / "_storm.c"), "-o", str(library)]
        environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}  # a sanitizer's, for Python
        subprocess.run(command, env=environment, check=True)
        return ctypes.PyDLL(str(library))  # which keeps the GIL: nothing is listed while it is called


class Storm:
    """Samples this process as fast as it can be had and drains all the time; keeps every function that was seen."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, str, int], int] = {}
        self.edges: dict[Edge, int] = {}
        self.totals: dict[str, int] = {}
        self.begin()

    def begin(self) -> None:
        from plopi.collector import _sampler

        self._sampler = _sampler
        self._functions: list[tuple[str, str, int]] = []
        self._locations: list[tuple[int, int]] = []
        self._nodes: list[tuple[int, int]] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        clocks = _sampler.CPU_CLOCK | _sampler.WALL_CLOCK
        _sampler.start(clocks, INTERVAL_NS, 0, 256, 5000, "/nowhere/", frozenset(), False, False)
        self._drainer = threading.Thread(target=self._drain, name="drain")
        self._listed: dict[int, None] = {}
        self._list(thread.native_id for thread in threading.enumerate())
        assert SIGNALLER.storm_begin(ctypes.c_uint64(INTERVAL_NS)) == 0
        self._drainer.start()

    def _list(self, tids: Iterable[int | None]) -> None:
        """The last threads that were heard of are sent signals."""
        for tid in filter(None, tids):
            self._listed.pop(tid, None)
            self._listed[tid] = None
        latest = [*self._listed][-64:]
        self._listed = dict.fromkeys(latest)
        SIGNALLER.storm_list((ctypes.c_int32 * len(latest))(*latest), len(latest))

    def _drain(self) -> None:
        self._sampler.ignore_thread()
        while not self._ended.wait(0.01):
            self._take()

    def _take(self) -> None:
        _, functions, locations, nodes, sums, threads = self._sampler.take()
        self._list([*(tid for *_, tid in struct.iter_unpack("QQq", threads)), os.getpid()])
        self._functions += functions
        self._locations += struct.iter_unpack("Ii", locations)
        self._nodes += struct.iter_unpack("II", nodes)
        for node, _, count, _, _, _ in struct.iter_unpack("IIQQQQ", sums):
            names = []
            while node != 0xFFFFFFFF:
                node, location = self._nodes[node]
                function = self._functions[self._locations[location][0]]
                self.seen[function] = self.seen.get(function, 0) + count
                names += [function[0]] if function[1] else []
            if perform.__name__ in names or "<truncated>" in names:
                for callee, caller in zip(
                    names, names[1 : names.index(perform.__name__) + 1] if perform.__name__ in names else names[1:]
                ):
                    self.edges[caller, callee] = self.edges.get((caller, callee), 0) + count

    def end(self) -> None:
        self._ended.set()
        self._drainer.join()
        SIGNALLER.storm_end()
        self._sampler.stop()
        self._take()
        for name, value in self._sampler.counters().items():
            self.totals[name] = self.totals.get(name, 0) + value
        self._sampler.close()


SIGNALLER: ctypes.CDLL
STORM: Storm
NOT_LEARNT = ("forks", "interpreters", "restarts", "imports", "threads", "nogil", "waits", "native_threads", "hooks", "remote")
"""Where other calls than the scenario's are in play."""


def main(name: str, seconds: float) -> int:
    global SIGNALLER, STORM
    SIGNALLER = build_signaller()
    edges = Edges()
    learns = name not in NOT_LEARNT and "STRESS_LEARNS" not in os.environ
    if learns:
        edges.learn(SCENARIOS[name], min(1.0, seconds))
    began = time.process_time()
    STORM = Storm()
    perform(SCENARIOS[name], seconds)
    STORM.end()
    totals = STORM.totals
    if name == "calls":  # the timer itself gives one for each tick of the kernel (clock 6, CLOCK_MONOTONIC_COARSE) of CPU time
        by_timer = (time.process_time() - began) / time.clock_getres(6)
        assert totals["ticks"] > 1.5 * by_timer, f"no storm: {totals}"
    shown = {key: totals[key] for key in ("ticks", "lost", "torn", "foreign", "frameless", "strange", "dropped", "over")}
    print(f"{name}: {shown}", flush=True)
    known = (str(HERE), "<made", "<copy", "<string>", "<frozen", sys.base_prefix, sys.prefix, "/usr/lib/python3", "")
    strangers = [function for function in STORM.seen if not function[1].startswith(known[:-1]) and function[1] != ""]
    assert not strangers, strangers
    assert totals["strange"] <= totals["ticks"] // 10_000, totals
    if learns:
        unknown = edges.unknown(STORM.edges)
        allowed = sum(STORM.edges.values()) // 1000
        assert sum(unknown.values()) <= allowed, f"calls that never happened: {unknown}"
    return 0


if __name__ == "__main__":
    if os.environ.get("STRESS_SCENARIO"):
        sys.exit(main(os.environ["STRESS_SCENARIO"], float(sys.argv[1])))
    seconds = sys.argv[1] if len(sys.argv) > 1 else "2"
    failed = []
    for name in sys.argv[2:] or SCENARIOS:
        done = subprocess.run(
            [sys.executable, "-X", "faulthandler", str(HERE), seconds], env={**os.environ, "STRESS_SCENARIO": name}, check=False
        )
        if done.returncode != 0:
            print(f"{name}: FAILED with {done.returncode}", flush=True)
            failed.append(name)
    print(f"{sys.version.split()[0]}: {'FAILED: ' + ', '.join(failed) if failed else 'all passed'}")
    sys.exit(1 if failed else 0)
