# ruff: noqa: E501  the programs in strings
"""What the pure-Python engine finds, against programs whose truth is known because they burn a set amount of CPU time."""

from __future__ import annotations

import pytest
from pytest import approx

from tests.collector.conftest import roughly


def test_functions_get_the_cpu_time_they_took(run):
    ran = run("""
        def heavy(): spin(0.6)
        def light(): spin(0.2)
        c = Collector(0.004, "cpu", "python")
        c.start(None)
        for _ in range(2): heavy(); light()
        c.stop()
        p = c.snapshot()
        answer(found=containing(p, "heavy", "light"), names=[t.name for t in p.sample_types])
    """)
    assert ran.answer["names"] == ["samples", "cpu"]
    assert ran.answer["found"] == {"heavy": roughly(1.2), "light": roughly(0.4)}


def test_a_long_c_call_counts_in_full(run):
    ran = run("""
        def one_call(): return sum(range(40_000_000))
        c = Collector(0.004, "cpu", "python")
        c.start(None)
        began = time.thread_time(); one_call(); took = time.thread_time() - began
        spin(0.05)
        c.stop()
        answer(took=took, found=containing(c.snapshot(), "one_call")["one_call"], plop=sum(c.stack_counts.values()))
    """)
    assert ran.answer["found"] == roughly(ran.answer["took"])
    assert ran.answer["plop"] == approx((ran.answer["took"] + 0.05) / 0.004, rel=0.2)


def test_every_worker_is_measured_while_the_main_thread_waits(run):
    """Hazard: Python runs signal handlers in the main thread only.

    A worker says by its own clock what it took, and lives until somebody has looked once more: what a thread does after the
    last look is not known. Those looks alone would put all its time on ``wait``.
    """
    ran = run("""
        took, ready, over = {}, threading.Semaphore(0), threading.Event()
        def work(seconds):
            spin(seconds)
            took[threading.current_thread().name] = time.thread_time()
            ready.release()
            over.wait()
        amounts = {"small": 0.4, "middle": 0.7, "large": 1.0}
        c = Collector(0.004, "cpu", "python")
        workers = [threading.Thread(target=work, args=(s,), name=n) for n, s in amounts.items()]
        c.start(None)
        for w in workers: w.start()
        for w in workers: ready.acquire()
        spin(0.3)
        over.set()
        c.stop()
        p = c.snapshot()
        found = totals(p, "cpu", lambda stack, thread: (thread, "spin" in stack))
        answer(found={n: by_thread(p)[n] for n in took}, took=took, notes=c.about.notes,
               spun=sum(v for (thread, spins), v in found.items() if spins and thread in took))
    """)
    found, took = ran.answer["found"], ran.answer["took"]
    assert found == {name: approx(took[name], rel=0.1) for name in ("small", "middle", "large")}
    assert ran.answer["spun"] > 0.7 * sum(took.values())
    assert any("helper thread" in note for note in ran.answer["notes"])


@pytest.mark.parametrize("wait", ["lock.acquire()", "event.wait()", "jobs.get()", "select.select([reader], [], [])"])
@pytest.mark.one_python
def test_whatever_the_main_thread_waits_for(run, wait):
    ran = run(f"""
        import queue, select
        lock, event, jobs, (reader, writer) = threading.Lock(), threading.Event(), queue.Queue(), os.pipe()
        lock.acquire()
        def work():
            spin(0.6); lock.release(); event.set(); jobs.put(1); os.write(writer, b"x")
        c = Collector(0.01, "cpu", "python")
        c.start(None)
        threading.Thread(target=work, name="worker").start()
        {wait}
        c.stop()
        answer(found=by_thread(c.snapshot()))
    """)
    assert 0.4 < ran.answer["found"]["worker"] < 0.65  # what it did after the last look is not known


@pytest.mark.one_python
def test_idle_threads_are_neither_walked_nor_counted(run):
    ran = run("""
        done = threading.Event()
        for i in range(20): threading.Thread(target=done.wait, name=f"idle-{i}").start()
        c = Collector(0.004, "cpu", "python")
        c.start(None); spin(0.6); c.stop(); done.set()
        answer(found=by_thread(c.snapshot()), samples=by_thread(c.snapshot(), "samples"), own=c.about.own_cost_ns / 1e9)
    """)
    assert sum(v for k, v in ran.answer["samples"].items() if k.startswith("idle")) <= 2
    assert ran.answer["found"]["MainThread"] + ran.answer["own"] == roughly(0.6)


@pytest.mark.one_python
def test_threads_and_the_main_thread_share_as_their_clocks_say(run):
    """The handler runs in the main thread and soonest while that has the GIL: it must not be given the others' ticks for it."""
    ran = run("""
        took, ready, over = {}, threading.Semaphore(0), threading.Event()
        def work():
            spin(0.4)
            took[threading.current_thread().name] = time.thread_time()
            ready.release()
            over.wait()
        c = Collector(0.004, "cpu", "python")
        workers = [threading.Thread(target=work, name=f"worker-{i}") for i in range(3)]
        c.start(None); start = time.thread_time()
        for w in workers: w.start()
        spin(0.4)
        for w in workers: ready.acquire()
        spin(0.3)  # looks once more at each
        took["MainThread"] = time.thread_time() - start
        c.stop(); over.set()
        found = by_thread(c.snapshot())
        answer(ratios={name: found[name] / took[name] for name in took})
    """)
    ratios = ran.answer["ratios"]
    assert 0.7 < ratios.pop("MainThread") < 1.1
    assert ratios == {f"worker-{i}": approx(1, rel=0.1) for i in range(3)}


@pytest.mark.one_python
def test_threads_with_one_name_are_kept_apart_by_ident(run):
    ran = run("""
        c = Collector(0.004, "cpu", "python")
        c.start(None)
        twins = [threading.Thread(target=spin, args=(0.3,), name="twin") for _ in range(2)]
        for t in twins: t.start()
        for t in twins: t.join()
        c.stop()
        p = c.snapshot()
        answer(twins=[i for i in range(len(p.threads)) if p.thread_name(i) == "twin"])
    """)
    assert len(ran.answer["twins"]) == 2


@pytest.mark.one_python
def test_a_thread_that_died_before_the_drain_keeps_its_name(run):
    ran = run("""
        c = Collector(0.004, "cpu", "python")
        c.start(None)
        t = threading.Thread(target=spin, args=(0.3,), name="short-lived"); t.start(); t.join()
        c.stop()
        answer(found=by_thread(c.snapshot()))
    """)
    assert ran.answer["found"]["short-lived"] == approx(0.3, rel=0.4)


@pytest.mark.one_python
def test_wall_time_counts_waiting(run):
    ran = run("""
        def pause(): time.sleep(0.8)
        def work(): spin(0.4)
        c = Collector(0.01, "wall", "python")
        done = threading.Event()
        threading.Thread(target=done.wait, name="idle").start()
        c.start(None)
        began = time.monotonic(); pause(); paused = time.monotonic() - began; work(); took = time.monotonic() - began
        c.stop(); done.set()
        p = c.snapshot()
        answer(took=took, paused=paused,
               threads=by_thread(p, "wall"), found=containing(p, "pause", "work", kind="wall"), names=[t.name for t in p.sample_types])
    """)
    assert ran.answer["names"] == ["samples", "wall"]
    assert ran.answer["found"]["pause"] == approx(ran.answer["paused"], abs=0.25)
    assert ran.answer["found"]["work"] == approx(ran.answer["took"] - ran.answer["paused"], abs=0.25)
    for thread in ("MainThread", "idle"):
        assert ran.answer["threads"][thread] == approx(ran.answer["took"], abs=0.25)


@pytest.mark.one_python
def test_many_sleeping_threads_all_get_their_wall_time(run):
    ran = run("""
        def nap(done): done.wait()
        done = threading.Event()
        for i in range(50): threading.Thread(target=nap, args=(done,), name=f"nap-{i}").start()
        c = Collector(0.01, "wall", "python")
        c.start(None); time.sleep(1); c.stop(); done.set()
        found = by_thread(c.snapshot(), "wall")
        answer(took=c.about.duration_ns / 1e9, least=min(found[f"nap-{i}"] for i in range(50)), most=max(found.values()),
               cost=c.about.own_cost_ns / 1e9)
    """)
    assert ran.answer["least"] == approx(ran.answer["took"], abs=0.25)
    assert ran.answer["most"] == approx(ran.answer["took"], abs=0.25)
    assert ran.answer["cost"] < 0.1 * ran.answer["took"]


@pytest.mark.parametrize("mode", ["wall", "both"])
@pytest.mark.parametrize(("times", "side_by_side", "seconds"), [(60, 2, 0.02), (1, 20, 0.4)])
def test_threads_that_end_get_the_wall_time_that_they_lived(run, mode, times, side_by_side, seconds):
    """Hazard: a new thread gets the ident of one that has ended. The time between the two is nobody's."""
    ran = run(f"""
        lived, burned = [], []
        def live():
            began = time.monotonic(); time.sleep({seconds}); lived.append(time.monotonic() - began); burned.append(time.thread_time())
        c = Collector(0.005, {mode!r}, "python")
        c.start(None)
        for _ in range({times}):
            threads = []
            for _ in range({side_by_side}):
                threads.append(threading.Thread(target=live)); threads[-1].start(); time.sleep(0.01)
            for thread in threads: thread.join()
        c.stop()
        p = c.snapshot()
        answer(wall=containing(p, "live", kind="wall")["live"], lived=sum(lived),
               cpu=containing(p, "live")["live"] if {mode!r} == "both" else 0, burned=sum(burned))
    """)
    assert ran.answer["wall"] == approx(ran.answer["lived"], rel=0.15)
    assert ran.answer["cpu"] <= ran.answer["burned"] + 0.05


@pytest.mark.one_python
def test_both_clocks_in_one_profile(run):
    ran = run("""
        def pause():
            began = time.monotonic(); time.sleep(0.6)
            return time.monotonic() - began
        def work(): spin(0.4)
        c = Collector(0.01, "both", "python")
        c.start(None); paused = pause(); work(); c.stop()
        p = c.snapshot()
        kinds = [t.name for t in p.sample_types]
        answer(cpu=containing(p, "pause", "work"), wall=containing(p, "pause", "work", kind="wall"), names=kinds, paused=paused)
    """)
    assert ran.answer["names"] == ["samples", "cpu", "wall"]
    assert ran.answer["cpu"] == {"pause": approx(0, abs=0.2), "work": roughly(0.4)}
    assert ran.answer["wall"]["pause"] == approx(ran.answer["paused"], abs=0.25)
    assert ran.answer["wall"]["work"] > 0.2


@pytest.mark.one_python
def test_virtual_time_ticks_in_user_code(run):
    ran = run("""
        c = Collector(0.01, "virtual", "python")
        c.start(None); spin(0.5); c.stop()
        answer(found=containing(c.snapshot(), "spin"), ticks=c.about.ticks)
    """)
    assert ran.answer["found"]["spin"] == roughly(0.5)
    assert ran.answer["ticks"] > 5


def test_garbage_collection_is_a_leaf_under_its_trigger(run):
    ran = run("""
        keep = [[i] for i in range(300_000)]
        def tidy():
            began = time.thread_time()
            for _ in range(8): gc.collect()
            return time.thread_time() - began
        c = Collector(0.004, "cpu", "python")
        c.start(None); spin(0.3); took = tidy(); spin(0.3); c.stop()
        p = c.snapshot()
        gc_stacks = [names(p, s) for s in p.samples.stack if "<gc>" in names(p, s)]
        answer(took=took, found=containing(p, "<gc>")["<gc>"], first=gc_stacks[0][:2], total=sum(by_thread(p).values()))
    """)
    assert ran.answer["found"] == roughly(ran.answer["took"])
    assert ran.answer["first"] == ["<gc>", "tidy"]
    assert ran.answer["total"] == roughly(ran.answer["took"] + 0.6)


def test_automatic_collections_of_young_objects_are_seen_too(run):
    ran = run("""
        spent = [0.0, 0.0]
        def watch(phase, info):
            if phase == "start": spent[1] = time.thread_time()
            else: spent[0] += time.thread_time() - spent[1]
        def make():
            end = time.thread_time() + 1
            while time.thread_time() < end:
                rings = []
                for _ in range(3000):
                    ring = [rings]; rings.append(ring)
        c = Collector(0.004, "cpu", "python")
        c.start(None); gc.callbacks.append(watch); make(); gc.callbacks.remove(watch); c.stop()
        answer(true=spent[0], found=containing(c.snapshot(), "<gc>")["<gc>"])
    """)
    assert ran.answer["true"] > 0.01
    assert ran.answer["found"] == approx(ran.answer["true"], rel=0.5, abs=0.06)


def test_what_allocates_keeps_its_own_time_beside_the_garbage_collector(run):
    """A tick that falls within a collection must not let the collection's time be taken off what runs next as well."""
    allocate_beside_the_garbage_collector(run, "cpu")


@pytest.mark.one_python
def test_what_allocates_keeps_its_own_elapsed_time_beside_the_garbage_collector(run):
    allocate_beside_the_garbage_collector(run, "wall")


def allocate_beside_the_garbage_collector(run, mode):
    ran = run(f"""
        clock = time.thread_time if "{mode}" == "cpu" else time.monotonic
        spent = [0.0, 0.0]
        def watch(phase, info):
            if phase == "start": spent[1] = clock()
            else: spent[0] += clock() - spent[1]
        old = [[i] for i in range(200_000)]
        def make():
            while time.thread_time() < end:
                old.append([{{"a": [i]}} for i in range(20_000)])
                if len(old) > 200_005: del old[200_000:]
        c = Collector(0.004, "{mode}", "python")
        gc.callbacks.append(watch)
        c.start(None); began = clock(); end = time.thread_time() + 1.2; make(); took = clock() - began; c.stop()
        p = c.snapshot()
        answer(true=spent[0], took=took, found=containing(p, "<gc>", kind="{mode}")["<gc>"],
               total=by_thread(p, "{mode}")["MainThread"])
    """)
    assert ran.answer["true"] > 0.2 * ran.answer["took"]
    assert ran.answer["found"] == roughly(ran.answer["true"])
    assert ran.answer["total"] == roughly(ran.answer["took"])


def test_a_long_c_call_that_sets_off_collections_keeps_the_time_before_them(run):
    """Up to 3.11 the collector runs within the call, and its callback is where the ticks that wait are handled."""
    ran = run("""
        text = json.dumps([{"k": [i, str(i), None]} for i in range(20_000)])
        def parse():
            parsed = json.loads(text)
            return len(parsed)
        c = Collector(0.004, "cpu", "python")
        c.start(None); began = end = time.thread_time()
        while end < began + 1.5:
            parse()
            end = time.thread_time()
        c.stop()
        answer(took=end - began, found=containing(c.snapshot(), "parse")["parse"])
    """)
    # to free what was parsed takes its time too, and is over in the caller
    assert 0.75 * ran.answer["took"] < ran.answer["found"] < 1.03 * ran.answer["took"]


def test_deep_stacks_are_cut_at_the_root(run):
    ran = run("""
        sys.setrecursionlimit(20_000)
        def deep(n):
            return deep(n - 1) if n else spin(0.4)
        c = Collector(0.004, "cpu", "python", max_depth=64)
        c.start(None); deep(3000); c.stop()
        p = c.snapshot()
        deepest = max((names(p, s) for s in p.samples.stack), key=len)
        answer(depth=len(deepest), root=deepest[-1], below=deepest[-2], found=containing(p, "spin")["spin"])
    """)
    assert ran.answer == {"depth": 65, "root": "<truncated>", "below": "deep", "found": roughly(0.4)}


@pytest.mark.one_python
def test_stacks_beyond_the_bound_are_counted_as_truncated(run):
    ran = run("""
        source = "\\n".join(f"def f{i}(): spin(0.006)" for i in range(60))
        exec(source)
        c = Collector(0.004, "cpu", "python", max_stacks=10)
        c.start(None)
        for i in range(60): globals()[f"f{i}"]()
        c.stop()
        p = c.snapshot()
        kept = {s for s in p.samples.stack}
        answer(kept=len(kept), lost=containing(p, "<truncated>")["<truncated>"], total=sum(by_thread(p).values()), notes=c.about.notes)
    """)
    assert ran.answer["kept"] <= 11
    assert ran.answer["lost"] > 0.12
    assert ran.answer["total"] == roughly(0.36)
    assert any("<truncated>" in note for note in ran.answer["notes"])


@pytest.mark.one_python
def test_memory_is_bounded_by_distinct_stacks_where_code_is_made_all_the_time(run):
    ran = run("""
        import weakref
        c = Collector(0.004, "cpu", "python", max_stacks=20)
        c.start(None)
        end = time.thread_time() + 1.2
        while time.thread_time() < end:
            exec(compile("sum(i for i in range(20000))", "made", "exec"), {})
        c.stop()
        cells = sum(len(r.cells) for r in c._table.records.values())
        answer(cells=cells, total=sum(by_thread(c.snapshot()).values()))
    """)
    assert ran.answer["cells"] <= 20
    assert ran.answer["total"] == roughly(1.2)


def test_lines_and_qualified_names(run):
    ran = run("""
        class Shop:
            def sell(self):
                first = 1
                spin(0.2)
                last = 1
        c = Collector(0.004, "cpu", "python")
        c.start(None); Shop().sell(); c.stop()
        p = c.snapshot()
        lines = {}
        for f, line in zip(p.locations.function, p.locations.line):
            name = p.function_name(f)
            if name.endswith("sell"): lines[name] = [p.functions.line[f], line]
        answer(lines=lines)
    """)
    ((name, (first, current)),) = ran.answer["lines"].items()
    assert name in ("Shop.sell", "sell")
    assert current == first + 2


@pytest.mark.one_python
def test_only_the_main_thread_on_request(run):
    ran = run("""
        c = Collector(0.004, "cpu", "python", threads=False)
        c.start(None)
        t = threading.Thread(target=spin, args=(0.3,), name="worker"); t.start(); spin(0.3); t.join(); c.stop()
        answer(found=by_thread(c.snapshot()))
    """)
    assert list(ran.answer["found"]) == ["MainThread"]
    assert ran.answer["found"]["MainThread"] == roughly(0.3)


def test_own_frames_and_the_runner_never_appear(run):
    ran = run("""
        c = Collector(0.004, "both", "python")
        c.start(None)
        for _ in range(20): spin(0.02); c.snapshot()
        c.stop()
        p = c.snapshot()
        answer(files=[f for f in {p.function_file(i) for i in range(len(p.functions))} if "plopi/collector" in f],
               threads=[p.thread_name(i) for i in range(len(p.threads))])
    """)
    assert ran.answer == {"files": [], "threads": ["MainThread"]}


@pytest.mark.one_python
def test_a_worker_among_many_idle_threads_is_found(run):
    """Threads that have long been still are asked for their clock only when CPU time is unaccounted for."""
    ran = run("""
        done = threading.Event()
        go, ready = threading.Event(), threading.Event()
        def late_worker(): go.wait(); spin(0.5); ready.set(); done.wait()
        for i in range(20): threading.Thread(target=done.wait, name=f"idle-{i}").start()
        w = threading.Thread(target=late_worker, name="worker"); w.start()
        c = Collector(0.004, "cpu", "python"); c.start(None)
        spin(0.3); go.set(); ready.wait(); spin(0.3); c.stop(); done.set()
        answer(found=by_thread(c.snapshot()))
    """)
    assert ran.answer["found"]["worker"] == roughly(0.5)
    assert ran.answer["found"]["MainThread"] == roughly(0.6)
