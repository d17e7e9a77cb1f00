"""Running a program as ``python`` itself runs it: a script, a module, a directory or zip file, or code from the command line.

What the program can see must be what plain ``python`` shows it: ``sys.argv``, ``sys.path[0]``, the one real ``__main__`` module
(pickle and multiprocessing look things up there), and tracebacks that begin with its own frames. So this follows
``Modules/main.c`` step by step, and calls ``runpy._run_module_as_main`` where that does.
"""
# Paths are shown to the program as they were typed, and pathlib would tidy "./x.py":
# ruff: noqa: PTH100, PTH109, PTH110, PTH117, PTH118, PTH119, PTH120, PTH208

from __future__ import annotations

import builtins
import io
import os
import pkgutil
import runpy
import shlex
import sys
from dataclasses import dataclass
from importlib.machinery import BuiltinImporter, SourceFileLoader, SourcelessFileLoader
from types import CodeType, ModuleType, TracebackType
from typing import Any, Literal

from plopi.errors import UsageError

_LOADED_AT_START = {
    *("__main__", "_collections_abc", "_distutils_hack", "_sitebuiltins", "abc", "codecs", "encodings", "genericpath", "io"),
    *("linecache", "ntpath", "os", "plopi", "posixpath", "site", "sitecustomize", "stat", "sys", "usercustomize", "zipimport"),
}
"""Top-level modules that every interpreter has before the program begins: the program's own files cannot stand in for these."""


@dataclass(frozen=True)
class Program:
    """What to run: ``target`` is a path, a module's name or code; ``args`` follow it in ``sys.argv``."""

    kind: Literal["script", "module", "code"]
    target: str
    args: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """For a file name."""
        if self.kind == "code":
            return "command"
        if self.kind == "module":
            return self.target
        return os.path.basename(os.path.abspath(self.target)).removesuffix(".py") if self.target != "-" else "stdin"

    @property
    def command(self) -> str:
        """For people, as it could be typed after ``python``."""
        flag = {"script": (), "module": ("-m",), "code": ("-c",)}[self.kind]
        return shlex.join((*flag, self.target, *self.args))

    def check(self) -> None:
        """Raise UsageError where there is nothing that could be run."""
        if self.kind == "script" and self.target != "-" and not os.path.exists(self.target):
            raise UsageError(f"there is no file {self.target!r} to run; give the path of a script, or -m MODULE, or -c CODE")


def run(program: Program, path0: str | None) -> None:
    """Run it to its end in ``__main__``; whatever it raises comes out, and will be shown without the frames of plopi.

    ``path0`` is the entry that the interpreter put first into ``sys.path`` for ``-m`` and that was taken out for the
    profiler's own imports; None where safe_path kept it from doing so.
    """
    main = _fresh_main()
    try:
        if program.kind == "script":
            _run_script(program, main, safe=path0 is None)
        elif program.kind == "module":
            _enter(["-m", *program.args], path0)
            runpy._run_module_as_main(program.target)  # type: ignore[attr-defined]
        else:
            _enter(["-c", *program.args], None if path0 is None else "")
            _execute(_compile_command(program.target), main)
    except SystemExit:
        raise
    except BaseException as error:
        _show_from(_below_here(error.__traceback__))
        raise


def _run_script(program: Program, main: dict[str, Any], *, safe: bool) -> None:
    path = program.target
    full = path if os.path.isabs(path) else os.path.join(os.getcwd(), path)
    if path == "-":
        _enter(["-", *program.args], None if safe else "")
        _is_file(main, "<stdin>", BuiltinImporter)
        _execute(compile(sys.stdin.buffer.read(), "<stdin>", "exec", dont_inherit=True), main)
    elif pkgutil.get_importer(full) is not None:  # a directory or zip file that holds __main__
        _enter([path, *program.args], full)
        runpy._run_module_as_main("__main__", alter_argv=False)  # type: ignore[attr-defined]
    else:
        _enter([path, *program.args], None if safe else os.path.dirname(os.path.realpath(path)))
        code, loader = _code_of(full)
        _is_file(main, full, loader("__main__", full))
        _execute(code, main)


def _is_file(main: dict[str, Any], file: str, loader: object) -> None:
    main.update(__file__=file, __loader__=loader)
    if sys.version_info < (3, 15):
        main["__cached__"] = None


def _execute(code: CodeType, namespace: dict[str, Any]) -> None:
    exec(code, namespace)


def _code_of(path: str) -> tuple[CodeType, type[SourceFileLoader | SourcelessFileLoader]]:
    with io.open_code(path) as file:
        code = pkgutil.read_code(file)
        if code is not None:
            return code, SourcelessFileLoader
        file.seek(0)
        return compile(file.read(), path, "exec", dont_inherit=True), SourceFileLoader


def _compile_command(source: str) -> CodeType:
    code = compile(source, "<string>", "exec", dont_inherit=True)
    if sys.version_info >= (3, 13):  # from here on tracebacks show the lines of -c
        import linecache

        if hasattr(linecache, "_register_code"):
            by_code = hasattr(linecache, "_interactive_cache")
            linecache._register_code(code if by_code else "<string>", source, "<string>")
    return code


def _fresh_main() -> dict[str, Any]:
    """The interpreter's own ``__main__`` module, as empty as it is before a program runs."""
    main = sys.modules.get("__main__") or sys.modules.setdefault("__main__", ModuleType("__main__"))
    namespace = main.__dict__
    namespace.clear()
    namespace.update(__name__="__main__", __doc__=None, __package__=None, __loader__=BuiltinImporter, __spec__=None)
    if sys.version_info < (3, 14):
        namespace["__annotations__"] = {}
    namespace["__builtins__"] = builtins
    return namespace


def _enter(argv: list[str], path0: str | None) -> None:
    sys.argv[:] = argv
    if path0 is not None:
        sys.path.insert(0, path0)
        _uncover(path0 or os.curdir)


def _uncover(directory: str) -> None:
    """Forget modules which plopi imported but of which the program has files of its own, so that it imports those as it would."""
    try:
        entries = os.listdir(directory)
    except OSError:  # a zip file, or nothing
        return
    loaded = {name.partition(".")[0] for name in sys.modules} - _LOADED_AT_START - set(sys.builtin_module_names)
    for entry in entries:
        name, _, suffix = entry.partition(".")
        path = os.path.join(directory, entry)
        if name not in loaded or not (suffix or os.path.exists(os.path.join(path, "__init__.py"))):
            continue
        if suffix in ("", "py", "pyc", "so") or suffix.endswith(".so"):
            for known in [each for each in sys.modules if each == name or each.startswith(name + ".")]:
                del sys.modules[known]


def _below_here(traceback: TracebackType | None) -> TracebackType | None:
    while traceback is not None and traceback.tb_frame.f_code.co_filename == __file__:
        traceback = traceback.tb_next
    return traceback


def _show_from(traceback: TracebackType | None) -> None:
    """Have the interpreter show the exception that is on its way out from ``traceback`` on, by the hook that is in force now."""
    hook = getattr(sys, "excepthook", None)
    if hook is None:
        return

    def shown(kind: type[BaseException], error: BaseException, _full: TracebackType | None) -> None:
        sys.excepthook = hook
        error.__traceback__ = sys.last_traceback = traceback
        hook(kind, error, traceback)

    sys.excepthook = shown
