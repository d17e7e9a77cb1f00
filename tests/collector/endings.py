"""Programs that end, fork, fail and look around in every way that a program can: what they show must not depend on plopi."""

from __future__ import annotations

from textwrap import dedent

LOOKS_AROUND = """
    import os, sys
    print(sys.argv, sys.path[0] or "cwd")
    print({name: str(value).partition(" at 0x")[0] for name, value in globals().items()})
    print(sys.modules["__main__"].__dict__ is globals(), __name__)
    """

_SOURCES = {
    "looks around": LOOKS_AROUND,
    "returns": "print('done')",
    "raises": """
        def outer():
            inner()
        def inner():
            return 1 / 0
        print("before")
        outer()
        """,
    "raises from": """
        try:
            {}["key"]
        except KeyError as error:
            raise ValueError("bad") from error
        """,
    "raises a group of its own": """
        class Odd(BaseException): pass
        raise Odd("π")
        """,
    "has a syntax error": "def f(:\n    pass",
    "is not UTF-8": "# -*- coding: latin-1 -*-\nprint(ascii('\u00e4'))",
    "exits 3": "import sys; print('out'); sys.exit(3)",
    "exits with a text": "import sys; sys.exit('that is why')",
    "exits with nothing": "import sys; sys.exit()",
    "exits with an object": "raise SystemExit([1, 2])",
    "exits within a function": "exit(7)",
    "os._exit": "import os, sys; sys.stdout.write('lost'); os._exit(4)",
    "SIGTERM": "import os, signal, time; os.kill(os.getpid(), signal.SIGTERM); time.sleep(9); print('never')",
    "SIGTERM while waiting for a thread": """
        import os, signal, threading, time
        def later():
            time.sleep(0.3)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(9)
        threading.Thread(target=later).start()
        """,
    "SIGTERM that it handles": """
        import os, signal, sys
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
        os.kill(os.getpid(), signal.SIGTERM)
        """,
    "SIGTERM in asyncio": """
        import asyncio, os, signal
        async def main():
            done = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, done.set)
            os.kill(os.getpid(), signal.SIGTERM)
            await done.wait()
            print("told")
        asyncio.run(main())
        """,
    "SIGTERM in an exit hook": """
        import atexit, os, signal, time
        @atexit.register
        def _():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(9)
        """,
    "a namespace of users": """
        import os, time
        time.sleep(0.1)
        try:
            print(os.unshare(os.CLONE_NEWUSER))
        except (AttributeError, OSError) as error: # before 3.12, or forbidden
            print(error)
        """,
    "a signal that it waits for": """
        import os, signal, time
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGTERM})
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGTERM)
        print(signal.sigpending())
        print(signal.sigwait({signal.SIGUSR1}), signal.sigwait({signal.SIGTERM}))
        """,
    "SIGINT": "import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(9)",
    "SIGINT that is caught": """
        import os, signal, time
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(9)
        except KeyboardInterrupt:
            print("caught")
        """,
    "KeyboardInterrupt": "def f(): raise KeyboardInterrupt\nf()",
    "SIGKILL": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "SIGHUP": "import os, signal; os.kill(os.getpid(), signal.SIGHUP)",
    "exec": "import os, sys; os.execv(sys.executable, [sys.executable, '-c', 'print(6 * 7)'])",
    "exec by name": "import os; os.execlp('sh', 'sh', '-c', 'echo from sh; exit 9')",
    "exec that fails": """
        import os
        try:
            os.execv("/nonexistent", ["x"])
        except OSError as error:
            print(error)
        """,
    "fork": """
        import os, sys
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            print("child")
            sys.exit(5)
        print("child's status", os.waitpid(child, 0)[1])
        """,
    "fork and os._exit": """
        import os
        child = os.fork()
        if child == 0:
            os._exit(6)
        print("child's status", os.waitpid(child, 0)[1])
        """,
    "fork and a child that raises": """
        import os, sys
        child = os.fork()
        if child == 0:
            raise ValueError("in the child")
        print("child's status", os.waitpid(child, 0)[1])
        """,
    "fork in a thread": """
        import os, sys, threading
        def forks():
            child = os.fork()
            if child == 0:
                os._exit(6)
            print("child's status", os.waitpid(child, 0)[1])
        thread = threading.Thread(target=forks)
        thread.start()
        thread.join()
        """,
    "fork and a child that is terminated": """
        import os, signal, time
        child = os.fork()
        if child == 0:
            time.sleep(9)
        time.sleep(0.1)
        os.kill(child, signal.SIGTERM)
        print("child's status", os.waitpid(child, 0)[1])
        """,
    **{
        f"multiprocessing by {method}": f"""
        import multiprocessing
        class Point:
            def __init__(self, x): self.x = x
        def double(point):
            return Point(point.x * 2)
        def fails():
            raise SystemExit(3)
        if __name__ == "__main__":
            context = multiprocessing.get_context("{method}")
            with context.Pool(1) as pool:
                print([point.x for point in pool.map(double, [Point(1), Point(2)])])
            child = context.Process(target=fails)
            child.start()
            child.join()
            print("exit code", child.exitcode)
        """
        for method in ("fork", "spawn", "forkserver")
    },
    "subprocess": """
        import subprocess, sys
        print(subprocess.run([sys.executable, "-c", "import sys; print(sys.argv); sys.exit(2)", "a"], capture_output=True))
        """,
    "fork by subprocess, with a function in between": """
        import subprocess, sys
        busy = "import time\\nwhile time.process_time() < 0.3: pass\\nprint('alive')"
        print(subprocess.run([sys.executable, "-c", busy], stdout=subprocess.PIPE, preexec_fn=lambda: None).stdout)
        """,
    "a subinterpreter": """
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        inside = interpreters.create()
        interpreters.run_string(inside, "print('inside', sum(i % 7 for i in range(300_000)), flush=True)")
        interpreters.destroy(inside)
        print("destroyed")
        """,
    "millions of objects at the end": "kept = [object() for _ in range(3_000_000)]; print(len(kept))",
    "removes its directory": "import os, shutil; shutil.rmtree(os.getcwd()); print('gone')",
    "pickles a class of its own": """
        import pickle
        class Point: pass
        data = pickle.dumps(Point())
        print(data, type(pickle.loads(data)) is Point)
        """,
    "exit hooks": """
        import atexit, sys
        atexit.register(print, "first registered")
        atexit.register(print, "second registered")
        atexit.register(lambda: 1 / 0)
        sys.exit(1)
        """,
    "threads that outlive main": """
        import threading, time
        def late():
            time.sleep(0.2)
            print("late")
        threading.Thread(target=late).start()
        print("main is done")
        """,
    "daemon threads": """
        import threading, time
        def busy():
            while True:
                sum(range(100))
        threading.Thread(target=busy, daemon=True).start()
        time.sleep(0.05)
        """,
    "a thread that raises": """
        import threading
        def fails(): 1 / 0
        thread = threading.Thread(target=fails, name="worker")
        thread.start()
        thread.join()
        """,
    "an excepthook": """
        import sys
        def hook(kind, error, traceback):
            print("hook", kind.__name__, error, traceback.tb_frame.f_code.co_name, traceback.tb_next)
        sys.excepthook = hook
        1 / 0
        """,
    "an excepthook that raises": """
        import sys
        def hook(*_): raise RuntimeError("hook")
        sys.excepthook = hook
        1 / 0
        """,
    "what is left of an exception": """
        import atexit, sys
        @atexit.register
        def _():
            print(sys.last_type.__name__, sys.last_value, sys.last_traceback.tb_frame.f_code.co_name)
            print(sys.excepthook is sys.__excepthook__)
        1 / 0
        """,
    "destructors at the end": """
        class Noisy:
            def __init__(self, name): self.name = name
            def __del__(self): print("gone:", self.name)
        kept = Noisy("global")
        def f():
            local = Noisy("local")
            1 / 0
        f()
        """,
    "closes every descriptor but the first three": """
        import os
        os.closerange(3, 256)
        files = [os.open("/dev/null", os.O_RDWR) for _ in range(9)]
        print("closed")
        """,
    "closes stderr": "import os, sys; os.close(2); print('no stderr')",
    "has no stderr": "import sys; sys.stderr = None; print('none')",
    "goes elsewhere": "import os; os.chdir('/'); print(__file__ == os.path.abspath(__file__), os.getcwd())",
    "reads its input": "import sys; print(sys.stdin.read().upper())",
    "warns": "import warnings; warnings.warn('careful'); print(__debug__)",
    "walks its stack": """
        import inspect, traceback
        def f():
            return inspect.getsource(f), traceback.format_stack()[-2:]
        print(f())
        """,
    "an unhandled warning in a destructor": """
        class Bad:
            def __del__(self): raise ValueError("in del")
        Bad()
        """,
}
SOURCES = {name: dedent(source) for name, source in _SOURCES.items()}
"""Source by what it does."""
