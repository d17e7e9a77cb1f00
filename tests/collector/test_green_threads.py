"""Where gevent puts greenlets in the place of threads, plopi's helper is still a thread, and the main thread is found."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import pytest

from tests.collector.conftest import PRELUDE, Ran, roughly
from tests.proof.toggles import engines

pytestmark = pytest.mark.skipif(importlib.util.find_spec("gevent") is None, reason="gevent is not installed")

PROGRAM = """
from gevent import monkey
monkey.patch_all()
{prelude}
def descriptors():
    return len(os.listdir("/proc/self/fd"))

def works():
    for _ in range(15):
        spin(0.02)
        time.sleep(0)

def profiled(engine, mode):
    collector = Collector(0.002, mode, engine)
    collector.start(None)
    threads = [threading.Thread(target=works) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    collector.stop()
    return containing(collector.snapshot(), "spin")["spin"]

def ends_by_itself(engine):
    collector = Collector(0.002, "cpu", engine)
    collector.start(0.1)
    return collector.wait(30)

ends_by_itself({engine!r})
before = descriptors()
told = {{"ended": ends_by_itself({engine!r}), "cpu": profiled({engine!r}, "cpu"), "both": profiled({engine!r}, "both")}}
answer(**told, descriptors=descriptors() - before)
"""


@pytest.mark.one_python
@pytest.mark.parametrize("engine", ["python", "native"])
def test_greenlets_are_profiled(run: Callable[..., Ran], engine: str) -> None:
    if engine not in engines():
        pytest.skip("the native engine is not built here")
    told = run(PROGRAM.format(prelude=PRELUDE, engine=engine), prelude=False)
    assert not told.err
    assert told.answer == {"ended": True, "cpu": roughly(0.6), "both": roughly(0.6), "descriptors": 0}
