"""The rules of docs/architecture.md, held by reading the sources: who imports whom, what is banned, how long things may grow."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "plopi"
STATIC_JS = PACKAGE / "static" / "js"

# --- reading ---


@dataclass(frozen=True)
class Import:
    importer: str
    imported: str
    at_import: bool
    """Runs when the module is imported: outside functions and ``if TYPE_CHECKING``."""
    line: int

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def sources() -> dict[str, tuple[Path, ast.Module]]:
    return {module_name(path): (path, ast.parse(path.read_text("utf-8"))) for path in sorted(PACKAGE.rglob("*.py"))}


def is_type_checking(test: ast.expr) -> bool:
    return (test.id if isinstance(test, ast.Name) else getattr(test, "attr", "")) == "TYPE_CHECKING"


def imports_below(node: ast.AST, at_import: bool = True) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Import statements, without those that only a type checker sees."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child, at_import
        elif isinstance(child, ast.If) and is_type_checking(child.test):
            for other in child.orelse:
                yield from imports_below(ast.Module([other], []), at_import)
        else:
            is_function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from imports_below(child, at_import and not is_function)


def imported_names(importer: str, node: ast.Import | ast.ImportFrom, known: set[str]) -> list[str]:
    """Full module names; ``from package import module`` counts as the module, ``from package import name`` as the package."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        path, _ = sources()[importer]
        package = importer.split(".") if path.name == "__init__.py" else importer.split(".")[:-1]
        above = package[: len(package) - node.level + 1]
        base = ".".join([*above, base] if base else above)
    names = [f"{base}.{alias.name}" for alias in node.names]
    return [name if name in known else base for name in names]


@cache
def all_imports() -> tuple[Import, ...]:
    known = set(sources())
    return tuple(
        Import(importer, name, at_import, node.lineno)
        for importer, (_, tree) in sources().items()
        for node, at_import in imports_below(tree)
        for name in imported_names(importer, node, known)
    )


def is_below(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


def is_stdlib(module: str) -> bool:
    # Names that are in the library of one version only, and that sources may try to import.
    private = {"_interpreters", "_xxsubinterpreters"}
    return module.partition(".")[0] in sys.stdlib_module_names | private


# --- who may import whom ---

WITHIN_PLOPI = {
    # importer: what of plopi it may import (its own package always)
    "plopi.model": ("plopi.errors",),
    "plopi.errors": (),
    "plopi.files": (),
    "plopi.formats": ("plopi.model", "plopi.errors"),
    "plopi.collector": ("plopi.model", "plopi.errors", "plopi.files", "plopi.formats"),
    "plopi.viewer": ("plopi.model", "plopi.errors", "plopi.files", "plopi.formats"),
}

THIRD_PARTY = {
    # package: the modules that may import it
    "tornado": ("plopi.viewer.handlers", "plopi.viewer.app", "plopi.viewer.__main__", "plopi.collector.control.tornado"),
    "psutil": ("plopi.viewer",),
    "numpy": ("plopi.viewer", "plopi.formats"),
    "google": ("plopi.formats",),
}


def test_the_sources_were_found() -> None:
    assert {"plopi", "plopi.model", "plopi.collector", "plopi.viewer", "plopi.formats"} <= set(sources())


@pytest.mark.parametrize("importer", WITHIN_PLOPI)
def test_imports_within_plopi_go_one_way(importer: str) -> None:
    allowed = ("plopi.__version__", importer, *WITHIN_PLOPI[importer])
    wrong = [
        str(each)
        for each in all_imports()
        if is_below(each.importer, importer) and is_below(each.imported, "plopi") and each.imported != "plopi"
        if not is_below(each.imported, *allowed)
    ]
    assert not wrong


def test_every_module_stands_under_a_rule() -> None:
    assert [module for module in sources() if not is_below(module, *WITHIN_PLOPI) and module != "plopi"] == []


def test_third_party_packages_only_where_allowed() -> None:
    wrong = [
        str(each)
        for each in all_imports()
        if not is_stdlib(each.imported) and not is_below(each.imported, "plopi")
        if not is_below(each.importer, *THIRD_PARTY.get(each.imported.partition(".")[0], ()))
    ]
    assert not wrong


def test_what_the_collector_imports_needs_the_standard_library_only() -> None:
    """Through every import that runs when a module is imported, the writers of ``plopi.formats`` among them."""
    seen = {"plopi"} | {
        name for name in sources() if is_below(name, "plopi.collector") and name != "plopi.collector.control.tornado"
    }
    to_do = [*seen, *(name for name in sources() if re.fullmatch(r"plopi\.formats\.[a-z]\w*", name) and has_writer(name))]
    wrong = []
    while to_do:
        importer = to_do.pop()
        for each in all_imports():
            if each.importer != importer or not each.at_import:
                continue
            if each.imported in sources():
                if each.imported not in seen:
                    seen.add(each.imported)
                    to_do.append(each.imported)
            elif not is_stdlib(each.imported):
                wrong.append(str(each))
    assert not wrong


def has_writer(module: str) -> bool:
    return any(isinstance(node, ast.FunctionDef) and node.name == "write" for node in sources()[module][1].body)


def test_no_import_cycles() -> None:
    edges: dict[str, set[str]] = {name: set() for name in sources()}
    for each in all_imports():
        if each.at_import and each.imported in edges and each.imported != each.importer:
            edges[each.importer].add(each.imported)
    while free := [name for name, imported in edges.items() if not imported & edges.keys()]:
        for name in free:
            del edges[name]
    assert not edges, "these import each other, or hang on some that do"


# --- what is banned ---

BANNED_IMPORTS = {"pickle", "shelve", "dill", "cloudpickle"}
BANNED_CALLS = {"eval", "exec", "literal_eval", "marshal.load", "marshal.loads", "os.system", "os.popen"}
EXCUSED = {
    # (module, what): why
    ("plopi.collector.launch", "exec"): "the runner's job is to run the user's code",
    ("plopi.collector.selftest", "exec"): "runs a constant of its own: code that is made and freed is a case of the self-test",
}


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return f"{dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else ""


def offences(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            yield "assert", node.lineno
        elif isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names if alias.name.partition(".")[0] in BANNED_IMPORTS)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((name, node.lineno) for name in names if name in BANNED_CALLS or name.partition(".")[0] in BANNED_IMPORTS)
        elif isinstance(node, ast.Call):
            called = dotted(node.func)
            banned = {called, called.rpartition(".")[2] if called.startswith(("ast.", "builtins.")) else called} & BANNED_CALLS
            yield from ((name, node.lineno) for name in banned)
            for keyword in node.keywords:
                if keyword.arg == "shell" and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False):
                    yield "shell=", node.lineno


def test_nothing_banned_in_python() -> None:
    found = {(module, what): line for module, (_, tree) in sources().items() for what, line in offences(tree)}
    wrong = [f"{module}:{line}: {what}" for (module, what), line in found.items() if (module, what) not in EXCUSED]
    assert not wrong
    assert [excuse for excuse in EXCUSED if excuse not in found] == [], "excuses that nothing needs any more"


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("import marshal\nmarshal.loads(b'')", "marshal.loads"),
        ("from marshal import loads", "marshal.loads"),
        ("import ast\nast.literal_eval('1')", "literal_eval"),
        ("eval('1')", "eval"),
        ("from pickle import loads", "pickle.loads"),
        ("subprocess.run('x', shell=True)", "shell="),
        ("assert 1", "assert"),
    ],
)
def test_the_ban_would_notice(code: str, what: str) -> None:
    assert what in [found for found, _ in offences(ast.parse(code))]


# --- JavaScript ---

JS_NOISE = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
JS_IMPORT = re.compile(r"""(?:^|\s)(?:import|export)\s[^;"']*?from\s*["']([^"']+)["']|import\s*\(?\s*["']([^"']+)["']""")
JS_BANNED = re.compile(
    r"\.innerHTML|\.outerHTML|insertAdjacentHTML|document\.write\b|(?<![\w.])eval\s*\(|new\s+Function\b|\.html\s*\(|createContextualFragment"
)
JS_IMPURE = re.compile(
    r"\b(?:document|window|navigator|localStorage|fetch|Date|performance|requestAnimationFrame|setTimeout|setInterval)\b|Math\.random"
)
JS_MAY_IMPORT = {"layout": ("layout", "vendor"), "draw": ("draw", "layout", "vendor", "format", "dom")}


def js_files() -> list[Path]:
    return sorted(STATIC_JS.rglob("*.js"))


def js_layer(path: Path) -> str:
    """Folder under static/js (or "vendor"), or the file's own name where it lies at the top."""
    inside = path.relative_to(PACKAGE / "static").parts
    if inside[0] == "vendor" or "vendor" in inside[:2]:
        return "vendor"
    if inside == ("js", "ui", "dom.js"):
        return "dom"  # makes elements, knows nothing of what is made
    return inside[1] if len(inside) > 2 else path.stem


def js_imports(path: Path) -> Iterator[tuple[str, Path]]:
    for match in JS_IMPORT.finditer(path.read_text("utf-8")):
        name = match[1] or match[2]
        yield name, (path.parent / name).resolve()


@pytest.mark.parametrize("path", js_files(), ids=lambda path: path.name)
def test_javascript_keeps_its_layers(path: Path) -> None:
    allowed = JS_MAY_IMPORT.get(js_layer(path))
    for name, target in js_imports(path):
        assert name.startswith("."), f"{name}: imports are relative; nothing is loaded from elsewhere"
        assert target.is_file(), f"{name} is not there"
        assert allowed is None or js_layer(target) in allowed, f"{js_layer(path)} must not import {js_layer(target)}"


@pytest.mark.parametrize("path", js_files(), ids=lambda path: path.name)
def test_javascript_holds_nothing_banned(path: Path) -> None:
    code = JS_NOISE.sub(lambda match: "\n" * match[0].count("\n"), path.read_text("utf-8"))
    assert not JS_BANNED.findall(code)
    if js_layer(path) == "layout":
        assert not JS_IMPURE.findall(code), "layout is pure: no DOM, no clock, no chance"


@pytest.mark.parametrize("page", sorted((PACKAGE / "static").rglob("*.html")), ids=lambda page: page.name)
def test_pages_have_nothing_inline_and_nothing_from_elsewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    assert not re.findall(r"<script(?![^>]*\bsrc=)[^>]*>|<style\b|\son\w+=|\sstyle=|(?:src|href)=\"(?:https?:)?//", text)


# --- size ---

MAX_FILE = {".c": 800, ".h": 800}  # C says in two lines what Python says in one
MAX_FILE_ELSE = 400
MAX_FUNCTION = 60
LONG_FILES: dict[str, str] = {
    # path: why it is one thing nevertheless
    "plopi/collector/walk.py": "a third of it is on_tick, and all of it shares the records that on_tick may touch without a lock",
}
LONG_FUNCTIONS: dict[str, str] = {
    # path:function: why it is one thing nevertheless
    "plopi/collector/walk.py:on_tick": "a signal handler must not call Python functions: it is written out",
}


def sized_files() -> list[Path]:
    found = [path for folder in ("plopi", "demo", "benchmarks") for path in (ROOT / folder).rglob("*") if path.is_file()]
    return sorted(path for path in found if path.suffix in (".py", ".js", ".css", ".c", ".h") and "vendor" not in path.parts)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_files_are_one_thing_each() -> None:
    lengths = {relative(path): len(path.read_text("utf-8").splitlines()) for path in sized_files()}
    long = {name: length for name, length in lengths.items() if length > MAX_FILE.get(Path(name).suffix, MAX_FILE_ELSE)}
    assert long.keys() - LONG_FILES.keys() == set(), f"too long: {long}"
    assert LONG_FILES.keys() - long.keys() == set(), "excused, and not long any more"


def test_functions_are_one_thing_each() -> None:
    long = {
        f"{relative(path)}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in sized_files()
        if path.suffix == ".py"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and (node.end_lineno or 0) - node.lineno + 1 > MAX_FUNCTION
    }
    assert long.keys() - LONG_FUNCTIONS.keys() == set(), f"longer than {MAX_FUNCTION} lines: {long}"
    assert LONG_FUNCTIONS.keys() - long.keys() == set(), "excused, and not long any more"


def test_no_two_test_files_have_one_name() -> None:
    """pytest imports them by their names alone, each folder being on the path."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py"]
    assert sorted(names) == sorted(set(names))


TWICE = re.compile(r"\.flaky\b|\breruns\b")


def test_only_what_a_browser_shows_is_tried_twice() -> None:
    """Of the collector, the native engine and the campaigns a failure once in ten runs is a finding."""
    sources = [path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]
    settings = [ROOT / "pyproject.toml", ROOT / "tests/run"]
    found = {relative(path) for path in sources + settings if TWICE.search(path.read_text("utf-8"))}
    assert found == {"tests/browser/conftest.py"}
