"""Where gevent puts greenlets in the place of threads, plopi's helper is still a thread, and the main thread is found."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.collector.conftest import PRELUDE, ROOT, Ran, roughly
from tests.collector.test_cli import profiled, profiles
from tests.proof.toggles import engines

pytestmark = pytest.mark.skipif(importlib.util.find_spec("gevent") is None, reason="gevent is not installed")

PROGRAM = """
from gevent import monkey
monkey.patch_all()
{prelude}
asked, current_frames = [], sys._current_frames
def frames():
    asked.append(gc.isenabled())
    return current_frames()
sys._current_frames = frames

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
    profile = collector.snapshot()
    heavy = [name for name, seconds in by_thread(profile).items() if seconds > 0.3]
    return [containing(profile, "spin")["spin"], heavy]

def ends_by_itself(engine):
    collector = Collector(0.002, "cpu", engine)
    collector.start(0.1)
    return collector.wait(30)

ends_by_itself({engine!r})
before = descriptors()
told = {{"ended": ends_by_itself({engine!r}), "cpu": profiled({engine!r}, "cpu"), "both": profiled({engine!r}, "both")}}
answer(**told, descriptors=descriptors() - before, asked=bool(asked), collects=any(asked) and sys.version_info < (3, 12))
"""


@pytest.mark.one_python
@pytest.mark.parametrize("engine", ["python", "native"])
def test_greenlets_are_profiled(run: Callable[..., Ran], engine: str) -> None:
    if engine not in engines():
        pytest.skip("the native engine is not built here")
    told = run(PROGRAM.format(prelude=PRELUDE, engine=engine), prelude=False)
    assert not told.err
    found = [roughly(0.6), ["MainThread"]]
    assert told.answer == {"ended": True, "cpu": found, "both": found, "descriptors": 0, "asked": True, "collects": False}


def test_a_child_of_gevents_subprocess_leaves_no_recording(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        "from gevent import monkey, subprocess\n"
        "monkey.patch_all()\n"
        "import time\n"
        "def burn():\n"
        "    end = time.thread_time() + 0.1\n"
        "    while time.thread_time() < end: sum(range(100))\n"
        "print(subprocess.run(['echo', 'from a child'], capture_output=True, preexec_fn=burn).stdout)\n"
    )
    ran = profiled(sys.executable, ["program.py"], tmp_path, "--interval", "2ms", env={"PYTHONPATH": str(ROOT)})
    assert (ran.code, ran.out, ran.err) == (0, "b'from a child\\n'\n", "")
    assert len(profiles(tmp_path)) == 1
