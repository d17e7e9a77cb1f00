"""What functions are called on the screen: short, telling, and different from one another.

A label is as short as it can be among the functions shown together: ``run``, and where there are two of them ``Worker.run`` and
``Timer.run``, then ``jobs.Worker.run``, then ``app.jobs.Worker.run``, then with the file and line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from plopi.model import GC_FUNCTION, TRUNCATED_FUNCTION, Profile

Kind = Literal["python", "native", "gc", "truncated"]

_BUILT_IN = re.compile(r"[<{]built-in (?:method|function) (?P<name>[^<>{}\s]+)[>}]")
_BOUND = re.compile(r"[<{]built-in method (?P<method>\S+) of (?P<type>\S+) object(?: at 0x[0-9A-Fa-f]+)?[>}]")
_METHOD = re.compile(r"[<{](?:method|slot wrapper|wrapper) '(?P<method>[^']+)' of '(?P<type>[^']+)' objects[>}]")
_FROZEN = re.compile(r"<frozen (?P<module>[^>]+)>")
_NATIVE_FILES = (".so", ".pyd", ".dll", ".dylib", ".c", ".cc", ".cpp", ".h", ".hpp", ".pyx", ".rs")
_NAMELESS = ("<lambda>", "<genexpr>", "<listcomp>", "<dictcomp>", "<setcomp>")


def kind(name: str, file: str) -> Kind:
    """Python code, native code, garbage collection, or the rest of stacks that were cut."""
    if not file and name == GC_FUNCTION:
        return "gc"
    if not file and name == TRUNCATED_FUNCTION:
        return "truncated"
    native = file == "~" or name.startswith(("<built-in ", "<method ", "<slot wrapper ")) or file.endswith(_NATIVE_FILES)
    return "native" if native else "python"


def labels(profile: Profile, functions: Iterable[int]) -> dict[int, str]:
    """A label for each of ``functions``, all different."""
    choices = {function: _labels_of(profile, function) for function in sorted(set(functions))}
    level = dict.fromkeys(choices, 0)
    while True:
        drawn = {function: choices[function][place] for function, place in level.items()}
        times = Counter(drawn.values())
        alike = [f for f, label in drawn.items() if times[label] > 1 and level[f] + 1 < len(choices[f])]
        if not alike:
            return drawn
        for function in alike:
            level[function] += 1


def _labels_of(profile: Profile, function: int) -> list[str]:
    """Ever longer labels of a function, each on one line; the last is its own alone."""
    name, file = profile.function_name(function), profile.function_file(function)
    line = int(profile.functions.line[function])
    found = _labels_of_built_in(name, file) if file in ("", "~") else _labels_of_python(name, file, line)
    return [" ".join(label.split()) or "(no name)" for label in (*found, f"{name} {file}:{line} #{function}")]


def _labels_of_built_in(name: str, file: str) -> list[str]:
    bare = name[1:-1] if file == "~" and name[1:-1].isidentifier() else name  # Python 2 says <sum>
    return [".".join(name_parts(bare)), name.strip("<>{}").removeprefix("built-in method ")]


def _labels_of_python(name: str, file: str, line: int) -> list[str]:
    parts, where, place = name_parts(name), module_of(file), f"{file_name(file)}:{line}"
    whole = ".".join(parts)
    longer = [f"{whole} {place}", f"{whole} {file}:{line}"]
    inside = f"{package}.{where}" if (package := _directory_of(file)) else ""
    if whole == "<module>":
        return [f"{whole} {where}", *([f"{whole} {inside}"] if inside else []), *longer]
    if whole in _NAMELESS:
        return longer
    qualified = [".".join(parts[-count:]) for count in range(min(2, len(parts)), len(parts) + 1)]
    modules = [module for module in (where, inside) if module and not module.startswith("<")]
    return [*qualified, *(f"{module}.{whole}" for module in modules), *longer]


def name_parts(name: str) -> Sequence[str]:
    """The steps of a qualified name; built-ins shortened, ``<locals>`` left out."""
    if found := _METHOD.fullmatch(name) or _BOUND.fullmatch(name):
        return [found["type"], found["method"]]
    if found := _BUILT_IN.fullmatch(name):
        return found["name"].removeprefix("builtins.").split(".")
    if name.startswith("<") and name.endswith(">") and ".<" not in name:
        return [name]
    return [part for part in name.split(".") if part and part != "<locals>"] or [name]


def file_name(file: str) -> str:
    """The last step of a path; a package is known by its directory."""
    steps = [step for step in re.split(r"[/\\]", file) if step]
    if len(steps) > 1 and steps[-1] in ("__init__.py", "__main__.py"):
        return "/".join(steps[-2:])
    return steps[-1] if steps else file


def _directory_of(file: str) -> str:
    """The directory that holds a module, or a package's own: ``flask`` of ``.../flask/app.py``, "" where there is none."""
    steps = [step for step in re.split(r"[/\\]", file) if step]
    above = steps[: -2 if file_name(file).count("/") else -1]
    return above[-1] if above and above[-1].isidentifier() else ""


def module_of(file: str) -> str:
    """The module a file holds, without its package: ``app`` of ``/srv/app.py``, ``json`` of ``.../json/__init__.py``."""
    if found := _FROZEN.fullmatch(file):
        return found["module"]
    if file == "~":
        return ""
    name = file_name(file).removesuffix("/__init__.py")
    return name.removesuffix(".py").removesuffix(".pyc").replace("/", ".")
